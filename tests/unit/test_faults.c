/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/fail.h"
#include "base/num.h"
#include "fault/failnth.h"
#include "held.h"
#include "run/recovery.h"
#include "scratch.h"
#include "store/lock.h"
#include "store/record.h"
#include "tree/hold.h"
#include "tree/sweep.h"
#include "tree/walk.h"

/*
 * What calls answer that do not fail here, and what older kernels say.  Each in a process of its own: what a
 * program asks the kernel once is asked anew, and a fault is nobody else's.
 */

#define RUN     "0123456789abcdef0123456789abcdef"
#define WAIT_NS 20000000000ULL
#define SKIP    77

static struct tree tree;

struct apart {
	void (*body)(void);
};

static void run_apart(void **state)
{
	const struct apart *apart = *state;
	pid_t pid = fork();
	if (pid == 0) {
		setenv("CMOCKA_TEST_ABORT", "1",
		       1); /* an assertion ends this process, not its copy of the rest */
		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		apart->body();
		_exit(0);
	}
	int status = scratch_reap(pid);
	if (status == SKIP)
		skip();
	assert_int_equal(status, 0);
}

static void fail_always(const char *function, int err)
{
	failnth_arm(&(struct failnth){ .function = function, .error = err, .persist = true });
}

static void fail_once(const char *function, uint64_t first, int err)
{
	failnth_arm(&(struct failnth){ .function = function, .first = first, .error = err });
}

static void fail_call(long number, int err)
{
	failnth_arm(
		&(struct failnth){ .function = "syscall", .number = number, .error = err, .persist = true });
}

static void fail_path(const char *path, int err, bool persist)
{
	failnth_arm(
		&(struct failnth){ .function = "openat", .path = path, .error = err, .persist = persist });
}

static void heal(void)
{
	failnth_arm(NULL);
}

static uint64_t walk(void)
{
	uint64_t births = 0;
	do {
		assert_int_equal(tree_prepare(&tree), 0);
		births += tree_walk(&tree, os_clock_boot_ns(), false);
	} while (tree.crowded || tree.again);
	return births;
}

static size_t members(void)
{
	size_t count = 0;
	FOR_EACH_MEMBER (&tree, m)
		count += !(m->flags & (MEMBER_ROOT | MEMBER_DEAD));
	return count;
}

static pid_t child_of(pid_t parent)
{
	FOR_EACH_MEMBER (&tree, m)
		if (m->ppid == parent)
			return m->id.pid;
	fail_msg("%d has no child in the tree", parent);
	return 0;
}

static void end(void)
{
	heal();
	(void)sweep_kill(&tree, os_clock_boot_ns());
	let_go(&tree);
}

/* ---- kernels */

/* The first descriptor that is asked about is of no pidfs: as before 6.9, where no pidfd is. */
static void without_inodes(void)
{
	AUTO_FD int other = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	assert_int_equal(os_pidfd_inode(other), 0);
}

static void before_6_9_pidfds_have_no_inode(void)
{
	without_inodes();
	pid_t job = hold_job(&tree, body_wide, 2, 3);
	assert_int_equal(walk(), 2);
	assert_int_equal(tree.rung, IDENTITY_PIDFD);
	FOR_EACH_MEMBER (&tree, m)
		assert_int_equal(m->id.pidfs_ino, 0);
	assert_int_equal(tree_count_alive(&tree), 3);

	struct proc_id id;
	struct proc_stat stat;
	AUTO_FD int fd = os_pidfd_open(job);
	assert_int_equal(os_proc_stat(job, &stat), 0);
	assert_int_equal(os_proc_identity(job, fd, &id), 0);
	assert_true(id.pidfs_ino == 0 && id.start_ticks == stat.start_ticks && id.pid == job);
	id.pidfs_ino = 4711; /* of a record from elsewhere: cannot be compared */
	assert_int_equal(hold_open_recorded(&id), -EAGAIN);
	id.start_ticks++;
	assert_int_equal(hold_open_recorded(&id), -ESRCH);
	fail_path("/stat", EIO, true);
	assert_int_equal(os_proc_identity(job, fd, &id), -EIO);
	end();
}

