/* The warden: parent of the job, holds the tree, strikes at deadlines, ends what is to be ended, writes the
 * record. */
#include "guard/warden.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "core/schedule.h"
#include "guard/alive.h"
#include "guard/events.h"
#include "guard/notify.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/epoll.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/signal.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "store/record.h"
#include "tree/walk.h"

/* Others of the machine go first, its job among them; -1000 would be never, also when it is we who leak. */
#define OOM_SCORE     (-900)
#define LONG_BIRTH_NS (NS_PER_S / 10) /* a program that has to be read from a disk comes sooner */

/* Not on the stack and not from the heap: an end must need neither. */
_Alignas(4096) static struct warden the_warden; /* what each run needs of it is one page */

/* --- turns ---------------------------------------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long epoll may wait, in ms: -1, the timer wakes us; else it could not be set. */
static int set_timer(struct warden *w)
{
	uint64_t next_ns = freeze_stands(&w->freeze) ? freezing_next(&w->freeze.state)
						     : least(w->deadline_ns, w->tick_ns);
	next_ns = least(next_ns, least(w->ending_wake_ns, alive_next(w)));
	if (next_ns == w->timer_ns)
		return -1;
	w->timer_ns = next_ns;
	if (os_timer_set(w->timer, next_ns) == 0)
		return -1;
	w->timer_ns = NUM_NONE;
	return next_ns <= w->facts.now_ns
		       ? 0
		       : (int)least((next_ns - w->facts.now_ns) / NS_PER_MS + 1, INT32_MAX);
}

static bool is_over(const struct warden *w)
{
	const struct run_figures *f = &w->run->state.figures;
	return w->is_empty || ending_is_over(&w->ending) || (w->leaves && f->has_status);
}

static void look_frozen(struct warden *w)
{
	(void)tree_prepare(&w->tree);
	if (!freeze_look(&w->freeze, &w->report, &w->tree, w->facts.now_ns))
		warden_begin_end(w, CAUSE_LIMIT, warden_grace(w), NULL);
	(void)journal_write(&w->journal, &w->tree);
	warden_keep_figures(w);
}

static void step_end(struct warden *w)
{
	for (;;) {
		enum ending_action action = ending_step(&w->ending, &w->facts, &w->ending_wake_ns);
		if (action == DO_NOTHING || action == DO_FINISH)
			return;
		warden_act(w, action);
		events_reap(w);
		w->facts.is_empty = w->is_empty;
		w->facts.now_ns = os_clock_boot_ns();
		if (w->ending_wake_ns > w->facts.now_ns && !w->is_empty)
			return;
	}
}

/* The clock's part of one turn: deadline, tick, the next step of an end. */
static void strike(struct warden *w)
{
	w->facts.now_ns = os_clock_boot_ns();
	w->facts.is_empty = w->is_empty;
	bool stands = freeze_stands(&w->freeze);
	if (freezing_is_due(&w->freeze.state, w->facts.now_ns))
		look_frozen(w);
	if (freezing_is_over(&w->freeze.state, w->facts.now_ns) && w->ending.stage == STAGE_IDLE)
		warden_begin_end(w, CAUSE_LIMIT, warden_grace(w), NULL);
	if (!stands && w->facts.now_ns >= w->deadline_ns) {
		w->deadline_ns = NUM_NONE;
		warden_begin_end(w, CAUSE_TIMEOUT, warden_grace(w), NULL);
	}
	/* A storm gives us little time: what ends it goes first. */
	if (w->ending.stage != STAGE_IDLE)
		step_end(w);
	if (!stands && w->facts.now_ns >= w->tick_ns && !ending_is_over(&w->ending))
		warden_tick(w);
	alive_strike(w);
	if (w->ending.stage != STAGE_IDLE) /* it may have begun just now */
		step_end(w);
}

/* All but those that cannot be asked whether it was they. */
#define ASK_ALL ~(1U << FROM_PRESSURE_CPU | 1U << FROM_PRESSURE_MEMORY)

