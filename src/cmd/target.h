/* The run that a JOB or RUN on the command line means: one that goes on, else the last that has ended. */
#ifndef SG_CMD_TARGET_H
#define SG_CMD_TARGET_H

#include "cmd/cmd.h"
#include "codec/record.h"
#include "report/past.h"

#define TARGETS_MAX 256

struct target {
	char run_id[RUN_ID_MAX + 8];
	char job[208];
	char log[256]; /* of a record: where its output goes; "" = nowhere */
	uint64_t started_wall_ns;
};

/*
 * The runs of `what` that have a record: those that may be going on, else the
 * newest that was left by its guards.  Number (at most `max`), -ENOENT, -EEXIST, -errno.
 */
int target_current(const struct cmd *cmd, const char *what, struct target *out, int max);

/* The last run of `what` that has ended; `has_log`: of those whose output was kept.  0, -ENOENT, -EEXIST,
 * -errno. */
int target_past(const struct cmd *cmd, const char *what, bool has_log, struct past_run *out_run);

/* "no run of nightly is known". Exit status. */
int target_unknown(const char *what);
/* "cannot read the history to find nightly: ...". Exit status. */
int target_unreadable(const char *what, int err);

#endif
