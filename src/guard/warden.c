/* The warden: parent of the job, holds the tree, strikes at deadlines, ends what is to be ended, writes the
 * record. */
#include "guard/warden.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "core/schedule.h"
#include "guard/alive.h"
#include "guard/blow.h"
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
#define OOM_SCORE (-900)

/* Not on the stack and not from the heap: an end must need neither. */
_Alignas(4096) static struct warden the_warden; /* what each run needs of it is one page */

static uint64_t grace_of(const struct warden *w)
{
	return w->run->job->kill_after_ns;
}

/* --- children ------------------------------------------------------------------------------------------- */

static void job_ended(struct warden *w, const struct os_child *child)
{
	struct run_figures *f = warden_figures(w);

	f->has_status = 1;
	f->job_status = child->status;
	if (w->run->job->leftovers == LEFTOVERS_LEAVE && f->cause == CAUSE_NONE)
		w->leaves = true;
}

/* After all that can be reaped is: the job is over, is more than that over? */
static void after_job(struct warden *w)
{
	if (w->is_empty || w->leaves)
		return;
	/* Before any clean-up: whoever has to go on after us knows how the job ended. */
	if (w->run->record_fd >= 0)
		(void)record_write_state(w->run->record_fd, &w->run->state, w->run->seed);
	if (w->run->job->leftovers == LEFTOVERS_END && warden_figures(w)->cause == CAUSE_NONE)
		ending_begin(&w->ending, w->facts.now_ns, grace_of(w), true);
	/* --term=job: the job has been asked alone and is gone; now the rest, within the same grace. */
	if (w->run->job->term == TERM_JOB && w->ending.stage == STAGE_GRACE)
		warden_act(w, DO_TERM);
}

static void job_stopped(struct warden *w, int status)
{
	struct pair_message m;
	int sig = (status >> 8) & 0xff;

	w->is_stopped = true;
	alive_hold(w, HELD_BY_STOP);
	if (!w->run->has_terminal || (sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU))
		return;
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_STOPPED;
	m.number = sig;
	m.stop = ++w->stops;
	m.sender.pid = w->job;
	(void)os_link_send(w->link, &m, PAIR_HEAD_BYTES);
}

static void job_continued(struct warden *w)
{
	w->is_stopped = false;
	alive_go_on(w, HELD_BY_STOP);
}

static void read_link(struct warden *w);

/* By front, whose word of it is on the line since before. */
static bool may_be_struck(const struct warden *w, const struct os_child *child)
{
	return child->pid == w->job && (child->status & 0x7f) == SIGKILL && blow_is_possible(w->run);
}

/* A storm's children end as fast as they are waited for: what else there is to do has its turn between. */
#define REAP_AT_ONCE 64

static void take_child(struct warden *w, const struct os_child *child)
{
	struct run_figures *f = warden_figures(w);

	if (!child->has_ended) {
		if (child->pid == w->job && (child->status & 0xff) == 0x7f)
			job_stopped(w, child->status);
		else if (child->pid == w->job)
			job_continued(w);
		if ((child->status & 0xff) != 0x7f) /* continued: not by us */
			freezing_hurry(&w->freeze.state, w->facts.now_ns);
		return;
	}
	f->user_ns += child->user_ns;
	f->system_ns += child->system_ns;
	if (child->max_rss_bytes > f->peak_rss_bytes)
		f->peak_rss_bytes = child->max_rss_bytes;
	if (may_be_struck(w, child))
		read_link(w);
	if (child->pid == w->job)
		job_ended(w, child);
	isolate_reaped(w->run);
	census_reaped(w, child->pid);
	if (w->has_tree)
		tree_forget(&w->tree, child->pid);
}

/* A part of a large tree: each turn of its end looks at all that is left of it. */
static size_t reaps_at_once(const struct warden *w)
{
	size_t part = w->has_tree ? w->tree.count / 4 : 0;
	return part > REAP_AT_ONCE ? part : REAP_AT_ONCE;
}