static void live(struct warden *w)
{
	for (;;) {
		uint32_t tags;
		enum ending_stage stage;
		strike(w);
		if (is_over(w))
			return;
		int wait_ms = set_timer(w);
		if (os_epoll_wait(w->epoll, w->has_more ? 0 : wait_ms, &tags) < 0)
			tags = ASK_ALL; /* none blocks */
		if (w->has_more)
			tags |= 1U << FROM_SIGNALS;
		w->facts.now_ns = os_clock_boot_ns();
		if (tags & 1U << FROM_TIMER) {
			os_timer_drain(w->timer);
			w->timer_ns = NUM_NONE;
		}
		if (tags & 1U << FROM_SIGNALS)
			events_read_signals(w); /* a request says more than the TERM that front passes on */
		stage = w->ending.stage;
		if (tags & 1U << FROM_LINK)
			events_read_link(w);
		if (stage == STAGE_IDLE && w->ending.stage != STAGE_IDLE)
			w->has_more = true; /* an end goes before those who are over */
		else if (tags & 1U << FROM_SIGNALS)
			events_reap(w); /* also where signals cannot be read */
		if (tags & 1U << FROM_NOTIFY)
			notify_read(w);
		if (tags & 1U << FROM_PARENT)
			events_parent_ended(w, (tags & ASK_ALL) != ASK_ALL);
		if (tags & 1U << FROM_BIRTHS)
			census_wake(w);
		if (tags & 1U << FROM_PRESSURE_CPU)
			pressure_wake(w, PRESSURE_CPU);
		if (tags & 1U << FROM_PRESSURE_MEMORY)
			pressure_wake(w, PRESSURE_MEMORY);
	}
}

/* --- beginning and end ---------------------------------------------------------------------------------- */

/* 0, or -errno: without these the job cannot be guarded and is ended at once. */
static int open_sources(struct warden *w)
{
	w->epoll = os_epoll_open();
	if (w->epoll < 0)
		return w->epoll;
	w->signals = os_signalfd_open(OS_SIG(SIGCHLD) | OS_SIG(SIGTERM) | OS_SIG(OS_SIG_REQUEST));
	if (w->signals < 0)
		return w->signals;
	w->timer = os_timer_open();
	if (w->timer < 0)
		return w->timer;
	int r = os_epoll_add(w->epoll, w->link, FROM_LINK);
	if (r == 0)
		r = os_epoll_add(w->epoll, w->signals, FROM_SIGNALS);
	if (r == 0)
		r = os_epoll_add(w->epoll, w->timer, FROM_TIMER);
	if (r == 0 && w->run->parent.fd >= 0)
		r = os_epoll_add(w->epoll, w->run->parent.fd, FROM_PARENT);
	if (r == 0 && w->run->notify.fd >= 0)
		r = os_epoll_add(w->epoll, w->run->notify.fd, FROM_NOTIFY);
	return r;
}

/*
 * The job was born in the caller's group; we leave it only now, so that there
 * is no moment in which ^Z would reach front and not the job.  What came
 * before its exec is sent again.
 */
static void leave_group(struct warden *w)
{
	struct run *run = w->run;

	if (run->new_session)
		return;
	(void)os_leave_group(false);
	int stop = os_signal_take_stop();
	if (stop == 0)
		stop = run->stop_wanted;
	if (stop != 0 && run->has_terminal)
		events_pass_on(w, stop);
}

/* The job is out: what it must not inherit, and what we need no more. */
static void settle(struct warden *w)
{
	struct run *run = w->run;
	const int keep[] = { w->link,
			     w->epoll,
			     w->signals,
			     w->timer,
			     w->job_fd,
			     run->lock_fd,
			     run->user_lock_fd,
			     run->record_fd,
			     run->history_fd,
			     run->dir.run_fd,
			     run->dir.keep_fd,
			     run->tail.word,
			     run->tail.file,
			     run->parent.fd,
			     run->isolation.ns.fd,
			     run->isolation.link,
			     run->cgroup_fd,
			     run->samples_fd,
			     w->census.perf.epoll,
			     run->notify.fd,
			     run->flow.file[0],
			     run->flow.file[1],
			     run->flow.lines_fd,
			     run->slot_fd,
			     run->circuit.trial_fd };

	os_fd_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	(void)os_chdir_root();
	(void)os_lower_oom_score(OOM_SCORE); /* where that is not allowed it stays */
	(void)os_drop_privileges(true);
}

static void plan(struct warden *w)
{
	const struct job *job = w->run->job;
	uint64_t start_ns = attempt_began_ns(w->run);

	w->facts.now_ns = os_clock_boot_ns(); /* the first children are reaped before the first turn */
	w->timer_ns = w->ending_wake_ns = w->tick_ns = NUM_NONE;
	w->deadline_ns = attempt_deadline_ns(w->run);
	w->period_ns = job->interval_ns == 0 ? schedule_next(0, 0) : job->interval_ns;
	if (job->interval_ns != NUM_NONE)
		w->tick_ns = start_ns + w->period_ns;
	alive_begin(w);
}

