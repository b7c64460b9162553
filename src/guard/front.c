/* Front: what the caller sees.  Passes signals on, takes part in job control, writes messages, gives the
 * status. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "guard/after.h"
#include "guard/blow.h"
#include "guard/detach.h"
#include "guard/flag.h"
#include "guard/output.h"
#include "guard/pair.h"
#include "guard/report.h"
#include "guard/run.h"
#include "guard/unborn.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/proc.h"
#include "os/read_apart.h"
#include "os/sched.h"
#include "os/self.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "run/endgame.h"
#include "run/nested.h"
#include "run/reader.h"
#include "spawnguard/exit.h"
#include "store/record.h"
#include "tree/hold.h"
#include "tree/tree.h"
#include "tree/walk.h"

/* timeout(1) and service managers send TERM twice in one moment: only a later one means "now". */
#define HURRY_AFTER_NS NS_PER_S

/* The warden was killed before it could tell after how long the next attempt is to begin, and why. */
#define RETRY_UNTOLD_NS NS_PER_S

#define REAL_TIME_SIGNALS 0xfffffffe00000000ULL /* 34 to 64 */

struct front {
	struct run *run;
	pid_t warden;
	int link, signals;
	bool is_done, warden_reaped;
	int warden_status;
	uint32_t last_stop; /* of the job by the terminal, as far as we heard */
	uint64_t asked_ns;  /* when the end was asked for; 0 = not yet */
	bool has_started;   /* the job, as far as the warden tells */
	struct unborn unborn;
	pid_t init; /* of its PID namespace; 0 = none */
	struct pair_end end;
	enum failure
		retry_for; /* it was an attempt that failed of this: another is to follow after retry_in_ns */
	uint64_t retry_in_ns;
	struct output_pace pace;
	struct reader_patience patience; /* in a takeover, as what follows */
	struct record_slot *slot;        /* of the record */
	size_t slot_count;
};

static int tell_warden(struct front *f, enum pair_kind kind, int number, enum end_cause cause,
		       const struct os_signal *from, uint32_t struck)
{
	struct pair_message m;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = kind;
	m.number = number;
	m.cause = cause;
	m.stop = f->last_stop;
	m.struck = struck;
	if (from && from->code <= 0) {
		struct proc_stat stat;
		m.sender.pid = from->pid;
		m.sender.uid = from->uid;
		if (from->pid > 0 && os_proc_stat(from->pid, &stat) == 0)
			memcpy(m.sender.comm, stat.comm, sizeof(m.sender.comm) - 1);
	}
	return os_link_send(f->link, &m, PAIR_HEAD_BYTES);
}

static void ask_for_end(struct front *f, int pass_on, enum end_cause cause, const struct os_signal *from)
{
	uint64_t now_ns = os_clock_boot_ns();

	if (f->asked_ns == 0) {
		struct blow blow;
		bool strikes = f->has_started && blow_raise(&blow, f->run, f->warden, f->init);
		f->asked_ns = now_ns;
		int r = tell_warden(f, PAIR_END, pass_on, cause, from, strikes ? 1 + blow.count : 0);
		if (r < 0) /* without the sender's name, but it comes */
			(void)os_child_signal(f->warden, -1, SIGTERM);
		if (strikes)
			blow_strike(&blow, r >= 0);
	} else if (now_ns - f->asked_ns >= HURRY_AFTER_NS) {
		(void)tell_warden(f, PAIR_HURRY, 0, cause, from, 0);
	}
}

/* Meant for us between two attempts; now there is a warden again. */
static void pass_request_on(const struct front *f)
{
	AUTO_FD int fd = os_pidfd_open_or_proc(f->warden); /* unreaped child: it is the warden */
	(void)os_child_signal(f->warden, fd, OS_SIG_REQUEST);
}

static bool ends_the_run(const struct job *job, int number)
{
	return number == SIGTERM || (number <= JOB_END_ON_MAX && (job->end_on & OS_SIG(number)));
}

