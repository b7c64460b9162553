/* Real-time scheduling: what a storm of busy processes cannot keep from the processor. */
#ifndef SG_OS_SCHED_H
#define SG_OS_SCHED_H

#include <stdbool.h>
#include <sys/types.h>

/* sched_setscheduler(2) of `pid` (0: this process). 0, -EPERM, -errno. */
int os_sched_set(pid_t pid, int policy, int priority);
/*
 * Give `pid` (0: this process) the lowest real-time priority, which its
 * children will not have.  One that has more already keeps it.  *out_policy:
 * what it had, for os_sched_give_back (NULL: nobody will).  0, -EPERM, -errno.
 */
int os_sched_raise(pid_t pid, int *out_policy);
/* As it was where somebody else has raised us. */
#define OS_SCHED_ORDINARY 0
/* This process as it was before os_sched_raise. */
void os_sched_give_back(int policy);
/*
 * From now on `pid` (0: this process) asks for the processor in short turns,
 * and so gets it soon after it wakes, however many others are busy; what it
 * forks does not.  Needs no privilege over one's own, and takes nothing from its
 * share.  Only where it is an ordinary process; before 6.12 nothing comes of it.
 */
void os_sched_make_prompt(pid_t pid);
/* Is this process scheduled before all that are not real-time? */
bool os_sched_is_realtime(void);

#endif
