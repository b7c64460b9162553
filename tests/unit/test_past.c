/* layer: report */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "codec/history.h"
#include "os/fd.h"
#include "report/backward.h"
#include "report/past.h"
#include "scratch.h"
#include "store/history.h"

#define JULY (1784000000 * NS_PER_S) /* 2026-07-14 */
#define DAY  (86400 * NS_PER_S)

struct line {
	const char *event, *run_id, *job, *outcome;
	uint64_t wall_ns;
	int exit_code;
	const char *log; /* NULL = none */
};

static void append(const struct scratch *s, const struct line *l)
{
	BUF(text, HISTORY_LINE_MAX);
	struct record_head head = { .started_wall_ns = l->wall_ns,
				    .timeout_ns = 90 * NS_PER_S,
				    .kill_after_ns = NUM_NONE };
	struct run_figures figures = { .ended_wall_ns = l->wall_ns,
				       .ended_boot_ns = 1500 * NS_PER_MS,
				       .has_status = 1,
				       .job_status = l->exit_code << 8,
				       .peak_rss_bytes = 4096,
				       .peak_procs = 7 };
	char *const argv[] = { (char[]){ "./collect.sh" }, (char[]){ "two words" }, NULL };
	struct history_start start = { .head = &head, .argv = argv };
	struct history_end end = { .head = &head,
				   .figures = &figures,
				   .outcome = l->outcome,
				   .cause = "none",
				   .exit_code = l->exit_code,
				   .log = l->log,
				   .by = "warden" };
	struct history_refused refused = {
		.wall_ns = l->wall_ns, .job = l->job, .run_id = l->run_id, .outcome = "conflict", .count = 3
	};

	memcpy(head.run_id, l->run_id, strlen(l->run_id));
	memcpy(head.job, l->job, strlen(l->job));
	if (l->log)
		memcpy(head.log, l->log, strlen(l->log));
	if (strcmp(l->event, "start") == 0)
		history_format_start(&text, &start);
	else if (strcmp(l->event, "end") == 0)
		history_format_end(&text, &end);
	else
		history_format_refused(&text, &refused);
	int fd = history_open(s->fd, l->wall_ns);
	assert_true(fd >= 0);
	assert_int_equal(history_append(fd, &text), 0);
	os_fd_close(&fd);
}

static void begin(struct scratch *s, struct past_months *months)
{
	scratch_make(s);
	scratch_mkdir(s, "history");
	*months = (struct past_months){ .keep_fd = s->fd, .owner = geteuid() };
}

static void run_of(const struct scratch *s, const char *run_id, const char *job, const char *outcome,
		   uint64_t wall_ns)
{
	append(s, &(struct line){ "start", run_id, job, NULL, wall_ns, 0, NULL });
	append(s, &(struct line){ "end", run_id, job, outcome, wall_ns + 2 * NS_PER_S, 3, NULL });
}

/* ---- one run */

static void nothing_is_found_in_nothing(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_run run;

	scratch_make(&s);
	months = (struct past_months){ .keep_fd = s.fd, .owner = geteuid() };
	assert_int_equal(past_find(&months, "abcd", &run), -ENOENT);
	scratch_mkdir(&s, "history");
	assert_int_equal(past_find(&months, "abcd", &run), -ENOENT);
	assert_int_equal(months.damaged, 0);
	scratch_remove(&s);
}

static void a_run_is_told_whole(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_run run;

	begin(&s, &months);
	run_of(&s, "abcd0001", "night\nly", "failed", JULY);
	assert_int_equal(past_find(&months, "abcd", &run), 0);
	assert_true(run.has_start && run.has_end);
	assert_string_equal(run.run_id, "abcd0001");
	assert_string_equal(run.job, "night\nly");
	assert_string_equal(run.outcome, "failed");
	assert_string_equal(run.cause, "none");
	assert_string_equal(run.written_by, "warden");
	assert_string_equal(run.command, "./collect.sh 'two words'");
	assert_int_equal(run.exit_status, 3);
	assert_int_equal(run.exit_code, 3);
	assert_int_equal(run.signal, 0);
	assert_int_equal(run.started_wall_ns, JULY);
	assert_int_equal(run.ended_wall_ns, JULY + 2 * NS_PER_S);
	assert_int_equal(run.wall_ns, 1500 * NS_PER_MS);
	assert_int_equal(run.peak_rss_bytes, 4096);
	assert_int_equal(run.peak_procs, 7);
	assert_int_equal(run.timeout_ns, 90 * NS_PER_S);
	assert_true(run.kill_after_ns == NUM_NONE);
	assert_null(run.log);
	past_run_release(&run);
	scratch_remove(&s);
}

