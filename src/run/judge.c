#include "run/judge.h"

#include <string.h>

#include "conf/job.h"
#include "core/detect.h"
#include "os/proc.h"
#include "tree/tree.h"

bool judge_has_limit(const struct job *job, enum limit_id id)
{
	return job->limit[id].soft.at != LIMIT_NONE || job->limit[id].hard.at != LIMIT_NONE;
}

void judge_init(struct judge *j, const struct job *job, struct tree *tree)
{
	j->job = job;
	j->tree = tree;
	j->has_limits = limits_are_set(job->limit);
	memcpy(j->limits.bound, job->limit, sizeof(j->limits.bound));
	growth_init(&j->growth, &job->limit[LIMIT_GROWTH]);
}

bool judge_has(const struct judge *j, const struct member *m)
{
	return !(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD)) &&
	       (j->self == 0 || (m->id.pid != j->self && m->ppid != j->self));
}

/* --- telling -------------------------------------------------------------------------------------------- */

/* As they are called now: a member is met before its exec. */
static void name_witnesses(const struct judge *j, struct finding *f)
{
	struct proc_stat stat;

	for (unsigned i = 0; i < FINDING_WITNESSES && f->witness[i].pid != 0; i++) {
		struct witness *witness = &f->witness[i];
		struct member *m = tree_find(j->tree, witness->pid);
		if (!m || os_proc_stat(witness->pid, &stat) < 0 ||
		    (m->id.start_ticks != 0 && stat.start_ticks != m->id.start_ticks))
			continue;
		memset(witness->comm, 0, sizeof(witness->comm));
		memcpy(witness->comm, stat.comm, strnlen(stat.comm, sizeof(witness->comm) - 1));
	}
}

void judge_describe(struct judge *j, const struct limit_verdict *v, uint64_t now_ns, const char *rung,
		    struct finding *out_finding)
{
	limit_describe(v, now_ns, rung, out_finding);
	name_witnesses(j, out_finding);
}

bool judge_tell(struct judge *j, const struct limit_verdict *v, uint64_t now_ns, const char *rung)
{
	struct finding finding;

	judge_describe(j, v, now_ns, rung, &finding);
	return j->ways->passed(j->with, v, &finding);
}

void judge_notice(struct judge *j, struct finding *finding)
{
	name_witnesses(j, finding);
	j->ways->noticed(j->with, finding);
}

/* --- a look --------------------------------------------------------------------------------------------- */

void judge_measure(struct judge *j, const struct look *look)
{
	limits_begin(&j->limits, look);
	FOR_EACH_MEMBER (j->tree, m)
		if (judge_has(j, m))
			limits_member(&j->limits, &m->sample);
}

void judge_parents(struct judge *j, const struct births *births)
{
	static const char gone[16] = "(gone)";
	struct births_parent top[FINDING_WITNESSES];

	unsigned n = births_top(births, top, FINDING_WITNESSES);
	for (unsigned i = 0; i < n; i++) {
		const struct member *m = tree_find(j->tree, top[i].pid);
		limits_parent(&j->limits, top[i].pid, m ? m->comm : gone, top[i].now + top[i].before);
	}
}

/* How it was measured. */
static const char *rung_of(enum limit_id id, const struct look *look)
{
	if (id == LIMIT_SPAWN_RATE)
		return look->births_rung;
	return id == LIMIT_IO ? "io" : id == LIMIT_OUTPUT ? "files" : "walk";
}

bool judge_limits(struct judge *j)
{
	const struct look *look = &j->limits.look;

	for (;;) { /* each bound that is passed has its say */
		struct limit_verdict v = limits_end(&j->limits);
		if (v.grade == GRADE_OK)
			return true;
		if (!judge_holds(j, &v) && !judge_tell(j, &v, look->now_ns, rung_of(v.id, look)))
			return false;
	}
}

void judge_growth(struct judge *j, uint64_t now_ns, uint64_t period_ns)
{
	struct growth *g = &j->growth;
	struct finding f;

	if (!g->is_limit && !(j->job->detect & 1U << DETECT_GROWTH))
		return;
	growth_begin(g, now_ns);
	FOR_EACH_MEMBER (j->tree, m)
		if (judge_has(j, m))
			growth_member(g, &m->trend, &m->sample);
	struct growth_verdict found = growth_end(g);
	if (found.grade == GRADE_OK)
		return;
	if (g->is_limit) {
		struct limit_verdict v = growth_as_limit(&found, &j->job->limit[LIMIT_GROWTH], period_ns);
		(void)judge_tell(j, &v, now_ns, "walk"); /* it is the last of a look */
		return;
	}
	growth_describe(&found, g->rule.floor_bytes[0], now_ns, &f);
	f.period_ns = period_ns;
	judge_notice(j, &f);
}
