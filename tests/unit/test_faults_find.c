/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include "apart.h"
#include "fault/failnth.h"
#include "run/find.h"
#include "state.h"

static bool has_pair(void)
{
	struct host_id here;
	struct run_view view;
	os_host_id(-1, &here);
	assert_int_equal(run_view_open(&dir, RUN, &here, &view), 0);
	assert_true(view.is_guarded && view.has_front && view.has_warden);
	bool has = view.front >= 0 && view.warden >= 0;
	assert_int_equal(view.front >= 0, view.warden >= 0); /* both or none */
	run_view_close(&view);
	return has;
}

/* Before 6.9 two guards are known by each other: one is the parent of the other. */
static void guards_are_known_by_their_kinship(void)
{
	without_inodes();
	begin_state();
	pid_t front = victim(body_wide, 1), other = victim(body_stand, 0);
	wait_ready(3);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, front), 0);
	assert_int_equal(walk(), 1);
	pid_t warden = tree.member[1].id.pid;
	write_run(front, warden, 0);
	assert_true(has_pair());
	fail_call(SYS_pidfd_send_signal, ESRCH); /* ended meanwhile */
	assert_false(has_pair());
	fail_path("/stat", EIO, true);
	assert_false(has_pair());
	heal();
	assert_int_equal(record_remove(dir.run_fd, RUN), 0);
	write_run(front, other, 0); /* no parent and child */
	assert_false(has_pair());
	struct record record;
	assert_int_equal(record_open(dir.run_fd, RUN, &record), 0);
	record.state.warden.start_ticks = 0; /* not recorded: no mark */
	assert_int_equal(record_write_state(record.fd, &record.state, record.seed), 0);
	assert_false(has_pair());
	record_close(&record);
	tree_release(&tree);
	end_state();
}

/* ---- what changes in the middle of it */

/* The front of the pair makes another warden of that number, which is its child as the first was. */
static void pass_the_number_on(void *with)
{
	pid_t pid = *(pid_t *)with;
	assert_int_equal(kill(pid, SIGKILL), 0);
	uint64_t until_ns = os_clock_boot_ns() + 30000000; /* another tick */
	while (os_clock_boot_ns() < until_ns)
		(void)poll(NULL, 0, 1);
	assert_int_equal(write(nest.orders[1], &pid, sizeof(pid)), sizeof(pid));
	wait_ready(1);
	if (kill(pid, 0) < 0)
		_exit(SKIP); /* not to be had here */
}

/* Seen alive, and then there is no descriptor, or its number is another's: neither is taken for the guard. */
static void a_guard_whose_number_changes_hands_is_none(void)
{
	without_inodes();
	begin_state();
	pid_t front = victim(body_server, 1);
	wait_ready(2);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, front), 0);
	assert_int_equal(walk(), 1);
	pid_t warden = tree.member[1].id.pid;
	write_run(front, warden, 0);
	assert_true(has_pair());
	failnth_arm(&(struct failnth){
		.function = "syscall", .number = SYS_pidfd_open, .first = 3, .error = EMFILE });
	assert_false(has_pair());
	failnth_arm(&(struct failnth){ .function = "syscall",
				       .number = SYS_pidfd_open,
				       .first = 4,
				       .meanwhile = pass_the_number_on,
				       .with = &warden });
	assert_false(has_pair());
	heal();
	tree_release(&tree);
	end_state();
}

static void body_with_record(int arg)
{
	(void)arg;
	(void)!openat(dir.run_fd, "runs/" RUN, O_RDONLY); /* as long as it lives */
	stand();
}

/* The other is dead, or not yet there: who has the record open is the guard. */
static void a_guard_that_is_alone_is_known_by_its_record(void)
{
	static const struct {
		const char *rule;
		bool is_front, has_record;
		long number;
		uint64_t first;
		int err;
		bool is_held;
	} rows[] = {
		{ "front has it open", true, true, 0, 0, 0, true },
		{ "the warden has it open", false, true, 0, 0, 0, true },
		{ "front has it not", true, false, 0, 0, 0, false },
		{ "the warden has it not", false, false, 0, 0, 0, false },
		{ "no descriptor for a handle", true, true, SYS_pidfd_open, 2, EMFILE, false },
		{ "it ends behind the look at its files", true, true, SYS_pidfd_send_signal, 2, ESRCH,
		  false },
	};
	without_inodes();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin_state();
		write_run(0, 0, 0); /* there to be opened */
		pid_t guard = victim(rows[i].has_record ? body_with_record : body_stand, 0);
		wait_ready(1);
		struct record record;
		assert_int_equal(record_open(dir.run_fd, RUN, &record), 0);
		if (rows[i].is_front)
			record.head.front = id_of(guard);
		else
			record.state.warden = id_of(guard);
		struct run_view view = { .record = record, .place = PLACE_HERE, .front = -1, .warden = -1 };
		view.owner = geteuid();
		assert_int_equal(record_write_state(record.fd, &record.state, record.seed), 0);
		if (rows[i].number)
			failnth_arm(&(struct failnth){ .function = "syscall",
						       .number = rows[i].number,
						       .first = rows[i].first,
						       .error = rows[i].err });
		run_view_refresh(&view);
		heal();
		assert_int_equal(view.has_front, rows[i].is_front);
		assert_int_equal(view.has_warden, !rows[i].is_front);
		if ((view.front >= 0 || view.warden >= 0) != rows[i].is_held)
			fail_msg("%s", rows[i].rule);
		run_view_close(&view);
		end_state();
	}
}

