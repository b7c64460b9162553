#include "core/window.h"

#include <string.h>

static uint32_t place(const struct window *w, uint32_t i)
{
	return (w->first + i) % WINDOW_POINTS;
}

void window_add(struct window *w, uint64_t now_ns, uint64_t total, uint64_t span_ns)
{
	/* Half of the points span it, the others are for what a point may stand too early. */
	uint64_t apart_ns = span_ns / (WINDOW_POINTS / 2);

	if (w->count >= 2) {
		uint32_t last = place(w, w->count - 1), before = place(w, w->count - 2);
		if (now_ns - w->at_ns[before] < apart_ns) { /* the last one moves on */
			w->at_ns[last] = now_ns;
			w->total[last] = total;
			return;
		}
	}
	if (w->count == WINDOW_POINTS) {
		w->first = place(w, 1);
		w->count--;
	}
	uint32_t next = place(w, w->count++);
	w->at_ns[next] = now_ns;
	w->total[next] = total;
}

/* Of what came between two points, evenly; nothing where they stand as close as they may: what is counted is
 * then surely within the time. */
static uint64_t part(const struct window *w, uint32_t i, uint64_t from_ns, uint64_t per_ns)
{
	uint32_t at = place(w, i), before = place(w, i - 1);
	uint64_t step_ns = w->at_ns[at] - w->at_ns[before], within_ns = w->at_ns[at] - from_ns;

	if (w->total[at] <= w->total[before] || step_ns <= per_ns / (WINDOW_POINTS / 4))
		return 0;
	unsigned __int128 gain = w->total[at] - w->total[before];
	return (uint64_t)(gain * within_ns / step_ns);
}

uint64_t window_gain(const struct window *w, uint64_t now_ns, uint64_t per_ns)
{
	uint64_t from_ns = now_ns > per_ns ? now_ns - per_ns : 0;
	uint32_t i = 0;

	while (i < w->count && w->at_ns[place(w, i)] < from_ns)
		i++;
	if (i == w->count)
		return 0;
	while (i + 1 < w->count && w->at_ns[place(w, i + 1)] == from_ns)
		i++; /* what came at its very beginning is not within it */
	uint64_t last = w->total[place(w, w->count - 1)], first = w->total[place(w, i)];
	uint64_t gain = last > first ? last - first : 0;
	return i > 0 ? gain + part(w, i, from_ns, per_ns) : gain;
}
