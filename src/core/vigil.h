/*
 * What watching has come to: what was seen so far, what of it is bad, and what that makes the exit status.
 * Pure.
 *
 * What is of severity info is told and does not count: it is written of every second run (a process was
 * left), and nobody has to get up for it.
 */
#ifndef SG_CORE_VIGIL_H
#define SG_CORE_VIGIL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"

#define VIGIL_BAD     1 /* something was flagged, failed or was refused, or a breaker changed */
#define VIGIL_NOTHING 3 /* nothing ran */

struct vigil {
	uint32_t runs, ok, failed; /* begun; ended well; ended otherwise */
	uint64_t refused;          /* starts */
	uint32_t breaker;          /* changes of the job's breaker */
	uint32_t flags[SEVERITY_COUNT];
};

/* Exit status. */
int vigil_status(const struct vigil *vigil);

/* By the name in the history; one that nobody knows is taken for a warning. */
enum severity vigil_severity(const char *name);

/*
 * Starts that were refused, by two witnesses: a line of the history tells how many since the line before it
 * (at most one in a minute), the lock's own count how many since the last line, and when that was.  All zero
 * at first.
 */
struct vigil_refusals {
	uint64_t line_wall_ns, count; /* as the lock had it last */
	bool has_line;                /* a line was read of which the lock has not told yet */
};
/* Before anything: what was refused until now is not ours. */
void vigil_refusals_begin(struct vigil_refusals *r, uint64_t line_wall_ns, uint64_t count);
/* Each returns how many are new.  The history is to be read first: it is written first. */
uint64_t vigil_refusals_line(struct vigil_refusals *r, uint64_t count);
uint64_t vigil_refusals_lock(struct vigil_refusals *r, uint64_t line_wall_ns, uint64_t count);

#endif
