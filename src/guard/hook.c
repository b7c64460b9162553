#include "guard/hook.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "base/signal_name.h"
#include "conf/job.h"
#include "guard/asked.h"
#include "guard/beside.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "run/close.h"
#include "run/describe.h"

#define GRACE_NS        NS_PER_S /* from TERM to KILL, and from KILL until we go without it */
#define AT_LEAST_NS     NS_PER_S /* a signal to front ends no hook that is younger: TERM often comes twice */
#define EXPLAIN_COLUMNS 60
#define BLIND_MS        20 /* between two looks at one that we have no handle of */

static const char *command_of(const struct run *run, enum hook_event event)
{
	const char *const command[HOOK_COUNT] = { [HOOK_START] = run->job->on_start,
						  [HOOK_FLAG] = run->job->on_flag,
						  [HOOK_FINISH] = run->job->on_finish };
	return command[event];
}

bool hook_is_wanted(const struct run *run)
{
	return run->job->on_start || run->job->on_flag || run->job->on_finish;
}

void hook_explain(struct buf *out, const struct run *run)
{
	char program[4096];

	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		const char *command = command_of(run, (enum hook_event)i);
		if (!command)
			continue;
		AUTO_FREE char *const *argv = beside_words(command);
		buf_str(out, "\non-");
		buf_str(out, hook_event_name((enum hook_event)i));
		buf_str(out, ": ");
		escape_text(out, command, strlen(command), EXPLAIN_COLUMNS);
		int r = argv ? os_exec_find(OS_CWD, argv[0], run->around->path, program, sizeof(program))
			     : -ENOMEM;
		if (r < 0) {
			buf_str(out, ": cannot be executed: ");
			buf_str(out, fail_text(-r));
		} else if (run->job->hook_timeout_ns != NUM_NONE) {
			buf_str(out, ", for at most ");
			num_format_duration(out, run->job->hook_timeout_ns);
		}
	}
}

/* --- what goes wrong is told in one line, and changes nothing ------------------------------------------- */

/* The program alone: its arguments may hold secrets. */
static void warn(const struct run *run, enum hook_event event, const struct buf *what)
{
	BUF(line, 512);
	const char *command = command_of(run, event);

	buf_str(&line, "warning: --on-");
	buf_str(&line, hook_event_name(event));
	buf_char(&line, ' ');
	escape_text(&line, command, strcspn(command, " \t"), 60);
	buf_str(&line, ": ");
	buf_str(&line, what->at);
	buf_str(&line, "; the run's status is not affected");
	voice_note(&line);
}

static void warn_errno(const struct run *run, enum hook_event event, const char *what, int err)
{
	BUF(text, 128);

	buf_str(&text, what);
	buf_str(&text, fail_text(err));
	warn(run, event, &text);
}

static void tell_end(const struct run *run, enum hook_event event, const struct hook *h, int status)
{
	BUF(text, 128);

	if (h->stage != HOOK_RUNNING && h->is_asked) {
		buf_str(&text, "ended, because the guard was asked to end");
	} else if (h->stage != HOOK_RUNNING) {
		buf_str(&text, "ended, because it took more than ");
		num_format_duration(&text, run->job->hook_timeout_ns);
		buf_str(&text, " (--hook-timeout)");
	} else if ((status & 0x7f) != 0) {
		buf_str(&text, "died of signal ");
		signal_format(&text, status & 0x7f);
	} else if (status != 0) {
		buf_str(&text, "exit status ");
		buf_i64(&text, (status >> 8) & 0xff);
	} else {
		return;
	}
	warn(run, event, &text);
}

/* --- what it is told ------------------------------------------------------------------------------------ */

struct facts {
	enum hook_event event;
	const char *message;
	const struct outcome_verdict *verdict; /* at the end */
	struct buf text;                       /* where the entries stand, each with its NUL */
	char *entry[VARIABLE_COUNT];           /* NULL = not told */
};

