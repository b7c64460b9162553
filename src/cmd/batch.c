/* spawnguard batch: a guarded run for each item of a list, with brakes; what was killed goes on where it was.
 */
#include <errno.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/options.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/self.h"
#include "spawnguard/exit.h"

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
		buf_str(&why, fail_text(-fd));
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

static int analyse(struct work *w, char **argv)
{
	int code = session_load(w, w->cmd.job.batch.analyse, argv);
	if (code >= 0)
		return code;
	w->template = w->cmd.job.command;
	w->batch.stop = w->is_over || w->over_by == RULE_ASKED ? w->over_by : w->batch.stop;
	if (w->cmd.job.json)
		return sum_json(w);
	sum_print(w, 1);
	return 0;
}

static int plan(struct work *w)
{
	if (w->cmd.job.json)
		return sum_plan_json(w);
	sum_plan(w);
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
	} else if ((code = prepare(&w, argv)) < 0 && (code = items_fit(&w)) < 0) {
		batch_sit(&w.batch, w.is_over);
		w.passed_ns = w.is_over ? 0 : w.passed_ns;
		items_choose(&w);
		code = cmd->job.dry_run ? plan(&w) : loop_sit(&w);
	}
	items_release(&w);
	return code;
}
