#include "conf/options.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "conf/job.h"
#include "conf/suggest.h"

static const char *const conflict_words[] = { "fail", "skip", "wait", NULL };
static const char *const term_words[] = { "tree", "job", NULL };
static const char *const leftovers_words[] = { "end", "wait", "leave", NULL };
static const char *const session_words[] = { "auto", "keep", "new", NULL };

static_assert(COUNT_OF(conflict_words) == CONFLICT_COUNT + 1, "one word for each enum on_conflict");
static_assert(COUNT_OF(term_words) == TERM_COUNT + 1, "one word for each enum term_to");
static_assert(COUNT_OF(leftovers_words) == LEFTOVERS_COUNT + 1, "one word for each enum leftovers");
static_assert(COUNT_OF(session_words) == SESSION_COUNT + 1, "one word for each enum session");

/* What an option takes: its name in help, whether it may be left out, its words. */
#define NOTHING            NULL, false, NULL
#define TAKES(arg)         arg, false, NULL
#define MAY_TAKE(arg)      arg, true, NULL
#define ONE_OF(arg, words) arg, false, words

#define AT(field) offsetof(struct job, field), sizeof(((struct job *)0)->field)

/*
 * In the order of help: by group, and within it what belongs together.  A
 * name may come twice for different commands.
 */
/* clang-format off */
const struct option_row option_rows[] = {
	{ "name",               'N', KIND_NAME,     TAKES("NAME"),  AT(name), NULL, "name of the job: one name, one copy; by default the command's name and a hash of program and arguments", GROUP_LOCK, FOR_RUN },
	{ "no-wait",            'n', KIND_NO_WAIT,  NOTHING,        AT(on_conflict), NULL, "do not wait for a running copy: refuse at once (--on-conflict=fail, the default)", GROUP_LOCK, FOR_RUN },
	{ "wait",               'w', KIND_WAIT,     MAY_TAKE("D"),  AT(wait_ns), "none", "wait until no copy runs, at most D; written --wait=D or -w D", GROUP_LOCK, FOR_RUN },
	{ "on-conflict",         0,  KIND_WORD,     ONE_OF("fail|skip|wait", conflict_words), AT(on_conflict), "fail", "when a copy runs: refuse, do nothing and be content (exit 0), or wait", GROUP_LOCK, FOR_RUN },
	{ "conflict-exit-code", 'E', KIND_STATUS,   TAKES("N"),     AT(conflict_exit), "75", "exit status when a copy runs already", GROUP_LOCK, FOR_RUN },
	{ "complain-after",      0,  KIND_DURATION, TAKES("D"),     AT(complain_ns), "none", "say so when waiting takes longer than D", GROUP_LOCK, FOR_RUN },
	{ "no-lock",             0,  KIND_FLAG,     NOTHING,        AT(no_lock), NULL, "any number of copies may run", GROUP_LOCK, FOR_RUN },
	{ "shared",              0,  KIND_FLAG,     NOTHING,        AT(shared), NULL, "run beside other --shared copies, but never beside one without it", GROUP_LOCK, FOR_RUN },
	{ "lock-file",           0,  KIND_TEXT,     TAKES("PATH"),  AT(lock_file), NULL, "lock this file too, as flock(1) does; with --no-lock: this file alone", GROUP_LOCK, FOR_RUN },

	{ "timeout",            't', KIND_DURATION, TAKES("D"),     AT(timeout_ns), "none", "end the run after D; time in suspend counts", GROUP_END, FOR_RUN },
	{ "kill-after",         'k', KIND_GRACE,    TAKES("D"),     AT(kill_after_ns), "5s", "send KILL this long after TERM; none: at once", GROUP_END, FOR_RUN },
	{ "kill-after",         'k', KIND_GRACE,    TAKES("D"),     AT(grace_ns), NULL, "send KILL this long after TERM; none: at once; by default as the run asked", GROUP_END, FOR_KILL },
	{ "signal",             's', KIND_SIGNAL,   TAKES("SIG"),   AT(signal), "TERM", "the signal that asks the tree to end", GROUP_END, FOR_RUN },
	{ "term",                0,  KIND_WORD,     ONE_OF("tree|job", term_words), AT(term), "tree", "send it to the whole tree, or to the job first", GROUP_END, FOR_RUN },
	{ "end-on",              0,  KIND_SIGNALS,  TAKES("LIST"),  AT(end_on), NULL, "these signals end the run too, as TERM does: INT,USR1", GROUP_END, FOR_RUN },
	{ "leftovers",           0,  KIND_WORD,     ONE_OF("end|wait|leave", leftovers_words), AT(leftovers), "end", "processes left when the job has ended by itself: end them, wait for them, or leave them alone for ever", GROUP_END, FOR_RUN },

	{ "interval",            0,  KIND_INTERVAL, TAKES("D"),     AT(interval_ns), NULL, "look at the tree this often, 1ms to 1h; none: never; by default as often as it changes", GROUP_LIMITS, FOR_RUN },

	{ "session",             0,  KIND_WORD,     ONE_OF("auto|keep|new", session_words), AT(session), "auto", "the job's session: new where there is no terminal, the caller's, or always new", GROUP_WORLD, FOR_RUN },

	{ "run-id",              0,  KIND_RUN_ID,   TAKES("ID"),    AT(run_id), NULL, "id of this run: up to 64 of A-Z a-z 0-9 _ -, never used before; by default random", GROUP_RECORD, FOR_RUN },
	{ "task",                0,  KIND_TEXT,     TAKES("TEXT"),  AT(task), NULL, "what this run belongs to, for the record", GROUP_RECORD, FOR_RUN },
	{ "step",                0,  KIND_TEXT,     TAKES("TEXT"),  AT(step), NULL, "which step of the task this is, for the record", GROUP_RECORD, FOR_RUN },
	{ "tag",                 0,  KIND_TAG,      TAKES("K=V"),   AT(tag), NULL, "a note for the record; may come 16 times", GROUP_RECORD, FOR_RUN },
	{ "status-fd",           0,  KIND_FD,       TAKES("N"),     AT(status_fd), "none", "write how the run ended to this descriptor, as one JSON object", GROUP_RECORD, FOR_RUN },
	{ "status-file",         0,  KIND_TEXT,     TAKES("PATH"),  AT(status_file), NULL, "the same to this file", GROUP_RECORD, FOR_RUN },
	{ "stats",               0,  KIND_FLAG,     NOTHING,        AT(stats), NULL, "one line at the end: wall time, CPU, peak memory, processes", GROUP_RECORD, FOR_RUN },

	{ "state-dir",           0,  KIND_TEXT,     TAKES("DIR"),   AT(state_dir), NULL, "where locks, records and history are", GROUP_GENERAL, FOR_ALL },
	{ "dry-run",             0,  KIND_FLAG,     NOTHING,        AT(dry_run), NULL, "say what would happen, and do nothing", GROUP_GENERAL, FOR_ENDERS },
	{ "json",                0,  KIND_FLAG,     NOTHING,        AT(json), NULL, "write JSON", GROUP_GENERAL, FOR_REPORTS },
	{ "quiet",              'q', KIND_FLAG,     NOTHING,        AT(quiet), NULL, "write nothing but errors", GROUP_GENERAL, FOR_ENDERS },
	{ "verbose",            'v', KIND_COUNTER,  NOTHING,        AT(verbose), NULL, "say each step", GROUP_GENERAL, FOR_ENDERS },
	{ "help",               'h', KIND_FLAG,     NOTHING,        AT(help), NULL, "this text", GROUP_GENERAL, FOR_ALL },
	{ "version",            'V', KIND_FLAG,     NOTHING,        AT(version), NULL, "the version", GROUP_GENERAL, FOR_ALL },
};

