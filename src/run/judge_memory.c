/* Of the rules of run/judge.h: memory over its bound.  Is it, or is it shared? */
#include <string.h>

#include "base/buf.h"
#include "os/cgroup.h"
#include "run/judge.h"
#include "tree/tree.h"

static unsigned place_of(enum limit_id id)
{
	return id == LIMIT_TREE_MEM;
}

bool judge_holds(struct judge *j, const struct limit_verdict *v)
{
	if (v->id != LIMIT_RSS && v->id != LIMIT_TREE_MEM)
		return false;
	struct judge_held *h = &j->held[place_of(v->id)][v->grade == GRADE_HARD];
	*h = (struct judge_held){ .verdict = *v };
	return true;
}

/* Of the run's own control group, where memory is charged to it. */
static bool is_charged(const struct judge *j, enum limit_id id, struct os_cgroup_memory *out)
{
	return id == LIMIT_TREE_MEM && j->cgroup_fd >= 0 && os_cgroup_memory(j->cgroup_fd, out) == 0;
}

/* Nobody is ended for it, and it is said once. */
static void tell_unsure(struct judge *j, const struct limit_verdict *v, uint64_t now_ns)
{
	struct finding f;
	struct buf text;

	limit_describe(v, now_ns, "walk", &f);
	f.severity = SEVERITY_WARNING;
	buf_init(&text, f.text + strlen(f.text), sizeof(f.text) - strlen(f.text));
	buf_str(&text, ", but how much of it is shared cannot be read");
	judge_notice(j, &f);
}

/* It is over by `value`, measured by `rung`. */
static bool tell_over(struct judge *j, struct judge_held *h, uint64_t value, uint64_t now_ns,
		      const char *rung)
{
	h->verdict.value = value;
	bool goes_on = judge_tell(j, &h->verdict, now_ns, rung);
	h->verdict.grade = GRADE_OK;
	return goes_on;
}

/* False: nothing more is to be said.  *asks: the shares are wanted. */
static bool step(struct judge *j, struct judge_held *h, uint64_t now_ns, bool *asks)
{
	enum limit_id id = h->verdict.id;
	uint64_t bound = h->verdict.bound.at;
	struct os_cgroup_memory group;

	if (!(j->limits.known & 1U << id))
		return true;
	if (j->limits.value[id] <= bound) { /* it will come with a new verdict */
		h->verdict.grade = GRADE_OK;
		return true;
	}
	uint64_t bytes = j->limits.value[id]; /* at most: what is shared is in it more than once */
	if (is_charged(j, id, &group)) {
		if (group.own != UINT64_MAX) /* each page once: nobody has to be asked */
			return group.own <= bound || tell_over(j, h, group.own, now_ns, "cgroup");
		bytes = group.charged < bytes ? group.charged : bytes;
	}
	switch (confirm_look(&h->confirm, bytes, bound, now_ns)) {
	case CONFIRM_WAIT:
		return true;
	case CONFIRM_ASK:
		confirm_asked(&h->confirm, bytes, now_ns);
		*asks = true;
		return true;
	case CONFIRM_UNSURE:
		h->verdict.value = bytes;
		tell_unsure(j, &h->verdict, now_ns);
		return true;
	case CONFIRM_OVER:
		return tell_over(j, h, confirm_value(&h->confirm), now_ns, "pss");
	case CONFIRM_FAR:
		return tell_over(j, h, bytes, now_ns, "walk");
	}
	return true;
}

void judge_confirm(struct judge *j, uint64_t now_ns)
{
	bool asks = false;

	for (unsigned place = 0; place < 2; place++)
		for (int hard = 1; hard >= 0; hard--) {
			struct judge_held *h = &j->held[place][hard];
			if (h->verdict.grade != GRADE_OK && !step(j, h, now_ns, &asks))
				return;
		}
	if (asks) /* one question for all */
		j->ways->weigh(j->with);
}

uint32_t judge_choose(struct judge *j, struct reader_process *list, uint32_t max)
{
	j->chosen = 0;
	j->chosen_least = 0;
	FOR_EACH_MEMBER (j->tree, m)
		if (judge_has(j, m) && m->sample.known & SAMPLE_MEMORY)
			reader_choose(list, &j->chosen, max, &j->chosen_least,
				      &(struct reader_process){ m->id.pid, m->id.start_ticks,
								m->sample.rss_bytes });
	return j->chosen;
}

static void take_shares(const struct judge *j, struct judge_held *h, const struct reader_shares *s)
{
	uint64_t asked = h->confirm.asked_bytes, low, high;

	if (s->n == 0) /* nobody could be looked into */
		return;
	if (h->verdict.id == LIMIT_TREE_MEM) {
		low = s->pss_bytes;
		high = low + (asked > s->rss_bytes ? asked - s->rss_bytes : 0);
	} else {
		bool has_all = s->n == j->chosen && j->chosen_least <= h->verdict.bound.at;
		low = s->most[0].value;
		high = has_all ? low : asked;
	}
	confirm_answered(&h->confirm, low, high);
	memcpy(h->verdict.witness, s->most, sizeof(h->verdict.witness));
}

void judge_weighed(struct judge *j, const struct reader_shares *shares, uint64_t now_ns)
{
	for (unsigned i = 0; i < 4; i++)
		if (j->held[i / 2][i % 2].verdict.grade != GRADE_OK)
			take_shares(j, &j->held[i / 2][i % 2], shares);
	judge_confirm(j, now_ns);
}
