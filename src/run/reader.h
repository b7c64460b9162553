/* Disposable children that read what may block for ever (environ): with a time limit, and none of our
 * descriptors. */
#ifndef SG_RUN_READER_H
#define SG_RUN_READER_H

#include <sys/types.h>

/*
 * Does `pid` carry SPAWNGUARD_RUN_ID=`run_id` in its environment, and not the
 * SPAWNGUARD_EVENT that a hook of that run has?  1, 0, or
 * -errno: it could not be told (-ETIMEDOUT, -EACCES; -EAGAIN: in the middle of
 * its exec it has none, and was there for as long as we waited; -ESRCH: it is
 * gone, or going).  The caller makes sure that `pid` is still the process it
 * means.
 */
int reader_has_mark(pid_t pid, const char *run_id);

#endif