/* A new entry: its value is to be appended to f->text and closed. */
static void open_entry(struct facts *f, enum hook_variable_id id)
{
	f->entry[id] = f->text.at + f->text.len;
	buf_str(&f->text, hook_variables[id].name);
	buf_char(&f->text, '=');
}

static void close_entry(struct facts *f)
{
	buf_char(&f->text, '\0');
}

static void put_text(struct facts *f, enum hook_variable_id id, const char *value)
{
	if (!value || value[0] == '\0')
		return;
	open_entry(f, id);
	buf_str(&f->text, value);
	close_entry(f);
}

static void put_number(struct facts *f, enum hook_variable_id id, int64_t value)
{
	open_entry(f, id);
	buf_i64(&f->text, value);
	close_entry(f);
}

static uint64_t took_ns(const struct run *run)
{
	uint64_t start_ns = run->head.started_boot_ns, end_ns = run->state.figures.ended_boot_ns;
	return end_ns > start_ns ? end_ns - start_ns : 0;
}

static void put_end(struct facts *f, const struct run *run)
{
	const struct run_figures *figures = &run->state.figures;
	uint64_t ms = took_ns(run) / NS_PER_MS;

	put_text(f, VARIABLE_OUTCOME, outcome_name(f->verdict->outcome));
	put_number(f, VARIABLE_STATUS, f->verdict->exit_code);
	put_text(f, VARIABLE_CAUSE, cause_name((enum end_cause)figures->cause));
	if (figures->has_status && (figures->job_status & 0x7f) != 0) {
		open_entry(f, VARIABLE_SIGNAL);
		signal_format(&f->text, figures->job_status & 0x7f);
		close_entry(f);
	}
	open_entry(f, VARIABLE_DURATION);
	buf_u64(&f->text, ms / 1000);
	buf_char(&f->text, '.');
	buf_pad(&f->text, ms % 1000, 3);
	close_entry(f);
	if (figures->survivors > 0)
		put_number(f, VARIABLE_SURVIVORS, figures->survivors);
}

static void gather(struct facts *f, const struct run *run)
{
	const struct record_head *head = &run->head;
	bool keeps_log = f->event != HOOK_FINISH ||
			 close_keeps_log(head, (enum end_cause)run->state.figures.cause, f->verdict->outcome);

	put_text(f, VARIABLE_EVENT, hook_event_name(f->event));
	put_text(f, VARIABLE_RUN_ID, head->run_id);
	put_text(f, VARIABLE_JOB, run->name);
	put_text(f, VARIABLE_PARENT_RUN_ID, head->parent_run_id);
	put_text(f, VARIABLE_TASK, head->task);
	put_text(f, VARIABLE_STEP, head->step);
	put_text(f, VARIABLE_STATE_DIR, run->job->state_dir);
	put_text(f, VARIABLE_LOG, keeps_log ? head->log : NULL);
	put_text(f, VARIABLE_MESSAGE, f->message);
	if (f->event == HOOK_FLAG && run->hooks.breaker) {
		put_text(f, VARIABLE_CLASS, run->hooks.breaker->class);
		put_text(f, VARIABLE_UNTIL, run->hooks.breaker->until);
		put_text(f, VARIABLE_FINGERPRINT, run->hooks.breaker->fingerprint);
	}
	if (f->event == HOOK_FINISH)
		put_end(f, run);
	else if (run->hooks.job_pid > 0)
		put_number(f, VARIABLE_JOB_PID, run->hooks.job_pid);
}

