/* layer: tree */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/auto.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/sched.h"
#include "tree/kill.h"
#include "tree/walk.h"
#include "victims.h"

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

/* Without the right to it somebody with more privileges is asked, and what they gave is not ours to give
 * back. */
static void who_may_not_raise_itself_asks(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		const struct rlimit none = { 0, 0 };
		if (setrlimit(RLIMIT_RTPRIO, &none) < 0 ||
		    (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0))
			_exit(1);
		struct killer alone = { .best = KILL_REALTIME };
		killer_begin(&alone);
		struct killer k = { .best = KILL_REALTIME, .ask = ask, .with = &asked };
		killer_begin(&k);
		bool is_good =
			alone.rung == KILL_SWEEP && asked == 1 && k.rung == KILL_REALTIME && !k.was_raised;
		k.has_struck = true;
		is_good = is_good && killer_finish(&k) == KILL_SWEEP; /* nobody did: it was the plain sweep */
		_exit(is_good ? 0 : 2);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- a tree */

static struct tree tree;

static void end_by(enum kill_rung best)
{
	nest_open();
	pid_t job = victim(body_two_levels, 3);
	wait_ready(10);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree_add_job(&tree, job, os_pidfd_open(job), os_clock_boot_ns());

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
	bool is_raised = os_sched_is_realtime();
	assert_int_equal(killer_finish(&k), is_raised ? KILL_REALTIME : KILL_SWEEP);
	assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK,
			 before); /* what was taken is given back */
	int status;
	assert_int_equal(waitpid(job, &status, 0), job);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	tree_release(&tree);
	nest_close();
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
		cmocka_unit_test(who_may_not_raise_itself_asks),
		cmocka_unit_test(each_rung_ends_a_tree),
	};
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* as a guard is */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
