/* What a run came to and what its caller is told.  Pure. */
#ifndef SG_CORE_OUTCOME_H
#define SG_CORE_OUTCOME_H

#include <stdbool.h>
#include <stdint.h>

enum outcome {
	OUTCOME_OK,
	OUTCOME_FAILED,
	OUTCOME_SIGNALED,
	OUTCOME_TIMEOUT,
	OUTCOME_LIMIT,
	OUTCOME_CONFLICT,
	OUTCOME_BREAKER_OPEN,
	OUTCOME_REFUSED,
	OUTCOME_KILLED,
	OUTCOME_REPLACED,
	OUTCOME_LEASE_LOST,
	OUTCOME_SURVIVORS,
	OUTCOME_GUARD_ERROR,
	OUTCOME_LOST,
	OUTCOME_COUNT
};

/* Why the tree was ended. */
enum end_cause {
	CAUSE_NONE, /* the job ended by itself */
	CAUSE_TIMEOUT,
	CAUSE_SIGNAL,  /* TERM, or another of --end-on, to front or warden */
	CAUSE_HANGUP,  /* the terminal is gone */
	CAUSE_REQUEST, /* spawnguard kill */
	CAUSE_OUTER,   /* the run around this one ends */
	CAUSE_FRONT_DEAD,
	CAUSE_WARDEN_DEAD,
	CAUSE_BOTH_DEAD,     /* found by a later start or by reap */
	CAUSE_NOT_STARTED,   /* the command could not be executed, or no process could be made */
	CAUSE_PARENT,        /* the process that started front has ended (--with-parent) */
	CAUSE_REPLACED,      /* by a start of the same job with --on-conflict=replace */
	CAUSE_LIMIT,         /* a limit was passed */
	CAUSE_START_TIMEOUT, /* not ready in time (--start-timeout) */
	CAUSE_IDLE_TIMEOUT,  /* nothing done for too long (--idle-timeout) */
	CAUSE_HEARTBEAT,     /* not heard of for too long (--heartbeat) */
	CAUSE_COUNT
};

struct outcome_facts {
	enum end_cause cause;
	bool has_status;       /* the job's own status is known */
	bool was_over;         /* ... and it had ended by itself before there was a cause */
	int job_status;        /* of wait(2) */
	bool is_success;       /* it is one of those that count as ok */
	uint32_t survivors;    /* members that could not be ended */
	int start_errno;       /* with CAUSE_NOT_STARTED: of exec; of what comes before it if negative */
	bool preserves_status; /* a timeout does not change what front returns */
};

struct outcome_verdict {
	enum outcome outcome;
	int exit_code;    /* what front returns */
	int raise_signal; /* front dies of it instead; 0 = no */
};

/*
 * Where several apply: guard error before survivors (where the job did not
 * fail by itself) before timeout before the job's own status.  What counts as
 * ok changes the outcome, never what front returns.
 */
struct outcome_verdict outcome_judge(const struct outcome_facts *facts);

/* Stable names: "ok", "timeout"; "none", "timeout", "signal". */
const char *outcome_name(enum outcome outcome);
const char *cause_name(enum end_cause cause);

#endif
