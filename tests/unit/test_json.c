/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "../fuzz/check_text.h"
#include "base/auto.h"
#include "base/buf.h"
#include "codec/json_write.h"

/* Begin a text in `out`: `struct json *`. */
#define JSON(j, size)   \
	BUF(out, size); \
	struct json j;  \
	json_init(&j, &out)

/* ---- the checker first: it must be able to say no */

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	bool is_json;
} checker_rows[] = {
	{ "empty object",        "{}",                       true },
	{ "empty array",         "[]",                       true },
	{ "a value alone",       "1",                        true },
	{ "nested",              "{\"a\":[1,{\"b\":[]}],\"c\":{}}", true },
	{ "all scalars",         "[true,false,null,-1,0,0.50,\"x\"]", true },
	{ "nothing",             "",                         false },
	{ "a comma too many",    "[1,]",                     false },
	{ "a comma too few",     "[1 2]",                    false },
	{ "a comma first",       "[,1]",                     false },
	{ "a key without value", "{\"a\"}",                  false },
	{ "a key without colon", "{\"a\"1}",                 false },
	{ "a value cut off",     "{\"a\":",                  false },
	{ "a value without key", "{1}",                      false },
	{ "a key in an array",   "[\"a\":1]",                false },
	{ "wrong bracket",       "[1}",                      false },
	{ "never closed",        "[1",                       false },
	{ "closed twice",        "[1]]",                     false },
	{ "two values",          "1,2",                      false },
	{ "a leading zero",      "01",                       false },
	{ "a point and nothing", "1.",                       false },
	{ "a sign alone",        "-",                        false },
	{ "a raw control",       "\"\n\"",                   false },
	{ "an open string",      "\"a",                      false },
	{ "an unknown escape",   "\"\\q\"",                  false },
	{ "no UTF-8",            "\"\xff\"",                 false },
};
/* clang-format on */

static void the_checker_can_say_no(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(checker_rows); i++) {
		if (check_json(checker_rows[i].text, strlen(checker_rows[i].text)) != checker_rows[i].is_json)
			fail_msg("%s: %s", checker_rows[i].rule, checker_rows[i].text);
	}
}

static void expect(const char *rule, const struct json *j, const char *want)
{
	if (strcmp(j->out->at, want) != 0)
		fail_msg("%s: %s", rule, j->out->at);
	if (!check_json(j->out->at, j->out->len))
		fail_msg("%s: no JSON: %s", rule, j->out->at);
}

/* ---- shape */

static void keeps_the_commas(void **state)
{
	(void)state;
	JSON(j, 256);
	json_open(&j, NULL, '{');
	json_u64(&j, "a", 1);
	json_open(&j, "empty", '{');
	json_close(&j, '}');
	json_open(&j, "list", '[');
	json_u64(&j, NULL, 1);
	json_str(&j, NULL, "x");
	json_open(&j, NULL, '[');
	json_close(&j, ']');
	json_open(&j, NULL, '{');
	json_bool(&j, "b", true);
	json_close(&j, '}');
	json_null(&j, NULL);
	json_close(&j, ']');
	json_i64(&j, "z", -1);
	json_close(&j, '}');
	expect("commas between, none at the edges", &j,
	       "{\"a\":1,\"empty\":{},\"list\":[1,\"x\",[],{\"b\":true},null],\"z\":-1}");
	assert_false(out.cut);
}

static void starts_again_behind_init(void **state)
{
	(void)state;
	JSON(j, 64);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	buf_char(&out, '\n');
	json_init(&j, &out);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	assert_string_equal(out.at, "{}\n{}");
}

/* ---- values */

enum kind { U64, I64, BOOL, NIL, CENTI, SECONDS };

/* clang-format off */
static const struct {
	const char *rule;
	enum kind kind;
	uint64_t value;
	unsigned digits;
	const char *want;
} value_rows[] = {
	{ "zero",                           U64,     0,                    0, "0" },
	{ "the largest",                    U64,     UINT64_MAX,           0, "18446744073709551615" },
	{ "signed",                         I64,     42,                   0, "42" },
	{ "the smallest",                   I64,     (uint64_t)INT64_MIN,  0, "-9223372036854775808" },
	{ "true",                           BOOL,    1,                    0, "true" },
	{ "false",                          BOOL,    0,                    0, "false" },
	{ "null",                           NIL,     0,                    0, "null" },
	{ "no hundredths",                  CENTI,   0,                    0, "0.00" },
	{ "a hundredth",                    CENTI,   1,                    0, "0.01" },
	{ "hundredths",                     CENTI,   125,                  0, "1.25" },
	{ "the largest in hundredths",      CENTI,   UINT64_MAX,           0, "184467440737095516.15" },
	{ "no time",                        SECONDS, 0,                    3, "0.000" },
	{ "milliseconds",                   SECONDS, 3200000000,           3, "3.200" },
	{ "rounded down, never up",         SECONDS, 1999999999,           3, "1.999" },
	{ "below its digits",               SECONDS, 999999,               3, "0.000" },
	{ "one digit",                      SECONDS, 2950000000,           1, "2.9" },
	{ "whole seconds have no point",    SECONDS, 2950000000,           0, "2" },
	{ "all nine digits",                SECONDS, 1000000001,           9, "1.000000001" },
	{ "the longest time",               SECONDS, UINT64_MAX,           9, "18446744073.709551615" },
};
/* clang-format on */

