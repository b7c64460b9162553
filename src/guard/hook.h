/* --on-start, --on-flag, --on-finish: commands of the user's, children of front, beside the run and none of
 * its tree. */
#ifndef SG_GUARD_HOOK_H
#define SG_GUARD_HOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/hook_variable.h"
#include "core/outcome.h"

struct buf;
struct os_child;
struct run;

enum hook_stage { HOOK_RUNNING, HOOK_TERMED, HOOK_KILLED };

struct hook {
	pid_t pid; /* 0 = none runs; the rest means nothing then */
	int pidfd; /* owned, -1 = none */
	enum hook_stage stage;
	bool is_asked; /* ended because front was asked to end, not for its time */
	uint64_t began_ns, deadline_ns;
};

/* What a flag is told of a breaker that has opened. */
struct hook_breaker {
	char class[16], until[40], fingerprint[24]; /* "" = not told */
};

/* Of front; all zero at first. */
struct hooks {
	struct hook of[HOOK_COUNT]; /* one for each event at a time */
	pid_t job_pid;              /* 0 = not told */
	bool had_any; /* a child of front may be a hook's: it is known by its environment (run/reader.h) */
	char waiting[256];                  /* a flag that came while its hook ran; "" = none */
	const struct hook_breaker *breaker; /* borrowed; NULL = nothing to tell */
};

/* Does the run have any? */
bool hook_is_wanted(const struct run *run);

/* What --dry-run says of them. */
void hook_explain(struct buf *out, const struct run *run);

/* Each begins its hook, if the run has one, and returns at once. */
void hook_start(struct run *run, pid_t job_pid);
void hook_flag(struct run *run, const char *message);
void hook_finish(struct run *run, const struct outcome_verdict *verdict);

/* A child of front has ended: was it a hook? */
void hook_reaped(struct run *run, const struct os_child *child);
/* Is this one running? */
bool hook_has(const struct run *run, pid_t pid);

/* End what has had its time.  ms until there is something to do again, -1: never. */
int hook_look(struct run *run);

/* Until none runs.  `signals`: front's; one that asks to end ends them, but not before they had a second. */
void hook_wait(struct run *run, int signals);

#endif