const char *const option_group_title[] = {
	[GROUP_LOCK]    = "Name and lock",
	[GROUP_END]     = "Time and end",
	[GROUP_LIMITS]  = "Limits",
	[GROUP_LOOPS]   = "Loops",
	[GROUP_WORLD]   = "The job's world",
	[GROUP_RECORD]  = "Record",
	[GROUP_GENERAL] = "General",
};
/* clang-format on */
static_assert(COUNT_OF(option_group_title) == GROUP_COUNT, "one title for each group");
const size_t option_count = COUNT_OF(option_rows);

const struct option_row *option_find(const char *name, size_t n, unsigned command)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if ((row->commands & command) && strlen(row->name) == n && memcmp(row->name, name, n) == 0)
			return row;
	}
	return NULL;
}

const struct option_row *option_find_letter(char letter, unsigned command)
{
	if (letter == '\0')
		return NULL; /* what rows without a letter have */
	for (size_t i = 0; i < option_count; i++) {
		if ((option_rows[i].commands & command) && option_rows[i].letter == letter)
			return &option_rows[i];
	}
	return NULL;
}

const char *option_suggest(const char *name, size_t n, unsigned command)
{
	const char *nearest = NULL;
	size_t least = SUGGEST_FAR;
	for (size_t i = 0; i < option_count; i++) {
		if (!(option_rows[i].commands & command))
			continue;
		size_t rank = suggest_rank(name, n, option_rows[i].name);
		if (rank >= least)
			continue; /* equal: the earlier row keeps it, so messages are stable */
		least = rank;
		nearest = option_rows[i].name;
	}
	return nearest;
}
