#include "guard/report.h"

#include <errno.h>
#include <string.h>

#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "base/signal_name.h"
#include "core/statuses.h"
#include "guard/flag.h"
#include "guard/pair.h"
#include "guard/voice.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/link.h"
#include "os/say.h"
#include "run/cgroup.h"
#include "run/describe.h"
#include "run/nested.h"
#include "store/history.h"
#include "tree/tree.h"

#define NAMED_MAX 3 /* members named in a line for people */

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
	buf_str(line, ": ");
}

static void put_count(struct buf *line, uint64_t n, const char *one, const char *many)
{
	buf_u64(line, n);
	buf_char(line, ' ');
	buf_str(line, n == 1 ? one : many);
}

void report_step(const struct run_report *report, const char *what, uint32_t count)
{
	BUF(line, 512);

	if (!voice_tells_steps() || count == 0)
		return;
	put_name(&line, report->run);
	buf_str(&line, what);
	buf_char(&line, ' ');
	put_count(&line, count, "process", "processes");
	voice_step(&line);
}

void report_name_ended(struct run_report *report, struct tree *tree, uint32_t flags)
{
	struct buf names;

	buf_init(&names, report->ended, sizeof(report->ended));
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD | MEMBER_KNOWN) ||
		    (m->flags & flags) != flags)
			continue;
		report->ended_count++;
		if (report->ended_named == NAMED_MAX)
			continue;
		buf_str(&names, report->ended_named++ == 0 ? "" : ", ");
		escape_text(&names, m->comm, strnlen(m->comm, sizeof(m->comm)), 0);
		buf_str(&names, " (");
		buf_i64(&names, m->id.pid);
		buf_char(&names, ')');
	}
}

/* "ended 14 processes (3 by KILL): sh (4711), ..." */
static void put_ended(struct buf *line, const struct run_report *report)
{
	const struct run_figures *f = &report->run->state.figures;

	buf_str(line, "ended ");
	put_count(line, f->ended, "process", "processes");
	if (f->killed > 0) {
		buf_str(line, " (");
		buf_u64(line, f->killed);
		buf_str(line, " by KILL)");
	}
}

static void put_ended_names(struct buf *line, const struct run_report *report)
{
	if (report->groups[0] == '\0' && report->ended_named == 0)
		return;
	buf_str(line, ": ");
	buf_str(line, report->groups);
	buf_str(line, report->groups[0] != '\0' && report->ended_named > 0 ? "; " : "");
	buf_str(line, report->ended);
	if (report->ended_count > report->ended_named)
		buf_str(line, ", ...");
}

/* "NAME (pid 4711, uid 0)" */
static void put_process(struct buf *line, const struct run_figures *f)
{
	if (f->sender_comm[0] != '\0') {
		escape_text(line, f->sender_comm, strnlen(f->sender_comm, sizeof(f->sender_comm)), 0);
		buf_char(line, ' ');
	}
	buf_str(line, "(pid ");
	buf_i64(line, f->sender_pid);
	buf_str(line, ", uid ");
	buf_u64(line, f->sender_uid);
	buf_char(line, ')');
}

static void put_sender(struct buf *line, const struct run_figures *f)
{
	if (f->by_run[0] != '\0') {
		buf_str(line, " for run ");
		buf_mem(line, f->by_run, strnlen(f->by_run, 8));
	}
	if (f->sender_pid <= 0)
		return;
	buf_str(line, " from ");
	put_process(line, f);
}

static void put_cause(struct buf *line, const struct run *run)
{
	const struct run_figures *f = &run->state.figures;

	switch ((enum end_cause)f->cause) {
	case CAUSE_TIMEOUT:
		buf_str(line, "timeout after ");
		num_format_duration(line, run->job->timeout_ns);
		break;
	case CAUSE_LIMIT:
		buf_str(line, "limit passed: ");
		finding_format(line, &run->limit);
		buf_str(line, ": ");
		return;
	case CAUSE_START_TIMEOUT:
		buf_str(line, "not ready within ");
		num_format_duration(line, run->job->start_timeout_ns);
		buf_str(line, " (--start-timeout)");
		break;
	case CAUSE_IDLE_TIMEOUT:
		buf_str(line, "no output, CPU time or I/O for ");
		num_format_duration(line, run->job->idle_timeout_ns);
		buf_str(line, " (--idle-timeout)");
		break;
	case CAUSE_HEARTBEAT:
		buf_str(line, "no heartbeat for ");
		num_format_duration(line, run->job->heartbeat_ns);
		buf_str(line, " (--heartbeat)");
		break;
	case CAUSE_SIGNAL:
		buf_str(line, "asked to end by a signal");
		break;
	case CAUSE_HANGUP:
		buf_str(line, "the terminal is gone");
		break;
	case CAUSE_REQUEST:
		buf_str(line, "asked to end");
		break;
	case CAUSE_REPLACED:
		buf_str(line, "replaced by run ");
		buf_mem(line, f->by_run, strnlen(f->by_run, 8));
		buf_str(line, " (pid ");
		buf_i64(line, f->sender_pid);
		buf_str(line, ", uid ");
		buf_u64(line, f->sender_uid);
		buf_str(line, "): ");
		return;
	case CAUSE_OUTER:
		buf_str(line, "the run around it ends: ");
		return;
	case CAUSE_PARENT:
		buf_str(line, "what started it has ended: ");
		put_process(line, f);
		buf_str(line, ": ");
		return;
	case CAUSE_WARDEN_DEAD:
		buf_str(line, "its warden was killed");
		break;
	default:
		buf_str(line, "over");
	}
	if (f->cause != CAUSE_TIMEOUT)
		put_sender(line, f);
	buf_str(line, ": ");
}

