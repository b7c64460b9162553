/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <spawnguard/exit.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/commands.h"
#include "conf/help.h"
#include "conf/options.h"

/* The line of `text` that has `part` in it, and only one has; NULL if none. */
static const char *only_line(const char *text, const char *part)
{
	const char *at = strstr(text, part);
	if (at)
		assert_null(strstr(at + 1, part));
	return at;
}

static void check_shape(const struct buf *text)
{
	assert_false(text->cut);
	assert_true(text->len > 0 && text->at[text->len - 1] == '\n');
	for (const char *line = text->at; *line; line = strchr(line, '\n') + 1) {
		size_t n = (size_t)(strchr(line, '\n') - line);
		if (n > 80)
			fail_msg("more than 80 columns: %.*s", (int)n, line);
		if (n > 0 && line[n - 1] == ' ')
			fail_msg("blank at the end: %.*s", (int)n, line);
		for (size_t i = 0; i < n; i++)
			assert_in_range(line[i], ' ', '~'); /* so bytes are columns */
	}
}

static void test_shape(void **state)
{
	(void)state;
	for (unsigned command = 1; command <= FOR_ALL; command <<= 1) {
		BUF(text, HELP_MAX);
		help_format(&text, command, HELP_ALL);
		check_shape(&text);
	}
	BUF(list, HELP_MAX);
	help_commands(&list);
	check_shape(&list);
}

/* How the text shows `row`: "-k, --kill-after=D". */
static void put_cell(struct buf *cell, const struct option_row *row)
{
	const char letter[] = { '-', row->letter, ',', ' ', '\0' };
	buf_str(cell, row->letter ? letter : "    ");
	buf_str(cell, "--");
	buf_str(cell, row->name);
	if (!row->arg)
		return;
	buf_str(cell, row->arg_optional ? "[=" : "=");
	buf_str(cell, row->arg);
	buf_str(cell, row->arg_optional ? "]" : "");
}

static void test_every_option(void **state)
{
	(void)state;
	for (unsigned command = 1; command <= FOR_ALL; command <<= 1) {
		BUF(text, HELP_MAX);
		help_format(&text, command, HELP_ALL);
		for (size_t i = 0; i < option_count; i++) {
			const struct option_row *row = &option_rows[i];
			BUF(cell, 80);
			buf_str(&cell, "\n  ");
			put_cell(&cell, row);
			bool is_taken = row->commands & command;
			/* Another command may have an option of that name. */
			bool has_name = option_find(row->name, strlen(row->name), command) != NULL;
			if (is_taken || !has_name)
				assert_int_equal(only_line(text.at, cell.at) != NULL, is_taken);
		}
	}
}

/* `text` from `from` on, blanks and new lines alike, has `words`. */
static bool has_words(const char *from, const char *words)
{
	while (*words) {
		while (*from == ' ' || *from == '\n')
			from++;
		while (*words == ' ')
			words++;
		if (*words && *words++ != *from++)
			return false;
	}
	return true;
}

static void test_help_and_default_behind_option(void **state)
{
	(void)state;
	BUF(text, HELP_MAX);
	help_format(&text, FOR_RUN, HELP_ALL);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if (!(row->commands & FOR_RUN))
			continue;
		BUF(cell, 80);
		buf_str(&cell, "\n  ");
		put_cell(&cell, row);
		const char *at = only_line(text.at, cell.at);
		assert_non_null(at);

		BUF(expected, 512);
		buf_str(&expected, row->help);
		if (row->fallback) {
			buf_str(&expected, " [");
			buf_str(&expected, row->fallback);
			buf_char(&expected, ']');
		}
		if (!has_words(at + cell.len, expected.at))
			fail_msg("--%s: not \"%s\"", row->name, expected.at);
	}
}

static void test_titles(void **state)
{
	(void)state;
	for (unsigned command = 1; command <= FOR_ALL; command <<= 1) {
		if (!(command & FOR_ALL))
			continue; /* the file's bit */
		BUF(text, HELP_MAX);
		if (!(FOR_ALL & command))
			continue;
		help_format(&text, command, HELP_ALL);
		for (unsigned group = 0; group < GROUP_COUNT; group++) {
			bool is_used = false;
			for (size_t i = 0; i < option_count; i++)
				is_used |=
					option_rows[i].group == group && (option_rows[i].commands & command);
			BUF(title, 80);
			buf_str(&title, "\n\n");
			buf_str(&title, option_group_title[group]);
			buf_str(&title, ":\n  ");
			assert_int_equal(only_line(text.at, title.at) != NULL, is_used);
		}
	}
}

struct part_row {
	const char *rule;
	unsigned command;
	unsigned what;
	const char *part;
};

/* clang-format off */
static const struct part_row part_rows[] = {
	{ "usage comes first",               FOR_RUN,  HELP_ALL, "Usage: spawnguard run [OPTIONS] [JOB [ARG...] | -- COMMAND [ARG...]]" },
	{ "usage of another",                FOR_PS,   HELP_ALL, "Usage: spawnguard ps [OPTIONS] [JOB|RUN]\n" },
	{ "what it does, as a sentence",     FOR_PS,   HELP_ALL, "\nList running jobs and their trees.\n" },
	{ "how a duration is written",       FOR_RUN,  HELP_ALL, " only behind =. D is a\nduration: 90 (seconds)," },
	{ "no durations where none is taken", FOR_REAP,HELP_ALL, "\nA value stands behind = or is the next word; one in [] only behind =.\n\nExit" },
	{ "the job's own status",            FOR_RUN,  HELP_ALL, "\n\nExit status:\n  any   the command's own" },
	{ "status of a success",             FOR_KILL, HELP_ALL, "\n\nExit status:\n  0     the whole tree is gone\n  1     " },
	{ "usage errors of other commands",  FOR_REAP, HELP_ALL, "\n  2     the command line is wrong\n" },
	{ "short: where the rest is",        FOR_RUN,  HELP_SHORT, "\nMore:\n  --help=all                every option, and the exit statuses\n" },
	{ "short: where the manual is",      FOR_RUN,  HELP_SHORT, "\n  spawnguard help run       the manual\n" },
	{ "short is all where all is short", FOR_KILL, HELP_SHORT, "\n\nExit status:\n  0     the whole tree is gone\n" },
	{ "a group",                         FOR_RUN,  HELP_GROUP + GROUP_LOCK, "\n\nName and lock:\n  -N, --name=NAME" },
	{ "no such group: all",              FOR_PS,   HELP_GROUP + GROUP_LOOPS, "\n\nExit status:\n" },
};
/* clang-format on */

