/*
 * --budget K=LIMIT/D: what the runs of a job use up together.  Asked before the start; counted while the run
 * goes on, for all of them to see, by the warden, and by front where the warden is gone.
 */
#ifndef SG_GUARD_BUDGET_H
#define SG_GUARD_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct explain;
struct run;

/* Of one process. */
struct budget_keeping {
	uint64_t last_ns;    /* when we last wrote down what was used, or tried; 0 = never */
	bool has_complained; /* that it cannot be written */
};

/* In front, with the lock, before anything is made: is there room?  0, or the exit status: said, recorded. */
int budget_prepare(struct run *run);
/* The same, changing nothing. */
void budget_explain(struct run *run, struct explain *e);

/* Something was told: write it down, if the last time is long enough ago. */
void budget_told(struct run *run, uint64_t now_ns);
/* When budget_told is to be called again; NUM_NONE = not before something is told. */
uint64_t budget_next(const struct run *run);
/* The run is over: what is not yet written down. */
void budget_finish(struct run *run);

#endif