static void start_job(struct warden *w, char **env)
{
	int exec_errno = 0;

	w->job_fd = -1;
	census_open(w);
	w->job = run_spawn_job(w->run, env, &w->job_fd, &exec_errno);
	if (w->job < 0)
		w->start_errno = (int)w->job;
	else
		w->start_errno = exec_errno;
	warden_figures(w)->seen = warden_figures(w)->peak_procs = warden_figures(w)->peak_depth = 1;
}

static void tell_start(struct warden *w)
{
	struct pair_message m;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_STARTED;
	m.number = w->run->isolation.ns.init;
	m.sender.pid = w->job;
	(void)os_link_send(w->link, &m, PAIR_HEAD_BYTES);
}

/* Front was killed together with the job: nobody reads the end in the record, or hands its file on. */
static void remove_unread(struct warden *w)
{
	struct pair_message m;
	ssize_t n;

	while ((n = os_link_receive(w->link, &m, sizeof(m))) > 0)
		;                                             /* asked of us too late */
	if (n == 0 && w->run->state.phase == PHASE_WAITING) { /* then no attempt follows */
		warden_begin_end(w, CAUSE_FRONT_DEAD, 0, NULL);
		report_finish(&w->report, NULL, 0, w->link);
		return;
	}
	if (n == 0 && w->run->state.phase == PHASE_CLOSED && warden_figures(w)->cause == CAUSE_NONE)
		(void)record_remove(w->run->dir.run_fd, w->run->head.run_id);
}

static void finish(struct warden *w)
{
	struct run_figures *f = warden_figures(w);

	f->kill_rung = killer_finish(&w->killer);
	census_keep_figures(w);
	if (w->start_errno != 0) {
		f->cause = CAUSE_NOT_STARTED;
		f->seen = f->peak_procs = f->peak_depth = 0;
	} else if (w->has_tree) {
		uint32_t alive = w->is_empty ? 0 : tree_count_alive(&w->tree);
		if (w->ending.stage ==
		    STAGE_GIVEN_UP) /* the kernel's word counts: it has a child that /proc does not show */
			f->survivors = alive > 0 || w->is_empty || w->facts.only_dead ? alive : 1;
		else
			f->left_alone = alive;
	}
	if (w->has_tree)
		sight_finish(w);
	io_finish(w);
	yield_finish(w);
	report_finish(&w->report, w->has_tree ? &w->tree : NULL, w->start_errno, w->link);
	remove_unread(w);
	if (w->run->circuit.throttle_s > 0)
		circuit_throttle(w->run, w->link, w->signals);
}

/* The job's program was long in coming, and has been ended for that by now: for what? */
static void catch_up(struct warden *w)
{
	uint64_t planned_ns = w->facts.now_ns;

	w->facts.now_ns = os_clock_boot_ns();
	if (w->facts.now_ns < w->deadline_ns && w->facts.now_ns - planned_ns < LONG_BIRTH_NS)
		return;
	events_read_link(w);
	strike(w);
}

void warden_main(struct run *run, char **env, int link)
{
	struct warden *w = &the_warden;

	w->run = run;
	w->link = link;
	w->epoll = w->signals = w->timer = w->job_fd = -1;
	freezing_init(&w->freeze.state);
	census_init(&w->census);
	w->report.run = run;
	w->report.nested = &w->nested;
	voice_set_link(link);
	if (run->new_session)
		(void)os_leave_group(true);
	AUTO_FD int self = os_pidfd_open_self();
	if (os_proc_identity(os_self_pid(), self, &run->state.warden) < 0)
		run->state.warden.pid = os_self_pid();
	os_fd_close(&self);
	int r = os_become_subreaper();
	if (r == 0)
		r = open_sources(w);
	plan(w);
	if (r < 0)
		w->start_errno = r;
	else
		start_job(w, env);
	if (w->start_errno == 0) {
		if (run->tells_start)
			tell_start(w);
		leave_group(w);
		settle(w);
		catch_up(w);
		events_reap(w);
		live(w);
		if (w->leaves && !w->is_empty) {
			warden_need_tree(w);
			(void)tree_walk(&w->tree, w->facts.now_ns, WALK_WHOLE);
			freeze_give_up(&w->freeze, run, &w->tree, w->facts.now_ns);
			warden_keep_figures(w);
		}
	}
	finish(w);
	_exit(0);
}
