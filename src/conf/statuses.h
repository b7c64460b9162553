/* Sets of ways to end, as --success-status lists them. */
#ifndef SG_CONF_STATUSES_H
#define SG_CONF_STATUSES_H

#include <stdbool.h>

struct job_statuses;

/* Is `status`, as wait(2) tells it of a process that has ended, in `set`?  A core file changes nothing. */
bool statuses_have(const struct job_statuses *set, int status);

#endif
