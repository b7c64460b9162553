/* spawnguard status [JOB]: how a job stands: running or its last end, limits, last outcomes. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/utc.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/say.h"
#include "os/self.h"
#include "report/past.h"
#include "run/describe.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "tree/walk.h"

#define PAGE_BYTES 4096
#define ENDS_MAX   20
#define JOBS_MAX   10000
#define TEXT_BYTES (64 * 1024) /* one job: twenty outcomes and its runs */
#define RUNS_SHOWN 32          /* of one job in JSON */

/* A run that is going on. */
struct live {
	struct record_head head;
	const char *state;
	uint64_t age_ns, counted_ns, rss_bytes; /* counted: towards the time limit */
	uint32_t procs;
};

struct status {
	struct cmd *cmd;
	struct live *live; /* owned */
	size_t live_count;
	struct past_jobs past;
	struct past_months months;
	struct buf out;
	struct json json;
	bool is_utf8, is_json;
	bool all_well; /* each job is running, or its last run was ok */
	size_t shown;
	int error; /* of the output */
};

/* clang-format off */
static const struct {
	const char *outcome, *utf8, *ascii;
} marks[] = {
	{ SG_OUTCOME_OK,          "\xe2\x9c\x93", "." },
	{ SG_OUTCOME_FAILED,      "\xe2\x9c\x97", "F" },
	{ SG_OUTCOME_SIGNALED,    "S",            "S" },
	{ SG_OUTCOME_TIMEOUT,     "T",            "T" },
	{ SG_OUTCOME_LIMIT,       "M",            "M" },
	{ SG_OUTCOME_KILLED,      "K",            "K" },
	{ SG_OUTCOME_REPLACED,    "R",            "R" },
	{ SG_OUTCOME_SURVIVORS,   "!",            "!" },
	{ SG_OUTCOME_GUARD_ERROR, "E",            "E" },
	{ SG_OUTCOME_LOST,        "L",            "L" },
};
/* clang-format on */

static size_t mark_of(const char *outcome)
{
	size_t i = 0;
	while (i < COUNT_OF(marks) && strcmp(marks[i].outcome, outcome) != 0)
		i++;
	return i;
}

static const char *mark_text(const struct status *s, size_t mark)
{
	if (mark == COUNT_OF(marks))
		return "?";
	return s->is_utf8 ? marks[mark].utf8 : marks[mark].ascii;
}

static void flush(struct status *s)
{
	int r = os_write_whole(1, s->out.at, s->out.len);
	if (r < 0 && s->error == 0)
		s->error = r;
	buf_clear(&s->out);
}

/* ---- what there is */

static int take_live(void *with, struct run_view *view)
{
	struct status *s = with;
	const struct record_head *head = &view->record.head;

	if (s->past.only && strcmp(head->job, s->past.only) != 0)
		return 0;
	AUTO_FREE struct tree *tree = calloc(1, sizeof(*tree));
	uint64_t now_ns = os_clock_boot_ns();
	struct live *more = reallocarray(s->live, s->live_count + 1, sizeof(*more));
	if (more)
		s->live = more;
	if (!more || !tree)
		return -ENOMEM;
	tree_init(tree, view->record.fd);
	run_view_walk(view, tree);
	struct live *l = &s->live[s->live_count++];
	*l = (struct live){ .head = *head,
			    .state = describe_state(view),
			    .age_ns = describe_age_ns(view, now_ns),
			    .counted_ns = describe_counted_ns(view, now_ns),
			    .procs = tree->procs,
			    .rss_bytes = tree->rss_pages * PAGE_BYTES };
	tree_release(tree);
	return 0;
}

static bool is_well(const struct live *l)
{
	return strcmp(l->state, "lost") != 0;
}

/* ---- as text */

static void put_name(struct buf *out, const char *name)
{
	escape_text(out, name, strlen(name), 0);
}

static void put_ago(struct buf *out, uint64_t wall_ns)
{
	uint64_t now_ns = os_clock_wall_ns();
	utc_format(out, wall_ns);
	buf_str(out, " (");
	num_format_duration(out, now_ns > wall_ns ? now_ns - wall_ns : 0);
	buf_str(out, " ago)");
}

