/* The one table of options: argv, configuration, help, man page lists and suggestions all read it. */
#ifndef SG_CONF_OPTIONS_H
#define SG_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	KIND_FLAG,     /* bool: alone or "yes", "no" */
	KIND_COUNTER,  /* uint32_t: alone +1, or 0 to 9 */
	KIND_PLACES,   /* uint32_t: 1 to JOB_QUEUE_MAX */
	KIND_SLOTS,    /* uint32_t: 1 to JOB_SLOTS_MAX; "auto" = JOB_SLOTS_AUTO; "none" = 0 */
	KIND_TEXT,     /* const char * */
	KIND_NAME,     /* const char *: 1..200 bytes once encoded as a file name */
	KIND_RUN_ID,   /* const char *: 1..64 of [A-Za-z0-9_-] */
	KIND_OPEN_ON,  /* const char *[JOB_OPEN_ON_MAX], REGEX[=UNTIL], may come again */
	KIND_FILES,    /* const char *[JOB_WATCH_MAX], may come again */
	KIND_BUDGET,   /* const char *[JOB_BUDGETS_MAX], K=LIMIT or K=none, may come again */
	KIND_TAG,      /* const char *[JOB_TAGS_MAX], K=V, may come again */
	KIND_DURATION, /* uint64_t ns; "none" = NUM_NONE; 0 refused */
	KIND_GRACE,    /* uint64_t ns; "none" = 0; 0 refused; without a fallback NUM_NONE = not said */
	KIND_WAIT,     /* uint64_t ns: the deadline, if any; sets on_conflict = wait, unless it is queue */
	KIND_NO_WAIT,  /* enum on_conflict: sets it to fail */
	KIND_INTERVAL, /* uint64_t ns; "none" = NUM_NONE; 1ms..1h */
	KIND_SIGNAL,   /* int: TERM, SIGTERM, 15, RTMIN+1 */
	KIND_SIGNALS,  /* uint64_t: bit N-1; comma-separated; "none"; KILL and STOP refused */
	KIND_STATUS,   /* uint8_t: exit status 0..255 */
	KIND_FD,       /* int >= 0; "none" = -1 */
	KIND_WORD,     /* enum (int-sized): index into `words`; alone, where it may be: the second */
	KIND_WORDS,    /* const char *: a command line by the rules of conf/words.h */
	KIND_NAMES,    /* const char *: variables with commas between, by conf/variables.h; "none" = NULL */
	KIND_TIMES,    /* uint32_t: 1 to RETRY_MAX; "none" = 0 */
	KIND_CLASSES,  /* uint32_t: bit i, class i of core/failure.h; names, all, none */
	KIND_ENV,      /* const char *[JOB_ENV_MAX], K=V, may come again */
	KIND_BYTES,    /* uint64_t; "none" = NUM_NONE; 0 refused */
	KIND_EXPECT,   /* as KIND_BYTES; "auto" = JOB_EXPECT_AUTO */
	KIND_MIN_FREE, /* const char *: DIR:SIZE[,...] of conf/room_value.h; "none" = NULL */
	KIND_PRESSURE, /* const char *: memory=10[,...] of conf/room_value.h; "none" = NULL */
	KIND_TAIL,     /* uint64_t bytes, 256 to 8K; alone 4K; "none" = 0 */
	KIND_LINES,    /* uint32_t; "none" = 0 */
	KIND_MODE,     /* int: octal, 0 to 0777; "none" = -1 */
	KIND_NICE,     /* int: -20 to 19; "none" = JOB_INT_NONE */
	KIND_OOM,      /* int: -1000 to 1000; "none" = JOB_INT_NONE */
	KIND_IONICE,   /* int: class[:level] as ioprio_set(2) takes it; "none" = -1 */
	KIND_STATUSES, /* struct statuses: 0,3,10-12,TERM */
	KIND_COLUMNS,  /* struct columns: job,pid or +user */
	KIND_LIMIT,   /* struct limit_bound, by the unit of its row in core/limit.h: HARD, SOFT:HARD, SOFT: */
	KIND_YIELD,   /* struct yield_value */
	KIND_NUMBER,  /* uint32_t: 1 or more; "none" = 0 */
	KIND_PREFIX,  /* struct job_prefixes, may come again */
	KIND_UPTIME,  /* uint64_t ns of struct circuit_rules, and of struct failure_rules too; "none" = 0 */
	KIND_RATE,    /* struct circuit_rate: N/D; "none" = 0 */
	KIND_STREAK,  /* uint32_t, 1 to CIRCUIT_STREAK_MAX; "none" = 0 */
	KIND_SPAN,    /* struct circuit_time: D/D; "none" = 0 */
	KIND_BACKOFF, /* struct circuit_steps[FAILURE_COUNT]: CLASS=D,D,..., may come again */
	KIND_CLASS,   /* struct statuses[FAILURE_COUNT]: CLASS=LIST, may come again; sets `listed` too */
	KIND_JITTER,  /* uint64_t millionths: 10%; "none" = CIRCUIT_NO_JITTER */
	KIND_HELP,    /* as KIND_WORD, but the letter stands alone */
	KIND_DETECT,  /* uint32_t: bit i, detector i of core/detect.h; names, -names, all, none */
	KIND_COUNT
};