/* Of guards that are dead the members are shown, those too whose number is all that is known. */
static void a_member_that_cannot_be_held_is_shown(void)
{
	begin_state();
	pid_t member = victim(body_stand, 0);
	wait_ready(1);
	write_run(0, 0, member);
	struct run_view view;
	struct host_id here;
	os_host_id(-1, &here);
	for (int way = 0; way < 2; way++) {
		assert_int_equal(run_view_open(&dir, RUN, &here, &view), 0);
		tree_init(&tree, nest.ready[0]);
		if (way == 1) /* of another kernel */
			fail_once("fstat", 1, EIO);
		run_view_walk(&view, &tree);
		heal();
		assert_int_equal(members(), 1);
		if (way == 1)
			assert_int_equal(tree_find(&tree, member)->handle, -1);
		tree_release(&tree);
		run_view_close(&view);
	}
	end_state();
}

/* ---- another user's */

static unsigned seen, guarded;

static int see(void *with, struct run_view *view)
{
	(void)with;
	seen++;
	guarded += view->is_guarded;
	return 0;
}

static void a_guard_of_another_user_must_be_his(void)
{
	if (geteuid() != 0)
		_exit(SKIP);
	begin_state();
	pid_t his = victim(body_stand, 0);
	wait_ready(1);
	write_run(his, 0, 0);
	assert_int_equal(fchownat(dir.run_fd, "runs/" RUN, 65534, 65534, 0), 0);
	struct find look = { .dir = &dir, .owner = 65534, .each = see };
	assert_int_equal(find_look(&look), 0); /* a run without guards: the process is root's */
	fail_path("/status", EIO, true);
	assert_int_equal(find_look(&look), 0);
	assert_int_equal(seen, 2);
	assert_int_equal(guarded, 0);
	end_state();
}

static void body_his(int arg)
{
	(void)arg;
	if (setresuid(65534, 65534, 65534) < 0)
		_exit(1);
	stand();
}

static void look_at_his(void)
{
	if (geteuid() != 0)
		_exit(SKIP);
	begin_state();
	pid_t his = victim(body_his, 0);
	wait_ready(1);
	write_run(his, 0, 0);
	assert_int_equal(fchownat(dir.run_fd, "runs/" RUN, 65534, 65534, 0), 0);
	struct find look = { .dir = &dir, .owner = 65534, .each = see };
	assert_int_equal(find_look(&look), 0);
	assert_int_equal(seen, 1);
	assert_int_equal(guarded, 1);
	end_state();
}

static void a_guard_of_another_user_is_looked_at(void)
{
	look_at_his();
}

/* It is believed to live; no further proof is asked for, as it is not signalled. */
static void a_guard_of_another_user_is_looked_at_before_6_9(void)
{
	without_inodes();
	look_at_his();
}

static void a_record_that_goes_is_not_counted_as_unreadable(void)
{
	begin_state();
	write_run(0, 0, 0);
	struct find look = { .dir = &dir, .owner = geteuid(), .each = see };
	fail_path("runs/", ENOENT, true); /* gone since it was listed */
	assert_int_equal(find_look(&look), -ENOENT);
	assert_int_equal(look.passed_over, 0);
	heal();
	assert_int_equal(record_remove(dir.run_fd, RUN), 0);
	scratch_write(&home, "runs/" RUN, "", 0); /* not yet begun */
	assert_int_equal(find_look(&look), -ENOENT);
	assert_int_equal(look.passed_over, 0);
	scratch_write(&home, "runs/" RUN, "damaged", 7);
	assert_int_equal(find_look(&look), -ENOENT);
	assert_int_equal(look.passed_over, 1);
	assert_int_equal(seen, 0);
	end_state();
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(guards_are_known_by_their_kinship),
		APART(a_guard_whose_number_changes_hands_is_none),
		APART(a_guard_that_is_alone_is_known_by_its_record),
		APART(a_member_that_cannot_be_held_is_shown),
		APART(a_guard_of_another_user_must_be_his),
		APART(a_guard_of_another_user_is_looked_at),
		APART(a_guard_of_another_user_is_looked_at_before_6_9),
		APART(a_record_that_goes_is_not_counted_as_unreadable),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
