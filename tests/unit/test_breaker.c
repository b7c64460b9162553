/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/breaker.h"

#define BOOT  "6f1e0d5c-0000-4000-8000-000000000001"
#define OTHER "6f1e0d5c-0000-4000-8000-000000000002"
#define DAY   86400000000000ULL

static void time_passes_by_the_right_clock(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		struct breaker_time then, now;
		uint64_t passed_ns;
	} rows[] = {
		{ "one boot: its clock", { BOOT, 5, 100, 1000 }, { BOOT, 5, 150, 1050 }, 50 },
		{ "the wall clock set ten days ahead",
		  { BOOT, 5, 100, 1000 },
		  { BOOT, 5, 150, 1000 + 10 * DAY },
		  50 },
		{ "the wall clock set back", { BOOT, 5, 100, 10 * DAY }, { BOOT, 5, 150, 1000 }, 50 },
		{ "another boot: the wall clock", { BOOT, 5, 100, 1000 }, { OTHER, 5, 7, 1300 }, 300 },
		{ "another boot, the wall clock behind", { BOOT, 5, 100, 1000 }, { OTHER, 5, 7, 900 }, 0 },
		{ "another boot, its clock farther on", { BOOT, 5, 100, 1000 }, { OTHER, 5, 900, 1001 }, 1 },
		{ "no boot is known: the wall clock", { "", 5, 100, 1000 }, { "", 5, 150, 1003 }, 3 },
		{ "another time namespace", { BOOT, 5, 100, 1000 }, { BOOT, 6, 99999, 1003 }, 3 },
		{ "a boot clock that went back", { BOOT, 5, 100, 1000 }, { BOOT, 5, 50, 1003 }, 3 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (breaker_passed(&rows[i].then, &rows[i].now) != rows[i].passed_ns)
			fail_msg("%s: %lu", rows[i].rule, breaker_passed(&rows[i].then, &rows[i].now));
}

static void format(struct buf *out, const struct breaker_time *now, const char *body)
{
	breaker_format_begin(out, now);
	buf_str(out, body);
	breaker_format_end(out);
}

static void comes_back(void **state)
{
	(void)state;
	static const struct breaker_time moments[] = { { BOOT, 5, 100, 1000 },
						       { "", 0, UINT64_MAX, UINT64_MAX } };
	for (size_t i = 0; i < COUNT_OF(moments); i++) {
		BUF(text, 512);
		struct breaker_time then;
		struct breaker_lines lines;
		size_t n = 0;
		format(&text, &moments[i], "one 1\n\nthree\n");
		assert_int_equal(breaker_parse(text.at, text.len, &then, &lines), 0);
		assert_memory_equal(&then, &moments[i], sizeof(then));
		const char *line = breaker_next_line(&lines, &n);
		assert_int_equal(n, 5);
		assert_memory_equal(line, "one 1", 5);
		assert_non_null(breaker_next_line(&lines, &n));
		assert_int_equal(n, 0);
		assert_non_null(breaker_next_line(&lines, &n));
		assert_int_equal(n, 5);
		assert_null(breaker_next_line(&lines, &n));
	}
}

/* Cut anywhere, any byte another: damaged. */
static void damage_is_seen(void **state)
{
	(void)state;
	const struct breaker_time now = { BOOT, 5, 100, 1000 };
	struct breaker_time then;
	struct breaker_lines lines;
	BUF(text, 512);

	format(&text, &now, "used 7 8\n");
	for (size_t n = 0; n < text.len; n++) {
		assert_int_equal(breaker_parse(text.at, n, &then, &lines), -EBADMSG);
		for (unsigned bit = 0; bit < 8; bit++) {
			text.at[n] ^= (char)(1U << bit);
			assert_int_equal(breaker_parse(text.at, text.len, &then, &lines), -EBADMSG);
			text.at[n] ^= (char)(1U << bit);
		}
	}
	assert_int_equal(breaker_parse(text.at, text.len, &then, &lines), 0);
	buf_char(&text, '\n');
	assert_int_equal(breaker_parse(text.at, text.len, &then, &lines), -EBADMSG);
}

/* Whole, but not what we write. */
static void another_form_is_none(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"spawnguard breaker 2\nat x 1 2 3\n",
		"spawnguard breaker 1\n",
		"spawnguard breaker 1\nat x 1 2\n",
		"spawnguard breaker 1\nat x 1 2 3 4\n",
		"spawnguard breaker 1\nat 6f1e0d5c-0000-4000-8000-0000000000011234 1 2 3\n",
		"spawnguard breaker 1\nin x 1 2 3\n",
		"spawnguard breaker 1\nat x 1 2 -3\n",
		"",
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct breaker_time then;
		struct breaker_lines lines;
		BUF(text, 512);
		buf_str(&text, texts[i]);
		breaker_format_end(&text);
		if (breaker_parse(text.at, text.len, &then, &lines) != -EBADMSG)
			fail_msg("%s", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_passes_by_the_right_clock),
		cmocka_unit_test(comes_back),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(another_form_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
