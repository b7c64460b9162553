#include "core/written.h"

void written_begin(struct written_state *s, uint64_t bytes)
{
	if (bytes > s->seen)
		s->seen = bytes;
}

void written_gone(struct written_count *w, struct written_state *s, struct written_state *heir)
{
	uint64_t bytes = s->seen + s->owed[0] + s->owed[1];

	if (s->is_gone)
		return;
	*s = (struct written_state){ .is_gone = true };
	if (heir)
		heir->owed[0] += bytes;
	else
		w->astray[0] += bytes;
}

/* What is left of a gain when what is known of it is taken off. */
static uint64_t settle(uint64_t owed[2], uint64_t gain)
{
	for (int i = 1; i >= 0; i--) {
		uint64_t part = owed[i] < gain ? owed[i] : gain;
		owed[i] -= part;
		gain -= part;
	}
	return gain;
}

/* It may have been read a moment before it became the heir: a debt is good for two rounds. */
static void age(uint64_t owed[2])
{
	owed[1] = owed[0];
	owed[0] = 0;
}

void written_read(struct written_count *w, struct written_state *s, uint64_t bytes)
{
	if (s->is_gone)
		return;
	if (bytes > s->seen) {
		w->total += settle(w->astray, settle(s->owed, bytes - s->seen));
		s->seen = bytes;
	}
	age(s->owed);
}

uint64_t written_growth(uint64_t size, uint64_t size_now)
{
	return size_now >= size ? size_now - size : size_now;
}

void written_end(struct written_count *w)
{
	age(w->astray);
}
