/* The warden's ticks, and the end of its tree. */
#include "guard/warden.h"

#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/schedule.h"
#include "guard/alive.h"
#include "guard/flag.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/sched.h"
#include "os/self.h"
#include "store/record.h"
#include "tree/walk.h"

#define PAGE_BYTES 4096
/* What a run has is told when it has changed by this part of what it expects. */
#define CLAIM_STEPS 32

/* --- the tree ------------------------------------------------------------------------------------------- */

void warden_need_tree(struct warden *w)
{
	if (w->has_tree)
		return;
	w->has_tree = true;
	/* Both of us, from now on: a job that is over sooner does not pay for it. */
	os_sched_make_prompt(0);
	if (os_self_parent() == w->run->head.front.pid)
		os_sched_make_prompt(w->run->head.front.pid);
	os_raise_files();
	tree_init(&w->tree, w->epoll);
	w->tree.init = w->run->isolation.ns.init;
	watch_init(w);
	sight_init(w);
	census_attach(w);
	alive_want(w);
	io_init(w);
	(void)tree_set_root(&w->tree, os_self_pid()); /* without /proc: the job alone, by its own handle */
	w->had_job = !warden_figures(w)->has_status;
	if (w->had_job)
		tree_add_job(&w->tree, w->job, os_fd_steal(&w->job_fd), attempt_began_ns(w->run));
	w->journal = (struct journal){ .fd = w->run->record_fd, .seed = w->run->seed };
}

void warden_keep_figures(struct warden *w)
{
	struct run_figures *f = warden_figures(w);
	uint64_t rss = w->tree.rss_pages * PAGE_BYTES;

	if (rss > f->peak_rss_bytes)
		f->peak_rss_bytes = rss;
	if (w->tree.procs > f->peak_procs)
		f->peak_procs = w->tree.procs;
	if (w->tree.peak_depth > f->peak_depth)
		f->peak_depth = w->tree.peak_depth;
	f->seen = (uint32_t)w->tree.seen + (w->had_job ? 0 : 1);
	census_keep_figures(w);
	w->run->state.procs = w->tree.procs;
	w->run->state.rss_bytes = rss;
}

/* Of --expect-mem: what it has by now is what it does not expect any more. */
static bool has_claimed(struct warden *w)
{
	const struct run *run = w->run;
	uint64_t had = w->told_rss_bytes, has = run->state.rss_bytes;
	uint64_t moved = has > had ? has - had : had - has;

	if (run->head.expected_bytes == 0 || moved <= run->head.expected_bytes / CLAIM_STEPS)
		return false;
	w->told_rss_bytes = has;
	return true;
}

