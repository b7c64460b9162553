/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/ring.h"

/* clang-format off */
static const struct {
	const char *rule;
	size_t cap;
	const char *put[4];
	const char *kept;
} rows[] = {
	{ "nothing was put",              4, { NULL },                  "" },
	{ "less than there is room for",  4, { "ab", "c" },             "abc" },
	{ "exactly what there is room for", 4, { "abcd" },              "abcd" },
	{ "the last of them",             4, { "abcd", "e" },           "bcde" },
	{ "a piece that is too long",     4, { "abcdefghi" },           "fghi" },
	{ "too long behind another",      4, { "a", "bcdefgh" },        "efgh" },
	{ "round and round",              4, { "abc", "def", "ghi", "j" }, "ghij" },
	{ "an empty piece",               4, { "abc", "", "de" },       "bcde" },
	{ "room for one",                 1, { "abc", "d" },            "d" },
	{ "room for none",                0, { "abc" },                 "" },
};
/* clang-format on */

static void keeps_the_last_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ring ring;
		char out[RING_MAX + 1] = { 0 };

		ring_init(&ring, rows[i].cap);
		for (size_t k = 0; k < COUNT_OF(rows[i].put) && rows[i].put[k]; k++)
			ring_put(&ring, rows[i].put[k], strlen(rows[i].put[k]));
		size_t n = ring_copy(&ring, out);
		if (n != strlen(rows[i].kept) || strcmp(out, rows[i].kept) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].rule, out, rows[i].kept);
	}
}

/* Every size of a piece against every capacity: as if all had been kept and its end were looked at. */
static void agrees_with_a_long_memory(void **state)
{
	(void)state;
	static char all[4096];
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i * 7 + i / 251);
	for (size_t cap = 1; cap < 40; cap++)
		for (size_t piece = 1; piece < 90; piece++) {
			struct ring ring;
			char out[RING_MAX];
			size_t at = 0;

			ring_init(&ring, cap);
			for (; at + piece <= 300; at += piece) {
				ring_put(&ring, all + at, piece);
				size_t n = ring_copy(&ring, out), want = at + piece < cap ? at + piece : cap;
				assert_int_equal(n, want);
				assert_memory_equal(out, all + at + piece - want, want);
			}
			assert_int_equal(ring.total, at);
		}
}

static void is_never_larger_than_its_memory(void **state)
{
	(void)state;
	static struct ring ring;
	static char out[RING_MAX], many[3 * RING_MAX];

	ring_init(&ring, SIZE_MAX);
	memset(many, 'x', sizeof(many));
	many[sizeof(many) - 1] = 'y';
	ring_put(&ring, many, sizeof(many));
	assert_int_equal(ring_copy(&ring, out), RING_MAX);
	assert_int_equal(out[RING_MAX - 1], 'y');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_last_bytes),
		cmocka_unit_test(agrees_with_a_long_memory),
		cmocka_unit_test(is_never_larger_than_its_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
