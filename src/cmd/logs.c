/* spawnguard logs JOB|RUN: what a run wrote, if it was kept in a file; -f: and what it goes on to write. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "cmd/target.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/inotify.h"
#include "os/poll.h"
#include "os/proc.h"
#include "os/say.h"
#include "os/signal.h"
#include "run/await.h"
#include "spawnguard/exit.h"
#include "store/logfile.h"

/* Where no news of the file are to be had (inotify's instances or watches used up). */
#define LOOK_NS (1 * NS_PER_S)

struct logs {
	struct cmd cmd;
	struct target target; /* whose output it is */
	bool is_current;      /* it has a record: it may be going on */
	uint64_t ended_wall_ns;
	bool is_older; /* a newer run of the job kept nothing */
	int fd;        /* owned: the file */
	uint64_t at;   /* printed up to here */
	bool has_begun;
};

/* --- whose output ----------------------------------------------------------------------------------------
 */

static void put_run(struct buf *line, const struct target *t)
{
	buf_str(line, "run ");
	buf_mem(line, t->run_id, strnlen(t->run_id, 8));
	buf_str(line, " of ");
	escape_word(line, t->job, strlen(t->job), 60);
}

static int say_not_kept(const struct target *t, bool goes_on)
{
	BUF(line, 1024);

	put_run(&line, t);
	buf_str(&line,
		goes_on ? " keeps no output: it goes to its caller"
			: " kept no output: it went to its caller, or the run was ok and --output kept "
			  "that of a failed one alone");
	buf_str(&line, "; to keep it: run --detach, or run --output=on-failure");
	cmd_say(&line);
	return EXIT_NOTHING;
}

static struct target target_of_past(const struct past_run *past)
{
	struct target t = { .started_wall_ns = past->started_wall_ns };

	memcpy(t.run_id, past->run_id, sizeof(t.run_id));
	memcpy(t.job, past->job, sizeof(t.job));
	if (past->log && strlen(past->log) < sizeof(t.log))
		memcpy(t.log, past->log, strlen(past->log));
	return t;
}

/* The last run of `what` whose output was kept.  -1: go on; else the exit status. */
static int find_past(struct logs *l, const char *what)
{
	struct past_run past, last;

	int r = target_past(&l->cmd, what, false, &last);
	if (r == 0) {
		l->target = target_of_past(&last);
		r = target_past(&l->cmd, what, true, &past);
		past_run_release(&last);
	} else if (r == -ENOENT) {
		return l->is_current ? say_not_kept(&l->target, true) : target_unknown(what);
	}
	if (r == -ENOENT)
		return say_not_kept(&l->target, false);
	if (r < 0)
		return r == -EEXIST ? cmd_not_found(&l->cmd, what, r) : target_unreadable(what, r);
	l->is_older = l->is_current || strcmp(past.run_id, l->target.run_id) != 0;
	l->is_current = false;
	l->target = target_of_past(&past);
	l->ended_wall_ns = past.ended_wall_ns;
	past_run_release(&past);
	return l->target.log[0] != '\0' ? -1 : say_not_kept(&l->target, false);
}

/* -1: go on; else the exit status. */
static int find(struct logs *l, const char *what)
{
	static struct target found[TARGETS_MAX];
	int with_log = 0;

	int count = target_current(&l->cmd, what, found, TARGETS_MAX);
	if (count < 0 && count != -ENOENT)
		return cmd_not_found(&l->cmd, what, count);
	for (int i = 0; i < count; i++) {
		with_log += found[i].log[0] != '\0';
		if (i == 0 || found[i].log[0] != '\0')
			l->target = found[i];
	}
	l->is_current = count > 0;
	if (with_log > 1)
		return cmd_say_exit("several runs of ", what,
				    " are going on: give the run id of one; see: spawnguard ps", EXIT_USAGE);
	if (with_log == 1)
		return -1;
	if (count > 0 && strcmp(l->target.job, what) != 0) /* that run, and no other */
		return say_not_kept(&l->target, true);
	return find_past(l, what);
}

static void say_older(const struct logs *l)
{
	uint64_t now_ns = os_clock_wall_ns();
	BUF(line, 1024);

	buf_str(&line, "the newest run of ");
	escape_word(&line, l->target.job, strlen(l->target.job), 60);
	buf_str(&line, " keeps no output: this is of run ");
	buf_mem(&line, l->target.run_id, strnlen(l->target.run_id, 8));
	if (l->ended_wall_ns > 0 && now_ns > l->ended_wall_ns) {
		buf_str(&line, ", which ended ");
		num_format_duration(&line, now_ns - l->ended_wall_ns);
		buf_str(&line, " ago");
	}
	cmd_say(&line);
}

/* --- the file --------------------------------------------------------------------------------------------
 */

static int say_file(const struct logs *l, const char *before, const char *after, int err, int code)
{
	BUF(line, 1024);

	buf_str(&line, before);
	put_run(&line, &l->target);
	buf_str(&line, after);
	escape_word(&line, l->target.log, strlen(l->target.log), 0);
	if (err != 0) {
		buf_str(&line, ": ");
		buf_str(&line, fail_text(err));
	}
	cmd_say(&line);
	return code;
}

/* The output would be its own input, for ever. */
static bool is_written_to(const struct logs *l)
{
	struct os_file_id log, out;

	return os_file_id(l->fd, &log) == 0 && os_file_id(1, &out) == 0 && os_is_same_file(&log, &out);
}

