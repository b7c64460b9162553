/* One item as a guarded run: started, judged by what it tells, and found again if the batch was killed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fail.h"
#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "core/fingerprint.h"
#include "core/outcome.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "run/find.h"
#include "spawnguard/exit.h"

#define STATUS_BYTES 32768
#define TASK_BYTES   1024
#define AGAIN_MS     20
#define PATIENCE_NS  (60 * NS_PER_S) /* a killed batch's run, which ends with it: its grace, and more */
#define BORN_NS      (5 * NS_PER_S)  /* from its birth to the line that tells of it: on a busy machine */

/* --- starting ------------------------------------------------------------------------------------------- */

struct birth {
	const struct work *w;
	char *const *argv;
	char path[4352];
	int status_fd, status_number;
	pid_t parent;
	struct session_line line;
	char text[SESSION_END_MAX];
};

/* In the child, which shares our memory.  It dies with us until its guard watches us by itself. */
static int become(void *with)
{
	struct birth *birth = with;
	struct buf text;

	os_signal_with_parent(SIGTERM);
	if (os_self_parent() != birth->parent)
		return -ESRCH;
	/* Before its exec: what has a line may have run, what has none has not. */
	birth->line.pid = (uint32_t)os_self_pid();
	birth->line.boot_ns = os_clock_boot_ns();
	buf_init(&text, birth->text, sizeof(birth->text));
	session_format(&text, &birth->line);
	int r = os_fd_write(birth->w->session_fd, text.at, text.len);
	if (r == 0)
		r = os_fd_put_null(0);
	if (r == 0 && birth->w->err_ends[1] >= 0)
		r = os_fd_put(birth->w->err_ends[1], 2);
	if (r == 0)
		r = os_fd_put(birth->status_fd, birth->status_number);
	if (r < 0)
		return r;
	os_signals_give_back(&birth->w->signals);
	return os_exec(birth->path, birth->argv, environ);
}

/* The word with each {} replaced by the item. */
static int add_filled(struct words_list *list, const char *word, const struct batch_item *item,
		      bool *has_hole)
{
	size_t holes = 0;
	for (const char *at = word; (at = strstr(at, "{}")); at += 2)
		holes++;
	*has_hole |= holes > 0;
	size_t room = strlen(word) + holes * item->n + 1;
	AUTO_FREE char *bytes = malloc(room);
	struct buf filled;
	if (!bytes)
		return -ENOMEM;
	buf_init(&filled, bytes, room);
	for (const char *hole; (hole = strstr(word, "{}")); word = hole + 2) {
		buf_mem(&filled, word, (size_t)(hole - word));
		buf_mem(&filled, item->text, item->n);
	}
	buf_str(&filled, word);
	return words_add(list, "", bytes);
}

/* A record holds less of it, and with the option before it an item might be too long for an argument. */
static int add_task(struct words_list *list, const struct batch_item *item)
{
	BUF(task, TASK_BYTES);

	buf_mem(&task, item->text, item->n < TASK_BYTES ? item->n : TASK_BYTES - 1);
	return words_add(list, "--task=", task.at);
}

static int add_command(struct words_list *list, const struct work *w, const struct batch_item *item)
{
	bool has_hole = false;
	int r = words_add(list, "", "--");

	for (char **word = w->template; r == 0 && *word; word++)
		r = add_filled(list, *word, item, &has_hole);
	return r == 0 && !has_hole ? words_add(list, "", item->text) : r;
}

/* The run of an item as a command line: no lock of its own, as its batch has one; and no longer than the
 * batch. */
static int compose(struct words_list *list, const struct work *w, uint32_t item, int status_number)
{
	static const char *const fixed[] = { "spawnguard", "run",         "--no-wait",
					     "--no-lock",  "--shared=no", "--detach=no" };
	const struct batch_item *it = &w->batch.items[item];
	BUF(key, BATCH_KEY_MAX);
	BUF(number, 16);
	int r = 0;

	session_key(&key, w, item, w->serial);
	buf_u64(&number, (uint64_t)status_number);
	for (size_t i = 0; r == 0 && i < COUNT_OF(fixed); i++)
		r = words_add(list, "", fixed[i]);
	if (r == 0 && w->can_be_watched)
		r = words_add(list, "", "--with-parent");
	if (r == 0)
		r = words_add(list, "--name=", w->name);
	for (size_t i = 0; r == 0 && i < w->passed.count; i++)
		r = words_add(list, "", w->passed.at[i]);
	if (r == 0)
		r = words_add(list, "--status-fd=", number.at);
	if (r == 0)
		r = add_task(list, it);
	if (r == 0)
		r = words_add(list, "--step=", key.at);
	return r == 0 ? add_command(list, w, it) : r;
}