/* The caller's environment with the facts in it; returned, NULL: no memory. */
static char **environment(const struct run *run, struct facts *f)
{
	char **from = run->around->environ;
	size_t n = 0, kept = 0;

	while (from[n])
		n++;
	char **env = malloc((n + VARIABLE_COUNT + 1) * sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		bool is_replaced = f->entry[VARIABLE_STATE_DIR] &&
				   strncmp(from[i], f->entry[VARIABLE_STATE_DIR],
					   strlen(hook_variables[VARIABLE_STATE_DIR].name) + 1) == 0;
		if (!hook_variable_is(from[i]) && !is_replaced)
			env[kept++] = from[i];
	}
	for (size_t i = 0; i < VARIABLE_COUNT; i++)
		if (f->entry[i])
			env[kept++] = f->entry[i];
	env[kept] = NULL;
	return env;
}

/* --- its birth ------------------------------------------------------------------------------------------ */

static int begin_with(struct run *run, struct facts *f, struct hook *h, const char **out_what)
{
	AUTO_FREE char *const *argv = beside_words(command_of(run, f->event));
	AUTO_FREE char **env = environment(run, f);

	*out_what = "cannot be started: ";
	if (!argv || !env)
		return -ENOMEM;
	pid_t pid = beside_start(run, argv, env, &h->pidfd, out_what);
	if (pid > 0)
		h->pid = pid;
	return pid < 0 ? (int)pid : 0;
}

static void begin(struct run *run, enum hook_event event, const char *message,
		  const struct outcome_verdict *verdict)
{
	static char text[16384]; /* a path, and short things */
	struct facts f = { .event = event, .message = message, .verdict = verdict };
	struct hook *h = &run->hooks.of[event];
	const char *what;

	run->hooks.had_any = true;
	*h = (struct hook){ .pidfd = -1, .began_ns = os_clock_boot_ns() };
	buf_init(&f.text, text, sizeof(text));
	gather(&f, run);
	int r = f.text.cut ? -ENAMETOOLONG : begin_with(run, &f, h, &what);
	if (f.text.cut)
		what = "cannot be told what it should know: ";
	if (r < 0) {
		warn_errno(run, event, what, -r);
		return;
	}
	uint64_t limit_ns = run->job->hook_timeout_ns;
	h->deadline_ns = limit_ns < NUM_NONE - h->began_ns ? h->began_ns + limit_ns : NUM_NONE;
}

/* --- events --------------------------------------------------------------------------------------------- */

static void name_job(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
	buf_str(line, ": ");
}

void hook_start(struct run *run, pid_t job_pid)
{
	BUF(message, 256);

	run->hooks.job_pid = job_pid;
	if (!run->job->on_start || run->attempt.number > 1) /* the run has started once */
		return;
	name_job(&message, run);
	buf_str(&message, "started, pid ");
	buf_i64(&message, job_pid);
	begin(run, HOOK_START, message.at, NULL);
}

void hook_flag(struct run *run, const char *message)
{
	struct buf waiting;

	if (!run->job->on_flag)
		return;
	if (run->hooks.of[HOOK_FLAG].pid == 0) {
		begin(run, HOOK_FLAG, message, NULL);
		return;
	}
	buf_init(&waiting, run->hooks.waiting, sizeof(run->hooks.waiting)); /* the last one speaks for all */
	buf_str(&waiting, message);
}

void hook_finish(struct run *run, const struct outcome_verdict *verdict)
{
	BUF(message, 256);

	if (!run->job->on_finish)
		return;
	name_job(&message, run);
	describe_end(&message, outcome_name(verdict->outcome), verdict->exit_code);
	buf_str(&message, ", after ");
	num_format_duration(&message, took_ns(run));
	begin(run, HOOK_FINISH, message.at, verdict);
}

/* --- its end -------------------------------------------------------------------------------------------- */

static void over(struct run *run, enum hook_event event)
{
	struct hook *h = &run->hooks.of[event];

	h->pid = 0;
	os_fd_close(&h->pidfd);
	if (event != HOOK_FLAG || run->hooks.waiting[0] == '\0')
		return;
	BUF(message, sizeof(run->hooks.waiting));
	buf_str(&message, run->hooks.waiting);
	run->hooks.waiting[0] = '\0';
	begin(run, HOOK_FLAG, message.at, NULL);
}

