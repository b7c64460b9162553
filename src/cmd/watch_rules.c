/* What `run` asks at each look of its tree (guard/watch.c, guard/sight.c), asked of one that is not ours. */
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "cmd/watch_tree.h"
#include "os/clock.h"
#include "os/proc.h"
#include "tree/facts.h"

/* As guard/sight.c has them. */
#define FACTS_EVERY_NS  NS_PER_S
#define FACTS_PER_LOOK  16
#define TREE_LARGE      32
#define FACTS_IF_LARGE  8
#define ORPHAN_CLOSE_NS NS_PER_S

/* --- telling ----------------------------------------------------------------------------------------------
 */

/* As they are called now: a member is met before its exec. */
static void name_witnesses(struct outside *o, struct finding *f)
{
	struct proc_stat stat;

	for (unsigned i = 0; i < FINDING_WITNESSES && f->witness[i].pid != 0; i++) {
		struct witness *witness = &f->witness[i];
		struct member *m = tree_find(&o->tree, witness->pid);
		if (!m || os_proc_stat(witness->pid, &stat) < 0 || stat.start_ticks != m->id.start_ticks)
			continue;
		memset(witness->comm, 0, sizeof(witness->comm));
		memcpy(witness->comm, stat.comm, strnlen(stat.comm, sizeof(witness->comm) - 1));
	}
}

void rules_flag(struct outside *o, struct finding *f)
{
	name_witnesses(o, f);
	tell_flag(o->w, &o->who, os_clock_wall_ns(), f);
}

void rules_tell(struct outside *o, const struct limit_verdict *v, const char *rung)
{
	struct finding f;

	limit_describe(v, o->now_ns, rung, &f);
	rules_flag(o, &f);
}

static void found(void *with, const struct finding *f)
{
	struct outside *o = with;
	tell_flag(o->w, &o->who, os_clock_wall_ns(), f);
}

/* --- beginning --------------------------------------------------------------------------------------------
 */

static bool is_set(const struct job *job, enum limit_id id)
{
	return job->limit[id].soft.at != LIMIT_NONE || job->limit[id].hard.at != LIMIT_NONE;
}

static uint64_t span_of(const struct limit_bound *b)
{
	return b->hard.at != LIMIT_NONE ? b->hard.per_ns : b->soft.per_ns;
}

void rules_init(struct outside *o)
{
	static struct signatures built_in;
	const struct job *job = &o->w->cmd.job;

	o->has_limits = limits_are_set(job->limit);
	memcpy(o->limits.bound, job->limit, sizeof(o->limits.bound));
	o->limits.start_ns = o->now_ns;
	growth_init(&o->growth, &job->limit[LIMIT_GROWTH]);
	/* The state of each at each look: whether a parent is there, and what it has used. */
	o->tree.wants = SAMPLE_MEMORY | SAMPLE_STAT | (is_set(job, LIMIT_FDS) ? SAMPLE_FDS : 0U);
	o->counts = is_set(job, LIMIT_SPAWN_RATE);
	o->counts_io = is_set(job, LIMIT_IO);
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
	window_add(&o->limits.cpu, o->now_ns, cpu_ns, 0);
	o->limits.start_ns = o->now_ns;
}

uint64_t rules_period(const struct outside *o, uint64_t period_ns)
{
	uint64_t most_ns = growth_period_ns(&o->growth.rule);
	return period_ns < most_ns ? period_ns : most_ns;
}

/* --- limits -----------------------------------------------------------------------------------------------
 */

static void testify(struct outside *o)
{
	static const char gone[16] = "(gone)";
	struct births_parent top[FINDING_WITNESSES];

	unsigned n = births_top(&o->births, top, FINDING_WITNESSES);
	for (unsigned i = 0; i < n; i++) {
		const struct member *m = tree_find(&o->tree, top[i].pid);
		limits_parent(&o->limits, top[i].pid, m ? m->comm : gone, top[i].now + top[i].before);
	}
}

static void look_at_limits(struct outside *o, const struct look *look)
{
	limits_begin(&o->limits, look);
	FOR_EACH_MEMBER (&o->tree, m)
		if (outside_has(o, m))
			limits_member(&o->limits, &m->sample);
	if (o->counts)
		testify(o);
	for (;;) { /* each bound that is passed has its say */
		struct limit_verdict v = limits_end(&o->limits);
		if (v.grade == GRADE_OK)
			break;
		if (!memory_holds(o, &v))
			rules_tell(o, &v, v.id == LIMIT_SPAWN_RATE ? look->births_rung : "walk");
	}
	memory_confirm(o);
}

static void look_at_growth(struct outside *o, uint64_t period_ns)
{
	struct growth *g = &o->growth;
	struct finding f;

	if (!g->is_limit && !(o->w->cmd.job.detect & 1U << DETECT_GROWTH))
		return;
	growth_begin(g, o->now_ns);
	FOR_EACH_MEMBER (&o->tree, m)
		if (outside_has(o, m))
			growth_member(g, &m->trend, &m->sample);
	struct growth_verdict verdict = growth_end(g);
	if (verdict.grade == GRADE_OK)
		return;
	if (g->is_limit) {
		struct limit_verdict v =
			growth_as_limit(&verdict, &o->w->cmd.job.limit[LIMIT_GROWTH], period_ns);
		rules_tell(o, &v, "walk");
		return;
	}
	growth_describe(&verdict, g->rule.floor_bytes[0], o->now_ns, &f);
	f.period_ns = period_ns;
	rules_flag(o, &f);
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
	if (o->has_limits)
		look_at_limits(o, &look);
	look_at_growth(o, look.period_ns);
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