static void test_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(part_rows); i++) {
		BUF(text, HELP_MAX);
		help_format(&text, part_rows[i].command, part_rows[i].what);
		if (!strstr(text.at, part_rows[i].part))
			fail_msg("%s: not in\n%s", part_rows[i].rule, text.at);
	}
}

/* Each of the first options is there, and few others; one group has no other title. */
static void test_short_and_group(void **state)
{
	static const char *const first[] = { "--name=", "--timeout=", "--on-conflict=", "--help[=" };
	(void)state;
	BUF(text, HELP_MAX);
	help_format(&text, FOR_RUN, HELP_SHORT);
	check_shape(&text);
	for (size_t i = 0; i < COUNT_OF(first); i++)
		assert_non_null(strstr(text.at, first[i]));
	unsigned lines = 0;
	for (const char *c = text.at; *c; c++)
		lines += *c == '\n';
	assert_in_range(lines, 15, 66);

	buf_clear(&text);
	help_format(&text, FOR_RUN, HELP_GROUP + GROUP_END);
	check_shape(&text);
	assert_non_null(strstr(text.at, option_group_title[GROUP_END]));
	for (unsigned group = 0; group < GROUP_COUNT; group++)
		assert_true(group == GROUP_END || !strstr(text.at, option_group_title[group]));
}

struct option_text_row {
	const char *rule;
	const char *name;
	unsigned commands;
	unsigned count;
	const char *part; /* NULL: nothing is written */
};

/* clang-format off */
static const struct option_text_row option_text_rows[] = {
	{ "a long name",                 "stats",      FOR_ALL,            1, "      --stats  " },
	{ "who takes it, and the key",   "stats",      FOR_ALL,            1, "Of: spawnguard run; in the configuration file: stats\n                            = yes\n" },
	{ "a letter",                    "N",          FOR_ALL,            1, "  -N, --name=NAME " },
	{ "several commands, two rows",  "kill-after", FOR_ALL,            2, "\n\n  -k, --kill-after=D" },
	{ "of one command",              "kill-after", FOR_KILL,           1, "Of: spawnguard kill\n" },
	{ "only in the file",            "command",    FOR_ALL | FOR_FILE, 1, "In the configuration file: command = CMD\n" },
	{ "no such option",              "nothing",    FOR_ALL | FOR_FILE, 0, NULL },
	{ "no letter at all",            "",           FOR_ALL | FOR_FILE, 0, NULL },
};
/* clang-format on */

static void test_one_option(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(option_text_rows); i++) {
		const struct option_text_row *row = &option_text_rows[i];
		BUF(text, HELP_MAX);
		unsigned count = help_option(&text, row->name, strlen(row->name), row->commands);
		if (count != row->count || (text.len == 0) != (row->part == NULL) ||
		    (row->part && !strstr(text.at, row->part)))
			fail_msg("%s: %u, %s", row->rule, count, text.at);
		if (text.len)
			check_shape(&text);
	}
}

static void test_statuses(void **state)
{
	static const int statuses[] = { SG_EXIT_CONFLICT, SG_EXIT_SURVIVORS, SG_EXIT_TIMEOUT,
					SG_EXIT_GUARD,    SG_EXIT_NOT_EXEC,  SG_EXIT_NOT_FOUND };
	(void)state;
	BUF(text, HELP_MAX);
	help_format(&text, FOR_RUN, HELP_ALL);
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		BUF(part, 32);
		buf_str(&part, "\n  ");
		buf_i64(&part, statuses[i]);
		buf_str(&part, "  ");
		assert_non_null(only_line(text.at, part.at));
	}
}

static void test_commands(void **state)
{
	(void)state;
	BUF(text, HELP_MAX);
	help_commands(&text);
	const char *line = text.at;
	for (size_t i = 0; i < command_count; i++) {
		BUF(expected, 160);
		buf_str(&expected, command_rows[i].name);
		buf_char(&expected, ' ');
		buf_str(&expected, command_rows[i].help);
		assert_true(has_words(line, expected.at));
		line = strchr(line, '\n') + 1;
	}
	assert_true(*line == '\0'); /* one line each */
}

/* A buffer too small is cut, as buf promises, and nothing worse. */
static void test_small_buffer(void **state)
{
	(void)state;
	for (size_t size = 1; size < 200; size++) {
		char bytes[200];
		struct buf text;
		buf_init(&text, bytes, size);
		help_format(&text, FOR_RUN, HELP_ALL);
		assert_true(text.cut);
		assert_true(text.len < size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_every_option),
		cmocka_unit_test(test_help_and_default_behind_option),
		cmocka_unit_test(test_titles),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_short_and_group),
		cmocka_unit_test(test_one_option),
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_small_buffer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
