/* layer: tree */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/syscall.h>

#include "apart.h"
#include "fault/failnth.h"
#include "group.h"
#include "tree/hold.h"
#include "tree/kill.h"
#include "tree/thaw.h"

/* ---- sweeps */

/* The table is full and cannot grow: each sweep says that there is more to do, and comes to an end. */
static void begin_crowded(void)
{
	(void)hold_job(&tree, body_wide, 200, 201);
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE), TREE_FIRST - 2);
	fail_always("calloc", ENOMEM);
}

static void a_sweep_without_memory_comes_to_an_end(void)
{
	begin_crowded();
	assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGCONT, false).fresh, TREE_FIRST - 1);
	assert_true(sweep_freeze(&tree, os_clock_boot_ns()).moving > 0);
	(void)sweep_thaw(&tree);
	assert_true(sweep_stop(&tree, os_clock_boot_ns()).fresh > 0);
	assert_true(sweep_stop(&tree, os_clock_boot_ns()).fresh > 0); /* as nobody can be met any more */
	assert_true(sweep_kill(&tree, os_clock_boot_ns()).fresh > 0);
	end();
}

/* One that was listed and is gone at once: its number may be a new member's. */
static void a_sweep_that_may_have_missed_one_says_so(void)
{
	for (int way = 0; way < 4; way++) {
		(void)hold_job(&tree, body_server, 0, 1);
		(void)victim(body_threads, 1);
		wait_ready(3);
		assert_int_equal(walk(), 2);
		uint64_t seen = tree.seen;
		tree.last_pid = 0; /* somebody may have been born since */
		fail_path("/task", ENOENT, true);
		if (way == 0)
			assert_int_equal(sweep_stop(&tree, os_clock_boot_ns()).fresh, 4);
		else if (way == 1)
			assert_true(sweep_freeze(&tree, os_clock_boot_ns()).moving > 0);
		else if (way == 2)
			assert_true(sweep_kill(&tree, os_clock_boot_ns()).fresh > 0);
		else
			assert_int_equal(sweep_term(&tree, os_clock_boot_ns(), SIGSTOP, false).refused, 0);
		assert_int_equal(tree.again, way < 3);
		assert_int_equal(tree.seen > seen, way == 3); /* that one walks again by itself */
		end();
	}
}

static void who_cannot_be_looked_at_is_stopped_all_the_same(void)
{
	pid_t job = hold_job(&tree, body_stand, 0, 1);
	(void)walk();
	tree.starved = true; /* the reserve serves */
	fail_path("/stat", EIO, true);
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_true(swept.signalled == 1 && swept.alive == 1 && swept.moving == 1);
	swept = sweep_freeze(&tree, os_clock_boot_ns()); /* it may stand: no reason to go on */
	assert_true(swept.alive == 1 && swept.moving == 0 && swept.late == 1);
	fail_path("/stat", ENOENT, true); /* gone */
	assert_int_equal(sweep_freeze(&tree, os_clock_boot_ns()).alive, 0);
	heal();
	assert_int_equal(sweep_thaw(&tree).signalled, 1);
	fail_call(SYS_pidfd_send_signal, ESRCH); /* it ends between the look and the signal */
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do { /* it is on its way from being stopped */
		assert_true(os_clock_boot_ns() < end_ns);
		swept = sweep_freeze(&tree, os_clock_boot_ns());
	} while (swept.fresh == 0);
	assert_true(swept.alive == 1 && swept.moving == 0 && swept.late == 0);
	fail_call(SYS_pidfd_send_signal, EINVAL); /* neither sent nor refused */
	swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_true(swept.signalled == 0 && swept.refused == 0 && swept.moving == 0);
	heal();
	assert_non_null(tree_find(&tree, job));
	end();
}

/* ---- the ladder */

static void a_ladder_without_memory_comes_to_an_end(void)
{
	struct own own;
	if (!own_open(&own))
		_exit(SKIP);
	begin_crowded();
	struct killer k = { .best = KILL_CGROUP, .cgroup = own.dir };
	killer_asked(&k, true); /* nothing begun: nothing to do */
	assert_int_equal(k.rung, KILL_NOT);
	killer_begin(&k);
	if (k.rung == KILL_CGROUP) {
		assert_true(killer_kill(&k, &tree, os_clock_boot_ns()).killed > 0);
		assert_int_equal(killer_finish(&k), KILL_NOT); /* it did not come to a kill */
	}
	end();
	own_close(&own);
}

static void a_storm_that_nobody_outruns_is_swept(void)
{
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	const struct rlimit none = { 0, 0 };
	assert_int_equal(setrlimit(RLIMIT_RTPRIO, &none), 0);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* our children are to be read */
	(void)hold_job(&tree, body_stand, 0, 1);
	struct killer k = { .best = KILL_REALTIME }; /* nobody to ask */
	killer_begin(&k);
	for (int round = 0; round < 4; round++) {
		(void)victim(body_stand, 0);
		wait_ready(1);
		assert_true(killer_stop(&k, &tree, os_clock_boot_ns()).fresh > 0);
	}
	assert_true(k.is_raised && k.storm == 4); /* once */
	assert_true(killer_kill(&k, &tree, os_clock_boot_ns()).killed >= 5);
	assert_int_equal(killer_finish(&k), KILL_SWEEP);
	end();
}

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