static void what_is_not_told_of_a_pidfd_is_no_inode(void)
{
	AUTO_FD int fd = os_pidfd_open_self();
	fail_once("fstatfs", 1, EIO);
	assert_int_equal(os_pidfd_inode(fd), 0);
	heal();
	bool has_pidfs = os_pidfd_inode(fd) != 0; /* asked again */
	fail_once("fstat", 1, EIO);
	assert_int_equal(os_pidfd_inode(fd), 0);
	heal();
	assert_int_equal(os_pidfd_inode(fd) != 0, has_pidfs);
}

static void a_wait_that_fails_tells_of_no_end(void)
{
	nest_open();
	pid_t child = victim(body_daemon_parent, 0);
	wait_ready(1);
	AUTO_FD int fd = os_pidfd_open(child);
	assert_int_equal(os_pidfd_wait(fd, -1), 1);
	fail_once("poll", 1, EINTR);
	assert_true(os_pidfd_is_dead(fd));
	fail_once("poll", 1, ENOMEM);
	assert_false(os_pidfd_is_dead(fd));
	nest_close();
}

static void without_pidfds(int err)
{
	fail_call(SYS_pidfd_open, err);
	nest_open();
	pid_t job = victim(body_two_levels, 2), other = victim(body_stand, 0);
	wait_ready(8);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	tree_add_job(&tree, job, -1, os_clock_boot_ns());
	assert_int_equal(walk(), 7);
	assert_int_equal(tree.rung, IDENTITY_PROCFD);
	assert_int_equal(members(), 8);
	assert_int_equal(tree_count_alive(&tree), 8);
	assert_int_equal(hold_child(&tree, 0, INT32_MAX, 0), -ESRCH);

	/* The number alone proves nothing. */
	struct proc_stat stat;
	assert_int_equal(os_proc_stat(other, &stat), 0);
	struct proc_id id = { .pid = other, .start_ticks = stat.start_ticks, .pidfs_ino = 4711 };
	assert_int_equal(hold_open_recorded(&id), -EAGAIN);
	id.start_ticks++;
	assert_int_equal(hold_open_recorded(&id), -ESRCH);
	fail_path("/stat", EIO, true);
	id.start_ticks--;
	heal();
	fail_call(SYS_pidfd_open, err);

	assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 8);
	end();
}

static void before_5_3_members_are_held_by_their_directory(void)
{
	without_pidfds(ENOSYS);
}

static void a_filter_that_says_no_is_taken_for_an_old_kernel(void)
{
	without_pidfds(EPERM);
}

/* No signal by descriptor: by its number only who is our own child. */
static void without_signals(int err)
{
	pid_t job = hold_job(&tree, body_two_levels, 1, 4);
	tree.rung = IDENTITY_PROCFD;
	assert_int_equal(walk(), 3);
	pid_t grandchild = child_of(job);
	fail_call(SYS_pidfd_send_signal, err);
	assert_int_equal(hold_signal(&tree, tree_find(&tree, job), 0), 0);
	assert_int_equal(hold_signal(&tree, tree_find(&tree, grandchild), 0), -err);
	assert_false(hold_is_dead(&tree, tree_find(&tree, grandchild))); /* it cannot be told */
	assert_int_equal(hold_signal(&tree, tree_find(&tree, job), SIGKILL), 0);
	assert_int_equal(scratch_reap(job), 128 + SIGKILL);
	assert_int_equal(hold_signal(&tree, tree_find(&tree, job), 0), -err); /* its number is free */
	assert_int_equal(kill(grandchild, 0), 0);
	end();
}

static void before_5_1_only_our_own_children_are_signalled(void)
{
	without_signals(ENOSYS);
}

static void where_signals_by_descriptor_are_refused_too(void)
{
	without_signals(EPERM);
}

/* ---- one look at a process */

