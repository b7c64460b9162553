/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"

#define CANARY 0x5a

/* A buffer of `cap` bytes with a canary behind it. */
struct guarded {
	char bytes[96];
	size_t cap;
	struct buf b;
};

static void guarded_init(struct guarded *g, size_t cap)
{
	memset(g->bytes, CANARY, sizeof(g->bytes));
	g->cap = cap;
	buf_init(&g->b, g->bytes, cap);
}

static void expect(const char *rule, const struct guarded *g, const char *text, bool cut)
{
	if (strcmp(g->b.at, text) != 0 || g->b.len != strlen(text) || g->b.cut != cut)
		fail_msg("%s: \"%s\" (%zu), cut %d", rule, g->b.at, g->b.len, g->b.cut);
	for (size_t i = g->cap; i < sizeof(g->bytes); i++) {
		if (g->bytes[i] != CANARY)
			fail_msg("%s: wrote behind its end", rule);
	}
}

/* clang-format off */
static const struct {
	const char *rule;
	size_t cap;
	const char *first, *second;
	const char *text;
	bool cut;
} str_rows[] = {
	{ "nothing is the empty text",         8, "",        "",    "",        false },
	{ "texts join",                        8, "abc",     "de",  "abcde",   false },
	{ "just full is not cut",              8, "abc",     "defg", "abcdefg", false },
	{ "one too many is cut",               8, "abc",     "defgh", "abcdefg", true },
	{ "full takes the empty text",         8, "abcdefg", "",    "abcdefg", false },
	{ "full takes nothing more",           8, "abcdefg", "h",   "abcdefg", true },
	{ "the first may be too long already", 4, "abcdefg", "h",   "abc",     true },
	{ "room for the NUL alone",            1, "",        "",    "",        false },
	{ "room for the NUL alone, cut",       1, "a",       "b",   "",        true },
};
/* clang-format on */

static void joins_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(str_rows); i++) {
		struct guarded g;
		guarded_init(&g, str_rows[i].cap);
		buf_str(&g.b, str_rows[i].first);
		buf_str(&g.b, str_rows[i].second);
		expect(str_rows[i].rule, &g, str_rows[i].text, str_rows[i].cut);

		guarded_init(&g, str_rows[i].cap);
		for (const char *at = str_rows[i].first; *at; at++)
			buf_char(&g.b, *at);
		for (const char *at = str_rows[i].second; *at; at++)
			buf_char(&g.b, *at);
		expect("one by one is the same", &g, str_rows[i].text, str_rows[i].cut);
	}
}

static void takes_any_bytes(void **state)
{
	(void)state;
	struct guarded g;
	guarded_init(&g, 8);
	buf_mem(&g.b, "a\0b", 3);
	assert_int_equal(g.b.len, 3);
	assert_memory_equal(g.bytes, "a\0b", 4);
	buf_mem(&g.b, NULL, 0);
	assert_int_equal(g.b.len, 3);
	assert_false(g.b.cut);
}

enum kind { KIND_U64, KIND_I64, KIND_HEX, KIND_PAD };

/* clang-format off */
static const struct {
	const char *rule;
	enum kind kind;
	uint64_t value;
	unsigned width;
	const char *text;
} number_rows[] = {
	{ "zero has a digit",              KIND_U64, 0,          0, "0" },
	{ "one digit",                     KIND_U64, 9,          0, "9" },
	{ "two digits",                    KIND_U64, 10,         0, "10" },
	{ "a pid of seven digits",         KIND_U64, 4194303,    0, "4194303" },
	{ "the largest",                   KIND_U64, UINT64_MAX, 0, "18446744073709551615" },
	{ "signed zero has no sign",       KIND_I64, 0,          0, "0" },
	{ "a sign in front",               KIND_I64, (uint64_t)-1, 0, "-1" },
	{ "the largest signed",            KIND_I64, INT64_MAX,  0, "9223372036854775807" },
	{ "the smallest signed",           KIND_I64, (uint64_t)INT64_MIN, 0, "-9223372036854775808" },
	{ "hex of zero",                   KIND_HEX, 0,          0, "0" },
	{ "hex is lower case",             KIND_HEX, 0xabcdef,   0, "abcdef" },
	{ "hex is padded",                 KIND_HEX, 0xbeef,     8, "0000beef" },
	{ "hex is never shortened",        KIND_HEX, 0x123456,   2, "123456" },
	{ "hex of the largest",            KIND_HEX, UINT64_MAX, 16, "ffffffffffffffff" },
	{ "hex wider than its digits",     KIND_HEX, 1,          18, "000000000000000001" },
	{ "zero padded",                   KIND_PAD, 0,          3, "000" },
	{ "width 0 keeps a digit",         KIND_PAD, 0,          0, "0" },
	{ "padded",                        KIND_PAD, 42,         3, "042" },
	{ "as wide as it is",              KIND_PAD, 999,        3, "999" },
	{ "padding never shortens",        KIND_PAD, 1000,       3, "1000" },
	{ "wider than any number",         KIND_PAD, UINT64_MAX, 22, "0018446744073709551615" },
};
/* clang-format on */

