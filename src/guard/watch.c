#include "guard/watch.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "conf/job.h"
#include "core/schedule.h"
#include "guard/flag.h"
#include "guard/samples.h"
#include "guard/warden.h"
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

static bool is_set(const struct job *job, enum limit_id id)
{
	return job->limit[id].soft.at != LIMIT_NONE || job->limit[id].hard.at != LIMIT_NONE;
}

void watch_init(struct watch *watch, const struct job *job, struct tree *tree)
{
	watch->has_limits = limits_are_set(job->limit);
	memcpy(watch->limits.bound, job->limit, sizeof(watch->limits.bound));
	if (job->record_samples) /* whatever may be asked of them later */
		tree->wants = SAMPLE_MEMORY | SAMPLE_STAT | SAMPLE_FDS;
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		if (is_set(job, (enum limit_id)i))
			tree->wants |= wanted_by((enum limit_id)i);
	growth_init(&watch->growth, &job->limit[LIMIT_GROWTH]);
	tree->wants |= SAMPLE_MEMORY; /* growth is looked for without being asked: it is read anyway */
}

static enum flag_action action_of(const struct warden *w, const struct limit_verdict *v)
{
	return v->grade == GRADE_HARD ? flag_action_of(w->run->job->on_limit) : FLAG_ONLY;
}

/* As they are called now: a member is met before its exec. */
static void name_witnesses(struct warden *w, struct finding *f)
{
	struct proc_stat stat;

	for (unsigned i = 0; i < FINDING_WITNESSES && f->witness[i].pid != 0; i++) {
		struct witness *witness = &f->witness[i];
		struct member *m = tree_find(&w->tree, witness->pid);
		if (!m || os_proc_stat(witness->pid, &stat) < 0 ||
		    (m->id.start_ticks != 0 && stat.start_ticks != m->id.start_ticks))
			continue;
		memset(witness->comm, 0, sizeof(witness->comm));
		memcpy(witness->comm, stat.comm, strnlen(stat.comm, sizeof(witness->comm) - 1));
	}
}

static void tell(struct warden *w, const struct limit_verdict *v, const char *rung, enum flag_action action)
{
	struct finding finding;

	limit_describe(v, w->facts.now_ns, rung, &finding);
	name_witnesses(w, &finding);
	warden_raise(w, &finding, action);
}

void watch_tell(struct warden *w, const struct limit_verdict *v, const char *rung)
{
	tell(w, v, rung, action_of(w, v));
}

void watch_flag(struct warden *w, struct finding *finding)
{
	name_witnesses(w, finding);
	flag_raise(w->run, w->link, finding, FLAG_ONLY);
}

static void measure(struct warden *w, const struct look *look)
{
	limits_begin(&w->watch.limits, look);
	FOR_EACH_MEMBER (&w->tree, m)
		if (!(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD)))
			limits_member(&w->watch.limits, &m->sample);
}

/* Do limits end a run, and can the end still be made shorter? */
static bool holds_on(const struct warden *w)
{
	return w->watch.has_limits && w->run->job->on_limit >= ON_LIMIT_FREEZE && w->ending.grace_ns > 0;
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

	if (watch->overrun.since_ns == 0)
		return;
	struct limit_verdict v = overrun_look(&watch->overrun, &watch->limits,
					      watch->limits.told[1] & ~(1U << LIMIT_SPAWN_RATE));
	if (v.grade != GRADE_OK)
		tell(w, &v, "walk", FLAG_KILL);
}

static void look_at_grace(struct warden *w, const struct look *look)
{
	struct watch *watch = &w->watch;
	struct finding finding;

	if (w->ending.stage != STAGE_GRACE || !holds_on(w))
		return;
	measure(w, look);
	struct limit_verdict v = overrun_look(&watch->overrun, &watch->limits, OVERRUN_ANY);
	if (v.grade == GRADE_OK)
		return;
	overrun_describe(&v, look->now_ns, &finding);
	watch_flag(w, &finding);
	ending_hurry(&w->ending, look->now_ns);
}

/* How it was measured. */
static const char *rung_of(enum limit_id id, const struct look *look)
{
	if (id == LIMIT_SPAWN_RATE)
		return look->births_rung;
	return id == LIMIT_IO ? "io" : id == LIMIT_OUTPUT ? "files" : "walk";
}

static void look_at_limits(struct warden *w, const struct look *look)
{
	struct watch *watch = &w->watch;

	measure(w, look);
	census_testify(w);
	for (;;) { /* each bound that is passed has its say */
		struct limit_verdict v = limits_end(&watch->limits);
		if (v.grade == GRADE_OK)
			break;
		if (watch_holds(w, &v))
			continue;
		watch_tell(w, &v, rung_of(v.id, look));
		if (w->ending.stage != STAGE_IDLE)
			return;
	}
	if (!freeze_stands(&w->freeze))
		look_at_thawed(w);
	if (w->ending.stage == STAGE_IDLE)
		watch_confirm(w);
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
	if (watch->has_limits)
		look_at_limits(w, &look);
	if (w->ending.stage == STAGE_IDLE)
		watch_growth(w, look.period_ns);
}

uint64_t watch_period(const struct watch *watch, uint64_t period_ns)
{
	uint64_t most_ns = growth_period_ns(&watch->growth.rule);
	return period_ns < most_ns ? period_ns : most_ns;
}

void watch_list(const struct job *job, struct history_start *start)
{
	static_assert(LIMIT_COUNT <= HISTORY_LIMITS_MAX, "room for every limit");
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		const struct limit_bound *b = &job->limit[i];
		if (is_set(job, (enum limit_id)i))
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
		if (!is_set(job, (enum limit_id)i))
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