enum option_group {
	GROUP_LOCK,
	GROUP_END,
	GROUP_LIMITS,
	GROUP_LOOPS,
	GROUP_WORLD,
	GROUP_RECORD,
	GROUP_FILE,
	GROUP_REPORT,
	GROUP_GENERAL,
	GROUP_COUNT
};

/* Which programs take the option. */
#define FOR_RUN     1U
#define FOR_PS      2U
#define FOR_KILL    4U
#define FOR_REAP    8U
#define FOR_STATUS  0x10U
#define FOR_DOCTOR  0x20U
#define FOR_CONFIG  0x40U
#define FOR_HELP    0x80U
#define FOR_WAIT    0x100U
#define FOR_FREEZE  0x200U
#define FOR_THAW    0x400U
#define FOR_LOGS    0x800U
#define FOR_EXPLAIN 0x1000U
#define FOR_NOTIFY  0x2000U
#define FOR_WATCH   0x4000U
#define FOR_BREAKER 0x10000U /* 0x8000: FOR_FILE */
#define FOR_BATCH   0x20000U
#define FOR_ALL     (0x7fffU | FOR_BREAKER | FOR_BATCH)
#define FOR_RULES   (FOR_RUN | FOR_FILE | FOR_EXPLAIN | FOR_WATCH | FOR_BATCH) /* what asks the limits */
#define FOR_STILLS  (FOR_FREEZE | FOR_THAW) /* what asks a run to stand still, or to go on */
#define FOR_OTHERS  (FOR_ALL & ~FOR_RUN)    /* all but run */
#define FOR_STATE   (FOR_ALL & ~(FOR_HELP | FOR_EXPLAIN | FOR_NOTIFY)) /* what has to do with state */
#define FOR_ENDERS  (FOR_RUN | FOR_KILL | FOR_REAP)                    /* what ends processes */
#define FOR_REPORTS                                                                                       \
	(FOR_PS | FOR_KILL | FOR_REAP | FOR_STATUS | FOR_DOCTOR | FOR_CONFIG | FOR_EXPLAIN | FOR_STILLS | \
	 FOR_WATCH | FOR_BREAKER | FOR_BATCH) /* what writes its result */
/* The configuration file takes options too: as keys of [defaults] and [job NAME]. */
#define FOR_FILE 0x8000U
#define FOR_JOB  (FOR_RUN | FOR_FILE)
#define FOR_ITEM (FOR_JOB | FOR_BATCH) /* what a batch passes on to the run of each item */

struct option_row {
	const char *name;         /* kill-after: --kill-after, key kill-after */
	char letter;              /* 'k', 0 = none */
	enum option_kind kind;    /* parser, unit and the type of the field */
	const char *arg;          /* as help shows it: D, SIZE, NAME; NULL = takes none */
	bool arg_optional;        /* only as --name=ARG; the letter takes it always */
	const char *const *words; /* of KIND_WORD, NULL-terminated, in enum order */
	size_t at, size;          /* field of struct job */
	const char *fallback;     /* parsed like the user's text; shown as the default; NULL = zero/NULL */
	const char *help;         /* one line, no full stop */
	enum option_group group;
	unsigned commands; /* FOR_… */
};
extern const struct option_row option_rows[];
extern const size_t option_count;
extern const char *const option_group_title[GROUP_COUNT];

/* Row of that long name or letter for `command` (FOR_…), or NULL. */
const struct option_row *option_find(const char *name, size_t n, unsigned command);
const struct option_row *option_find_letter(char letter, unsigned command);
/* The nearest long name within a third of its length, else the first that begins so, or NULL. */
const char *option_suggest(const char *name, size_t n, unsigned command);

#endif