static int program_path(struct birth *birth)
{
	struct buf path;
	char dir[4096];

	int r = os_self_dir(dir, sizeof(dir));
	if (r < 0)
		return r;
	buf_init(&path, birth->path, sizeof(birth->path));
	buf_str(&path, dir);
	for (const char *at = SG_LIBEXEC_SUBDIR; at; at = strchr(at + 1, '/'))
		buf_str(&path, "/..");
	buf_str(&path, "/bin/spawnguard");
	return path.cut ? -ENAMETOOLONG : 0;
}

static int say_not_started(struct work *w, const struct batch_item *item, int err)
{
	BUF(line, 512);

	tell_bar_gone(w);
	buf_str(&line, "cannot start the run of ");
	escape_word(&line, item->text, item->n, 60);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-err));
	buf_str(&line, "; nothing more is started: mend that, then resume with --resume");
	cmd_say(&line);
	return err;
}

int run_start(struct work *w, struct slot *slot, uint32_t item)
{
	struct words_list argv = { 0 };
	struct birth birth = { .w = w, .parent = os_self_pid() };
	int pidfd = -1, err = 0;
	pid_t pid = 0;

	AUTO_FD int status_fd = os_child_output();
	birth.status_fd = status_fd;
	birth.status_number =
		status_fd == 3 ? 4 : 3; /* a copy: the number itself would be closed at the exec */
	birth.line = (struct session_line){ .kind = SESSION_RUN, .item = item, .attempt = ++w->serial };
	int r = status_fd < 0 ? status_fd : program_path(&birth);
	if (r == 0)
		r = compose(&argv, w, item, birth.status_number);
	if (r == 0) {
		birth.argv = argv.at;
		pid = os_spawn(become, &birth, &pidfd, &err);
		r = pid < 0 ? (int)pid : -err;
	}
	words_release(&argv);
	if (r < 0) {
		struct os_child child;
		if (pid > 0)
			(void)os_wait_pid(pid, &child);
		os_fd_close(&pidfd);
		return say_not_started(w, &w->batch.items[item], r);
	}
	*slot = (struct slot){ .is_used = true,
			       .item = item,
			       .serial = w->serial,
			       .pid = pid,
			       .pidfd = pidfd,
			       .began_ns = os_clock_boot_ns() };
	slot->status_fd = os_fd_steal(&status_fd);
	return 0;
}

/* --- judging -------------------------------------------------------------------------------------------- */

/* Each item would meet the same: it is not one that the item is to blame for. */
static bool is_of_all(const struct work *w, const struct item_end *told)
{
	return strcmp(told->cause, "not_started") == 0 && !strstr(w->template[0], "{}");
}

static enum outcome outcome_of(const char *name)
{
	unsigned i = 0;

	while (i + 1 < OUTCOME_COUNT && strcmp(outcome_name((enum outcome)i), name) != 0)
		i++;
	return (enum outcome)i;
}

static void take_print(const struct item_end *told, struct batch_end *out_end)
{
	const struct fingerprint_facts facts = {
		.bytes = told->tail,
		.count = told->tail_n,
		.is_cut = told->is_tail_cut,
		.outcome = outcome_of(told->outcome),
		.has_status = told->exit_code >= 0 || told->exit_signal > 0,
		.job_status = told->exit_code >= 0 ? told->exit_code << 8 : told->exit_signal,
	};
	struct fingerprint print;

	fingerprint_make(&print, &facts);
	out_end->print = print.print;
	out_end->summary =
		strdup(print.summary); /* for as long as we live; NULL: there is only less to read */
}

