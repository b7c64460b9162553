/* layer: tree */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "held.h"
#include "os/sched.h"
#include "tree/kill.h"
#include "tree/walk.h"

/* ---- the ladder, without a tree */

static void begins_with_the_best_that_is_asked_for(void **state)
{
	(void)state;
	struct killer k = { .best = KILL_SWEEP };
	killer_begin(&k);
	assert_int_equal(k.rung, KILL_SWEEP);
	killer_begin(&k); /* once */
	assert_int_equal(k.rung, KILL_SWEEP);
	assert_int_equal(killer_finish(&k), KILL_NOT); /* it did not come to a kill */
	assert_false(os_sched_is_realtime());
}

static void a_rung_that_cannot_be_had_is_passed_over(void **state)
{
	(void)state;
	for (int cgroup = -1; cgroup <= 0; cgroup++) {
		struct killer k = { .best = KILL_CGROUP, .cgroup = cgroup };
		assert_true(killer_is_empty(&k)); /* no group: nobody is in it */
		killer_begin(&k);
		assert_true(k.rung == KILL_REALTIME || k.rung == KILL_SWEEP);
		assert_int_equal(killer_finish(&k), KILL_NOT);
		assert_false(os_sched_is_realtime());
	}
	/* A directory that is no control group. */
	AUTO_FD int dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct killer k = { .best = KILL_CGROUP, .cgroup = dir };
	killer_begin(&k);
	assert_true(k.rung == KILL_REALTIME || k.rung == KILL_SWEEP);
	assert_int_equal(killer_finish(&k), KILL_NOT);
	assert_false(os_sched_is_realtime());
}

static void nothing_begun_is_nothing_to_finish(void **state)
{
	(void)state;
	struct killer k = { .best = KILL_REALTIME };
	assert_int_equal(killer_finish(&k), KILL_NOT);
	assert_false(os_sched_is_realtime());
}

static int asked;

static int ask(void *with)
{
	assert_ptr_equal(with, &asked);
	asked++;
	return 0;
}

/* ---- a tree */

static struct tree tree;

static void end_by(enum kill_rung best)
{
	pid_t job = hold_job(&tree, body_two_levels, 3, 10);
	struct killer k = { .best = best };
	const int before = sched_getscheduler(0);
	assert_int_equal(killer_stop(&k, &tree, os_clock_boot_ns()).signalled, 10);
	struct sweep_result swept = killer_kill(&k, &tree, os_clock_boot_ns());
	assert_int_equal(swept.killed, 10);
	assert_int_equal(k.quiet, 0); /* somebody new was met */
	for (uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL; tree_count_alive(&tree) > 0;)
		assert_true(os_clock_boot_ns() < end_ns);
	assert_int_equal(killer_kill(&k, &tree, os_clock_boot_ns()).killed, 0);
	assert_int_equal(k.quiet, 1);
	assert_int_equal(killer_finish(&k), KILL_SWEEP); /* no storm: no real time */
	assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK,
			 before); /* what was taken is given back */
	int status;
	assert_int_equal(waitpid(job, &status, 0), job);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	let_go(&tree);
}

/*
 * Somebody new in two rounds: real time is taken, or asked for; it is given back with the first KILL.  0 as
 * it should be.
 */
static int outrun(void)
{
	asked = 0;
	tree_init(&tree, nest.ready[0]);
	if (tree_set_root(&tree, getpid()) < 0)
		return 1;
	struct killer k = { .best = KILL_REALTIME, .ask = ask, .with = &asked };
	killer_begin(&k);
	for (int round = 0; round < 2; round++) {
		if (asked > 0 || os_sched_is_realtime()) /* an ordinary tree needs none */
			return 2;
		(void)victim(body_stand, 0);
		wait_ready(1);
		if (killer_stop(&k, &tree, os_clock_boot_ns()).fresh == 0)
			return 3;
	}
	bool has_it = os_sched_is_realtime();
	if (asked != !has_it)
		return 4;
	if (killer_kill(&k, &tree, os_clock_boot_ns()).killed != 2 || os_sched_is_realtime())
		return 5;
	if (killer_finish(&k) != (has_it ? KILL_REALTIME : KILL_SWEEP))
		return 6;
	tree_release(&tree);
	return 0;
}

static void a_storm_is_outrun_in_real_time_or_somebody_is_asked(void **state)
{
	(void)state;
	for (int poor = 0; poor < 2; poor++) {
		nest_open();
		pid_t guard = fork();
		if (guard == 0) {
			const struct rlimit none = { 0, 0 };
			close(nest.life[1]);
			nest.life[1] = -1;
			if (poor && (setrlimit(RLIMIT_RTPRIO, &none) < 0 ||
				     (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)))
				_exit(100);
			_exit(outrun());
		}
		int status = -1;
		assert_int_equal(waitpid(guard, &status, 0), guard);
		nest_close();
		assert_int_equal(status, 0);
	}
}

static void each_rung_ends_a_tree(void **state)
{
	(void)state;
	end_by(KILL_SWEEP);
	end_by(KILL_REALTIME);
	end_by(KILL_CGROUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_with_the_best_that_is_asked_for),
		cmocka_unit_test(a_rung_that_cannot_be_had_is_passed_over),
		cmocka_unit_test(nothing_begun_is_nothing_to_finish),
		cmocka_unit_test(a_storm_is_outrun_in_real_time_or_somebody_is_asked),
		cmocka_unit_test(each_rung_ends_a_tree),
	};
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* as a guard is */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