static void put_live(struct buf *out, const struct live *l)
{
	buf_str(out, l->state);
	buf_str(out, " for ");
	num_format_duration(out, l->age_ns);
	buf_str(out, ", run ");
	buf_mem(out, l->head.run_id, strnlen(l->head.run_id, 8));
	buf_str(out, ", pid ");
	buf_i64(out, l->head.front.pid);
	buf_str(out, ", processes ");
	buf_u64(out, l->procs);
	buf_str(out, ", ");
	num_format_size(out, l->rss_bytes);
	if (!is_well(l))
		buf_str(out, " (its guards are dead: spawnguard reap ends what is left)");
}

static void put_sender(struct buf *out, const struct past_run *run)
{
	if (run->sender_pid <= 0)
		return;
	buf_str(out, " by ");
	put_name(out, run->sender_comm[0] != '\0' ? run->sender_comm : "?");
	buf_str(out, "[");
	buf_i64(out, run->sender_pid);
	buf_str(out, "] of uid ");
	buf_i64(out, run->sender_uid);
}

static void put_end(struct buf *out, const struct past_run *run)
{
	put_name(out, run->outcome);
	buf_str(out, ", status ");
	buf_i64(out, run->exit_status);
	if (strcmp(run->cause, "none") != 0) {
		buf_str(out, ", ended for: ");
		put_name(out, run->cause);
		put_sender(out, run);
	}
	buf_str(out, ", ");
	put_ago(out, run->ended_wall_ns);
	buf_str(out, ", took ");
	num_format_duration(out, run->wall_ns);
	buf_str(out, ", run ");
	escape_text(out, run->run_id, strnlen(run->run_id, 8), 0);
}

/* The oldest first: the newest stands at the end, where time goes. */
static void put_strip(const struct status *s, struct buf *out, const struct past_job *job)
{
	for (size_t i = job->count; i-- > 0;)
		buf_str(out, mark_text(s, mark_of(job->run[i].outcome)));
}

static void put_legend(const struct status *s, struct buf *out, const struct past_job *job)
{
	for (size_t m = 0; m < COUNT_OF(marks); m++) {
		bool occurs = false;
		for (size_t i = 0; i < job->count; i++)
			occurs = occurs || mark_of(job->run[i].outcome) == m;
		if (!occurs)
			continue;
		buf_str(out, "  ");
		buf_str(out, mark_text(s, m));
		buf_char(out, ' ');
		buf_str(out, marks[m].outcome);
	}
}

static void put_limits(struct buf *out, uint64_t timeout_ns, uint64_t kill_after_ns, const struct live *live)
{
	buf_str(out, "limits     timeout ");
	num_format_duration(out, timeout_ns);
	if (live && timeout_ns != NUM_NONE) {
		buf_str(out, " (");
		num_format_duration(out, timeout_ns > live->counted_ns ? timeout_ns - live->counted_ns : 0);
		buf_str(out, " left)");
	}
	buf_str(out, ", kill after ");
	num_format_duration(out, kill_after_ns);
	buf_char(out, '\n');
}

/* One job in lines of its own. */
static void put_job(struct status *s, const char *name, const struct past_job *job)
{
	struct buf *out = &s->out;
	const struct live *newest = NULL;

	put_name(out, name);
	buf_char(out, '\n');
	for (size_t i = 0; i < s->live_count; i++) {
		if (strcmp(s->live[i].head.job, name) != 0)
			continue;
		newest = &s->live[i];
		buf_str(out, "now        ");
		put_live(out, newest);
		buf_char(out, '\n');
	}
	if (job && job->count > 0) {
		buf_str(out, "last end   ");
		put_end(out, &job->run[0]);
		if (job->run[0].detail[0] != '\0') {
			buf_str(out, "\n           ");
			put_name(out, job->run[0].detail);
		}
		buf_char(out, '\n');
	}
	if (newest)
		put_limits(out, newest->head.timeout_ns, newest->head.kill_after_ns, newest);
	else if (job && job->start)
		put_limits(out, job->start->timeout_ns, job->start->kill_after_ns, NULL);
	if (job && job->count > 0) {
		buf_str(out, "outcomes   ");
		put_strip(s, out, job);
		put_legend(s, out, job);
		buf_char(out, '\n');
	}
	if (job && job->refused > 0) {
		buf_str(out, "refused    ");
		buf_u64(out, job->refused);
		buf_str(out, job->refused == 1 ? " start since the last began\n"
					       : " starts since the last began\n");
	}
}