static void a_beginning_must_be_of_one_run(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_run run;

	begin(&s, &months);
	run_of(&s, "same", "whole", "ok", JULY - 60 * DAY);
	run_of(&s, "same-1", "a", "ok", JULY);
	run_of(&s, "same-2", "b", "ok", JULY);
	assert_int_equal(past_find(&months, "same-", &run), -EEXIST);
	assert_int_equal(past_find(&months, "same-1", &run), 0);
	assert_string_equal(run.job, "a");
	past_run_release(&run);
	/* A whole id is meant, however old, whatever else begins so. */
	assert_int_equal(past_find(&months, "same", &run), 0);
	assert_string_equal(run.job, "whole");
	past_run_release(&run);
	assert_int_equal(past_find(&months, "same-12", &run), -ENOENT);
	scratch_remove(&s);
}

static void the_end_says_whether_its_output_was_kept(void **state)
{
	static const struct {
		const char *run_id, *log; /* what is told of it */
	} rows[] = { { "goes-on", "/l/goes-on" }, { "was-kept", "/l/was-kept" }, { "was-ok", NULL } };
	struct past_jobs jobs = { .only = "j", .max_runs = 20, .max_jobs = 1 };
	struct past_months months;
	struct past_run run;
	struct scratch s;

	(void)state;
	begin(&s, &months);
	append(&s, &(struct line){ "start", "was-ok", "j", NULL, JULY, 0, "/l/was-ok" });
	append(&s, &(struct line){ "end", "was-ok", "j", "ok", JULY + DAY, 0, NULL });
	append(&s, &(struct line){ "start", "was-kept", "j", NULL, JULY + 2 * DAY, 0, "/l/was-kept" });
	append(&s, &(struct line){ "end", "was-kept", "j", "failed", JULY + 3 * DAY, 3, "/l/was-kept" });
	append(&s, &(struct line){ "start", "goes-on", "j", NULL, JULY + 4 * DAY, 0, "/l/goes-on" });
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(past_find(&months, rows[i].run_id, &run), 0);
		if (rows[i].log)
			assert_string_equal(run.log, rows[i].log);
		else
			assert_null(run.log);
		past_run_release(&run);
	}
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.job[0].count, 2);
	assert_string_equal(jobs.job[0].run[0].log, "/l/was-kept");
	assert_null(jobs.job[0].run[1].log);
	past_jobs_release(&jobs);
	scratch_remove(&s);
}

static void the_first_end_counts(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_run run;
	struct past_jobs jobs = { .only = "j", .max_runs = 20, .max_jobs = 1 };

	begin(&s, &months);
	run_of(&s, "first-end", "j", "killed", JULY);
	run_of(&s, "next", "j", "ok", JULY + DAY);
	append(&s, &(struct line){ "end", "first-end", "j", "lost", JULY + 20 * DAY, 0,
				   NULL }); /* the next month */
	assert_int_equal(past_find(&months, "first-end", &run), 0);
	assert_string_equal(run.outcome, "killed");
	past_run_release(&run);
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.job[0].count, 2);
	assert_string_equal(jobs.job[0].run[0].run_id, "next");
	assert_string_equal(jobs.job[0].run[1].outcome, "killed");
	past_jobs_release(&jobs);
	scratch_remove(&s);
}

static void a_run_without_end_has_none(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_run run;

	begin(&s, &months);
	append(&s, &(struct line){ "start", "open-run", "j", NULL, JULY, 0, NULL });
	assert_int_equal(past_find(&months, "open-run", &run), 0);
	assert_true(run.has_start && !run.has_end);
	past_run_release(&run);
	scratch_remove(&s);
}

/* ---- jobs */

