/* layer: store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fail.h"
#include "os/fd.h"
#include "scratch.h"
#include "store/breaker.h"
#include "store/statedir.h"

#define HOUR    3600000000000ULL
#define DAY     (24 * HOUR)
#define WRITERS 20
#define ROUNDS  50

static const struct breaker_time now = { .boot_id = "x", .boot_ns = 5, .wall_ns = 9 };
static struct breaker b;

static void make_state(struct scratch *s, struct statedir *dir)
{
	scratch_make(s);
	scratch_mkdir(s, "locks");
	*dir = (struct statedir){ .run_fd = s->fd, .keep_fd = s->fd };
}

static int read_it(const struct scratch *s)
{
	return breaker_read(s->fd, "a job", geteuid(), &now, &b);
}

/* Under the lock: so much more of it. */
static int add(const struct statedir *dir, uint64_t micro)
{
	AUTO_FD int lock = breaker_lock(dir, "a job", 60000, NULL);
	if (lock < 0)
		return lock;
	int r = breaker_read(dir->keep_fd, "a job", geteuid(), &now, &b);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!budgets_need(&b.budgets, "k", DAY, 100))
		return -ENOSPC;
	budgets_add(&b.budgets, "k", micro);
	return breaker_write(dir->keep_fd, "a job", &now, &b, NULL);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	make_state(&s, &dir);
	assert_int_equal(read_it(&s), -ENOENT);
	assert_int_equal(add(&dir, 3), 0);
	assert_int_equal(add(&dir, 4), 0);
	assert_int_equal(read_it(&s), 0);
	assert_int_equal(budget_used(&b.budgets.at[0]), 7);
	struct breaker_time later = now;
	later.boot_ns += DAY;
	assert_int_equal(breaker_read(s.fd, "a job", geteuid(), &later, &b), 0);
	assert_int_equal(budget_used(&b.budgets.at[0]), 0);
	assert_int_equal(breaker_read(s.fd, "a job", geteuid() + 1, &now, &b), -EBADMSG); /* another's */
	struct stat st;
	assert_int_equal(fstatat(s.fd, "breaker/a%20job", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	scratch_remove(&s);
}

/* Its wait goes on by the boot clock within a boot; over one by the wall clock, of which nothing bad comes.
 */
static void a_wait_outlives_clocks_and_boots(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		const char *boot_id;
		uint64_t boot_ns, wall_ns, wait_ns;
	} rows[] = {
		{ "an hour later", "x", HOUR, 0, 4 * HOUR },
		{ "the wall clock was set on by 10 days", "x", HOUR, 10 * DAY, 4 * HOUR },
		{ "it was set back by 10 days", "x", HOUR, 0 - 10 * DAY, 4 * HOUR },
		{ "it is over", "x", 5 * HOUR, 0, 0 },
		{ "another boot: by the wall clock", "y", 20 * DAY, HOUR, 4 * HOUR },
		{ "which was set back: no longer than it was", "y", 20 * DAY, 0 - 10 * DAY, 5 * HOUR },
		{ "which was set on: a trial, no more", "y", 0, 10 * DAY, 0 },
	};
	struct scratch s;
	struct statedir dir;
	make_state(&s, &dir);
	const struct breaker_time then = { .boot_id = "x", .boot_ns = 5, .wall_ns = 100 * DAY };
	memset(&b, 0, sizeof(b));
	(void)circuit_open(&b.circuit, 5 * HOUR, "of a test, 5 %");
	assert_int_equal(breaker_write(s.fd, "a job", &then, &b, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct breaker_time later = then;
		memcpy(later.boot_id, rows[i].boot_id, 2);
		later.boot_ns += rows[i].boot_ns;
		later.wall_ns += rows[i].wall_ns;
		assert_int_equal(breaker_read(s.fd, "a job", geteuid(), &later, &b), 0);
		if (b.circuit.wait_ns != rows[i].wait_ns)
			fail_msg("%s: %lu", rows[i].rule, b.circuit.wait_ns);
		assert_int_equal(b.is_of_other_boot, rows[i].boot_id[0] == 'y');
		assert_string_equal(b.circuit.reason, "of a test, 5 %");
	}
	/* A clock that stands for ever: written again in each boot, the wait goes on by the boot clock. */
	struct breaker_time boot = { .boot_id = "z" };
	assert_int_equal(breaker_read(s.fd, "a job", geteuid(), &boot, &b), 0);
	assert_int_equal(breaker_write(s.fd, "a job", &boot, &b, NULL), 0);
	boot.boot_ns = 5 * HOUR;
	assert_int_equal(breaker_read(s.fd, "a job", geteuid(), &boot, &b), 0);
	assert_int_equal(circuit_ask(&b.circuit), CIRCUIT_TRIAL);
	scratch_remove(&s);
}

static void parallel_writers_lose_nothing(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	pid_t pids[WRITERS];
	make_state(&s, &dir);
	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			int r = 0;
			for (int k = 0; k < ROUNDS && r == 0; k++)
				r = add(&dir, 1);
			_exit(r != 0);
		}
	}
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(scratch_reap(pids[i]), 0);
	assert_int_equal(read_it(&s), 0);
	assert_int_equal(budget_used(&b.budgets.at[0]), WRITERS * ROUNDS);
	scratch_remove(&s);
}

