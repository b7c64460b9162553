/* layer: tree */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "group.h"
#include "held.h"
#include "os/file.h"
#include "os/sched.h"
#include "tree/hold.h"
#include "tree/kill.h"
#include "tree/thaw.h"
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

static void the_kernel_kills_a_group_or_a_namespace(void **state)
{
	(void)state;
	for (enum kill_rung rung = KILL_NOT; rung < KILL_COUNT; rung++) {
		const struct killer k = { .rung = rung };
		assert_int_equal(killer_is_kernel(&k), rung == KILL_CGROUP || rung == KILL_ISOLATE);
	}
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

static void body_deaf(int arg)
{
	(void)arg;
	(void)signal(SIGTSTP, SIG_IGN);
	stand();
}

/* Who could go on would have children while all are counted. */
static void a_stop_is_one_that_nobody_can_ignore(void **state)
{
	struct proc_stat stat;
	(void)state;
	pid_t job = hold_job(&tree, body_deaf, 0, 1);
	assert_int_equal(sweep_stop(&tree, os_clock_boot_ns()).signalled, 1);
	uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL;
	do {
		assert_true(os_clock_boot_ns() < end_ns);
		assert_int_equal(os_proc_stat(job, &stat), 0);
	} while (stat.state != 'T');
	(void)sweep_kill(&tree, os_clock_boot_ns());
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

/* ---- real time */

static void what_was_real_time_before_is_not_taken(void **state)
{
	const struct sched_param lowest = { .sched_priority = 1 };
	(void)state;
	pid_t guard = fork();
	if (guard == 0) {
		struct killer k = { .best = KILL_REALTIME };
		if (sched_setscheduler(0, SCHED_RR, &lowest) < 0)
			_exit(77);
		tree_init(&tree, -1);
		(void)killer_stop(&k, &tree, os_clock_boot_ns());
		bool is_told = killer_finish(&k) == KILL_REALTIME;
		_exit(is_told && sched_getscheduler(0) == SCHED_RR ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(guard, &status, 0), guard);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
}

/* ---- a control group */

static struct own own = { .parent = -1, .dir = -1 };

static void body_grouped(int n)
{
	if (os_cgroup_enter(own.dir) < 0)
		_exit(1);
	body_wide(n);
}

static void wait_until_dead(pid_t pid)
{
	AUTO_FD int fd = os_pidfd_open(pid);
	assert_int_equal(os_pidfd_wait(fd, 20000), 1);
}

static bool group_is_empty_soon(void)
{
	uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL;
	while (os_cgroup_is_populated(own.dir) && os_clock_boot_ns() < end_ns)
		;
	return !os_cgroup_is_populated(own.dir);
}

/* Asked for; the kernel takes its time. */
static bool is_told_to_freeze(void)
{
	char word[8] = "";
	return os_file_read_at(own.dir, "cgroup.freeze", word, sizeof(word)) > 0 && word[0] == '1';
}

static bool group_freezes_soon(void)
{
	uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL;
	while (!os_cgroup_is_frozen(own.dir) && os_clock_boot_ns() < end_ns)
		;
	return os_cgroup_is_frozen(own.dir);
}

static void a_group_dies_at_once_and_who_left_it_is_swept(void **state)
{
	(void)state;
	if (!own_open(&own))
		skip();
	for (int at_once = 0; at_once < 2; at_once++) {
		(void)os_cgroup_freeze(own.dir, false);
		pid_t job = hold_job(&tree, body_grouped, 3, 4);
		pid_t migrant = victim(body_stand, 0);
		wait_ready(1);
		struct killer k = { .best = KILL_CGROUP, .cgroup = own.dir };
		assert_false(killer_is_empty(&k));
		killer_begin(&k);
		if (k.rung != KILL_CGROUP) { /* before 5.14 */
			let_go(&tree);
			own_close(&own);
			skip();
		}
		assert_true(group_freezes_soon()); /* nobody sees another get the first signal */
		if (at_once)
			assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGTERM, true).signalled, 1);
		killer_asked(&k, at_once);
		assert_int_equal(is_told_to_freeze(), at_once);
		assert_int_equal(killer_stop(&k, &tree, os_clock_boot_ns()).signalled, 0);
		struct sweep_result swept = killer_kill(&k, &tree, os_clock_boot_ns());
		/* One that got TERM may have died of it, frozen or not. */
		assert_true(swept.killed >= 4U - (unsigned)at_once &&
			    swept.unasked >= swept.killed - (unsigned)at_once);
		uint32_t killed = swept.killed; /* the migrant, too, where the group was empty by then */
		assert_true(group_is_empty_soon());
		assert_true(killer_is_empty(&k));
		wait_until_dead(job);
		swept = killer_kill(&k, &tree, os_clock_boot_ns());
		killed += swept.killed; /* the group is told once */
		assert_true(killed == 5 || (at_once && killed == 4));
		wait_until_dead(migrant);
		assert_int_equal(killer_finish(&k), KILL_CGROUP);
		let_go(&tree);
	}
	own_close(&own);
}

/* Front has killed all in it: to stand still they would only be in the way of their own deaths, and they are
 * counted. */
static void a_group_that_was_struck_is_neither_frozen_nor_counted(void **state)
{
	(void)state;
	if (!own_open(&own))
		skip();
	if (os_cgroup_can_kill(own.dir)) {
		pid_t job = hold_job(&tree, body_grouped, 2, 3);
		(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
		struct killer k = {
			.best = KILL_CGROUP, .cgroup = own.dir, .is_struck = true, .has_struck = true
		};
		killer_begin(&k);
		assert_int_equal(k.rung, KILL_CGROUP);
		assert_false(is_told_to_freeze());
		assert_int_equal(killer_stop(&k, &tree, os_clock_boot_ns()).signalled, 0);
		assert_false(is_told_to_freeze());
		assert_true(group_is_empty_soon()); /* whoever has moved in since, too */
		wait_until_dead(job);
		assert_int_equal(killer_kill(&k, &tree, os_clock_boot_ns()).killed, 0);
		assert_int_equal(killer_finish(&k), KILL_CGROUP);
		let_go(&tree);
	}
	own_close(&own);
}

/* Who has moved in meanwhile, or does not die of the group's kill. */
static void a_group_that_does_not_empty_is_killed_again_and_swept(void **state)
{
	(void)state;
	if (!own_open(&own))
		skip();
	if (os_cgroup_can_kill(own.dir)) {
		for (int round = 0; round < 3; round++) {
			(void)os_cgroup_freeze(own.dir, false);
			pid_t job = hold_job(&tree, body_grouped, 2, 3), migrant = victim(body_stand, 0);
			wait_ready(1);
			struct killer k = { .best = KILL_CGROUP, .cgroup = own.dir };
			killer_begin(&k);
			/* Not killed yet: the first round waits, the next kills, one much later sweeps. */
			k.quiet = round == 2 ? 5 : 0;
			k.has_struck = true;
			if (round == 1) { /* given up: nobody is left standing still */
				assert_int_equal(killer_finish(&k), KILL_CGROUP);
				assert_false(is_told_to_freeze());
				assert_true(os_cgroup_is_populated(own.dir));
				let_go(&tree);
				continue;
			}
			struct sweep_result swept = killer_kill(&k, &tree, os_clock_boot_ns());
			if (round == 0) /* its members have the time to die; who is outside waits */
				assert_true(swept.alive == 1 && swept.killed == 0);
			else
				assert_true(swept.killed >= 1);
			if (round == 0)
				assert_int_equal(killer_kill(&k, &tree, os_clock_boot_ns()).alive, 1);
			assert_true(group_is_empty_soon());
			wait_until_dead(job);
			if (round == 2)
				wait_until_dead(migrant);
			let_go(&tree);
		}
	}
	own_close(&own);
}

/* ---- a namespace */

/* A tree whose first process is taken for that of a namespace, with three below it. */
static pid_t begin_namespace(void)
{
	nest_open();
	pid_t init = victim(body_wide, 3);
	wait_ready(4);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree.init = init;
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	return init;
}

/* No namespace of its own here: so who is below the first process does not die with it, and is swept. */
static void who_does_not_die_with_the_first_process_is_swept(void **state)
{
	(void)state;
	pid_t init = begin_namespace();
	struct member *dead = &tree.member[tree.count - 1], *asked_before = &tree.member[tree.count - 2];
	assert_int_equal(kill(dead->id.pid, SIGKILL), 0);
	while (!hold_is_dead(&tree, dead))
		;
	asked_before->flags |= MEMBER_TERMED;

	AUTO_FD int fd = os_pidfd_open(init);
	struct killer k = { .best = KILL_ISOLATE, .init = init, .init_fd = fd };
	killer_begin(&k);
	assert_int_equal(k.rung, KILL_ISOLATE);
	killer_asked(&k, true); /* there is nothing to do */
	assert_int_equal(killer_stop(&k, &tree, os_clock_boot_ns()).signalled, 0);
	struct sweep_result swept = killer_kill(&k, &tree, os_clock_boot_ns());
	assert_true(swept.killed == 2 && swept.unasked == 1 && swept.alive == 1);
	wait_until_dead(init);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(killer_kill(&k, &tree, os_clock_boot_ns()).killed, 0);
	assert_int_equal(tree_count_alive(&tree), 2);
	assert_int_equal(k.quiet, 7);
	assert_int_equal(waitpid(init, NULL, 0), init); /* its children come to us */
	tree_forget(&tree, init);
	(void)killer_kill(&k, &tree, os_clock_boot_ns());
	for (uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL; tree_count_alive(&tree) > 0;)
		assert_true(os_clock_boot_ns() < end_ns);
	assert_int_equal(killer_finish(&k), KILL_ISOLATE);
	let_go(&tree);
}

/* Its members got KILL from front, and are counted: once more would be twice. */
static void a_namespace_that_was_struck_is_not_counted(void **state)
{
	(void)state;
	pid_t init = begin_namespace();
	assert_int_equal(tree.procs, 3);
	AUTO_FD int fd = os_pidfd_open(init);
	struct killer k = { .best = KILL_ISOLATE, .init = init, .init_fd = fd, .is_struck = true };
	killer_begin(&k);
	struct sweep_result swept = killer_kill(&k, &tree, os_clock_boot_ns());
	assert_true(swept.killed == 0 && swept.unasked == 0 && swept.alive == 1);
	wait_until_dead(init); /* killed all the same */
	(void)sweep_kill(&tree, os_clock_boot_ns());
	let_go(&tree);
}

static void without_a_namespace_that_rung_is_passed_over(void **state)
{
	struct killer k = { .best = KILL_ISOLATE };
	(void)state;
	killer_begin(&k);
	assert_int_equal(k.rung, KILL_REALTIME);
}

/* ---- a freezer of version 1 */

#define FREEZER "/sys/fs/cgroup/freezer"

static char cell[96];

static bool put(const char *name, const char *text)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", cell, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void body_celled(int n)
{
	if (!put("cgroup.procs", "0"))
		_exit(1);
	body_wide(n);
}

static void who_is_frozen_by_another_is_let_go_to_die(void **state)
{
	(void)state;
	BUF(name, 64);
	own_name(&name);
	snprintf(cell, sizeof(cell), FREEZER "/%s", name.at);
	if (mkdir(cell, 0755) < 0) {
		print_message("skipped: no freezer of version 1 that we may use\n");
		skip();
	}
	pid_t job = hold_job(&tree, body_celled, 1, 2);
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	assert_int_equal(thaw_killed(&tree), 0); /* nobody has got KILL */
	assert_true(put("freezer.state", "FROZEN"));
	struct member *m = tree_find(&tree, job);
	struct proc_stat stat;
	uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL;
	FOR_EACH_MEMBER (&tree, each)
		while (!(each->flags & MEMBER_ROOT) && os_proc_stat(each->id.pid, &stat) == 0 &&
		       stat.state != 'D')
			assert_true(os_clock_boot_ns() < end_ns);
	assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 2);
	assert_false(hold_is_dead(&tree, m));
	/* Known without a handle it could be another by now. */
	int handle = m->handle;
	m->handle = -1;
	assert_int_equal(thaw_killed(&tree), 1);
	m->handle = handle;
	assert_false(hold_is_dead(&tree, m));
	/* As the last step of a ladder that met nobody new. */
	struct killer k = { .best = KILL_SWEEP, .quiet = 6 };
	killer_begin(&k);
	(void)killer_kill(&k, &tree, os_clock_boot_ns());
	assert_int_equal(k.quiet, 7);
	wait_until_dead(job);
	assert_int_equal(thaw_killed(&tree), 0);
	let_go(&tree);
	assert_int_equal(rmdir(cell), 0);
}

/* After one that failed: nobody stands still, and nobody is left. */
static int clean(void **state)
{
	(void)state;
	if (!nest.is_open)
		return 0;
	(void)put("freezer.state", "THAWED");
	(void)os_cgroup_freeze(own.dir, false);
	(void)sweep_kill(&tree, os_clock_boot_ns());
	let_go(&tree);
	(void)rmdir(cell);
	if (own.dir >= 0)
		own_close(&own);
	return 0;
}

static void each_rung_ends_a_tree(void **state)
{
	(void)state;
	end_by(KILL_SWEEP);
	end_by(KILL_REALTIME);
	end_by(KILL_CGROUP);
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(begins_with_the_best_that_is_asked_for),
		TEST(a_rung_that_cannot_be_had_is_passed_over),
		TEST(nothing_begun_is_nothing_to_finish),
		TEST(the_kernel_kills_a_group_or_a_namespace),
		TEST(a_storm_is_outrun_in_real_time_or_somebody_is_asked),
		TEST(each_rung_ends_a_tree),
		TEST(a_stop_is_one_that_nobody_can_ignore),
		TEST(what_was_real_time_before_is_not_taken),
		TEST(a_group_dies_at_once_and_who_left_it_is_swept),
		TEST(a_group_that_was_struck_is_neither_frozen_nor_counted),
		TEST(a_group_that_does_not_empty_is_killed_again_and_swept),
		TEST(who_does_not_die_with_the_first_process_is_swept),
		TEST(a_namespace_that_was_struck_is_not_counted),
		TEST(without_a_namespace_that_rung_is_passed_over),
		TEST(who_is_frozen_by_another_is_let_go_to_die),
	};
	tree_init(&tree, -1);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* as a guard is */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
