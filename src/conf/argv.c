#include "conf/argv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "conf/commands.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/value.h"

#define SHOWN_COLUMNS 60  /* of a foreign word in a message */
#define REASON_MAX    400 /* what value_parse says */

struct reader {
	char **at; /* the next word; borrowed */
	unsigned command;
	struct job *job;
	struct buf *why;
	void (*hear)(void *with, const struct option_row *row, const char *text); /* NULL = nobody */
	void *with;
};

void argv_defaults(struct job *job)
{
	memset(job, 0, sizeof(*job));
	for (size_t i = 0; i < option_count; i++)
		value_default(&option_rows[i], job);
}

/* The first command among `commands`. */
static const char *command_name(unsigned commands)
{
	size_t i = 0;
	while (i + 1 < command_count && !(command_rows[i].command & commands))
		i++;
	return command_rows[i].name;
}

static void say_see(struct buf *why, unsigned command)
{
	buf_str(why, "; see: spawnguard ");
	buf_str(why, command_name(command));
	buf_str(why, " --help");
}

static int refuse(struct buf *why, const char *line)
{
	buf_str(why, line);
	return -EINVAL;
}

/* "--timeout" */
static void say_option(struct buf *why, const struct option_row *row)
{
	buf_str(why, "--");
	buf_str(why, row->name);
}

static int unknown_long(const struct reader *in, const char *name, size_t n)
{
	buf_str(in->why, "unknown option --");
	escape_text(in->why, name, n, SHOWN_COLUMNS);
	const struct option_row *other = option_find(name, n, FOR_ALL);
	const char *near = option_suggest(name, n, in->command);
	if (other) {
		buf_str(in->why, ": ");
		buf_str(in->why, command_name(other->commands));
		buf_str(in->why, " takes it, ");
		buf_str(in->why, command_name(in->command));
		buf_str(in->why, " does not");
		say_see(in->why, in->command);
	} else if (near) {
		buf_str(in->why, ": did you mean --");
		buf_str(in->why, near);
		buf_char(in->why, '?');
	} else {
		say_see(in->why, in->command);
	}
	return -EINVAL;
}

/* `letter` stands in `group`, the word without its dash. */
static int unknown_letter(const struct reader *in, const char *letter, const char *group)
{
	buf_str(in->why, "unknown option -");
	escape_text(in->why, letter, 1, 0);
	size_t n = strlen(group);
	if (n > 1) {
		buf_str(in->why, " in -");
		escape_text(in->why, group, n, SHOWN_COLUMNS);
	}
	if (option_find(group, n, in->command)) { /* -name for --name */
		buf_str(in->why, ": did you mean --");
		buf_str(in->why, group);
		buf_char(in->why, '?');
	} else {
		say_see(in->why, in->command);
	}
	return -EINVAL;
}

static int apply(const struct reader *in, const struct option_row *row, const char *text)
{
	if (in->hear) {
		in->hear(in->with, row, text);
		return 0;
	}
	BUF(reason, REASON_MAX);
	int r = value_parse(row, text, in->job, &reason);
	if (r < 0) {
		say_option(in->why, row);
		buf_char(in->why, '=');
		escape_word(in->why, text, strlen(text), SHOWN_COLUMNS);
		buf_str(in->why, ": ");
		buf_str(in->why, reason.at);
	}
	return r;
}

static void apply_alone(const struct reader *in, const struct option_row *row)
{
	if (in->hear) {
		in->hear(in->with, row, NULL);
		return;
	}
	(void)value_parse(row, NULL, in->job, in->why); /* no value: nothing to refuse */
}

/* The value is the next word.  Not "--": who writes --name -- forgot it. */
static int apply_next(struct reader *in, const struct option_row *row)
{
	const char *text = *in->at;
	if (text && strcmp(text, "--") != 0) {
		in->at++;
		return apply(in, row, text);
	}
	if (row->arg_optional) { /* so it was the letter */
		const char word[] = { '-', row->letter, '\0' };
		buf_str(in->why, word);
	} else {
		say_option(in->why, row);
	}
	buf_str(in->why, text ? " needs a value, but -- follows: write " : " needs a value: write ");
	say_option(in->why, row);
	buf_char(in->why, '=');
	buf_str(in->why, row->arg);
	if (row->arg_optional) {
		buf_str(in->why, ", or ");
		say_option(in->why, row);
		buf_str(in->why, " alone");
	}
	return -EINVAL;
}

