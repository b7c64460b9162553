#include "guard/sight.h"

#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "codec/procfs.h"
#include "conf/job.h"
#include "guard/flag.h"
#include "guard/peek.h"
#include "guard/warden.h"
#include "os/cgroup.h"
#include "os/proc.h"
#include "tree/facts.h"
#include "tree/hold.h"
#include "tree/tree.h"

/* A run that is over sooner pays for nothing of this. */
#define FACTS_AFTER_NS NS_PER_S
#define FACTS_EVERY_NS NS_PER_S
/* Their facts are read at one look: 40 us each.  In a larger tree each member's turn comes later, and a large
 * one costs enough to walk. */
#define FACTS_PER_LOOK 16
#define TREE_LARGE     32
#define FACTS_IF_LARGE 8
#define TREE_HUGE      128
#define FACTS_IF_HUGE  4
/* Of what is left at the end. */
#define FACTS_AT_END 64
/* An orphan is looked at closely at first: it may not live long. */
#define ORPHAN_CLOSE_NS NS_PER_S
/* Front is asked about new orphans no more often. */
#define PEEK_APART_NS (200 * NS_PER_MS)

static void found(void *with, const struct finding *finding)
{
	struct warden *w = with;

	flag_raise(w->run, w->link, finding, FLAG_ONLY);
}

static bool is_looked_at(const struct member *m)
{
	return !(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD));
}

/* A guard within ends what is its own, and lives without a parent by intent when it was detached. */
static bool is_guarded(const struct member *m)
{
	return m->flags & (MEMBER_GUARD | MEMBER_GUARDED);
}

/* An orphan that nobody has looked at while it was there to be seen. */
static void miss(struct warden *w, struct member *m)
{
	struct sample s = m->sample;

	if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_JOB | MEMBER_LOOKED) || is_guarded(m) ||
	    m->role.signature != 0)
		return;
	m->flags |= MEMBER_LOOKED; /* once */
	if (s.rss_bytes > 0)       /* as it was before it exited */
		s.known |= SAMPLE_MEMORY;
	matcher_missed(&w->sight.matcher, &s);
}

static void parted(void *with, struct member *m)
{
	struct warden *w = with;
	const uint32_t ours = MEMBER_TERMED | MEMBER_STOPPED | MEMBER_KILLED;
	bool is_orphan = m->flags & MEMBER_REAPED || facts_orphaned_ns(&w->tree, m) != 0;

	if (is_orphan && !(m->flags & ours) && warden_figures(w)->cause == CAUSE_NONE)
		miss(w, m);
	struct member *parent = facts_parent(&w->tree, m);

	matcher_parted(&w->sight.matcher, &m->role, parent ? &parent->role : NULL, &m->sample,
		       w->facts.now_ns);
	io_parted(w, m);
}

void sight_init(struct warden *w)
{
	static struct signatures built_in;
	struct sight *s = &w->sight;
	const struct job *job = w->run->job;

	s->detector.enabled = job->detect;
	s->detector.found = found;
	s->detector.with = w;
	s->detector.orphan_grace_ns = job->orphan_grace_ns;
	s->detector.start_ns = attempt_began_ns(w->run);
	if (!job->signatures)
		signatures_init(&built_in);
	s->matcher.signatures = job->signatures ? job->signatures : &built_in;
	s->needs = (detect_needs(job->detect) & ~(uint32_t)SAMPLE_WCHAN) | matcher_needs(&s->matcher, false);
	s->lent = matcher_needs(&s->matcher, false);
	s->orphan_needs = matcher_needs(&s->matcher, true);
	s->facts_ns = attempt_began_ns(w->run) + FACTS_AFTER_NS;
	w->tree.parted = parted;
	w->tree.parted_with = w;
}

/* --- signatures ----------------------------------------------------------------------------------------- */

static void match(struct warden *w, struct member *m, bool is_orphan)
{
	const struct member *parent = facts_parent(&w->tree, m);

	matcher_member(&w->sight.matcher, &m->role, parent ? &parent->role : NULL, &m->sample, is_orphan,
		       w->facts.now_ns);
}

/* What its signature says is to be done, once. */
static void act(struct warden *w, struct member *m, const struct signature *signature)
{
	if (signature->action == SIGNATURE_REPORT || m->flags & (MEMBER_TERMED | MEMBER_JOB))
		return;
	m->flags |= MEMBER_TERMED;
	/* Gone since, or not ours to signal: the end of the run will say so. */
	(void)hold_signal(&w->tree, m, signature->action == SIGNATURE_KILL ? SIGKILL : SIGTERM);
}

static bool is_urgent(const struct signature *s)
{
	return s->meaning >= MEANING_WARNING;
}

static void tell_groups(struct warden *w, bool all)
{
	const struct signatures *signatures = w->sight.matcher.signatures;
	uint64_t now_ns = w->facts.now_ns;
	struct finding f;

	for (uint32_t i = 0; i < signatures->count; i++) {
		bool urgent = is_urgent(&signatures->list[i]);
		if (((all || urgent) && matcher_tell(&w->sight.matcher, i, now_ns, w->period_ns, &f)) ||
		    (all && matcher_tell_unsure(&w->sight.matcher, i, now_ns, w->period_ns, &f)))
			flag_raise(w->run, w->link, &f, urgent ? FLAG_WARN : FLAG_ONLY);
	}
}

