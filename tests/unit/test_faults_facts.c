/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "apart.h"
#include "core/births.h"
#include "fault/failnth.h"
#include "os/file.h"
#include "tree/hold.h"
#include "tree/scan.h"

/* ---- a directory that stands for a handle */

static void body_end(int arg)
{
	(void)arg;
}

static void what_is_no_directory_is_a_pidfd_still(void)
{
	AUTO_FD int before = os_pidfd_open_self();
	fail_call(SYS_pidfd_open, ENOSYS);
	AUTO_FD int dir = os_pidfd_open_or_proc(getpid());
	assert_true(before >= 0 && dir >= 0);
	heal();
	assert_true(os_pidfd_is_proc(dir));
	assert_false(os_pidfd_is_proc(before)); /* of a job that the kernel made with one */
	fail_once("fstat", 1, EIO);
	assert_false(os_pidfd_is_proc(dir));
}

/* What cannot be told is no end: neither what it is, nor whether it has been waited for. */
static void a_directory_that_tells_nothing_tells_of_no_end(void)
{
	struct scratch s;
	struct proc_stat stat;
	scratch_make(&s);
	fail_call(SYS_pidfd_open, ENOSYS);
	AUTO_FD int dir = os_pidfd_open_or_proc(getpid());
	heal();
	assert_true(dir >= 0);
	assert_true(os_pidfd_is_dead(s.fd)); /* has no such file: waited for */
	assert_int_equal(os_proc_stat_at(s.fd, &stat), -ESRCH);
	scratch_write(&s, "stat", "4711 (x", 7);
	assert_int_equal(os_proc_stat_at(s.fd, &stat), -EBADMSG);
	assert_false(os_pidfd_is_dead(s.fd));
	fail_path("stat", EMFILE, true);
	assert_int_equal(os_proc_stat_at(s.fd, &stat), -EMFILE);
	fail_once("pread", 1, EIO);
	assert_int_equal(os_proc_stat_at(s.fd, &stat), -EIO);
	heal();
	scratch_remove(&s);
}

/* ---- files beside a kept directory of threads */

