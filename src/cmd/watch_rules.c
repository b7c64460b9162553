/* What `run` asks at each look of its tree (guard/watch.c, guard/sight.c), asked of one that is not ours. */
#include "base/num.h"
#include "cmd/watch_tree.h"
#include "os/clock.h"
#include "os/self.h"
#include "tree/facts.h"

/* As guard/sight.c has them. */
#define FACTS_EVERY_NS  NS_PER_S
#define FACTS_PER_LOOK  16
#define TREE_LARGE      32
#define FACTS_IF_LARGE  8
#define ORPHAN_CLOSE_NS NS_PER_S

/* --- telling ----------------------------------------------------------------------------------------------
 */

static void found(void *with, const struct finding *f)
{
	struct outside *o = with;
	tell_flag(o->w, &o->who, os_clock_wall_ns(), f);
}

/* --- beginning --------------------------------------------------------------------------------------------
 */

static bool passed(void *with, const struct limit_verdict *v, const struct finding *f)
{
	(void)v; /* nothing is done about it, whatever its grade */
	found(with, f);
	return true;
}

static uint64_t span_of(const struct limit_bound *b)
{
	return b->hard.at != LIMIT_NONE ? b->hard.per_ns : b->soft.per_ns;
}

void rules_init(struct outside *o)
{
	static const struct judge_ways ways = { passed, found, weigh };
	static struct signatures built_in;
	const struct job *job = &o->w->cmd.job;

	judge_init(&o->judge, job, &o->tree);
	o->judge.ways = &ways;
	o->judge.with = o;
	o->judge.self = os_self_pid();
	o->judge.cgroup_fd = -1;
	o->judge.limits.start_ns = o->now_ns;
	/* The state of each at each look: whether a parent is there, and what it has used. */
	o->tree.wants = SAMPLE_MEMORY | SAMPLE_STAT | (judge_has_limit(job, LIMIT_FDS) ? SAMPLE_FDS : 0U);
	o->counts = judge_has_limit(job, LIMIT_SPAWN_RATE);
	o->counts_io = judge_has_limit(job, LIMIT_IO);
	if (o->counts)
		births_init(&o->births, BIRTHS_SAMPLED, span_of(&job->limit[LIMIT_SPAWN_RATE]));
	o->detector.enabled = job->detect;
	o->detector.found = found;
	o->detector.with = o;
	o->detector.orphan_grace_ns = job->orphan_grace_ns;
	if (!job->signatures)
		signatures_init(&built_in);
	o->matcher.signatures = job->signatures ? job->signatures : &built_in;
	o->needs = (detect_needs(job->detect) & ~(uint32_t)SAMPLE_WCHAN) | matcher_needs(&o->matcher, false);
	o->orphan_needs = matcher_needs(&o->matcher, true);
}

void rules_begin(struct outside *o)
{
	uint64_t cpu_ns = o->ended_ns;

	FOR_EACH_MEMBER (&o->tree, m) {
		m->births = (struct births_trace){ .faults = m->sample.child_faults,
						   .has_faults = m->sample.known & SAMPLE_STAT };
		if (outside_has(o, m) && m->sample.known & SAMPLE_STAT)
			cpu_ns += m->sample.cpu_ns + m->sample.waited_ns;
	}
	window_add(&o->judge.limits.cpu, o->now_ns, cpu_ns, 0);
	o->judge.limits.start_ns = o->now_ns;
}

uint64_t rules_period(const struct outside *o, uint64_t period_ns)
{
	uint64_t most_ns = growth_period_ns(&o->judge.growth.rule);
	return period_ns < most_ns ? period_ns : most_ns;
}

/* --- limits -----------------------------------------------------------------------------------------------
 */

static void look_at_limits(struct outside *o, const struct look *look)
{
	judge_measure(&o->judge, look);
	if (o->counts)
		judge_parents(&o->judge, &o->births);
	(void)judge_limits(&o->judge); /* nothing ends it */
	judge_confirm(&o->judge, look->now_ns);
}

