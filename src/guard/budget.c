#include "guard/budget.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "base/utc.h"
#include "conf/budget_value.h"
#include "guard/explain.h"
#include "guard/refusal.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pump.h"
#include "os/self.h"
#include "spawnguard/exit.h"
#include "store/breaker.h"

/* Killed between two of them, both guards lose what was told in this time; a job may tell often. */
#define KEEP_EVERY_NS (NS_PER_S / 2)
#define START_WAIT_MS 5000 /* for others of this job that write: each takes a fraction of a millisecond */
#define END_WAIT_MS   2000

/* Too much for a stack; of one process and one run. */
static struct breaker breaker;

static bool is_kept(const struct counter *c)
{
	return c->budget != NUM_NONE && c->per_ns > 0;
}

/* --- what is said --------------------------------------------------------------------------------------- */

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
}

/* "nightly: tokens stands at 1000 of 1000 within 1d; room again in 3h12m, at ..." */
static void put_budget(struct buf *line, const struct run *run, const struct budget *b)
{
	uint64_t wait_ns = budget_room_in(b, b->limit);

	buf_str(line, "budget used up: ");
	put_name(line, run);
	buf_str(line, ": ");
	buf_str(line, b->key);
	buf_str(line, " stands at ");
	num_format_micro(line, budget_used(b));
	buf_str(line, " of ");
	num_format_micro(line, b->limit);
	buf_str(line, " within ");
	num_format_duration(line, b->per_ns);
	buf_str(line, "; room again in ");
	num_format_duration(line, wait_ns);
	buf_str(line, ", at ");
	utc_format(line, os_clock_wall_ns() + wait_ns);
}

static void put_next(struct buf *line, const struct run *run, const struct budget *b)
{
	buf_str(line, "; see: spawnguard status ");
	escape_word(line, run->name, strlen(run->name), 0);
	buf_str(line, "; to start all the same: --budget ");
	buf_str(line, b->key);
	buf_str(line, "=none");
}

static void say_put_aside(const struct run *run, const char *what_now)
{
	BUF(line, 512);

	buf_str(&line, "warning: ");
	put_name(&line, run);
	buf_str(&line, ": its file in breaker/ is damaged: put aside as .bad; ");
	buf_str(&line, what_now);
	voice_note(&line);
}

/* --- the file ------------------------------------------------------------------------------------------- */

/* What it says, under the lock; -EBADMSG: it was put aside, and there is nothing. */
static int read_locked(const struct run *run, const struct breaker_time *now, struct fail *fail)
{
	int r = breaker_read(run->dir.keep_fd, run->name, os_self_uid(), now, &breaker);

	if (r == -ENOENT)
		return 0;
	if (r != -EBADMSG)
		return r < 0 ? fail_set(fail, -r, "read the budgets", run->name) : 0;
	int put = breaker_quarantine(run->dir.keep_fd, run->name, fail);
	return put < 0 ? put : -EBADMSG;
}

/* Every budget of this run in `breaker`, and what it has used since the last time; `known`: and before. */
static int count_in(struct counters *counters, bool known)
{
	for (uint32_t i = 0; i < counters->count; i++) {
		struct counter *c = &counters->at[i];
		if (!is_kept(c))
			continue;
		if (!budgets_need(&breaker.budgets, c->key, c->per_ns, c->budget))
			return -ENOSPC;
		uint64_t new = known ? counter_stands_at(c) : counter_unkept(c);
		budgets_add(&breaker.budgets, c->key, new);
	}
	return 0;
}

static void take_over(struct counters *counters)
{
	for (uint32_t i = 0; i < counters->count; i++) {
		struct counter *c = &counters->at[i];
		if (is_kept(c))
			counter_keep(
				c, budget_used(budgets_need(&breaker.budgets, c->key, c->per_ns, c->budget)));
	}
}

/*
 * Read, count, write: all of it or nothing.  Killed between the rename and the
 * next line, the warden leaves front to count that once more: too much, never
 * too little.  0, -EWOULDBLOCK, -errno with `fail`.
 */
