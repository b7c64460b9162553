/*
 * Many items, each a run of its own, with brakes: which is next, what an end leads to, how long it will take.
 * Pure: time comes as what has passed, items and families belong to the caller.
 */
#ifndef SG_CORE_BATCH_H
#define SG_CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum batch_state {
	BATCH_WAITS,
	BATCH_RUNS,
	BATCH_OK,
	BATCH_FAILED,  /* and has no attempt left */
	BATCH_STOPPED, /* was ended by somebody: that was no attempt; it waits again at the next sitting */
	BATCH_SKIPPED, /* by a rule */
	BATCH_STATE_COUNT
};

/* What keeps items from being run. */
enum batch_rule {
	RULE_NONE,
	RULE_ONLY_PREFIX,
	RULE_SKIP_PREFIX,
	RULE_SAME_FAILURE, /* a family */
	RULE_MAX_TIMEOUTS, /* a family */
	RULE_MAX_ATTEMPTS, /* the item */
	RULE_MAX_RUNS,     /* from here on: all that is left */
	RULE_TOTAL,
	RULE_CANARY,
	RULE_ZERO_YIELD,
	RULE_REFUSED, /* the guard did not start it */
	RULE_ASKED,   /* somebody asked the batch to end */
	RULE_COUNT
};

struct batch_rule_row {
	const char *name; /* in session files; of those that an option asks for, the option */
	bool is_option;
	bool is_brake;    /* it keeps from being run what was to be run */
	const char *text; /* for people */
};
extern const struct batch_rule_row batch_rules[RULE_COUNT];

/* 0 = none. */
struct batch_brakes {
	uint32_t jobs; /* at a time, at least 1 */
	uint32_t max_runs, canary, same_failure, max_timeouts, zero_yield;
	uint32_t max_attempts; /* at least 1 */
	uint64_t total_ns;     /* NUM_NONE = none */
};

enum batch_came_to { CAME_OK, CAME_FAILED, CAME_TIMEOUT, CAME_STOPPED, CAME_REFUSED, CAME_COUNT };

#define BATCH_YIELD_UNKNOWN UINT64_MAX

/* How a run ended. */
struct batch_end {
	enum batch_came_to came_to;
	uint64_t print; /* of a failure; 0 = none */
	uint64_t took_ns;
	uint64_t yield;      /* BATCH_YIELD_UNKNOWN */
	bool is_micro;       /* the yield is in millionths */
	const char *reason;  /* why it is 0; borrowed, NULL = none is known */
	const char *summary; /* of a failure, for people; borrowed, NULL = none */
};

struct batch_item {
	const char *text; /* borrowed; no NUL within */
	uint32_t n, family;
	uint32_t next; /* of its family, position + 1; 0 = the last */
	enum batch_state state;
	enum batch_rule rule; /* of what is skipped */
	uint32_t attempts;    /* that have ended */
	uint32_t failures;
	bool is_canary, is_told, is_of_sitting; /* is_of_sitting: an attempt at it ended in this one */
	bool prints_differ;                     /* of its failures */
	struct batch_end last;                  /* of the last attempt */
	uint64_t failed_print;                  /* of the last failure */
	const char *failed_summary;
};

#define BATCH_PRINTS 8 /* different failures of one family that are counted; of more, those met last */

struct batch_family {
	const char *name; /* borrowed */
	uint32_t n;
	uint32_t first; /* of its items, position + 1; 0 = it has none */
	uint32_t timeouts;
	struct {
		uint64_t print;
		uint32_t count, met; /* met: the greater, the later */
	} prints[BATCH_PRINTS];      /* since it was last ok */
	enum batch_rule stopped_by;
	uint32_t striker; /* the item whose end did it */
};

struct batch {
	struct batch_item *items;      /* borrowed */
	struct batch_family *families; /* borrowed */
	uint32_t count, family_count;
	struct batch_brakes brakes;
	/* of this sitting */
	uint32_t started, running, waiting, dealt; /* dealt: ended or skipped by a brake */
	uint32_t ok, failed, stopped, skipped;     /* of those: ends, not items */
	uint32_t zero_streak;
	uint64_t took_ns; /* of those that ended */
	uint32_t took_count;
	enum batch_rule stop; /* nothing is started any more */
	uint32_t striker;     /* the item whose end did it */
	/* inside */
	uint32_t cursor, round, met;
};

/* All items wait, families are fresh. */
void batch_init(struct batch *b);
/*
 * A sitting begins.  Fresh: the brakes know nothing of what was before, and
 * what they had skipped waits again; else it is the last one that goes on.
 * What was stopped waits again in either case.
 */
void batch_sit(struct batch *b, bool is_fresh);
/* Before anything is started: by a prefix. */
void batch_skip(struct batch *b, uint32_t item, enum batch_rule rule);

enum batch_next { NEXT_ITEM, NEXT_LATER, NEXT_NONE };
/* What may be started now, `passed_ns` into the sitting; later: when a run has ended. */
enum batch_next batch_next(struct batch *b, uint64_t passed_ns, uint32_t *out_item);
void batch_started(struct batch *b, uint32_t item);

/* The brake that an end has released: RULE_NONE for most. */
enum batch_rule batch_ended(struct batch *b, uint32_t item, const struct batch_end *end);
/* The batch is to end for a reason of the caller's; the first that is said counts. */
void batch_stop(struct batch *b, enum batch_rule rule);
/* Time is over, and there is something left to do. */
bool batch_is_out_of_time(const struct batch *b, uint64_t passed_ns);

/* The next item from `from` on that a brake has skipped and nobody was told of; batch->count: none. */
uint32_t batch_tell_skipped(struct batch *b, uint32_t from);

/* How many this sitting will have dealt with at its end, as it looks now. */
uint32_t batch_expected(const struct batch *b);
/* What it will still take; NUM_NONE: nothing is known yet. */
uint64_t batch_eta(const struct batch *b, uint64_t passed_ns);

/* 0 all ok, 1 some failed, 3 a brake kept something from being run. */
int batch_exit_status(const struct batch *b);

/* The rule of that name; RULE_NONE. */
enum batch_rule batch_rule_find(const char *name, size_t n);

#endif
