#include "guard/watch.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "conf/job.h"
#include "core/schedule.h"
#include "guard/flag.h"
#include "guard/pair.h"
#include "guard/samples.h"
#include "guard/warden.h"
#include "os/link.h"
#include "os/proc.h"
#include "os/read_apart.h"
#include "tree/tree.h"

/* What a limit needs of each member, beside its memory. */
static uint32_t wanted_by(enum limit_id id)
{
	switch (id) {
	case LIMIT_THREADS:
	case LIMIT_CPU:
		return SAMPLE_STAT;
	case LIMIT_FDS:
		return SAMPLE_FDS;
	default:
		return SAMPLE_MEMORY;
	}
}

uint64_t watch_cap(const struct job *job)
{
	return job->on_limit == ON_LIMIT_KILL ? limits_cap(job->limit) : LIMIT_NONE;
}

static enum flag_action action_of(const struct warden *w, const struct limit_verdict *v)
{
	return v->grade == GRADE_HARD ? flag_action_of(w->run->job->on_limit) : FLAG_ONLY;
}

static bool passed(void *with, const struct limit_verdict *v, const struct finding *finding)
{
	struct warden *w = with;

	warden_raise(w, finding, action_of(w, v));
	return w->ending.stage == STAGE_IDLE;
}

static void noticed(void *with, const struct finding *finding)
{
	struct warden *w = with;

	flag_raise(w->run, w->link, finding, FLAG_ONLY);
}

/* Front may look into members, we may not. */
static void weigh(void *with)
{
	struct warden *w = with;
	struct watch *watch = &w->watch;
	struct pair_message m;

	if (watch->is_asking && w->facts.now_ns - watch->asking_ns < CONFIRM_TIMEOUT_NS)
		return;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_WEIGH;
	m.question.n = judge_choose(&watch->judge, m.question.process, WEIGH_MAX);
	watch->asking_ns = w->facts.now_ns;
	watch->is_asking = os_link_send(w->link, &m, PAIR_HEAD_BYTES + sizeof(m.question)) == 0;
}

void watch_weighed(struct warden *w, const struct reader_shares *shares)
{
	w->watch.is_asking = false;
	if (w->ending.stage == STAGE_IDLE)
		judge_weighed(&w->watch.judge, shares, w->facts.now_ns);
}

void watch_init(struct warden *w)
{
	static const struct judge_ways ways = { passed, noticed, weigh };
	const struct job *job = w->run->job;
	struct judge *judge = &w->watch.judge;

	judge_init(judge, job, &w->tree);
	judge->ways = &ways;
	judge->with = w;
	judge->cgroup_fd = w->run->cgroup_fd;
	if (job->record_samples) /* whatever may be asked of them later */
		w->tree.wants = SAMPLE_MEMORY | SAMPLE_STAT | SAMPLE_FDS;
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		if (judge_has_limit(job, (enum limit_id)i))
			w->tree.wants |= wanted_by((enum limit_id)i);
	w->tree.wants |= SAMPLE_MEMORY; /* growth is looked for without being asked: it is read anyway */
}

void watch_flag(struct warden *w, struct finding *finding)
{
	judge_notice(&w->watch.judge, finding);
}

/* Do limits end a run, and can the end still be made shorter? */
static bool holds_on(const struct warden *w)
{
	return w->watch.judge.has_limits && w->run->job->on_limit >= ON_LIMIT_FREEZE &&
	       w->ending.grace_ns > 0;
}

void watch_end(struct warden *w, uint64_t procs)
{
	if (!holds_on(w))
		return;
	overrun_begin(&w->watch.overrun, w->facts.now_ns, procs, births_total(&w->census.births));
	if (w->run->job->interval_ns == 0) { /* as at a start: what it does, it mostly does at once */
		w->period_ns = SCHEDULE_STORM_NS;
		w->tick_ns = w->facts.now_ns + w->period_ns;
	}
}

void watch_thawed(struct warden *w)
{
	if (!w->watch.is_frozen)
		return;
	w->watch.is_frozen = false;
	overrun_begin(&w->watch.overrun, w->facts.now_ns, w->tree.procs, UINT64_MAX);
}

