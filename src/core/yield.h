/*
 * What a run has brought: is it enough, and why is there nothing?  Pure.
 */
#ifndef SG_CORE_YIELD_H
#define SG_CORE_YIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"
#include "core/outcome.h"

/* What of it is counted. */
enum yield_kind {
	YIELD_NONE,    /* nobody asks */
	YIELD_COUNTER, /* what the job tells of one: in millionths */
	YIELD_FILE,    /* bytes by which a file has grown */
	YIELD_LINES,   /* of stdout */
	YIELD_BYTES,   /* of stdout */
	YIELD_WRITTEN, /* by the whole tree */
	YIELD_COUNT
};
#define YIELD_UNKNOWN UINT64_MAX

/* Why there is nothing: "success_no_work", ... */
const char *yield_reason(enum outcome outcome, enum end_cause cause);

/* So much is expected within each such time. */
struct yield_floor {
	uint64_t least, per_ns; /* set by the caller; per_ns 0 = nothing is expected */
	uint64_t since_ns, from;
};

/* It stands at `value` now, and a time begins. */
void yield_begin(struct yield_floor *f, uint64_t now_ns, uint64_t value);
/*
 * A look.  True: a time is over, and what has come in it, *out_gain, is less than was expected.  The next
 * time begins with the look that ends one, so none is shorter than was asked for.
 */
bool yield_look(struct yield_floor *f, uint64_t now_ns, uint64_t value, uint64_t *out_gain);
/* For people and for the history: when, and how it was measured, is the caller's to say. */
void yield_describe(const struct yield_floor *f, enum yield_kind kind, uint64_t gain,
		    struct finding *out_finding);

#endif
