/* The one table of options: argv, help, suggestions (later: config keys, man page lists) all read it. */
#ifndef SG_CONF_OPTIONS_H
#define SG_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
	KIND_FLAG,     /* bool */
	KIND_COUNTER,  /* uint32_t, +1 each time */
	KIND_TEXT,     /* const char * */
	KIND_NAME,     /* const char *: 1..200 bytes once encoded as a file name */
	KIND_RUN_ID,   /* const char *: 1..64 of [A-Za-z0-9_-] */
	KIND_TAG,      /* const char *[JOB_TAGS_MAX], K=V, may come again */
	KIND_DURATION, /* uint64_t ns; "none" = NUM_NONE; 0 refused */
	KIND_GRACE,    /* uint64_t ns; "none" = 0; 0 refused; without a fallback NUM_NONE = not said */
	KIND_WAIT,     /* uint64_t ns: the deadline, if any; sets on_conflict = wait */
	KIND_NO_WAIT,  /* enum on_conflict: sets it to fail */
	KIND_INTERVAL, /* uint64_t ns; "none" = NUM_NONE; 1ms..1h */
	KIND_SIGNAL,   /* int: TERM, SIGTERM, 15, RTMIN+1 */
	KIND_SIGNALS,  /* uint64_t: bit N-1; comma-separated; "none"; KILL and STOP refused */
	KIND_STATUS,   /* uint8_t: exit status 0..255 */
	KIND_FD,       /* int >= 0; "none" = -1 */
	KIND_WORD,     /* enum (int-sized): index into `words` */
	KIND_COUNT
};

enum option_group {
	GROUP_LOCK,
	GROUP_END,
	GROUP_LIMITS,
	GROUP_LOOPS,
	GROUP_WORLD,
	GROUP_RECORD,
	GROUP_GENERAL,
	GROUP_COUNT
};

/* Which programs take the option. */
#define FOR_RUN     1U
#define FOR_PS      2U
#define FOR_KILL    4U
#define FOR_REAP    8U
#define FOR_ALL     (FOR_RUN | FOR_PS | FOR_KILL | FOR_REAP)
#define FOR_ENDERS  (FOR_RUN | FOR_KILL | FOR_REAP) /* what ends processes */
#define FOR_REPORTS (FOR_PS | FOR_KILL | FOR_REAP)  /* what writes its result */

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
