/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/perf.h"
#include "os/poll.h"

static struct os_perf perf; /* as the warden's: not on the stack */

struct tally {
	uint64_t births, threads, ends, missed;
	uint64_t last_ns;
	bool in_order;
	pid_t parent; /* births of this one */
	uint64_t of_parent;
};

static void take(void *with, const struct task_record *r)
{
	struct tally *t = with;
	t->births += r->kind == TASK_BIRTH;
	t->threads += r->kind == TASK_THREAD;
	t->ends += r->kind == TASK_END;
	t->missed += r->missed;
	t->of_parent += r->kind == TASK_BIRTH && r->parent == t->parent;
	if (r->at_ns == 0)
		return;
	t->in_order = t->in_order && r->at_ns >= t->last_ns;
	t->last_ns = r->at_ns;
}

static struct tally drain(void)
{
	struct tally t = { .in_order = true, .parent = getpid() };
	(void)os_perf_drain(&perf, take, &t);
	return t;
}

/* Skips where the machine denies it: there the guard samples. */
static void open_or_skip(uint64_t mark)
{
	int r = os_perf_open(&perf, mark);
	if (r == -EACCES || r == -EPERM || r == -ENOSYS || r == -E2BIG) {
		print_message("perf task records: %s\n", strerror(-r));
		skip();
	}
	assert_int_equal(r, 0);
}

static void beget(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void each_birth_and_each_end_is_told(void **state)
{
	(void)state;
	open_or_skip(1000);
	uint64_t before_ns = os_clock_boot_ns();
	beget(200);
	uint64_t after_ns = os_clock_boot_ns();
	struct tally t = drain();
	assert_int_equal(t.births, 200);
	assert_int_equal(t.of_parent, 200);
	assert_int_equal(t.ends, 200);
	assert_int_equal(t.missed, 0);
	assert_true(t.in_order);
	assert_in_range(t.last_ns, before_ns, after_ns); /* by the clock of the guard */
	assert_int_equal(drain().births, 0);
	os_perf_close(&perf);
	beget(3);
	assert_int_equal(drain().births, 0);
}

/* A child that leaves its session, whose parent goes, and goes on. */
static void nobody_gets_away(void **state)
{
	(void)state;
	open_or_skip(1000);
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (fork() > 0)
			_exit(0);
		setsid();
		beget(50);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	struct tally t = { .in_order = true };
	for (int i = 0; i < 10000 && t.ends < 52; i++) {
		(void)os_perf_drain(&perf, take, &t);
		usleep(1000);
	}
	assert_int_equal(t.births, 52);
	assert_int_equal(t.ends, 52);
	os_perf_close(&perf);
}

static void *nothing(void *with)
{
	return with;
}

static void threads_are_told_apart(void **state)
{
	(void)state;
	open_or_skip(1000);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t thread;
		for (int i = 0; i < 10; i++)
			if (pthread_create(&thread, NULL, nothing, NULL) != 0 ||
			    pthread_join(thread, NULL) != 0)
				_exit(1);
		_exit(0);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	struct tally t = drain();
	assert_int_equal(t.births, 1);
	assert_int_equal(t.threads, 10);
	os_perf_close(&perf);
}

static void the_mark_wakes_and_nothing_else(void **state)
{
	(void)state;
	open_or_skip(20);
	struct os_poll set = { .fd = perf.epoll, .wants = OS_POLL_IN };
	beget(1);
	assert_int_equal(os_poll(&set, 1, 0), 0);
	beget(20); /* on whatever processor: one of them has reached its part */
	assert_int_equal(os_poll(&set, 1, 1000), 1);
	assert_int_equal(drain().births, 21);
	/* It is told once: a second look finds nothing and does not spin. */
	for (int i = 0; i < 3 * OS_PERF_CPUS && os_poll(&set, 1, 0) > 0; i++)
		;
	assert_int_equal(os_poll(&set, 1, 0), 0);
	os_perf_close(&perf);
}

/* More than fits: what is lost is said as soon as there is room again. */
static void losses_are_told(void **state)
{
	(void)state;
	cpu_set_t were, one;
	open_or_skip(100000);
	assert_int_equal(sched_getaffinity(0, sizeof(were), &were), 0);
	CPU_ZERO(&one);
	for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &were))
			CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	beget(1200); /* on one processor: 2,400 records, 2,048 fit */
	struct tally t = drain();
	beget(5);
	struct tally after = drain();
	assert_true(t.births > 500);
	assert_in_range(after.births, 1, 5);
	assert_int_equal(t.births + t.ends + after.births + after.ends + t.missed + after.missed, 2410);
	assert_true(t.missed + after.missed > 0);
	os_perf_close(&perf);
	assert_int_equal(sched_setaffinity(0, sizeof(were), &were), 0);
}

static void without_descriptors_it_says_so(void **state)
{
	(void)state;
	int r = os_perf_open(&perf, 1);
	os_perf_close(&perf);
	if (r < 0)
		skip();
	assert_int_equal(perf.epoll, -1);
	assert_int_equal(perf.count, 0);
	os_perf_close(&perf); /* closed twice: nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_birth_and_each_end_is_told),
		cmocka_unit_test(nobody_gets_away),
		cmocka_unit_test(threads_are_told_apart),
		cmocka_unit_test(the_mark_wakes_and_nothing_else),
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(without_descriptors_it_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