void run_judge(const struct work *w, const struct item_end *told, struct batch_end *out_end)
{
	static const struct {
		const char *outcome;
		enum batch_came_to came_to;
	} rows[] = {
		{ SG_OUTCOME_OK, CAME_OK },
		{ SG_OUTCOME_TIMEOUT, CAME_TIMEOUT },
		{ SG_OUTCOME_KILLED, CAME_STOPPED },
		{ SG_OUTCOME_REPLACED, CAME_STOPPED },
	};

	const bool is_refused = strcmp(told->event, "refused") == 0;
	/* By --max-attempts: it alone has failed too often, in earlier batches; the others may be started. */
	const bool is_spent = is_refused && strcmp(told->refused_for, "max-attempts") == 0;

	*out_end = (struct batch_end){
		.came_to = (is_refused && !is_spent) || is_of_all(w, told) ? CAME_REFUSED : CAME_FAILED,
		.took_ns = told->wall_ns,
		.yield = told->yield,
		.is_micro = told->is_micro,
		.reason = session_reason(told->reason),
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].outcome, told->outcome) == 0)
			out_end->came_to = rows[i].came_to;
	if ((out_end->came_to == CAME_FAILED || out_end->came_to == CAME_TIMEOUT) && !is_spent)
		take_print(told, out_end);
}

/* Its guard told nothing: it refused its command line, or was killed. */
static void judge_silent(struct work *w, const struct slot *slot, int status, struct batch_end *out_end,
			 struct item_end *out_told)
{
	const struct open_run run = { .serial = slot->serial };

	*out_end = (struct batch_end){ .came_to = CAME_REFUSED, .yield = BATCH_YIELD_UNKNOWN };
	out_told->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	if (WIFEXITED(status))
		return;
	out_end->came_to = CAME_STOPPED;
	if (run_settle(w, slot->item, &run, out_told) == 0)
		run_judge(w, out_told, out_end);
}

void run_finish(struct work *w, struct slot *slot, int status, struct batch_end *out_end,
		struct item_end *out_told)
{
	AUTO_FREE char *text = malloc(STATUS_BYTES);
	ssize_t n = text ? os_fd_pread(slot->status_fd, text, STATUS_BYTES, 0) : 0;

	*out_told = (struct item_end){ .exit_status = -1, .exit_code = -1, .yield = BATCH_YIELD_UNKNOWN };
	if (n > 0 && item_parse(text, (size_t)n, out_told) == 0)
		run_judge(w, out_told, out_end);
	else
		judge_silent(w, slot, status, out_end, out_told);
	if (out_end->took_ns == 0)
		out_end->took_ns = os_clock_boot_ns() - slot->began_ns;
	os_fd_close(&slot->status_fd);
	os_fd_close(&slot->pidfd);
	slot->is_used = false;
}

/* --- after a batch was killed --------------------------------------------------------------------------- */

struct asked {
	const char *job, *step;
	bool is_there;
};

static int look_at(void *with, struct run_view *view)
{
	struct asked *asked = with;
	const struct record_head *head = &view->record.head;

	if (strncmp(head->step, asked->step, sizeof(head->step)) != 0 || strcmp(head->job, asked->job) != 0)
		return 0;
	asked->is_there = view->is_guarded;
	return 1;
}

/* A run of that step goes on. */
static bool is_recorded(struct work *w, const char *step)
{
	struct asked asked = { .job = w->name, .step = step };
	struct find find = {
		.dir = &w->cmd.dir, .owner = os_self_uid(), .what = w->name, .each = look_at, .with = &asked
	};

	(void)find_look(&find);
	return asked.is_there;
}

/* The process that was to become its guard is there still, as the line of the session knows it. */
static bool is_there(uint32_t pid, uint64_t boot_ns)
{
	struct proc_stat stat;
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);

	if (pid <= 1 || os_proc_stat((pid_t)pid, &stat) < 0 || stat.state == 'Z' || per_second == 0)
		return false;
	uint64_t born_ns = stat.start_ticks * (NS_PER_S / per_second);
	return born_ns <= boot_ns + NS_PER_S && born_ns + BORN_NS >= boot_ns;
}

int run_settle(struct work *w, uint32_t item, const struct open_run *run, struct item_end *out_told)
{
	uint64_t end_ns = os_clock_boot_ns() + PATIENCE_NS;
	BUF(step, BATCH_KEY_MAX);

	session_key(&step, w, item, run->serial);
	for (;;) {
		/* In this order: who is neither there nor recorded has written its end, if it ever began. */
		bool goes_on = is_there(run->pid, run->boot_ns) || is_recorded(w, step.at);
		if (!goes_on) {
			int r = item_find(w->cmd.dir.keep_fd, os_self_uid(), w->name, step.at, out_told);
			return r == -ENOENT || r == 0 ? r : -ENOENT;
		}
		if (os_clock_boot_ns() >= end_ns)
			return -ETIMEDOUT;
		os_clock_sleep_ms(AGAIN_MS);
	}
}