static void say_end(const struct run_report *report)
{
	const struct run *run = report->run;
	const struct run_figures *f = &run->state.figures;
	BUF(line, PAIR_TEXT_MAX);

	put_name(&line, run);
	if (f->cause != CAUSE_NONE) {
		put_cause(&line, run);
		put_ended(&line, report);
	} else if (f->ended > 0) {
		put_ended(&line, report);
		buf_str(&line, " that the job left behind");
	} else {
		return;
	}
	put_ended_names(&line, report);
	voice_note(&line);
}

static void say_remaining(const struct close_run *c, const struct run *run)
{
	const struct run_figures *f = &run->state.figures;
	BUF(line, PAIR_TEXT_MAX);

	if (f->survivors == 0 && f->left_alone == 0)
		return;
	put_name(&line, run);
	buf_str(&line, f->survivors > 0 ? "cannot end " : "left running, as asked: ");
	voice_name_processes(&line, c->process, c->process_count);
	if (c->process_count == 0)
		buf_str(&line, "what /proc does not show");
	else if (f->survivors > c->process_count)
		buf_str(&line, ", ...");
	if (f->survivors > 0) {
		buf_str(&line, "; end it by hand, then: spawnguard reap ");
		escape_word(&line, run->name, strlen(run->name), 60);
		voice_error(&line);
	} else {
		voice_note(&line);
	}
}

static void say_not_started(const struct run *run, int start_errno)
{
	BUF(line, PAIR_TEXT_MAX);

	if (run->world_failed != WORLD_NONE) {
		world_format_failure(&line, run->job, run->world_failed, -start_errno);
		buf_str(&line, "; ");
		buf_str(&line, world_cure(run->world_failed, -start_errno));
		voice_error(&line);
		return;
	}
	if (start_errno < 0) {
		buf_str(&line, "cannot make a process for the job: ");
		buf_str(&line, fail_text(-start_errno));
		if (start_errno == -EAGAIN)
			buf_str(&line, "; the limit of processes is reached, see: ulimit -u");
		else
			buf_str(&line, "; nothing was started; see: spawnguard doctor");
		voice_error(&line);
		return;
	}
	buf_str(&line, "cannot execute ");
	escape_text(&line, run->program, strlen(run->program), 200);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(start_errno));
	if (start_errno == ENOENT && strchr(run->program, '/'))
		buf_str(&line, "; it, or the interpreter that its first line names, is missing: give its "
			       "right path");
	else if (start_errno == ENOENT)
		buf_str(&line, "; it is in no directory of PATH: give its path");
	else if (start_errno == EACCES)
		buf_str(&line, "; if it is a script of yours: chmod +x");
	else if (start_errno == E2BIG)
		buf_str(&line, "; arguments and environment are too long for the kernel: shorten them");
	else
		buf_str(&line, "; see: spawnguard run --dry-run");
	voice_error(&line);
}

struct outcome_verdict report_judge(const struct run *run, const struct run_figures *f, int start_errno)
{
	struct outcome_facts facts = {
		.cause = (enum end_cause)f->cause,
		.has_status = f->has_status != 0,
		.was_over = f->was_over != 0,
		.job_status = f->job_status,
		.is_success = f->has_status && statuses_have(&run->job->success, f->job_status),
		.survivors = f->survivors,
		.start_errno = start_errno,
		.preserves_status = run->job->preserve_status,
	};

	return outcome_judge(&facts);
}

