/*
 * How often the tasks of a job were tried: --max-attempts N/D.  Pure: time comes in as what has passed, so
 * that neither a clock that is set nor a boot means anything here.
 *
 * An attempt counts from its start on, for D exactly.  There is room for ATTEMPTS_TASKS tasks and
 * ATTEMPTS_KEPT attempts; where that is not enough, the oldest is forgotten: a task may then be tried too
 * often, never too seldom.
 */
#ifndef SG_CORE_ATTEMPTS_H
#define SG_CORE_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#define ATTEMPTS_MAX      100 /* N of --max-attempts */
#define ATTEMPTS_TASKS    256
#define ATTEMPTS_KEPT     1024
#define ATTEMPTS_NAME_MAX 127 /* bytes of a task's name; what is longer is told apart all the same */

struct attempts_task {
	uint64_t key;                     /* of the whole name */
	char name[ATTEMPTS_NAME_MAX + 1]; /* cut; "" = the runs of the job without --task */
	bool is_cut;
	uint32_t limit;           /* as last asked for: to show */
	uint64_t per_ns, kept_ns; /* the same; the longest that was asked for: so long they are kept */
};

struct attempts_one {
	uint64_t age_ns, run;
	uint32_t task; /* its place */
};

/* All zero: nothing was tried. */
struct attempts {
	uint32_t task_count, count;
	struct attempts_task task[ATTEMPTS_TASKS];
	struct attempts_one at[ATTEMPTS_KEPT]; /* the oldest first */
};

/* How a task stands. */
struct attempts_gauge {
	uint32_t used, limit;
	uint64_t per_ns;
	uint64_t free_in_ns; /* until another is allowed, if none begins; 0 = now */
};

/* What an attempt is known by: the id of its run. */
uint64_t attempts_run(const char *run_id);

/* So much later. */
void attempts_pass(struct attempts *a, uint64_t ns);
/* The task of that name ("": without one) with at most `limit` attempts (not 0) within `per_ns`. */
struct attempts_gauge attempts_gauge(const struct attempts *a, const char *name, uint32_t limit,
				     uint64_t per_ns);
/* Task i by what was last asked for. */
struct attempts_gauge attempts_gauge_of(const struct attempts *a, uint32_t i);
/* One more begins now, whatever the gauge says. */
void attempts_add(struct attempts *a, const char *name, uint32_t limit, uint64_t per_ns, uint64_t run);
/* The last one of that run was none.  False: it is not known (any more). */
bool attempts_give_back(struct attempts *a, const char *name, uint64_t run);
/* Those of that task are forgotten: how many there were. */
uint32_t attempts_forget(struct attempts *a, const char *name);
/* How many tasks may not be tried now. */
uint32_t attempts_used_up(const struct attempts *a);

#endif