static void put_value(struct json *j, const char *key, size_t row)
{
	uint64_t value = value_rows[row].value;
	switch (value_rows[row].kind) {
	case U64:
		json_u64(j, key, value);
		break;
	case I64:
		json_i64(j, key, (int64_t)value);
		break;
	case BOOL:
		json_bool(j, key, value != 0);
		break;
	case NIL:
		json_null(j, key);
		break;
	case CENTI:
		json_centi(j, key, value);
		break;
	case SECONDS:
		json_seconds(j, key, value, value_rows[row].digits);
		break;
	}
}

static void writes_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(value_rows); i++) {
		JSON(j, 256);
		BUF(want, 256);
		json_open(&j, NULL, '[');
		put_value(&j, NULL, i);
		json_open(&j, NULL, '{');
		put_value(&j, "key", i);
		put_value(&j, "again", i);
		json_close(&j, '}');
		json_close(&j, ']');
		buf_str(&want, "[");
		buf_str(&want, value_rows[i].want);
		buf_str(&want, ",{\"key\":");
		buf_str(&want, value_rows[i].want);
		buf_str(&want, ",\"again\":");
		buf_str(&want, value_rows[i].want);
		buf_str(&want, "}]");
		expect(value_rows[i].rule, &j, want.at);
	}
}

/* ---- text */

static void writes_text(void **state)
{
	(void)state;
	JSON(j, 256);
	json_open(&j, NULL, '{');
	json_str(&j, "plain", "x");
	json_str(&j, "empty", "");
	json_str(&j, "none", NULL);
	json_str(&j, "comm", ") R 1 1\n(\033[2J");
	json_bytes(&j, "bytes", "a\0\"b", 4);
	json_bytes(&j, "nothing", NULL, 0);
	json_close(&j, '}');
	expect("text", &j,
	       "{\"plain\":\"x\",\"empty\":\"\",\"none\":null,\"comm\":\") R 1 1\\u000a(\\u001b[2J\","
	       "\"bytes\":\"a\\u0000\\\"b\",\"nothing\":\"\"}");
}

/* Every byte, alone and in front of every other one, is JSON; and the same text where it is UTF-8. */
static void every_byte_is_json(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < 65536; pair++) {
		char bytes[] = { (char)(pair >> 8), (char)(pair & 0xff) }, back[16];
		JSON(j, 64);
		size_t n = 0;
		json_bytes(&j, NULL, bytes, sizeof(bytes));
		assert_true(check_json(out.at, out.len));
		for (size_t i = 0; i < out.len; i++)
			assert_true((unsigned char)out.at[i] >= 0x20 && out.at[i] != 0x7f);
		assert_non_null(check_json_string(out.at, out.at + out.len, back, &n));
		if (check_columns(bytes, sizeof(bytes)) == SIZE_MAX)
			continue;
		assert_int_equal(n, sizeof(bytes));
		assert_memory_equal(back, bytes, n);
	}
}

/* All bytes of one text, the longest run there is. */
static void all_bytes_at_once_are_json(void **state)
{
	(void)state;
	char text[256];
	for (unsigned i = 0; i < 255; i++)
		text[i] = (char)(i + 1);
	text[255] = '\0';
	JSON(j, 2048);
	json_open(&j, NULL, '{');
	json_str(&j, "all", text);
	json_close(&j, '}');
	assert_false(out.cut);
	assert_true(check_json(out.at, out.len));
}

/* What does not fit is said, at every capacity. */
static void says_what_was_cut(void **state)
{
	(void)state;
	size_t whole = 0;
	for (size_t cap = 256; cap > 0; cap--) {
		AUTO_FREE char *at = malloc(cap);
		struct buf out;
		struct json j;
		assert_non_null(at);
		buf_init(&out, at, cap);
		json_init(&j, &out);
		json_open(&j, NULL, '{');
		json_str(&j, "a", "x\n\xff\xc3\xbc\"y");
		json_seconds(&j, "b", 1500000000, 3);
		json_centi(&j, "c", 150);
		json_close(&j, '}');
		if (cap == 256)
			whole = out.len;
		assert_int_equal(out.cut, cap <= whole);
		assert_int_equal(strlen(out.at), out.len);
		assert_true(out.len < cap);
		if (!out.cut)
			assert_true(check_json(out.at, out.len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checker_can_say_no),
		cmocka_unit_test(keeps_the_commas),
		cmocka_unit_test(starts_again_behind_init),
		cmocka_unit_test(writes_values),
		cmocka_unit_test(writes_text),
		cmocka_unit_test(every_byte_is_json),
		cmocka_unit_test(all_bytes_at_once_are_json),
		cmocka_unit_test(says_what_was_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