static void reap(struct warden *w)
{
	struct run_figures *f = warden_figures(w);
	struct os_child child;
	bool had_status = f->has_status;
	int r = 1;

	for (size_t n = 0; n < reaps_at_once(w) && (r = os_wait_any(&child)) > 0; n++)
		take_child(w, &child);
	w->is_empty = r == -ECHILD;
	w->has_more = r > 0;
	if (f->has_status && !had_status)
		after_job(w);
}

/* Before a word about its end counts: was it over already? */
static void reap_job(struct warden *w)
{
	struct os_child child;

	if (warden_figures(w)->has_status || os_wait_try(w->job, &child) <= 0)
		return;
	take_child(w, &child);
	after_job(w);
}

/* --- what comes from outside ---------------------------------------------------------------------------- */

static void pass_on(struct warden *w, int sig)
{
	if (warden_figures(w)->has_status)
		return;
	struct member *job = w->has_tree ? tree_find(&w->tree, w->job) : NULL;
	int fd = job ? job->handle : w->job_fd;
	AUTO_FD int own = fd >= 0 ? -1 : os_pidfd_open_or_proc(w->job); /* unreaped: it is the job */
	(void)os_child_signal(w->job, fd >= 0 ? fd : own, sig);
}

static void take_message(struct warden *w, const struct pair_message *m)
{
	if (m->kind == PAIR_SIGNAL && m->number == SIGCONT) {
		/* The shell's CONT went to the job too; passed on late, it would undo the next ^Z. */
		reap(w);
		if (freeze_stands(&w->freeze))
			freeze_let_job_go_on(&w->freeze, &w->tree, w->job);
		else if (w->stops == 0 || (w->is_stopped && w->stops == m->stop))
			pass_on(w, m->number);
	} else if (m->kind == PAIR_SIGNAL) {
		pass_on(w, m->number);
	} else if (m->kind == PAIR_END) {
		reap_job(w);
		if (m->number > 0)
			pass_on(w, m->number); /* a hangup: as the terminal would have told it */
		warden_begin_end(w, (enum end_cause)m->cause, grace_of(w), &m->sender);
		if (m->struck > 0)
			warden_is_struck(w, m->struck - 1);
	} else if (m->kind == PAIR_IO) {
		io_hear(w, m);
	} else if (m->kind == PAIR_WEIGHED) {
		watch_weighed(w, &m->answer);
	} else if (m->kind == PAIR_PEEKED) {
		sight_hear(w, &m->peeked);
	} else if (m->kind == PAIR_HURRY) {
		w->run->attempt.is_last = true;
		ending_hurry(&w->ending, w->facts.now_ns);
	}
}

static void read_link(struct warden *w)
{
	struct pair_message m;
	ssize_t n;

	while ((n = os_link_receive(w->link, &m, sizeof(m))) > 0)
		if ((size_t)n >= PAIR_HEAD_BYTES)
			take_message(w, &m);
	if (n != 0)
		return;
	/* Front is dead: nobody waits for the status, nobody must find the job running. */
	(void)os_epoll_remove(w->epoll, w->link);
	warden_begin_end(w, CAUSE_FRONT_DEAD, grace_of(w), NULL);
}

/* What nobody asks to stand any more goes on, with its time limit later by as long. */
static void take_freeze(struct warden *w, const struct request *request)
{
	uint64_t halted_ns, now_ns = w->facts.now_ns;

	warden_need_tree(w);
	if (w->ending.stage != STAGE_IDLE || warden_figures(w)->has_status)
		freeze_refuse(w->run);
	else if (freeze_take(&w->freeze, w->run, &w->tree, request, now_ns, &halted_ns)) {
		alive_go_on(w, HELD_BY_FREEZE);
		if (w->deadline_ns < NUM_NONE - halted_ns)
			w->deadline_ns += halted_ns;
		watch_thawed(w);
		yield_halted(w);
	} else if (freeze_stands(&w->freeze)) {
		alive_hold(w, HELD_BY_FREEZE);
	}
}

