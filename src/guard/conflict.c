#include "guard/conflict.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/explain.h"
#include "guard/holder.h"
#include "guard/hook.h"
#include "guard/queue.h"
#include "guard/refusal.h"
#include "guard/replace.h"
#include "guard/run.h"
#include "guard/slot.h"
#include "guard/voice.h"
#include "guard/waiting.h"
#include "os/fd.h"
#include "os/file.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/record.h"

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

	int code = how == CONFLICT_QUEUE ? circuit_before_wait(run) : 0;
	if (code != 0)
		return code;
	/* Who queues does not try before those who stand there. */
	int fd = how == CONFLICT_QUEUE ? take_in_turn(run, &why, &fail)
				       : waiting_try(run, WAITING_MAIN, false, &fail);
	if (fd == -EWOULDBLOCK && (how == CONFLICT_WAIT || how == CONFLICT_REPLACE) &&
	    (code = circuit_before_wait(run)) != 0)
		return code;
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

/* --- explain ---------------------------------------------------------------------------------------------
 */

/* The holder as a start would name it. */
static void put_held(struct explain_rule *rule, const struct run *run, const struct holder *h)
{
	struct buf *text = &rule->text;

	if (run->job->no_lock) {
		buf_str(text, "lock file ");
		escape_text(text, run->job->lock_file, strlen(run->job->lock_file), 0);
		return;
	}
	escape_text(text, run->name, strlen(run->name), 0);
	holder_format(text, h);
}

static void put_how_to_end(struct explain_rule *rule, const struct run *run)
{
	struct buf *change = &rule->change;

	if (run->job->no_lock) {
		buf_str(change, "the end of what holds it: lslocks");
		return;
	}
	buf_str(change, "its end: spawnguard wait, or kill, ");
	escape_word(change, run->name, strlen(run->name), 0);
}

static void explain_held(const struct run *run, struct explain_rule *rule)
{
	struct replace_refusal why = { NULL, NULL };
	struct holder h;

	holder_find(run, &h);
	rule->exit = run->job->conflict_exit;
	rule->verdict = EXPLAIN_REFUSE;
	switch (run->job->on_conflict) {
	case CONFLICT_SKIP:
		rule->verdict = EXPLAIN_SKIP;
		break;
	case CONFLICT_WAIT:
	case CONFLICT_QUEUE:
		if (waits_for_itself(run))
			why.what = "not waiting for the run around this one";
		else if (run->job->on_conflict == CONFLICT_QUEUE && queue_is_full(run))
			why.what = "its queue is full";
		else
			rule->verdict = EXPLAIN_WAIT;
		break;
	case CONFLICT_REPLACE:
		if (replace_judge(run, &h, &why) == 0)
			rule->verdict = EXPLAIN_REPLACE;
		break;
	default:
		break;
	}
	if (why.what) {
		buf_str(&rule->text, why.what);
		buf_str(&rule->text, ": ");
	}
	put_held(rule, run, &h);
	if (rule->verdict == EXPLAIN_WAIT && run->job->wait_ns != NUM_NONE) {
		buf_str(&rule->text, "; for at most ");
		num_format_duration(&rule->text, run->job->wait_ns);
	}
	put_how_to_end(rule, run);
}

static void explain_left(const struct run *run, struct explain *e)
{
	struct holder h;

	holder_find(run, &h);
	if (run->job->no_lock || run->job->shared || !h.has_record)
		return;
	struct explain_rule *rule = explain_add(e, "left");
	rule->verdict = EXPLAIN_NOTE;
	buf_str(&rule->text, h.is_elsewhere
				     ? "a run in another PID or time namespace would be closed"
				     : "the tree of a run whose guards were killed would be ended: run ");
	if (!h.is_elsewhere)
		buf_mem(&rule->text, h.record.head.run_id, strnlen(h.record.head.run_id, 8));
}

/* --lock-file beside the job's own; one that is not there yet is free. */
static void explain_lock_file(const struct run *run, struct explain *e)
{
	struct explain_rule *rule = explain_add(e, "lock-file");
	AUTO_FD int fd = os_open_user(run->job->lock_file, OS_READ, 0);
	bool is_held = fd >= 0 && os_flock_try(fd, run->job->shared) == -EWOULDBLOCK;

	buf_str(&rule->text, is_held ? "held by another program: " : "free: ");
	escape_text(&rule->text, run->job->lock_file, strlen(run->job->lock_file), 0);
	if (!is_held)
		return;
	rule->verdict = run->job->on_conflict == CONFLICT_SKIP ? EXPLAIN_SKIP : EXPLAIN_REFUSE;
	rule->exit = run->job->conflict_exit;
	buf_str(&rule->change, "the end of what holds it: lslocks");
}

void conflict_explain(struct run *run, struct explain *e)
{
	struct fail fail = { 0 };

	struct explain_rule *rule = explain_add(e, "lock");
	if (run->job->no_lock && !run->job->lock_file) {
		buf_str(&rule->text, "none is asked for");
		return;
	}
	/* For this moment: let go at once, and the same question as that of a start. */
	AUTO_FD int fd = waiting_try(run, WAITING_MAIN, false, &fail);
	if (fd == -EWOULDBLOCK) {
		explain_held(run, rule);
	} else if (fd < 0) {
		rule->verdict = EXPLAIN_REFUSE;
		rule->exit = tell_failure(&fail, run->job->no_lock);
		buf_str(&rule->text, "cannot be taken: ");
		buf_str(&rule->text, fail_text(fail.err));
	} else {
		buf_str(&rule->text, run->job->shared ? "free, or shared" : "free");
		explain_left(run, e);
	}
	if (run->job->lock_file && !run->job->no_lock)
		explain_lock_file(run, e);
}
