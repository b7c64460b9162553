#include "guard/precheck.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "base/signal_name.h"
#include "conf/variables.h"
#include "guard/beside.h"
#include "guard/explain.h"
#include "guard/pause.h"
#include "guard/refusal.h"
#include "guard/run.h"
#include "guard/task.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/wait.h"
#include "spawnguard/exit.h"

#define GRACE_NS NS_PER_S /* from TERM to KILL, and from KILL until we go without it */
#define LOOK_MS  5        /* in that time */
#define BLIND_MS 20       /* between two looks at one that we have no handle of */

#define CHECK_FAILED (-1) /* in place of an exit status */

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
}

static int refuse(struct run *run, const char *reason, const struct buf *line)
{
	struct refusal refusal = { .outcome = SG_OUTCOME_REFUSED, .reason = reason };

	refusal_record(run, &refusal, SG_EXIT_BREAKER);
	circuit_not_ready(run);
	voice_error(line);
	return SG_EXIT_BREAKER;
}

/* --- variables ------------------------------------------------------------------------------------------ */

/* What the job would get; the last of --env counts, as it replaces the caller's. */
static const char *value_of(const struct run *run, const char *name, size_t n)
{
	for (uint32_t i = run->job->env_count; i > 0; i--)
		if (strncmp(run->job->env[i - 1], name, n) == 0 && run->job->env[i - 1][n] == '=')
			return run->job->env[i - 1] + n + 1;
	for (char **entry = run->around->environ; *entry; entry++)
		if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=')
			return *entry + n + 1;
	return NULL;
}

/* ": nightly: --require-env: API_KEY is not set, URL is empty"; false: nothing is missing. */
static bool put_missing(struct buf *line, const struct run *run)
{
	const char *at = run->job->require_env, *name;
	bool is_any = false;
	size_t n;

	while (at && (name = variables_next(&at, &n))) {
		const char *value = value_of(run, name, n);
		if (value && value[0] != '\0')
			continue;
		if (!is_any) {
			put_name(line, run);
			buf_str(line, ": --require-env: ");
		}
		buf_str(line, is_any ? ", " : "");
		escape_text(line, name, n, 0);
		buf_str(line, value ? " is empty" : " is not set");
		is_any = true;
	}
	return is_any;
}

static int check_variables(struct run *run)
{
	BUF(line, 1024);

	buf_str(&line, "not started: ");
	if (!put_missing(&line, run))
		return 0;
	buf_str(&line, "; set what is missing where it is started, or give it with --env");
	return refuse(run, "require_env", &line);
}

/* --- the command ---------------------------------------------------------------------------------------- */

struct check {
	struct run *run;
	pid_t pid;
	int pidfd; /* owned; -1 = none */
	struct os_child child;
	int asked;        /* the signal that asked us to end; 0 = none */
	bool is_orphaned; /* as --with-parent means it */
};

static bool has_ended(struct check *c)
{
	int r = os_wait_try(c->pid, &c->child);
	if (r < 0)
		c->child.status = 255 << 8; /* none of ours any more: what it said is not known */
	return r != 0;
}

/* false: it has had its time, or ours is over. */
static bool wait_for_end(struct check *c, const struct pause *pause, uint64_t until_ns)
{
	struct os_signal asked;

	while (!has_ended(c)) {
		uint64_t now_ns = os_clock_boot_ns(), next_ns = now_ns + BLIND_MS * NS_PER_MS;
		if (now_ns >= until_ns)
			return false;
		if (c->pidfd >= 0 || next_ns > until_ns)
			next_ns = until_ns;
		int end = pause_until(pause, next_ns, c->pidfd, &asked);
		if (end == PAUSE_ASKED)
			c->asked = asked.number;
		c->is_orphaned = end == PAUSE_ORPHANED;
		if (c->asked != 0 || c->is_orphaned)
			return false;
		if (end < 0)
			os_clock_sleep_ms(BLIND_MS);
	}
	return true;
}

/* It alone: what it has left behind is not ours to hunt. */
static void end(struct check *c)
{
	static const int rounds[] = { SIGTERM, SIGKILL };

	for (unsigned i = 0; i < COUNT_OF(rounds); i++) {
		uint64_t until_ns = os_clock_boot_ns() + GRACE_NS;
		(void)os_child_signal(c->pid, c->pidfd, rounds[i]);
		(void)os_child_signal(c->pid, c->pidfd, SIGCONT); /* stopped, it would not hear it */
		while (os_clock_boot_ns() < until_ns) {
			if (has_ended(c))
				return;
			os_clock_sleep_ms(LOOK_MS);
		}
	}
}

/* The program alone: its arguments may hold secrets. */
static void put_failed(struct buf *line, const struct run *run, const struct buf *why)
{
	const char *command = run->job->pre_check;

	put_name(line, run);
	buf_str(line, ": --pre-check ");
	escape_text(line, command, strcspn(command, " \t"), 60);
	buf_str(line, ": ");
	buf_str(line, why->at);
}

