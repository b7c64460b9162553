/* spawnguard wait JOB|RUN...: one blocking call that returns how runs ended. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "cmd/target.h"
#include "conf/options.h"
#include "core/outcome.h"
#include "os/clock.h"
#include "os/poll.h"
#include "os/proc.h"
#include "os/say.h"
#include "os/self.h"
#include "run/await.h"
#include "run/describe.h"
#include "spawnguard/exit.h"

/* A nested run that the outer one had to kill is closed by it, a moment after its death. */
#define OUTER_NS (1 * NS_PER_S)
#define AGAIN_NS (20 * NS_PER_MS)

struct waited {
	struct target target;
	struct await await;
	bool is_open, is_over;
	bool is_ok;
	int exit_status;
	uint64_t gone_ns; /* when its guards were found dead without a word; 0 = not */
};

struct waiting {
	const struct cmd *cmd;
	struct waited run[TARGETS_MAX];
	struct os_poll set[TARGETS_MAX * AWAIT_HANDLES];
	int count;
	int first_over; /* position, in order of time; -1 = none */
	uint64_t deadline_ns;
	struct host_id here;
};

static void put_line(struct waited *w, const char *outcome, int status, uint64_t wall_ns, const char *log)
{
	BUF(line, 1024);

	escape_text(&line, w->target.job, strlen(w->target.job), 60);
	buf_char(&line, ' ');
	buf_mem(&line, w->target.run_id, strnlen(w->target.run_id, 8));
	buf_str(&line, ": ");
	describe_end(&line, outcome, status);
	buf_str(&line, ", ");
	num_format_duration(&line, wall_ns);
	if (log && log[0] != '\0') {
		buf_str(&line, ", output: ");
		escape_word(&line, log, strlen(log), 0);
	}
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
}

static void is_over(struct waiting *w, struct waited *run, const char *outcome, int status)
{
	run->is_over = true;
	run->is_ok = strcmp(outcome, SG_OUTCOME_OK) == 0;
	run->exit_status = status >= 0 ? status & 0xff : SG_EXIT_GUARD;
	if (w->first_over < 0)
		w->first_over = (int)(run - w->run);
	if (run->is_open)
		await_close(&run->await);
	run->is_open = false;
}

static void tell_end(struct waiting *w, struct waited *run)
{
	struct await_end end = await_end(&run->await);
	const char *outcome = outcome_name(end.outcome);

	put_line(run, outcome, end.exit_code, end.wall_ns, end.keeps_log ? run->target.log : NULL);
	is_over(w, run, outcome, end.exit_code);
}

static void tell_past(struct waiting *w, struct waited *run, const struct past_run *past)
{
	int status = past->exit_status >= 0 ? past->exit_status : SG_EXIT_GUARD;

	put_line(run, past->outcome, status, past->wall_ns, past->log);
	is_over(w, run, past->outcome, status);
}

static void tell_lost(struct waiting *w, struct waited *run)
{
	uint64_t start_ns = run->target.started_wall_ns, now_ns = os_clock_wall_ns();

	put_line(run, SG_OUTCOME_LOST, SG_EXIT_GUARD, now_ns > start_ns ? now_ns - start_ns : 0,
		 run->target.log);
	is_over(w, run, SG_OUTCOME_LOST, SG_EXIT_GUARD);
}

/* The history knows its end? */
static bool look_back(struct waiting *w, struct waited *run)
{
	struct past_months months = { .keep_fd = w->cmd->dir.keep_fd, .owner = os_self_uid() };
	struct past_run past;

	if (past_find(&months, run->target.run_id, &past) < 0)
		return false;
	bool knows = past.has_end && strcmp(past.run_id, run->target.run_id) == 0;
	if (knows)
		tell_past(w, run, &past);
	past_run_release(&past);
	return knows;
}

/* Its guards are dead and have not said how it ended. */
static void look_after_gone(struct waiting *w, struct waited *run)
{
	uint64_t now_ns = os_clock_boot_ns();

	if (look_back(w, run))
		return;
	if (run->gone_ns == 0)
		run->gone_ns = now_ns;
	if (!run->is_open || run->await.view.record.head.parent_run_id[0] == '\0' ||
	    now_ns >= run->gone_ns + OUTER_NS) {
		tell_lost(w, run);
		return;
	}
	run->await.again_ns = now_ns + AGAIN_NS;
}

static void look(struct waiting *w, struct waited *run)
{
	if (!run->is_open) { /* over between finding it and opening it */
		look_after_gone(w, run);
		return;
	}
	enum await_state state = await_look(&run->await);
	if (state == AWAIT_TOLD && run->await.view.record.state.figures.cause == CAUSE_NOT_STARTED &&
	    look_back(w, run))
		return;
	if (state == AWAIT_TOLD)
		tell_end(w, run);
	else if (state == AWAIT_GONE)
		look_after_gone(w, run);
}

/* --- who is meant ----------------------------------------------------------------------------------------
 */

static int add(struct waiting *w, const struct target *target)
{
	const char *self = getenv(SG_ENV_RUN_ID);

	for (int i = 0; i < w->count; i++)
		if (strcmp(w->run[i].target.run_id, target->run_id) == 0)
			return -1; /* named twice */
	if (self && find_is_ancestor(&w->cmd->dir, self, target->run_id))
		return cmd_say_exit("not waiting for the run around this one: ", target->job,
				    " would never end: name another", SG_EXIT_CONFLICT);
	if (w->count == TARGETS_MAX)
		return cmd_say_exit("more runs than one call can wait for: ", target->job,
				    " and those behind it; name fewer", SG_EXIT_GUARD);
	struct waited *run = &w->run[w->count++];
	run->target = *target;
	run->is_open = await_open(&run->await, &w->cmd->dir, target->run_id, &w->here) == 0;
	return -1;
}