/* -1: go on; else the exit status. */
static int open_file(struct logs *l)
{
	l->fd = logfile_open_to_read(l->cmd.dir.keep_fd, l->target.run_id, l->target.log);
	if (l->fd == -ENOENT)
		return say_file(l, "the output of ", " is gone, it stood in ", 0, EXIT_NOTHING);
	if (l->fd == -EINVAL)
		return say_file(l, "the output of ", " cannot be read again, it went to ", 0, EXIT_NOTHING);
	if (l->fd < 0)
		return say_file(l, "cannot read the output of ", " from ", -l->fd, SG_EXIT_GUARD);
	if (is_written_to(l))
		return say_file(l, "the output of ", " would be printed into itself: ", 0, EXIT_USAGE);
	int r = l->cmd.job.lines == 0 ? 0 : logfile_find_tail(l->fd, l->cmd.job.lines, &l->at);
	return r < 0 ? say_file(l, "cannot read the output of ", " from ", -r, SG_EXIT_GUARD) : -1;
}

static void say_missing(const struct logs *l, uint64_t bytes)
{
	BUF(line, 256);

	buf_str(&line, l->has_begun ? "" : "the first ");
	num_format_size(&line, bytes);
	buf_str(&line, l->has_begun ? " of the output went by faster than they were printed: given back by "
				      "--log-max"
				    : " of the output are gone: given back by --log-max");
	cmd_say(&line);
}

/* Whoever read our output has gone: as if we had written to it. */
static int reader_is_gone(void)
{
	if (!os_signal_is_ignored(SIGPIPE))
		os_signal_die(SIGPIPE);
	return cmd_say_exit("cannot print the output: Broken pipe", NULL, "", SG_EXIT_GUARD);
}

static int say_not_printed(int err)
{
	if (err == EPIPE)
		return reader_is_gone();
	return cmd_say_exit("cannot print the output: ", NULL, fail_text(err), SG_EXIT_GUARD);
}

/* What stands there and was not yet printed, as it is.  -1: go on; else the exit status. */
static int print_rest(struct logs *l)
{
	static char bytes[65536];

	for (;;) {
		uint64_t at = l->at;
		ssize_t got = logfile_read(l->fd, &at, bytes, sizeof(bytes));
		if (got == -ERANGE) {
			(void)say_file(l, "the output of ", " was cut, going on from the beginning of ", 0,
				       0);
			l->at = 0;
			continue;
		}
		if (got < 0)
			return say_file(l, "cannot read the output of ", " from ", -(int)got, SG_EXIT_GUARD);
		if (at > l->at)
			say_missing(l, at - l->at);
		l->at = at + (uint64_t)got;
		l->has_begun = true;
		if (got == 0)
			return -1;
		int r = os_write_whole(1, bytes, (size_t)got);
		if (r < 0)
			return say_not_printed(-r);
	}
}

/* --- and what comes --------------------------------------------------------------------------------------
 */

/* Sleeps until there is more, the run is over, or nobody reads.  -1: go on; else the exit status. */
static int sleep_and_look(struct await *a, int news, bool *out_is_over)
{
	enum { FILE_NEWS = AWAIT_HANDLES, READER, COUNT };
	struct os_poll set[COUNT] = {
		[FILE_NEWS] = { .fd = news, .wants = OS_POLL_IN }, [READER] = { .fd = 1 }
	};
	uint64_t until_ns = a->again_ns;

	await_handles(a, set);
	if (news < 0) {
		uint64_t look_ns = os_clock_boot_ns() + LOOK_NS;
		until_ns = look_ns < until_ns ? look_ns : until_ns;
	}
	(void)os_poll(set, COUNT, await_ms(until_ns));
	if (set[FILE_NEWS].ready)
		os_inotify_drain(news);
	if (set[READER].ready)
		return reader_is_gone();
	/* Looked at before the file is read: what it wrote before its end is read then. */
	if (set[0].ready || set[1].ready || a->again_ns <= os_clock_boot_ns())
		*out_is_over = await_look(a) != AWAIT_RUNNING;
	return -1;
}

static int follow(struct logs *l)
{
	struct host_id here;
	struct await await;
	AUTO_FD int news = os_inotify_open();

	if (news >= 0 && os_inotify_add(news, l->fd, OS_NEWS_WRITTEN) < 0)
		os_fd_close(&news);
	os_host_id(-1, &here);
	if (await_open(&await, &l->cmd.dir, l->target.run_id, &here) < 0)
		return print_rest(l); /* over meanwhile */
	bool is_over = await_look(&await) != AWAIT_RUNNING;
	int code = print_rest(l);
	while (code < 0 && !is_over) {
		code = sleep_and_look(&await, news, &is_over);
		if (code < 0)
			code = print_rest(l);
	}
	await_close(&await);
	return code;
}

int main(int argc, char **argv)
{
	static struct logs l = { .cmd = { .name = "logs", .command = FOR_LOGS }, .fd = -1 };

	(void)argc;
	int code = cmd_start(&l.cmd, argv);
	if (code >= 0)
		return code;
	const char *what = l.cmd.rest[0];
	if (!what)
		return cmd_say_exit("logs needs a JOB or a RUN: spawnguard logs JOB; see: spawnguard ps",
				    NULL, "", EXIT_USAGE);
	if ((code = find(&l, what)) >= 0 || (code = open_file(&l)) >= 0)
		return code;
	if (l.is_older)
		say_older(&l);
	code = l.is_current && l.cmd.job.follow ? follow(&l) : print_rest(&l);
	return code < 0 ? 0 : code;
}
