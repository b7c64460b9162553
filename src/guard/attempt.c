#include "guard/attempt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "core/circuit.h"
#include "core/failure.h"
#include "guard/pause.h"
#include "guard/report.h"
#include "guard/run.h"
#include "guard/task.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/wait.h"
#include "run/describe.h"
#include "store/record.h"

#define BLIND_MS 20 /* where neither clock nor signals can be waited for */

/* Where --backoff says nothing of the class. */
static const struct circuit_steps steps = { .count = 7,
					    .ns = { NS_PER_S, 2 * NS_PER_S, 4 * NS_PER_S, 8 * NS_PER_S,
						    16 * NS_PER_S, 32 * NS_PER_S, 60 * NS_PER_S } };

void attempt_begin(struct run *run)
{
	if (run->job->retry == 0)
		return;
	run->attempt.number++;
	run->attempt.began_ns = os_clock_boot_ns();
	run->state.figures.attempt = run->attempt.number;
	run->state.figures.attempt_boot_ns = run->attempt.began_ns;
}

uint64_t attempt_began_ns(const struct run *run)
{
	return run->attempt.number > 1 ? run->attempt.began_ns : run->head.started_boot_ns;
}

uint64_t attempt_deadline_ns(const struct run *run)
{
	uint64_t began_ns = attempt_began_ns(run), timeout_ns = run->job->timeout_ns;
	return timeout_ns < NUM_NONE - began_ns ? began_ns + timeout_ns : NUM_NONE;
}

/* --- judging -------------------------------------------------------------------------------------------- */

static const struct circuit_steps *steps_of(const struct run *run, enum failure failure)
{
	const struct circuit_steps *asked = &run->job->circuit.backoff[failure];
	return asked->count > 0 ? asked : &steps;
}

static uint64_t wait_after(const struct run *run, enum failure failure)
{
	const struct attempt *a = &run->attempt;
	struct circuit_rules rules = run->job->circuit;
	uint32_t random;

	os_random(&random, sizeof(random));
	rules.backoff[failure] = *steps_of(run, failure);
	return circuit_step(&rules, failure, failure == FAILURE_ENVIRONMENT ? a->environment : a->used,
			    random);
}

/* It is not the job that fails; but an environment that stays as it is must not keep the run for ever. */
static bool is_free(const struct run *run, enum failure failure)
{
	return failure == FAILURE_ENVIRONMENT && run->attempt.environment < steps_of(run, failure)->count;
}

static bool is_worth_another(const struct run *run, enum failure failure)
{
	return (run->job->retry_on & 1U << failure) &&
	       (is_free(run, failure) || run->attempt.used < run->job->retry);
}

static void charge(struct run *run, enum failure failure)
{
	run->attempt.used += !is_free(run, failure);
	run->attempt.environment += failure == FAILURE_ENVIRONMENT;
}

bool attempt_wait_environment(struct run *run, uint64_t *out_wait_ns)
{
	if (run->job->retry == 0 || !is_worth_another(run, FAILURE_ENVIRONMENT))
		return false;
	*out_wait_ns = wait_after(run, FAILURE_ENVIRONMENT);
	charge(run, FAILURE_ENVIRONMENT);
	return true;
}

void attempt_judge(const struct run *run, struct close_run *c)
{
	const struct run_figures *f = &c->state->figures;
	uint64_t now_ns = os_clock_boot_ns(), from_ns = attempt_began_ns(run) + f->frozen_ns;
	struct failure_facts facts = {
		.outcome = c->verdict.outcome,
		.cause = (enum end_cause)f->cause,
		.has_status = f->has_status != 0,
		.job_status = f->job_status,
		.exit_code = c->verdict.exit_code,
		.took_ns = now_ns > from_ns ? now_ns - from_ns : 0,
		.has_matched = c->toll.wants.has_matched,
	};

	if (run->attempt.number == 0 || run->attempt.is_last || f->survivors > 0)
		return;
	enum failure failure = failure_judge(&run->job->classes, &facts);
	if (!is_worth_another(run, failure) || !task_allows_another(run, failure))
		return;
	c->goes_on = true;
	c->retry_for = failure;
	c->retry_in_ns = wait_after(run, failure);
}

/* --- in front, between two ------------------------------------------------------------------------------ */

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
	buf_str(line, ": attempt ");
	buf_u64(line, run->attempt.number);
	buf_str(line, " of ");
	buf_u64(line, run->attempt.number + run->job->retry - run->attempt.used);
	buf_str(line, ": ");
}

static void say_wait(const struct run *run, uint64_t wait_ns, const struct outcome_verdict *v)
{
	BUF(line, 512);

	put_name(&line, run);
	describe_end(&line, outcome_name(v->outcome), v->exit_code);
	buf_str(&line, "; again in ");
	num_format_duration(&line, wait_ns);
	voice_note(&line);
}

static void say_over(const struct run *run, const struct attempt_over *over)
{
	BUF(line, 512);

	put_name(&line, run);
	buf_str(&line, "no other follows");
	if (over->cause == CAUSE_PARENT)
		buf_str(&line, ": what started it has ended");
	else if (over->cause == CAUSE_REPLACED)
		buf_str(&line, ": it is replaced");
	else if (over->cause != CAUSE_NONE) /* else it could not be prepared, and why is said */
		buf_str(&line, ": asked to end");
	if (over->sender.pid > 0) {
		buf_str(&line, " by ");
		escape_text(&line, over->sender.comm, strnlen(over->sender.comm, sizeof(over->sender.comm)),
			    0);
		buf_str(&line, " (pid ");
		buf_i64(&line, over->sender.pid);
		buf_str(&line, ", uid ");
		buf_u64(&line, over->sender.uid);
		buf_char(&line, ')');
	}
	voice_note(&line);
}

