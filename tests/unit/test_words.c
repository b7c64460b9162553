/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/words.h"

#define NO_COMMAND "no command: write a program and its arguments"
#define OPEN_ONE   "a ' without its end: close it, or write \\'"
#define OPEN_TWO   "a \" without its end: close it, or write \\\""
#define LAST       "ends with a \\: write \\\\ for the byte itself"

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	const char *words; /* each within <>; NULL: refused */
	const char *error;
} rows[] = {
	{ "one word",                        "a",              "<a>",          NULL },
	{ "blanks separate",                 "a b\tc",         "<a><b><c>",    NULL },
	{ "many blanks, too",                " \t a \t b  ",   "<a><b>",       NULL },
	{ "a newline does not",              "a\nb",           "<a\nb>",       NULL },
	{ "single quotes",                   "'a b'",          "<a b>",        NULL },
	{ "double quotes",                   "\"a b\"",        "<a b>",        NULL },
	{ "quotes within a word",            "a'b c'd\"e f\"", "<ab cde f>",   NULL },
	{ "an empty word",                   "a '' \"\"",      "<a><><>",      NULL },
	{ "an empty word alone",             "''",             "<>",           NULL },
	{ "\" within '",                     "'a\"b'",         "<a\"b>",       NULL },
	{ "' within \"",                     "\"a'b\"",        "<a'b>",        NULL },
	{ "\\ within ' is a byte",           "'a\\b\\'",       "<a\\b\\>",     NULL },
	{ "\\ keeps the next byte",          "a\\ b",          "<a b>",        NULL },
	{ "\\ before quotes",                "\\'a\\\"",       "<'a\">",       NULL },
	{ "\\ before itself",                "a\\\\b",         "<a\\b>",       NULL },
	{ "\\ before a letter",              "\\n",            "<n>",          NULL },
	{ "\\ within \" keeps \"",           "\"a\\\"b\"",     "<a\"b>",       NULL },
	{ "\\ within \" keeps any byte",     "\"a\\nb\\\\\"",  "<anb\\>",      NULL },
	{ "\\ before ;",                     "a \\; b",        "<a><;><b>",    NULL },
	{ "nothing is expanded",             "$HOME ~ * `a` $(b) {c,d}", "<$HOME><~><*><`a`><$(b)><{c,d}>", NULL },
	{ "no operators",                    "a|b && c >d #e", "<a|b><&&><c><>d><#e>", NULL },
	{ "bytes that are no UTF-8",         "\xff \x01",      "<\xff><\x01>", NULL },
	{ "nothing",                         "",               NULL,           NO_COMMAND },
	{ "blanks alone",                    " \t ",           NULL,           NO_COMMAND },
	{ "' without its end",               "a 'b",           NULL,           OPEN_ONE },
	{ "' alone",                         "'",              NULL,           OPEN_ONE },
	{ "\" without its end",              "a \"b",          NULL,           OPEN_TWO },
	{ "\" that \\ keeps open",           "\"a\\\"",        NULL,           OPEN_TWO },
	{ "\\ at the end",                   "a \\",           NULL,           LAST },
	{ "\\ at the end within \"",         "\"a\\",          NULL,           LAST },
	{ "words before do not help",        "a b c 'd",       NULL,           OPEN_ONE },
};
/* clang-format on */

static void a_line_is_taken_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct words words;
		BUF(out, 256);
		int r = words_check(rows[i].text, &words);
		if (!rows[i].words) {
			if (r != -EINVAL || !words.error || strcmp(words.error, rows[i].error) != 0)
				fail_msg("%s: %d, %s", rows[i].rule, r,
					 words.error ? words.error : "no reason");
			continue;
		}
		if (r != 0)
			fail_msg("%s: %s", rows[i].rule, words.error);
		assert_null(words.error);
		/* Exactly what was counted: the sanitizer sees a byte more. */
		char *store = malloc(words.bytes);
		const char **argv = calloc(words.count, sizeof(*argv));
		assert_non_null(store);
		assert_non_null(argv);
		words_split(rows[i].text, store, argv);
		const char *next = store;
		for (size_t k = 0; k < words.count; k++) {
			assert_ptr_equal(argv[k], next); /* one behind the other */
			next += strlen(argv[k]) + 1;
			buf_char(&out, '<');
			buf_str(&out, argv[k]);
			buf_char(&out, '>');
		}
		assert_ptr_equal(next, store + words.bytes);
		if (strcmp(out.at, rows[i].words) != 0)
			fail_msg("%s: %s", rows[i].rule, out.at);
		free(argv);
		free(store);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_taken_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
