/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/columns.h"

#define USUAL "job,run,pid,state,age,rss,"

/* clang-format off */
static const struct list_row {
	const char *rule, *text, *columns, *why; /* columns NULL: refused, and `why` begins so */
} list_rows[] = {
	{ "one",                           "pid",         "pid",                          NULL },
	{ "in their order",                "rss,pid,job", "rss,pid,job",                  NULL },
	{ "named twice is shown once",     "pid,job,pid", "pid,job",                      NULL },
	{ "besides the usual ones",        "+user,cpu",   USUAL "user,cpu,command",       NULL },
	{ "a usual one besides",           "+pid",        USUAL "command",                NULL },
	{ "the last of them besides",      "+command",    USUAL "command",                NULL },
	{ "unknown, something is near",    "pdi",         NULL, "unknown column pdi, did you mean pid? There are job, run," },
	{ "unknown, nothing is near",      "xyzzy",       NULL, "unknown column xyzzy: there are job, run," },
	{ "unknown behind known ones",     "pid,nope",    NULL, "unknown column nope" },
	{ "in capitals",                   "PID",         NULL, "unknown column PID" },
	{ "blanks are of the name",        "pid, job",    NULL, "unknown column ' job'" },
	{ "empty",                         "",            NULL, "a column is missing: there are" },
	{ "only a plus",                   "+",           NULL, "a column is missing" },
	{ "a comma at the end",            "pid,",        NULL, "a column is missing" },
	{ "two commas",                    "pid,,job",    NULL, "a column is missing" },
	{ "foreign bytes are inert",       "\033[2J",     NULL, "unknown column $'\\x1b[2J'" },
	{ "very long",                     "pidpidpidpidpidpidpidpidpidpidpid", NULL, "unknown column pidpidpidpidpidpidpidpid..." },
};
/* clang-format on */

static void put_columns(struct buf *out, const struct columns *columns)
{
	for (uint32_t i = 0; i < columns->count; i++) {
		buf_str(out, i ? "," : "");
		buf_str(out, column_rows[columns->at[i]].name);
	}
}

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(list_rows); i++) {
		const struct list_row *row = &list_rows[i];
		struct columns columns = { .count = 0 };
		BUF(why, 400);
		BUF(found, 400);
		int r = columns_parse(row->text, &columns, &why);
		put_columns(&found, &columns);
		if (r != (row->columns ? 0 : -EINVAL))
			fail_msg("%s: %d, %s", row->rule, r, why.at);
		if (row->columns && strcmp(found.at, row->columns) != 0)
			fail_msg("%s: %s", row->rule, found.at);
		if (!row->columns && strncmp(why.at, row->why, strlen(row->why)) != 0)
			fail_msg("%s: %s", row->rule, why.at);
		assert_false(why.cut);
		assert_true(row->columns || columns.count == 0);
	}
}

static void test_table(void **state)
{
	(void)state;
	BUF(all, 400);
	columns_list(&all);
	for (unsigned i = 0; i < COLUMN_COUNT; i++) {
		const struct column_row *row = &column_rows[i];
		struct columns columns;
		BUF(why, 400);
		assert_non_null(row->name);
		assert_int_equal(columns_parse(row->name, &columns, &why), 0);
		assert_int_equal(columns.at[0], i);
		assert_non_null(strstr(all.at, row->name));
		assert_true(row->help[0] >= 'a' && row->help[0] <= 'z');
		assert_true(row->help[strlen(row->help) - 1] != '.');
		assert_true(strspn(row->name, "abcdefghijklmnopqrstuvwxyz") == strlen(row->name));
	}
}

static void test_usual(void **state)
{
	(void)state;
	struct columns columns;
	BUF(own, 200);
	BUF(all, 200);
	columns_usual(&columns, false);
	put_columns(&own, &columns);
	assert_string_equal(own.at, USUAL "command");
	columns_usual(&columns, true);
	put_columns(&all, &columns);
	assert_string_equal(all.at, "user," USUAL "command");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_usual),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
