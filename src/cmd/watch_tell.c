#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/utc.h"
#include "cmd/watch.h"
#include "codec/json_write.h"
#include "os/clock.h"
#include "os/say.h"
#include "report/past_parse.h"
#include "run/describe.h"
#include "spawnguard/exit.h"

#define LINE_MAX 8192

/* Each line is on its way when the next thing is looked at: whoever reads may be acting on it. */
static void put(struct watch *w, struct buf *line)
{
	buf_char(line, '\n');
	int r = w->write_err != 0 ? 0 : os_write_whole(1, line->at, line->len);
	if (r == -EPIPE)
		w->is_reader_gone = true;
	else if (r < 0)
		w->write_err = r;
}

static void begin_json(struct json *j, struct buf *line, const char *event, const struct watch_who *who,
		       uint64_t wall_ns)
{
	BUF(time, 40);

	utc_format(&time, wall_ns);
	json_init(j, line);
	json_open(j, NULL, '{');
	json_str(j, "time", time.at);
	json_str(j, "event", event);
	if (who->job)
		json_str(j, "job", who->job);
	if (who->run_id)
		json_str(j, "run", who->run_id);
	if (who->pid > 0)
		json_i64(j, "pid", who->pid);
	if (who->comm)
		json_str(j, "comm", who->comm);
}

static void end_json(struct watch *w, struct json *j)
{
	json_close(j, '}');
	put(w, j->out);
}

/* "2026-11-21T23:10:00.123Z nightly 7f3c9e12: " */
static void begin_line(struct buf *line, const struct watch_who *who, uint64_t wall_ns)
{
	utc_format(line, wall_ns);
	buf_char(line, ' ');
	if (who->job)
		escape_text(line, who->job, strlen(who->job), 60);
	if (who->run_id) {
		buf_char(line, ' ');
		escape_text(line, who->run_id, strnlen(who->run_id, 8), 0);
	}
	if (who->pid > 0) {
		escape_text(line, who->comm, strlen(who->comm), 0);
		buf_str(line, " (");
		buf_i64(line, who->pid);
		buf_char(line, ')');
	}
	buf_str(line, ": ");
}

static void tell_words(struct watch *w, const char *event, const char *words, const struct watch_who *who,
		       uint64_t wall_ns)
{
	BUF(line, LINE_MAX);
	struct json j;

	if (w->cmd.job.json) {
		begin_json(&j, &line, event, who, wall_ns);
		end_json(w, &j);
		return;
	}
	begin_line(&line, who, wall_ns);
	buf_str(&line, words);
	put(w, &line);
}

void tell_start(struct watch *w, const struct watch_who *who, uint64_t wall_ns)
{
	w->vigil.runs++;
	tell_words(w, "start", "started", who, wall_ns);
}

void tell_tree(struct watch *w, const struct watch_who *who, bool is_gone)
{
	if (!is_gone)
		w->vigil.runs++;
	tell_words(w, is_gone ? "gone" : "watching", is_gone ? "all of it is gone" : "watched from here on",
		   who, os_clock_wall_ns());
}

static void put_number(struct json *j, const char *key, uint64_t value)
{
	if (value != UINT64_MAX)
		json_u64(j, key, value);
}