/* "task" beside what `target` names as "fd". */
static int task_beside(struct scratch *s, const char *target)
{
	scratch_make(s);
	scratch_mkdir(s, "task");
	if (target)
		assert_int_equal(symlinkat(target, s->fd, "fd"), 0);
	return openat(s->fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void open_files_are_counted_where_no_size_tells_them(void)
{
	struct scratch s;
	nest_open();
	pid_t pid = victim(body_threads, 2); /* a directory of procfs without a size: 3 entries */
	wait_ready(5);
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	AUTO_FD int task = task_beside(&s, path);
	assert_int_equal(os_proc_files_beside(task), 3);
	fail_path("../fd", EACCES, true);
	assert_int_equal(os_proc_files_beside(task), -EACCES);
	fail_path("../fd", ENOENT, true);
	assert_int_equal(os_proc_files_beside(task), -ESRCH);
	fail_call(SYS_getdents64, EIO);
	assert_int_equal(os_proc_files_beside(task), -EIO);
	fail_once("fstatat", 1, ENOENT);
	assert_int_equal(os_proc_files_beside(task), -ESRCH);
	heal();
	assert_int_equal(unlinkat(s.fd, "fd", 0), 0);
	scratch_write(&s, "fd", "", 0);
	AUTO_FD int huge = openat(s.fd, "fd", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(huge, 3), 0);
	assert_int_equal(os_proc_files_beside(task), 3); /* since 6.2 */
	if (ftruncate(huge, (off_t)1 << 32) == 0)
		assert_int_equal(os_proc_files_beside(task), INT32_MAX);
	scratch_remove(&s);
	nest_close();
}

static void what_is_beside_and_cannot_be_read(void)
{
	struct scratch s;
	char text[64];
	AUTO_FD int task = task_beside(&s, NULL);
	assert_int_equal(os_proc_read_beside(task, "io", text, sizeof(text)), -ESRCH);
	assert_int_equal(os_proc_program_beside(task, text, sizeof(text)), -ESRCH);
	fail_path("../io", EACCES, true);
	assert_int_equal(os_proc_read_beside(task, "io", text, sizeof(text)), -EACCES);
	heal();
	scratch_write(&s, "io", "rchar: 1\n", 9);
	assert_int_equal(os_proc_read_beside(task, "io", text, sizeof(text)), 9);
	assert_memory_equal(text, "rchar: 1\n", 9);
	assert_int_equal(symlinkat("/bin/x", s.fd, "exe"), 0);
	assert_int_equal(os_proc_program_beside(task, text, sizeof(text)), 6);
	scratch_remove(&s);
}

static int count_child(void *with, pid_t child)
{
	(void)child;
	++*(unsigned *)with;
	return 0;
}

static void what_is_asked_of_who_is_gone(void)
{
	struct proc_environ place;
	unsigned count = 0;
	nest_open();
	pid_t gone = victim(body_end, 0);
	assert_int_equal(scratch_reap(gone), 0);
	assert_int_equal(os_proc_environ(gone, &place), -ESRCH);
	assert_int_equal(os_proc_environ(getpid(), &place), 0);
	assert_true(place.start > 0 && place.end > place.start);
	/* It has no list, but others have: nobody is looked for. */
	if (os_proc_lists_children())
		assert_int_equal(os_proc_children(gone, gone, -1, count_child, &count), -ENOENT);
	assert_int_equal(os_proc_shares_open(getpid(), -1), -EBADF);
	AUTO_FD int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(os_proc_shares_open(getpid(), zero), 1);
	assert_int_equal(os_proc_shares_open(gone, zero), -ENOENT);
	nest_close();
}

static void a_search_for_children_that_fails(void)
{
	unsigned count = 0;
	nest_open();
	pid_t parent = victim(body_wide, 2);
	wait_ready(3);
	fail_path("/children", ENOENT, true);
	assert_false(os_proc_lists_children());
	assert_int_equal(os_proc_children(parent, parent, -1, count_child, &count), 0);
	assert_int_equal(count, 2);
	heal(); /* told once: the list of one that is gone is not there, either */
	pid_t gone = victim(body_end, 0);
	assert_int_equal(scratch_reap(gone), 0);
	fail_path("/stat", EIO, true); /* each is passed over that cannot be asked */
	assert_int_equal(os_proc_children(gone, gone, -1, count_child, &count), 0);
	failnth_arm(&(struct failnth){ .function = "openat", .path = "/proc", .first = 2, .error = EMFILE });
	assert_int_equal(os_proc_children(gone, gone, -1, count_child, &count), -EMFILE);
	assert_int_equal(count, 2);
	heal();
	nest_close();
}

/* ---- members without handles */

/* The only member below the job, all its files closed: as where descriptors have run out. */
static struct member *poor_member(pid_t job)
{
	struct member *m = tree_find(&tree, child_of(job));
	member_close(m);
	return m;
}

static void a_member_without_handle_is_opened_each_time(void)
{
	pid_t job = hold_job(&tree, body_wide, 1, 2);
	assert_int_equal(walk(), 1);
	struct member *m = poor_member(job);
	assert_false(hold_is_dead(&tree, m));
	fail_call(SYS_pidfd_open,
		  EMFILE); /* not even the reserve: it is no child of ours, so not by its number */
	assert_int_equal(hold_signal(&tree, m, 0), -EMFILE);
	assert_false(hold_is_dead(&tree, m));
	fail_call(SYS_pidfd_send_signal, EINVAL);
	assert_int_equal(hold_signal(&tree, m, 0), -EINVAL);
	struct member *own = tree_find(&tree, job);
	member_close(own);
	fail_call(SYS_pidfd_open, EMFILE);
	assert_int_equal(hold_signal(&tree, own, 0), 0); /* that one is */
	failnth_arm(&(struct failnth){
		.function = "openat", .path = "/stat", .first = 2, .error = EIO, .persist = true });
	assert_false(hold_is_dead(&tree, m)); /* there, and no more is told */
	heal();
	assert_int_equal(kill(m->id.pid, SIGKILL), 0);
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	     !hold_is_dead(&tree, m);) /* a zombie of the job */
		assert_true(os_clock_boot_ns() < end_ns);
	end();
}

static void a_kept_directory_is_asked_with_the_reserve(void)
{
	fail_call(SYS_pidfd_open, ENOSYS);
	nest_open();
	pid_t job = victim(body_wide, 1);
	wait_ready(2);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree_add_job(&tree, job, -1, os_clock_boot_ns());
	assert_int_equal(walk(), 1);
	struct member *m = tree_find(&tree, child_of(job));
	assert_true(os_pidfd_is_proc(m->handle));
	tree.starved = true;
	assert_false(hold_is_dead(&tree, m));
	for (size_t i = 0; i < TREE_RESERVE; i++)
		assert_true(tree.reserve[i] >= 0); /* taken back */
	assert_int_equal(kill(m->id.pid, SIGKILL), 0);
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS; !hold_is_dead(&tree, m);)
		assert_true(os_clock_boot_ns() < end_ns);
	end();
}