static void facts_that_cannot_be_read_make_no_member(void)
{
	pid_t job = hold_job(&tree, body_wide, 1, 2);
	assert_int_equal(walk(), 1);
	pid_t child = child_of(job);
	tree_forget(&tree, child);
	tree_compact(&tree);
	fail_path("/stat", EIO, true);
	assert_int_equal(hold_child(&tree, 1, child, 0), -ESRCH);
	fail_call(SYS_pidfd_send_signal, ESRCH); /* it ended while it was looked at */
	assert_int_equal(hold_child(&tree, 1, child, 0), -ESRCH);
	heal();
	assert_int_equal(members(), 1);
	assert_int_equal(hold_child(&tree, 1, child, 0), 0);
	end();
}

/* All files of a member or none; it is met all the same, and so is what is below it. */
static void a_file_that_finds_no_descriptor_is_read_by_name(void)
{
	static const char *const files[] = { "/task", "/children", "/statm" };
	static const int errors[] = { EMFILE, ENFILE, ENOMEM };
	for (size_t i = 0; i < COUNT_OF(files) * COUNT_OF(errors); i++) {
		pid_t job = hold_job(&tree, body_two_levels, 2, 7);
		fail_path(files[i % 3], errors[i / 3], false);
		assert_int_equal(walk(), 6);
		assert_true(tree.starved);
		const struct member *m = tree_find(&tree, job);
		assert_true(m->task_fd < 0 && m->children_fd < 0 && m->statm_fd < 0);
		assert_int_equal(members(), 7);
		end();
	}
}

static void the_reserve_serves_a_member_or_a_seed(void)
{
	for (int seed = 0; seed < 2; seed++) {
		for (int fault = 0; fault < 3; fault++) {
			pid_t job = hold_job(&tree, body_stand, 0, 1);
			(void)walk();
			pid_t other = victim(body_stand, 0);
			wait_ready(1);
			struct record_slot slot = { .id = id_of(other), .depth = 1 };
			bool is_weak = seed && slot.id.pidfs_ino == 0;
			if (fault == 0)
				fail_path("/stat", EMFILE, false);
			else
				failnth_arm(&(struct failnth){ .function = "syscall",
							       .number = SYS_pidfd_open,
							       .error = EMFILE,
							       .persist = fault == 2 });
			int r = seed ? tree_add_seed(&tree, &slot) : hold_child(&tree, 0, other, 0);
			if (!is_weak) {
				assert_int_equal(r, fault < 2 ? 0 : seed ? -EMFILE : -ESRCH);
				assert_true(tree.starved);
				assert_int_equal(members(), fault < 2 ? 2 : 1);
			}
			if (fault == 2 && !is_weak) { /* and again, in the hope of the reserve */
				r = seed ? tree_add_seed(&tree, &slot) : hold_child(&tree, 0, other, 0);
				assert_int_equal(r, seed ? -EMFILE : -ESRCH);
				AUTO_FD int fd = -1;
				heal();
				fd = os_pidfd_open(other);
				assert_int_equal(tree_add_held(&tree, &slot, os_fd_steal(&fd)), -EMFILE);
			}
			heal();
			(void)kill(other, SIGKILL);
			assert_int_equal(tree_find(&tree, job)->id.pid, job);
			end();
		}
	}
}

static void a_held_stranger_that_has_ended_is_no_seed(void)
{
	pid_t job = hold_job(&tree, body_stand, 0, 1);
	pid_t other = victim(body_stand, 0);
	wait_ready(1);
	struct record_slot slot = { .id = id_of(other), .depth = 1 };
	int fd = os_pidfd_open(other);
	assert_int_equal(tree_add_held(&tree, &slot, fd), 0);
	tree_forget(&tree, other);
	tree_compact(&tree);
	fail_path("/stat", EIO, true);
	assert_int_equal(tree_add_held(&tree, &slot, os_pidfd_open(other)), -EIO);
	heal();
	fd = os_pidfd_open(other);
	(void)kill(other, SIGKILL);
	assert_int_equal(os_pidfd_wait(fd, -1), 1);
	assert_int_equal(tree_add_held(&tree, &slot, fd), -ESRCH);
	assert_int_equal(members(), 1);
	assert_non_null(tree_find(&tree, job));
	end();
}

