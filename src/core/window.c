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

uint64_t window_gain(const struct window *w, uint64_t now_ns, uint64_t per_ns)
{
	if (w->count == 0)
		return 0;
	uint64_t last = w->total[place(w, w->count - 1)];
	uint64_t from_ns = now_ns > per_ns ? now_ns - per_ns : 0;
	uint64_t base = w->total[w->first];
	/* The latest point that is not within the time. */
	for (uint32_t i = 0; i < w->count && w->at_ns[place(w, i)] <= from_ns; i++)
		base = w->total[place(w, i)];
	return last > base ? last - base : 0;
}
