#include "guard/circuit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/num.h"
#include "guard/circuit_tell.h"
#include "guard/explain.h"
#include "guard/open_on.h"
#include "guard/pair.h"
#include "guard/refusal.h"
#include "guard/run.h"
#include "guard/task.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/link.h"
#include "os/poll.h"
#include "os/self.h"
#include "os/signal.h"
#include "run/circuit_say.h"
#include "spawnguard/exit.h"
#include "store/breaker.h"
#include "store/lock.h"

#define LOCK_WAIT_MS   5000 /* for others of this job that write */
#define INSTANT_NS     (10 * NS_PER_S)
#define THROTTLE_MAX_S 30

/* Too much for a stack; of one process and one run. */
static struct breaker breaker;

static bool has_rules(const struct run *run)
{
	return run->job->has_loops && circuit_rules_are_set(&run->job->circuit);
}

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
}

/* --- the program and its input -------------------------------------------------------------------------- */

static void add_file(struct breaker_inputs *inputs, int dirfd, const char *path)
{
	struct os_file_id id;
	uint64_t facts[4] = { 0 };

	if (os_file_id_user(dirfd, path, &id) == 0) { /* one that is not there is known by that */
		facts[0] = id.dev;
		facts[1] = id.ino;
		facts[2] = id.size;
		facts[3] = id.changed_wall_ns;
	}
	inputs->paths = hash_fnv(inputs->paths, path, strlen(path) + 1);
	inputs->facts = hash_fnv(inputs->facts, facts, sizeof(facts));
}

/* As they are now; nobody asks for them without --watch-input. */
static void note_inputs(struct run *run)
{
	const struct job *job = run->job;
	struct breaker_inputs *inputs = &run->circuit.inputs;

	if (job->watch_count == 0 || inputs->paths != 0)
		return;
	AUTO_FD int dir = job->chdir && run->program[0] != '/' ? os_open_place(job->chdir) : -1;
	*inputs = (struct breaker_inputs){ HASH_FNV_START, HASH_FNV_START };
	add_file(inputs, dir >= 0 ? dir : OS_CWD, run->program);
	for (uint32_t i = 0; i < job->watch_count; i++)
		add_file(inputs, OS_CWD, job->watch_input[i]);
}

/* Other files than then are no change: jobs that take turns would all be trials. */
static bool has_changed(const struct run *run)
{
	return breaker.inputs.paths != 0 && breaker.inputs.paths == run->circuit.inputs.paths &&
	       breaker.inputs.facts != run->circuit.inputs.facts;
}

/* --- the file ------------------------------------------------------------------------------------------- */

void circuit_take_info(struct run *run, const struct lockinfo *info)
{
	run->circuit.unkept = info->unkept;
	if (!info->has_breaker)
		run->circuit.file = info->holder.has_looked ? CIRCUIT_FILE_ABSENT : CIRCUIT_FILE_UNKNOWN;
	else
		run->circuit.file = CIRCUIT_FILE_COUNTS;
}

static void warn_unreadable(const struct run *run, int err, const char *what)
{
	BUF(line, 512);

	buf_str(&line, "warning: ");
	put_name(&line, run);
	buf_str(&line, ": its breaker ");
	buf_str(&line, what);
	if (err != 0) {
		buf_str(&line, ": ");
		buf_str(&line, fail_text(-err));
	}
	buf_str(&line, "; the run goes on, see: spawnguard doctor");
	voice_note(&line);
}

/* A damaged one must not stop a job for ever, nor hide that it was failing: once it may start. */
static void put_aside(struct run *run)
{
	struct fail fail;

	AUTO_FD int lock = breaker_lock(&run->dir, run->name, LOCK_WAIT_MS, &fail);
	if (lock < 0)
		return; /* the end of the run tries again */
	struct breaker_time now = breaker_now_on(&run->head.host);
	int r = breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker);
	if (r == 0)
		return; /* somebody was faster */
	r = r == -EBADMSG ? breaker_quarantine(run->dir.keep_fd, run->name, &fail) : r;
	if (r < 0)
		return;
	breaker.circuit.rules = run->job->circuit;
	circuit_assume_failure(&breaker.circuit);
	(void)breaker_write(run->dir.keep_fd, run->name, &now, &breaker, &fail); /* as above */
}

