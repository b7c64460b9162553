/* layer: ui */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>

#include "base/auto.h"
#include "base/buf.h"
#include "ui/table.h"
#include "ui/term.h"

/* clang-format off */
static const struct text_row {
	const char *rule, *bytes;
	size_t columns;
	const char *utf8, *ascii;
} text_rows[] = {
	{ "plain",                    "abc",              0,  "abc",              "abc" },
	{ "fits",                     "abcdef",           6,  "abcdef",           "abcdef" },
	{ "cut",                      "abcdefg",          6,  "abc...",           "abc..." },
	{ "beyond ASCII",             "t\xc3\xa9st",      0,  "t\xc3\xa9st",      "t\\xc3\\xa9st" },
	{ "two columns wide",         "\xe6\xbc\xa2\xe5\xad\x97", 4, "\xe6\xbc\xa2\xe5\xad\x97", "..." },
	{ "wide, cut",                "\xe6\xbc\xa2\xe5\xad\x97x", 4, "...",      "..." },
	{ "an escape is whole",       "a\033b",           0,  "a\\x1bb",          "a\\x1bb" },
	{ "... or not there",         "a\033bcdef",       7,  "a...",             "a..." },
	{ "a newline",                "a\nb",             0,  "a\\nb",            "a\\nb" },
	{ "a backslash",              "a\\x41",           0,  "a\\\\x41",         "a\\\\x41" },
	{ "no character",             "a\xff",            0,  "a\\xff",           "a\\xff" },
	{ "half a character",         "a\xc3",            0,  "a\\xc3",           "a\\xc3" },
	{ "nothing",                  "",                 5,  "",                 "" },
	{ "a letter of no script yet", "\xf0\xbf\xbf\xbd", 0, "\\xf0\\xbf\\xbf\\xbd", "\\xf0\\xbf\\xbf\\xbd" },
};
/* clang-format on */

static void check_texts(bool is_utf8)
{
	for (size_t i = 0; i < COUNT_OF(text_rows); i++) {
		const struct text_row *row = &text_rows[i];
		const char *wanted = is_utf8 ? row->utf8 : row->ascii;
		BUF(out, 128);
		term_escape(&out, row->bytes, strlen(row->bytes), row->columns);
		if (strcmp(out.at, wanted) != 0)
			fail_msg("%s (%s): %s, not %s", row->rule, is_utf8 ? "UTF-8" : "C", out.at, wanted);
	}
}

static void test_texts(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C"));
	check_texts(false);
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	check_texts(true);
}

static const struct color_row {
	const char *rule;
	enum term_color wish;
	const char *no_color, *force;
	bool is_colored;
} color_rows[] = {
	{ "no terminal", TERM_COLOR_AUTO, NULL, NULL, false },
	{ "forced", TERM_COLOR_AUTO, NULL, "1", true },
	{ "0 does not force", TERM_COLOR_AUTO, NULL, "0", false },
	{ "empty does not force", TERM_COLOR_AUTO, NULL, "", false },
	{ "NO_COLOR is stronger", TERM_COLOR_AUTO, "1", "1", false },
	{ "an empty one is none", TERM_COLOR_AUTO, "", "1", true },
	{ "the option is stronger still", TERM_COLOR_ALWAYS, "1", NULL, true },
	{ "in both directions", TERM_COLOR_NEVER, NULL, "1", false },
};

static void test_colors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(color_rows); i++) {
		const struct color_row *row = &color_rows[i];
		struct term term;
		term_init(&term, row->wish, row->no_color, row->force);
		if (term.columns == 0 && term.is_colored != row->is_colored)
			fail_msg("%s", row->rule);
	}
}

static const struct table_column columns[] = { { "name", false, false },
					       { "size", true, false },
					       { "tree", false, true } };

static struct table *make(const struct term *term)
{
	struct table *table = table_new(term, columns, COUNT_OF(columns));
	assert_non_null(table);
	struct table_row *top = table_add(table, NULL);
	table_set(table, top, 0, "one", TABLE_STRONG);
	table_set(table, top, 1, "10", TABLE_PLAIN);
	table_set(table, top, 2, "root of them all", TABLE_PLAIN);
	struct table_row *below = table_add(table, top);
	table_set(table, below, 1, "7", TABLE_PLAIN);
	table_set(table, below, 2, "twig", TABLE_BAD);
	return table;
}

static void check_table(const struct term *term, const char *wanted)
{
	AUTO_FREE char *text = NULL;
	struct table *table = make(term);
	assert_int_equal(table_format(table, &text), 0);
	assert_string_equal(text, wanted);
	table_free(table);
}

static void test_tables(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C"));
	check_table(&(struct term){ .columns = 0 }, "NAME SIZE TREE\none    10 root of them all\n"
						    "        7 `-twig\n");
	check_table(&(struct term){ .columns = 20 }, "NAME SIZE TREE\none    10 root of th\n"
						     "        7 `-twig\n");
	check_table(&(struct term){ .is_colored = true },
		    "NAME SIZE TREE\n\033[1mone \033[0m   10 root of them all\n"
		    "        7 \033[31m`-twig\033[0m\n");
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	check_table(&(struct term){ .is_utf8 = true }, "NAME SIZE TREE\none    10 root of them all\n"
						       "        7 \xe2\x94\x94\xe2\x94\x80twig\n");
}

static void test_empty_table(void **state)
{
	(void)state;
	AUTO_FREE char *text = NULL;
	struct term term = { .columns = 0 };
	struct table *table = table_new(&term, columns, COUNT_OF(columns));
	assert_non_null(table);
	table_set(table, NULL, 0, "no row: nothing happens", TABLE_PLAIN);
	assert_int_equal(table_format(table, &text), 0);
	assert_int_equal(strlen(text), 0);
	table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_colors),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_empty_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
