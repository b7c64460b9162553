#include "guard/census.h"

#include <string.h>

#include "base/num.h"
#include "conf/job.h"
#include "core/schedule.h"
#include "guard/warden.h"
#include "os/epoll.h"
#include "os/self.h"
#include "tree/tree.h"

#define SPAN_NS (10 * NS_PER_S) /* over which parents are compared where no rule names a time */
/* A verdict may come this much after the bound was passed: wakes are dear, one for each birth most of all. */
#define MARK_PART 8
/* So many wakes in a row without a record: a descriptor that hangs. From then on the looks read the rings. */
#define IDLE_WAKES_MAX 64

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool has_rate(const struct job *job)
{
	const struct limit_bound *b = &job->limit[LIMIT_SPAWN_RATE];
	return b->soft.at != LIMIT_NONE || b->hard.at != LIMIT_NONE;
}

void census_init(struct census *c)
{
	c->perf.epoll = -1;
}

void census_open(struct warden *w)
{
	const struct job *job = w->run->job;
	const struct limit_bound *b = &job->limit[LIMIT_SPAWN_RATE];
	struct census *c = &w->census;

	if (!has_rate(job) && job->births == BIRTHS_BY_ANY)
		return;
	uint64_t span_ns = b->hard.at != LIMIT_NONE ? b->hard.per_ns : b->soft.per_ns;
	births_init(&c->births, BIRTHS_SAMPLED, has_rate(job) ? span_ns : SPAN_NS);
	births_meet(&c->births, 0); /* the job itself */
	if (job->births == BIRTHS_BY_LOOKS)
		return;
	if (os_perf_open(&c->perf, least(b->soft.at, b->hard.at) / MARK_PART) < 0)
		return;
	c->births.rung = BIRTHS_TOLD;
	(void)os_epoll_add(w->epoll, c->perf.epoll, FROM_BIRTHS); /* else the looks read them */
}

void census_attach(struct warden *w)
{
	struct census *c = &w->census;

	w->watch.judge.limits.start_ns = attempt_began_ns(w->run);
	if (c->births.rung == BIRTHS_NONE)
		return;
	w->tree.births = &c->births;
	if (c->births.rung == BIRTHS_SAMPLED)
		w->tree.wants |= SAMPLE_STAT; /* with the faults of those that were waited for */
}

/* --- records -------------------------------------------------------------------------------------------- */

static void take(void *with, const struct task_record *r)
{
	struct warden *w = with;
	struct census *c = &w->census;

	if (r->kind == TASK_THREAD)
		births_tell_thread(&c->births);
	else if (r->kind == TASK_END)
		births_tell_end(&c->births);
	else if (r->kind == TASK_MISSED)
		births_tell_missed(&c->births, r->missed);
	if (r->kind != TASK_BIRTH || (r->pid != 0 && r->pid == w->run->isolation.ns.init))
		return;
	/* In a time namespace the kernel's clock is not ours. */
	uint64_t at_ns = least(r->at_ns, w->facts.now_ns);
	c->last_ns = at_ns > c->last_ns ? at_ns : c->last_ns;
	births_tell(&c->births, r->parent == w->run->state.warden.pid ? 0 : r->parent, c->last_ns);
	if (w->watch.judge.has_limits)
		c->is_passed |= limits_born(&w->watch.judge.limits, c->last_ns, births_total(&c->births));
}

void census_wake(struct warden *w)
{
	struct census *c = &w->census;

	if (c->births.rung != BIRTHS_TOLD)
		return;
	if (w->ending.stage != STAGE_IDLE || c->idle_wakes > IDLE_WAKES_MAX) {
		census_rest(w);
		return;
	}
	warden_need_tree(w);
	c->idle_wakes = os_perf_drain(&c->perf, take, w) > 0 ? 0 : c->idle_wakes + 1;
	if (!c->is_passed)
		return;
	/* By what was measured before: a walk through a storm takes as long as a hundred births. */
	c->is_passed = false;
	watch_look(w);
}

/* --- looks ---------------------------------------------------------------------------------------------- */

void census_begin_look(struct warden *w)
{
	struct census *c = &w->census;

	if (c->births.rung != BIRTHS_NONE)
		births_begin_look(&c->births, w->facts.now_ns);
}

uint64_t census_end_look(struct warden *w, uint64_t met)
{
	struct census *c = &w->census;

	if (c->births.rung == BIRTHS_NONE)
		return met;
	census_keep_figures(w); /* the records, too */
	FOR_EACH_MEMBER (&w->tree, m)
		if (c->births.rung == BIRTHS_SAMPLED && !(m->flags & (MEMBER_ROOT | MEMBER_INIT)))
			births_sample(&c->births, &m->births, &m->sample);
	c->is_passed = false;
	uint64_t total = births_total(&c->births), fresh = total - c->total;
	c->total = total;
	if (fresh + met > 0)
		c->seen_ns = w->facts.now_ns;
	return fresh > met ? fresh : met;
}

/* PIDs given out lately: over so long that one look more or less does not matter. */
static void count_pids(struct census *c, uint64_t now_ns, uint64_t pid, struct schedule_count *out)
{
	struct census_pid *old = &c->last_pid[0], *recent = &c->last_pid[1];

	/* Numbers begin anew some day: then as many as there are below is the best guess. */
	if (old->pid != 0 && pid != 0)
		out->pids = pid >= old->pid ? pid - old->pid : pid;
	out->over_ns = now_ns - old->at_ns;
	if (old->at_ns != 0 && now_ns - recent->at_ns < SCHEDULE_BUSY_NS)
		return;
	*old = old->at_ns != 0 ? *recent : (struct census_pid){ .at_ns = now_ns, .pid = pid };
	*recent = (struct census_pid){ .at_ns = now_ns, .pid = pid };
}

uint64_t census_period(struct warden *w, uint64_t births)
{
	struct census *c = &w->census;
	const struct limit_bound *b = &w->run->job->limit[LIMIT_SPAWN_RATE];
	const struct limit_value *bound = b->soft.at < b->hard.at ? &b->soft : &b->hard;
	struct schedule_count count = { .at = bound->at,
					.per_ns = bound->per_ns,
					.quiet_ns = w->facts.now_ns - c->seen_ns,
					.members = w->tree.procs };

	if (c->births.rung != BIRTHS_SAMPLED)
		return schedule_next(w->period_ns, births);
	count_pids(c, w->facts.now_ns, w->tree.last_pid, &count);
	return schedule_count(w->period_ns, births, &count);
}

void census_reaped(struct warden *w, pid_t pid)
{
	if (w->census.births.rung == BIRTHS_SAMPLED && w->has_tree && pid != w->job && pid != w->tree.init &&
	    !tree_find(&w->tree, pid))
		births_find_orphan(&w->census.births);
}

/* --- telling -------------------------------------------------------------------------------------------- */

void census_rest(struct warden *w)
{
	if (w->census.perf.epoll >= 0)
		(void)os_epoll_remove(w->epoll, w->census.perf.epoll); /* removed already: good */
}

void census_keep_figures(struct warden *w)
{
	struct run_figures *f = warden_figures(w);
	struct census *c = &w->census;

	if (c->births.rung == BIRTHS_TOLD)
		(void)os_perf_drain(&c->perf, take, w);
	f->births_rung = c->births.rung;
	f->births = births_total(&c->births);
	f->births_missed = c->births.missed;
}
