#include "conf/help.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <spawnguard/exit.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/columns.h"
#include "conf/commands.h"
#include "conf/options.h"

#define HELP_COLUMNS   80
#define OPTION_COLUMN  28 /* where the text of an option begins */
#define STATUS_COLUMN  8  /* where the text of an exit status begins */
#define COMMAND_COLUMN 11 /* where the text of a command begins */
#define NAME_COLUMN    12 /* where the text of a column of ps begins */

/* clang-format off */
const struct help_status help_statuses[] = {
	{ FOR_RUN,     -1,                 "the command's own; ended by a signal, spawnguard ends by the same one" },
	{ FOR_PS,      0,                  "what was asked for is running" },
	{ FOR_STATUS,  0,                  "it is running, or its last run was ok" },
	{ FOR_WAIT,    -1,                 "the run's own, 128+N if it was ended by signal N; --all: the first that is not ok" },
	{ FOR_WATCH,   0,                  "all went well" },
	{ FOR_LOGS,    0,                  "the output was printed" },
	{ FOR_DOCTOR,  0,                  "all that matters works here" },
	{ FOR_EXPLAIN, 0,                  "a start would be made, now or after a wait; with --samples: a limit was passed" },
	{ FOR_CONFIG,  0,                  "the configuration is good" },
	{ FOR_BATCH,   0,                  "every item that was run is ok; --analyse: it was told" },
	{ FOR_HELP,    0,                  "the text was shown" },
	{ FOR_KILL,    0,                  "the whole tree is gone" },
	{ FOR_FREEZE,  0,                  "it stands still" },
	{ FOR_THAW,    0,                  "it is not frozen" },
	{ FOR_NOTIFY,  0,                  "the guard was told" },
	{ FOR_BREAKER, 0,                  "it was done, or shown" },
	{ FOR_REAP,    0,                  "nothing of a dead guard is left" },
	{ FOR_PS,      1,                  "nothing is running, or no such job or run" },
	{ FOR_KILL | FOR_STILLS, 1,        "no such job or run" },
	{ FOR_BREAKER, 1,                  "no such job, or nothing to show or to try" },
	{ FOR_STATUS,  1,                  "its last run was not ok, or no such job" },
	{ FOR_WAIT,    1,                  "no such job or run" },
	{ FOR_WATCH,   1,                  "something was flagged (info does not count), failed or was refused, or a breaker changed" },
	{ FOR_LOGS,    1,                  "no such job or run, or its output was not kept, or is gone" },
	{ FOR_NOTIFY,  1,                  "no guard listens" },
	{ FOR_DOCTOR,  1,                  "degraded: something is weaker than it could be" },
	{ FOR_EXPLAIN, 1,                  "with --samples: nothing is over a limit" },
	{ FOR_CONFIG,  1,                  "the configuration is wrong, or no such job" },
	{ FOR_BATCH,   1,                  "an item failed or was stopped, or no such session" },
	{ FOR_HELP,    1,                  "no such topic" },
	{ FOR_OTHERS,  2,                  "the command line is wrong" },
	{ FOR_RUN | FOR_EXPLAIN, SG_EXIT_BREAKER,    "refused: a budget of its job is used up, --require-env or --pre-check says no" },
	{ FOR_RUN | FOR_EXPLAIN, SG_EXIT_CONFLICT,   "a copy runs already, --wait was in vain, or the queue is full; -E changes it" },
	{ FOR_ENDERS,  SG_EXIT_SURVIVORS,  "processes are left that could not be ended" },
	{ FOR_RUN,     SG_EXIT_LIMIT,      "a limit was passed" },
	{ FOR_RUN,     SG_EXIT_TIMEOUT,    "--timeout, --start-timeout, --idle-timeout or --heartbeat struck" },
	{ FOR_DOCTOR,  3,                  "this machine cannot guard a job" },
	{ FOR_BATCH,   3,                  "a brake kept items from being run" },
	{ FOR_WATCH,   3,                  "nothing ran, or no such process" },
	{ FOR_WAIT,    SG_EXIT_CONFLICT,   "its own --timeout passed, or it would wait for the run around it" },
	{ FOR_BATCH,   SG_EXIT_CONFLICT,   "a batch of this name runs already" },
	{ FOR_WATCH,   SG_EXIT_CONFLICT,   "without --for it would watch the run around it for ever" },
	{ FOR_WAIT,    SG_EXIT_GUARD,      "the run was lost with its guards" },
	{ FOR_ALL,     SG_EXIT_GUARD,      "spawnguard itself could not do its work" },
	{ FOR_RUN,     SG_EXIT_NOT_EXEC,   "the command cannot be executed" },
	{ FOR_RUN,     SG_EXIT_NOT_FOUND,  "the command was not found" },
};

