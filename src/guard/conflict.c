#include "guard/conflict.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/hook.h"
#include "guard/output.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/say.h"
#include "run/describe.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/history.h"
#include "store/record.h"

#define LINE_EVERY_NS   (60 * NS_PER_S) /* refused lines in the history: one per job and minute */
#define COMMAND_COLUMNS 60
#define LOOKS_FOR_HOLDER                                                                                    \
	200 /* each 1 ms later: from its lock to its record a start takes less than one, but may wait for a \
	       processor */

/* Who has it: from the info file and the holder's record; any part may be missing. */
struct holder {
	struct lockinfo info;
	struct record record;
	bool has_record;
};

static void find_holder(const struct run *run, struct holder *h)
{
	*h = (struct holder){ .record.fd = -1 };
	AUTO_FD int fd = lockinfo_open(run->dir.run_fd, run->lock_path, false);
	if (fd < 0 || lockinfo_read(fd, &h->info) < 0 || h->info.holder.run_id[0] == '\0')
		return;
	h->has_record = record_open(run->dir.run_fd, h->info.holder.run_id, &h->record) == 0;
	if (h->has_record)
		record_close(&h->record);
}

/* Refused in the very moment in which the holder starts, we wait for its name; 1 ms at a time. */
static void await_holder(const struct run *run, struct holder *h)
{
	find_holder(run, h);
	for (int i = 0; !h->has_record && !run->job->no_lock && i < LOOKS_FOR_HOLDER; i++) {
		os_clock_sleep_ms(1);
		find_holder(run, h);
	}
}

static void put_holder(struct buf *line, const struct holder *h)
{
	const struct record_head *head = &h->record.head;

	if (!h->has_record) {
		buf_str(line, " (its holder has left no record yet)");
		return;
	}
	buf_str(line, ", pid ");
	buf_i64(line, head->front.pid);
	buf_str(line, ", ");
	uint64_t now_ns = os_clock_boot_ns();
	num_format_duration(line, now_ns > head->started_boot_ns ? now_ns - head->started_boot_ns : 0);
	buf_str(line, ", run ");
	buf_mem(line, head->run_id, strnlen(head->run_id, 8));
	buf_str(line, ": ");
	describe_command(line, head, COMMAND_COLUMNS);
}

static void say_conflict(const struct run *run, const struct holder *h, const char *what, bool is_said)
{
	BUF(line, 1024);

	buf_str(&line, what);
	buf_str(&line, ": ");
	escape_text(&line, run->name, strlen(run->name), 0);
	put_holder(&line, h);
	buf_str(&line, "; see: spawnguard ps ");
	escape_word(&line, run->name, strlen(run->name), 0);
	voice_line(&line, VOICE_WARNING, is_said);
}

/* At most one line per job and minute, with the number since the last. */
static void record_refusal(const struct run *run, struct holder *h, const char *reason, int exit_code)
{
	struct lock_refusals *refusals = &h->info.refusals;
	uint64_t wall_ns = os_clock_wall_ns();
	struct history_refused refused = {
		.wall_ns = wall_ns,
		.job = run->name,
		.run_id = run->head.run_id,
		.parent_run_id = run->head.parent_run_id,
		.outcome = SG_OUTCOME_CONFLICT,
		.reason = reason,
		.holder_run_id = h->info.holder.run_id,
		.holder_pid = h->info.holder.front,
		.count = ++refusals->count,
	};

	run_put_refused_status(run, &refused, exit_code);
	bool due = wall_ns - refusals->line_wall_ns >= LINE_EVERY_NS; /* a clock set back makes it due too */
	if (due) {
		BUF(line, 2048);
		AUTO_FD int fd = history_open(run->dir.keep_fd, wall_ns);
		history_format_refused(&line, &refused);
		if (fd >= 0 && history_append(fd, &line) == 0)
			*refusals = (struct lock_refusals){ .line_wall_ns = wall_ns };
	}
	AUTO_FD int info = lockinfo_open(run->dir.run_fd, run->lock_path, false);
	if (info >= 0)
		(void)lockinfo_write_refusals(info, refusals);
}

