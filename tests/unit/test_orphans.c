/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>

#include "fault/failnth.h"
#include "group.h"
#include "left.h"

/* ---- the recorded */

/* Number and start time are one mark, the run's id a second. */
static void a_weak_member_needs_a_second_mark(void **state)
{
	(void)state;
	begin();
	pid_t two = marked(0), one = victim(body_stand, 0), reused = marked(0), untold = marked(0);
	wait_ready(1);
	struct record_slot slots[] = { weak_slot(two), weak_slot(one), weak_slot(reused), weak_slot(untold) };
	slots[2].id.start_ticks++; /* another process with that number: gone */
	slots[3].id.start_ticks = 0;
	write_slots(slots, 4);
	assert_int_equal(orphans_open(&o), 0);
	assert_non_null(tree_find(&tree, two));
	assert_null(tree_find(&tree, one));
	assert_true(is_listed(one));
	assert_true(!tree_find(&tree, reused) && !is_listed(reused));
	assert_non_null(tree_find(&tree, untold));
	assert_int_equal(o.listed_by_record, 1);
	end_marked(reused);
	finish();
}

static void who_is_older_than_the_run_is_none_of_it(void **state)
{
	(void)state;
	begin();
	pid_t old = marked(0);
	struct record_slot weak = weak_slot(old);
	write_slots(&weak, 1);
	record.head.started_boot_ns = os_clock_boot_ns() + 60000000000ULL;
	assert_int_equal(orphans_open(&o), 0);
	assert_int_equal(tree.count, 0);
	assert_int_equal(o.listed_count, 0);
	orphans_search(&o);
	assert_int_equal(tree.count, 0);
	end_marked(old);
	finish();
}

static void who_is_of_another_user_is_none_of_it(void **state)
{
	(void)state;
	begin();
	pid_t pid = marked(0);
	record.head.uid = geteuid() + 1;
	orphans_search(&o);
	assert_true(!is_listed(pid) && !tree_find(&tree, pid));
	record.head.uid = geteuid();
	orphans_search(&o);
	assert_true(is_listed(pid) || tree_find(&tree, pid));
	end_marked(pid);
	finish();
}

static void a_record_that_cannot_be_read_is_told(void **state)
{
	(void)state;
	begin();
	pid_t job = victim(body_stand, 0);
	wait_ready(1);
	struct record_slot slots[] = { { .id = id_of(job), .depth = 1 } };
	write_slots(slots, 1);
	failnth_arm(&(struct failnth){ .function = "pread", .error = EIO });
	assert_int_equal(orphans_open(&o), -EIO);
	assert_int_equal(o.slot_count, 0);
	/* It may live, and cannot be held. */
	failnth_arm(&(struct failnth){ .function = "syscall", .error = EMFILE, .persist = true });
	assert_int_equal(orphans_open(&o), -EMFILE);
	finish();
}

/* ---- who is found */

/* Apart, in a session with a number: one that is led from outside our namespace has none. */
static void marks_decide_who_is_held_and_who_listed(void)
{
	assert_true(setsid() > 0);
	begin();
	pid_t leader = marked(1), in_it = marked(0), alone = marked(0), plain = victim(body_stand, 0);
	wait_ready(1);
	struct record_slot led = { .id = id_of(leader), .sid = leader, .depth = 1 };
	write_slots(&led, 1);
	record.state.job_pid = getsid(0); /* that of the caller: one mark beside another */
	assert_int_equal(orphans_open(&o), 0);
	if (led.id.pidfs_ino != 0)
		assert_non_null(tree_find(&tree, leader));
	orphans_search(&o);
	assert_non_null(tree_find(&tree, in_it)); /* two marks */
	tree_forget(&tree, in_it);
	tree_forget(&tree, alone);
	tree_compact(&tree);
	record.state.job_pid = 0;
	orphans_search(&o);
	assert_true(tree_find(&tree, alone) || is_listed(alone));
	assert_true(!tree_find(&tree, plain) && !is_listed(plain));
	end_marked(in_it);
	end_marked(alone);
	finish();
}

/* At the limit of processes that is every one there is: a look at all of them stays a matter of moments. */
static void one_that_no_reader_can_be_made_for_is_soon_let_be(void **state)
{
	(void)state;
	begin();
	pid_t pid = marked(0);
	failnth_arm(&(struct failnth){ .function = "fork", .error = EAGAIN, .persist = true });
	assert_int_equal(orphans_marks(&o, pid, 0), ORPHANS_UNKNOWN);
	assert_in_range(failnth_count(), 2, 4);
	failnth_arm(&(struct failnth){ .function = "fork", .error = EAGAIN });
	assert_int_equal(orphans_marks(&o, pid, 0), ORPHANS_RUN_ID);
	end_marked(pid);
	end();
}