/* --- members -------------------------------------------------------------------------------------------- */

static void look_at_orphan(struct warden *w, struct member *m)
{
	struct sight *s = &w->sight;
	const struct signature *known = matcher_known(&s->matcher, &m->role);

	if (m->orphaned_ns == 0)
		return;
	if (!known || known->any) {
		if (!is_guarded(m))
			detect_orphan(&s->detector, &m->detect, &m->sample, m->orphaned_ns);
	} else if (w->facts.now_ns - m->orphaned_ns >= s->detector.orphan_grace_ns) {
		act(w, m, known);
	}
}

/* What one that is ending shows says nothing of what it was. False: it is. */
static bool read_orphan(struct member *m, uint32_t wanted)
{
	struct sample before = m->sample;

	if (facts_read(m, wanted) < 0)
		return false;
	bool is_dead = m->sample.state == 'Z' || m->sample.state == 'X';
	if (is_dead || !(m->sample.known & SAMPLE_MEMORY)) {
		m->sample = before;
		return false;
	}
	m->flags |= MEMBER_LOOKED;
	return true;
}

/* Closely, in its first second. */
static void look_at_new_orphan(struct warden *w, struct member *m, struct peek_question *q)
{
	struct sight *s = &w->sight;

	if (!read_orphan(m, s->orphan_needs) || w->facts.now_ns < s->peek_ns)
		return;
	(void)peek_add(q, m, s->orphan_needs);
}

/* All of them, by what the walk has read. */
static void look_at_all(struct warden *w, struct peek_question *q)
{
	struct sight *s = &w->sight;
	bool has_orphans = w->tree.orphans > 0;

	FOR_EACH_MEMBER (&w->tree, m) {
		if (!is_looked_at(m))
			continue;
		uint64_t orphaned_ns = has_orphans ? facts_orphaned_ns(&w->tree, m) : 0;
		bool is_orphan = orphaned_ns != 0;
		facts_memory(m);
		if (is_orphan && !m->role.is_final && s->orphan_needs != 0 &&
		    w->facts.now_ns - orphaned_ns < ORPHAN_CLOSE_NS)
			look_at_new_orphan(w, m, q);
		match(w, m, is_orphan);
		const struct signature *known = matcher_known(&s->matcher, &m->role);
		if (is_orphan)
			look_at_orphan(w, m);
		if (known && known->any)
			act(w, m, known);
	}
}

/* All that can be known of it is. */
static void judge(struct warden *w, struct member *m)
{
	match(w, m, w->tree.orphans > 0 && facts_orphaned_ns(&w->tree, m) != 0);
	detect_member(&w->sight.detector, &m->detect, &m->sample);
}

void sight_hear(struct warden *w, const struct peek_answer *answer)
{
	if (w->has_tree && w->ending.stage == STAGE_IDLE)
		peek_hear(w, answer, judge);
}

/* Those whose turn it is, by all that can be known. */
static void look_closely(struct warden *w, struct peek_question *q)
{
	struct sight *s = &w->sight;
	size_t count = w->tree.count, looked = 0;
	size_t most = count > TREE_HUGE    ? FACTS_IF_HUGE
		      : count > TREE_LARGE ? FACTS_IF_LARGE
					   : FACTS_PER_LOOK;

	for (size_t i = 0; i < count && looked < most; i++) {
		s->at = s->at + 1 < count ? s->at + 1 : 0;
		struct member *m = &w->tree.member[s->at];
		if (!is_looked_at(m))
			continue;
		bool is_orphan = w->tree.orphans > 0 && facts_orphaned_ns(&w->tree, m) != 0;
		uint32_t lent = s->lent | (is_orphan ? s->orphan_needs : 0);
		looked++;
		m->sample.known &= ~(uint32_t)SAMPLE_WCHAN;
		if (facts_read(m, s->needs | lent) < 0)
			continue;
		if (m->sample.state == 'D' && s->detector.enabled & 1U << DETECT_STUCK) {
			lent |= SAMPLE_WCHAN;
			(void)facts_read(m, SAMPLE_WCHAN);
		}
		if (!peek_add(q, m, lent)) /* else when front has answered */
			judge(w, m);
	}
}

/* The caps of the job's own control group. */
static void look_at_caps(struct warden *w)
{
	struct sight *s = &w->sight;
	uint64_t count;

	if (w->run->cgroup_fd < 0)
		return;
	if (os_cgroup_events(w->run->cgroup_fd, "pids.events", "max", &count) == 0 && count > s->refused) {
		detect_cap(&s->detector, "the kernel refused to make a process (pids.max)",
			   count - s->refused, SEVERITY_WARNING);
		s->refused = count;
	}
	if (os_cgroup_events(w->run->cgroup_fd, "memory.events", "oom_kill", &count) == 0 &&
	    count > s->oom_killed) {
		detect_cap(&s->detector, "the kernel killed a process for memory (memory.max)",
			   count - s->oom_killed, SEVERITY_CRITICAL);
		s->oom_killed = count;
	}
}

