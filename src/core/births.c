#include "core/births.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"

static const char *const names[] = {
	[BIRTHS_NONE] = NULL,
	[BIRTHS_SAMPLED] = "sampled",
	[BIRTHS_TOLD] = "perf",
};
static_assert(COUNT_OF(names) == BIRTHS_RUNG_COUNT, "one name for each rung");

const char *births_rung_name(enum births_rung rung)
{
	return rung < BIRTHS_RUNG_COUNT ? names[rung] : NULL;
}

void births_init(struct births *b, enum births_rung rung, uint64_t span_ns)
{
	memset(b, 0, sizeof(*b));
	b->rung = rung;
	b->span_ns = span_ns;
}

uint64_t births_total(const struct births *b)
{
	uint64_t seen = b->met + b->unseen, told = b->told + b->lost;
	return told > seen ? told : seen;
}

/* --- parents -------------------------------------------------------------------------------------------- */

/* Two spans are kept, so that what was long ago does not outweigh what runs away now. */
static void turn(struct births *b, uint64_t now_ns)
{
	if (now_ns < b->turn_ns || now_ns - b->turn_ns < b->span_ns)
		return;
	bool was_long_ago = now_ns - b->turn_ns >= 2 * b->span_ns;
	b->turn_ns = now_ns;
	for (unsigned i = 0; i < BIRTHS_PARENTS; i++) {
		struct births_parent *p = &b->parent[i];
		p->before = was_long_ago ? 0 : p->now;
		p->now = 0;
		if (p->before == 0)
			p->pid = 0;
	}
}

static void forget_one(struct births_parent *p)
{
	if (p->before > 0)
		p->before--;
	else
		p->now--;
	if (p->now + p->before == 0)
		p->pid = 0;
}

/* Where there is no room for one more, each gives one up (Misra and Gries): whoever has more than its share
 * of all children is still there at the end. */
static void credit(struct births *b, int32_t pid)
{
	struct births_parent *free_one = NULL;

	if (pid <= 0)
		return;
	for (unsigned i = 0; i < BIRTHS_PARENTS; i++) {
		if (b->parent[i].pid == pid) {
			b->parent[i].now++;
			return;
		}
		if (b->parent[i].pid == 0 && !free_one)
			free_one = &b->parent[i];
	}
	if (free_one) {
		*free_one = (struct births_parent){ .pid = pid, .now = 1 };
		return;
	}
	for (unsigned i = 0; i < BIRTHS_PARENTS; i++)
		forget_one(&b->parent[i]);
}

unsigned births_top(const struct births *b, struct births_parent *out, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < BIRTHS_PARENTS; i++) {
		const struct births_parent *p = &b->parent[i];
		if (p->pid == 0)
			continue;
		unsigned at = count;
		while (at > 0 && out[at - 1].now + out[at - 1].before < p->now + p->before)
			at--;
		if (at == n)
			continue;
		count += count < n;
		memmove(&out[at + 1], &out[at], (count - 1 - at) * sizeof(*out));
		out[at] = *p;
	}
	return count;
}

uint32_t births_of(const struct births *b, int32_t pid)
{
	for (unsigned i = 0; i < BIRTHS_PARENTS; i++)
		if (pid > 0 && b->parent[i].pid == pid)
			return b->parent[i].now + b->parent[i].before;
	return 0;
}

/* --- records -------------------------------------------------------------------------------------------- */

void births_tell(struct births *b, int32_t parent, uint64_t at_ns)
{
	turn(b, at_ns);
	b->told++;
	credit(b, parent);
}

void births_tell_thread(struct births *b)
{
	b->threads++;
}

void births_tell_end(struct births *b)
{
	b->ends++;
}

/*
 * Nothing ends that was not born: ends + (missed - F) <= told + threads + F
 * for the F births among the missed.  How many of these were processes is not
 * known; as many as among those that were told, it is assumed.
 */
void births_tell_missed(struct births *b, uint64_t records)
{
	uint64_t born = b->told + b->threads;

	b->missed += records;
	if (b->missed + b->ends <= born || born == 0)
		return;
	uint64_t tasks = (b->missed + b->ends - born) / 2;
	uint64_t lost = (uint64_t)((unsigned __int128)tasks * b->told / born);
	if (lost > b->lost)
		b->lost = lost;
}

/* --- looks ---------------------------------------------------------------------------------------------- */

void births_begin_look(struct births *b, uint64_t now_ns)
{
	b->look++;
	turn(b, now_ns);
}

void births_meet(struct births *b, int32_t parent)
{
	b->met++;
	if (b->rung != BIRTHS_TOLD)
		credit(b, parent);
}

void births_miss(struct births *b, struct births_trace *parent)
{
	if (parent)
		parent->gone = b->look;
	else
		b->gone = b->look;
}

static bool is_explained(const struct births *b, const struct births_trace *t)
{
	uint64_t gone = t->gone > b->gone ? t->gone : b->gone;
	return gone != 0 && gone + 1 >= t->moved;
}

void births_sample(struct births *b, struct births_trace *t, const struct sample *s)
{
	if (!(s->known & SAMPLE_STAT))
		return;
	if (t->moved != 0 && t->moved < b->look) {
		if (!is_explained(b, t)) {
			b->unseen++;
			if (b->rung != BIRTHS_TOLD)
				credit(b, s->pid);
		}
		t->moved = 0;
	}
	/* At first sight: it has waited for somebody already, or it has not. */
	uint64_t before = t->has_faults ? t->faults : 0;
	if (s->child_faults != before)
		t->moved = b->look;
	t->faults = s->child_faults;
	t->has_faults = true;
}

void births_find_orphan(struct births *b)
{
	b->unseen++;
}
