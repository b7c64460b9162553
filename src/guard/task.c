#include "guard/task.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/explain.h"
#include "guard/refusal.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/self.h"
#include "run/circuit_say.h"
#include "spawnguard/exit.h"
#include "store/breaker.h"

#define RULE         "max-attempts"
#define WAIT_MS      5000 /* for others of this job that write: each takes a fraction of a millisecond */
#define TASK_COLUMNS 60
static_assert(CIRCUIT_RATE_MAX <= ATTEMPTS_MAX, "what an option may ask for is kept");

/* Too much for a stack; of one process and one run. */
static struct breaker breaker;

bool task_is_limited(const struct job *job)
{
	return job->has_loops && job->attempts.count > 0;
}

const char *task_name(const struct job *job)
{
	return job->task ? job->task : "";
}

static struct attempts_gauge ask(const struct run *run)
{
	const struct circuit_rate *rate = &run->job->attempts;
	return attempts_gauge(&breaker.attempts, task_name(run->job), rate->count, rate->per_ns);
}

/* --- what is said --------------------------------------------------------------------------------------- */

/* "nightly: task phase-7: 3 of 3 within 1h" */
static void put_gauge(struct buf *line, const struct run *run, const struct attempts_gauge *g)
{
	const char *task = task_name(run->job);

	escape_text(line, run->name, strlen(run->name), 60);
	if (task[0] != '\0') {
		buf_str(line, ": task ");
		escape_word(line, task, strlen(task), TASK_COLUMNS);
	}
	buf_str(line, ": ");
	buf_u64(line, g->used);
	buf_str(line, " of ");
	buf_u64(line, g->limit);
	buf_str(line, " within ");
	num_format_duration(line, g->per_ns);
}

static void put_used_up(struct buf *line, const struct run *run, const struct attempts_gauge *g)
{
	buf_str(line, "attempts used up: ");
	put_gauge(line, run, g);
	buf_str(line, "; the next is allowed ");
	circuit_say_when(line, g->free_in_ns, os_clock_wall_ns());
}

/* Never cut: it is to be typed. */
static void put_reset(struct buf *line, const struct run *run)
{
	const char *task = task_name(run->job);

	buf_str(line, "spawnguard breaker reset ");
	escape_word(line, run->name, strlen(run->name), 0);
	if (task[0] == '\0')
		return;
	buf_str(line, " --task ");
	escape_word(line, task, strlen(task), 0);
}

static int refuse(const struct run *run, const struct attempts_gauge *g)
{
	struct refusal refusal = { .outcome = SG_OUTCOME_REFUSED, .reason = RULE };
	BUF(line, 1536);

	refusal_record(run, &refusal, SG_EXIT_BREAKER);
	buf_str(&line, "not started: ");
	put_used_up(&line, run, g);
	buf_str(&line, "; ");
	put_reset(&line, run);
	voice_error(&line);
	return SG_EXIT_BREAKER;
}

static void warn_forced(const struct run *run, const struct attempts_gauge *g)
{
	BUF(line, 1024);

	buf_str(&line, "warning: ");
	put_used_up(&line, run, g);
	buf_str(&line, "; started all the same (--force)");
	voice_note(&line);
}

static void say_no_other(const struct run *run, const struct attempts_gauge *g)
{
	BUF(line, 1536);

	put_used_up(&line, run, g);
	buf_str(&line, "; no other follows now; ");
	put_reset(&line, run);
	voice_note(&line);
}

/* As with the breaker: what cannot be kept stops no job, and slows one that fails at once. */
static void warn_uncounted(const struct run *run, int err, struct fail *fail)
{
	if (err == -EWOULDBLOCK)
		(void)fail_set(fail, EBUSY, "lock the breaker of", run->name);
	voice_warn_fail(fail, "this attempt (--max-attempts) is not counted, and the run goes on; see: "
			      "spawnguard doctor");
}

/* --- the file ------------------------------------------------------------------------------------------- */

/* What it says, under the lock; a damaged one is put aside: it came so since circuit_prepare has told of it.
 */