static int keep(struct run *run, uint32_t wait_ms, const char *if_damaged, struct fail *fail)
{
	struct counters *counters = &run->notify.told->counters;

	AUTO_FD int lock = breaker_lock(&run->dir, run->name, wait_ms, fail);
	if (lock < 0)
		return lock;
	struct breaker_time now = breaker_now_on(&run->head.host);
	int r = read_locked(run, &now, fail);
	bool is_damaged = r == -EBADMSG;
	if (is_damaged) /* what we know of it stays counted */
		say_put_aside(run, if_damaged);
	if (r < 0 && !is_damaged)
		return r;
	r = count_in(counters, is_damaged);
	if (r < 0)
		return fail_set(fail, -r, "keep one more budget of this job", run->name);
	r = breaker_write(run->dir.keep_fd, run->name, &now, &breaker, fail);
	if (r == 0)
		take_over(counters);
	return r;
}

/* --- before the start ----------------------------------------------------------------------------------- */

static bool is_wanted(const struct job *job)
{
	for (uint32_t i = 0; i < job->budget_count; i++)
		if (strchr(job->budget[i], '/'))
			return true;
	return false;
}

static void set_budgets(const struct job *job, struct counters *counters)
{
	struct budget_value value;
	BUF(why, 256);

	for (uint32_t i = 0; i < job->budget_count;
	     i++) /* parsed when it was read, and there is room for all */
		if (budget_value_parse(job->budget[i], &value, &why) == 0 && value.micro != NUM_NONE)
			(void)counters_set_budget(counters, value.key, value.micro, value.per_ns);
}

/* How long until there is room in the budget of that counter; 0 = there is.  NULL: none is kept. */
static uint64_t room_in(const struct counter *c, const struct budget **out_budget)
{
	*out_budget = budgets_need(&breaker.budgets, c->key, c->per_ns, c->budget);
	return *out_budget ? budget_room_in(*out_budget, (*out_budget)->limit) : 0;
}

/* The one that takes longest to have room again; NULL: all have. */
static const struct budget *find_used_up(const struct counters *counters)
{
	const struct budget *found = NULL;
	uint64_t longest_ns = 0;

	for (uint32_t i = 0; i < counters->count; i++) {
		const struct counter *c = &counters->at[i];
		if (!is_kept(c))
			continue;
		const struct budget *b;
		uint64_t wait_ns = room_in(c, &b);
		if (wait_ns > longest_ns) {
			longest_ns = wait_ns;
			found = b;
		}
	}
	return found;
}

static int refuse_used_up(const struct run *run, const struct budget *b)
{
	BUF(line, 1024);
	struct refusal refusal = { .outcome = SG_OUTCOME_REFUSED, .reason = "budget" };

	refusal_record(run, &refusal, SG_EXIT_BREAKER);
	buf_str(&line, "not started: ");
	put_budget(&line, run, b);
	put_next(&line, run, b);
	voice_error(&line);
	return SG_EXIT_BREAKER;
}

static int refuse_unkept(const struct run *run, int err, struct fail *fail)
{
	if (err == -EWOULDBLOCK)
		(void)fail_set(fail, EBUSY, "lock the budgets of", run->name);
	voice_fail(fail,
		   "nothing was started: what its runs use up could not be counted; leave out the times of "
		   "--budget to start without");
	return SG_EXIT_GUARD;
}

