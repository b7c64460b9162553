/*
 * A tree that grows on past its limits though it is asked to end: then nobody waits for the rest of its
 * grace.  The same of one that was frozen for a limit and thawed.  Pure.
 */
#ifndef SG_CORE_OVERRUN_H
#define SG_CORE_OVERRUN_H

#include <stdint.h>

#include "core/limit.h"

/* Processes and threads more than it had and than it may have: an eighth of the limit, no more than this.
 * What cleans up after itself may need a helper. */
#define OVERRUN_MORE 8

/* All zero: not begun. */
struct overrun {
	uint64_t since_ns; /* of the first signal */
	uint64_t had[LIMIT_COUNT];
	uint64_t births, births_ns; /* counted from there */
	uint32_t known;             /* bit i: had[i] is */
};

/* The first signal is sent, to `procs` members; or these are thawed. */
void overrun_begin(struct overrun *o, uint64_t now_ns, uint64_t procs, uint64_t births);

/*
 * A look after it, whose members `limits` has taken.  GRADE_HARD:
 * processes or threads are more than before and than the limit, or memory or
 * births have passed the whole limit once more since.  `which`: bit of each
 * limit that is asked.
 */
#define OVERRUN_ANY UINT32_MAX
struct limit_verdict overrun_look(struct overrun *o, const struct limits *limits, uint32_t which);

/* As limit_describe. */
void overrun_describe(const struct limit_verdict *verdict, uint64_t now_ns, struct finding *out_finding);

#endif
