/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "conf/commands.h"
#include "conf/options.h"

struct word_row {
	const char *rule;
	const char *word;
	const char *found;     /* NULL: no such command */
	const char *suggested; /* NULL: nothing near */
};

/* clang-format off */
static const struct word_row word_rows[] = {
	{ "the first",                       "run",       "run",  "run" },
	{ "the last",                        "reap",      "reap", "reap" },
	{ "no abbreviations, but a hint",    "re",        NULL,   "reap" },
	{ "one letter begins too many",      "r",         NULL,   NULL },
	{ "no upper case, nothing near",     "RUN",       NULL,   NULL },
	{ "a letter left out",               "kil",       NULL,   "kill" },
	{ "a letter added",                  "psx",       NULL,   "ps" },
	{ "letters swapped",                 "rnu",       NULL,   "run" },
	{ "a letter changed",                "reep",      NULL,   "reap" },
	{ "equally near: the first",         "rup",       NULL,   "run" },
	{ "a job, not a command",            "./job.sh",  NULL,   NULL },
	{ "empty",                           "",          NULL,   NULL },
	{ "bytes that are no text",          "\xff\xfe",  NULL,   NULL },
	{ "very long",                       "runrunrunrunrunrunrunrunrunrunrunrunrunrunrun", NULL, NULL },
};
/* clang-format on */

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(word_rows); i++) {
		const struct word_row *row = &word_rows[i];
		const struct command_row *found = command_find(row->word);
		const char *near = command_suggest(row->word);
		if ((found == NULL) != (row->found == NULL) ||
		    (found && strcmp(found->name, row->found) != 0))
			fail_msg("%s: found %s", row->rule, found ? found->name : "nothing");
		if ((near == NULL) != (row->suggested == NULL) || (near && strcmp(near, row->suggested) != 0))
			fail_msg("%s: suggested %s", row->rule, near ? near : "nothing");
	}
}

static void test_table(void **state)
{
	(void)state;
	unsigned seen = 0;
	assert_string_equal(command_rows[0].name, "run");
	for (size_t i = 0; i < command_count; i++) {
		const struct command_row *row = &command_rows[i];
		size_t n = strlen(row->name);

		assert_ptr_equal(command_find(row->name), row); /* no name twice */
		assert_true(row->command && !(row->command & (row->command - 1)));
		assert_false(seen & row->command);
		seen |= row->command;
		assert_memory_equal(row->usage, row->name, n);
		assert_true(row->usage[n] == ' ');
		/* The list shows it as it is, --help with a capital and a full stop. */
		assert_true(row->help[0] >= 'a' && row->help[0] <= 'z');
		assert_null(strchr(row->help, '\n'));
		assert_true(row->help[strlen(row->help) - 1] != '.');
	}
	assert_int_equal(seen, FOR_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
