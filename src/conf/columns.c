#include "conf/columns.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "conf/suggest.h"

#define SHOWN_COLUMNS 24

/* clang-format off */
const struct column_row column_rows[COLUMN_COUNT] = {
	[COLUMN_JOB]      = { "job",      false, true,  "the job's name" },
	[COLUMN_RUN]      = { "run",      false, true,  "the first 8 characters of the run id; whole where the output is no terminal" },
	[COLUMN_PARENT]   = { "parent",   false, false, "the run around it, in the same way" },
	[COLUMN_USER]     = { "user",     false, false, "whose state directory it is in; of a process its effective user" },
	[COLUMN_PID]      = { "pid",      true,  true,  "process id; of a run that of the process that its caller waits for" },
	[COLUMN_PPID]     = { "ppid",     true,  false, "process id of the parent" },
	[COLUMN_KIND]     = { "kind",     false, false, "front and warden: the two guards; job: the command; member: any other process" },
	[COLUMN_STATE]    = { "state",    false, true,  "of a run: running, frozen, ending, lost (its guards are dead), elsewhere (another PID or time namespace); of a process: R, S, D, T, t, Z or I as ps(1) has it" },
	[COLUMN_AGE]      = { "age",      true,  true,  "time since its start, suspend counted" },
	[COLUMN_LEFT]     = { "left",     true,  false, "time left until the timeout" },
	[COLUMN_PROCS]    = { "procs",    true,  false, "members of the run" },
	[COLUMN_THREADS]  = { "threads",  true,  false, "threads; of a run those of its members" },
	[COLUMN_RSS]      = { "rss",      true,  true,  "resident memory; of a run that of its members" },
	[COLUMN_CPU]      = { "cpu",      true,  false, "processor time used; of a run by the members that are alive" },
	[COLUMN_SLOT]     = { "slot",     false, false, "of a run with --slots: whose slot it has, which, and of how many: net/2 of 4" },
	[COLUMN_CLAIM]    = { "claim",    true,  false, "memory that a run with --expect-mem was let in with" },
	[COLUMN_DEPTH]    = { "depth",    true,  false, "generations below the warden: 1 is the job, or who lost its parent" },
	[COLUMN_LEFTOVER] = { "leftover", false, false, "yes: the job itself, or the guards, are gone, and this process is still there" },
	[COLUMN_MARKS]    = { "marks",    false, false, "what tells a process to be of the run, should both guards be killed before they have seen it: both, run-id (in its environment), session; lost: neither; ?: its environment cannot be read" },
	[COLUMN_TASK]     = { "task",     false, false, "what the run belongs to, by --task" },
	[COLUMN_STEP]     = { "step",     false, false, "the step of it, by --step" },
	[COLUMN_LOG]      = { "log",      false, false, "the file with the run's output" },
	[COLUMN_COMM]     = { "comm",     false, false, "the name of the process" },
	[COLUMN_COMMAND]  = { "command",  false, true,  "of a run its command line as recorded; of a process its name" },
};
/* clang-format on */

static bool has(const struct columns *columns, unsigned column)
{
	return memchr(columns->at, (int)column, columns->count) != NULL;
}

static void add(struct columns *columns, unsigned column)
{
	if (!has(columns, column))
		columns->at[columns->count++] = (uint8_t)column;
}

void columns_usual(struct columns *out_columns, bool has_users)
{
	out_columns->count = 0;
	if (has_users)
		add(out_columns, COLUMN_USER);
	for (unsigned i = 0; i < COLUMN_COUNT; i++)
		if (column_rows[i].is_usual)
			add(out_columns, i);
}

void columns_list(struct buf *out)
{
	for (unsigned i = 0; i < COLUMN_COUNT; i++) {
		buf_str(out, i ? ", " : "");
		buf_str(out, column_rows[i].name);
	}
}

static int refuse(const char *name, size_t n, struct buf *why)
{
	const char *nearest = NULL;
	size_t least = SUGGEST_FAR;

	for (unsigned i = 0; i < COLUMN_COUNT; i++) {
		size_t rank = suggest_rank(name, n, column_rows[i].name);
		if (rank >= least)
			continue; /* equal: the earlier row keeps it, so messages are stable */
		least = rank;
		nearest = column_rows[i].name;
	}
	if (n == 0) {
		buf_str(why, "a column is missing");
	} else {
		buf_str(why, "unknown column ");
		escape_word(why, name, n, SHOWN_COLUMNS);
	}
	if (nearest) {
		buf_str(why, ", did you mean ");
		buf_str(why, nearest);
		buf_char(why, '?');
	}
	buf_str(why, nearest ? " There are " : ": there are ");
	columns_list(why);
	return -EINVAL;
}

static unsigned find(const char *name, size_t n)
{
	unsigned i = 0;
	while (i < COLUMN_COUNT && (strlen(column_rows[i].name) != n || memcmp(column_rows[i].name, name, n)))
		i++;
	return i;
}

int columns_parse(const char *text, struct columns *out_columns, struct buf *why)
{
	struct columns columns = { .count = 0 };
	bool is_more = text[0] == '+';

	if (is_more) {
		columns_usual(&columns, false);
		columns.count--; /* the last comes last again */
		text++;
	}
	for (;;) {
		size_t n = strcspn(text, ",");
		unsigned column = find(text, n);
		if (column == COLUMN_COUNT)
			return refuse(text, n, why);
		add(&columns, column);
		if (text[n] == '\0')
			break;
		text += n + 1;
	}
	if (is_more)
		add(&columns, COLUMN_COMMAND);
	*out_columns = columns;
	return 0;
}