static void wait_for_frozen(pid_t pid)
{
	struct proc_stat stat;
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do {
		assert_true(os_clock_boot_ns() < end_ns);
		assert_int_equal(os_proc_stat(pid, &stat), 0);
	} while (stat.state != 'D');
}

/* Where nobody can be moved out, the whole group is let go: if all in it are of the tree. */
static void a_frozen_group_is_let_go_if_it_is_ours_alone(void)
{
	BUF(name, 64);
	own_name(&name);
	snprintf(cell, sizeof(cell), FREEZER "/%s", name.at);
	if (mkdir(cell, 0755) < 0)
		_exit(SKIP);
	nest_open();
	pid_t root = victim(body_celled, 1), other = victim(body_celled, 0);
	wait_ready(3);
	struct tree seeds, one;
	tree_init(&one, nest.ready[0]);
	tree_init(&tree, nest.ready[0]);
	tree_init(&seeds, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, root), 0);
	assert_int_equal(walk(), 1);
	const struct record_slot slots[] = { { .id = id_of(root) }, { .id = id_of(other) } };
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(tree_add_held(&seeds, &slots[i], os_pidfd_open(slots[i].id.pid)), 0);
	(void)tree_walk(&seeds, os_clock_boot_ns(), WALK_WHOLE);
	assert_int_equal(tree_add_held(&one, &slots[0], os_pidfd_open(root)), 0);
	one.member[0].flags |= MEMBER_KILLED;
	assert_true(put("freezer.state", "FROZEN"));
	wait_for_frozen(root);
	wait_for_frozen(tree.member[1].id.pid);
	wait_for_frozen(other);
	int passed = sweep_kill(&tree, os_clock_boot_ns()).killed == 1;
	passed += tree_add_held(&tree, &slots[1], os_pidfd_open(other)) == 0;
	fail_path("/stat", EIO, true);
	passed += thaw_killed(&tree) == 0; /* not known to be frozen */
	fail_path("cgroup.procs", EACCES, false);
	passed += thaw_killed(&tree) == 0 && failnth_count() == 2; /* the root is in there */
	fail_path("cgroup.procs", EACCES, false);
	passed += thaw_killed(&one) == 0 && failnth_count() == 2; /* a stranger is in there */
	heal();
	(void)sweep_kill(&seeds, os_clock_boot_ns());
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS; os_clock_boot_ns() < end_ns;) {
		fail_path("cgroup.procs", EACCES, false);
		if (thaw_killed(&seeds) > 0)
			break;
	}
	heal();
	passed += os_pidfd_wait(seeds.member[0].handle, 20000);
	(void)put("freezer.state", "THAWED"); /* whatever came of it */
	tree_release(&seeds);
	tree_release(&one);
	let_go(&tree);
	assert_int_equal(rmdir(cell), 0);
	assert_int_equal(passed, 6);
}

/* Nothing has to be let go: who has not got KILL, is dead, or cannot be held. */
static void only_who_was_killed_and_stays_is_let_go(void)
{
	pid_t job = hold_job(&tree, body_wide, 1, 2);
	(void)walk();
	struct member *m = tree_find(&tree, child_of(job));
	assert_int_equal(thaw_killed(&tree), 0);
	m->flags |= MEMBER_KILLED; /* it lives, and stands still for no freezer */
	assert_int_equal(thaw_killed(&tree), 0);
	failnth_arm(&(struct failnth){ .function = "poll", .first = UINT64_MAX });
	m->flags |= MEMBER_DEAD;
	assert_int_equal(thaw_killed(&tree), 0);
	assert_int_equal(failnth_count(), 0); /* it was not asked whether it has ended */
	m->flags &= ~(uint32_t)MEMBER_DEAD;
	member_close(m);
	assert_int_equal(thaw_killed(&tree), 0);
	assert_int_equal(failnth_count(), 0);
	end();
}

/* The table is full of the dead: who finds no room in it may live. */
static void who_finds_no_room_beside_the_dead_may_live(void)
{
	begin_crowded();
	assert_int_equal(close(nest.life[1]), 0); /* all end */
	nest.life[1] = -1;
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS; tree_count_alive(&tree) > 0;)
		assert_true(os_clock_boot_ns() < end_ns);
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_true(swept.alive == 0 && swept.fresh > 0 && !swept.only_dead);
	end();
}

/* Without lists of children all of /proc tells the same: none that lives is below the root. */
static void who_is_left_is_dead_by_all_of_proc_too(void)
{
	fail_path("/children", ENOENT, true);
	(void)hold_job(&tree, body_wide, 1, 2);
	assert_int_equal(walk(), 1);
	assert_true(tree.scans && tree.member[0].children_fd < 0);
	struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
	assert_true(swept.killed == 2 && !swept.only_dead);
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS; tree_count_alive(&tree) > 0;)
		assert_true(os_clock_boot_ns() < end_ns);
	assert_true(sweep_kill(&tree, os_clock_boot_ns()).only_dead);
	end();
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(a_sweep_without_memory_comes_to_an_end),
		APART(a_sweep_that_may_have_missed_one_says_so),
		APART(who_cannot_be_looked_at_is_stopped_all_the_same),
		APART(a_ladder_without_memory_comes_to_an_end),
		APART(a_storm_that_nobody_outruns_is_swept),
		APART(a_frozen_group_is_let_go_if_it_is_ours_alone),
		APART(only_who_was_killed_and_stays_is_let_go),
		APART(who_finds_no_room_beside_the_dead_may_live),
		APART(who_is_left_is_dead_by_all_of_proc_too),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
