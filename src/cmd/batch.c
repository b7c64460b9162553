/* spawnguard batch: a guarded run for each item of a list, with brakes; what was killed goes on where it was.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/pipe.h"
#include "os/poll.h"
#include "os/say.h"
#include "os/self.h"
#include "os/terminal.h"
#include "os/wait.h"
#include "run/await.h"
#include "spawnguard/exit.h"

#define BAR_NS (1 * NS_PER_S) /* the bar is drawn again */

static uint64_t passed(const struct work *w)
{
	return w->passed_ns + (os_clock_boot_ns() - w->began_ns);
}

/* --- the loop ------------------------------------------------------------------------------------------- */

/* In the order in which they were started. */
static void end_all(struct work *w)
{
	for (uint32_t last = 0;;) {
		struct slot *next = NULL;
		for (uint32_t i = 0; i < w->batch.brakes.jobs; i++) {
			struct slot *slot = &w->slots[i];
			if (slot->is_used && slot->serial > last && (!next || slot->serial < next->serial))
				next = slot;
		}
		if (!next)
			return;
		last = next->serial;
		(void)os_child_signal(next->pid, next->pidfd, SIGTERM); /* dead: it is told in a moment */
	}
}

static void tell_all_skipped(struct work *w)
{
	for (uint32_t i = 0; (i = batch_tell_skipped(&w->batch, i)) < w->batch.count;)
		tell_skipped(w, i);
}

/* What the runs have written so far. */
static void pass_on(struct work *w)
{
	char bytes[4096];

	for (ssize_t n;
	     w->err_ends[0] >= 0 && (n = os_pipe_read(w->err_ends[0], bytes, sizeof(bytes), 0)) > 0;) {
		tell_bar_gone(w);
		os_print(2, bytes, (size_t)n);
	}
}

static void take_end(struct work *w, struct slot *slot, int status)
{
	uint32_t item = slot->item;
	struct item_end told;
	struct batch_end end;

	pass_on(w);
	run_finish(w, slot, status, &end, &told);
	enum batch_rule rule = batch_ended(&w->batch, item, &end);
	uint64_t passed_ns = passed(w);
	if (!session_put_end(w, item, &end, &told, passed_ns))
		batch_stop(&w->batch, RULE_REFUSED);
	tell_end(w, item, &end, &told, passed_ns);
	if (rule != RULE_NONE) {
		tell_brake(w, item, rule);
		tell_all_skipped(w);
	}
	item_release(&told);
}

static void reap(struct work *w)
{
	struct os_child child;

	while (os_wait_any(&child) > 0) {
		for (uint32_t i = 0; child.has_ended && i < w->batch.brakes.jobs; i++)
			if (w->slots[i].is_used && w->slots[i].pid == child.pid)
				take_end(w, &w->slots[i], child.status);
	}
}

static void hear(struct work *w)
{
	struct os_signal signal;

	while (os_signalfd_read(w->signal_fd, &signal) > 0) {
		if (signal.number == SIGTSTP) {
			tell_bar_gone(w);
			os_signal_stop_self(SIGTSTP);
		} else if (signal.number != SIGCHLD) {
			w->asked_by = w->asked_by ? w->asked_by : signal.number;
			batch_stop(&w->batch, RULE_ASKED);
			end_all(w);
		}
	}
	reap(w);
}

static struct slot *free_slot(struct work *w)
{
	uint32_t i = 0;

	while (w->slots[i].is_used)
		i++;
	return &w->slots[i];
}

/* What may be started now; false: there is nothing left. */
static bool start_next(struct work *w)
{
	uint32_t item;

	for (;;) {
		bool was_stopped = w->batch.stop != RULE_NONE;
		enum batch_next next = batch_next(&w->batch, passed(w), &item);
		if (!was_stopped && w->batch.stop == RULE_TOTAL) {
			tell_brake(w, 0, RULE_TOTAL);
			end_all(w);
		}
		if (next != NEXT_ITEM)
			return next == NEXT_LATER;
		if (run_start(w, free_slot(w), item) < 0)
			batch_stop(&w->batch, RULE_REFUSED);
		else
			batch_started(&w->batch, item);
	}
}

static uint64_t wake_at(const struct work *w)
{
	uint64_t now_ns = os_clock_boot_ns(), passed_ns = passed(w), total_ns = w->batch.brakes.total_ns;
	uint64_t until_ns = w->columns > 0 ? now_ns + BAR_NS : NUM_NONE;

	if (total_ns != NUM_NONE && w->batch.stop == RULE_NONE) {
		uint64_t left_ns = total_ns > passed_ns ? total_ns - passed_ns : 0;
		until_ns = now_ns + left_ns < until_ns ? now_ns + left_ns : until_ns;
	}
	return until_ns;
}