static int add_past(struct waiting *w, const char *what)
{
	struct target target = { 0 };
	struct past_run past;

	int r = target_past(w->cmd, what, false, &past);
	if (r == -ENOENT)
		return target_unknown(what);
	if (r == -EEXIST)
		return cmd_not_found(w->cmd, what, r);
	if (r < 0)
		return target_unreadable(what, r);
	memcpy(target.run_id, past.run_id, sizeof(target.run_id));
	memcpy(target.job, past.job, sizeof(target.job));
	target.started_wall_ns = past.started_wall_ns;
	past_run_release(&past);
	return add(w, &target);
}

/* -1: go on; else the exit status. */
static int add_word(struct waiting *w, const char *what)
{
	static struct target found[TARGETS_MAX];

	int count = target_current(w->cmd, what, found, TARGETS_MAX);
	if (count == -ENOENT)
		return add_past(w, what);
	if (count < 0)
		return cmd_not_found(w->cmd, what, count);
	for (int i = 0; i < count; i++) {
		int code = add(w, &found[i]);
		if (code >= 0)
			return code;
	}
	return -1;
}

/* --- waiting ---------------------------------------------------------------------------------------------
 */

static bool is_enough(const struct waiting *w)
{
	if (w->cmd->job.any)
		return w->first_over >= 0;
	for (int i = 0; i < w->count; i++)
		if (!w->run[i].is_over)
			return false;
	return true;
}

static void sleep_and_look(struct waiting *w)
{
	uint64_t until_ns = w->deadline_ns;

	for (int i = 0; i < w->count; i++) {
		struct waited *run = &w->run[i];
		struct os_poll *set = &w->set[i * AWAIT_HANDLES];
		set[0].fd = set[1].fd = -1;
		if (run->is_over || !run->is_open)
			continue;
		await_handles(&run->await, set);
		until_ns = run->await.again_ns < until_ns ? run->await.again_ns : until_ns;
	}
	(void)os_poll(w->set, (size_t)w->count * AWAIT_HANDLES, await_ms(until_ns));
	uint64_t now_ns = os_clock_boot_ns();
	for (int i = 0; i < w->count; i++) {
		struct waited *run = &w->run[i];
		const struct os_poll *set = &w->set[i * AWAIT_HANDLES];
		bool is_due = run->is_open && (set[0].ready || set[1].ready || run->await.again_ns <= now_ns);
		if (!run->is_over && is_due)
			look(w, run);
	}
}

static int give_up(const struct waiting *w)
{
	BUF(line, 1024);
	int named = 0;

	buf_str(&line, "still running after ");
	num_format_duration(&line, w->cmd->job.patience_ns);
	for (int i = 0; i < w->count && named < 8; i++) {
		if (w->run[i].is_over)
			continue;
		buf_str(&line, named++ == 0 ? ": " : ", ");
		escape_text(&line, w->run[i].target.job, strlen(w->run[i].target.job), 60);
		buf_char(&line, ' ');
		buf_mem(&line, w->run[i].target.run_id, strnlen(w->run[i].target.run_id, 8));
	}
	buf_str(&line, "; see: spawnguard ps");
	cmd_say(&line);
	return SG_EXIT_CONFLICT;
}

/* Of all: the first, as they were named, that is not ok. */
static int exit_status(const struct waiting *w)
{
	if (w->cmd->job.any)
		return w->run[w->first_over].exit_status;
	for (int i = 0; i < w->count; i++)
		if (!w->run[i].is_ok)
			return w->run[i].exit_status;
	for (int i = 0; i < w->count; i++) /* ok, by --success-status, but not 0 */
		if (w->run[i].exit_status != 0)
			return w->run[i].exit_status;
	return 0;
}

int main(int argc, char **argv)
{
	static struct waiting w = { .first_over = -1 };
	struct cmd cmd = { .name = "wait", .command = FOR_WAIT, .words_max = TARGETS_MAX };

	(void)argc;
	int code = cmd_start(&cmd, argv);
	if (code >= 0)
		return code;
	if (!cmd.rest[0])
		return cmd_say_exit("wait needs a JOB or a RUN: spawnguard wait JOB; see: spawnguard ps",
				    NULL, "", EXIT_USAGE);
	if (cmd.job.any && cmd.job.all)
		return cmd_say_exit("--any and --all contradict each other: give one", NULL, "", EXIT_USAGE);
	w.cmd = &cmd;
	uint64_t now_ns = os_clock_boot_ns();
	w.deadline_ns = cmd.job.patience_ns < NUM_NONE - now_ns ? now_ns + cmd.job.patience_ns : NUM_NONE;
	os_raise_files();
	os_host_id(-1, &w.here);
	for (char **word = cmd.rest; *word; word++)
		if ((code = add_word(&w, *word)) >= 0)
			return code;
	for (int i = 0; i < w.count && !(cmd.job.any && w.first_over >= 0); i++)
		look(&w, &w.run[i]);
	while (!is_enough(&w)) {
		if (os_clock_boot_ns() >= w.deadline_ns)
			return give_up(&w);
		sleep_and_look(&w);
	}
	return exit_status(&w);
}
