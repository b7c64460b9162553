/* How much a count that only rises has risen within the last D, from a bounded number of points.  Pure. */
#ifndef SG_CORE_WINDOW_H
#define SG_CORE_WINDOW_H

#include <stdint.h>

#define WINDOW_POINTS 64

/* All zero: nothing yet. */
struct window {
	uint64_t at_ns[WINDOW_POINTS], total[WINDOW_POINTS]; /* a ring, the oldest first */
	uint32_t first, count;
};

/*
 * The count stands at `total`.  `span_ns`: the longest D that will be asked
 * for; points are kept no closer than a 32nd of it, but for the last.
 */
void window_add(struct window *w, uint64_t now_ns, uint64_t total, uint64_t span_ns);

/*
 * Since `per_ns` ago: from the first point within that time on, so less than
 * has come in it by what a 32nd of the span may hold, never more.  Where points
 * are farther apart, of the step into the time as much as falls into it.
 */
uint64_t window_gain(const struct window *w, uint64_t now_ns, uint64_t per_ns);

#endif