static void a_list_holds_each_once_and_no_more_than_it_can(void **state)
{
	pid_t pids[ORPHANS_LISTED_MAX + 1];
	(void)state;
	begin();
	struct record_slot slots[COUNT_OF(pids)];
	for (size_t i = 0; i < COUNT_OF(pids); i++)
		pids[i] = victim(body_stand, 0);
	wait_ready(COUNT_OF(pids));
	for (size_t i = 0; i < COUNT_OF(pids); i++)
		slots[i] = weak_slot(pids[i]);
	write_slots(slots, COUNT_OF(pids));
	write_slots(slots, COUNT_OF(pids));
	struct record_slot again[2] = { slots[0], slots[0] };
	assert_int_equal(record_write_slots(record.fd, again, COUNT_OF(pids), 2, record.seed), 0);
	assert_int_equal(orphans_open(&o), 0);
	assert_int_equal(o.listed_count, ORPHANS_LISTED_MAX);
	orphans_search(&o); /* of the record: they stay, whatever was found */
	assert_int_equal(o.listed_count, ORPHANS_LISTED_MAX);
	assert_int_equal(o.listed_by_record, ORPHANS_LISTED_MAX);
	finish();
}

/* Its number is another's by now: the session of that number is no mark. */
static void a_session_is_led_by_its_leader_alone(void **state)
{
	(void)state;
	begin();
	pid_t leader = marked(1);
	struct record_slot led = { .id = id_of(leader), .sid = leader, .depth = 1 };
	bool has_pidfs = led.id.pidfs_ino != 0;
	write_slots(&led, 1);
	assert_int_equal(orphans_read(&o), 0);
	assert_int_equal(o.slot_count, 1);
	pid_t other = victim(body_stand, 0);
	wait_ready(1);
	assert_int_equal(orphans_marks(&o, other, leader), ORPHANS_SESSION);
	if (has_pidfs) {
		slot[0].id.pidfs_ino++;
		slot[0].id.start_ticks++;
		slot[0].sid = 0;
		assert_int_equal(orphans_marks(&o, other, leader), ORPHANS_SESSION); /* named still */
	}
	end_marked(leader);
	finish();
}

static struct own own = { .parent = -1, .dir = -1 };

static void body_grouped(int arg)
{
	(void)arg;
	if (os_cgroup_enter(own.dir) < 0)
		_exit(1);
	body_stand(0);
}

static void who_is_in_the_runs_group_is_of_the_run(void **state)
{
	(void)state;
	char name[64];
	begin();
	snprintf(name, sizeof(name), "spawnguard-%s", RUN);
	if (!own_open_as(&own, name)) {
		finish();
		skip();
	}
	o.group = own.dir;
	pid_t in = victim(body_grouped, 0), out = victim(body_stand, 0);
	wait_ready(2);
	/* Who cannot be held, or looked at, is not of it. */
	failnth_arm(&(struct failnth){ .function = "syscall", .error = EMFILE, .persist = true });
	orphans_search(&o);
	assert_null(tree_find(&tree, in));
	failnth_arm(
		&(struct failnth){ .function = "openat", .path = "/stat", .error = EIO, .persist = true });
	orphans_search(&o);
	assert_null(tree_find(&tree, in));
	failnth_arm(&(struct failnth){
		.function = "openat", .path = "/cgroup", .error = EIO, .persist = true }); /* moved on */
	orphans_search(&o);
	assert_null(tree_find(&tree, in));
	fail_call(SYS_pidfd_send_signal, ESRCH); /* its group was another's, whose number it was */
	orphans_search(&o);
	assert_null(tree_find(&tree, in));
	failnth_arm(NULL);
	orphans_search(&o);
	assert_non_null(tree_find(&tree, in));
	assert_null(tree_find(&tree, out));
	size_t count = tree.count;
	orphans_search(&o); /* known */
	assert_int_equal(tree.count, count);
	assert_int_equal(kill(in, SIGKILL), 0);
	assert_int_equal(scratch_reap(in), 128 + SIGKILL);
	finish();
	own_close(&own);
}

static void without_proc_nobody_is_found(void **state)
{
	(void)state;
	begin();
	pid_t in_it = marked(0);
	o.slot_max = 0; /* nor is there room to remember anybody */
	failnth_arm(
		&(struct failnth){ .function = "openat", .path = "/proc", .error = EMFILE, .persist = true });
	orphans_search(&o);
	assert_int_equal(tree.count, 0);
	assert_int_equal(o.listed_count, 0);
	failnth_arm(NULL);
	orphans_search(&o);
	assert_true(is_listed(in_it)); /* one mark, as no member is known */
	/* It ends: a new search knows. */
	end_marked(in_it);
	assert_int_equal(scratch_reap(in_it), 128 + SIGKILL);
	orphans_search(&o);
	assert_false(is_listed(in_it));
	assert_int_equal(o.slot_count, 0);
	finish();
}

/* After one that failed: the next begins anew. */
static int clean(void **state)
{
	(void)state;
	failnth_arm(NULL);
	if (nest.is_open)
		finish();
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_weak_member_needs_a_second_mark),
		TEST(who_is_older_than_the_run_is_none_of_it),
		TEST(who_is_of_another_user_is_none_of_it),
		TEST(a_record_that_cannot_be_read_is_told),
		APART(marks_decide_who_is_held_and_who_listed),
		TEST(one_that_no_reader_can_be_made_for_is_soon_let_be),
		TEST(a_list_holds_each_once_and_no_more_than_it_can),
		TEST(a_session_is_led_by_its_leader_alone),
		TEST(who_is_in_the_runs_group_is_of_the_run),
		TEST(without_proc_nobody_is_found),
	};
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
