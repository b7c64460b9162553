/*
 * What kind of failure a run's end is, for the breaker of its job (core/circuit) and for --retry-on.  Pure.
 */
#ifndef SG_CORE_FAILURE_H
#define SG_CORE_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outcome.h"
#include "core/statuses.h"

enum failure {
	FAILURE_NONE,  /* no failure: health */
	FAILURE_ENDED, /* no failure and no health: its user, or an outer run, has ended it */
	FAILURE_STARTUP,
	FAILURE_FAILURE,
	FAILURE_TIMEOUT,
	FAILURE_LIMIT,
	FAILURE_ENVIRONMENT,
	FAILURE_QUOTA,
	FAILURE_KILLED,
	FAILURE_LOST,
	FAILURE_UNKNOWN,
	FAILURE_COUNT
};
#define FAILURE_FIRST FAILURE_STARTUP /* from here on they are failures: classes with a name of their own */

/* How a job wants its ends to be understood; all zero: nothing asked for. */
struct failure_rules {
	uint64_t min_uptime_ns; /* 0 = no end is too early */
	bool quick_ok;          /* a success never is */
	uint32_t listed;        /* bit of each class that --class lists */
	struct statuses list[FAILURE_COUNT];
};

struct failure_facts {
	enum outcome outcome; /* of core/outcome */
	enum end_cause cause;
	bool has_status; /* the job's own status is known */
	int job_status;  /* of wait(2) */
	int exit_code;   /* what front returns: 126 and 127 of a command that could not be executed */
	uint64_t took_ns;
	bool has_matched; /* --open-on: the end of its stderr says that it was refused its quota */
	bool not_ready;   /* --pre-check, --require-env, or no room for it: the command was not executed */
};

/*
 * The first row that fits, in the order of failure_rows: what was refused its
 * quota, what its user has ended, what --class lists, then by outcome; an end
 * that was too early is a startup failure.
 */
enum failure failure_judge(const struct failure_rules *rules, const struct failure_facts *facts);

/* Does it count towards --max-failures?  The environment's do not. */
bool failure_counts(enum failure failure);

/* Stable names: "none", "ended", "startup", ...  An unknown name or number is "unknown", which counts. */
const char *failure_name(enum failure failure);
enum failure failure_by_name(const char *name, uint32_t n);

enum failure_test {
	FAILURE_IF_MATCHED,
	FAILURE_IF_NOT_READY,
	FAILURE_IF_ENDED,
	FAILURE_IF_LISTED,
	FAILURE_IF_TIMEOUT,
	FAILURE_IF_LIMIT,
	FAILURE_IF_LOST,
	FAILURE_IF_NOT_STARTED,
	FAILURE_IF_NOT_FOUND,
	FAILURE_IF_LEASE,
	FAILURE_IF_EARLY,
	FAILURE_IF_OK,
	FAILURE_IF_SIGNALED,
	FAILURE_IF_FAILED,
	FAILURE_IF_ANY,
	FAILURE_IF_COUNT
};
/* The default table, which the manual shows too: the first that fits. */
struct failure_row {
	enum failure_test test;
	enum failure failure; /* FAILURE_COUNT: the class that lists it */
	char how[112];
};
extern const struct failure_row failure_rows[FAILURE_IF_COUNT];

#endif