/* Of commands with many options: what --help shows. */
static const struct {
	char name[16];
	unsigned commands;
} first_options[] = {
	{ "name", FOR_ALL },          { "wait", FOR_ALL },           { "on-conflict", FOR_ALL },
	{ "timeout", FOR_ALL },       { "kill-after", FOR_ALL },     { "leftovers", FOR_ALL },
	{ "max-failures", FOR_RUN },  { "chdir", FOR_ALL },          { "output", FOR_ALL },
	{ "detach", FOR_ALL },        { "on-finish", FOR_ALL },      { "stats", FOR_ALL },
	{ "jobs", FOR_BATCH },        { "items", FOR_BATCH },        { "total", FOR_BATCH },
	{ "max-runs", FOR_BATCH },    { "canary", FOR_BATCH },       { "family", FOR_BATCH },
	{ "same-failure", FOR_BATCH }, { "max-timeouts", FOR_BATCH }, { "max-attempts", FOR_BATCH },
	{ "zero-yield", FOR_BATCH },  { "skip-prefix", FOR_BATCH },  { "yield", FOR_BATCH },
	{ "resume", FOR_BATCH },      { "analyse", FOR_BATCH },      { "config", FOR_ALL },
	{ "dry-run", FOR_ALL },       { "verbose", FOR_ALL },        { "help", FOR_ALL },
};
/* clang-format on */
const size_t help_status_count = COUNT_OF(help_statuses);

#define FIRST_FROM 20 /* so many options are many */

/* A text that is wrapped at HELP_COLUMNS, its further lines starting at `indent`. */
struct wrap {
	struct buf *out;
	size_t indent;
	size_t column; /* where the next byte goes */
};

static void pad_to(struct wrap *w, size_t column)
{
	for (; w->column < column; w->column++)
		buf_char(w->out, ' ');
}

static void put(struct wrap *w, const char *text)
{
	buf_str(w->out, text);
	w->column += strlen(text);
}

static void new_line(struct wrap *w)
{
	buf_char(w->out, '\n');
	w->column = 0;
}

/* The words of `text`, each on this line if it fits. */
static void put_words(struct wrap *w, const char *text)
{
	while (*text) {
		const char *blank = strchr(text, ' ');
		size_t n = blank ? (size_t)(blank - text) : strlen(text);
		if (w->column > w->indent && w->column + 1 + n > HELP_COLUMNS)
			new_line(w);
		else if (w->column > w->indent)
			pad_to(w, w->column + 1);
		pad_to(w, w->indent);
		buf_mem(w->out, text, n);
		w->column += n;
		text += blank ? n + 1 : n;
	}
}

/* A line of two columns: what stands in `w` already, and the text that explains it. */
static void put_text(struct wrap *w, size_t column, const char *text)
{
	w->indent = column;
	if (w->column + 2 > column)
		new_line(w);
	put_words(w, text);
}

static void put_option(struct wrap *w, const struct option_row *row)
{
	const char letter[] = { ' ', ' ', '-', row->letter, ',', ' ', '\0' };
	put(w, row->letter ? letter : "      ");
	put(w, "--");
	put(w, row->name);
	if (row->arg) {
		put(w, row->arg_optional ? "[=" : "=");
		put(w, row->arg);
		put(w, row->arg_optional ? "]" : "");
	}
	put_text(w, OPTION_COLUMN, row->help);
	if (row->fallback) {
		BUF(fallback, HELP_COLUMNS);
		buf_char(&fallback, '[');
		buf_str(&fallback, row->fallback);
		buf_char(&fallback, ']');
		put_words(w, fallback.at);
	}
	new_line(w);
}

/* Does what is asked for show this option? */
static bool is_shown(const struct option_row *row, unsigned command, unsigned what)
{
	if (!(row->commands & command))
		return false;
	if (what >= HELP_GROUP)
		return row->group == (enum option_group)(what - HELP_GROUP);
	bool is_first = what != HELP_SHORT;
	for (size_t i = 0; i < COUNT_OF(first_options); i++)
		is_first |= (first_options[i].commands & command) &&
			    strcmp(first_options[i].name, row->name) == 0;
	return is_first;
}

static size_t count_shown(unsigned command, unsigned what)
{
	size_t count = 0;
	for (size_t i = 0; i < option_count; i++)
		count += is_shown(&option_rows[i], command, what);
	return count;
}

static void put_group(struct wrap *w, enum option_group group, unsigned command, unsigned what)
{
	bool is_titled = false;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if (row->group != group || !is_shown(row, command, what))
			continue;
		if (!is_titled) {
			new_line(w);
			put(w, option_group_title[group]);
			put(w, ":");
			new_line(w);
			is_titled = true;
		}
		put_option(w, row);
	}
}

/* What -o of ps takes; * marks what is shown without. */
static void put_columns(struct wrap *w)
{
	new_line(w);
	put(w, "Columns for --output (*: the usual ones):");
	new_line(w);
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		put(w, column_rows[i].is_usual ? "* " : "  ");
		put(w, column_rows[i].name);
		put_text(w, NAME_COLUMN, column_rows[i].help);
		new_line(w);
	}
}