static void one_that_is_only_listed_is_shown(void)
{
	nest_open();
	tree_init(&tree, nest.ready[0]);
	pid_t listed = victim(body_stand, 0), gone = victim(body_end, 0);
	wait_ready(1);
	assert_int_equal(scratch_reap(gone), 0);
	const struct record_slot slots[] = { { .id = { .pid = listed } }, { .id = { .pid = gone } } };
	assert_int_equal(tree_add_listed(&tree, &slots[0]), 0);
	assert_int_equal(tree_add_listed(&tree, &slots[1]), -ESRCH);
	assert_int_equal(members(), 1);
	assert_int_equal(tree_find(&tree, listed)->handle, -1);
	tree_release(&tree);
	nest_close();
}

/* ---- walks */

static void arm_no_lists(void *with)
{
	(void)with;
	fail_path("/children", ENOENT, true);
}

/* The first list finds no descriptor, so whether there are lists is asked in the middle of a walk. */
static void that_nothing_is_listed_is_learned_by_a_walk(void)
{
	nest_open();
	pid_t job = victim(body_two_levels, 2);
	wait_ready(7);
	tree_init(&tree, nest.ready[0]);
	failnth_arm(&(struct failnth){
		.function = "openat", .path = "/children", .error = EMFILE, .meanwhile = arm_no_lists });
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	assert_false(tree.scans);
	tree.starved = true; /* no files of members, which would tell it too */
	tree_add_job(&tree, job, os_pidfd_open(job), os_clock_boot_ns());
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE), 0);
	assert_true(tree.scans && tree.again);
	assert_int_equal(walk(), 6);
	assert_int_equal(members(), 7);
	/* Where all are scanned: by a signal, or by its files, who has been waited for. */
	pid_t below = child_of(job), lowest = child_of(below);
	tree.starved = false;
	hold_keep_files(&tree, tree_find(&tree, below));
	assert_true(tree_find(&tree, below)->task_fd >= 0 && tree_find(&tree, lowest)->task_fd < 0);
	assert_int_equal(walk(), 0);
	assert_int_equal(members(), 7);
	/* Nobody is new: only memory is looked at, and who has gone is not missed yet. */
	struct scratch s;
	scratch_make(&s);
	scratch_write(&s, "load", "0.00 0.00 0.00 1/2 4711\n", 24);
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK);
	AUTO_FD int load = openat(s.fd, "load", O_RDONLY | O_CLOEXEC);
	assert_true(load >= 0 && tree.load_fd >= 0);
	assert_int_equal(dup2(load, tree.load_fd), tree.load_fd);
	tree.last_pid = 4711;
	size_t wanted = tree.count;
	failnth_arm(&(struct failnth){ .function = "openat", .path = "/stat", .first = UINT64_MAX });
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK), 0);
	assert_int_equal(failnth_count(), 0);
	assert_int_equal(tree.count, wanted);
	scratch_remove(&s);
	end();
}