static void take_signal(struct front *f, const struct os_signal *s)
{
	const struct run *run = f->run;
	bool job_has_it = s->code > 0 && !run->new_session;

	if (os_signal_is_ignored(s->number))
		return; /* nohup: ignored since before us */
	if (s->number == SIGHUP && run->has_terminal && !os_has_terminal())
		/* A terminal that goes tells the leader of its session alone; a leader that goes, the whole
		 * group. */
		ask_for_end(f, job_has_it && !os_leads_session() ? 0 : SIGHUP, CAUSE_HANGUP, s);
	else if (ends_the_run(run->job, s->number))
		ask_for_end(f, 0, CAUSE_SIGNAL, s);
	else if (s->number == OS_SIG_REQUEST && run->job->retry > 0 &&
		 request_waits(run->dir.run_fd, run->head.run_id))
		pass_request_on(f);
	else if (!job_has_it)
		(void)tell_warden(f, PAIR_SIGNAL, s->number, CAUSE_NONE, s, 0);
	/* else the terminal sent it: to the job too */
}

/* A stopped warden would let the job run without its limits; a stopped front is its user's wish. */
static void continue_warden(const struct front *f)
{
	AUTO_FD int fd = os_pidfd_open_or_proc(f->warden); /* unreaped child: it is the warden */
	(void)os_child_signal(f->warden, fd, SIGCONT);
}

/* Whatever has come to us and is not the warden: children from before us, and theirs. */
static void reap_others(struct front *f)
{
	struct os_child child;
	int sig;

	if (os_wait_stopped(f->warden, &sig))
		continue_warden(f);
	while (os_wait_any(&child) > 0) {
		if (!child.has_ended) {
			if (child.pid == f->warden && (child.status & 0xff) == 0x7f)
				continue_warden(f); /* it was stopped since: this was the only word of it */
			continue;
		}
		if (child.pid == f->warden) {
			f->warden_reaped = true;
			f->warden_status = child.status;
		}
		tail_reaped(f->run, child.pid);
		weigh_reaped(f->run, child.pid);
		hook_reaped(f->run, &child);
	}
}

static void read_signals(struct front *f)
{
	struct os_signal s;

	while (os_signalfd_read(f->signals, &s) > 0)
		if (s.number != SIGCHLD)
			take_signal(f, &s);
	reap_others(f); /* also where they cannot be read */
}

/* Twice, a little apart: a CONT for the group comes to front first, and to the job a moment later. */
static bool stays_stopped(pid_t pid)
{
	struct proc_stat job, self;

	for (int look = 0; look < 2; look++) {
		const int r = os_proc_stat(pid, &job);
		if (r < 0) /* gone; or /proc tells nothing, and the word of it is all there is */
			return os_proc_stat(os_self_pid(), &self) < 0;
		if (job.state != 'T')
			return false;
		if (look == 0)
			os_clock_sleep_ms(1);
	}
	return true;
}

/*
 * As the job, so front: the shell has the terminal back.  What lets front go on is for the job too.  The
 * stop that came to us as well waits, blocked, and a CONT since would have taken it away.  Without one the
 * job was stopped alone, or this word comes late: we were stopped by the same ^Z and continued since.
 */
static void follow_stop(struct front *f, const struct pair_message *stopped)
{
	f->last_stop = stopped->stop;
	if (os_signal_stop_waits() || stays_stopped(stopped->sender.pid))
		os_signal_stop_self(stopped->number);
}