static void put_statuses(struct wrap *w, unsigned command)
{
	new_line(w);
	put(w, "Exit status:");
	new_line(w);
	for (size_t i = 0; i < help_status_count; i++) {
		const struct help_status *row = &help_statuses[i];
		if (!(row->commands & command))
			continue;
		BUF(status, STATUS_COLUMN);
		if (row->status < 0)
			buf_str(&status, "any");
		else
			buf_i64(&status, row->status);
		put(w, "  ");
		put(w, status.at);
		put_text(w, STATUS_COLUMN, row->help);
		new_line(w);
	}
}

/* What is said in lower case in a list. */
static void put_sentence(struct wrap *w, const char *text)
{
	const char capital[] = { (char)(text[0] - 'a' + 'A'), '\0' };
	put(w, capital);
	put(w, text + 1);
	put(w, ".");
	new_line(w);
}

static void put_notes(struct wrap *w, unsigned command, unsigned what)
{
	bool has_value = false, has_duration = false;
	for (size_t i = 0; i < option_count; i++) {
		if (!is_shown(&option_rows[i], command, what) || !option_rows[i].arg)
			continue;
		has_value = true;
		has_duration |= strcmp(option_rows[i].arg, "D") == 0;
	}
	if (!has_value)
		return;
	w->indent = 0;
	new_line(w);
	put_words(w, "A value stands behind = or is the next word; one in [] only behind =.");
	if (has_duration)
		put_words(w, "D is a duration: 90 (seconds), 1.5m, 1h30m, 2d, or none.");
	new_line(w);
}

/* Where the rest is told. */
static void put_more(struct wrap *w, unsigned command)
{
	const struct option_row *help = option_find("help", 4, command);
	BUF(manual, 64);
	BUF(groups, 192);
	buf_str(&manual, "  spawnguard help ");
	for (size_t i = 0; i < command_count; i++)
		buf_str(&manual, command_rows[i].command == command ? command_rows[i].name : "");
	buf_str(&groups, "one group of them: ");
	for (unsigned group = 0, count = 0; help && group < GROUP_COUNT; group++) {
		if (count_shown(command, HELP_GROUP + group) == 0)
			continue;
		buf_str(&groups, count++ ? ", " : "");
		buf_str(&groups, help->words[HELP_GROUP + group]);
	}
	new_line(w);
	put(w, "More:");
	new_line(w);
	put(w, "  --help=all");
	put_text(w, OPTION_COLUMN, "every option, and the exit statuses");
	new_line(w);
	put(w, "  --help=GROUP");
	put_text(w, OPTION_COLUMN, groups.at);
	new_line(w);
	put(w, manual.at);
	put_text(w, OPTION_COLUMN, "the manual");
	new_line(w);
}

void help_format(struct buf *out, unsigned command, unsigned what)
{
	struct wrap w = { .out = out };
	if ((what == HELP_SHORT && count_shown(command, HELP_ALL) < FIRST_FROM) ||
	    count_shown(command, what) == 0)
		what = HELP_ALL;
	for (size_t i = 0; i < command_count; i++) {
		if (!(command_rows[i].command & command))
			continue;
		put(&w, "Usage: spawnguard ");
		put(&w, command_rows[i].usage);
		new_line(&w);
		put_sentence(&w, command_rows[i].help);
	}
	for (unsigned group = 0; group < GROUP_COUNT; group++)
		put_group(&w, (enum option_group)group, command, what);
	put_notes(&w, command, what);
	if (command == FOR_PS && (what == HELP_ALL || what == HELP_GROUP + GROUP_REPORT))
		put_columns(&w);
	if (what == HELP_ALL)
		put_statuses(&w, command);
	else
		put_more(&w, command);
}

void help_commands(struct buf *out)
{
	struct wrap w = { .out = out };
	for (size_t i = 0; i < command_count; i++) {
		put(&w, "  ");
		put(&w, command_rows[i].name);
		put_text(&w, COMMAND_COLUMN, command_rows[i].help);
		new_line(&w);
	}
}

/* "Of: run, kill.  In the configuration file: timeout = D" */
static void put_owners(struct wrap *w, const struct option_row *row)
{
	BUF(line, 256);
	for (size_t i = 0, count = 0; i < command_count; i++) {
		if (!(row->commands & command_rows[i].command))
			continue;
		buf_str(&line, count++ ? ", " : "Of: spawnguard ");
		buf_str(&line, command_rows[i].name);
	}
	if (row->commands & FOR_FILE) {
		buf_str(&line, line.len ? "; in" : "In");
		buf_str(&line, " the configuration file: ");
		buf_str(&line, row->name);
		buf_str(&line, " = ");
		buf_str(&line, row->arg ? row->arg : "yes");
	}
	w->indent = OPTION_COLUMN;
	put_words(w, line.at);
	new_line(w);
}

unsigned help_option(struct buf *out, const char *name, size_t n, unsigned commands)
{
	struct wrap w = { .out = out };
	unsigned found = 0;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		bool is_meant = (strlen(row->name) == n && memcmp(row->name, name, n) == 0) ||
				(n == 1 && row->letter == *name);
		if (!is_meant || !(row->commands & commands))
			continue;
		if (found++)
			new_line(&w);
		put_option(&w, row);
		put_owners(&w, row);
	}
	return found;
}