/* What it says now, by the rules of this run. */
static void look(struct run *run)
{
	struct breaker_time now = breaker_now_on(&run->head.host);

	int r = breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker);
	if (r == -EBADMSG && !has_rules(run) && run->job->budget_count > 0) {
		r = 0; /* the budgets are about to say so, and to put it aside */
	} else if (r == -EBADMSG) {
		warn_unreadable(run, 0, "is damaged: put aside as .bad, and taken for one failure");
		put_aside(run);
	} else if (r < 0 && r != -ENOENT) {
		warn_unreadable(run, r, "cannot be read");
	} else if (r == 0 && run->circuit.file == CIRCUIT_FILE_UNKNOWN && run->info_fd >= 0) {
		(void)lockinfo_write_breaker(run->info_fd, true);
	}
	run->circuit.file = r == -ENOENT                      ? CIRCUIT_FILE_ABSENT
			    : toll_is_clean(&breaker.circuit) ? CIRCUIT_FILE_CLEAN
							      : CIRCUIT_FILE_COUNTS;
	if (has_rules(run))
		breaker.circuit.rules = run->job->circuit;
}

static enum circuit_answer ask(struct run *run)
{
	look(run);
	note_inputs(run);
	return circuit_ask(&breaker.circuit);
}

/* The program or its input is not what failed: a trial is due now, and for this change once. */
static enum circuit_answer ask_of_change(struct run *run)
{
	struct fail fail;

	AUTO_FD int lock = breaker_lock(&run->dir, run->name, LOCK_WAIT_MS, &fail);
	enum circuit_answer answer = ask(run);
	if (lock < 0 || answer != CIRCUIT_REFUSE || !has_changed(run) ||
	    !circuit_input_changed(&breaker.circuit))
		return answer;
	breaker.inputs = run->circuit.inputs;
	struct breaker_time now = breaker_now_on(&run->head.host);
	int r = breaker_write(run->dir.keep_fd, run->name, &now, &breaker, &fail);
	return r < 0 ? CIRCUIT_REFUSE : circuit_ask(&breaker.circuit);
}

/* Of another boot it goes by the wall clock: from now on by that of this boot, whatever the other is set to.
 */
static void anchor(struct run *run)
{
	struct fail fail;

	AUTO_FD int lock = breaker_lock(&run->dir, run->name, LOCK_WAIT_MS, &fail);
	struct breaker_time now = breaker_now_on(&run->head.host);
	if (lock < 0 || breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker) < 0)
		return; /* the next start tries again */
	(void)breaker_write(run->dir.keep_fd, run->name, &now, &breaker, &fail); /* as above */
}

/* --- before the start ----------------------------------------------------------------------------------- */

static void put_refusal(struct buf *line, const struct run *run, bool is_tried)
{
	buf_str(line, "breaker open: ");
	put_name(line, run);
	buf_str(line, ": ");
	circuit_say_why(line, &breaker.circuit);
	buf_str(line, "; ");
	if (is_tried)
		buf_str(line, "its one trial is running");
	else
		circuit_say_next(line, &breaker.circuit, os_clock_wall_ns());
}

static int refuse(struct run *run, bool is_tried)
{
	struct refusal refusal = { .outcome = SG_OUTCOME_BREAKER,
				   .reason = is_tried ? "trial" : circuit_rule_name(breaker.circuit.rule) };
	BUF(line, 1024);

	refusal_record(run, &refusal, SG_EXIT_BREAKER);
	put_refusal(&line, run, is_tried);
	circuit_put_commands(&line, run);
	voice_error(&line);
	return SG_EXIT_BREAKER;
}

static int force(struct run *run, bool is_tried)
{
	BUF(line, 1024);

	run->head.flags |= RECORD_FORCED;
	buf_str(&line, "warning: ");
	put_refusal(&line, run, is_tried);
	buf_str(&line, "; started all the same (--force)");
	voice_note(&line);
	return 0;
}

static int refuse_unlocked(struct fail *fail)
{
	voice_fail(fail, "nothing was started: there could be two trials; see: spawnguard doctor");
	return SG_EXIT_GUARD;
}

static int no_start(struct run *run, bool is_tried)
{
	os_fd_close(&run->circuit.trial_fd);
	return run->job->force ? force(run, is_tried) : refuse(run, is_tried);
}

/* Whoever has its lock is the one trial; while we got it another may have been, and have failed. */
static int try_it(struct run *run)
{
	struct fail fail = { 0 };

	if (run->circuit.trial_fd < 0) {
		run->circuit.trial_fd = lock_try_trial(run->dir.run_fd, run->name, &fail);
		if (run->circuit.trial_fd == -EWOULDBLOCK)
			return no_start(run, true);
		if (run->circuit.trial_fd < 0)
			return refuse_unlocked(&fail);
	}
	enum circuit_answer answer = ask(run);
	if (answer == CIRCUIT_REFUSE)
		return no_start(run, false);
	if (answer == CIRCUIT_GO) {
		os_fd_close(&run->circuit.trial_fd);
		return 0;
	}
	run->head.flags |= RECORD_TRIAL;
	BUF(line, 512);
	put_name(&line, run);
	buf_str(&line, ": the breaker is open, and this is its one trial");
	voice_step(&line);
	return 0;
}

