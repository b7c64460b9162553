/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault/failnth.h"
#include "left.h"

/* ---- what happens in the middle of a look */

static void before(const char *path, uint64_t first, void (*meanwhile)(void *with), void *with)
{
	failnth_arm(&(struct failnth){
		.function = "openat", .path = path, .first = first, .meanwhile = meanwhile, .with = with });
}

/* "/proc/PID/NAME"; of the last two that were asked for. */
static const char *proc_path(pid_t pid, const char *name)
{
	static char path[2][64];
	static unsigned at;
	at ^= 1U;
	snprintf(path[at], sizeof(path[at]), "/proc/%d/%s", pid, name);
	return path[at];
}

static void wait_for_end(pid_t pid)
{
	siginfo_t info;
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* ---- without handles */

static void without_handles_it_is_listed(void)
{
	begin();
	pid_t in_it = marked(0);
	struct record_slot weak = weak_slot(in_it);
	write_slots(&weak, 1);
	failnth_arm(&(struct failnth){ .function = "syscall", .error = ENOSYS, .persist = true });
	assert_int_equal(orphans_open(&o), 0);
	orphans_search(&o);
	failnth_arm(NULL);
	assert_true(is_listed(in_it) || tree_find(&tree, in_it));
	end_marked(in_it);
	finish();
}

/* ---- races: what changes between two steps of a look */

static void no_event(void *with)
{
	(void)with;
}

/* From now on only looks at `with` are counted: as often as it is searched. */
static void count_looks(void *with)
{
	before(proc_path(*(pid_t *)with, "stat"), UINT64_MAX, no_event, NULL);
}

/* A first look opens its stat and its status; a second one, which is for the young, adds its stat. */
#define LOOKS_OF_ONE_SEARCH 2

static void the_number_of_another(void *with)
{
	((struct record_slot *)with)->id.start_ticks++;
}

static void a_number_that_changes_hands_while_it_is_looked_at_is_nobodys(void)
{
	begin();
	pid_t pid = marked(0);
	struct record_slot weak = weak_slot(pid);
	write_slots(&weak, 1);
	before(proc_path(pid, "stat"), 2, the_number_of_another, slot); /* it was the recorded one till now */
	assert_int_equal(orphans_open(&o), 0);
	assert_true(!tree_find(&tree, pid) && !is_listed(pid));
	end_marked(pid);
	finish();
}

/* Each step of a look at one that the record names, which has both marks. */
static void whatever_cannot_be_done_with_a_recorded_one(void)
{
	static const struct {
		const char *rule;
		long number; /* else: its stat */
		uint64_t first;
		int err;
		bool is_held, is_listed;
	} rows[] = {
		{ "nothing fails", 0, UINT64_MAX, EIO, true, false },
		{ "gone after the first look", 0, 2, ENOENT, false, false },
		{ "not told who it is", 0, 2, EIO, false, false },
		{ "gone when it is held", 0, 3, ENOENT, false, false },
		{ "not told what it is when it is held", 0, 3, EIO, false, true },
		{ "no descriptor to hold it by", SYS_pidfd_open, 2, EMFILE, false, true },
		{ "ended after its marks were read", SYS_pidfd_send_signal, 1, ESRCH, false, true },
	};
	begin();
	pid_t pid = marked(0);
	struct record_slot weak = weak_slot(pid);
	write_slots(&weak, 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		failnth_arm(&(struct failnth){ .function = rows[i].number ? "syscall" : "openat",
					       .number = rows[i].number,
					       .path = rows[i].number ? NULL : proc_path(pid, "stat"),
					       .first = rows[i].first,
					       .error = rows[i].err });
		o.listed_count = 0;
		assert_int_equal(orphans_open(&o), 0);
		failnth_arm(NULL);
		if (!!tree_find(&tree, pid) != rows[i].is_held || is_listed(pid) != rows[i].is_listed)
			fail_msg("%s: %sheld, %slisted", rows[i].rule, tree_find(&tree, pid) ? "" : "not ",
				 is_listed(pid) ? "" : "not ");
		tree_forget(&tree, pid);
		tree_compact(&tree);
	}
	end_marked(pid);
	finish();
}

static void body_end(int arg)
{
	(void)arg;
}

static void body_leads_and_ends(int arg)
{
	(void)arg;
	(void)setsid();
	(void)victim(body_stand, 0);
	/* Ends with its child in its session. */
}

/* Nobody who is there now is young. */
static void let_time_pass(void)
{
	uint64_t until_ns = os_clock_boot_ns() + 3 * TICK_NS;
	while (os_clock_boot_ns() < until_ns)
		(void)poll(NULL, 0, 1);
}

/*
 * A session outlives its leader, and keeps its number from strangers: who is
 * in it is of the run if that leader is the recorded one.  It has ended here,
 * and is not waited for, so there is nobody to be held.
 */
static void the_session_of_a_dead_leader_is_that_of_the_recorded_one(void)
{
	static const struct {
		const char *rule;
		int64_t start_off; /* 0: the recorded start is the leader's */
		uint64_t inode, unread;
		bool is_untold, is_led;
	} rows[] = {
		{ "its start is as recorded", .is_led = true },
		{ "its start was not recorded", .is_untold = true },
		{ "its start is another", .start_off = 1 },
		{ "it has another inode", .inode = 1 },
		/* Two for itself, then one for its child. */
		{ "its start cannot be read", .unread = 3 },
	};
	struct proc_stat stat;
	siginfo_t info;
	begin();
	pid_t leader = victim(body_leads_and_ends, 0);
	wait_ready(1);
	assert_int_equal(waitid(P_PID, (id_t)leader, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(os_proc_stat(leader, &stat), 0);
	let_time_pass();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct record_slot recorded = { .id = { .pid = leader, .pidfs_ino = rows[i].inode } };
		if (!rows[i].is_untold)
			recorded.id.start_ticks = stat.start_ticks + (uint64_t)rows[i].start_off;
		slot[0] = recorded;
		o.slot_count = 1;
		o.listed_count = 0;
		assert_int_equal(orphans_marks(&o, getpid(), leader) & ORPHANS_SESSION, ORPHANS_SESSION);
		if (rows[i].unread > 0)
			failnth_arm(&(struct failnth){ .function = "openat",
						       .path = proc_path(leader, "stat"),
						       .first = rows[i].unread,
						       .error = EIO });
		orphans_search(&o);
		heal();
		if ((o.listed_count == 1) != rows[i].is_led)
			fail_msg("%s: %u listed", rows[i].rule, o.listed_count);
	}
	finish();
}

static void what_tells_of_a_session(void)
{
	begin();
	pid_t leader = marked(1), gone = victim(body_end, 0);
	assert_int_equal(scratch_reap(gone), 0);
	slot[0] = weak_slot(leader);
	slot[1] = (struct record_slot){ .id = { .pid = gone, .start_ticks = 1 } };
	o.slot_count = 2;
	assert_int_equal(orphans_marks(&o, getpid(), leader), ORPHANS_SESSION); /* as far as can be told */
	assert_int_equal(orphans_marks(&o, getpid(), gone), ORPHANS_SESSION); /* no stranger has its number */
	assert_int_equal(orphans_marks(&o, getpid(), 0), 0); /* led from outside our namespace */
	assert_int_equal(orphans_marks(&o, leader, 0), ORPHANS_RUN_ID);
	assert_int_equal(orphans_marks(&o, gone, 0), ORPHANS_UNKNOWN);
	fail_once("read", 1, ENODATA); /* nothing in it, as in the middle of an exec: read again */
	assert_int_equal(orphans_marks(&o, leader, 0), ORPHANS_RUN_ID);
	assert_true(failnth_count() > 1);
	heal();
	end_marked(leader);
	finish();
}

/* ---- whose environment cannot be read */

/* One with the run's id, in a session that the record names: two marks. */
static pid_t begin_in_session(void)
{
	assert_true(setsid() > 0); /* one that is led from outside our namespace has no number */
	begin();
	pid_t in_it = marked(0);
	record.state.job_pid = getpid();
	return in_it;
}

/* What cannot be read now may be of it: in a session that the record names it is listed, though nobody's mark
 * is seen. */
static void who_cannot_be_asked_is_listed_by_its_session(void)
{
	pid_t in_it = begin_in_session();
	fail_always("fork", EAGAIN);
	orphans_search(&o);
	heal();
	assert_true(is_listed(in_it) && !tree_find(&tree, in_it));
	record.state.job_pid = 0; /* another's session */
	fail_always("fork", EAGAIN);
	orphans_search(&o);
	heal();
	assert_true(!is_listed(in_it) && !tree_find(&tree, in_it));
	end_marked(in_it);
	finish();
}

/* That is the same tomorrow: nobody would ever be told that all of the run is gone. */
static void who_hides_its_environment_for_good_is_let_be(void)
{
	static const struct {
		const char *rule;
		int err;
		bool is_listed;
	} rows[] = {
		{ "it may be readable tomorrow", EIO, true },
		{ "not ours to read", EACCES, false },
		{ "nobody's to read", EPERM, false },
	};
	pid_t in_it = begin_in_session();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		failnth_arm(&(struct failnth){ .function = "open",
					       .path = proc_path(in_it, "environ"),
					       .error = rows[i].err,
					       .persist = true });
		orphans_search(&o);
		if (failnth_count() == 0 || is_listed(in_it) != rows[i].is_listed || tree_find(&tree, in_it))
			fail_msg("%s: %slisted", rows[i].rule, is_listed(in_it) ? "" : "not ");
	}
	heal();
	orphans_search(&o);
	assert_non_null(tree_find(&tree, in_it));
	end_marked(in_it);
	finish();
}

static void stand_still(void *with)
{
	(void)with;
	(void)raise(SIGSTOP);
}

/* The reader hangs: each search would wait as long again.  Another process of that number is asked. */
static void who_was_waited_for_in_vain_is_not_asked_again(void)
{
	pid_t in_it = begin_in_session();
	failnth_arm(&(struct failnth){ .function = "open",
				       .path = proc_path(in_it, "environ"),
				       .meanwhile = stand_still }); /* the first alone */
	orphans_search(&o);
	assert_int_equal(failnth_count(), 1);
	assert_true(is_listed(in_it) && !tree_find(&tree, in_it));
	assert_int_equal(o.patience.stuck_count, 1);
	orphans_search(&o);
	assert_int_equal(failnth_count(), 1);
	assert_true(is_listed(in_it) && !tree_find(&tree, in_it));
	o.patience.stuck[0].start_ticks++;
	orphans_search(&o);
	assert_true(failnth_count() > 1);
	assert_non_null(tree_find(&tree, in_it));
	end_marked(in_it);
	finish();
}

/* Where no more can be remembered it is waited for at each search, and nobody else is forgotten. */
static void more_than_can_be_remembered_are_asked_again(void)
{
	pid_t in_it = begin_in_session();
	for (uint32_t i = 0; i < READER_STUCK_MAX; i++)
		o.patience.stuck[i].pid = -1 - (int32_t)i;
	o.patience.stuck_count = READER_STUCK_MAX;
	fail_always("poll", EINTR); /* for the answer of a reader */
	orphans_search(&o);
	heal();
	assert_true(is_listed(in_it) && !tree_find(&tree, in_it));
	assert_int_equal(o.patience.stuck_count, READER_STUCK_MAX);
	assert_int_equal(o.patience.stuck[READER_STUCK_MAX - 1].pid, -READER_STUCK_MAX);
	orphans_search(&o);
	assert_non_null(tree_find(&tree, in_it));
	end_marked(in_it);
	finish();
}

/* ---- who is looked at again */

static void end_it(void *with)
{
	end_marked(*(pid_t *)with);
	assert_int_equal(scratch_reap(*(pid_t *)with), 128 + SIGKILL);
}

struct pair {
	pid_t ends, stays;
};

static void end_one_and_count(void *with)
{
	struct pair *pair = with;
	end_it(&pair->ends);
	count_looks(&pair->stays);
}

static void end_one_uncollected_and_count(void *with)
{
	struct pair *pair = with;
	wait_for_end(pair->ends);
	count_looks(&pair->stays);
}

/* It may have left somebody who was born behind the look: all that are young are looked at once more. */
static void who_ends_while_it_is_looked_at_has_the_look_repeated(void)
{
	static const struct {
		const char *rule, *file;
		uint64_t first;
		void (*meanwhile)(void *with);
		uint64_t looks; /* at the other, at least: before its turn, or behind it */
	} rows[] = {
		{ "gone before its environment is read", "status", 1, end_one_and_count, 1 },
		{ "dead before its environment is read", "status", 1, end_one_uncollected_and_count, 1 },
		{ "gone when it was listed", "stat", 3, end_one_and_count, 1 },
		{ "dead when it was listed", "stat", 3, end_one_uncollected_and_count, 1 },
	};
	begin();
	struct pair pair = { .stays = victim(body_stand, 0) };
	wait_ready(1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		pair.ends = marked(0);
		before(proc_path(pair.ends, rows[i].file), rows[i].first, rows[i].meanwhile, &pair);
		orphans_search(&o);
		if (failnth_count() < rows[i].looks)
			fail_msg("%s: not looked again", rows[i].rule);
		heal();
		assert_false(is_listed(pair.ends));
		(void)waitpid(pair.ends, NULL, 0);
	}
	finish();
}

static void who_is_gone_when_its_turn_comes_has_the_look_repeated(void)
{
	begin();
	(void)victim(body_stand, 0); /* the first that is opened, where nobody else is */
	wait_ready(1);
	pid_t other = victim(body_stand, 0), alone = marked(0);
	wait_ready(1);
	failnth_arm(&(struct failnth){ .function = "syscall",
				       .number = SYS_pidfd_open,
				       .error = ESRCH,
				       .meanwhile = count_looks,
				       .with = &other });
	orphans_search(&o);
	assert_true(failnth_count() > LOOKS_OF_ONE_SEARCH);
	heal();
	assert_true(is_listed(alone));
	end_marked(alone);
	finish();
}

/* Without a descriptor to hold anybody by, none is looked at. */
static void who_cannot_be_held_is_passed_over(void)
{
	begin();
	pid_t alone = marked(0);
	fail_call(SYS_pidfd_open, EMFILE);
	orphans_search(&o);
	assert_false(is_listed(alone));
	heal();
	orphans_search(&o);
	assert_true(is_listed(alone));
	fail_path(proc_path(alone, "stat"), EIO, true); /* nor is it forgotten because it cannot be asked */
	orphans_search(&o);
	assert_false(is_listed(alone)); /* not told whose it is */
	failnth_arm(&(struct failnth){ .function = "openat",
				       .path = proc_path(alone, "stat"),
				       .first = 3,
				       .persist = true,
				       .error = EIO });
	orphans_search(&o);
	assert_true(is_listed(alone)); /* told, and then not whether it is still there */
	end_marked(alone);
	finish();
}

/* Dead when its turn comes; the next of that number is a new process. */
static void pass_its_number_on(void *with)
{
	pid_t *pid = with;
	assert_int_equal(scratch_reap(*pid), 0);
	let_time_pass();
	pid_t next = victim_with_pid(*pid, body_marked, 0);
	if (next < 0)
		_exit(SKIP); /* not to be had here */
	wait_ready(1);
	wait_for_exec(next);
}

static void who_takes_the_number_of_a_dead_one_has_its_turn(void)
{
	siginfo_t info;
	begin();
	pid_t pid = victim(body_daemon_parent, 0);
	wait_ready(1);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	before(proc_path(pid, "status"), 1, pass_its_number_on, &pid);
	orphans_search(&o);
	heal();
	assert_true(is_listed(pid));
	end_marked(pid);
	finish();
}

/* More of the dead than can be remembered. */
static void a_search_among_many_dead_ends(void)
{
	pid_t dead[270];
	siginfo_t info;
	begin();
	pid_t alone = marked(0);
	for (size_t i = 0; i < COUNT_OF(dead); i++)
		dead[i] = victim(body_end, 0);
	for (size_t i = 0; i < COUNT_OF(dead); i++) {
		assert_true(dead[i] > 0);
		assert_int_equal(waitid(P_PID, (id_t)dead[i], &info, WEXITED | WNOWAIT), 0);
	}
	orphans_search(&o);
	assert_true(is_listed(alone));
	end_marked(alone);
	finish();
}

static unsigned looks;

/* Begins with the start of a look. */
static void leave_one_dead(void *with)
{
	siginfo_t info;
	pid_t pid = victim(body_end, 0);
	looks++;
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	failnth_arm(&(struct failnth){ .function = "lseek", .meanwhile = leave_one_dead, .with = with });
}

/* Where somebody ends at each look, it is looked again a few times, not for ever. */
static void a_search_where_always_somebody_ends_is_given_up(void)
{
	begin();
	pid_t alone = marked(0);
	failnth_arm(&(struct failnth){ .function = "lseek", .meanwhile = leave_one_dead });
	orphans_search(&o);
	heal();
	assert_int_equal(looks, 8);
	assert_true(is_listed(alone)); /* what was found stands */
	end_marked(alone);
	finish();
}

static void whom_the_record_names_and_who_ends_is_listed_no_more(void)
{
	begin();
	pid_t first = victim(body_stand, 0), second = victim(body_stand, 0);
	wait_ready(2);
	struct record_slot slots[] = { weak_slot(first), weak_slot(second) };
	write_slots(slots, 2);
	assert_int_equal(orphans_open(&o), 0);
	assert_true(is_listed(first) && is_listed(second) && o.listed_by_record == 2);
	end_it(&first);
	orphans_search(&o);
	assert_true(!is_listed(first) && is_listed(second) && o.listed_by_record == 1);
	finish();
}

static void who_is_found_has_no_place_in_a_full_record(void)
{
	begin();
	pid_t job = victim(body_wide, 2);
	wait_ready(3);
	struct record_slot recorded = weak_slot(job);
	write_slots(&recorded, 1);
	recorded.id = id_of(job);
	tree_release(&tree);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_add_held(&tree, &recorded, os_pidfd_open(job)), 0);
	o.slot_max = 2;
	orphans_search(&o);
	assert_int_equal(tree.count, 3);
	assert_int_equal(o.slot_count, 2);
	finish();
}

