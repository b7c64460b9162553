/*
 * The breaker of a job: its runs' ends counted, and when it may be started again.  Pure: rules, state, event
 * and how much time has passed -> state and decision.  Times in it are ages and waits, so that neither a
 * clock that is set nor a boot means anything here.
 *
 * closed -> open -> half-open (open, and its wait is over) -> closed.  "Half-open" stands nowhere: whoever
 * then has the lock of the trial runs, so nothing can stay in it.  All zero: closed, and nothing is known.
 */
#ifndef SG_CORE_CIRCUIT_H
#define SG_CORE_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/budget.h"
#include "core/failure.h"

#define CIRCUIT_STEPS_MAX   16
#define CIRCUIT_RATE_MAX    100 /* N of --max-failures and --max-timeouts */
#define CIRCUIT_STREAK_MAX  1000
#define CIRCUIT_RING        20 /* ends that are kept */
#define CIRCUIT_RUN_ID_MAX  64
#define CIRCUIT_PRINT_MAX   31
#define CIRCUIT_SUMMARY_MAX 159
#define CIRCUIT_REASON_MAX  159
#define CIRCUIT_JITTER_PPM  100000 /* where nothing is said */
#define CIRCUIT_NO_JITTER   UINT64_MAX
#define CIRCUIT_NEVER       UINT64_MAX /* a wait: until somebody closes it; an age: it never was */

/* --- rules ---------------------------------------------------------------------------------------------- */

/* What opens it.  Order: that of `explain`, and which one is told where several are reached. */
enum circuit_rule {
	CIRCUIT_RULE_NONE,
	CIRCUIT_RULE_HAND,         /* breaker open */
	CIRCUIT_RULE_OPEN_ON,      /* --open-on */
	CIRCUIT_RULE_ENVIRONMENT,  /* a failure that uses up no attempt: waits, and no more */
	CIRCUIT_RULE_MAX_FAILURES, /* --max-failures N/D */
	CIRCUIT_RULE_MIN_UPTIME,   /* --min-uptime D alone: 3 early ends within 10 x D */
	CIRCUIT_RULE_MAX_TIMEOUTS,
	CIRCUIT_RULE_SAME_FAILURE,
	CIRCUIT_RULE_ZERO_YIELD,
	CIRCUIT_RULE_TIME_BUDGET,
	CIRCUIT_RULE_COUNT
};

struct circuit_rate {
	uint32_t count; /* 0 = no such rule; at most CIRCUIT_RATE_MAX */
	uint64_t per_ns;
};

struct circuit_time {
	uint64_t limit_ns; /* 0 = no such rule */
	uint64_t per_ns;
};

struct circuit_steps {
	uint32_t count; /* 0 = those of circuit_steps_of() */
	uint64_t ns[CIRCUIT_STEPS_MAX];
};

struct circuit_rules {
	uint64_t min_uptime_ns; /* 0 = none; what is early is core/failure's to say */
	struct circuit_rate failures, timeouts;
	uint32_t same_failure, zero_yield; /* 0 = none */
	struct circuit_time time;          /* --time-budget */
	bool has_open_on;
	uint64_t jitter_ppm;     /* at most so much of a wait comes on top; 0 = 10 % */
	uint64_t reset_after_ns; /* 0 = 10 minutes, or the longest time of the rates above */
	struct circuit_steps backoff[FAILURE_COUNT];
};

/* Does anything open it but a hand? */
bool circuit_rules_are_set(const struct circuit_rules *rules);
/* The waits of a class, given or built in: never without one. */
const struct circuit_steps *circuit_steps_of(const struct circuit_rules *rules, enum failure failure);
/* The wait after the n-th failure in a row (from 0; the last one repeats), with its jitter by `random`. */
uint64_t circuit_step(const struct circuit_rules *rules, enum failure failure, uint32_t n, uint32_t random);
uint64_t circuit_reset_after(const struct circuit_rules *rules);
/* Stable names: "max-failures", "by hand", ... */
const char *circuit_rule_name(enum circuit_rule rule);
enum circuit_rule circuit_rule_by_name(const char *name, uint32_t n);

/* --- state ---------------------------------------------------------------------------------------------- */