/* What is the matter with its file is told when its turn has come; of a trial it is then that one knows. */
int circuit_before_wait(struct run *run)
{
	struct breaker_time now = breaker_now_on(&run->head.host);

	if (run->job->force || breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker) < 0)
		return 0;
	if (has_rules(run))
		breaker.circuit.rules = run->job->circuit;
	note_inputs(run);
	if (circuit_ask(&breaker.circuit) != CIRCUIT_REFUSE || has_changed(run))
		return 0;
	if (breaker.is_of_other_boot)
		anchor(run);
	return refuse(run, false);
}

/* Whoever has counted the end that opened it knew no --on-flag: once, by the first start that does. */
static void tell_untold(struct run *run)
{
	struct fail fail;

	AUTO_FD int lock = breaker_lock(&run->dir, run->name, LOCK_WAIT_MS, &fail);
	if (lock < 0)
		return; /* the next start tries again */
	look(run);
	if (!breaker.circuit.is_open || !breaker.circuit.is_untold)
		return; /* somebody was faster */
	breaker.circuit.is_untold = false;
	struct breaker_time now = breaker_now_on(&run->head.host);
	if (breaker_write(run->dir.keep_fd, run->name, &now, &breaker, &fail) == 0)
		circuit_flag(run, &breaker.circuit, breaker.circuit.failure, breaker.circuit.print, -1);
}

int circuit_prepare(struct run *run)
{
	run->head.flags &= ~(uint32_t)(RECORD_TRIAL | RECORD_FORCED);
	run->circuit.inputs = (struct breaker_inputs){ 0 }; /* of before a wait */
	if (!has_rules(run) && run->circuit.file == CIRCUIT_FILE_ABSENT)
		return 0;
	enum circuit_answer answer = ask(run);
	if (breaker.circuit.is_untold && run->job->on_flag)
		tell_untold(run);
	if (answer == CIRCUIT_REFUSE && breaker.is_of_other_boot)
		anchor(run);
	if (answer == CIRCUIT_REFUSE && has_changed(run))
		answer = ask_of_change(run);
	if (answer == CIRCUIT_REFUSE)
		return no_start(run, false);
	if (answer == CIRCUIT_TRIAL)
		return try_it(run);
	os_fd_close(&run->circuit.trial_fd); /* of before a wait: somebody has closed it meanwhile */
	return 0;
}

void circuit_explain(struct run *run, struct explain *e)
{
	struct explain_rule *rule = explain_add(e, "breaker");
	const struct circuit *c = e->circuit = &breaker.circuit;

	enum circuit_answer answer = ask(run);
	if (has_rules(run)) /* else those of an earlier run count */
		breaker.circuit.rules = run->job->circuit;
	if (answer == CIRCUIT_REFUSE && has_changed(run) && circuit_input_changed(&breaker.circuit))
		answer = CIRCUIT_TRIAL;
	if (answer == CIRCUIT_GO) {
		buf_str(&rule->text, "closed");
		return;
	}
	AUTO_FD int trial = answer == CIRCUIT_TRIAL ? lock_try_trial(run->dir.run_fd, run->name, NULL) : -1;
	put_refusal(&rule->text, run, trial == -EWOULDBLOCK);
	if (answer == CIRCUIT_TRIAL && trial != -EWOULDBLOCK) {
		rule->verdict = EXPLAIN_NOTE;
		buf_str(&rule->text, ": this would be it");
		return;
	}
	rule->verdict = run->job->force ? EXPLAIN_NOTE : EXPLAIN_REFUSE;
	rule->exit = SG_EXIT_BREAKER;
	if (c->wait_ns != CIRCUIT_NEVER && c->wait_ns > 0)
		rule->in_ns = c->wait_ns;
	buf_str(&rule->change, "spawnguard breaker reset ");
	escape_word(&rule->change, run->name, strlen(run->name), 0);
	buf_str(&rule->change, ", or --force");
}

/* --- at the end ----------------------------------------------------------------------------------------- */

struct toll_wants circuit_toll(const struct run *run)
{
	bool is_alone = !run->job->shared && !run->job->no_lock;
	struct open_on_answer quota = open_on_ask(run);

