/* --detach: a second front in the background; the first waits until the job has been exec'ed. */
#ifndef SG_GUARD_DETACH_H
#define SG_GUARD_DETACH_H

#include <stdbool.h>

struct run;

/*
 * In the process that goes on as the run's front, in a session of its own: 0.
 * In the caller's: 1, when the run has begun or will not, with *out_exit.
 */
int detach_fork(struct run *run, int *out_exit);

/* The job has been exec'ed: whoever waits goes his way, and what we still say goes to the log. */
void detach_tell_started(const struct run *run);

/* The run is over and may never have begun: that is `exit_code`.  Says nothing where it had. */
void detach_tell_end(int exit_code);

#endif