static void the_last_ends_of_a_job(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_jobs jobs = { .only = "j", .max_runs = 3, .max_jobs = 1 };

	begin(&s, &months);
	for (unsigned i = 0; i < 9; i++) {
		BUF(id, 16);
		buf_str(&id, "run-");
		buf_u64(&id, i);
		run_of(&s, id.at, i % 2 ? "other" : "j", i == 4 ? "timeout" : "ok",
		       JULY - (8 - i) * 10 * DAY);
	}
	append(&s, &(struct line){ "refused", "r1", "j", NULL, JULY + 3 * NS_PER_S, 0, NULL });
	append(&s, &(struct line){ "refused", "r2", "j", NULL, JULY + 4 * NS_PER_S, 0, NULL });
	append(&s, &(struct line){ "refused", "r3", "other", NULL, JULY + 4 * NS_PER_S, 0, NULL });
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.count, 1);
	const struct past_job *j = &jobs.job[0];
	assert_string_equal(j->job, "j");
	assert_int_equal(j->count, 3);
	assert_string_equal(j->run[0].run_id, "run-8");
	assert_string_equal(j->run[1].run_id, "run-6");
	assert_string_equal(j->run[2].run_id, "run-4");
	assert_string_equal(j->run[2].outcome, "timeout");
	assert_string_equal(j->start->run_id, "run-8");
	assert_int_equal(j->refused, 6);
	past_jobs_release(&jobs);

	jobs = (struct past_jobs){ .only = "nobody", .max_runs = 3, .max_jobs = 1 };
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.count, 0);
	past_jobs_release(&jobs);
	scratch_remove(&s);
}

static void every_job_once_the_newest_first(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	struct past_jobs jobs = { .max_runs = 2, .max_jobs = 100 };

	begin(&s, &months);
	for (unsigned i = 0; i < 120; i++) {
		BUF(name, 16);
		BUF(id, 16);
		buf_str(&name, "job-"), buf_u64(&name, i % 40);
		buf_str(&id, "id-"), buf_u64(&id, i);
		run_of(&s, id.at, name.at, "ok", JULY + i * 10 * NS_PER_S);
	}
	append(&s, &(struct line){ "refused", "r1", "only refused", NULL, JULY + DAY, 0, NULL });
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.count, 41);
	assert_string_equal(jobs.job[0].job, "only refused");
	assert_string_equal(jobs.job[1].job, "job-39");
	assert_string_equal(jobs.job[40].job, "job-0");
	assert_int_equal(jobs.job[40].count, 2);
	assert_string_equal(jobs.job[40].run[0].run_id, "id-80");
	assert_false(jobs.cut);
	past_jobs_release(&jobs);

	jobs = (struct past_jobs){ .max_runs = 2, .max_jobs = 7 };
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.count, 7);
	assert_true(jobs.cut);
	past_jobs_release(&jobs);
	scratch_remove(&s);
}

/* ---- damage */

static void damaged_lines_are_counted_and_passed_over(void **state)
{
	(void)state;
	static const char torn[] =
		"\n{\"schema\":1,\"event\":\"end\",\"time\":\"2026-07-14T03:33:20.000Z\","
		"\"spawnguard.run.id\":\"run-1\",\"spawnguard.job\":\"j\",\"spawnguard.outcome\":\"lo";
	static const char foreign[] = "\nhello\n\n\0\0\xff\n{\"schema\":1}\n";
	struct scratch s;
	struct past_months months;
	struct past_jobs jobs = { .only = "j", .max_runs = 20, .max_jobs = 1 };

	begin(&s, &months);
	int fd = history_open(s.fd, JULY);
	assert_true(write(fd, foreign, sizeof(foreign) - 1) > 0);
	run_of(&s, "run-1", "j", "ok", JULY);
	assert_true(write(fd, torn, sizeof(torn) - 1) > 0);
	run_of(&s, "run-2", "j", "failed", JULY);
	os_fd_close(&fd);
	assert_int_equal(past_jobs_read(&months, &jobs), 0);
	assert_int_equal(jobs.job[0].count, 2);
	assert_string_equal(jobs.job[0].run[1].outcome, "ok");
	assert_int_equal(months.damaged, 4);
	past_jobs_release(&jobs);
	scratch_remove(&s);
}

static void what_is_no_file_of_the_owner_is_passed_over(void **state)
{
	(void)state;
	struct scratch s, elsewhere;
	struct past_months months, there;
	struct past_run run;
	BUF(path, 256);

	begin(&s, &months);
	begin(&elsewhere, &there);
	run_of(&elsewhere, "planted-run", "j", "ok", JULY);
	run_of(&s, "own-run", "j", "ok", JULY);
	buf_str(&path, elsewhere.path);
	buf_str(&path, "/history/2026-07.jsonl");
	assert_int_equal(symlinkat(path.at, s.fd, "history/2026-08.jsonl"), 0);
	assert_int_equal(mkfifoat(s.fd, "history/2026-09.jsonl", 0600), 0);
	assert_int_equal(mkdirat(s.fd, "history/2026-10.jsonl", 0700), 0);
	assert_int_equal(past_find(&months, "planted-run", &run), -ENOENT);
	assert_int_equal(past_find(&months, "own-run", &run), 0);
	past_run_release(&run);
	months.owner = geteuid() + 1;
	assert_int_equal(past_find(&months, "own-run", &run), -ENOENT);
	scratch_remove(&s);
	scratch_remove(&elsewhere);
}

