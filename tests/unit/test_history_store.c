/* layer: store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "codec/history.h"
#include "os/fd.h"
#include "scratch.h"
#include "store/history.h"

#define RUN   "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"
#define DAY   (86400 * NS_PER_S)

#define IN_JULY    (1784000000 * NS_PER_S) /* 2026-07-14 */
#define IN_JANUARY (1768000000 * NS_PER_S) /* 2026-01-09 */
#define JULY       "history/2026-07.jsonl"
#define JUNE       "history/2026-06.jsonl"
#define MAY        "history/2026-05.jsonl"

/* How much store/history reads at a time; the tests walk lines over this border. */
#define CHUNK (16 * HISTORY_LINE_MAX)

static void make_state(struct scratch *s)
{
	scratch_make(s);
	scratch_mkdir(s, "history");
}

static void format_line(struct buf *out, const char *event, const char *run_id)
{
	struct record_head head = { .job = "j" };
	struct run_figures figures = { 0 };
	struct history_end end = {
		.head = &head, .figures = &figures, .outcome = "ok", .cause = "none", .by = "x"
	};
	char *const argv[] = { head.job, NULL };
	struct history_start start = { .head = &head, .argv = argv };

	memcpy(head.run_id, run_id, strlen(run_id));
	if (strcmp(event, "start") == 0)
		history_format_start(out, &start);
	else
		history_format_end(out, &end);
}

static void append(const struct scratch *s, uint64_t wall_ns, const char *event, const char *run_id)
{
	BUF(line, HISTORY_LINE_MAX);
	format_line(&line, event, run_id);
	int fd = history_open(s->fd, wall_ns);
	assert_true(fd >= 0);
	assert_int_equal(history_append(fd, &line), 0);
	os_fd_close(&fd);
}

/* ---- writing */

static void a_month_has_its_file(void **state)
{
	(void)state;
	/* clang-format off */
	static const struct {
		const char *rule;
		uint64_t wall_ns;
		const char *path;
	} rows[] = {
		{ "the middle of a month",  IN_JULY,                               JULY },
		{ "its first moment",       1782864000 * NS_PER_S,                 JULY },
		{ "the last of the before", 1782864000 * NS_PER_S - 1,             JUNE },
		{ "January",                IN_JANUARY,                            "history/2026-01.jsonl" },
		{ "December",               IN_JANUARY - 10 * DAY,                 "history/2025-12.jsonl" },
		{ "no clock at all",        0,                                     "history/1970-01.jsonl" },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scratch s;
		struct stat st;
		make_state(&s);
		int fd = history_open(s.fd, rows[i].wall_ns);
		assert_true(fd >= 0);
		if (!scratch_has(&s, rows[i].path))
			fail_msg("%s: not %s", rows[i].rule, rows[i].path);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(fcntl(fd, F_GETFL) & (O_APPEND | O_ACCMODE), O_APPEND | O_WRONLY);
		os_fd_close(&fd);
		scratch_remove(&s);
	}
}

static void lines_follow_each_other(void **state)
{
	(void)state;
	struct scratch s;
	char bytes[4096];
	BUF(first, HISTORY_LINE_MAX);
	BUF(second, HISTORY_LINE_MAX);
	make_state(&s);
	append(&s, IN_JULY, "start", RUN);
	append(&s, IN_JULY, "end", RUN);
	format_line(&first, "start", RUN);
	format_line(&second, "end", RUN);
	size_t n = scratch_read(&s, JULY, bytes, sizeof(bytes));
	assert_int_equal(n, first.len + second.len);
	assert_memory_equal(bytes, first.at, first.len);
	assert_memory_equal(bytes + first.len, second.at, second.len);
	scratch_remove(&s);
}

/* Half a line would be a lie. */
static void a_line_that_was_cut_is_not_written(void **state)
{
	(void)state;
	struct scratch s;
	BUF(line, 64);
	char bytes[64];
	make_state(&s);
	format_line(&line, "end", RUN);
	assert_true(line.cut);
	int fd = history_open(s.fd, IN_JULY);
	assert_int_equal(history_append(fd, &line), -ENOSPC);
	assert_int_equal(scratch_read(&s, JULY, bytes, sizeof(bytes)), 0);
	os_fd_close(&fd);
	assert_int_equal(history_append(-1, &line), -ENOSPC);
	buf_clear(&line);
	buf_str(&line, "x");
	assert_int_equal(history_append(-1, &line), -EBADF);
	scratch_remove(&s);
}

