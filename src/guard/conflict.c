#include "guard/conflict.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/holder.h"
#include "guard/hook.h"
#include "guard/output.h"
#include "guard/queue.h"
#include "guard/refusal.h"
#include "guard/replace.h"
#include "guard/run.h"
#include "guard/slot.h"
#include "guard/voice.h"
#include "guard/waiting.h"
#include "os/fd.h"
#include "os/say.h"
#include "run/describe.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/record.h"

#define COMMAND_COLUMNS 60

void conflict_say(const struct run *run, const struct holder *h, const char *what, bool is_said)
{
	BUF(line, 1024);

	buf_str(&line, what);
	buf_str(&line, ": ");
	escape_text(&line, run->name, strlen(run->name), 0);
	if (run->job->no_lock) { /* nothing tells who has it */
		buf_str(&line, ", lock file ");
		escape_text(&line, run->job->lock_file, strlen(run->job->lock_file), 0);
		buf_str(&line, "; see: lslocks");
	} else {
		holder_format(&line, h);
		buf_str(&line, "; see: spawnguard ps ");
		escape_word(&line, run->name, strlen(run->name), 0);
	}
	voice_line(&line, VOICE_WARNING, is_said);
}

static void record_refusal(const struct run *run, struct holder *h, const char *reason, int exit_code)
{
	struct refusal refusal = { .outcome = SG_OUTCOME_CONFLICT,
				   .reason = reason,
				   .holder_run_id = h->info.holder.run_id,
				   .holder_pid = h->is_elsewhere ? 0 : h->info.holder.front };

	refusal_record(run, &refusal, exit_code);
}

static int refuse(const struct run *run, const char *what, const char *reason)
{
	struct holder h;
	bool skip = run->job->on_conflict == CONFLICT_SKIP;
	int code = skip ? 0 : run->job->conflict_exit;

	holder_await(run, &h);
	record_refusal(run, &h, reason, code);
	conflict_say(run, &h, what, !skip || voice_tells_steps());
	return skip || code == 0 ? CONFLICT_SKIPPED : code;
}

static int tell_failure(const struct fail *fail, bool is_user_file)
{
	voice_fail(fail, is_user_file ? "nothing was started; name a --lock-file that can be opened"
				      : "nothing was started; see: spawnguard doctor");
	return SG_EXIT_GUARD;
}

/* A run that waits for the run around it waits for ever. */
static bool waits_for_itself(const struct run *run)
{
	struct holder h;

	if (run->head.parent_run_id[0] == '\0')
		return false;
	holder_find(run, &h);
	return holder_is_ancestor(run, &h);
}

static int take_after_wait(struct run *run, struct replace_refusal *why, struct fail *fail)
{
	struct waiting waiting = waiting_begin(run);

	if (waits_for_itself(run)) {
		*why = (struct replace_refusal){ "not waiting for the run around this one", "ancestor" };
		return -EWOULDBLOCK;
	}
	*why = (struct replace_refusal){ "still running after the wait", "wait" };
	return waiting_take_main(&waiting, fail);
}

static int take_in_turn(struct run *run, struct replace_refusal *why, struct fail *fail)
{
	bool is_full = false;

	int fd = queue_take(run, &is_full, fail);
	*why = (struct replace_refusal){ "still running after the wait", "wait" };
	if (is_full)
		*why = (struct replace_refusal){ "its queue is full", "queue_full" };
	if (fd != -EDEADLK)
		return fd;
	*why = (struct replace_refusal){ "not waiting for the run around this one", "ancestor" };
	return -EWOULDBLOCK;
}

static int take_main_lock(struct run *run)
{
	enum on_conflict how = run->job->on_conflict;
	struct replace_refusal why = { "already running", "locked" };
	struct fail fail = { 0 };

	/* Who queues does not try before those who stand there. */
	int fd = how == CONFLICT_QUEUE ? take_in_turn(run, &why, &fail)
				       : waiting_try(run, WAITING_MAIN, false, &fail);
	if (fd == -EWOULDBLOCK && how == CONFLICT_WAIT)
		fd = take_after_wait(run, &why, &fail);
	else if (fd == -EWOULDBLOCK && how == CONFLICT_REPLACE)
		fd = replace_take(run, &why, &fail);
	if (fd == -EOWNERDEAD)
		return parent_check(run);
	if (fd == -EWOULDBLOCK)
		return refuse(run, why.what, why.reason);
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

	holder_find(run, &h);
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

	int code = job->no_lock && !job->lock_file ? 0 : take_main_lock(run);
	if (code == 0 && job->slots > 0)
		code = slot_take(run);
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

	AUTO_FD int fd = no_lock ? 0 : waiting_try(run, WAITING_MAIN, false, &fail);
	if (no_lock)
		fd = -1;
	else if (fd < 0 && fd != -EWOULDBLOCK)
		return tell_failure(&fail, run->job->no_lock);
	bool held = fd == -EWOULDBLOCK;
	holder_find(run, &h);
	uint32_t taken = run->job->slots > 0 ? slot_count_taken(run) : 0;
	bool is_full = !held && taken > 0 && taken == run->job->slots;
	enum on_conflict how = run->job->on_conflict;
	buf_str(&line, !held && !is_full         ? "would start: "
		       : how == CONFLICT_REPLACE ? "would end it and start in its place: "
		       : how == CONFLICT_QUEUE   ? "would wait in turn: "
						 : "would not start: ");
	escape_text(&line, run->name, strlen(run->name), 0);
	if (held)
		holder_format(&line, &h);
	if (is_full)
		slot_format_holders(&line, run);
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
	isolate_explain(&line, run);
	if (run->job->slots > 0)
		slot_explain(&line, run, taken);
	if (run->job->splay_ns != NUM_NONE) {
		buf_str(&line, "\nsplay:   started after a random time of at most ");
		num_format_duration(&line, run->job->splay_ns);
	}
	parent_explain(&line, run);
	hook_explain(&line, run);
	if (!held && h.has_record && !run->job->shared)
		buf_str(&line,
			h.is_elsewhere
				? "\nbefore:  a run in another PID or time namespace would be closed"
				: "\nbefore:  the tree of a run whose guards were killed would be ended");
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
	bool is_refused =
		(held || is_full) && how != CONFLICT_SKIP && how != CONFLICT_REPLACE && how != CONFLICT_QUEUE;
	return is_refused ? run->job->conflict_exit : 0;
}