static void name_sender(struct pair_sender *sender, const struct os_signal *from)
{
	struct proc_stat stat;

	if (from->code > 0) /* a terminal */
		return;
	sender->pid = from->pid;
	sender->uid = from->uid;
	if (from->pid > 0 && os_proc_stat(from->pid, &stat) == 0)
		memcpy(sender->comm, stat.comm, sizeof(sender->comm) - 1);
}

/* A request that would have gone to the warden. */
static bool is_requested(const struct run *run, struct attempt_over *over)
{
	struct request request;

	if (request_take(run->dir.run_fd, run->head.run_id, &request) < 0 ||
	    (request.verb != REQUEST_KILL && request.verb != REQUEST_REPLACE))
		return false;
	bool is_outer = request.by_run[0] != '\0' && strcmp(request.by_run, run->head.parent_run_id) == 0;
	over->cause = is_outer                          ? CAUSE_OUTER
		      : request.verb == REQUEST_REPLACE ? CAUSE_REPLACED
							: CAUSE_REQUEST;
	over->sender = (struct pair_sender){ .pid = request.by_pid, .uid = request.by_uid };
	memcpy(over->sender.comm, request.by_comm, sizeof(over->sender.comm));
	memcpy(over->by_run, request.by_run, sizeof(over->by_run));
	return true;
}

/* Hooks, the pump, and what was left alone by --leftovers. */
static void reap(struct run *run)
{
	struct os_child child;

	while (os_wait_any(&child) > 0) {
		if (!child.has_ended)
			continue;
		tail_reaped(run, child.pid);
		weigh_reaped(run, child.pid);
		hook_reaped(run, &child);
	}
}

/* `news`: signals that ask to look.  True: the run is over. */
static bool wait_for_turn(struct run *run, const struct pause *pause, int news, uint64_t until_ns,
			  struct attempt_over *over)
{
	struct os_signal from;

	for (;;) {
		uint64_t next_ns = until_ns, now_ns;
		reap(run);
		if (is_requested(run, over))
			return true;
		const int hook_ms = hook_look(run);
		const uint64_t hook_ns = hook_ms < 0 ? NUM_NONE : (uint64_t)hook_ms * 1000000;
		now_ns = os_clock_boot_ns();
		if (now_ns >= until_ns)
			return false;
		if (hook_ns < until_ns - now_ns)
			next_ns = now_ns + hook_ns;
		int end = pause_until(pause, next_ns, news, &from);
		if (end == PAUSE_ASKED) {
			over->cause = CAUSE_SIGNAL;
			name_sender(&over->sender, &from);
			return true;
		}
		if (end == PAUSE_ORPHANED) {
			over->cause = CAUSE_PARENT;
			over->sender = run->parent.who;
			return true;
		}
		if (end < 0)
			os_clock_sleep_ms(BLIND_MS);
		while (os_signalfd_read(news, &from) > 0)
			; /* looked at above */
	}
}

static bool ends_meanwhile(struct run *run, uint64_t wait_ns, struct attempt_over *over)
{
	struct pause pause;

	AUTO_FD int news = os_signalfd_open(OS_SIG(SIGCHLD) | OS_SIG(OS_SIG_REQUEST));
	(void)pause_open(&pause, run); /* what cannot be opened is not waited for: it looks more often */
	bool is_over = wait_for_turn(run, &pause, news, os_clock_boot_ns() + wait_ns, over);
	pause_close(&pause);
	return is_over;
}

/* As front was before the first, but for what the run keeps.  False: it cannot be; said. */
static bool renew(struct run *run)
{
	memset(&run->state, 0, sizeof(run->state));
	run->limit = (struct finding){ 0 };
	run->takeover = NULL;
	run->stop_wanted = 0;
	run->world_failed = WORLD_NONE;
	tail_renew(run);
	flow_renew(run);
	notify_renew(run);
	if (flow_prepare(run) != 0 || yield_prepare(run) != 0 || alive_prepare(run) != 0)
		return false;
	run_take_snapshot(run);
	attempt_begin(run);
	run->state.phase = PHASE_STARTING;
	if (run->record_fd >= 0)
		(void)record_write_state(run->record_fd, &run->state, run->seed);
	return true;
}

bool attempt_next(struct run *run, enum failure failure, uint64_t wait_ns, bool was_asked,
		  struct outcome_verdict *v)
{
	struct run_figures last = run->state.figures;
	struct attempt_over over = { .cause = CAUSE_NONE };

	if (!was_asked)
		say_wait(run, wait_ns, v);
	weigh_end(run);
	tail_wait(run, -1, false, false);
	bool is_over = was_asked || ends_meanwhile(run, wait_ns, &over);
	if (was_asked)
		over.cause = CAUSE_SIGNAL;
	if (!is_over)
		charge(run, failure);
	if (!is_over && renew(run))
		return true;
	say_over(run, &over);
	run->attempt.is_last = true;
	run->state.figures = last;
	*v = report_finish_between(run, &over, v);
	return false;
}

void attempt_explain(struct buf *out, const struct run *run)
{
	if (run->job->retry == 0)
		return;
	buf_str(out, "\nretry:   up to ");
	buf_u64(out, run->job->retry);
	buf_str(out, run->job->retry == 1 ? " time, on" : " times, on");
	for (uint32_t i = FAILURE_FIRST; i < FAILURE_COUNT; i++) {
		if (!(run->job->retry_on & 1U << i))
			continue;
		buf_char(out, ' ');
		buf_str(out, failure_name((enum failure)i));
	}
}