static int refuse_failed(struct run *run, const struct buf *why)
{
	BUF(line, 1024);

	buf_str(&line, "not started: ");
	put_failed(&line, run, why);
	buf_str(&line, "; mend what it tests, then start again: the job is not charged with it");
	return refuse(run, "pre_check", &line);
}

static int judge(const struct check *c, bool is_late, struct buf *why)
{
	if (is_late) {
		buf_str(why, "not over after ");
		num_format_duration(why, c->run->job->hook_timeout_ns);
		buf_str(why, " (--hook-timeout)");
	} else if ((c->child.status & 0x7f) != 0) {
		buf_str(why, "died of signal ");
		signal_format(why, c->child.status & 0x7f);
	} else if (c->child.status != 0) {
		buf_str(why, "exit status ");
		buf_i64(why, (c->child.status >> 8) & 0xff);
	} else {
		return 0;
	}
	return CHECK_FAILED;
}

static int start(struct check *c, struct buf *why)
{
	const char *what = "cannot be started: ";

	AUTO_FREE char *const *argv = beside_words(c->run->job->pre_check);
	char **env = run_environment(c->run); /* it tests for the job: with what the job will find */
	pid_t pid = argv && env ? beside_start(c->run, argv, env, &c->pidfd, &what) : -ENOMEM;
	if (pid > 0) {
		c->pid = pid;
		return 0;
	}
	buf_str(why, what);
	buf_str(why, fail_text(-pid));
	return CHECK_FAILED;
}

static int die_asked(struct run *run, int number)
{
	task_withdraw(run); /* what is asked before a start is no attempt */
	pause_say_asked(run, number, "--pre-check");
	os_signal_die(number);
	return 128 + number; /* PID 1: for it that is discarded */
}

/* 0; CHECK_FAILED, with *why; the exit status of a start that is over. */
static int check_once(struct run *run, const struct pause *pause, struct buf *why)
{
	struct check c = { .run = run, .pidfd = -1 };
	uint64_t now_ns = os_clock_boot_ns(), limit_ns = run->job->hook_timeout_ns;

	int code = start(&c, why);
	if (code != 0)
		return code;
	bool has_had_its_time =
		!wait_for_end(&c, pause, limit_ns < NUM_NONE - now_ns ? now_ns + limit_ns : NUM_NONE);
	if (has_had_its_time)
		end(&c);
	os_fd_close(&c.pidfd);
	if (c.is_orphaned)
		return parent_check(run);
	return c.asked != 0 ? die_asked(run, c.asked) : judge(&c, has_had_its_time, why);
}

/* Before it is asked again.  0, or the exit status of a start that is over. */
static int wait_for_turn(struct run *run, const struct pause *pause, uint64_t wait_ns, const struct buf *why)
{
	uint64_t until_ns = os_clock_boot_ns() + wait_ns;
	struct os_signal asked;
	BUF(line, 1024);

	put_failed(&line, run, why);
	buf_str(&line, "; again in ");
	num_format_duration(&line, wait_ns);
	voice_note(&line);
	while (os_clock_boot_ns() < until_ns) {
		int end = pause_until(pause, until_ns, -1, &asked);
		if (end == PAUSE_ASKED)
			return die_asked(run, asked.number);
		if (end == PAUSE_ORPHANED)
			return parent_check(run);
		if (end < 0)
			os_clock_sleep_ms(BLIND_MS);
	}
	return circuit_prepare(run); /* somebody may have opened it meanwhile */
}

static int check_command(struct run *run)
{
	struct pause pause;
	uint64_t wait_ns;
	int code;

	(void)pause_open(&pause, run); /* what could not be opened is not waited for: it looks more often */
	for (;;) {
		BUF(why, 256);
		code = check_once(run, &pause, &why);
		if (code == CHECK_FAILED && !attempt_wait_environment(run, &wait_ns))
			code = refuse_failed(run, &why);
		else if (code == CHECK_FAILED)
			code = wait_for_turn(run, &pause, wait_ns, &why);
		else
			break;
		if (code != 0)
			break;
	}
	pause_close(&pause);
	return code;
}

int precheck_run(struct run *run)
{
	int code = run->job->require_env ? check_variables(run) : 0;

	return code == 0 && run->job->pre_check ? check_command(run) : code;
}

static void explain_variables(const struct run *run, struct explain *e)
{
	struct explain_rule *rule = explain_add(e, "variables");

	if (!put_missing(&rule->text, run)) {
		buf_str(&rule->text, "there: ");
		escape_text(&rule->text, run->job->require_env, strlen(run->job->require_env), 200);
		return;
	}
	rule->verdict = EXPLAIN_REFUSE;
	rule->exit = SG_EXIT_BREAKER;
	buf_str(&rule->change, "to set what is missing where it is started, or with --env");
}

void precheck_explain(struct run *run, struct explain *e)
{
	if (run->job->require_env)
		explain_variables(run, e);
	if (!run->job->pre_check)
		return;
	struct explain_rule *rule = explain_add(e, "pre-check");
	rule->verdict = EXPLAIN_NOTE;
	buf_str(&rule->text, "run before, but not now: ");
	escape_text(&rule->text, run->job->pre_check, strlen(run->job->pre_check), 60);
}