/* One job in one line. */
static void put_line(struct status *s, const char *name, const struct past_job *job)
{
	struct buf *out = &s->out;
	bool is_live = false;

	put_name(out, name);
	buf_str(out, ": ");
	for (size_t i = 0; i < s->live_count; i++) {
		if (strcmp(s->live[i].head.job, name) != 0)
			continue;
		buf_str(out, is_live ? "; " : "");
		put_live(out, &s->live[i]);
		is_live = true;
	}
	if (!is_live && job && job->count > 0)
		put_end(out, &job->run[0]);
	else if (!is_live)
		buf_str(out, job && job->start ? "started, and no end is known" : "only refused so far");
	if (job && job->count > 0) {
		buf_str(out, "  ");
		put_strip(s, out, job);
	}
	buf_char(out, '\n');
}

/* ---- as JSON: doc/status.md */

static void json_duration(struct json *j, const char *key, uint64_t ns)
{
	if (ns == NUM_NONE)
		json_null(j, key);
	else
		json_seconds(j, key, ns, 3);
}

static void json_time(struct json *j, const char *key, uint64_t wall_ns)
{
	BUF(text, 40);
	utc_format(&text, wall_ns);
	json_str(j, key, wall_ns > 0 ? text.at : NULL);
}

static void json_live(struct json *j, const struct live *l)
{
	json_open(j, NULL, '{');
	json_str(j, "run_id", l->head.run_id);
	json_str(j, "state", l->state);
	json_i64(j, "front_pid", l->head.front.pid);
	json_time(j, "started", l->head.started_wall_ns);
	json_seconds(j, "age", l->age_ns, 3);
	json_u64(j, "processes", l->procs);
	json_u64(j, "rss", l->rss_bytes);
	json_duration(j, "timeout", l->head.timeout_ns);
	json_duration(j, "timeout_left",
		      l->head.timeout_ns == NUM_NONE       ? NUM_NONE
		      : l->head.timeout_ns > l->counted_ns ? l->head.timeout_ns - l->counted_ns
							   : 0);
	json_close(j, '}');
}

static void json_end(struct json *j, const struct past_run *run, bool whole)
{
	json_str(j, "run_id", run->run_id);
	json_str(j, "outcome", run->outcome);
	json_i64(j, "exit_status", run->exit_status);
	json_time(j, "ended", run->ended_wall_ns);
	json_seconds(j, "took", run->wall_ns, 3);
	if (!whole)
		return;
	json_time(j, "started", run->started_wall_ns);
	json_str(j, "cause", run->cause);
	if (run->detail[0] != '\0')
		json_str(j, "detail", run->detail);
	if (run->sender_pid > 0) {
		json_i64(j, "sender_pid", run->sender_pid);
		json_i64(j, "sender_uid", run->sender_uid);
		json_str(j, "sender_comm", run->sender_comm);
	}
	if (run->log)
		json_str(j, "log", run->log);
	json_u64(j, "peak_rss", run->peak_rss_bytes);
	json_u64(j, "peak_processes", run->peak_procs);
}