static int read_locked(const struct run *run, const struct breaker_time *now, struct fail *fail)
{
	int r = breaker_read(run->dir.keep_fd, run->name, os_self_uid(), now, &breaker);

	if (r == -EBADMSG)
		return breaker_quarantine(run->dir.keep_fd, run->name, fail);
	return r == 0 || r == -ENOENT ? 0 : fail_set(fail, -r, "read the breaker of", run->name);
}

/*
 * Read, asked, counted, written: all of it under the lock.  1: there is one
 * more; 0: there is none left, and *out_gauge says why; -EWOULDBLOCK; -errno
 * with `fail`.
 */
static int take(const struct run *run, struct attempts_gauge *out_gauge, struct fail *fail)
{
	const struct circuit_rate *rate = &run->job->attempts;

	AUTO_FD int lock = breaker_lock(&run->dir, run->name, WAIT_MS, fail);
	if (lock < 0)
		return lock;
	struct breaker_time now = breaker_now_on(&run->head.host);
	int r = read_locked(run, &now, fail);
	if (r < 0)
		return r;
	*out_gauge = ask(run);
	bool is_refused = out_gauge->free_in_ns > 0 && !run->job->force;
	if (is_refused && !breaker.is_of_other_boot)
		return 0;
	if (!is_refused) /* else it waits from now on by the clock of this boot */
		attempts_add(&breaker.attempts, task_name(run->job), rate->count, rate->per_ns,
			     attempts_run(run->head.run_id));
	r = breaker_write(run->dir.keep_fd, run->name, &now, &breaker, fail);
	return is_refused ? 0 : r < 0 ? r : 1;
}

/* --- before the start ----------------------------------------------------------------------------------- */

int task_prepare(struct run *run)
{
	struct attempts_gauge g = { 0 };
	struct fail fail = { 0 };

	if (!task_is_limited(run->job))
		return 0;
	int r = take(run, &g, &fail);
	if (r == 0)
		return refuse(run, &g);
	if (r < 0)
		warn_uncounted(run, r, &fail);
	else if (g.free_in_ns > 0)
		warn_forced(run, &g);
	run->circuit.has_attempt = r > 0;
	return 0;
}

void task_withdraw(struct run *run)
{
	struct fail fail = { 0 };

	if (!run->circuit.has_attempt)
		return;
	run->circuit.has_attempt = false;
	AUTO_FD int lock = breaker_lock(&run->dir, run->name, WAIT_MS, &fail);
	struct breaker_time now = breaker_now_on(&run->head.host);
	if (lock < 0 || breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker) < 0 ||
	    !attempts_give_back(&breaker.attempts, task_name(run->job), attempts_run(run->head.run_id)))
		return;
	(void)breaker_write(run->dir.keep_fd, run->name, &now, &breaker, &fail); /* one too many is counted */
}

bool task_allows_another(const struct run *run, enum failure failure)
{
	struct attempts_gauge g = { 0 };
	struct fail fail = { 0 };

	if (!task_is_limited(run->job) || !failure_counts(failure)) /* that one was none: it is there still */
		return true;
	int r = take(run, &g, &fail);
	if (r == 0)
		say_no_other(run, &g);
	else if (r < 0)
		warn_uncounted(run, r, &fail);
	return r != 0;
}

void task_explain(struct run *run, struct explain *e)
{
	struct breaker_time now = breaker_now_on(&run->head.host);

	if (!task_is_limited(run->job))
		return;
	struct explain_rule *rule = explain_add(e, RULE);
	/* What cannot be read counts as nothing, as it would after it was put aside. */
	(void)breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker);
	struct attempts_gauge g = ask(run);
	if (g.free_in_ns == 0) {
		put_gauge(&rule->text, run, &g);
		return;
	}
	put_used_up(&rule->text, run, &g);
	put_reset(&rule->change, run);
	buf_str(&rule->change, ", or --force");
	rule->in_ns = g.free_in_ns;
	rule->verdict = run->job->force ? EXPLAIN_NOTE : EXPLAIN_REFUSE;
	rule->exit = SG_EXIT_BREAKER;
}