/* A member without descriptors whose facts cannot be read is not signalled. */
static void a_passing_handle_must_prove_itself(void)
{
	pid_t job = hold_job(&tree, body_wide, 1, 2);
	assert_int_equal(walk(), 1);
	struct member *m = tree_find(&tree, child_of(job));
	member_close(m);
	fail_path("/stat", EIO, true);
	assert_int_equal(hold_signal(&tree, m, SIGKILL), -EIO);
	heal();
	const struct proc_id id = m->id;
	m->id.pidfs_ino = 0; /* as it was recorded before 6.9: the start time decides */
	assert_int_equal(hold_signal(&tree, m, 0), 0);
	m->id.start_ticks++;
	assert_int_equal(hold_signal(&tree, m, 0), -ESRCH);
	m->id = id;
	assert_int_equal(hold_signal(&tree, m, 0), 0);
	end();
}

static void what_cannot_be_read_is_weak_not_gone(void)
{
	nest_open();
	pid_t other = victim(body_stand, 0);
	wait_ready(1);
	struct proc_id id = id_of(other);
	id.pidfs_ino = 0;
	fail_path("/stat", EIO, true);
	assert_int_equal(hold_open_recorded(&id), -EAGAIN);
	fail_path("/stat", ENOENT, true);
	assert_int_equal(hold_open_recorded(&id), -ESRCH);
	heal();
	/* A zombie whose other thread runs lives. */
	pid_t threads = victim(body_leader_gone, 0);
	wait_ready(2);
	struct proc_stat stat;
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	     os_proc_stat(threads, &stat) == 0 && stat.state != 'Z';)
		assert_true(os_clock_boot_ns() < end_ns);
	id = (struct proc_id){ .pid = threads, .start_ticks = stat.start_ticks };
	assert_int_equal(hold_open_recorded(&id), -EAGAIN);
	nest_close();
}

/* ---- memory */

static void a_table_that_cannot_grow_stays_as_it_is(void)
{
	nest_open();
	tree_init(&tree, nest.ready[0]);
	for (int i = 0; i < TREE_FIRST; i++)
		assert_non_null(tree_append(&tree, 100000 + i));
	assert_int_equal(tree_set_root(&tree, getpid()), -ENOMEM);
	for (uint64_t first = 1; first <= 2; first++) {
		fail_once("calloc", first, ENOMEM);
		assert_int_equal(tree_prepare(&tree), -ENOMEM);
		heal();
		assert_int_equal(tree.count, TREE_FIRST);
		assert_ptr_equal(tree.member, tree.first);
		assert_non_null(tree_find(&tree, 100000));
	}
	pid_t other = victim(body_stand, 0);
	wait_ready(1);
	struct record_slot slot = { .id = id_of(other), .depth = 1 };
	fail_once("calloc", 1, ENOMEM);
	assert_int_equal(tree_add_held(&tree, &slot, os_pidfd_open(other)), -ENOMEM);
	heal();
	assert_int_equal(tree_add_held(&tree, &slot, os_pidfd_open(other)), 0);
	assert_int_equal(tree.count, TREE_FIRST + 1);
	let_go(&tree);
}

/* ---- a walk */

static void who_is_waited_for_in_the_middle_of_a_look_is_dropped(void)
{
	pid_t job = hold_job(&tree, body_threads, 1, 3);
	pid_t other = victim(body_threads, 1);
	wait_ready(3);
	assert_int_equal(walk(), 3);
	assert_int_equal(members(), 4);
	fail_path("/task", ENOENT, true); /* the list of its threads is gone */
	(void)tree_walk(&tree, os_clock_boot_ns(), false);
	assert_null(tree_find(&tree, other));
	assert_non_null(tree_find(&tree, job)); /* ours, and not waited for */
	heal();
	(void)walk();
	assert_int_equal(members(), 4);
	fail_always("pread", ESRCH); /* its list of children */
	(void)tree_walk(&tree, os_clock_boot_ns(), false);
	assert_int_equal(members(), 1);
	assert_non_null(tree_find(&tree, job));
	heal();
	(void)walk();
	assert_int_equal(members(), 4);
	fail_path("/task", EMFILE, true); /* not looked into is not gone */
	(void)tree_walk(&tree, os_clock_boot_ns(), false);
	assert_int_equal(members(), 4);
	end();
}