static void json_job(struct status *s, const char *name, const struct past_job *job)
{
	struct json *j = &s->json;
	size_t runs = 0;

	json_open(j, NULL, '{');
	json_str(j, "job", name);
	json_open(j, "runs", '[');
	for (size_t i = 0; i < s->live_count && runs < RUNS_SHOWN; i++) {
		if (strcmp(s->live[i].head.job, name) != 0)
			continue;
		json_live(j, &s->live[i]);
		runs++;
	}
	json_close(j, ']');
	if (job && job->count > 0) {
		json_open(j, "last", '{');
		json_end(j, &job->run[0], true);
		json_close(j, '}');
	}
	json_open(j, "outcomes", '[');
	for (size_t i = 0; job && i < job->count; i++) {
		json_open(j, NULL, '{');
		json_end(j, &job->run[i], false);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_u64(j, "refused", job ? job->refused : 0);
	json_close(j, '}');
}

/* ---- all of it */

static void show(struct status *s, const char *name, const struct past_job *job)
{
	bool is_live = false;

	for (size_t i = 0; i < s->live_count; i++) {
		if (strcmp(s->live[i].head.job, name) != 0)
			continue;
		is_live = true;
		s->all_well = s->all_well && is_well(&s->live[i]);
	}
	if (!is_live && job && (job->count > 0 || job->start))
		s->all_well =
			s->all_well && job->count > 0 && strcmp(job->run[0].outcome, SG_OUTCOME_OK) == 0;
	if (s->is_json)
		json_job(s, name, job);
	else if (s->past.only)
		put_job(s, name, job);
	else
		put_line(s, name, job);
	s->shown++;
	flush(s);
}

static bool is_known(const struct status *s, const char *name, size_t live_before)
{
	for (size_t i = 0; i < s->past.count; i++)
		if (strcmp(s->past.job[i].job, name) == 0)
			return true;
	for (size_t i = 0; i < live_before; i++)
		if (strcmp(s->live[i].head.job, name) == 0)
			return true;
	return false;
}

static void show_all(struct status *s)
{
	if (s->is_json) {
		json_init(&s->json, &s->out);
		json_open(&s->json, NULL, '{');
		json_u64(&s->json, "schema", 1);
		json_open(&s->json, "jobs", '[');
	}
	for (size_t i = 0; i < s->live_count; i++)
		if (!is_known(s, s->live[i].head.job, i))
			show(s, s->live[i].head.job, NULL);
	for (size_t i = 0; i < s->past.count; i++)
		show(s, s->past.job[i].job, &s->past.job[i]);
	if (s->is_json) {
		json_close(&s->json, ']');
		json_u64(&s->json, "damaged_lines", s->months.damaged);
		json_close(&s->json, '}');
		buf_char(&s->out, '\n');
		flush(s);
	}
}

static int say_nothing_known(const struct status *s)
{
	BUF(line, 512);

	if (s->is_json)
		return EXIT_NOTHING;
	buf_str(&line, s->past.only ? "nothing is known of the job " : "no job is known yet");
	if (s->past.only) {
		escape_word(&line, s->past.only, strlen(s->past.only), 60);
		buf_str(&line, ": it is not running, nor in the history; see: spawnguard status");
	}
	cmd_say(&line);
	return EXIT_NOTHING;
}

static int fail_with(const char *what, int err)
{
	BUF(line, 256);
	buf_str(&line, what);
	buf_str(&line, ": ");
	buf_str(&line, strerrordesc_np(-err) ? strerrordesc_np(-err) : "unknown error");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

static int run_status(struct status *s)
{
	BUF(line, 128);

	int r = find_runs(&s->cmd->dir, NULL, take_live, s);
	if (r < 0 && r != -ENOENT)
		return fail_with("cannot read the run records", r);
	r = past_jobs_read(&s->months, &s->past);
	if (r < 0)
		return fail_with("cannot read the history", r);
	show_all(s);
	if (s->error < 0)
		return fail_with("cannot write the result", s->error);
	if (s->shown == 0)
		return say_nothing_known(s);
	if (s->months.damaged > 0 && !s->is_json) {
		buf_u64(&line, s->months.damaged);
		buf_str(&line, " damaged lines of the history were passed over");
		cmd_say(&line);
	}
	return s->all_well ? 0 : EXIT_NOTHING;
}

int main(int argc, char **argv)
{
	struct cmd cmd = { .name = "status", .command = FOR_STATUS };
	struct status s = { .cmd = &cmd, .all_well = true };

	(void)argc;
	int code = cmd_start(&cmd, argv);
	if (code >= 0)
		return code;
	s.is_utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	s.is_json = cmd.job.json;
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	if (!text)
		return SG_EXIT_GUARD;
	buf_init(&s.out, text, TEXT_BYTES);
	os_raise_files();
	s.months = (struct past_months){ .keep_fd = cmd.dir.keep_fd, .owner = os_self_uid() };
	s.past = (struct past_jobs){ .only = cmd.rest[0], .max_runs = ENDS_MAX, .max_jobs = JOBS_MAX };
	code = run_status(&s);
	past_jobs_release(&s.past);
	free(s.live);
	return code;
}