/* The disk is full in the middle of a line: told, and the next line is whole. */
static void a_torn_line_does_not_eat_the_next(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	append(&s, IN_JULY, "end", OTHER);
	pid_t pid = fork();
	if (pid == 0) {
		BUF(line, HISTORY_LINE_MAX);
		format_line(&line, "end", "torn");
		int fd = history_open(s.fd, IN_JULY);
		off_t size = lseek(fd, 0, SEEK_END);
		const struct rlimit full = { (rlim_t)size + 100, RLIM_INFINITY };
		if (setrlimit(RLIMIT_FSIZE, &full) < 0)
			_exit(2);
		_exit(history_append(fd, &line) == -ENOSPC && lseek(fd, 0, SEEK_END) == size + 100 ? 0 : 1);
	}
	assert_int_equal(scratch_reap(pid), 0);
	append(&s, IN_JULY, "end", RUN);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", OTHER), 1);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", "torn"), 0);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 1);
	scratch_remove(&s);
}

#define WRITERS 4
#define LINES   200

static void writers_do_not_mix_their_lines(void **state)
{
	(void)state;
	struct scratch s;
	pid_t pid[WRITERS];
	char id[32];
	make_state(&s);
	for (int w = 0; w < WRITERS; w++) {
		pid[w] = fork();
		if (pid[w] != 0)
			continue;
		int fd = history_open(s.fd, IN_JULY), bad = 0;
		for (int i = 0; i < LINES; i++) {
			BUF(line, HISTORY_LINE_MAX);
			snprintf(id, sizeof(id), "%d-%d", w, i);
			format_line(&line, i % 2 ? "end" : "start", id);
			bad |= history_append(fd, &line) != 0;
		}
		_exit(bad);
	}
	for (int w = 0; w < WRITERS; w++)
		assert_int_equal(scratch_reap(pid[w]), 0);
	for (int w = 0; w < WRITERS; w++) {
		for (int i = 0; i < LINES; i += 13) {
			snprintf(id, sizeof(id), "%d-%d", w, i);
			assert_int_equal(history_has(s.fd, IN_JULY, i % 2 ? "end" : "start", id), 1);
		}
	}
	scratch_remove(&s);
}

static void nothing_planted_is_written(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		struct scratch s;
		make_state(&s);
		if (scratch_plant(&s, what, JULY)) {
			int r = history_open(s.fd, IN_JULY);
			if (r >= 0)
				fail_msg("%s was opened", plant_names[what]);
			scratch_check_victim(&s, plant_names[what]);
		}
		scratch_remove(&s);
	}
}

/* ---- looking for a run */

static void finds_this_month_and_the_one_before(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 0); /* no file at all */
	append(&s, IN_JULY, "end", "july");
	append(&s, IN_JULY - 30 * DAY, "end", "june");
	append(&s, IN_JULY - 60 * DAY, "end", "may");
	assert_true(scratch_has(&s, JUNE) && scratch_has(&s, MAY));
	assert_int_equal(history_has(s.fd, IN_JULY, "end", "july"), 1);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", "june"), 1);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", "may"), 0);
	assert_int_equal(history_has(s.fd, IN_JULY - 30 * DAY, "end", "july"), 0); /* not the one after */

	append(&s, IN_JANUARY, "start", "january");
	append(&s, IN_JANUARY - 10 * DAY, "start", "december");
	assert_int_equal(history_has(s.fd, IN_JANUARY, "start", "january"), 1);
	assert_int_equal(history_has(s.fd, IN_JANUARY, "start", "december"), 1);
	scratch_remove(&s);
}

static void tells_events_and_runs_apart(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	append(&s, IN_JULY, "start", RUN);
	append(&s, IN_JULY, "end", OTHER);
	assert_int_equal(history_has(s.fd, IN_JULY, "start", RUN), 1);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 0);
	assert_int_equal(history_has(s.fd, IN_JULY, "start", OTHER), 0);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", OTHER), 1);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", "fedcba98"), 0);
	scratch_remove(&s);
}

/* Fill a month with `before` bytes that are no line of ours, then one that is. */
static void write_month(const struct scratch *s, const char *before, size_t n, const struct buf *line)
{
	int fd = openat(s->fd, JULY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, before, n), n);
	assert_int_equal(write(fd, line->at, line->len), line->len);
	close(fd);
}