void hook_reaped(struct run *run, const struct os_child *child)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		struct hook *h = &run->hooks.of[i];
		if (h->pid == 0 || h->pid != child->pid)
			continue;
		tell_end(run, (enum hook_event)i, h, child->status);
		over(run, (enum hook_event)i);
		return;
	}
}

bool hook_has(const struct run *run, pid_t pid)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		if (run->hooks.of[i].pid != 0 && run->hooks.of[i].pid == pid)
			return true;
	return false;
}

/* The next step of its end, for it alone: what it has left behind is not ours to hunt. */
static void strike(struct run *run, enum hook_event event, uint64_t now_ns)
{
	struct hook *h = &run->hooks.of[event];
	BUF(text, 64);

	if (h->stage == HOOK_KILLED) {
		buf_str(&text, "cannot be ended: pid ");
		buf_i64(&text, h->pid);
		warn(run, event, &text);
		over(run, event);
		return;
	}
	(void)os_child_signal(h->pid, h->pidfd, h->stage == HOOK_RUNNING ? SIGTERM : SIGKILL);
	if (h->stage == HOOK_RUNNING)
		(void)os_child_signal(h->pid, h->pidfd, SIGCONT); /* stopped, it would not hear it */
	h->stage = h->stage == HOOK_RUNNING ? HOOK_TERMED : HOOK_KILLED;
	h->deadline_ns = now_ns + GRACE_NS;
}

int hook_look(struct run *run)
{
	uint64_t next_ns = NUM_NONE, now_ns = 0;

	if (!run->hooks.had_any)
		return -1;
	now_ns = os_clock_boot_ns();
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		struct hook *h = &run->hooks.of[i];
		if (h->pid != 0 && now_ns >= h->deadline_ns)
			strike(run, (enum hook_event)i, now_ns);
		if (h->pid != 0 && h->deadline_ns < next_ns)
			next_ns = h->deadline_ns;
	}
	if (next_ns == NUM_NONE)
		return -1;
	uint64_t ms = next_ns > now_ns ? (next_ns - now_ns) / NS_PER_MS + 1 : 0;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void hurry(struct run *run)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		struct hook *h = &run->hooks.of[i];
		if (h->pid == 0 || h->stage != HOOK_RUNNING || h->deadline_ns <= h->began_ns + AT_LEAST_NS)
			continue;
		h->deadline_ns = h->began_ns + AT_LEAST_NS;
		h->is_asked = true;
	}
}

static bool is_any_left(const struct run *run)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		if (run->hooks.of[i].pid != 0)
			return true;
	return false;
}

static bool reap(struct run *run)
{

	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		struct os_child child;
		pid_t pid = run->hooks.of[i].pid;
		int r = pid != 0 ? os_wait_try(pid, &child) : 0;
		if (r > 0)
			hook_reaped(run, &child);
		else if (r < 0) /* none of ours any more */
			over(run, (enum hook_event)i);
	}
	return is_any_left(run);
}

void hook_wait(struct run *run, int signals)
{
	while (reap(run)) {
		struct os_poll set[HOOK_COUNT + 1] = { { .fd = signals, .wants = OS_POLL_IN } };
		int ms = hook_look(run);
		if (!is_any_left(run)) /* the last one was given up */
			return;
		for (unsigned i = 0; i < HOOK_COUNT; i++) {
			struct hook *h = &run->hooks.of[i];
			set[i + 1] =
				(struct os_poll){ .fd = h->pid != 0 ? h->pidfd : -1, .wants = OS_POLL_IN };
			if (h->pid != 0 && h->pidfd < 0 && (ms < 0 || ms > BLIND_MS))
				ms = BLIND_MS;
		}
		if (os_poll(set, HOOK_COUNT + 1, ms) < 0)
			os_clock_sleep_ms(BLIND_MS);
		if (asked_to_end(signals))
			hurry(run);
	}
}
