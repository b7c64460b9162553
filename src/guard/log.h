/* --syslog: what is said, and what happens to a run, to the system log too.  Front's alone. */
#ifndef SG_GUARD_LOG_H
#define SG_GUARD_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/job.h"

/* `job`, `run_id`: borrowed for ever; "" until they are known.  Nothing is opened before the first line. */
void log_set(enum facility facility, const char *job, const char *run_id);
bool log_is_on(void);

/* One line.  0; -errno at the first that is lost, with the socket's path in *out_path; no word of later ones.
 */
int log_line(int priority, const char *text, size_t n, const char **out_path);

#endif