static void work_through(struct work *w)
{
	while (start_next(w)) {
		struct os_poll news[2] = { { .fd = w->signal_fd, .wants = OS_POLL_IN },
					   { .fd = w->err_ends[0], .wants = OS_POLL_IN } };
		tell_bar(w, passed(w));
		int ready = os_poll(news, COUNT_OF(news), await_ms(wake_at(w)));
		if (ready > 0 && news[1].ready)
			pass_on(w);
		if (ready > 0 && news[0].ready)
			hear(w);
	}
	pass_on(w);
	tell_bar_gone(w);
}

/* --- before --------------------------------------------------------------------------------------------- */

static const char *name_of(const struct cmd *cmd)
{
	const char *command = cmd->job.command ? cmd->job.command[0] : NULL;
	const char *slash = command ? strrchr(command, '/') : NULL;

	if (cmd->job.name)
		return cmd->job.name;
	return slash && slash[1] != '\0' ? slash + 1 : command;
}

static int say_running(const struct work *w)
{
	BUF(line, 512);

	buf_str(&line, "already running: a batch of the name ");
	escape_word(&line, w->name, strlen(w->name), 60);
	buf_str(&line, "; see: spawnguard ps, or give this one another name with --name");
	cmd_say(&line);
	return SG_EXIT_CONFLICT;
}

