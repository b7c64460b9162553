#include "core/lineage.h"

#include <stddef.h>

static struct lineage_session *find(struct lineage *l, int32_t sid)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->session[i].sid == sid)
			return &l->session[i];
	return NULL;
}

void lineage_begin(struct lineage *l)
{
	l->look++;
}

void lineage_member(struct lineage *l, int32_t pid, int32_t sid, uint64_t start_ticks)
{
	struct lineage_session *s = find(l, sid);

	if (!s && pid == sid && pid > 1 && l->count < LINEAGE_MAX) {
		s = &l->session[l->count++];
		*s = (struct lineage_session){ .sid = sid, .start_ticks = start_ticks };
	}
	if (s && pid == sid) /* the leader itself: the number may have been another's before */
		s->start_ticks = start_ticks;
	if (s)
		s->look = l->look;
}

bool lineage_has(struct lineage *l, int32_t sid, uint64_t start_ticks)
{
	struct lineage_session *s = find(l, sid);

	if (!s || start_ticks < s->start_ticks)
		return false;
	s->look = l->look;
	return true;
}

void lineage_end(struct lineage *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->count; i++)
		if (l->session[i].look == l->look)
			l->session[kept++] = l->session[i];
	l->count = kept;
}