static void take_request(struct warden *w)
{
	struct request request;

	if (request_take(w->run->dir.run_fd, w->run->head.run_id, &request) < 0)
		return;
	if (request.verb == REQUEST_FREEZE || request.verb == REQUEST_THAW) {
		take_freeze(w, &request);
		return;
	}
	struct pair_sender sender = { .pid = request.by_pid, .uid = request.by_uid };
	memcpy(sender.comm, request.by_comm, sizeof(sender.comm));
	bool is_outer = request.by_run[0] != '\0' && strcmp(request.by_run, w->run->head.parent_run_id) == 0;
	memcpy(warden_figures(w)->by_run, request.by_run, sizeof(request.by_run));
	uint64_t grace_ns = request.grace_ns == NUM_NONE ? grace_of(w) : request.grace_ns;
	/* Of the run around this one it is what is left there: no reason to take longer than we would. */
	if (is_outer && grace_ns > grace_of(w))
		grace_ns = grace_of(w);
	enum end_cause cause = request.verb == REQUEST_REPLACE ? CAUSE_REPLACED : CAUSE_REQUEST;
	warden_begin_end(w, is_outer ? CAUSE_OUTER : cause, grace_ns, &sender);
}

/* --with-parent.  Whoever could continue front, had it been stopped, may be gone too. */
static void parent_ended(struct warden *w, bool is_told)
{
	const struct parent *parent = &w->run->parent;

	/* Without memory for epoll all sources are looked at, also those that are none. */
	if (parent->fd < 0 || (!is_told && !os_pidfd_is_dead(parent->fd)))
		return;
	(void)os_epoll_remove(w->epoll, parent->fd);
	warden_begin_end(w, CAUSE_PARENT, grace_of(w), &parent->who);
	AUTO_FD int front = os_pidfd_open_or_proc(w->run->head.front.pid);
	if (os_self_parent() == w->run->head.front.pid)
		(void)os_pidfd_signal(front, SIGCONT);
}

static void read_signals(struct warden *w)
{
	struct os_signal s;

	while (os_signalfd_read(w->signals, &s) > 0) {
		struct pair_sender sender = { .pid = s.pid, .uid = s.uid };
		if (s.number == SIGCHLD)
			continue;
		if (s.number == OS_SIG_REQUEST)
			take_request(w);
		else if (!os_signal_is_ignored(s.number)) /* TERM: a shutdown tells every process */
			warden_begin_end(w, CAUSE_SIGNAL, grace_of(w), &sender);
	}
}

/* --- life ----------------------------------------------------------------------------------------------- */

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
		warden_begin_end(w, CAUSE_LIMIT, grace_of(w), NULL);
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
		reap(w);
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
		warden_begin_end(w, CAUSE_LIMIT, grace_of(w), NULL);
	if (!stands && w->facts.now_ns >= w->deadline_ns) {
		w->deadline_ns = NUM_NONE;
		warden_begin_end(w, CAUSE_TIMEOUT, grace_of(w), NULL);
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
			read_signals(w); /* a request says more than the TERM that front passes on */
		stage = w->ending.stage;
		if (tags & 1U << FROM_LINK)
			read_link(w);
		if (stage == STAGE_IDLE && w->ending.stage != STAGE_IDLE)
			w->has_more = true; /* an end goes before those who are over */
		else if (tags & 1U << FROM_SIGNALS)
			reap(w); /* also where signals cannot be read */
		if (tags & 1U << FROM_NOTIFY)
			notify_read(w);
		if (tags & 1U << FROM_PARENT)
			parent_ended(w, (tags & ASK_ALL) != ASK_ALL);
		if (tags & 1U << FROM_BIRTHS)
			census_wake(w);
		if (tags & 1U << FROM_PRESSURE_CPU)
			pressure_wake(w, PRESSURE_CPU);
		if (tags & 1U << FROM_PRESSURE_MEMORY)
			pressure_wake(w, PRESSURE_MEMORY);
	}
}

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
		pass_on(w, stop);
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
	w->timer_ns = w->ending_wake_ns = w->tick_ns = w->deadline_ns = NUM_NONE;
	if (job->timeout_ns < NUM_NONE - start_ns)
		w->deadline_ns = start_ns + job->timeout_ns;
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
		reap(w);
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
