#include "run/toll.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "core/fingerprint.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/proc.h"
#include "os/self.h"
#include "run/circuit_say.h"
#include "run/close.h"
#include "store/breaker.h"
#include "store/history.h"

/* For others of this job that write: each takes a fraction of a millisecond, but there may be many. */
#define WAIT_MS 10000

/* Too much for a stack; of one process, and of one end at a time. */
static struct breaker breaker;

const struct circuit *toll_circuit(void)
{
	return &breaker.circuit;
}

bool toll_is_clean(const struct circuit *c)
{
	bool is_clean = !c->is_open && !c->is_healthy && c->failed_count == 0 && c->same_count == 0 &&
			c->zero_count == 0;

	for (unsigned i = 0; i < FAILURE_COUNT; i++)
		is_clean = is_clean && c->level[i] == 0;
	return is_clean;
}

/* Of one that nobody saw end: not known. */
static uint64_t took_ns(const struct close_run *c, uint64_t began_ns)
{
	const struct run_figures *f = &c->state->figures;
	uint64_t from_ns = began_ns + f->frozen_ns;

	if (f->cause == CAUSE_BOTH_DEAD)
		return 0;
	return f->ended_boot_ns > from_ns ? f->ended_boot_ns - from_ns : 0;
}

static enum failure judge(const struct close_run *c)
{
	const uint64_t start_ns = c->head->started_boot_ns;
	static const struct failure_rules none;
	const struct toll_wants *wants = &c->toll.wants;
	const struct run_figures *f = &c->state->figures;

	return failure_judge(wants->classes ? wants->classes : &none,
			     &(struct failure_facts){
				     .outcome = c->verdict.outcome,
				     .cause = (enum end_cause)f->cause,
				     .has_status = f->has_status != 0,
				     .job_status = f->job_status,
				     .took_ns = took_ns(c, f->attempt > 1 ? f->attempt_boot_ns : start_ns),
				     .has_matched = wants->has_matched,
				     .not_ready = wants->not_ready });
}

/* What it failed of, as far as the end of its stderr tells. */
static void name_failure(struct close_run *c)
{
	const struct run_figures *f = &c->state->figures;
	struct fingerprint_facts facts = { .outcome = c->verdict.outcome,
					   .has_status = f->has_status != 0,
					   .job_status = f->job_status };
	struct fingerprint print;
	bool is_kept = c->has_tail && c->tail.is_known;
	struct buf text;

	if (is_kept) {
		facts.bytes = c->tail.bytes;
		facts.count = c->tail.count;
		facts.is_cut = c->tail.total > c->tail.count;
	}
	fingerprint_make(&print, &facts);
	buf_init(&text, c->toll.print, sizeof(c->toll.print));
	fingerprint_format(&text, print.print);
	c->toll.is_bare = print.is_bare;
	if (is_kept && c->tail.print_only) { /* --record-tail=print: none of its words are kept */
		facts.bytes = NULL;
		fingerprint_make(&print, &facts);
	}
	buf_init(&text, c->toll.summary, sizeof(c->toll.summary));
	buf_mem(&text, print.summary, strnlen(print.summary, sizeof(c->toll.summary) - 1));
}

static struct circuit_end end_of(const struct close_run *c)
{
	const struct record_head *head = c->head;
	struct circuit_end end = { .failure = c->toll.failure,
				   .start = head->flags & RECORD_TRIAL    ? CIRCUIT_START_TRIAL
					    : head->flags & RECORD_FORCED ? CIRCUIT_START_FORCED
									  : CIRCUIT_START_NORMAL,
				   .took_ns = took_ns(c, head->started_boot_ns),
				   .peak_bytes = c->state->figures.peak_rss_bytes };

	memcpy(end.run_id, head->run_id, strnlen(head->run_id, CIRCUIT_RUN_ID_MAX));
	memcpy(end.print, c->toll.print, sizeof(end.print));
	if (c->has_yield && c->yield.value != UINT64_MAX)
		end.yield = c->yield.value == 0 ? CIRCUIT_YIELD_NOTHING : CIRCUIT_YIELD_SOME;
	return end;
}

static struct breaker_time now_here(const struct close_run *c)
{
	return c->toll.wants.here ? breaker_now_on(c->toll.wants.here) : breaker_now();
}

