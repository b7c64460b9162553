/*
 * --retry: attempts of one run.  Each has a warden of its own; lock, record and start line stay.  Whoever
 * closes an attempt decides by attempt_judge whether the run goes on; front waits, and begins the next.
 */
#ifndef SG_GUARD_ATTEMPT_H
#define SG_GUARD_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/failure.h"
#include "core/outcome.h"
#include "guard/pair.h"

struct buf;
struct close_run;
struct run;

/* Of a run; all zero at first. */
struct attempt {
	uint32_t number;      /* of the one at hand, from 1; 0 = there is but one */
	uint32_t used;        /* of --retry's */
	uint32_t environment; /* times that the environment was waited for */
	bool is_last;         /* somebody wants the run to end, whatever this one comes to */
	uint64_t began_ns;
};

/* In front: the next is about to begin. */
void attempt_begin(struct run *run);
/* When the one at hand began: its own time, for whatever is asked of an attempt. */
uint64_t attempt_began_ns(const struct run *run);
/* When its --timeout is over, if it is never frozen; NUM_NONE: never. */
uint64_t attempt_deadline_ns(const struct run *run);

/*
 * The environment was not ready for it.  How long until it is looked at again;
 * false: not again.  Each of the waits of its class is had once for nothing;
 * from then on each uses up one of --retry.
 */
bool attempt_wait_environment(struct run *run, uint64_t *out_wait_ns);

/* Is it worth another?  Then `c` says so, when, and for which class of failure. */
void attempt_judge(const struct run *run, struct close_run *c);

/* Why a run is over between two attempts. */
struct attempt_over {
	enum end_cause cause;
	struct pair_sender sender;
	char by_run[RUN_ID_MAX + 8];
};

/*
 * In front: the attempt that came to *v is over and another is to follow after
 * `wait_ns`, because of `failure`.  True: it may begin, all is prepared.  False: the run has ended
 * meanwhile, is told and recorded; *v is what it came to.
 */
bool attempt_next(struct run *run, enum failure failure, uint64_t wait_ns, bool was_asked,
		  struct outcome_verdict *v);

/* For --dry-run: "\nretry:   ..." */
void attempt_explain(struct buf *out, const struct run *run);

#endif
