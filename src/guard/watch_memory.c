/* Of the rules of guard/watch.h, those about memory that need more than one look. */
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "conf/job.h"
#include "core/detect.h"
#include "guard/flag.h"
#include "guard/pair.h"
#include "guard/warden.h"
#include "guard/watch.h"
#include "os/cgroup.h"
#include "os/link.h"
#include "run/reader.h"
#include "tree/tree.h"

static bool is_judged(const struct member *m)
{
	return !(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD));
}

/* --- growth --------------------------------------------------------------------------------------------- */

void watch_growth(struct warden *w, uint64_t period_ns)
{
	struct growth *g = &w->watch.growth;
	struct finding f;

	if (!g->is_limit && !(w->run->job->detect & 1U << DETECT_GROWTH))
		return;
	growth_begin(g, w->facts.now_ns);
	FOR_EACH_MEMBER (&w->tree, m)
		if (is_judged(m))
			growth_member(g, &m->trend, &m->sample);
	struct growth_verdict found = growth_end(g);
	if (found.grade == GRADE_OK)
		return;
	if (g->is_limit) {
		struct limit_verdict v =
			growth_as_limit(&found, &w->run->job->limit[LIMIT_GROWTH], period_ns);
		watch_tell(w, &v, "walk");
		return;
	}
	growth_describe(&found, g->rule.floor_bytes[0], w->facts.now_ns, &f);
	f.period_ns = period_ns;
	watch_flag(w, &f);
}

/* --- what is shared ------------------------------------------------------------------------------------- */

static unsigned place_of(enum limit_id id)
{
	return id == LIMIT_TREE_MEM;
}

bool watch_holds(struct warden *w, const struct limit_verdict *v)
{
	if (v->id != LIMIT_RSS && v->id != LIMIT_TREE_MEM)
		return false;
	struct watch_held *h = &w->watch.held[place_of(v->id)][v->grade == GRADE_HARD];
	memset(&h->confirm, 0, sizeof(h->confirm));
	h->verdict = *v;
	return true;
}

/* Of the run's own control group, where memory is charged to it. */
static bool is_charged(const struct warden *w, enum limit_id id, struct os_cgroup_memory *out)
{
	return id == LIMIT_TREE_MEM && w->run->cgroup_fd >= 0 &&
	       os_cgroup_memory(w->run->cgroup_fd, out) == 0;
}

/* One question for all: the shares of the largest members. */
static void ask(struct warden *w)
{
	struct watch *watch = &w->watch;
	struct pair_message m;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_WEIGH;
	m.question.n = 0;
	watch->asked_least = 0;
	FOR_EACH_MEMBER (&w->tree, member)
		if (is_judged(member) && (member->sample.known & SAMPLE_MEMORY))
			reader_choose(m.question.process, &m.question.n, WEIGH_MAX, &watch->asked_least,
				      &(struct reader_process){ member->id.pid, member->id.start_ticks,
								member->sample.rss_bytes });
	watch->asked_n = m.question.n;
	watch->asking_ns = w->facts.now_ns;
	watch->is_asking = os_link_send(w->link, &m, PAIR_HEAD_BYTES + sizeof(m.question)) == 0;
}

/* Nobody is ended for it, and it is said once. */
static void tell_unsure(struct warden *w, const struct limit_verdict *v)
{
	struct finding f;
	struct buf text;

	limit_describe(v, w->facts.now_ns, "walk", &f);
	f.severity = SEVERITY_WARNING;
	buf_init(&text, f.text + strlen(f.text), sizeof(f.text) - strlen(f.text));
	buf_str(&text, ", but how much of it is shared cannot be read");
	watch_flag(w, &f);
}

static void step(struct warden *w, struct watch_held *h)
{
	struct watch *watch = &w->watch;
	enum limit_id id = h->verdict.id;
	uint64_t bound = h->verdict.bound.at, now_ns = w->facts.now_ns;
	struct os_cgroup_memory group;

	if (!(watch->limits.known & 1U << id))
		return;
	if (watch->limits.value[id] <= bound) { /* it will come with a new verdict */
		h->verdict.grade = GRADE_OK;
		return;
	}
	uint64_t bytes = watch->limits.value[id]; /* at most: what is shared is in it more than once */
	if (is_charged(w, id, &group)) {
		if (group.own != UINT64_MAX) { /* each page once: nobody has to be asked */
			if (group.own > bound) {
				h->verdict.value = group.own;
				watch_tell(w, &h->verdict, "cgroup");
				h->verdict.grade = GRADE_OK;
			}
			return;
		}
		bytes = group.charged < bytes ? group.charged : bytes;
	}
	switch (confirm_look(&h->confirm, bytes, bound, now_ns)) {
	case CONFIRM_WAIT:
		return;
	case CONFIRM_ASK:
		if (!watch->is_asking || now_ns - watch->asking_ns >= CONFIRM_TIMEOUT_NS)
			ask(w);
		confirm_asked(&h->confirm, bytes, now_ns);
		return;
	case CONFIRM_UNSURE:
		h->verdict.value = bytes;
		tell_unsure(w, &h->verdict);
		return;
	case CONFIRM_OVER:
		h->verdict.value = confirm_value(&h->confirm);
		watch_tell(w, &h->verdict, "pss");
		break;
	case CONFIRM_FAR:
		h->verdict.value = bytes;
		watch_tell(w, &h->verdict, "walk");
		break;
	}
	h->verdict.grade = GRADE_OK;
}

void watch_confirm(struct warden *w)
{
	for (unsigned place = 0; place < 2; place++)
		for (int hard = 1; hard >= 0; hard--) {
			struct watch_held *h = &w->watch.held[place][hard];
			if (h->verdict.grade != GRADE_OK && w->ending.stage == STAGE_IDLE)
				step(w, h);
		}
}

static void take_answer(const struct watch *watch, struct watch_held *h, const struct weigh_answer *a)
{
	uint64_t asked = h->confirm.asked_bytes, low, high;

	if (a->n == 0) /* nobody could be looked into */
		return;
	if (h->verdict.id == LIMIT_TREE_MEM) {
		low = a->pss_bytes;
		high = low + (asked > a->rss_bytes ? asked - a->rss_bytes : 0);
	} else {
		bool has_all = a->n == watch->asked_n && watch->asked_least <= h->verdict.bound.at;
		low = a->most[0].value;
		high = has_all ? low : asked;
	}
	confirm_answered(&h->confirm, low, high);
	memcpy(h->verdict.witness, a->most, sizeof(h->verdict.witness));
}

void watch_weighed(struct warden *w, const struct weigh_answer *answer)
{
	w->watch.is_asking = false;
	for (unsigned i = 0; i < 4; i++)
		if (w->watch.held[i / 2][i % 2].verdict.grade != GRADE_OK)
			take_answer(&w->watch, &w->watch.held[i / 2][i % 2], answer);
	watch_confirm(w);
}