/*
 * A refusal by RLIMIT_NPROC is told to nobody but who forks, and counts all processes of the user: whether
 * it is at hand can be known only where no other is counted, in a user namespace of its own.
 */
static void look_at_number(struct warden *w)
{
	char bytes[4096];
	uint64_t tasks = 0, max;
	int job_fd = -1;

	if (!w->run->isolation.ns.has_users || !(w->sight.detector.enabled & 1U << DETECT_CAP))
		return;
	FOR_EACH_MEMBER (&w->tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_DEAD) || m->task_fd < 0)
			continue;
		uint64_t threads = os_proc_threads(m->task_fd);
		tasks += threads != OS_THREADS_UNKNOWN ? threads : 1;
		if (m->flags & MEMBER_JOB)
			job_fd = m->task_fd;
	}
	if (job_fd < 0)
		return;
	ssize_t n = os_proc_read_beside(job_fd, "limits", bytes, sizeof(bytes));
	if (n > 0 && procfs_parse_task_limit(bytes, (size_t)n, &max) == 0)
		detect_full(&w->sight.detector, tasks, max);
}

void sight_look(struct warden *w, uint64_t births, const char *rung)
{
	struct sight *s = &w->sight;
	uint64_t now_ns = w->facts.now_ns;
	struct look look = { .now_ns = now_ns,
			     .period_ns = s->last_ns == 0 ? 0 : now_ns - s->last_ns,
			     .births = births,
			     .output_bytes = UINT64_MAX,
			     .births_rung = rung };
	struct peek_question asked;

	if (w->ending.stage != STAGE_IDLE)
		return;
	s->last_ns = now_ns;
	detect_look(&s->detector, &look);
	peek_begin(&asked);
	look_at_all(w, &asked);
	if (now_ns >= s->facts_ns) {
		s->facts_ns = now_ns + FACTS_EVERY_NS;
		look_closely(w, &asked);
		look_at_caps(w);
		look_at_number(w);
		pressure_look(w);
		detect_births(&s->detector, w->tree.seen);
	}
	(void)peek_ask(w, &asked); /* not heard: each is judged at its next turn */
	if (asked.n > 0)
		s->peek_ns = now_ns + PEEK_APART_NS;
	tell_groups(w, false);
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* The rest of what is left, in one flag. */
static void tell_left(struct warden *w, uint32_t left, const struct witness *witness)
{
	struct finding f = { .rule = detect_rows[DETECT_ORPHAN].name,
			     .severity = SEVERITY_INFO,
			     .value = left,
			     .bound = UINT64_MAX,
			     .since_ns = w->facts.now_ns,
			     .now_ns = w->facts.now_ns,
			     .period_ns = w->period_ns,
			     .rung = "walk" };
	struct buf text;

	buf_init(&text, f.text, sizeof(f.text));
	buf_u64(&text, left);
	buf_str(&text, left == 1 ? " process was left when the job was over"
				 : " processes were left when the job was over");
	memcpy(f.witness, witness, sizeof(f.witness));
	flag_raise(w->run, w->link, &f, FLAG_ONLY);
}

void sight_left(struct warden *w)
{
	struct sight *s = &w->sight;
	struct witness witness[FINDING_WITNESSES] = { 0 };
	uint32_t looked = 0, left = 0;

	FOR_EACH_MEMBER (&w->tree, m) {
		if (!is_looked_at(m) || looked++ >= FACTS_AT_END)
			continue;
		facts_memory(m);
		bool is_read = m->role.is_final || read_orphan(m, s->orphan_needs);
		match(w, m, true);
		if (!is_read)
			miss(w, m);
	}
	FOR_EACH_MEMBER (&w->tree, m) {
		const struct signature *known = matcher_known(&s->matcher, &m->role);
		if (known)
			m->flags |= MEMBER_KNOWN;
		if (known || !is_looked_at(m) || is_guarded(m) || m->rss_pages == 0 ||
		    m->detect.told[0] & 1U << DETECT_ORPHAN)
			continue;
		left++;
		witness_add(witness, m->id.pid, m->sample.comm, 0);
	}
	if (left > 0 && s->detector.enabled & 1U << DETECT_ORPHAN)
		tell_left(w, left, witness);
	struct buf groups;
	buf_init(&groups, w->report.groups, sizeof(w->report.groups));
	for (uint32_t i = 0; i < s->matcher.signatures->count; i++) {
		if (matcher_groups(&s->matcher, i) == 0)
			continue;
		buf_str(&groups, groups.len > 0 ? "; " : "");
		matcher_put(&groups, &s->matcher, i);
	}
	const struct run_figures *f = warden_figures(w);
	if (groups.len > 0 && f->births > f->seen) {
		buf_str(&groups, "; births that were over before they were seen: ");
		buf_u64(&groups, f->births - f->seen);
	}
	tell_groups(w, true);
}

void sight_finish(struct warden *w)
{
	tell_groups(w, true);
}
