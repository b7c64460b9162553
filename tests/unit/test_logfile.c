/* layer: store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/fail.h"
#include "base/num.h"
#include "os/fd.h"
#include "os/hole.h"
#include "scratch.h"
#include "store/logfile.h"

#define RUN  "0123456789abcdef0123456789abcdef"
#define MAX  8192U
#define PAGE 4096U

static const struct logfile_want wanted = { .max_bytes = MAX, .reads = true };

static struct logfile open_own(const struct scratch *s)
{
	struct logfile o;
	assert_int_equal(logfile_open_own(&o, s->fd, RUN, &wanted, NULL), 0);
	return o;
}

/* `n` bytes, each telling its place. */
static void put(const struct logfile *o, size_t n)
{
	AUTO_FREE char *bytes = malloc(n);
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)('a' + i % 23);
	assert_int_equal(write(o->fd, bytes, n), n);
}

static uint64_t blocks_bytes(const struct logfile *o)
{
	struct stat st;
	assert_int_equal(fstat(o->fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void is_made_for_its_owner_alone(void **state)
{
	struct scratch s;
	struct stat st;

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	assert_int_equal(fstatat(s.fd, "logs", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstat(o.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(o.fd, F_GETFL) & (O_APPEND | O_NONBLOCK), O_APPEND);
	assert_true(fcntl(o.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(logfile_is_bounded(&o));
	logfile_close(&o);
	assert_int_equal(o.fd, -1);
	assert_int_equal(logfile_remove(s.fd, RUN), 0);
	assert_int_equal(logfile_remove(s.fd, RUN), -ENOENT);
	scratch_remove(&s);
}

static void what_is_planted_is_refused(void **state)
{
	struct logfile o;

	(void)state;
	for (int kind = 0; kind < PLANT_COUNT; kind++) {
		struct scratch s;
		scratch_make(&s);
		scratch_mkdir(&s, "logs");
		if (scratch_plant(&s, (enum plant)kind, "logs/" RUN) &&
		    logfile_open_own(&o, s.fd, RUN, &wanted, NULL) >= 0)
			fail_msg("%s in its place was opened", plant_names[kind]);
		scratch_check_victim(&s, plant_names[kind]);
		scratch_remove(&s);
	}
}

static void a_directory_that_others_can_enter_is_refused(void **state)
{
	struct scratch s;
	struct logfile o;
	struct fail fail = { 0 };

	(void)state;
	scratch_make(&s);
	scratch_mkdir(&s, "logs");
	assert_int_equal(fchmodat(s.fd, "logs", 0755, 0), 0);
	assert_int_equal(logfile_open_own(&o, s.fd, RUN, &wanted, &fail), -EPERM);
	assert_int_equal(fail.err, EPERM);
	assert_non_null(fail.what);
	scratch_remove(&s);
}

static void up_to_its_bound_all_is_kept(void **state)
{
	struct scratch s;

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	assert_int_equal(logfile_trim(&o), 0);
	put(&o, MAX);
	assert_int_equal(logfile_trim(&o), MAX);
	assert_int_equal(logfile_trim(&o), 0);
	assert_int_equal(o.freed, 0);
	assert_int_equal(os_hole_next_data(o.fd, 0), 0);
	put(&o, PAGE - 1); /* not yet a page too much */
	assert_int_equal(logfile_trim(&o), PAGE - 1);
	assert_int_equal(o.freed, 0);
	logfile_close(&o);
	scratch_remove(&s);
}

static void beyond_it_the_front_is_freed(void **state)
{
	struct scratch s;
	char bytes[2 * MAX];

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	for (unsigned i = 0; i < 16; i++) {
		put(&o, MAX + 100);
		assert_int_equal(logfile_trim(&o), MAX + 100);
		assert_true(blocks_bytes(&o) <= MAX + 2 * PAGE);
	}
	uint64_t size = 16 * (MAX + 100);
	assert_int_equal(o.size, size);
	assert_int_equal(o.freed, (size - MAX) / PAGE * PAGE);
	/* What is left stands where it stood. */
	assert_int_equal(os_fd_pread(o.fd, bytes, MAX, size - MAX), MAX);
	for (size_t i = 0; i < MAX; i++)
		assert_int_equal(bytes[i], 'a' + (100 + i) % 23);
	logfile_close(&o);
	scratch_remove(&s);
}

static void a_file_that_was_cut_goes_on(void **state)
{
	struct scratch s;

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	put(&o, 4 * MAX);
	assert_int_equal(logfile_trim(&o), 4 * MAX);
	assert_true(o.freed > 0);
	assert_int_equal(os_file_truncate(o.fd, 0), 0);
	put(&o, 10);
	assert_int_equal(logfile_trim(&o), 10);
	assert_int_equal(o.freed, 0);
	put(&o, 2 * MAX);
	assert_int_equal(logfile_trim(&o), 2 * MAX);
	assert_int_equal(o.freed, 2 * PAGE);
	logfile_close(&o);
	scratch_remove(&s);
}

static void a_users_file_keeps_what_it_had(void **state)
{
	struct scratch s;
	struct logfile o;
	char path[256];

	(void)state;
	scratch_make(&s);
	scratch_write(&s, "mine", "before\n", 7);
	snprintf(path, sizeof(path), "%s/mine", s.path);
	assert_int_equal(logfile_open_user(&o, path, &wanted, NULL), 0);
	assert_true(o.is_user && o.is_regular);
	assert_int_equal(o.from, 7);
	put(&o, 5);
	assert_int_equal(logfile_trim(&o), 5);
	assert_int_equal(o.size, 12);
	logfile_close(&o);
	snprintf(path, sizeof(path), "%s/no/such", s.path);
	assert_int_equal(logfile_open_user(&o, path, &wanted, NULL), -ENOENT);
	scratch_remove(&s);
}

/* All that can be read from *at on. */
static size_t read_all(int fd, uint64_t *at, char *out, size_t n)
{
	size_t have = 0;
	ssize_t got;
	while (have < n && (got = logfile_read(fd, at, out + have, 1000 < n - have ? 1000 : n - have)) > 0) {
		have += (size_t)got;
		*at += (uint64_t)got;
	}
	return have;
}

static void it_is_read_from_where_it_was_kept(void **state)
{
	struct scratch s;
	char bytes[2 * MAX];
	uint64_t at = 0;

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	put(&o, 3 * MAX);
	assert_int_equal(read_all(o.fd, &at, bytes, 100), 100);
	assert_int_equal(logfile_trim(&o), 3 * MAX);
	assert_int_equal(logfile_read(o.fd, &at, bytes, 1), 1);
	assert_int_equal(at, 2 * MAX);
	assert_int_equal(bytes[0], 'a' + 2 * MAX % 23);
	assert_int_equal(read_all(o.fd, &at, bytes, sizeof(bytes)), MAX);
	assert_int_equal(at, 3 * MAX);
	put(&o, 10);
	assert_int_equal(read_all(o.fd, &at, bytes, sizeof(bytes)), 10);
	assert_int_equal(os_file_truncate(o.fd, 5), 0);
	assert_int_equal(logfile_read(o.fd, &at, bytes, 1), -ERANGE);
	logfile_close(&o);
	scratch_remove(&s);
}

static void it_is_found_though_the_state_has_moved(void **state)
{
	static const struct {
		const char *rule, *path;
		int result; /* 0: a descriptor */
	} rows[] = {
		{ "as it was", "/no/such/state/logs/" RUN, 0 },
		{ "of a deep state directory", "logs/" RUN, 0 },
		{ "another run's", "/no/such/state/logs/ffff", -ENOENT },
		{ "no part of a name", "/no/such/state/blogs/" RUN, -ENOENT },
		{ "never from where we happen to be", "mine", -ENOENT },
		{ "a device", "/dev/null", -EINVAL },
		{ "a directory", "/", -EINVAL },
	};
	struct scratch s;

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		AUTO_FD int fd = logfile_open_to_read(s.fd, RUN, rows[i].path);
		if ((fd < 0 ? fd : 0) != rows[i].result)
			fail_msg("%s: %d", rows[i].rule, fd);
	}
	logfile_close(&o);
	scratch_remove(&s);
}

static void its_last_lines_are_found(void **state)
{
	static const struct {
		const char *rule, *text;
		uint64_t lines, at;
	} rows[] = {
		{ "empty", "", 3, 0 },
		{ "the last", "a\nb\nc\n", 1, 4 },
		{ "two", "a\nb\nc\n", 2, 2 },
		{ "as many as there are", "a\nb\nc\n", 3, 0 },
		{ "more than there are", "a\nb\nc\n", 9, 0 },
		{ "the last is not whole", "a\nb\nc", 1, 4 },
		{ "two, the last not whole", "a\nb\nc", 2, 2 },
		{ "an empty line counts", "a\n\n\n", 2, 2 },
		{ "no end of a line at all", "abc", 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scratch s;
		uint64_t at = 99;
		scratch_make(&s);
		struct logfile o = open_own(&s);
		assert_int_equal(write(o.fd, rows[i].text, strlen(rows[i].text)), strlen(rows[i].text));
		assert_int_equal(logfile_find_tail(o.fd, rows[i].lines, &at), 0);
		if (at != rows[i].at)
			fail_msg("%s: %d", rows[i].rule, (int)at);
		logfile_close(&o);
		scratch_remove(&s);
	}
}

static void its_last_lines_reach_back_over_many_reads_but_not_over_what_is_gone(void **state)
{
	struct scratch s;
	uint64_t at = 0;

	(void)state;
	scratch_make(&s);
	struct logfile o = open_own(&s);
	o.max_bytes = 20 * PAGE;
	put(&o, 7 * PAGE);
	assert_int_equal(write(o.fd, "\n", 1), 1);
	put(&o, 15 * PAGE);
	assert_int_equal(logfile_find_tail(o.fd, 1, &at), 0);
	assert_int_equal(at, 7 * PAGE + 1);
	assert_int_equal(logfile_find_tail(o.fd, 2, &at), 0);
	assert_int_equal(at, 0);
	assert_int_equal(logfile_trim(&o), 22 * PAGE + 1);
	assert_int_equal(logfile_find_tail(o.fd, 2, &at), 0);
	assert_int_equal(at, 2 * PAGE);
	logfile_close(&o);
	scratch_remove(&s);
}

static void what_is_no_file_has_no_bound(void **state)
{
	struct logfile o;

	(void)state;
	assert_int_equal(logfile_open_user(&o, "/dev/null", &wanted, NULL), 0);
	assert_false(o.is_regular);
	assert_false(logfile_is_bounded(&o));
	assert_int_equal(fcntl(o.fd, F_GETFL) & O_NONBLOCK, 0);
	logfile_close(&o);
}

static void without_a_bound_all_is_kept(void **state)
{
	const struct logfile_want all = { .max_bytes = NUM_NONE };
	struct scratch s;
	struct logfile o;

	(void)state;
	scratch_make(&s);
	assert_int_equal(logfile_open_own(&o, s.fd, RUN, &all, NULL), 0);
	assert_false(logfile_is_bounded(&o));
	assert_int_equal(fcntl(o.fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	logfile_close(&o);
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_made_for_its_owner_alone),
		cmocka_unit_test(what_is_planted_is_refused),
		cmocka_unit_test(a_directory_that_others_can_enter_is_refused),
		cmocka_unit_test(up_to_its_bound_all_is_kept),
		cmocka_unit_test(beyond_it_the_front_is_freed),
		cmocka_unit_test(a_file_that_was_cut_goes_on),
		cmocka_unit_test(a_users_file_keeps_what_it_had),
		cmocka_unit_test(it_is_read_from_where_it_was_kept),
		cmocka_unit_test(it_is_found_though_the_state_has_moved),
		cmocka_unit_test(its_last_lines_are_found),
		cmocka_unit_test(its_last_lines_reach_back_over_many_reads_but_not_over_what_is_gone),
		cmocka_unit_test(what_is_no_file_has_no_bound),
		cmocka_unit_test(without_a_bound_all_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