enum circuit_start { CIRCUIT_START_NORMAL, CIRCUIT_START_TRIAL, CIRCUIT_START_FORCED, CIRCUIT_START_COUNT };
enum circuit_yield { CIRCUIT_YIELD_UNKNOWN, CIRCUIT_YIELD_NOTHING, CIRCUIT_YIELD_SOME };

/* A run's end. */
struct circuit_end {
	char run_id[CIRCUIT_RUN_ID_MAX + 1];
	enum failure failure;
	enum circuit_start start;
	enum circuit_yield yield;
	uint64_t ago_ns, took_ns;
	uint64_t peak_bytes;               /* 0 = unknown */
	char print[CIRCUIT_PRINT_MAX + 1]; /* fingerprint, "" = none */
};

struct circuit_failure {
	uint64_t ago_ns;
	enum failure failure;
};

struct circuit {
	struct circuit_rules rules; /* as last asked for */
	bool is_open;
	uint64_t wait_ns; /* while open: until a trial is due, 0 = it is; CIRCUIT_NEVER = by hand only */
	uint64_t full_ns; /* that wait as it began */
	uint64_t open_ns; /* for so long it has been open */
	bool is_untold;   /* its flag was raised by nobody: left to the next start */
	/* why it is open, or was the last time */
	enum circuit_rule rule;
	enum failure failure;
	uint32_t count;                      /* failures that did it ... */
	uint64_t span_ns;                    /* ... in this time */
	bool is_mixed;                       /* not all of them of the class `failure` */
	char print[CIRCUIT_PRINT_MAX + 1];   /* theirs, where they all have the same */
	char reason[CIRCUIT_REASON_MAX + 1]; /* of who opened it by hand */
	/* what is counted */
	uint32_t level[FAILURE_COUNT]; /* openings by each class since it was last healthy */
	struct circuit_failure failed[CIRCUIT_RATE_MAX]; /* the oldest first */
	uint32_t failed_count;
	bool is_healthy;     /* a good end has come after the last failure ... */
	uint64_t healthy_ns; /* ... so long ago */
	uint32_t same_count; /* last ends with same_print */
	char same_print[CIRCUIT_PRINT_MAX + 1];
	char summary[CIRCUIT_SUMMARY_MAX + 1]; /* of the last failure, for people; "" = none */
	uint32_t zero_count;                   /* last ends that brought nothing */
	struct budget time;                    /* of --time-budget */
	struct circuit_end ring[CIRCUIT_RING]; /* the oldest first */
	uint32_t ring_count;
};

/* So much later. */
void circuit_pass(struct circuit *c, uint64_t ns);

enum circuit_state { CIRCUIT_CLOSED, CIRCUIT_OPEN, CIRCUIT_HALF_OPEN, CIRCUIT_STATE_COUNT };
enum circuit_state circuit_state(const struct circuit *c);
const char *circuit_state_name(enum circuit_state state); /* "closed", "open", "half-open" */
/* Is there anything that such an end changes?  Else it need not be written: `c` with the rules of the run. */
bool circuit_wants(const struct circuit *c, enum failure failure);

/* --- events --------------------------------------------------------------------------------------------- */

enum circuit_answer {
	CIRCUIT_GO,    /* closed */
	CIRCUIT_TRIAL, /* half-open: whoever gets the lock of the trial */
	CIRCUIT_REFUSE /* open: for wait_ns more */
};
/* May it start?  Changes nothing. */
enum circuit_answer circuit_ask(const struct circuit *c);

struct circuit_change {
	bool is_new;   /* false: this run's end was here before, nothing has changed */
	bool opened;   /* from closed: once per opening */
	bool reopened; /* by a trial that failed, or for longer */
	bool closed;
	uint32_t same_in_row;                 /* ends with its fingerprint up to now; 0 = it has none */
	char same_as[CIRCUIT_RUN_ID_MAX + 1]; /* the one before with that fingerprint, "" = none */
};

/*
 * A run has ended, by c->rules (of that run, set by the caller before).  `random`
 * is for the jitter; `until_ns`: how long a match of --open-on wants it open,
 * CIRCUIT_NEVER = by the steps of its class, 0 = none has matched; `summary`
 * may be NULL.  end->ago_ns is not looked at: it ended now.
 */