/* `fd` reads as something else from now on. */
static void replace(int fd, const char *path)
{
	AUTO_FD int other = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(other >= 0 && fd >= 0);
	assert_int_equal(dup2(other, fd), fd);
}

static void memory_that_cannot_be_read_stays_as_it_was(void)
{
	pid_t job = hold_job(&tree, body_stand, 0, 1);
	assert_int_equal(walk(), 0);
	struct member *m = tree_find(&tree, job);
	uint64_t pages = m->rss_pages;
	assert_true(pages > 0);
	replace(m->statm_fd, "/proc/self/comm");
	(void)walk();
	assert_int_equal(m->rss_pages, pages);
	fail_always("pread", EIO);
	(void)tree_walk(&tree, os_clock_boot_ns(), false);
	assert_int_equal(m->rss_pages, pages);
	assert_int_equal(members(), 1);
	end();
}

/* Whether anybody was born cannot be told: so it is looked whole. */
static void a_quick_look_is_a_whole_one_where_the_last_pid_is_unknown(void)
{
	pid_t job = hold_job(&tree, body_server, 0, 1);
	assert_int_equal(walk(), 0);
	for (int way = 0; way < 3; way++) {
		const pid_t any = 0;
		(void)tree_walk(&tree, os_clock_boot_ns(), true);
		if (way == 0) {
			os_fd_close(&tree.load_fd);
			fail_path("loadavg", EACCES, true);
		} else if (way == 1) {
			fail_once("pread", 1, EIO);
		} else {
			replace(tree.load_fd, "/proc/self/comm");
		}
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), true), 0);
		assert_int_equal(tree.last_pid, 0);
		assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
		wait_ready(1);
		if (way == 1)
			fail_once("pread", 1, EIO);
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), true), 1);
		heal();
	}
	assert_int_equal(members(), 4);
	assert_non_null(tree_find(&tree, job));
	end();
}

/* Nobody was born, but who found no room, or may have been missed, is looked for. */
static void a_quick_look_is_a_whole_one_after_one_that_missed(void)
{
	struct scratch s;
	scratch_make(&s);
	scratch_write(&s, "load", "0.00 0.00 0.00 1/2 4711\n", 24);
	char path[160];
	snprintf(path, sizeof(path), "%s/load", s.path);
	(void)hold_job(&tree, body_server, 0, 1);
	(void)tree_walk(&tree, os_clock_boot_ns(), true);
	replace(tree.load_fd, path);
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), true), 0);
	assert_int_equal(tree.last_pid, 4711);
	const pid_t any = 0;
	static const uint64_t births[] = { 0, 2, 1 }; /* not met, met with the next, met */
	for (size_t way = 0; way < COUNT_OF(births); way++) {
		assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
		wait_ready(1);
		tree.again = way == 1;
		tree.crowded = way == 2;
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), true), births[way]);
	}
	tree.crowded = false;
	scratch_remove(&s);
	end();
}

static void linger(void *with, struct member *m)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	(void)with, (void)m;
	(void)nanosleep(&ms, NULL);
}

/* A look that takes long goes no deeper, says so, and the next one does. */
static void a_look_is_cut_short_and_made_up_for(void)
{
	pid_t job = hold_job(&tree, body_two_levels, 40, 121);
	pid_t other = victim(body_wide, 1);
	wait_ready(2);
	tree.met = linger;
	uint64_t births = tree_walk(&tree, os_clock_boot_ns(), true);
	assert_true(births >= 64 && births < 122);
	assert_true(tree.again);
	tree.met = NULL;
	assert_int_equal(births + walk(), 122);
	assert_int_equal(members(), 123);
	assert_false(tree.again);
	assert_non_null(tree_find(&tree, job));
	assert_non_null(tree_find(&tree, other));
	end();
}

