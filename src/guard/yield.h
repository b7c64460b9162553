/* --yield: what a run has brought, looked at while it runs and told at its end. */
#ifndef SG_GUARD_YIELD_H
#define SG_GUARD_YIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/history.h"
#include "core/yield.h"
#include "os/file.h"

struct run;
struct warden;

/* In memory that front and warden share: also front can tell it. */
struct yield_told {
	uint64_t written; /* by the tree, so far; YIELD_UNKNOWN */
	uint64_t value;   /* at the end */
	bool is_final;
};

/* Of a run; all zero at first. */
struct yield {
	struct yield_told *told; /* kept until the process ends; NULL = not asked for */
	const char *path;        /* of a file: absolute, kept until the process ends */
	struct os_file_id was;
	bool was_there, has_begun;
	struct yield_floor floor;
};

/* In front, before the fork.  0, or the exit status: said. */
int yield_prepare(struct run *run);
/* In the warden: a part of each look. */
void yield_watch(struct warden *w);
/* The job stood still until now: that is no time in which something was to come. */
void yield_halted(struct warden *w);
/* In the warden: the tree is gone. */
void yield_finish(struct warden *w);
/* For the end line; false: not asked for.  Borrowed from `run`. */
bool yield_get(struct run *run, const struct outcome_verdict *verdict, struct history_yield *out);

#endif