/* false: the line is at its end, the warden is gone.  Apart: a message is large, and most runs have none. */
static __attribute__((noinline)) bool read_link(struct front *f)
{
	struct pair_message m;
	ssize_t n;

	while ((n = os_link_receive(f->link, &m, sizeof(m))) > 0) {
		if ((size_t)n < PAIR_HEAD_BYTES)
			continue;
		if (m.kind == PAIR_SAY || m.kind == PAIR_LOG)
			voice_relay(m.text, (size_t)n - PAIR_HEAD_BYTES, (enum voice_level)m.number,
				    m.kind == PAIR_SAY);
		else if (m.kind == PAIR_FLAG)
			flag_hear(f->run, &m);
		else if (m.kind == PAIR_BREAKER)
			circuit_hear(f->run, &m);
		else if (m.kind == PAIR_WEIGH)
			weigh_begin(f->run, &m);
		else if (m.kind == PAIR_KILLING)
			(void)os_sched_raise(f->warden, NULL); /* unreaped child: it is the warden */
		else if (m.kind == PAIR_READ_IO)
			io_answer(&m, (size_t)n - PAIR_HEAD_BYTES, f->link);
		else if (m.kind == PAIR_PEEK)
			peek_answer(&m, f->link);
		else if (m.kind == PAIR_NOTIFY)
			notify_pass_on(f->run, m.datagram, (size_t)n - PAIR_HEAD_BYTES);
		else if (m.kind == PAIR_STARTED) {
			f->has_started = true;
			f->init = m.number;
			detach_tell_started(f->run);
			hook_start(f->run, m.sender.pid);
		} else if (m.kind == PAIR_STOPPED)
			follow_stop(f, &m);
		else if (m.kind == PAIR_DONE) {
			f->end = m.end;
			f->is_done = true;
			return true;
		}
	}
	return n != 0;
}