static int take_lock(struct work *w)
{
	struct fail fail = { 0 };

	w->lock_fd = session_lock(&w->cmd.dir, w->name, &fail);
	if (w->lock_fd >= 0)
		return -1;
	if (w->lock_fd == -EWOULDBLOCK)
		return say_running(w);
	BUF(line, 1280);
	cmd_put_fail(&line, &fail);
	buf_str(&line, "; nothing was started; see: spawnguard doctor");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

static int read_items(struct work *w)
{
	const char *from = w->cmd.job.batch.items;
	bool is_stdin = !from || strcmp(from, "-") == 0;

	AUTO_FD int fd = is_stdin ? os_fd_copy(0) : os_open_user(from, OS_READ, 0);
	if (fd < 0) {
		BUF(why, 128);
		buf_str(&why, ": ");
		buf_str(&why, strerrordesc_np(-fd));
		buf_str(&why, "; name a file of lines, or give them on standard input");
		return cmd_say_exit("cannot read the items of ", is_stdin ? "-" : from, why.at, EXIT_USAGE);
	}
	return items_read(w, fd, is_stdin ? "-" : from);
}

/* What a killed batch had begun has ended, or never was. */
static int settle(struct work *w)
{
	for (uint32_t i = 0; i < w->batch.count; i++) {
		struct item_end told = { .exit_status = -1 };
		struct batch_end end = { .came_to = CAME_STOPPED, .yield = BATCH_YIELD_UNKNOWN };
		if (w->batch.items[i].state != BATCH_RUNS)
			continue;
		int r = run_settle(w, i, &w->open[i], &told);
		if (r == -ETIMEDOUT)
			return cmd_say_exit(
				"still running since the batch was killed: ", w->batch.items[i].text,
				"; end it with spawnguard kill, and resume", SG_EXIT_CONFLICT);
		if (r == 0)
			run_judge(w, &told, &end);
		(void)batch_ended(&w->batch, i, &end);
		bool is_written = session_put_end(w, i, &end, &told, w->passed_ns);
		item_release(&told);
		if (!is_written)
			return SG_EXIT_GUARD;
	}
	return -1;
}

static int go_on(struct work *w, char **argv)
{
	int code = session_load(w, w->name, argv);
	if (code >= 0)
		return code;
	uint32_t known = w->batch.count;
	if (w->cmd.job.batch.items && (code = read_items(w)) >= 0)
		return code;
	if (w->batch.count > known && (code = items_sort(w)) >= 0)
		return code;
	if (w->cmd.job.dry_run)
		return -1;
	code = session_go_on(w, known);
	return code >= 0 ? code : settle(w);
}

static int begin(struct work *w)
{
	int code = read_items(w);
	if (code < 0 && w->batch.count == 0)
		return cmd_say_exit("no items: there is nothing to do", NULL, "", 0);
	if (code < 0)
		code = items_sort(w);
	if (code >= 0)
		return code;
	options_to_brakes(w);
	batch_init(&w->batch);
	w->is_over = true;
	return w->cmd.job.dry_run ? -1 : session_begin(w);
}

static bool has_session(const struct work *w)
{
	char id[SESSION_ID_MAX];
	return session_find(w->cmd.dir.keep_fd, w->name, id) == 0;
}

static int prepare(struct work *w, char **argv)
{
	struct job *job = &w->cmd.job;

	w->name = name_of(&w->cmd);
	if (!w->name)
		return cmd_say_exit(
			"batch needs a command behind --, or with --resume a name: spawnguard batch "
			"--items=FILE -- COMMAND",
			NULL, "", EXIT_USAGE);
	int code = job->dry_run ? -1 : take_lock(w);
	if (code >= 0)
		return code;
	bool goes_on = job->batch.resume && (!job->batch.items || has_session(w));
	if (!goes_on && !job->command)
		return cmd_say_exit(
			"batch needs a command behind --, or with --resume a name: spawnguard batch "
			"--items=FILE -- COMMAND",
			NULL, "", EXIT_USAGE);
	w->template = job->command;
	code = goes_on                        ? -1
	       : options_collect(w, argv) < 0 ? cmd_fail("cannot keep the items in memory", -ENOMEM)
					      : begin(w);
	if (code >= 0 || !goes_on)
		return code;
	code = go_on(w, argv);
	w->template = job->command;
	if (code < 0 && options_collect(w, w->merged.at) < 0)
		return cmd_fail("cannot keep the items in memory", -ENOMEM);
	return code;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

/* The end of a file that all write to would be taken for the end of what one of them wrote. */
static int separate_errors(struct work *w)
{
	struct os_file_id id;

	return os_file_id(2, &id) == 0 && id.is_regular ? os_pipe_open(w->err_ends) : 0;
}

static int sit(struct work *w)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	os_sigset heard = OS_SIG(SIGCHLD) | OS_SIG(SIGTSTP);

	w->slots = calloc(w->batch.brakes.jobs, sizeof(*w->slots));
	if (!w->slots)
		return cmd_fail("cannot keep the items in memory", -ENOMEM);
	for (size_t i = 0; i < COUNT_OF(ends); i++)
		heard |= os_signal_is_ignored(ends[i]) ? 0 : OS_SIG(ends[i]);
	int r = os_signals_take(&w->signals);
	if (r == 0)
		r = w->signal_fd = os_signalfd_open(heard);
	if (r < 0)
		return cmd_fail("cannot wait for what runs", r);
	w->columns = os_terminal_columns(2);
	r = separate_errors(w);
	if (r < 0)
		return cmd_fail("cannot wait for what runs", r);
	w->began_ns = os_clock_boot_ns();
	if (session_put_sit(w))
		work_through(w);
	if (!w->cannot_record)
		(void)session_put_over(w);
	if (!w->cmd.job.quiet)
		sum_print(w, 2);
	if (w->asked_by)
		os_signal_die(w->asked_by);
	return w->cannot_record ? SG_EXIT_GUARD : batch_exit_status(&w->batch);
}

static int analyse(struct work *w, char **argv)
{
	int code = session_load(w, w->cmd.job.batch.analyse, argv);
	if (code >= 0)
		return code;
	w->template = w->cmd.job.command;
	w->batch.stop = w->is_over || w->over_by == RULE_ASKED ? w->over_by : w->batch.stop;
	sum_print(w, 1);
	return 0;
}

int main(int argc, char **argv)
{
	static struct work w = { .session_fd = -1, .lock_fd = -1, .signal_fd = -1, .err_ends = { -1, -1 } };
	struct cmd *cmd = &w.cmd;

	(void)argc;
	cmd->name = "batch";
	cmd->command = FOR_BATCH;
	cmd->words_max = UINT32_MAX;
	int code = cmd_read(cmd, argv);
	if (code < 0)
		code = cmd_configure(cmd, argv);
	if (code >= 0)
		return code;
	if (!cmd->job.command && cmd->rest[0])
		return cmd_say_exit("batch takes its command behind --: what is ", cmd->rest[0],
				    "? See: spawnguard batch --help", EXIT_USAGE);
	code = cmd_open_state(cmd);
	if (code >= 0)
		return code;
	os_raise_files();
	if (cmd->job.batch.analyse) {
		code = analyse(&w, argv);
	} else if ((code = prepare(&w, argv)) < 0) {
		batch_sit(&w.batch, w.is_over);
		w.passed_ns = w.is_over ? 0 : w.passed_ns;
		items_choose(&w);
		if (cmd->job.dry_run)
			sum_plan(&w);
		code = cmd->job.dry_run ? 0 : sit(&w);
	}
	items_release(&w);
	return code;
}