struct circuit_change circuit_end(struct circuit *c, const struct circuit_end *end, const char *summary,
				  uint64_t until_ns, uint32_t random);
/* Opened by hand, for so long (CIRCUIT_NEVER: until it is closed by hand); `reason` may be NULL. */
struct circuit_change circuit_open(struct circuit *c, uint64_t for_ns, const char *reason);
/* Closed by hand: what was counted is forgotten; ends are kept to be looked at. */
struct circuit_change circuit_reset(struct circuit *c);
/* A trial is due now, whatever it waits for: by hand. */
void circuit_allow_trial(struct circuit *c);
/* The same because the program or its input has changed (--watch-input): not where a hand or --open-on has
 * opened it.  True: it did. */
bool circuit_input_changed(struct circuit *c);
/* Its file was damaged: one failure is assumed. */
void circuit_assume_failure(struct circuit *c);

/* --- to look at ------------------------------------------------------------------------------------------
 */

/* How near a rule is to opening it. */
struct circuit_gauge {
	bool is_set;
	uint64_t used, limit;    /* failures, ends, or ns */
	uint64_t per_ns;         /* 0 = in a row */
	uint64_t less_in_ns;     /* until `used` falls by itself; CIRCUIT_NEVER = only by what its runs do */
	enum failure next_class; /* what opens then, where that is known; else FAILURE_NONE */
};
struct circuit_gauge circuit_gauge(const struct circuit *c, enum circuit_rule rule);

/* The 95th percentile of the peaks in the ring; 0 = none known. */
uint64_t circuit_peak_p95(const struct circuit *c);

/* The transitions, one by one, as they are carried out; the manual shows them. */
enum circuit_event {
	CIRCUIT_EVENT_START,
	CIRCUIT_EVENT_OK,      /* a run ended well */
	CIRCUIT_EVENT_ENDED,   /* a run was ended by its user */
	CIRCUIT_EVENT_FAILED,  /* a run failed, no rule is reached */
	CIRCUIT_EVENT_REACHED, /* a run failed or brought nothing, and a rule is reached */
	CIRCUIT_EVENT_TRIAL_OK,
	CIRCUIT_EVENT_TRIAL_ENDED, /* a trial was ended by its user */
	CIRCUIT_EVENT_TRIAL_FAILED,
	CIRCUIT_EVENT_TRIAL_UNRULED, /* a trial failed, and no rule of the job is about failures */
	CIRCUIT_EVENT_FORCED_OK,     /* a run that --force has started ended well */
	CIRCUIT_EVENT_WAIT_OVER,
	CIRCUIT_EVENT_HEALTHY, /* for --reset-after no failure, and a good end */
	CIRCUIT_EVENT_OPEN,    /* by hand */
	CIRCUIT_EVENT_RESET,   /* by hand */
	CIRCUIT_EVENT_TRIAL,   /* by hand */
	CIRCUIT_EVENT_INPUT,   /* --watch-input */
	CIRCUIT_EVENT_COUNT
};
enum circuit_action {
	CIRCUIT_DO_NOTHING,
	CIRCUIT_DO_GO,
	CIRCUIT_DO_TRIAL,
	CIRCUIT_DO_REFUSE,
	CIRCUIT_DO_COUNT,    /* what the rules look at */
	CIRCUIT_DO_OPEN,     /* for the step of its class */
	CIRCUIT_DO_OPEN_FOR, /* as long as was asked for */
	CIRCUIT_DO_CLOSE,
	CIRCUIT_DO_FORGET, /* what was counted */
	CIRCUIT_DO_DUE,    /* a trial, now */
	CIRCUIT_ACTION_COUNT
};
struct circuit_row {
	enum circuit_state state;
	enum circuit_event event;
	enum circuit_action action;
	enum circuit_state next;
};
/* Each state with each event, in their order. */
extern const struct circuit_row circuit_rows[CIRCUIT_STATE_COUNT * CIRCUIT_EVENT_COUNT];
const char *circuit_event_text(enum circuit_event event);
const char *circuit_action_text(enum circuit_action action);

#endif