static void its_lock_is_waited_for_so_long(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	make_state(&s, &dir);
	AUTO_FD int held = breaker_lock(&dir, "a job", 0, NULL);
	assert_true(held >= 0);
	assert_int_equal(breaker_lock(&dir, "a job", 0, NULL), -EWOULDBLOCK);
	assert_int_equal(breaker_lock(&dir, "a job", 10, NULL), -EWOULDBLOCK);
	AUTO_FD int other = breaker_lock(&dir, "another", 0, NULL);
	assert_true(other >= 0);
	os_fd_close(&held);
	AUTO_FD int again = breaker_lock(&dir, "a job", 0, NULL);
	assert_true(again >= 0);
	scratch_remove(&s);
}

/* What is not ours, or not whole, is put aside; what a killed writer left is in nobody's way. */
static void what_is_damaged_is_put_aside(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	struct fail fail = { 0 };
	make_state(&s, &dir);
	assert_int_equal(add(&dir, 3), 0);
	AUTO_FD int fd = openat(s.fd, "breaker/a%20job", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(read_it(&s), -EBADMSG);
	assert_int_equal(b.budgets.count, 0);
	assert_int_equal(breaker_quarantine(s.fd, "a job", &fail), 0);
	assert_int_equal(faccessat(s.fd, "breaker/a%20job.bad", F_OK, 0), 0);
	assert_int_equal(read_it(&s), -ENOENT);

	static const char *const planted[] = { "link", "directory", "fifo", "hard link", "empty" };
	for (size_t i = 0; i < COUNT_OF(planted); i++) {
		int r = i == 0   ? symlinkat("/etc/passwd", s.fd, "breaker/a%20job")
			: i == 1 ? mkdirat(s.fd, "breaker/a%20job", 0700)
			: i == 2 ? mkfifoat(s.fd, "breaker/a%20job", 0600)
			: i == 3 ? linkat(s.fd, "breaker/a%20job.bad", s.fd, "breaker/a%20job", 0)
				 : close(openat(s.fd, "breaker/a%20job", O_CREAT | O_WRONLY | O_CLOEXEC,
						0600));
		assert_int_equal(r, 0);
		if (read_it(&s) != -EBADMSG)
			fail_msg("%s", planted[i]);
		if (i == 3) /* two names of one file: the rename does nothing */
			(void)unlinkat(s.fd, "breaker/a%20job.bad", 0);
		(void)unlinkat(s.fd, "breaker/a%20job.bad", 0);
		(void)unlinkat(s.fd, "breaker/a%20job.bad", AT_REMOVEDIR);
		assert_int_equal(breaker_quarantine(s.fd, "a job", &fail), 0);
	}
	(void)unlinkat(s.fd, "breaker/a%20job.bad", 0);
	assert_int_equal(mkfifoat(s.fd, "breaker/a%20job.new", 0600), 0);
	assert_int_equal(add(&dir, 3), 0);
	assert_int_equal(read_it(&s), 0);
	scratch_remove(&s);
}

static void where_it_cannot_be_written_says_so(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	struct fail fail = { 0 };
	make_state(&s, &dir);
	AUTO_FD int fd = openat(s.fd, "breaker", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	memset(&b, 0, sizeof(b));
	assert_true(breaker_write(s.fd, "a job", &now, &b, &fail) < 0);
	assert_int_not_equal(fail.err, 0);
	assert_int_equal(unlinkat(s.fd, "breaker", 0), 0);
	assert_int_equal(mkdirat(s.fd, "breaker", 0777), 0);
	assert_int_equal(fchmodat(s.fd, "breaker", 0777, 0), 0);
	assert_int_equal(mkdirat(s.fd, "breaker/a%20job.new", 0700), 0); /* in the way, and no file */
	assert_true(breaker_write(s.fd, "a job", &now, &b, &fail) < 0);
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_wait_outlives_clocks_and_boots),
		cmocka_unit_test(parallel_writers_lose_nothing),
		cmocka_unit_test(its_lock_is_waited_for_so_long),
		cmocka_unit_test(what_is_damaged_is_put_aside),
		cmocka_unit_test(where_it_cannot_be_written_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
