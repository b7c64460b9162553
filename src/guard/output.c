#include "guard/output.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "core/schedule.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/hole.h"
#include "os/inotify.h"
#include "os/poll.h"
#include "os/say.h"
#include "os/self.h"
#include "os/signal.h"
#include "run/describe.h"
#include "spawnguard/exit.h"

/* A pipe that takes anything takes this much without waiting. */
#define CHUNK_BYTES 4096

bool output_is_wanted(const struct run *run)
{
	return run->job->detach || run->job->output != OUTPUT_PASS;
}

static void put_path(struct buf *path, const struct run *run)
{
	const char *log = run->job->log;
	const char *first = log ? log : run->dir.keep_path;
	char cwd[4096];

	if (first[0] != '/') {
		os_working_dir(cwd, sizeof(cwd));
		buf_str(path, cwd);
		buf_char(path, '/');
	}
	buf_str(path, first);
	if (log)
		return;
	char own[LOGFILE_PATH_MAX];
	logfile_path(own, run->head.run_id);
	buf_char(path, '/');
	buf_str(path, own);
}

/* Where the record tells others to look for it. */
static int name_log(struct run *run)
{
	struct record_head *head = &run->head;
	struct buf path;
	BUF(line, 256);

	buf_init(&path, head->log, sizeof(head->log));
	put_path(&path, run);
	if (!run->job->log)
		head->flags |= RECORD_LOG_OWN;
	if (!run->job->log && run->job->output != OUTPUT_PASS)
		head->flags |= RECORD_LOG_IF_FAILED;
	if (!path.cut)
		return 0;
	if (!run->job->log) { /* a deep state directory: the place in it is enough to find it */
		logfile_path(head->log, head->run_id);
		return 0;
	}
	buf_str(&line, "the path of --log is longer than the ");
	buf_u64(&line, sizeof(head->log) - 1);
	buf_str(&line, " bytes that the record keeps: give a shorter one; nothing was started");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

int output_prepare(struct run *run)
{
	const struct job *job = run->job;
	struct logfile *o = &run->output;
	bool shows = job->output == OUTPUT_ON_FAILURE && !job->detach;
	struct fail fail = { 0 };
	BUF(line, 512);

	if (!output_is_wanted(run)) {
		buf_str(&line, "warning: --log has no effect without --detach or --output=on-failure|never: "
			       "give one of them, or leave it out");
		if (job->log)
			voice_note(&line);
		return 0;
	}
	if (name_log(run) != 0)
		return SG_EXIT_GUARD;
	struct logfile_want want = { .max_bytes = job->log_max_bytes, .reads = shows };
	int r = job->log ? logfile_open_user(o, job->log, &want, &fail)
			 : logfile_open_own(o, run->dir.keep_fd, run->head.run_id, &want, &fail);
	if (r < 0) {
		voice_fail(&fail, job->log ? "nothing was started; name a --log that can be written"
					   : "nothing was started; see: spawnguard doctor");
		return SG_EXIT_GUARD;
	}
	if (!shows || o->is_regular)
		return 0;
	buf_str(&line, "--output=on-failure needs a file that can be read again, which --log ");
	escape_word(&line, job->log, strlen(job->log), 200);
	buf_str(&line, " is not: name a regular file; nothing was started");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

void output_withdraw(struct run *run)
{
	if (run->output.fd >= 0 && !run->output.is_user && run->output.from == 0)
		(void)logfile_remove(run->dir.keep_fd, run->head.run_id);
	logfile_close(&run->output);
}

int output_give_to_job(const struct run *run)
{
	int r = os_fd_put(run->output.fd, 1);
	return r < 0 ? r : os_fd_put(run->output.fd, 2);
}

/* --- while the job runs ----------------------------------------------------------------------------------
 */

/* It has been quiet: no more looks until it is written to.  false: we go on looking. */
static bool sleep_until_news(struct logfile *o, struct output_pace *pace)
{
	if (pace->inotify == -1)
		pace->inotify = os_inotify_open(); /* tried once */
	if (pace->inotify < 0 || os_inotify_add(pace->inotify, o->fd, OS_NEWS_WRITTEN | OS_NEWS_ONCE) < 0)
		return false;
	return logfile_trim(o) == 0; /* else it was written to before the news were ordered */
}

int output_look(struct run *run, struct output_pace *pace, bool has_news)
{
	struct logfile *o = &run->output;

	if (!logfile_is_bounded(o))
		return -1;
	uint64_t now_ns = os_clock_boot_ns();
	if (has_news) {
		os_inotify_drain(pace->inotify);
		pace->period_ns = 0;
	}
	if (has_news || now_ns >= pace->next_ns) {
		uint64_t grown = logfile_trim(o);
		pace->period_ns = schedule_trim(pace->period_ns, grown, o->max_bytes);
		pace->next_ns = now_ns + pace->period_ns;
		if (grown == 0 && pace->period_ns == SCHEDULE_QUIET_NS && sleep_until_news(o, pace))
			pace->next_ns = NUM_NONE;
	}
	return pace->next_ns == NUM_NONE ? -1 : (int)((pace->next_ns - now_ns) / NS_PER_MS + 1);
}

/* --- afterwards ------------------------------------------------------------------------------------------
 */

/* 0; -ECANCELED, whoever waits for us wants us to end; -errno. */
static int wait_for_reader(int signals)
{
	struct os_poll set[2] = { { .fd = 1, .wants = OS_POLL_OUT }, { .fd = signals, .wants = OS_POLL_IN } };

	while (!set[0].ready && !set[1].ready) {
		int r = os_poll(set, 2, -1);
		if (r < 0)
			return r;
	}
	return set[1].ready ? -ECANCELED : 0;
}

/* [from, to) to stdout.  A reader that is slow holds nobody up but us: TERM, INT, HUP and QUIT end it. */
static int copy(const struct logfile *o, uint64_t from, uint64_t to)
{
	char bytes[CHUNK_BYTES];
	AUTO_FD int signals =
		os_signalfd_open(OS_SIG(SIGTERM) | OS_SIG(SIGINT) | OS_SIG(SIGHUP) | OS_SIG(SIGQUIT));

	while (from < to) {
		size_t want = to - from < sizeof(bytes) ? (size_t)(to - from) : sizeof(bytes);
		ssize_t got = os_fd_pread(o->fd, bytes, want, from);
		if (got <= 0)
			return (int)got;
		int r = wait_for_reader(signals);
		ssize_t put = r < 0 ? r : os_fd_write_some(1, bytes, (size_t)got);
		if (put < 0 && put != -EAGAIN)
			return (int)put;
		from += put > 0 ? (uint64_t)put : 0;
	}
	return 0;
}

static void put_log(struct buf *line, const struct run *run)
{
	escape_word(line, run->head.log, strlen(run->head.log), 0);
}

static void say_missing(const struct run *run, uint64_t bytes)
{
	BUF(line, 512);

	buf_str(&line, "the first ");
	num_format_size(&line, bytes);
	buf_str(&line, " of the output are gone: more than --log-max ");
	num_format_size(&line, run->job->log_max_bytes);
	voice_note(&line);
}

static void say_not_shown(const struct run *run, int err)
{
	BUF(line, 512);

	buf_str(&line, "warning: the output could not be shown to its end: ");
	if (err == -ECANCELED)
		buf_str(&line, "asked to stop");
	else
		buf_str(&line, fail_text(-err));
	buf_str(&line, "; all that was kept is in ");
	put_log(&line, run);
	voice_note(&line);
}

static void show(struct run *run, const struct outcome_verdict *verdict)
{
	struct logfile *o = &run->output;
	uint64_t from = o->from;
	BUF(line, 1024);

	/* Nobody must wait for the job's lock because nobody reads our output. */
	os_fd_close(&run->lock_fd);
	os_fd_close(&run->user_lock_fd);
	os_fd_close(&run->slot_fd);
	if (logfile_is_bounded(o) && o->size - from > o->max_bytes)
		from = o->size - o->max_bytes;
	int64_t data = os_hole_next_data(o->fd, from);
	if (data > (int64_t)from)
		from = (uint64_t)data;
	if (from > o->from)
		say_missing(run, from - o->from);
	int r = copy(o, from, o->size);
	if (r < 0)
		say_not_shown(run, r);
	escape_text(&line, run->name, strlen(run->name), 60);
	buf_str(&line, ": ");
	describe_end(&line, outcome_name(verdict->outcome), verdict->exit_code);
	buf_str(&line, o->size > o->from ? ", output: " : ", no output: ");
	put_log(&line, run);
	voice_note(&line);
}

static void warn_of_full_disk(const struct run *run)
{
	BUF(line, 512);

	buf_str(&line, "warning: the disk is full: the job may not have been able to write all of ");
	put_log(&line, run);
	buf_str(&line, "; make room");
	voice_note(&line);
}

void output_finish(struct run *run, const struct outcome_verdict *verdict)
{
	const struct job *job = run->job;
	struct logfile *o = &run->output;
	enum end_cause cause = (enum end_cause)run->state.figures.cause;

	if (o->fd < 0)
		return;
	if (o->is_regular) /* without a bound too: how much there is, is what will be shown */
		(void)logfile_trim(o);
	if (o->is_regular && os_file_is_full(o->fd))
		warn_of_full_disk(run);
	if (job->output == OUTPUT_ON_FAILURE && !job->detach && verdict->outcome != OUTCOME_OK &&
	    cause != CAUSE_NOT_STARTED)
		show(run, verdict);
	if (!close_keeps_log(&run->head, cause, verdict->outcome))
		(void)logfile_remove(run->dir.keep_fd, run->head.run_id);
	logfile_close(o);
}

void output_explain(struct buf *out, const struct run *run)
{
	static const char *const when[] = {
		[OUTPUT_PASS] = "",
		[OUTPUT_ON_FAILURE] = ", kept if the job fails",
		[OUTPUT_NEVER] = ", kept if the job fails",
	};
	BUF(path, 4096 + 512);

	if (!output_is_wanted(run))
		return;
	put_path(&path, run);
	buf_str(out, run->job->detach ? "\noutput:  in the background, to " : "\noutput:  to ");
	escape_text(out, path.at, path.len, 0);
	if (!run->job->log)
		buf_str(out, when[run->job->output]);
	if (run->job->output == OUTPUT_ON_FAILURE && !run->job->detach)
		buf_str(out, run->job->log ? ", shown if the job fails" : ", then shown");
}