/* --- what is noticed beside limits ------------------------------------------------------------------------
 */

static void match(struct outside *o, struct member *m, bool is_orphan)
{
	const struct member *parent = facts_parent(&o->tree, m);
	matcher_member(&o->matcher, &m->role, parent ? &parent->role : NULL, &m->sample, is_orphan,
		       o->now_ns);
}

static uint64_t orphaned(const struct outside *o, const struct member *m)
{
	return o->tree.orphans > 0 ? facts_orphaned_ns(&o->tree, m) : 0;
}

/* All of them, by what the walk has read. */
static void look_at_all(struct outside *o)
{
	FOR_EACH_MEMBER (&o->tree, m) {
		if (!outside_has(o, m))
			continue;
		uint64_t orphaned_ns = orphaned(o, m);
		if (orphaned_ns != 0 && !m->role.is_final && o->orphan_needs != 0 &&
		    o->now_ns - orphaned_ns < ORPHAN_CLOSE_NS)
			(void)facts_read(m, o->orphan_needs);
		match(o, m, orphaned_ns != 0);
		const struct signature *known = matcher_known(&o->matcher, &m->role);
		if (m->orphaned_ns != 0 && (!known || known->any))
			detect_orphan(&o->detector, &m->detect, &m->sample, m->orphaned_ns);
	}
}

/* Those whose turn it is, by all that can be known. */
static void look_closely(struct outside *o)
{
	size_t count = o->tree.count, looked = 0;
	size_t most = count > TREE_LARGE ? FACTS_IF_LARGE : FACTS_PER_LOOK;

	for (size_t i = 0; i < count && looked < most; i++) {
		o->at = o->at + 1 < count ? o->at + 1 : 0;
		struct member *m = &o->tree.member[o->at];
		if (!outside_has(o, m))
			continue;
		bool is_orphan = orphaned(o, m) != 0;
		looked++;
		if (facts_read(m, o->needs | (is_orphan ? o->orphan_needs : 0)) != 0)
			continue;
		m->sample.known &= ~(uint32_t)(is_orphan ? 0 : SAMPLE_WCHAN);
		if (m->sample.state == 'D' && o->detector.enabled & 1U << DETECT_STUCK)
			(void)facts_read(m, SAMPLE_WCHAN);
		match(o, m, is_orphan);
		detect_member(&o->detector, &m->detect, &m->sample);
	}
}

static void tell_groups(struct outside *o, bool all)
{
	const struct signatures *signatures = o->matcher.signatures;
	struct finding f;

	for (uint32_t i = 0; i < signatures->count; i++)
		if ((all || signatures->list[i].meaning >= MEANING_WARNING) &&
		    matcher_tell(&o->matcher, i, o->now_ns, o->period_ns, &f))
			found(o, &f);
}

/* --- the whole --------------------------------------------------------------------------------------------
 */

void rules_look(struct outside *o)
{
	struct look look = {
		.now_ns = o->now_ns,
		.period_ns = o->now_ns - o->last_ns,
		.ended_ns = o->ended_ns,
		.output_bytes = UINT64_MAX,
		.births_rung = births_rung_name(BIRTHS_SAMPLED),
	};

	FOR_EACH_MEMBER (&o->tree, m)
		if (o->counts && outside_has(o, m))
			births_sample(&o->births, &m->births, &m->sample);
	look.births = births_total(&o->births);
	io_look(o);
	look.written_bytes = io_written(o);
	if (o->judge.has_limits)
		look_at_limits(o, &look);
	judge_growth(&o->judge, o->now_ns, look.period_ns);
	detect_look(&o->detector, &look);
	look_at_all(o);
	if (o->now_ns >= o->facts_ns) {
		o->facts_ns = o->now_ns + FACTS_EVERY_NS;
		look_closely(o);
		detect_births(&o->detector, o->tree.seen - o->met_before);
	}
	tell_groups(o, false);
}

void rules_end(struct outside *o)
{
	tell_groups(o, true);
}