static struct close_run closing(struct run_report *report, struct tree *tree, int start_errno, const char *by)
{
	struct run *run = report->run;
	struct run_figures *f = &run->state.figures;
	struct close_run c = {
		.dir = &run->dir,
		.head = &run->head,
		.state = &run->state,
		.record_fd = run->record_fd,
		.history_fd = run->history_fd,
		.by = by,
		.keep_record = f->survivors > 0,
	};

	budget_finish(run);
	c.has_told = notify_get(run, &c.told);
	tail_collect(run);
	c.has_tail = tail_get(run, &c.tail);
	c.verdict = report_judge(run, f, start_errno);
	c.has_yield = yield_get(run, &c.verdict, &c.yield);
	c.toll.wants = circuit_toll(run);
	if (f->cause == CAUSE_LIMIT && run->limit.rule) {
		report->limit = flag_line(run, &run->limit, FLAG_KILL);
		c.limit = &report->limit;
	}
	if (run->world_failed != WORLD_NONE) {
		struct buf detail;
		buf_init(&detail, report->detail, sizeof(report->detail));
		world_format_failure(&detail, run->job, run->world_failed, -start_errno);
		c.detail = report->detail;
	} else if (start_errno != 0)
		c.detail = start_errno > 0 ? fail_text(start_errno) : fail_text(-start_errno);
	if (tree && (f->survivors > 0 || f->left_alone > 0))
		close_name_members(&c, tree);
	attempt_judge(run, &c);
	report->retry_for = c.goes_on ? c.retry_for : FAILURE_NONE;
	report->retry_in_ns = c.retry_in_ns;
	if (c.goes_on)
		return c;
	if (run->cgroup_fd >= 0) /* a group that is not empty stays: of survivors, or of what is left alone */
		(void)run_cgroup_remove(&run->head);
	notify_remove(run);
	return c;
}

static int write_down(struct run_report *report, struct close_run *c, int link)
{
	if (report->run->state.figures.killed > 0 || (report->nested && report->nested->count > 0))
		nested_close(&report->run->dir, report->run->head.run_id);
	int r = close_run(c);
	if (!c->goes_on)
		circuit_tell(report->run, &c->toll, link);
	if (r < 0) {
		BUF(line, 256);
		buf_str(&line, "warning: the end of run ");
		buf_mem(&line, report->run->head.run_id, strnlen(report->run->head.run_id, 8));
		buf_str(&line, " could not be written down: ");
		buf_str(&line, fail_text(-r));
		buf_str(&line, "; the job's status is not affected");
		voice_note(&line);
	}
	return r;
}

/* Apart: a message is large, and most ends send none. */
static __attribute__((noinline)) void tell_front(const struct run_report *report, const struct close_run *c,
						 int link)
{
	struct pair_message done;

	memset(&done, 0, PAIR_HEAD_BYTES);
	done.kind = PAIR_DONE;
	done.end.figures = report->run->state.figures;
	done.end.verdict = c->verdict;
	done.end.process_count = c->process_count;
	done.end.retry_for = c->goes_on ? (uint32_t)c->retry_for : FAILURE_NONE;
	done.end.retry_in_ns = c->retry_in_ns;
	memcpy(done.end.process, c->process, sizeof(c->process));
	struct buf detail;
	buf_init(&detail, done.end.detail, sizeof(done.end.detail));
	if (c->detail)
		buf_str(&detail, c->detail);
	(void)os_link_send(link, &done, PAIR_HEAD_BYTES + sizeof(done.end));
}

void report_finish(struct run_report *report, struct tree *tree, int start_errno, int link)
{
	struct close_run c = closing(report, tree, start_errno, "warden");

	if (start_errno != 0)
		say_not_started(report->run, start_errno);
	else
		say_end(report);
	say_remaining(&c, report->run);
	/* Front reads the end in the record, as it does after our death: one message and one wakeup less. */
	if (write_down(report, &c, link) == 0 && report->run->record_fd >= 0 && c.process_count == 0 &&
	    start_errno == 0 && !c.keep_record && !c.goes_on)
		return;
	tell_front(report, &c, link);
}

struct outcome_verdict report_finish_by_front(struct run_report *report, struct tree *tree, int start_errno)
{
	struct close_run c = closing(report, tree, start_errno, "front");

	if (start_errno != 0)
		say_not_started(report->run, start_errno);
	else
		say_end(report);
	say_remaining(&c, report->run);
	c.may_be_told = start_errno == 0; /* by the warden, in its last moment */
	(void)write_down(report, &c, -1);
	if (!c.goes_on)
		run_put_status(report->run, &c);
	return c.verdict;
}