static void a_job_that_is_gone_before_the_first_look_is_not_completed(void)
{
	pid_t job = hold_job(&tree, body_stand, 0, 1);
	assert_int_equal(kill(job, SIGKILL), 0);
	assert_int_equal(scratch_reap(job), 128 + SIGKILL);
	(void)tree_walk(&tree, os_clock_boot_ns(), false);
	assert_int_equal(tree_find(&tree, job)->id.start_ticks, 0);
	assert_string_equal(tree_find(&tree, job)->comm, "(job)");
	end();
}

/* ---- /proc */

static void nothing_is_believed(void)
{
	struct recovery r = { .holds_lock = true };
	assert_false(os_proc_is_ours());
	nest_open();
	pid_t job = victim(body_wide, 1);
	wait_ready(2);
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), -ESRCH);
	tree_add_job(&tree, job, os_pidfd_open(job), 0);
	assert_int_equal(hold_child(&tree, 0, job, 0), -ESRCH);
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), false), 0);
	assert_int_equal(tree_find(&tree, job)->id.start_ticks, 0);
	assert_int_equal(recovery_run(&r, RUN), -ENOSYS);
	assert_int_equal(hold_signal(&tree, tree_find(&tree, job), SIGKILL), 0); /* held since it was made */
	let_go(&tree);
}

static void a_proc_of_another_namespace_is_not_believed(void)
{
	fail_once("readlink", 1, ENOENT); /* we have no number there */
	assert_false(os_proc_is_ours());
	heal();
	nothing_is_believed();
}

static void what_stands_at_proc_and_is_none_is_not_believed(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		_exit(SKIP); /* needs root, or mounts of one's own */
	nothing_is_believed();
}

static void a_proc_that_cannot_be_asked_is_believed(void)
{
	fail_once("readlink", 1, EACCES);
	assert_true(os_proc_is_ours());
	heal();
	fail_once("statfs", 1, EACCES);
	assert_true(os_proc_is_ours()); /* told again, as there was no answer; what is read fails by itself */
	heal();
	assert_true(os_proc_is_ours());
}

static void a_boot_that_cannot_be_told_is_no_boot(void)
{
	struct host_id here, plain;
	struct recovery r = { .holds_lock = true };
	os_host_id(-1, &plain);
	assert_true(plain.boot_id[0] != '\0' && plain.pid_ns != 0);
	fail_path("boot_id", EACCES, true);
	os_host_id(-1, &here);
	assert_true(here.boot_id[0] == '\0' && here.pid_ns == plain.pid_ns);
	assert_int_equal(recovery_run(&r, RUN), -ENOSYS);
	fail_always("pread", EIO);
	os_host_id(-1, &here);
	assert_string_equal(here.boot_id, "");
	fail_always("stat", EACCES);
	os_host_id(-1, &here);
	assert_true(here.pid_ns == 0 && here.time_ns == 0);
	assert_int_equal(recovery_run(&r, RUN), -ENOSYS);
	heal();
	AUTO_FD int self = os_pidfd_open_self();
	os_host_id(self, &here);
	assert_true(here.pid_ns == plain.pid_ns && here.time_ns == plain.time_ns);
	fail_once("fstat", 1, EIO); /* before 6.11 there is only the path */
	os_host_id(self, &here);
	assert_true(here.pid_ns == plain.pid_ns && here.time_ns == plain.time_ns);
}

/* ---- locks and records */

static int lock(const struct scratch *s, struct fail *fail)
{
	return lock_try(s->fd, "locks/job/nightly", false, fail);
}