/* ---- a process whose first thread has ended lives on */

#define LEADER_GONE "leader-gone"

static void body_marked_leader_gone(int with_session)
{
	static char program[] = "/proc/self/exe", leader_gone[] = LEADER_GONE;
	char *argv[] = { program, leader_gone, NULL }, *env[] = { run_mark, NULL };
	if (with_session)
		(void)setsid();
	(void)execve(program, argv, env);
}

static void *wait_for_the_end(void *with)
{
	(void)with;
	(void)poll(NULL, 0, 60000);
	return NULL;
}

/* The program that it becomes. */
static int be_leader_gone(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, wait_for_the_end, NULL) == 0)
		(void)syscall(SYS_exit, 0); /* of this thread alone */
	return 1;
}

static pid_t marked_leader_gone(int with_session)
{
	struct proc_stat stat;
	pid_t pid = victim(body_marked_leader_gone, with_session);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do {
		assert_true(os_clock_boot_ns() < end_ns);
		assert_int_equal(os_proc_stat(pid, &stat), 0);
	} while (stat.state != 'Z');
	assert_int_equal(stat.threads, 2);
	return pid;
}

static void who_has_lost_its_first_thread_is_found_all_the_same(void)
{
	begin();
	pid_t alone = marked_leader_gone(0), led = marked_leader_gone(1);
	orphans_search(&o);
	assert_true(is_listed(alone) && is_listed(led)); /* the run's id is one mark */
	record.state.job_pid = led;
	orphans_search(&o);
	assert_true(is_listed(alone));
	assert_non_null(tree_find(&tree, led)); /* and its session another */
	assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 1);
	assert_int_equal(scratch_reap(led), 128 + SIGKILL);
	end_it(&alone);
	orphans_search(&o);
	assert_false(is_listed(alone));
	finish();
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], LEADER_GONE) == 0)
		return be_leader_gone();
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(without_handles_it_is_listed),
		APART(a_number_that_changes_hands_while_it_is_looked_at_is_nobodys),
		APART(whatever_cannot_be_done_with_a_recorded_one),
		APART(the_session_of_a_dead_leader_is_that_of_the_recorded_one),
		APART(what_tells_of_a_session),
		APART(who_cannot_be_asked_is_listed_by_its_session),
		APART(who_hides_its_environment_for_good_is_let_be),
		APART(who_was_waited_for_in_vain_is_not_asked_again),
		APART(more_than_can_be_remembered_are_asked_again),
		APART(who_ends_while_it_is_looked_at_has_the_look_repeated),
		APART(who_is_gone_when_its_turn_comes_has_the_look_repeated),
		APART(who_cannot_be_held_is_passed_over),
		APART(who_takes_the_number_of_a_dead_one_has_its_turn),
		APART(a_search_among_many_dead_ends),
		APART(a_search_where_always_somebody_ends_is_given_up),
		APART(whom_the_record_names_and_who_ends_is_listed_no_more),
		APART(who_is_found_has_no_place_in_a_full_record),
		APART(who_has_lost_its_first_thread_is_found_all_the_same),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