static int refuse(const struct run *run, const char *what, const char *reason)
{
	struct holder h;
	bool skip = run->job->on_conflict == CONFLICT_SKIP;
	int code = skip ? 0 : run->job->conflict_exit;

	await_holder(run, &h);
	record_refusal(run, &h, reason, code);
	say_conflict(run, &h, what, !skip || voice_tells_steps());
	return skip || code == 0 ? CONFLICT_SKIPPED : code;
}

static int tell_failure(const struct fail *fail, bool is_user_file)
{
	voice_fail(fail, is_user_file ? "nothing was started; name a --lock-file that can be opened"
				      : "nothing was started; see: spawnguard doctor");
	return SG_EXIT_GUARD;
}

static int try_job_lock(const struct run *run, bool wait, struct fail *fail)
{
	if (wait)
		return lock_wait(run->dir.run_fd, run->lock_path, run->job->shared, fail);
	return lock_try(run->dir.run_fd, run->lock_path, run->job->shared, fail);
}

/* The lock that this run is about: the job's, or with --no-lock --lock-file that file alone. */
static int try_main_lock(const struct run *run, bool wait, struct fail *fail)
{
	if (run->job->no_lock)
		return lock_user_file(run->job->lock_file, run->job->shared, wait, fail);
	return try_job_lock(run, wait, fail);
}

static uint64_t later(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns > NUM_NONE - now_ns ? NUM_NONE : now_ns + delay_ns;
}

/* Blocked in flock(2) until it is ours or the alarm rings; the caller's own signals end us as they would end
 * flock. */
static int wait_for_lock(struct run *run, struct fail *fail)
{
	uint64_t start_ns = os_clock_boot_ns();
	uint64_t deadline_ns = later(start_ns, run->job->wait_ns);
	uint64_t complain_ns = later(start_ns, run->job->complain_ns);
	int fd;

	os_signals_open_for_wait(&run->signals);
	parent_wake_us(run, true);
	for (;;) {
		uint64_t next_ns = complain_ns < deadline_ns ? complain_ns : deadline_ns;
		int alarm = next_ns != NUM_NONE ? os_alarm_set(next_ns) : 0;
		if (alarm < 0) { /* EAGAIN, no room for a timer, would mean held */
			fd = fail_set(fail, alarm == -EAGAIN ? ENOMEM : -alarm, "set an alarm for --wait",
				      run->name);
			break;
		}
		if (parent_is_gone(run)) {
			fd = -EOWNERDEAD;
			break;
		}
		fd = try_main_lock(run, true, fail);
		if (fd != -EINTR)
			break;
		(void)os_alarm_set(NUM_NONE); /* struck: it goes on until it is set anew */
		uint64_t now_ns = os_clock_boot_ns();
		if (now_ns >= deadline_ns) {
			fd = -EWOULDBLOCK;
			break;
		}
		if (now_ns >= complain_ns) {
			struct holder h;
			find_holder(run, &h);
			say_conflict(run, &h, "waiting for", true);
			complain_ns = NUM_NONE;
			(void)os_alarm_set(NUM_NONE);
		}
	}
	(void)os_alarm_set(NUM_NONE);
	parent_wake_us(run, false);
	os_signals_close_after_wait();
	return fd;
}

/* A run that waits for the run around it waits for ever. */
static bool waits_for_itself(const struct run *run)
{
	struct holder h;

	if (run->head.parent_run_id[0] == '\0')
		return false;
	find_holder(run, &h);
	return h.info.holder.run_id[0] != '\0' &&
	       find_is_ancestor(&run->dir, run->head.parent_run_id, h.info.holder.run_id);
}

