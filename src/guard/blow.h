/*
 * Front strikes itself, where no grace is given and the kernel ends all at once.  In a storm the warden, who
 * reaps and looks all the time, has used up its share of the processor; front has slept, and gets it at once.
 */
#ifndef SG_GUARD_BLOW_H
#define SG_GUARD_BLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct run;

struct blow {
	int group;      /* borrowed: the run's own control group; -1 = none */
	int init;       /* owned: pidfd of the first process of the tree's PID namespace; -1 = none */
	uint32_t count; /* processes in the group */
};

/* Can it come to that? Then front has to hear of the job's start. */
bool blow_is_possible(const struct run *run);
/* Makes ready what there is; nobody is hurt yet.  `init`: child of the warden, 0 = none.  false: nothing. */
bool blow_raise(struct blow *b, const struct run *run, pid_t warden, pid_t init);
/* Once the warden has been told, if it could be: who ended the run it has from there. */
void blow_strike(struct blow *b, bool is_told);

#endif