/* -1: never. */
static int sooner(int a_ms, int b_ms)
{
	return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

static void watch(struct front *f)
{
	struct os_poll set[4] = { { .fd = f->link, .wants = OS_POLL_IN },
				  { .fd = f->signals, .wants = OS_POLL_IN },
				  { .fd = -1, .wants = OS_POLL_IN },
				  { .fd = -1, .wants = OS_POLL_IN } };

	for (;;) {
		int look_ms = output_look(f->run, &f->pace, set[2].ready != 0);
		look_ms = sooner(look_ms, hook_look(f->run));
		look_ms = sooner(look_ms, weigh_look(f->run, f->link));
		look_ms = sooner(look_ms, unborn_look(&f->unborn, f->run, f->warden, f->asked_ns));
		set[2].fd = f->pace.inotify;
		set[3].fd = weigh_fd(f->run);
		if (os_poll(set, 4, look_ms) < 0) /* no memory to tell: look at both, neither blocks */
			set[0].ready = set[1].ready = 1;
		if (set[1].ready)
			read_signals(f);
		if ((set[0].ready || f->warden_reaped) && (!read_link(f) || f->is_done || f->warden_reaped))
			return;
	}
}

/* --- takeover: the warden is dead, its tree has come to us -----------------------------------------------
 */

static bool is_from_before(const struct run *run, pid_t pid)
{
	for (uint32_t i = 0; i < run->snapshot_count; i++)
		if (run->snapshot[i] == pid)
			return true;
	return false;
}

static bool is_recorded(const struct front *f, pid_t pid)
{
	for (size_t i = 0; i < f->slot_count; i++)
		if (f->slot[i].id.pid == pid) {
			AUTO_FD int fd = os_pidfd_open_or_proc(pid);
			uint64_t inode = fd >= 0 ? os_pidfd_inode(fd) : 0;
			return inode == 0 || f->slot[i].id.pidfs_ino == 0 || inode == f->slot[i].id.pidfs_ino;
		}
	return false;
}

/* Not asked again at each look, if it does not answer. */
static bool has_mark(struct front *f, pid_t pid)
{
	struct proc_stat stat;

	uint64_t start_ticks = os_proc_stat(pid, &stat) == 0 ? stat.start_ticks : 0;
	return reader_has_mark(&f->patience, pid, start_ticks, f->run->head.run_id) == 1;
}

/*
 * Is this child of ours the job's?  Where we had none before and are not
 * PID 1, every one is.  Else it must stand in the record or carry the run's
 * id: the `tee` of the caller's own script is not ours to end.
 */
static bool accepts(void *with, pid_t pid)
{
	struct front *f = with;
	const struct run *run = f->run;

	if (is_from_before(run, pid) || pid == run->tail.pump || hook_has(run, pid) || weigh_has(run, pid) ||
	    os_read_apart_is_left(pid))
		return false;
	if (run->snapshot_count == 0 && run->head.front.pid != 1 && !run->hooks.had_any)
		return true;
	return is_recorded(f, pid) || has_mark(f, pid);
}

static bool reap_tree(void *with)
{
	struct front *f = with;
	struct run_figures *figures = &f->run->state.figures;
	struct tree *tree = f->run->takeover;
	struct os_child child;
	int r;

	while ((r = os_wait_any(&child)) > 0) {
		if (!child.has_ended)
			continue;
		for (uint32_t i = 0; i < f->run->snapshot_count; i++)
			if (f->run->snapshot[i] == child.pid)
				f->run->snapshot[i] = 0; /* its number may be another's from now on */
		figures->user_ns += child.user_ns;
		figures->system_ns += child.system_ns;
		tree_forget(tree, child.pid);
		tail_reaped(f->run, child.pid);
		weigh_reaped(f->run, child.pid);
		hook_reaped(f->run, &child);
	}
	(void)hook_look(f->run);
	if (r == -ECHILD)
		return true;
	if (f->run->snapshot_count == 0 && f->run->head.front.pid != 1 && f->run->tail.pump == 0 &&
	    f->run->weigh.pid == 0 && !f->run->hooks.had_any && !os_read_apart_has_left())
		return false;
	(void)tree_walk(tree, os_clock_boot_ns(), WALK_WHOLE);
	return tree_count_alive(tree) == 0;
}

static void read_record(struct front *f)
{
	static struct record_slot slot[RECORD_SLOTS_MAX];
	struct record record = { .fd = f->run->record_fd, .seed = f->run->seed };

	f->slot = slot;
	if (record.fd < 0)
		return;
	if (record_refresh(&record) == 0)
		f->run->state = record.state;
	ssize_t n = record_read_slots(&record, slot, RECORD_SLOTS_MAX);
	f->slot_count = n > 0 ? (size_t)n : 0;
}

/* The warden has written its last word into the record, whether or not it lived to see it read. */
static bool read_end(struct front *f)
{
	struct run *run = f->run;
	struct record record = { .fd = run->record_fd, .seed = run->seed };

	if (record.fd < 0 || record_refresh(&record) < 0 ||
	    (record.state.phase != PHASE_CLOSED && record.state.phase != PHASE_WAITING))
		return false;
	struct run_figures *figures = &record.state.figures;
	f->end.figures = *figures;
	f->end.verdict = report_judge(run, figures, 0);
	f->end.retry_for = record.state.phase == PHASE_WAITING ? FAILURE_UNKNOWN : FAILURE_NONE;
	f->end.retry_in_ns = RETRY_UNTOLD_NS;
	if (f->end.retry_for != FAILURE_NONE)
		return true;
	/* Killed between its last two steps: the record is still there. */
	if (f->warden_status != 0 && !record_is_handed_on(figures))
		(void)record_remove(run->dir.run_fd, run->head.run_id);
	return true;
}

/* Where /proc does not show whose child it is, the record does. */
static void add_recorded_job(const struct front *f, struct tree *tree)
{
	for (size_t i = 0; i < f->slot_count; i++) {
		const struct proc_id *id = &f->slot[i].id;
		int fd = id->pid == f->run->state.job_pid ? hold_open_recorded(id) : -ESRCH;
		if (fd >= 0) {
			tree_add_job(tree, id->pid, fd, os_clock_boot_ns());
			return;
		}
	}
}

static struct outcome_verdict take_over(struct front *f)
{
	static struct tree tree;
	struct run *run = f->run;
	struct run_figures *figures = &run->state.figures;
	static struct nested nested;
	struct run_report report = { .run = run, .nested = &nested };

	nested.count = 0; /* of an earlier attempt */
	read_record(f);
	if (figures->cause == CAUSE_NONE) {
		figures->cause = f->unborn.strikes < 2 ? CAUSE_WARDEN_DEAD /* it was us, for this: */
				 : f->asked_ns != 0    ? CAUSE_SIGNAL
						       : CAUSE_TIMEOUT;
		figures->was_over = figures->has_status;
	}
	run->takeover = &tree;
	os_raise_files();
	tree_init(&tree, f->signals);
	(void)tree_set_root(&tree, os_self_pid());
	if (tree.member[0].children_fd < 0 && !tree.scans)
		add_recorded_job(f, &tree);
	tree.accepts = accepts;
	tree.accepts_with = f;
	struct endgame e = {
		.tree = &tree,
		.grace_ns = run->job->kill_after_ns,
		.signal = run->job->signal,
		.reap = reap_tree,
		.with = f,
		.nested = &nested,
		.dir = &run->dir,
		.run_id = run->head.run_id,
		.killer = { .best = run->job->kill_rung, .cgroup = run->cgroup_fd },
	};
	figures->survivors = endgame_run(&e);
	figures->kill_rung = e.rung;
	figures->ended += e.ended;
	figures->killed += e.killed;
	struct outcome_verdict v = report_finish_by_front(&report, &tree, 0);
	f->retry_for = report.retry_for;
	f->retry_in_ns = report.retry_in_ns;
	if (f->retry_for != FAILURE_NONE)
		tree_release(&tree);
	return v;
}

/* --- life ------------------------------------------------------------------------------------------------
 */

static struct outcome_verdict not_made(struct front *f, int err)
{
	struct run_report report = { .run = f->run };

	f->run->state.figures.cause = CAUSE_NOT_STARTED;
	struct outcome_verdict v = report_finish_by_front(&report, NULL, err);
	f->retry_for = report.retry_for;
	f->retry_in_ns = report.retry_in_ns;
	return v;
}

/* The warden has done all and ended in order, but what it has left for us cannot be read. */
static struct outcome_verdict end_unread(const struct front *f)
{
	const char *id = f->run->head.run_id;
	BUF(line, 256);

	buf_str(&line, "cannot read how the job ended in the record of run ");
	buf_mem(&line, id, strnlen(id, 8));
	buf_str(&line, "; the history has it");
	voice_error(&line);
	return (struct outcome_verdict){ OUTCOME_GUARD_ERROR, SG_EXIT_GUARD, 0 };
}

/* Its file has no name any more: whatever was written went nowhere, and the lock may have kept nobody out. */
static void warn_of_removal(const struct run *run)
{
	BUF(line, sizeof(run->dir.path) + 128);

	buf_str(&line, "warning: the state directory was removed while the job ran: ");
	escape_text(&line, run->dir.path, strlen(run->dir.path), 0);
	buf_str(&line, ": another copy may have been started");
	voice_note(&line);
}

/* The run is over, as the warden has written it down. */
static void put_end(struct front *f)
{
	struct run *run = f->run;

	/* Not before it was read: the next run that takes the file may be another job's, and come at once. */
	if (run->record_fd >= 0 && record_is_handed_on(&f->end.figures) &&
	    record_recycle(run->dir.run_fd, run->head.run_id) == -ENOENT)
		warn_of_removal(run);
	struct close_run c = { .dir = &run->dir,
			       .head = &run->head,
			       .state = &run->state,
			       .verdict = f->end.verdict,
			       .by = "warden",
			       .process_count = f->end.process_count };
	memcpy(c.process, f->end.process, sizeof(c.process));
	if (f->end.detail[0] != '\0')
		c.detail = f->end.detail;
	c.has_tail = tail_get(run, &c.tail);
	struct history_flag limit;
	if (f->end.figures.cause == CAUSE_LIMIT && run->limit.rule) {
		limit = flag_line(run, &run->limit, FLAG_KILL);
		c.limit = &limit;
	}
	c.has_told = notify_get(run, &c.told);
	c.has_yield = yield_get(run, &c.verdict, &c.yield);
	if (run->job->status_fd >= 0 || run->job->status_file) {
		c.toll.wants = circuit_toll(run);
		toll_name(&c);
	}
	run_put_status(run, &c);
}

static struct outcome_verdict guard(struct front *f, char **env)
{
	struct run *run = f->run;
	int ends[2] = { -1, -1 };

	int r = env ? os_become_subreaper() : -ENOMEM;
	if (r == 0)
		r = os_link_open(ends);
	if (r < 0)
		return not_made(f, r);
	if (f->signals < 0)
		f->signals = os_signalfd_open(OS_SIG(SIGTERM) | OS_SIG(SIGHUP) | OS_SIG(SIGINT) |
					      OS_SIG(SIGQUIT) | OS_SIG(SIGUSR1) | OS_SIG(SIGUSR2) |
					      OS_SIG(SIGALRM) | OS_SIG(SIGWINCH) | OS_SIG(SIGCONT) |
					      OS_SIG(SIGCHLD) | run->job->end_on | REAL_TIME_SIGNALS);
	if (run->has_terminal)
		run->stop_wanted = os_signal_take_stop();
	tail_open(run);
	run->tells_start =
		run->tells_start || run->job->on_start || run->job->on_flag || blow_is_possible(run);
	f->warden = f->signals < 0 ? f->signals : os_fork();
	if (f->warden == 0) {
		os_fd_close(&ends[0]);
		os_fd_close(&f->signals);
		warden_main(run, env, ends[1]);
	}
	os_fd_close(&ends[1]);
	tail_let_job_have_it(run);
	f->link = ends[0];
	if (f->warden < 0)
		return not_made(f, f->warden);
	watch(f);
	struct os_child child = { .status = f->warden_status };
	if (!f->warden_reaped && os_wait_pid(f->warden, &child) == 0)
		f->warden_status = child.status;
	if (!f->is_done && !read_end(f))
		return f->warden_status == 0 ? end_unread(f) : take_over(f);
	run->state.figures = f->end.figures;
	f->retry_for = (enum failure)f->end.retry_for;
	f->retry_in_ns = f->end.retry_in_ns;
	if (f->retry_for == FAILURE_NONE)
		put_end(f);
	return f->end.verdict;
}

/* What was of the last attempt's warden, job and tree. */
static void forget_attempt(struct front *f)
{
	os_fd_close(&f->link);
	*f = (struct front){ .run = f->run, .link = -1, .signals = f->signals, .pace = f->pace };
}

static struct outcome_verdict attempts(struct front *f)
{
	struct run *run = f->run;
	struct outcome_verdict v = guard(f, run_environment(run));

	while (f->retry_for != FAILURE_NONE &&
	       attempt_next(run, f->retry_for, f->retry_in_ns, f->asked_ns != 0, &v)) {
		forget_attempt(f);
		v = guard(f, run_environment(run));
	}
	return v;
}

int front_main(struct run *run)
{
	struct front f = { .run = run, .link = -1, .signals = -1, .pace.inotify = -1 };

	report_log_start(run);
	struct outcome_verdict v = attempts(&f);
	weigh_end(run);
	output_finish(run, &v);
	if (run->job->stats)
		report_stats(run, &run->state.figures);
	report_log_end(run, &v);
	after_end(run, f.signals, &v);
	if (v.raise_signal != 0 && v.raise_signal != SIGSTOP)
		os_signal_die(v.raise_signal);
	return v.exit_code;
}