static void flag_as_json(struct json *j, const struct finding *f)
{
	json_str(j, "rule", f->rule);
	json_str(j, "severity", severity_name(f->severity));
	json_str(j, "text", f->text);
	put_number(j, "value", f->value);
	put_number(j, "bound", f->bound);
	json_open(j, "witnesses", '[');
	for (unsigned i = 0; i < FINDING_WITNESSES && f->witness[i].pid != 0; i++) {
		const struct witness *of = &f->witness[i];
		json_open(j, NULL, '{');
		json_i64(j, "pid", of->pid);
		json_bytes(j, "comm", of->comm, strnlen(of->comm, sizeof(of->comm)));
		json_u64(j, "value", of->value);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Inert as its maker wrote it, with escapes in it; what comes of a file is checked once more. */
static void put_inert(struct buf *line, const char *text)
{
	for (const char *at = text;; at++) {
		size_t n = strcspn(at, "\\");
		escape_text(line, at, n, 0);
		at += n;
		if (*at == '\0')
			return;
		buf_char(line, *at);
	}
}

static void put_finding(struct buf *line, const struct finding *f)
{
	BUF(text, 2048);

	finding_format(&text, f);
	put_inert(line, text.at);
}

void tell_flag(struct watch *w, const struct watch_who *who, uint64_t wall_ns, const struct finding *f)
{
	BUF(line, LINE_MAX);
	struct json j;

	w->vigil.flags[f->severity]++;
	if (w->cmd.job.json) {
		begin_json(&j, &line, "flag", who, wall_ns);
		flag_as_json(&j, f);
		end_json(w, &j);
		return;
	}
	begin_line(&line, who, wall_ns);
	buf_str(&line, severity_name(f->severity));
	buf_str(&line, ": ");
	put_finding(&line, f);
	put(w, &line);
}

void tell_end(struct watch *w, const struct watch_who *who, uint64_t wall_ns, const char *outcome, int status,
	      uint64_t took_ns)
{
	BUF(line, LINE_MAX);
	struct json j;

	if (strcmp(outcome, SG_OUTCOME_OK) == 0)
		w->vigil.ok++;
	else
		w->vigil.failed++;
	if (w->cmd.job.json) {
		begin_json(&j, &line, "end", who, wall_ns);
		json_str(&j, "outcome", outcome);
		json_i64(&j, "exit_status", status);
		json_seconds(&j, "took", took_ns, 3);
		end_json(w, &j);
		return;
	}
	begin_line(&line, who, wall_ns);
	buf_str(&line, "ended: ");
	describe_end(&line, outcome, status);
	buf_str(&line, ", ");
	num_format_duration(&line, took_ns);
	put(w, &line);
}

void tell_refused(struct watch *w, const struct watch_who *who, uint64_t wall_ns, const char *reason,
		  uint64_t count)
{
	BUF(line, LINE_MAX);
	struct json j;

	w->vigil.refused += count;
	if (w->cmd.job.json) {
		begin_json(&j, &line, "refused", who, wall_ns);
		if (reason[0] != '\0')
			json_str(&j, "reason", reason);
		json_u64(&j, "refusals", count);
		end_json(w, &j);
		return;
	}
	begin_line(&line, who, wall_ns);
	if (count != 1)
		buf_u64(&line, count);
	buf_str(&line, count == 1 ? "a start was refused" : " starts were refused");
	if (reason[0] != '\0') {
		buf_str(&line, ": ");
		escape_text(&line, reason, strlen(reason), 60);
	}
	put(w, &line);
}

/* "breaker: closed to open: ..." */
void tell_breaker(struct watch *w, const struct watch_who *who, const struct past_breaker *event)
{
	BUF(line, LINE_MAX);
	struct json j;

	w->vigil.breaker++;
	if (w->cmd.job.json) {
		begin_json(&j, &line, "breaker", who, event->wall_ns);
		json_str(&j, "from", event->from);
		json_str(&j, "to", event->to);
		json_str(&j, "text", event->text);
		end_json(w, &j);
		return;
	}
	begin_line(&line, who, event->wall_ns);
	buf_str(&line, "breaker: ");
	if (strcmp(event->from, event->to) != 0) {
		put_inert(&line, event->from);
		buf_str(&line, " to ");
	}
	put_inert(&line, event->to);
	buf_str(&line, event->text[0] != '\0' ? ": " : "");
	put_inert(&line, event->text);
	put(w, &line);
}

/* --- the last line ---------------------------------------------------------------------------------------
 */

static uint32_t count_flags(const struct vigil *v)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < SEVERITY_COUNT; i++)
		n += v->flags[i];
	return n;
}

static void put_count(struct buf *line, uint64_t n, const char *one, const char *many)
{
	if (n == 0)
		buf_str(line, "no");
	else
		buf_u64(line, n);
	buf_str(line, n == 1 ? one : many);
}

static void put_runs(struct buf *line, const struct vigil *v, uint32_t open)
{
	put_count(line, v->runs, " run", " runs");
	if (v->runs == 0)
		return;
	buf_str(line, " (");
	buf_u64(line, v->ok);
	buf_str(line, " ok, ");
	buf_u64(line, v->failed);
	buf_str(line, " not");
	if (open > 0) {
		buf_str(line, ", ");
		buf_u64(line, open);
		buf_str(line, open == 1 ? " goes on" : " go on");
	}
	buf_char(line, ')');
}

static void summary_as_json(struct watch *w, const struct watch_who *who, uint32_t open, uint64_t took_ns)
{
	const struct vigil *v = &w->vigil;
	BUF(line, LINE_MAX);
	struct json j;

	begin_json(&j, &line, "summary", who, os_clock_wall_ns());
	if (who->pid > 0) {
		json_u64(&j, "processes", open);
	} else {
		json_u64(&j, "runs", v->runs);
		json_u64(&j, "ok", v->ok);
		json_u64(&j, "failed", v->failed);
		json_u64(&j, "open", open);
		json_u64(&j, "refusals", v->refused);
		json_u64(&j, "breaker_events", v->breaker);
	}
	json_open(&j, "flags", '{');
	for (unsigned i = 0; i < SEVERITY_COUNT; i++)
		json_u64(&j, severity_name((enum severity)i), v->flags[i]);
	json_close(&j, '}');
	json_seconds(&j, "watched", took_ns, 3);
	json_i64(&j, "status", vigil_status(v));
	end_json(w, &j);
}

void tell_summary(struct watch *w, const struct watch_who *who, uint32_t open)
{
	uint64_t took_ns = os_clock_boot_ns() - w->began_ns;
	const struct vigil *v = &w->vigil;
	BUF(line, LINE_MAX);

	if (w->cmd.job.json) {
		summary_as_json(w, who, open, took_ns);
		return;
	}
	begin_line(&line, who, os_clock_wall_ns());
	buf_str(&line, "watched for ");
	num_format_duration(&line, took_ns);
	buf_str(&line, ": ");
	if (who->pid > 0)
		put_count(&line, open, " process is left", " processes are left");
	else
		put_runs(&line, v, open);
	buf_str(&line, ", ");
	put_count(&line, count_flags(v), " flag", " flags");
	if (v->flags[SEVERITY_INFO] > 0) {
		buf_str(&line, " (");
		buf_u64(&line, v->flags[SEVERITY_INFO]);
		buf_str(&line, " info)");
	}
	if (who->pid == 0) {
		buf_str(&line, ", ");
		put_count(&line, v->refused, " start refused", " starts refused");
	}
	if (v->breaker > 0) {
		buf_str(&line, ", ");
		put_count(&line, v->breaker, " breaker event", " breaker events");
	}
	put(w, &line);
}