/* Is there something that this end changes?  Looked at without the lock. */
static bool is_needed(const struct close_run *c)
{
	const struct toll *t = &c->toll;
	const struct circuit_rules *rules = t->wants.rules;
	bool is_failure = t->failure >= FAILURE_FIRST;
	bool keeps = t->wants.wants_ring || (rules && (rules->zero_yield > 0 || rules->time.limit_ns > 0));

	if (is_failure || t->wants.has_attempts || (keeps && t->failure == FAILURE_NONE))
		return true;
	if (t->wants.is_clean)
		return false;
	struct breaker_time now = now_here(c);
	int r = breaker_read(c->dir->keep_fd, c->head->job, os_self_uid(), &now, &breaker);
	return r == 0 && !toll_is_clean(&breaker.circuit);
}

static int read_locked(struct close_run *c, const struct breaker_time *now)
{
	int r = breaker_read(c->dir->keep_fd, c->head->job, os_self_uid(), now, &breaker);

	if (r == -ENOENT)
		return 0;
	if (r != -EBADMSG)
		return r;
	c->toll.was_damaged = true;
	r = breaker_quarantine(c->dir->keep_fd, c->head->job, NULL);
	circuit_assume_failure(&breaker.circuit);
	return r;
}

static uint32_t random32(void)
{
	uint32_t random;

	os_random(&random, sizeof(random));
	return random;
}

/* A good end leaves nothing to be stopped; what its user or its environment has ended was no attempt. */
static void settle_attempt(const struct close_run *c)
{
	const struct toll *t = &c->toll;

	if (!t->wants.has_attempts)
		return;
	if (t->failure == FAILURE_NONE)
		(void)attempts_forget(&breaker.attempts, t->wants.task);
	else if (!failure_counts(t->failure))
		(void)attempts_give_back(&breaker.attempts, t->wants.task, attempts_run(c->head->run_id));
}

/* Read, count, write: all of it or nothing. */
static int count(struct close_run *c, enum circuit_state *out_was)
{
	struct toll *t = &c->toll;
	struct circuit_end end = end_of(c);
	struct fail fail;

	AUTO_FD int lock = breaker_lock(c->dir, c->head->job, WAIT_MS, &fail);
	if (lock < 0)
		return lock;
	struct breaker_time now = now_here(c);
	int r = read_locked(c, &now);
	if (r < 0)
		return r;
	*out_was = circuit_state(&breaker.circuit);
	if (t->wants.rules)
		breaker.circuit.rules = *t->wants.rules;
	t->change = circuit_end(&breaker.circuit, &end, t->summary, t->wants.until_ns, random32());
	if (!t->change.is_new && !t->was_damaged)
		return 0;
	if (t->change.opened)
		breaker.circuit.is_untold = !t->wants.tells;
	if (t->change.is_new) /* else whoever closed it before us has done so */
		settle_attempt(c);
	if (t->failure >= FAILURE_FIRST && t->wants.inputs.paths != 0)
		breaker.inputs = t->wants.inputs;
	return breaker_write(c->dir->keep_fd, c->head->job, &now, &breaker, &fail);
}

static void write_line(const struct close_run *c, enum circuit_state was)
{
	const struct circuit *k = &breaker.circuit;
	const struct circuit_change *change = &c->toll.change;
	BUF(line, 2048);
	BUF(text, 512);

	if (!change->opened && !change->reopened && !change->closed)
		return;
	if (k->is_open)
		circuit_say_why(&text, k);
	struct history_breaker event = {
		.wall_ns = os_clock_wall_ns(),
		.job = c->head->job,
		.run_id = c->head->run_id,
		.from = circuit_state_name(was),
		.to = circuit_state_name(circuit_state(k)),
		.rule = k->is_open ? circuit_rule_name(k->rule) : NULL,
		.class = k->is_open ? failure_name(k->failure) : NULL,
		.text = text.at,
		.fingerprint = c->toll.print,
		.failures = k->is_open ? k->count : 0,
		.wait_ns = k->is_open ? k->wait_ns : 0,
		.by = c->by,
	};
	history_format_breaker(&line, &event);
	AUTO_FD int fd = history_open(c->dir->keep_fd, event.wall_ns);
	if (fd >= 0)
		(void)history_append(fd, &line); /* the state itself stands in breaker/NAME */
}

void toll_name(struct close_run *c)
{
	c->toll.failure = judge(c);
	if (c->toll.failure >= FAILURE_FIRST)
		name_failure(c);
}

void toll_take(struct close_run *c)
{
	struct toll *t = &c->toll;
	enum circuit_state was = CIRCUIT_CLOSED;

	toll_name(c);
	if (!is_needed(c))
		return;
	t->err = count(c, &was);
	if (t->err == 0)
		write_line(c, was);
}