static void who_is_waited_for_is_dropped_where_all_are_scanned(void)
{
	for (int poor = 0; poor < 2; poor++) {
		fail_path("/children", ENOENT, true);
		(void)hold_job(&tree, body_stand, 0, 1);
		pid_t other = victim(body_stand, 0);
		wait_ready(1);
		assert_int_equal(walk(), 1);
		assert_true(tree.scans);
		struct member *m = tree_find(&tree, other);
		if (poor)
			member_close(m);
		assert_int_equal(kill(other, SIGKILL), 0);
		assert_int_equal(scratch_reap(other), 128 + SIGKILL);
		(void)walk();
		assert_null(tree_find(&tree, other));
		assert_int_equal(members(), 1);
		end();
	}
}

static pid_t parted_pid;

static void note_parted(void *with, struct member *m)
{
	assert_ptr_equal(with, &tree);
	parted_pid = m->id.pid;
}

static void births_are_counted_and_who_has_gone_is_told(void)
{
	static struct births births;
	births_init(&births, BIRTHS_SAMPLED, 1000000000);
	(void)hold_job(&tree, body_stand, 0, 1);
	tree.births = &births;
	tree.parted = note_parted;
	tree.parted_with = &tree;
	pid_t init = victim(body_stand, 0), other = victim(body_stand, 0);
	wait_ready(2);
	tree.init = init; /* the first process of a namespace is none of the job's */
	births.look = 1;
	assert_int_equal(walk(), 2);
	assert_int_equal(births.met, 1);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(scratch_reap(other), 128 + SIGKILL);
	births.look = 2;
	(void)walk();
	assert_int_equal(parted_pid, other);
	assert_int_equal(tree.member[0].births.gone, 2); /* of its parent */
	assert_int_equal(births.gone, 0);
	/* A parent and its child, both: of the child nobody is left to be asked. */
	pid_t parent = victim(body_wide, 1);
	wait_ready(2);
	assert_int_equal(walk(), 2);
	pid_t child = child_of(parent);
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(scratch_reap(parent), 128 + SIGKILL);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(scratch_reap(child), 128 + SIGKILL);
	births.look = 3;
	(void)walk();
	assert_int_equal(births.gone, 3);
	(void)kill(init, SIGKILL);
	end();
}

/* ---- where nothing is listed: all of /proc */

struct met {
	unsigned count;
	int answer;
	bool fakes_members;
};

static int meet_one(void *with, size_t parent, pid_t child)
{
	struct met *met = with;
	(void)parent;
	met->count++;
	if (met->fakes_members)
		assert_non_null(tree_append(&tree, child + 10000000));
	return met->answer;
}

static void a_scan_without_descriptors_goes_on_with_the_reserve(void)
{
	(void)hold_job(&tree, body_wide, 70, 71);
	struct met met = { 0 };
	assert_int_equal(scan_all(&tree, meet_one, &met), 0);
	assert_int_equal(met.count, 70);
	/* At a process, and then at /proc itself: one more round. */
	for (int way = 0; way < 2; way++) {
		met.count = 0;
		tree.starved = false;
		os_fd_close(&tree.proc_fd);
		fail_path(way == 0 ? "/stat" : "/proc", EMFILE, false);
		assert_int_equal(scan_all(&tree, meet_one, &met), 0);
		assert_true(tree.starved && tree.proc_fd < 0);
		assert_int_equal(met.count,
				 64); /* as many as are kept by name; the others once these are members */
		for (size_t i = 0; i < TREE_RESERVE; i++)
			assert_true(tree.reserve[i] >= 0);
	}
	fail_path("/stat", EMFILE, false); /* somebody else took it: one is passed over */
	met.count = 0;
	assert_int_equal(scan_all(&tree, meet_one, &met), 0);
	assert_int_equal(met.count, 64);
	fail_path("/proc", EMFILE, true); /* nor with the reserve */
	assert_int_equal(scan_all(&tree, meet_one, &met), -EMFILE);
	tree.starved = false;
	fail_path("/proc", EIO, true);
	assert_int_equal(scan_all(&tree, meet_one, &met), -EIO);
	heal();
	fail_path("/stat", EIO, true); /* who cannot be asked is passed over */
	met.count = 0;
	assert_int_equal(scan_all(&tree, meet_one, &met), 0);
	assert_int_equal(met.count, 0);
	end();
}