	return (struct toll_wants){
		.here = &run->head.host,
		.rules = has_rules(run) ? &run->job->circuit : NULL,
		.classes = run->job->has_loops ? &run->job->classes : NULL,
		.inputs = run->circuit.inputs,
		.is_clean = is_alone && (run->circuit.file == CIRCUIT_FILE_ABSENT ||
					 run->circuit.file == CIRCUIT_FILE_CLEAN),
		/* Whatever they need is learned from all runs of the job. */
		.tells = true,
		.wants_ring = run->job->expect_mem == JOB_EXPECT_AUTO || run->job->slots == JOB_SLOTS_AUTO,
		.has_matched = quota.has_matched,
		.has_attempts = task_is_limited(run->job),
		.task = task_name(run->job),
		.until_ns = !quota.has_matched  ? 0
			    : quota.wait_ns > 0 ? quota.wait_ns
						: CIRCUIT_NEVER,
	};
}

static void say_change(struct run *run, const struct toll *toll, int link)
{
	if (toll->was_damaged)
		warn_unreadable(run, 0, "is damaged: put aside as .bad, and taken for one failure");
	circuit_say_change(run, toll, link);
}

/* How long: longer with each end in a row that could not be written, as far as that can be. */
static uint32_t throttle_of(struct run *run)
{
	uint32_t step = run->circuit.unkept;
	AUTO_FD int info = lockinfo_open(run->dir.run_fd, run->lock_path, false);

	if (info < 0 || lockinfo_write_unkept(info, (uint16_t)(step < 100 ? step + 1 : step)) < 0)
		return THROTTLE_MAX_S;
	return step < 5 ? 1U << step : THROTTLE_MAX_S;
}

static void unkept(struct run *run, const struct toll *toll)
{
	const struct run_figures *f = &run->state.figures;
	bool is_instant = f->ended_boot_ns - run->head.started_boot_ns < INSTANT_NS;
	BUF(line, 512);

	if (toll->failure == FAILURE_STARTUP ||
	    (toll->failure >= FAILURE_FIRST && is_instant && (has_rules(run) || task_is_limited(run->job))))
		run->circuit.throttle_s = throttle_of(run);
	buf_str(&line, "warning: ");
	put_name(&line, run);
	buf_str(&line, ": this end could not be counted in its breaker: ");
	buf_str(&line, fail_text(-toll->err));
	if (run->circuit.throttle_s > 0) {
		buf_str(&line, "; the guard waits ");
		buf_u64(&line, run->circuit.throttle_s);
		buf_str(&line, "s before it ends");
	}
	buf_str(&line, "; see: spawnguard doctor");
	voice_note(&line);
}

void circuit_tell(struct run *run, const struct toll *toll, int link)
{
	if (toll->err < 0) {
		unkept(run, toll);
		return;
	}
	if (!toll->change.is_new)
		return;
	if (run->circuit.unkept > 0) {
		AUTO_FD int info = lockinfo_open(run->dir.run_fd, run->lock_path, false);
		if (info >= 0)
			(void)lockinfo_write_unkept(info, 0);
	}
	say_change(run, toll, link);
}

void circuit_tell_lost(struct run *run, const struct toll *toll)
{
	run->circuit.file = CIRCUIT_FILE_COUNTS;
	if (toll->err == 0 && toll->change.is_new)
		say_change(run, toll, -1);
}

/* By front, whose caller wants an end of it, or which is dead; by a signal. */
static bool is_told_to_end(int link, int signals)
{
	struct pair_message m;
	struct os_signal s;
	ssize_t n;

	while (os_signalfd_read(signals, &s) > 0)
		if (s.number != SIGCHLD)
			return true;
	while ((n = os_link_receive(link, &m, sizeof(m))) > 0)
		if ((size_t)n >= PAIR_HEAD_BYTES && (m.kind == PAIR_END || m.kind == PAIR_HURRY))
			return true;
	return n == 0;
}

void circuit_throttle(const struct run *run, int link, int signals)
{
	uint64_t now_ns = os_clock_boot_ns(), end_ns = now_ns + run->circuit.throttle_s * NS_PER_S;
	struct os_poll set[2] = { { .fd = link, .wants = OS_POLL_IN },
				  { .fd = signals, .wants = OS_POLL_IN } };

	while (now_ns < end_ns && !is_told_to_end(link, signals)) {
		(void)os_poll(set, 2, (int)((end_ns - now_ns) / NS_PER_MS + 1));
		now_ns = os_clock_boot_ns();
	}
}

void circuit_not_ready(struct run *run)
{
	struct close_run c = { .dir = &run->dir,
			       .head = &run->head,
			       .state = &run->state,
			       .verdict = { OUTCOME_REFUSED, SG_EXIT_BREAKER, 0 },
			       .by = "front",
			       .record_fd = -1,
			       .history_fd = -1,
			       .toll.wants = circuit_toll(run) };

	if (!has_rules(run)) /* nothing waits for it, and nothing else is counted of it */
		return;
	c.toll.wants.not_ready = true;
	toll_take(&c);
	circuit_tell(run, &c.toll, -1);
}