struct outcome_verdict report_finish_between(struct run *run, const struct attempt_over *over,
					     const struct outcome_verdict *last)
{
	struct run_figures *f = &run->state.figures;
	struct run_report report = { .run = run };

	if (over->cause != CAUSE_NONE) {
		f->cause = over->cause;
		f->was_over = f->has_status;
		f->sender_pid = over->sender.pid;
		f->sender_uid = over->sender.uid;
		memcpy(f->sender_comm, over->sender.comm, sizeof(f->sender_comm));
		memcpy(f->by_run, over->by_run, sizeof(f->by_run));
		f->ended_boot_ns = 0; /* it is now */
	}
	struct close_run c = closing(&report, NULL, 0, "front");
	if (over->cause == CAUSE_NONE)
		c.verdict.outcome = last->outcome;
	c.verdict.exit_code = last->exit_code;
	c.verdict.raise_signal = last->raise_signal;
	(void)write_down(&report, &c, -1);
	run_put_status(run, &c);
	return c.verdict;
}

static void put_run(struct buf *line, const struct run *run)
{
	put_name(line, run);
	buf_str(line, "run ");
	buf_mem(line, run->head.run_id, strnlen(run->head.run_id, 8));
}

void report_log_start(const struct run *run)
{
	BUF(line, PAIR_TEXT_MAX);

	if (!voice_is_logged())
		return;
	put_run(&line, run);
	buf_str(&line, " starts: ");
	describe_command(&line, &run->head, 200);
	voice_line(&line, VOICE_INFO, false);
}

void report_log_end(const struct run *run, const struct outcome_verdict *v)
{
	BUF(line, PAIR_TEXT_MAX);
	uint64_t start_ns = run->head.started_boot_ns, end_ns = run->state.figures.ended_boot_ns;

	if (!voice_is_logged())
		return;
	put_run(&line, run);
	buf_str(&line, " ended: ");
	buf_str(&line, outcome_name(v->outcome));
	buf_str(&line, ", exit status ");
	buf_i64(&line, v->exit_code);
	if (v->raise_signal != 0) {
		buf_str(&line, " (");
		signal_format(&line, v->raise_signal);
		buf_char(&line, ')');
	}
	buf_str(&line, ", after ");
	num_format_duration(&line, end_ns > start_ns ? end_ns - start_ns : 0);
	voice_line(&line, v->outcome == OUTCOME_OK ? VOICE_INFO : VOICE_NOTE, false);
}

void report_stats(const struct run *run, const struct run_figures *f)
{
	BUF(line, 512);
	uint64_t start_ns = run->head.started_boot_ns;

	put_name(&line, run);
	buf_str(&line, "wall ");
	num_format_duration(&line, f->ended_boot_ns > start_ns ? f->ended_boot_ns - start_ns : 0);
	buf_str(&line, ", cpu ");
	num_format_duration(&line, f->user_ns);
	buf_str(&line, " user ");
	num_format_duration(&line, f->system_ns);
	buf_str(&line, " system, peak ");
	num_format_size(&line, f->peak_rss_bytes);
	buf_str(&line, " memory, ");
	put_count(&line, f->peak_procs, "process", "processes");
	buf_str(&line, ", seen at least ");
	buf_u64(&line, f->seen);
	voice_line(&line, VOICE_INFO, true); /* asked for: also with --quiet */
}

static void warn_of_status(int result, const char *where)
{
	BUF(line, 512);

	if (result >= 0)
		return;
	buf_str(&line, "warning: cannot write the status to ");
	escape_text(&line, where, strlen(where), 200);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-result));
	buf_str(&line, "; the history has it");
	voice_note(&line);
}

static void put_object(const struct run *run, const struct buf *object)
{
	const struct job *job = run->job;

	if (job->status_fd >= 0)
		warn_of_status(os_write_whole(job->status_fd, object->at, object->len), "--status-fd");
	if (!job->status_file)
		return;
	AUTO_FD int fd = os_open_user(job->status_file, OS_WRITE_NEW, 0666);
	warn_of_status(fd < 0 ? fd : os_write_whole(fd, object->at, object->len), job->status_file);
}

void run_put_status(const struct run *run, const struct close_run *c)
{
	if (run->job->status_fd < 0 && !run->job->status_file)
		return;
	BUF(object, HISTORY_LINE_MAX);
	close_format_status(&object, c);
	put_object(run, &object);
}

void run_put_refused_status(const struct run *run, const struct history_refused *refused, int exit_code)
{
	if (run->job->status_fd < 0 && !run->job->status_file)
		return;
	BUF(object, 2048);
	history_format_refused_status(&object, refused, exit_code);
	put_object(run, &object);
}