static void a_scan_ends_where_it_is_told_to_or_where_more_are_met_each_time(void)
{
	(void)hold_job(&tree, body_wide, 1, 2);
	struct met met = { .answer = 1 };
	assert_int_equal(scan_all(&tree, meet_one, &met), 1);
	tree.starved = true;
	assert_int_equal(scan_all(&tree, meet_one, &met), 1);
	assert_int_equal(met.count, 2);
	met = (struct met){ .fakes_members = true };
	assert_false(tree.again);
	assert_int_equal(scan_all(&tree, meet_one, &met), 0);
	assert_true(tree.again); /* the next look goes on */
	assert_int_equal(met.count, 8);
	end();
}

static void a_proc_of_others_is_not_scanned(void)
{
	struct met met = { 0 };
	fail_once("readlink", 1, ENOENT); /* we have no number there */
	assert_false(os_proc_is_ours());
	heal();
	nest_open();
	(void)victim(body_stand, 0);
	wait_ready(1);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), -ESRCH);
	tree.member[0].id.pid = getpid();
	assert_int_equal(scan_all(&tree, meet_one, &met), 0);
	assert_int_equal(met.count, 0);
	let_go(&tree);
}

/* ---- sweeps */

static void body_traced(int arg)
{
	(void)arg;
	(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	(void)raise(SIGSTOP);
	stand();
}

/* Stopped by who traces it: it stands, and not by us. */
static void who_is_traced_stands(void)
{
	(void)hold_job(&tree, body_stand, 0, 1);
	pid_t traced = victim(body_traced, 0);
	int status;
	assert_int_equal(waitpid(traced, &status, WUNTRACED), traced);
	assert_true(WIFSTOPPED(status));
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_int_equal(swept.alive, 2);
	assert_int_equal(tree_find(&tree, traced)->flags & (MEMBER_STOOD | MEMBER_FROZEN), MEMBER_STOOD);
	(void)ptrace(PTRACE_DETACH, traced, NULL, NULL);
	end();
}

/* One of a run within, whose state cannot be read: its own guard stops it, so it is not waited for. */
static void who_is_guarded_within_and_tells_nothing_does_not_move(void)
{
	pid_t job = hold_job(&tree, body_stand, 0, 1);
	(void)walk();
	tree_find(&tree, job)->flags |= MEMBER_GUARDED;
	fail_path("/stat", EIO, true);
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_true(swept.alive == 1 && swept.signalled == 0 && swept.moving == 0);
	heal();
	tree_find(&tree, job)->flags &= ~(uint32_t)MEMBER_GUARDED;
	end();
}

/* It is none of the tree: what the rules would say of it is nobody's to hear. */
static void the_first_process_of_a_namespace_is_not_judged(void)
{
	pid_t job = hold_job(&tree, body_stand, 0, 1);
	tree.init = victim(body_stand, 0);
	wait_ready(1);
	assert_int_equal(walk(), 1);
	tree.wants = SAMPLE_STAT;
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK);
	assert_int_equal(tree_find(&tree, job)->sample.known & SAMPLE_STAT, SAMPLE_STAT);
	assert_int_equal(tree_find(&tree, tree.init)->sample.known & SAMPLE_STAT, 0);
	assert_int_equal(tree.procs, 1);
	end();
}

/* Who is met by the freeze itself: neither the first process of a namespace nor a guard within stands still.
 */