/* `word` without its two dashes. */
static int read_long(struct reader *in, const char *word)
{
	const char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : strlen(word);
	const struct option_row *row = option_find(word, n, in->command);
	if (!row)
		return unknown_long(in, word, n);
	bool may_undo =
		row->kind == KIND_FLAG || row->kind == KIND_COUNTER; /* --stats=no: of what a file says */
	if (value && !row->arg && !may_undo) {
		say_option(in->why, row);
		buf_str(in->why, " takes no value: leave out ");
		escape_word(in->why, value, strlen(value), SHOWN_COLUMNS);
		return -EINVAL;
	}
	if (value)
		return apply(in, row, value + 1);
	if (row->arg && !row->arg_optional)
		return apply_next(in, row);
	apply_alone(in, row);
	return 0;
}

/* `group`: letters behind one dash; the first that takes a value takes the rest, or the next word. */
static int read_letters(struct reader *in, const char *group)
{
	for (const char *letter = group; *letter; letter++) {
		const struct option_row *row = option_find_letter(*letter, in->command);
		if (!row)
			return unknown_letter(in, letter, group);
		if (row->arg && row->kind != KIND_HELP)
			return letter[1] ? apply(in, row, letter + 1) : apply_next(in, row);
		apply_alone(in, row);
	}
	return 0;
}

/* What each option allows alone, but not all of them together. */
int argv_check(const struct job *job, struct buf *why)
{
	if (job->help || job->version)
		return 0; /* who asks for help gets help */
	if (job->shared && job->no_lock)
		return refuse(why,
			      "--shared with --no-lock: there is no lock to share; leave out one of them");
	if (job->no_lock && !job->lock_file && job->slots == 0 && job->on_conflict == CONFLICT_WAIT)
		return refuse(why,
			      "--wait with --no-lock: there is nothing to wait for; leave out one of them, "
			      "or name a --lock-file");
	if (job->group && job->slots == 0)
		return refuse(why, "--group without --slots: say how many of the group may run at once, or "
				   "leave it out");
	if (job->slots > 0 && job->on_conflict == CONFLICT_REPLACE)
		return refuse(why, "--on-conflict=replace with --slots: which of those that run is to end "
				   "cannot be told; use --wait, or leave out one of them");
	if (job->ready_file && job->start_timeout_ns == NUM_NONE)
		return refuse(why, "--ready-file without --start-timeout: nobody waits for it; say how long, "
				   "or leave it "
				   "out");
	if (job->isolate && job->leftovers == LEFTOVERS_LEAVE)
		return refuse(why, "--isolate with --leftovers=leave: nothing outlives a PID namespace; use "
				   "--leftovers=wait, or leave out one of them");
	return 0;
}

/* The options at in->at, up to the first other word. 0, -EINVAL. */
static int read_options(struct reader *in, bool *out_dashes)
{
	const struct job *job = in->job;
	bool dashes = false;
	while (*in->at && !dashes && !(job && (job->help || job->version))) {
		const char *word = *in->at;
		if (word[0] != '-' || word[1] == '\0') /* "-" alone is a word */
			break;
		in->at++;
		int r = 0;
		if (word[1] != '-')
			r = read_letters(in, word + 1);
		else if (word[2])
			r = read_long(in, word + 2);
		else
			dashes = true;
		if (r < 0)
			return r;
	}
	*out_dashes = dashes;
	return 0;
}

void argv_each(char **argv, unsigned command,
	       void (*hear)(void *with, const struct option_row *row, const char *text), void *with)
{
	BUF(why, ARGV_WHY_MAX);
	struct reader in = { .at = argv, .command = command, .why = &why, .hear = hear, .with = with };
	bool dashes;

	(void)read_options(&in, &dashes); /* it was read before: nothing in it is wrong */
}

int argv_read(char **argv, unsigned command, struct job *job, char ***out_rest, int *out_dashes,
	      struct buf *why)
{
	struct reader in = { .at = argv, .command = command, .job = job, .why = why };
	bool dashes;

	int r = read_options(&in, &dashes);
	if (r < 0)
		return r;
	job->command = dashes && *in.at ? in.at : NULL;
	*out_rest = in.at;
	*out_dashes = dashes;
	return 0;
}

int argv_parse(char **argv, unsigned command, struct job *job, char ***out_rest, int *out_dashes,
	       struct buf *why)
{
	char **rest;
	int dashes;
	int r = argv_read(argv, command, job, &rest, &dashes, why);
	if (r == 0)
		r = argv_check(job, why);
	if (r < 0)
		return r;
	*out_rest = rest;
	*out_dashes = dashes;
	return 0;
}