static void a_lock_that_cannot_be_proved_is_not_held(void)
{
	static const struct {
		const char *rule, *function;
		int err;
		bool persist;
		int result;
		const char *what;
	} rows[] = {
		{ "what was opened cannot be asked", "fstat", EIO, false, -EIO, "lock" },
		{ "no locks here", "flock", ENOLCK, false, -ENOLCK, "lock" },
		{ "a signal", "flock", EINTR, false, -EINTR, NULL },
		{ "the name cannot be asked", "fstatat", EIO, false, -EIO, "check lock file" },
		{ "removed as fast as made", "fstatat", ENOENT, true, -EBUSY,
		  "lock: removed as fast as made" },
	};
	struct scratch s;
	scratch_make(&s);
	scratch_mkdir(&s, "locks");
	scratch_mkdir(&s, "locks/job");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = { 0 };
		failnth_arm(&(struct failnth){
			.function = rows[i].function, .error = rows[i].err, .persist = rows[i].persist });
		int r = lock(&s, &fail);
		heal();
		if (r != rows[i].result || (rows[i].what && strcmp(fail.what, rows[i].what) != 0) ||
		    (!rows[i].what && fail.err != 0))
			fail_msg("%s: %d, %s", rows[i].rule, r, fail.what ? fail.what : "");
		AUTO_FD int fd = lock(&s, NULL);
		assert_true(fd >= 0); /* nothing was left locked */
	}
	fail_once("fstatat", 1, ENOENT); /* removed once: made anew */
	AUTO_FD int fd = lock(&s, NULL);
	assert_true(fd >= 0);
	heal();

	char path[160];
	struct fail fail = { 0 };
	snprintf(path, sizeof(path), "%s/mine", s.path);
	for (int wait = 0; wait < 2; wait++) {
		fail_once("flock", 1, ENOLCK);
		assert_int_equal(lock_user_file(path, false, wait, &fail), -ENOLCK);
		assert_string_equal(fail.what, "lock");
		fail_once("flock", 1, EINTR);
		assert_int_equal(lock_user_file(path, false, wait, NULL), -EINTR);
	}
	heal();
	scratch_remove(&s);
}

static void an_info_file_that_cannot_be_asked_is_not_read(void)
{
	struct scratch s;
	struct lockinfo info = { .wants_scan = 4711 };
	scratch_make(&s);
	AUTO_FD int fd = lockinfo_open(s.fd, "nightly", true);
	assert_true(fd >= 0);
	fail_once("fstat", 1, EIO);
	assert_int_equal(lockinfo_open(s.fd, "nightly", false), -EIO);
	fail_once("fstat", 1, EIO);
	assert_int_equal(lockinfo_look(s.fd, "nightly", geteuid()), -EIO);
	fail_once("pread", 1, EIO);
	assert_int_equal(lockinfo_read(fd, &info), -EIO);
	assert_int_equal(info.wants_scan, 4711);
	scratch_remove(&s);
}

static struct record_head head_of(const char *run_id)
{
	struct record_head head = { .job = "nightly", .front = { .pid = 4711 }, .timeout_ns = UINT64_MAX };
	memcpy(head.run_id, run_id, strlen(run_id));
	return head;
}

static void a_record_that_cannot_be_read_is_no_damaged_one(void)
{
	struct scratch s;
	struct record record;
	struct record_slot slot;
	struct record_head head = head_of(RUN);
	struct record_state st = { .phase = PHASE_RUNNING };
	scratch_make(&s);
	scratch_mkdir(&s, "runs");
	AUTO_FD int fd = record_create(s.fd, &head, NULL);
	assert_true(fd >= 0);
	assert_int_equal(record_write_state(fd, &st, record_seed(RUN)), 0);
	fail_once("openat", 1, EROFS); /* it can be looked at all the same */
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	record_close(&record);
	fail_once("fstat", 1, EIO);
	assert_int_equal(record_open(s.fd, RUN, &record), -EIO);
	fail_once("pread", 1, EIO);
	assert_int_equal(record_open(s.fd, RUN, &record), -EIO);
	heal();
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	fail_once("pread", 1, EIO);
	assert_int_equal(record_refresh(&record), -EIO);
	assert_int_equal(record.state.phase, PHASE_RUNNING);
	fail_once("pread", 1, EIO);
	assert_int_equal(record_read_slots(&record, &slot, 1), -EIO);
	heal();
	record_close(&record);
	scratch_remove(&s);
}

