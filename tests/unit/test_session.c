/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "codec/session.h"

static char text[8192];
static struct buf out;

static int empty(void **state)
{
	(void)state;
	buf_init(&out, text, sizeof(text));
	return 0;
}

static void gives_back_what_was_put_in(void **state)
{
	(void)state;
	char item[] = "a b%c\n\x01\xff{}", nothing[] = "";
	struct session_line first = { .kind = SESSION_FIRST, .number = SESSION_VERSION },
			    line = { .kind = SESSION_ITEM, .text = item, .n = sizeof(item) - 1 };
	struct session_line empty_text = { .kind = SESSION_OPTION, .text = nothing };
	struct session_line end = { .kind = SESSION_END,
				    .item = 7,
				    .attempt = 2,
				    .came_to = (char[]){ "failed" },
				    .outcome = (char[]){ "signaled" },
				    .exit_status = 139,
				    .print = UINT64_MAX - 1,
				    .took_ns = 12345,
				    .yield = UINT64_MAX,
				    .is_micro = true,
				    .run_id = (char[]){ "abc" },
				    .passed_ns = 99,
				    .summary = (char[]){ "line 1: \t no" } };
	struct session_line got;
	uint32_t damaged = 0;

	session_format(&out, &first);
	session_format(&out, &line);
	session_format(&out, &empty_text);
	session_format(&out, &end);
	assert_false(out.cut);
	char *at = text;
	assert_true(session_next(&at, text + out.len, &got, &damaged) && got.kind == SESSION_FIRST);
	assert_true(session_next(&at, text + out.len, &got, &damaged) && got.kind == SESSION_ITEM);
	assert_int_equal(got.n, sizeof(item) - 1);
	assert_string_equal(got.text, item);
	assert_true(session_next(&at, text + out.len, &got, &damaged) && got.kind == SESSION_OPTION &&
		    got.n == 0);
	assert_true(session_next(&at, text + out.len, &got, &damaged) && got.kind == SESSION_END);
	assert_true(got.item == 7 && got.attempt == 2 && got.exit_status == 139 && got.print == end.print &&
		    got.took_ns == 12345 && got.yield == UINT64_MAX && got.is_micro && got.passed_ns == 99);
	assert_string_equal(got.came_to, "failed");
	assert_string_equal(got.outcome, "signaled");
	assert_string_equal(got.reason, "");
	assert_string_equal(got.summary, "line 1: \t no");
	assert_false(session_next(&at, text + out.len, &got, &damaged));
	assert_int_equal(damaged, 0);
}

static void passes_over_what_is_damaged(void **state)
{
	(void)state;
	char one[] = "one", two[] = "two";
	struct session_line line = { .kind = SESSION_ITEM, .text = one, .n = 3 }, got;
	size_t whole;

	session_format(&out, &line);
	whole = out.len;
	line.text = two;
	session_format(&out, &line);
	for (size_t cut = 0; cut < whole; cut++) { /* torn, and another behind it */
		char torn[256];
		uint32_t damaged = 0;
		memcpy(torn, text, cut);
		memcpy(torn + cut, text + whole, out.len - whole);
		char *at = torn, *end = torn + cut + out.len - whole;
		if (cut == whole - 1) /* without its last newline alone it is whole */
			assert_true(session_next(&at, end, &got, &damaged));
		assert_true(session_next(&at, end, &got, &damaged));
		assert_string_equal(got.text, "two");
		assert_int_equal(damaged, cut > 1 && cut < whole - 1);
	}
	for (size_t cut = whole + 2; cut < out.len; cut++) { /* torn at its end: nobody has written on */
		char *at = text;
		uint32_t damaged = 0;
		assert_true(session_next(&at, text + cut, &got, &damaged));
		assert_false(session_next(&at, text + cut, &got, &damaged));
		assert_int_equal(damaged, 1);
		buf_clear(&out); /* what is read is changed */
		line.text = one;
		session_format(&out, &line);
		line.text = two;
		session_format(&out, &line);
	}
	text[whole - 2] ^= 1;
	char *at = text;
	uint32_t damaged = 0;
	assert_true(session_next(&at, text + out.len, &got, &damaged));
	assert_string_equal(got.text, "two");
	assert_int_equal(damaged, 1);
}

static void refuses_bytes_that_it_never_writes(void **state)
{
	static const char *const bodies[] = { "item a\tb",
					      "item a\x7f",
					      "item a\xff",
					      "item a%00",
					      "item a%4",
					      "item ",
					      "spawnguard-batch 999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct session_line got;
		uint32_t damaged = 0;
		buf_clear(&out);
		buf_hex(&out, hash_crc32(0, bodies[i], strlen(bodies[i])), 8);
		buf_char(&out, ' ');
		buf_str(&out, bodies[i]);
		buf_char(&out, '\n');
		char *at = text;
		assert_false(session_next(&at, text + out.len, &got, &damaged));
		assert_int_equal(damaged, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(gives_back_what_was_put_in, empty),
		cmocka_unit_test_setup(passes_over_what_is_damaged, empty),
		cmocka_unit_test_setup(refuses_bytes_that_it_never_writes, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