static int take_main_lock(struct run *run)
{
	struct fail fail = { 0 };

	int fd = try_main_lock(run, false, &fail);
	if (fd == -EWOULDBLOCK && run->job->on_conflict == CONFLICT_WAIT) {
		if (waits_for_itself(run))
			return refuse(run, "not waiting for the run around this one", "ancestor");
		fd = wait_for_lock(run, &fail);
		if (fd == -EOWNERDEAD)
			return parent_check(run);
		if (fd == -EWOULDBLOCK)
			return refuse(run, "still running after the wait", "wait");
	}
	if (fd == -EWOULDBLOCK)
		return refuse(run, "already running", "locked");
	if (fd < 0)
		return tell_failure(&fail, run->job->no_lock);
	if (run->job->no_lock)
		run->user_lock_fd = fd;
	else
		run->lock_fd = fd;
	return 0;
}

static int refuse_lock_file(struct run *run)
{
	BUF(line, 1024);
	struct holder h;
	bool skip = run->job->on_conflict == CONFLICT_SKIP;
	int code = skip ? 0 : run->job->conflict_exit;

	find_holder(run, &h);
	record_refusal(run, &h, "lock_file", code);
	buf_str(&line, "already locked: ");
	escape_text(&line, run->job->lock_file, strlen(run->job->lock_file), 0);
	buf_str(&line, ": held by another program; see: lslocks");
	voice_line(&line, VOICE_WARNING, !skip || voice_tells_steps());
	return skip || code == 0 ? CONFLICT_SKIPPED : code;
}

int conflict_take_locks(struct run *run)
{
	const struct job *job = run->job;
	struct fail fail = { 0 };

	if (job->no_lock && !job->lock_file)
		return 0;
	int code = take_main_lock(run);
	if (code != 0 || job->no_lock || !job->lock_file)
		return code;
	/* Tried, never waited for: nobody waits for a second lock with the first in hand. */
	run->user_lock_fd = lock_user_file(job->lock_file, job->shared, false, &fail);
	if (run->user_lock_fd == -EWOULDBLOCK)
		return refuse_lock_file(run);
	return run->user_lock_fd < 0 ? tell_failure(&fail, true) : 0;
}

int conflict_explain(struct run *run)
{
	BUF(line, 1024);
	struct fail fail = { 0 };
	struct holder h;
	bool no_lock = run->job->no_lock && !run->job->lock_file;

	AUTO_FD int fd = no_lock ? 0 : try_main_lock(run, false, &fail);
	if (no_lock)
		fd = -1;
	else if (fd < 0 && fd != -EWOULDBLOCK)
		return tell_failure(&fail, run->job->no_lock);
	bool held = fd == -EWOULDBLOCK;
	find_holder(run, &h);
	buf_str(&line, held ? "would not start: " : "would start: ");
	escape_text(&line, run->name, strlen(run->name), 0);
	if (held)
		put_holder(&line, &h);
	buf_str(&line, "\ncommand: ");
	describe_command(&line, &run->head, COMMAND_COLUMNS);
	buf_str(&line, "\nprogram: ");
	escape_text(&line, run->program, strlen(run->program), 0);
	buf_str(&line, "\nstate:   ");
	escape_text(&line, run->dir.path, strlen(run->dir.path), 0);
	buf_str(&line, "\ntimeout: ");
	num_format_duration(&line, run->job->timeout_ns);
	buf_str(&line, ", kill after ");
	num_format_duration(&line, run->job->kill_after_ns);
	output_explain(&line, run);
	if (run->job->splay_ns != NUM_NONE) {
		buf_str(&line, "\nsplay:   started after a random time of at most ");
		num_format_duration(&line, run->job->splay_ns);
	}
	parent_explain(&line, run);
	hook_explain(&line, run);
	if (!held && h.has_record)
		buf_str(&line, "\nbefore:  the tree of a run whose guards were killed would be ended");
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
	return held && run->job->on_conflict != CONFLICT_SKIP ? run->job->conflict_exit : 0;
}
