#include "guard/events.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/num.h"
#include "guard/alive.h"
#include "guard/blow.h"
#include "guard/warden.h"
#include "os/epoll.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/pidfd.h"
#include "os/self.h"
#include "os/signal.h"
#include "os/wait.h"
#include "store/record.h"

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
		ending_begin(&w->ending, w->facts.now_ns, warden_grace(w), true);
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
		events_read_link(w);
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

void events_reap(struct warden *w)
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

void events_pass_on(struct warden *w, int sig)
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
		events_reap(w);
		if (freeze_stands(&w->freeze))
			freeze_let_job_go_on(&w->freeze, &w->tree, w->job);
		else if (w->stops == 0 || (w->is_stopped && w->stops == m->stop))
			events_pass_on(w, m->number);
	} else if (m->kind == PAIR_SIGNAL) {
		events_pass_on(w, m->number);
	} else if (m->kind == PAIR_END) {
		reap_job(w);
		if (m->number > 0)
			events_pass_on(w, m->number); /* a hangup: as the terminal would have told it */
		warden_begin_end(w, (enum end_cause)m->cause, warden_grace(w), &m->sender);
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

void events_read_link(struct warden *w)
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
	warden_begin_end(w, CAUSE_FRONT_DEAD, warden_grace(w), NULL);
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
	uint64_t grace_ns = request.grace_ns == NUM_NONE ? warden_grace(w) : request.grace_ns;
	/* Of the run around this one it is what is left there: no reason to take longer than we would. */
	if (is_outer && grace_ns > warden_grace(w))
		grace_ns = warden_grace(w);
	enum end_cause cause = request.verb == REQUEST_REPLACE ? CAUSE_REPLACED : CAUSE_REQUEST;
	warden_begin_end(w, is_outer ? CAUSE_OUTER : cause, grace_ns, &sender);
}

/* --with-parent.  Whoever could continue front, had it been stopped, may be gone too. */
void events_parent_ended(struct warden *w, bool is_told)
{
	const struct parent *parent = &w->run->parent;

	/* Without memory for epoll all sources are looked at, also those that are none. */
	if (parent->fd < 0 || (!is_told && !os_pidfd_is_dead(parent->fd)))
		return;
	(void)os_epoll_remove(w->epoll, parent->fd);
	warden_begin_end(w, CAUSE_PARENT, warden_grace(w), &parent->who);
	AUTO_FD int front = os_pidfd_open_or_proc(w->run->head.front.pid);
	if (os_self_parent() == w->run->head.front.pid)
		(void)os_pidfd_signal(front, SIGCONT);
}

void events_read_signals(struct warden *w)
{
	struct os_signal s;

	while (os_signalfd_read(w->signals, &s) > 0) {
		struct pair_sender sender = { .pid = s.pid, .uid = s.uid };
		if (s.number == SIGCHLD)
			continue;
		if (s.number == OS_SIG_REQUEST)
			take_request(w);
		else if (!os_signal_is_ignored(s.number)) /* TERM: a shutdown tells every process */
			warden_begin_end(w, CAUSE_SIGNAL, warden_grace(w), &sender);
	}
}