/* Of what was thawed while it was over its limit, and has not been below since. */
static void look_at_thawed(struct warden *w)
{
	struct watch *watch = &w->watch;
	struct finding finding;

	if (watch->overrun.since_ns == 0)
		return;
	struct limit_verdict v = overrun_look(&watch->overrun, &watch->judge.limits,
					      watch->judge.limits.told[1] & ~(1U << LIMIT_SPAWN_RATE));
	if (v.grade == GRADE_OK)
		return;
	judge_describe(&watch->judge, &v, w->facts.now_ns, "walk", &finding);
	warden_raise(w, &finding, FLAG_KILL);
}

static void look_at_grace(struct warden *w, const struct look *look)
{
	struct watch *watch = &w->watch;
	struct finding finding;

	if (w->ending.stage != STAGE_GRACE || !holds_on(w))
		return;
	judge_measure(&watch->judge, look);
	struct limit_verdict v = overrun_look(&watch->overrun, &watch->judge.limits, OVERRUN_ANY);
	if (v.grade == GRADE_OK)
		return;
	overrun_describe(&v, look->now_ns, &finding);
	watch_flag(w, &finding);
	ending_hurry(&w->ending, look->now_ns);
}

static void look_at_limits(struct warden *w, const struct look *look)
{
	struct judge *judge = &w->watch.judge;

	judge_measure(judge, look);
	judge_parents(judge, &w->census.births);
	if (!judge_limits(judge))
		return;
	if (!freeze_stands(&w->freeze))
		look_at_thawed(w);
	if (w->ending.stage == STAGE_IDLE)
		judge_confirm(judge, look->now_ns);
}

void watch_look(struct warden *w)
{
	struct watch *watch = &w->watch;
	const struct run_figures *f = warden_figures(w);
	const char *rung = births_rung_name(w->census.births.rung);
	struct look look = {
		.now_ns = w->facts.now_ns,
		.period_ns = watch->last_ns == 0 ? 0 : w->facts.now_ns - watch->last_ns,
		.births = births_total(&w->census.births),
		.ended_ns = f->user_ns + f->system_ns,
		.output_bytes = flow_look(w->run),
		.written_bytes = io_written(w),
		.births_rung = rung ? rung : births_rung_name(BIRTHS_SAMPLED), /* nobody counts them apart */
	};

	watch->last_ns = look.now_ns;
	if (w->ending.stage != STAGE_IDLE) {
		look_at_grace(w, &look);
		return;
	}
	samples_write(w->run, &look, &w->tree);
	if (watch->judge.has_limits)
		look_at_limits(w, &look);
	if (w->ending.stage == STAGE_IDLE)
		judge_growth(&watch->judge, look.now_ns, look.period_ns);
}

uint64_t watch_period(const struct watch *watch, uint64_t period_ns)
{
	uint64_t most_ns = growth_period_ns(&watch->judge.growth.rule);
	return period_ns < most_ns ? period_ns : most_ns;
}

void watch_list(const struct job *job, struct history_start *start)
{
	static_assert(LIMIT_COUNT <= HISTORY_LIMITS_MAX, "room for every limit");
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_bound *b = &job->limit[i];
		if (judge_has_limit(job, (enum limit_id)i))
			start->limit[start->limit_count++] =
				(struct history_limit){ limit_rows[i].name, b->soft.at, b->hard.at,
							b->soft.per_ns, b->hard.per_ns };
	}
}

static bool is_too_seldom(const struct job *job)
{
	struct growth g = { 0 };

	growth_init(&g, &job->limit[LIMIT_GROWTH]);
	return job->interval_ns > growth_period_ns(&g.rule);
}

bool watch_cannot(const struct job *job, struct buf *why)
{
	struct proc_io io;

	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		if (!judge_has_limit(job, (enum limit_id)i))
			continue;
		const char *reason = NULL;
		if (job->interval_ns == NUM_NONE)
			reason = " cannot be held: --interval=none looks at nothing";
		else if (!os_proc_is_ours())
			reason = " cannot be held: /proc does not show this PID namespace";
		else if (i == LIMIT_GROWTH && is_too_seldom(job))
			reason = " cannot be held: --interval is more than a tenth of its time";
		else if (i == LIMIT_IO && os_read_own_io(&io) < 0)
			reason = " cannot be held: /proc does not tell what is written";
		if (!reason)
			continue;
		buf_str(why, "--");
		buf_str(why, limit_rows[i].name);
		buf_str(why, reason);
		return true;
	}
	return false;
}