static void put_number(struct buf *b, size_t row)
{
	switch (number_rows[row].kind) {
	case KIND_U64:
		buf_u64(b, number_rows[row].value);
		break;
	case KIND_I64:
		buf_i64(b, (int64_t)number_rows[row].value);
		break;
	case KIND_HEX:
		buf_hex(b, number_rows[row].value, number_rows[row].width);
		break;
	case KIND_PAD:
		buf_pad(b, number_rows[row].value, number_rows[row].width);
		break;
	}
}

/* Whole where it fits, its beginning where it does not, at every capacity. */
static void writes_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(number_rows); i++) {
		size_t n = strlen(number_rows[i].text);
		for (size_t cap = 1; cap <= n + 2; cap++) {
			struct guarded g;
			char text[32] = "";
			memcpy(text, number_rows[i].text, cap - 1 < n ? cap - 1 : n);
			guarded_init(&g, cap);
			put_number(&g.b, i);
			expect(number_rows[i].rule, &g, text, cap - 1 < n);
		}
	}
}

static void writes_every_power_of_ten(void **state)
{
	(void)state;
	uint64_t power = 1;
	for (size_t zeros = 0; zeros < 20; zeros++) {
		BUF(b, 32);
		char text[32] = "1";
		memset(text + 1, '0', zeros);
		buf_u64(&b, power);
		assert_string_equal(b.at, text);
		buf_clear(&b);
		memset(text, '9', zeros);
		text[zeros] = '\0';
		buf_u64(&b, power - 1);
		assert_string_equal(b.at, zeros == 0 ? "0" : text);
		power *= 10;
	}
}

/* A huge width costs no more than the room that is left. */
static void stops_padding_when_full(void **state)
{
	(void)state;
	struct guarded g;
	guarded_init(&g, 4);
	buf_pad(&g.b, 7, UINT32_MAX);
	expect("padding ends with the room", &g, "000", true);
}

static void drops_the_tail(void **state)
{
	(void)state;
	struct guarded g;
	guarded_init(&g, 8);
	buf_str(&g.b, "abcde");
	buf_truncate(&g.b, 5);
	expect("its own length changes nothing", &g, "abcde", false);
	buf_truncate(&g.b, 6);
	expect("a greater length changes nothing", &g, "abcde", false);
	buf_truncate(&g.b, 2);
	expect("the tail goes", &g, "ab", false);
	buf_str(&g.b, "12345678");
	buf_truncate(&g.b, 3);
	expect("that something was cut stays known", &g, "ab1", true);
	buf_str(&g.b, "!");
	expect("what fits is taken again", &g, "ab1!", true);
	buf_clear(&g.b);
	expect("clear forgets the cut", &g, "", false);
	buf_truncate(&g.b, 0);
	expect("empty stays empty", &g, "", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_texts),
		cmocka_unit_test(takes_any_bytes),
		cmocka_unit_test(writes_numbers),
		cmocka_unit_test(writes_every_power_of_ten),
		cmocka_unit_test(stops_padding_when_full),
		cmocka_unit_test(drops_the_tail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
