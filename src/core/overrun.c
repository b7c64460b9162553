#include "core/overrun.h"

#include <string.h>

#include "base/buf.h"

#define BIT(id) (1U << (id))

/* What counts at a moment; what a tree has used up so far does not become less by an end. */
static const enum limit_id held[] = { LIMIT_PROCS, LIMIT_THREADS, LIMIT_RSS, LIMIT_TREE_MEM };
#define HELD (sizeof(held) / sizeof(held[0]))

void overrun_begin(struct overrun *o, uint64_t now_ns, uint64_t procs, uint64_t births)
{
	*o = (struct overrun){
		.since_ns = now_ns, .births = births, .births_ns = now_ns, .known = BIT(LIMIT_PROCS)
	};
	o->had[LIMIT_PROCS] = procs;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t more_of(enum limit_id id, uint64_t bound)
{
	if (id != LIMIT_PROCS && id != LIMIT_THREADS)
		return bound;
	uint64_t more = bound / 8 + 1;
	return more < OVERRUN_MORE ? more : OVERRUN_MORE;
}

/* Passed by `value` of which it had `had`? */
static bool is_passed(enum limit_id id, uint64_t value, uint64_t had, uint64_t bound)
{
	return value > sum(had > bound ? had : bound, more_of(id, bound));
}

static bool is_born_on(struct overrun *o, const struct limits *l, uint64_t *out_value)
{
	const struct limit_value *bound = &l->bound[LIMIT_SPAWN_RATE].hard;

	if (bound->at == LIMIT_NONE)
		return false;
	uint64_t births = l->look.births > o->births ? l->look.births - o->births : 0;
	if (births > bound->at) {
		*out_value = births;
		return true;
	}
	if (l->look.now_ns - o->births_ns >= bound->per_ns) { /* the next such time begins */
		o->births = l->look.births;
		o->births_ns = l->look.now_ns;
	}
	return false;
}

struct limit_verdict overrun_look(struct overrun *o, const struct limits *l, uint32_t which)
{
	struct limit_verdict v = { .since_ns = o->since_ns, .period_ns = l->look.period_ns };

	if (o->since_ns == 0)
		return v;
	for (unsigned i = 0; i < HELD && v.grade == GRADE_OK; i++) {
		enum limit_id id = held[i];
		if (l->bound[id].hard.at == LIMIT_NONE || !(l->known & which & BIT(id)))
			continue;
		if (!(o->known & BIT(id))) { /* was not measured at the first signal */
			o->known |= BIT(id);
			o->had[id] = l->value[id];
		}
		if (!is_passed(id, l->value[id], o->had[id], l->bound[id].hard.at))
			continue;
		v.grade = GRADE_HARD;
		v.id = id;
		v.value = l->value[id];
	}
	if (v.grade == GRADE_OK && which & BIT(LIMIT_SPAWN_RATE) && is_born_on(o, l, &v.value)) {
		v.grade = GRADE_HARD;
		v.id = LIMIT_SPAWN_RATE;
	}
	if (v.grade == GRADE_OK)
		return v;
	v.bound = l->bound[v.id].hard;
	memcpy(v.witness, l->witness[v.id], sizeof(v.witness));
	return v;
}

void overrun_describe(const struct limit_verdict *v, uint64_t now_ns, struct finding *out)
{
	struct buf text;

	limit_describe(v, now_ns, "walk", out);
	buf_init(&text, out->text, sizeof(out->text));
	limit_format(&text, v->id, v->value, v->bound.per_ns);
	buf_str(&text, " though it is asked to end: it gets no more time");
}