/* ---- reading backwards */

struct seen {
	unsigned count, expected; /* of the next line: they are numbered */
};

static int check_number(void *with, const struct backward_line *line)
{
	struct seen *seen = with;
	BUF(id, 16);
	seen->expected--;
	buf_u64(&id, seen->expected);
	assert_int_equal(line->peek.run_id.n, id.len);
	assert_memory_equal(line->peek.run_id.at, id.at, id.len);
	assert_true(history_line_is_intact(line->at, line->n));
	seen->count++;
	return 0;
}

/* Lines of all lengths over the borders of what is read at a time, and over months. */
static void every_line_comes_once_from_the_last_to_the_first(void **state)
{
	(void)state;
	enum { LINES = 3000 };
	struct scratch s;
	struct past_months months;
	struct seen seen = { .expected = LINES };
	uint64_t damaged = 0;

	begin(&s, &months);
	for (unsigned i = 0; i < LINES; i++) {
		char job[200];
		BUF(id, 16);
		memset(job, 'x', sizeof(job));
		job[1 + i * 7 % 190] = '\0';
		buf_u64(&id, i);
		append(&s, &(struct line){ i % 2 ? "start" : "end", id.at, job, "ok", JULY + i * DAY / 30, 0,
					   NULL });
	}
	assert_int_equal(backward_each(s.fd, geteuid(), check_number, &seen, &damaged), 0);
	assert_int_equal(seen.count, LINES);
	assert_int_equal(damaged, 0);
	scratch_remove(&s);
}

static int count_lines(void *with, const struct backward_line *line)
{
	(void)line;
	++*(unsigned *)with;
	return 0;
}

static void only_the_newest_months_are_read(void **state)
{
	(void)state;
	struct scratch s;
	struct past_months months;
	unsigned count = 0;
	uint64_t damaged = 0;

	begin(&s, &months);
	for (unsigned i = 0; i < BACKWARD_FILES + 6; i++) {
		unsigned month = (i * 5) % (BACKWARD_FILES + 6); /* made in any order */
		append(&s, &(struct line){ "end", "r", "j", "ok", JULY - month * 31 * DAY, 0, NULL });
	}
	scratch_write(&s, "history/2026-07.jsonl.bak", "x\n", 2);
	scratch_write(&s, "history/9999-99.json", "x\n", 2);
	assert_int_equal(backward_each(s.fd, geteuid(), count_lines, &count, &damaged), 0);
	assert_int_equal(count, BACKWARD_FILES);
	assert_int_equal(damaged, 0);
	scratch_remove(&s);
}

static void a_line_without_end_is_passed_over(void **state)
{
	(void)state;
	enum { LONG = 3 * 1024 * 1024 };
	struct scratch s;
	struct past_months months;
	struct past_run run;

	begin(&s, &months);
	run_of(&s, "before", "j", "ok", JULY);
	AUTO_FREE char *bytes = malloc(LONG);
	assert_non_null(bytes);
	memset(bytes, '{', LONG);
	int fd = history_open(s.fd, JULY);
	assert_int_equal(write(fd, bytes, LONG), LONG);
	os_fd_close(&fd);
	run_of(&s, "behind", "j", "ok", JULY);
	assert_int_equal(past_find(&months, "before", &run), 0);
	past_run_release(&run);
	assert_true(months.damaged > 0);
	assert_int_equal(past_find(&months, "behind", &run), 0);
	past_run_release(&run);
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_found_in_nothing),
		cmocka_unit_test(a_run_is_told_whole),
		cmocka_unit_test(a_beginning_must_be_of_one_run),
		cmocka_unit_test(the_end_says_whether_its_output_was_kept),
		cmocka_unit_test(the_first_end_counts),
		cmocka_unit_test(a_run_without_end_has_none),
		cmocka_unit_test(the_last_ends_of_a_job),
		cmocka_unit_test(every_job_once_the_newest_first),
		cmocka_unit_test(damaged_lines_are_counted_and_passed_over),
		cmocka_unit_test(what_is_no_file_of_the_owner_is_passed_over),
		cmocka_unit_test(every_line_comes_once_from_the_last_to_the_first),
		cmocka_unit_test(only_the_newest_months_are_read),
		cmocka_unit_test(a_line_without_end_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