/* Wherever the border of what is read at once falls in the line. */
static void finds_over_the_borders_of_its_reads(void **state)
{
	(void)state;
	struct scratch s;
	BUF(line, HISTORY_LINE_MAX);
	BUF(filler, HISTORY_LINE_MAX);
	char *before = malloc(2 * CHUNK);
	assert_non_null(before);
	make_state(&s);
	format_line(&line, "end", RUN);
	format_line(&filler, "end", OTHER);
	for (size_t at = 0; at < 2 * CHUNK; at++)
		before[at] = filler.at[at % filler.len];
	for (size_t chunks = 1; chunks <= 2; chunks++) {
		for (size_t back = 0; back <= line.len + 1;
		     back += back < 4 || back > line.len - 4 ? 1 : 29) {
			size_t n = chunks * CHUNK - back;
			before[n - 1] = '\n'; /* the filler there is torn */
			write_month(&s, before, n, &line);
			assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 1);
			before[n - 1] = filler.at[(n - 1) % filler.len];
		}
	}
	free(before);
	scratch_remove(&s);
}

/* clang-format off */
static const struct {
	const char *rule;
	const char *head;
	char fill;
	size_t n;
} foreign_rows[] = {
	{ "a long line of something else",   "{\"schema\":1,\"event\":\"end\"", 'x',  HISTORY_LINE_MAX + 1 },
	{ "just what is read at once",       "",   'x',  CHUNK },
	{ "a byte less",                     "",   'x',  CHUNK - 1 },
	{ "a byte more",                     "",   'x',  CHUNK + 1 },
	{ "much more than is read at once",  "{",  'x',  3 * CHUNK + 5 },
	{ "blank lines",                     "",   '\n', CHUNK + 5 },
	{ "a hole",                          "",   '\0', CHUNK + 5 },
	{ "nothing",                         "",   'x',  0 },
};
/* clang-format on */

static void passes_over_what_is_no_line(void **state)
{
	(void)state;
	BUF(line, HISTORY_LINE_MAX);
	format_line(&line, "end", RUN);
	for (size_t i = 0; i < COUNT_OF(foreign_rows); i++) {
		struct scratch s;
		size_t n = foreign_rows[i].n;
		char *before = malloc(n + 1);
		assert_non_null(before);
		make_state(&s);
		memset(before, foreign_rows[i].fill, n);
		if (n > 0)
			memcpy(before, foreign_rows[i].head, strlen(foreign_rows[i].head));
		write_month(&s, before, n, &line);
		if (history_has(s.fd, IN_JULY, "end", RUN) != 1)
			fail_msg("%s: hides the next line", foreign_rows[i].rule);
		assert_int_equal(history_has(s.fd, IN_JULY, "end", OTHER), 0);
		free(before);
		scratch_remove(&s);
	}
}

static void damaged_lines_are_not_believed(void **state)
{
	(void)state;
	struct scratch s;
	BUF(line, HISTORY_LINE_MAX);
	make_state(&s);
	format_line(&line, "end", RUN);
	for (size_t at = 1; at < line.len - 1; at += 7) {
		line.at[at] ^= 1;
		scratch_write(&s, JULY, line.at, line.len);
		if (history_has(s.fd, IN_JULY, "end", RUN) != 0)
			fail_msg("believed with byte %zu damaged", at);
		line.at[at] ^= 1;
	}
	for (size_t n = 0; n < line.len; n += 11) { /* torn, also just before its newline */
		scratch_write(&s, JULY, line.at, n);
		assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 0);
	}
	scratch_write(&s, JULY, line.at, line.len - 1);
	assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 0);
	scratch_write(&s, JULY, line.at + 1,
		      line.len - 1); /* the first of a file needs no newline before it */
	assert_int_equal(history_has(s.fd, IN_JULY, "end", RUN), 1);
	scratch_remove(&s);
}

/* Not found, or an error: never found, and never a hang. */
static void nothing_planted_is_read_as_ours(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		struct scratch s;
		make_state(&s);
		if (scratch_plant(&s, what, JULY)) {
			if (history_has(s.fd, IN_JULY, "end", RUN) > 0)
				fail_msg("%s: found", plant_names[what]);
			scratch_check_victim(&s, plant_names[what]);
		}
		scratch_remove(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_month_has_its_file),
		cmocka_unit_test(lines_follow_each_other),
		cmocka_unit_test(a_line_that_was_cut_is_not_written),
		cmocka_unit_test(a_torn_line_does_not_eat_the_next),
		cmocka_unit_test(writers_do_not_mix_their_lines),
		cmocka_unit_test(nothing_planted_is_written),
		cmocka_unit_test(finds_this_month_and_the_one_before),
		cmocka_unit_test(tells_events_and_runs_apart),
		cmocka_unit_test(finds_over_the_borders_of_its_reads),
		cmocka_unit_test(passes_over_what_is_no_line),
		cmocka_unit_test(damaged_lines_are_not_believed),
		cmocka_unit_test(nothing_planted_is_read_as_ours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