static void who_has_to_go_on_is_not_frozen_at_first_sight(void)
{
	const pid_t any = 0;
	pid_t job = hold_job(&tree, body_server, 0, 1);
	assert_int_equal(walk(), 0);
	tree_find(&tree, job)->flags |= MEMBER_GUARD;
	assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
	tree.init = victim(body_stand, 0);
	pid_t other = victim(body_stand, 0);
	wait_ready(3);
	struct sweep_result swept = sweep_freeze(&tree, os_clock_boot_ns());
	assert_int_equal(members(), 4);
	assert_int_equal(swept.signalled, 1);
	assert_int_equal(tree_find(&tree, tree.init)->flags & MEMBER_FROZEN, 0);
	assert_int_equal(tree_find(&tree, child_of(job))->flags & MEMBER_FROZEN, 0);
	assert_true(tree_find(&tree, other)->flags & MEMBER_FROZEN);
	(void)sweep_thaw(&tree);
	end();
}

/* Only a root that shows its children can tell that all of them are dead. */
static void what_only_the_dead_are_left_of(void)
{
	static const struct {
		const char *rule;
		bool has_root, has_list, has_dead, only_dead;
	} rows[] = {
		{ "a root and a dead child", true, true, true, true },
		{ "nobody", true, true, false, false },
		{ "no list", true, false, true, false },
		{ "no root", false, false, true, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		siginfo_t info;
		nest_open();
		tree_init(&tree, nest.ready[0]);
		if (rows[i].has_root)
			assert_int_equal(tree_set_root(&tree, getpid()), 0);
		pid_t job = victim(body_stand, 0), other = victim(body_stand, 0);
		wait_ready(2);
		const struct record_slot slots[] = { { .id = id_of(job) }, { .id = id_of(other) } };
		for (size_t j = 0; rows[i].has_dead && j < 2; j++)
			assert_int_equal(tree_add_held(&tree, &slots[j], os_pidfd_open(slots[j].id.pid)), 0);
		for (size_t j = 0; j < 2; j++) {
			assert_int_equal(kill(slots[j].id.pid, SIGKILL), 0);
			assert_int_equal(waitid(P_PID, (id_t)slots[j].id.pid, &info, WEXITED | WNOWAIT), 0);
			if (!rows[i].has_dead)
				assert_int_equal(scratch_reap(slots[j].id.pid), 128 + SIGKILL);
		}
		(void)walk();
		if (rows[i].has_root && !rows[i].has_list)
			os_fd_close(&tree.member[0].children_fd);
		struct sweep_result swept = sweep_kill(&tree, os_clock_boot_ns());
		if (swept.only_dead != rows[i].only_dead)
			fail_msg("%s: %d", rows[i].rule, swept.only_dead);
		let_go(&tree);
	}
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(what_is_no_directory_is_a_pidfd_still),
		APART(a_directory_that_tells_nothing_tells_of_no_end),
		APART(open_files_are_counted_where_no_size_tells_them),
		APART(what_is_beside_and_cannot_be_read),
		APART(what_is_asked_of_who_is_gone),
		APART(a_search_for_children_that_fails),
		APART(a_member_without_handle_is_opened_each_time),
		APART(a_kept_directory_is_asked_with_the_reserve),
		APART(one_that_is_only_listed_is_shown),
		APART(that_nothing_is_listed_is_learned_by_a_walk),
		APART(who_is_waited_for_is_dropped_where_all_are_scanned),
		APART(births_are_counted_and_who_has_gone_is_told),
		APART(a_scan_without_descriptors_goes_on_with_the_reserve),
		APART(a_scan_ends_where_it_is_told_to_or_where_more_are_met_each_time),
		APART(a_proc_of_others_is_not_scanned),
		APART(who_is_traced_stands),
		APART(who_is_guarded_within_and_tells_nothing_does_not_move),
		APART(the_first_process_of_a_namespace_is_not_judged),
		APART(who_has_to_go_on_is_not_frozen_at_first_sight),
		APART(what_only_the_dead_are_left_of),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