void warden_tick(struct warden *w)
{
	warden_need_tree(w);
	(void)tree_prepare(&w->tree);
	census_begin_look(w);
	uint64_t births = census_end_look(w, tree_walk(&w->tree, w->facts.now_ns, WALK_LOOK));
	warden_figures(w)->ticks++;
	warden_keep_figures(w);
	alive_look(w);
	io_look(w);
	int64_t overflow = journal_write(&w->journal, &w->tree);
	if (overflow > 0)
		w->run->state.overflow = (uint64_t)overflow;
	if ((births > 0 || has_claimed(w)) && w->run->record_fd >= 0)
		(void)record_write_state(w->run->record_fd, &w->run->state, w->run->seed);
	watch_look(w);
	yield_watch(w);
	bool is_counted = w->census.births.rung != BIRTHS_NONE;
	sight_look(w, is_counted ? births_total(&w->census.births) : w->tree.seen,
		   is_counted ? births_rung_name(w->census.births.rung) : "sampled");
	warden_figures(w)->period_ns = w->period_ns;
	if (w->run->job->interval_ns == 0)
		w->period_ns = watch_period(&w->watch, census_period(w, births));
	/* A look at all of /proc is not for every moment, but a rule needs its looks. */
	if (w->tree.scans && w->run->job->interval_ns == 0 && w->period_ns < SCHEDULE_QUIET_NS)
		w->period_ns = watch_period(&w->watch, SCHEDULE_QUIET_NS);
	if (w->run->job->interval_ns != NUM_NONE)
		w->tick_ns = w->facts.now_ns + w->period_ns;
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* Others end the run, and no other attempt follows. */
static bool is_of_attempt(enum end_cause cause)
{
	return cause == CAUSE_TIMEOUT || cause == CAUSE_LIMIT || cause == CAUSE_START_TIMEOUT ||
	       cause == CAUSE_IDLE_TIMEOUT || cause == CAUSE_HEARTBEAT;
}

void warden_begin_end(struct warden *w, enum end_cause cause, uint64_t grace_ns,
		      const struct pair_sender *sender)
{
	struct run_figures *f = warden_figures(w);

	w->leaves = false;
	if (!is_of_attempt(cause)) /* whatever it was ended for before */
		w->run->attempt.is_last = true;
	if (f->cause == CAUSE_NONE) {
		f->cause = cause;
		f->was_over = f->has_status;
		if (sender) {
			f->sender_pid = sender->pid;
			f->sender_uid = sender->uid;
			memcpy(f->sender_comm, sender->comm, sizeof(f->sender_comm));
		}
	}
	census_rest(w);
	ending_begin(&w->ending, w->facts.now_ns, grace_ns, false);
	w->run->state.phase = PHASE_ENDING;
}

void warden_raise(struct warden *w, const struct finding *finding, enum flag_action action)
{
	bool stands = freeze_stands(&w->freeze);

	if (action == FLAG_FREEZE && warden_figures(w)->has_status) /* there is no job to thaw */
		action = FLAG_KILL;
	if (action == FLAG_FREEZE && stands)
		action = FLAG_ONLY;
	flag_raise(w->run, w->link, finding, action);
	if (action == FLAG_KILL) {
		warden_begin_end(w, CAUSE_LIMIT, w->run->job->kill_after_ns, NULL);
	} else if (action == FLAG_FREEZE) {
		w->watch.is_frozen = true;
		freeze_limit(&w->freeze, w->run, &w->tree, w->facts.now_ns);
		alive_hold(w, HELD_BY_FREEZE);
	}
}

/* Front has still the caller's privileges. */
static int ask_front(void *with)
{
	struct warden *w = with;
	struct pair_message m;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_KILLING;
	return os_link_send(w->link, &m, PAIR_HEAD_BYTES);
}

/* The kernel ends all at once: nobody is told first, and no storm is given the time. */
static void act_at_once(struct warden *w)
{
	if (w->tree.walks == 0)
		(void)tree_walk(&w->tree, w->facts.now_ns, WALK_LOOK);
	freeze_give_up(&w->freeze, w->run, &w->tree, w->facts.now_ns);
	warden_keep_figures(w);
	warden_figures(w)->freed_bytes = w->tree.rss_pages * PAGE_BYTES;
	report_name_ended(&w->report, &w->tree, 0);
}

static void begin_killing(struct warden *w)
{
	warden_need_tree(w);
	w->killer.best = w->run->job->kill_rung;
	w->killer.cgroup = w->run->cgroup_fd;
	w->killer.ask = ask_front;
	w->killer.with = w;
	w->killer.init = w->run->isolation.ns.init;
	w->killer.init_fd = w->run->isolation.ns.fd;
	killer_begin(&w->killer);
}

/* Even if all are gone before our next step: it was this that ended them. */
void warden_is_struck(struct warden *w, uint32_t count)
{
	struct run_figures *f = warden_figures(w);

	if (w->killer.is_struck)
		return;
	w->killer.is_struck = w->killer.has_struck = true;
	begin_killing(w);
	act_at_once(w);
	if (count == 0) /* not known: as of the last look */
		count = w->tree.procs;
	f->ended += count;
	f->killed += count;
}

static void act_term(struct warden *w)
{
	if (w->killer.is_struck)
		return;
	begin_killing(w);
	if (w->ending.grace_ns == 0 && killer_is_kernel(&w->killer)) {
		act_at_once(w);
		return;
	}
	(void)tree_walk(&w->tree, w->facts.now_ns, WALK_WHOLE);
	(void)journal_write(&w->journal,
			    &w->tree); /* first the names: killed in the midst, we leave nobody unknown */
	nested_mark(&w->nested, &w->run->dir, w->run->head.run_id, &w->tree);
	nested_ask(&w->nested, &w->run->dir, w->run->head.run_id, REQUEST_KILL, w->ending.grace_ns);
	if (warden_figures(w)->has_status && warden_figures(w)->cause == CAUSE_NONE)
		sight_left(w);
	struct sweep_result swept =
		sweep_term(&w->tree, w->facts.now_ns, w->run->job->signal,
			   w->run->job->term == TERM_JOB && !warden_figures(w)->has_status);
	killer_asked(&w->killer, w->ending.grace_ns == 0);
	freeze_give_up(&w->freeze, w->run, &w->tree, w->facts.now_ns);
	warden_keep_figures(w);
	warden_figures(w)->freed_bytes = w->tree.rss_pages * PAGE_BYTES;
	warden_figures(w)->ended += swept.signalled;
	watch_end(w, w->tree.procs);
	report_name_ended(&w->report, &w->tree, MEMBER_TERMED);
	report_step(&w->report, "sending the first signal to", swept.signalled);
}

void warden_act(struct warden *w, enum ending_action action)
{
	struct sweep_result swept = { 0 };

	if (action == DO_TERM) {
		act_term(w);
	} else if (action == DO_STOP) {
		warden_need_tree(w);
		swept = killer_stop(&w->killer, &w->tree, w->facts.now_ns);
		report_step(&w->report, "stopping", swept.fresh);
	} else if (action == DO_KILL) {
		swept = killer_kill(&w->killer, &w->tree, w->facts.now_ns);
		warden_figures(w)->ended += swept.unasked;
		warden_figures(w)->killed += swept.killed;
		report_step(&w->report, "killing", swept.fresh);
	}
	if (action == DO_STOP || action == DO_KILL)
		(void)journal_write(&w->journal, &w->tree);
	w->facts.was_fresh = swept.fresh > 0;
	w->facts.only_dead = swept.only_dead;
	w->facts.all_refused = action == DO_KILL && swept.alive > 0 && swept.refused == swept.alive;
}
