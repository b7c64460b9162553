/* What is noticed of members beside limits: detectors, signatures, orphans.  Flags, and groups in the last
 * line. */
#ifndef SG_GUARD_SIGHT_H
#define SG_GUARD_SIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "core/detect.h"
#include "core/signature.h"

struct buf;
struct peek_answer;
struct warden;

struct sight {
	struct detector detector;
	struct matcher matcher;
	uint32_t needs, orphan_needs; /* enum sample_known */
	uint32_t lent;                /* of needs, what signatures ask for: worth a question to front */
	uint64_t facts_ns;            /* when facts are read next */
	uint64_t last_ns;             /* of the look before; 0 = none yet */
	uint64_t peek_ns;             /* not asked of front before that */
	size_t at;                    /* whose come next */
	uint64_t refused, oom_killed; /* by the job's own control group, so far */
};

/* Once, before the first look. */
void sight_init(struct warden *w);
/* After a walk. `births` so far, by `rung`. */
void sight_look(struct warden *w, uint64_t births, const char *rung);
/* Front has looked where we may not. */
void sight_hear(struct warden *w, const struct peek_answer *answer);
/* The job is over, and what it left is about to be ended: looked at once more, and told. */
void sight_left(struct warden *w);
/* The run is over: what was not told yet. */
void sight_finish(struct warden *w);

#endif
