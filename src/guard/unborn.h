/*
 * A job that is not executed: its program lies on a file system that does not answer.  As long as it waits
 * the warden does, in its vfork, and neither a deadline nor a signal reaches it.
 */
#ifndef SG_GUARD_UNBORN_H
#define SG_GUARD_UNBORN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct run;

/* In the child, before its exec: at the deadline of the attempt the kernel ends it, if it waits still. */
void unborn_limit(const struct run *run);

struct unborn {
	unsigned strikes; /* 1: the job, 2: the warden, too */
	bool is_over;     /* it has been executed, or there is nothing more to be done */
};

/*
 * In front: in so many ms it is time to look (again), -1: never.  A little after the deadline, or the end
 * that was asked for at `asked_ns` (0: none), a job that waits for its exec is ended.  Where KILL does not
 * end it the warden is killed: front hears, takes over, and is done in bounded time.
 */
int unborn_look(struct unborn *u, const struct run *run, pid_t warden, uint64_t asked_ns);

#endif