int budget_prepare(struct run *run)
{
	struct fail fail = { 0 };

	if (run->job->budget_count == 0)
		return 0;
	run->notify.told = os_shared_new(sizeof(*run->notify.told));
	if (!run->notify.told)
		return refuse_unkept(run, fail_set(&fail, ENOMEM, "count", run->name), &fail);
	struct counters *counters = &run->notify.told->counters;
	set_budgets(run->job, counters);
	if (!is_wanted(run->job))
		return 0;
	int r = keep(run, START_WAIT_MS, "what earlier runs have used up is not known any more", &fail);
	if (r < 0)
		return refuse_unkept(run, r, &fail);
	const struct budget *used_up = find_used_up(counters);
	if (used_up && run->job->on_limit == ON_LIMIT_KILL)
		return refuse_used_up(run, used_up);
	if (used_up && run->job->on_limit == ON_LIMIT_WARN) {
		BUF(line, 1024);
		buf_str(&line, "warning: ");
		put_budget(&line, run, used_up);
		buf_str(&line, "; the run goes on");
		voice_note(&line);
	}
	return 0;
}

/* Each as a rule of its own. */
static void explain_one(const struct run *run, struct explain *e, const struct counter *c)
{
	struct explain_rule *rule = explain_add(e, "budget");
	const struct budget *b;
	uint64_t wait_ns = room_in(c, &b);

	if (wait_ns > 0) {
		put_budget(&rule->text, run, b);
		buf_str(&rule->change, "--budget ");
		buf_str(&rule->change, c->key);
		buf_str(&rule->change, "=none, or a higher limit");
		rule->in_ns = wait_ns;
		rule->verdict = run->job->on_limit == ON_LIMIT_KILL ? EXPLAIN_REFUSE : EXPLAIN_NOTE;
		rule->exit = SG_EXIT_BREAKER;
		return;
	}
	buf_str(&rule->text, c->key);
	buf_str(&rule->text, " stands at ");
	num_format_micro(&rule->text, b ? budget_used(b) : 0);
	buf_str(&rule->text, " of ");
	num_format_micro(&rule->text, c->budget);
	buf_str(&rule->text, " within ");
	num_format_duration(&rule->text, c->per_ns);
}

void budget_explain(struct run *run, struct explain *e)
{
	static struct counters counters;
	struct breaker_time now = breaker_now_on(&run->head.host);

	if (!is_wanted(run->job))
		return;
	set_budgets(run->job, &counters);
	/* What cannot be read counts as nothing, as it would after it was put aside. */
	(void)breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker);
	for (uint32_t i = 0; i < counters.count; i++)
		if (is_kept(&counters.at[i]))
			explain_one(run, e, &counters.at[i]);
}

/* --- while it runs -------------------------------------------------------------------------------------- */

static bool has_more(const struct run *run)
{
	const struct told *told = run->notify.told;

	for (uint32_t i = 0; told && i < told->counters.count; i++)
		if (is_kept(&told->counters.at[i]) && counter_unkept(&told->counters.at[i]) > 0)
			return true;
	return false;
}

static void complain(struct run *run, int err, const struct fail *fail)
{
	struct fail busy = { .err = EBUSY, .what = "lock the budgets of" };

	if (run->budget.has_complained)
		return;
	run->budget.has_complained = true;
	memcpy(busy.subject, run->name, sizeof(run->name));
	voice_warn_fail(err == -EWOULDBLOCK ? &busy : fail,
			"what this run uses up counts for itself alone until it can be written down");
}

void budget_told(struct run *run, uint64_t now_ns)
{
	struct fail fail = { 0 };

	if (!has_more(run) || now_ns < budget_next(run))
		return;
	run->budget.last_ns = now_ns;
	int r = keep(run, 0, "what this run knows of stays counted", &fail);
	if (r < 0 && r != -EWOULDBLOCK) /* another writes: in a moment */
		complain(run, r, &fail);
}

uint64_t budget_next(const struct run *run)
{
	if (!has_more(run))
		return NUM_NONE;
	return run->budget.last_ns == 0 ? 0 : run->budget.last_ns + KEEP_EVERY_NS;
}

void budget_finish(struct run *run)
{
	struct fail fail = { 0 };

	if (!has_more(run))
		return;
	int r = keep(run, END_WAIT_MS, "what this run knows of stays counted", &fail);
	if (r < 0)
		complain(run, r, &fail);
}
