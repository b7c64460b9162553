/*
 * The freezer of control groups, version 1: what it holds does not die even of KILL until it is let go.
 * (What version 2 has frozen, and what is stopped by a signal, KILL ends.)
 */
#ifndef SG_OS_FREEZER_H
#define SG_OS_FREEZER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Let go of `pid`, which `pidfd` holds and which has got its KILL: it alone
 * is moved to the nearest group above that is not frozen, so that what else
 * is in its own stays as it is.  Where that is not allowed, the group is
 * thawed if every process in it `is_ours`.  1 let go; 0 it is not frozen;
 * -EBUSY others are in there; -errno.
 */
int os_freezer_release(pid_t pid, int pidfd, bool (*is_ours)(void *with, pid_t pid), void *with);

#endif