static void a_spare_file_that_cannot_be_asked_is_not_used(void)
{
	struct scratch s;
	struct record_head head = head_of(RUN);
	scratch_make(&s);
	scratch_mkdir(&s, "runs");
	for (int fault = 0; fault < 2; fault++) {
		scratch_write(&s, "runs/.spare", "old", 3);
		fail_once(fault == 0 ? "openat" : "fstat", 1, EIO);
		AUTO_FD int fd = record_create(s.fd, &head, NULL);
		heal();
		struct stat st;
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, sizeof(head)); /* made anew */
		assert_int_equal(record_remove(s.fd, RUN), 0);
	}
	scratch_remove(&s);
}

static void a_request_that_cannot_be_asked_is_not_obeyed(void)
{
	struct scratch s;
	scratch_make(&s);
	scratch_mkdir(&s, "runs");
	static const struct {
		const char *function;
		uint64_t first;
		int err, result;
	} rows[] = {
		{ "openat", 1, EIO, -EIO },
		{ "fstat", 1, EIO, -EIO },
		{ "pread", 1, EIO, -EIO },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct request request = { .verb = REQUEST_KILL }, got = { .verb = REQUEST_KILL };
		assert_int_equal(request_offer(s.fd, RUN, &request), 0);
		assert_int_equal(request_offer(s.fd, RUN, &request), -EEXIST);
		fail_once(rows[i].function, rows[i].first, rows[i].err);
		assert_int_equal(request_take(s.fd, RUN, &got), rows[i].result);
		heal();
		assert_false(request_waits(s.fd, RUN)); /* taken away all the same */
	}
	struct request request = { .verb = REQUEST_KILL };
	fail_once("renameat2", 1, EINVAL); /* a file system that cannot promise it */
	assert_int_equal(request_offer(s.fd, RUN, &request), 0);
	heal();
	assert_true(request_waits(s.fd, RUN));
	fail_once("renameat", 1, EIO);
	assert_int_equal(request_write(s.fd, RUN, &request), -EIO);
	fail_once("openat", 1, ENOSPC);
	assert_int_equal(request_write(s.fd, RUN, &request), -ENOSPC);
	scratch_remove(&s);
}

#define APART(body)                                           \
	{                                                     \
#body, run_apart, NULL, NULL, &(struct apart) \
		{                                             \
			body                                  \
		}                                             \
	}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(before_6_9_pidfds_have_no_inode),
		APART(what_is_not_told_of_a_pidfd_is_no_inode),
		APART(a_wait_that_fails_tells_of_no_end),
		APART(before_5_3_members_are_held_by_their_directory),
		APART(a_filter_that_says_no_is_taken_for_an_old_kernel),
		APART(before_5_1_only_our_own_children_are_signalled),
		APART(where_signals_by_descriptor_are_refused_too),
		APART(facts_that_cannot_be_read_make_no_member),
		APART(a_file_that_finds_no_descriptor_is_read_by_name),
		APART(the_reserve_serves_a_member_or_a_seed),
		APART(a_held_stranger_that_has_ended_is_no_seed),
		APART(a_passing_handle_must_prove_itself),
		APART(what_cannot_be_read_is_weak_not_gone),
		APART(a_table_that_cannot_grow_stays_as_it_is),
		APART(who_is_waited_for_in_the_middle_of_a_look_is_dropped),
		APART(memory_that_cannot_be_read_stays_as_it_was),
		APART(a_quick_look_is_a_whole_one_where_the_last_pid_is_unknown),
		APART(a_quick_look_is_a_whole_one_after_one_that_missed),
		APART(a_look_is_cut_short_and_made_up_for),
		APART(a_job_that_is_gone_before_the_first_look_is_not_completed),
		APART(a_proc_of_another_namespace_is_not_believed),
		APART(what_stands_at_proc_and_is_none_is_not_believed),
		APART(a_proc_that_cannot_be_asked_is_believed),
		APART(a_boot_that_cannot_be_told_is_no_boot),
		APART(a_lock_that_cannot_be_proved_is_not_held),
		APART(an_info_file_that_cannot_be_asked_is_not_read),
		APART(a_record_that_cannot_be_read_is_no_damaged_one),
		APART(a_spare_file_that_cannot_be_asked_is_not_used),
		APART(a_request_that_cannot_be_asked_is_not_obeyed),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
