/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "apart.h"
#include "fault/failnth.h"
#include "os/file.h"
#include "run/recovery.h"
#include "tree/hold.h"

#define RUN "0123456789abcdef0123456789abcdef"

/* ---- kernels */

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
	assert_int_equal(waitpid(child, NULL, 0), child);
	fail_once("poll", 1, ENOMEM);
	assert_true(os_pidfd_is_dead(fd));
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

static void a_directory_of_proc_stands_for_a_handle(void)
{
	nest_open();
	pid_t other = victim(body_stand, 0);
	wait_ready(1);
	fail_call(SYS_pidfd_open, ENOSYS);
	AUTO_FD int dir = os_pidfd_open_or_proc(other);
	assert_true(dir >= 0 && os_pidfd_is_proc(dir) && !os_pidfd_is_proc(-1));
	assert_int_equal(os_pidfd_open_or_proc(1), -ESRCH);
	assert_int_equal(os_pidfd_open_or_proc(INT32_MAX), -ESRCH);
	heal(); /* asked once */
	assert_int_equal(os_pidfd_open_or_proc(1), -ESRCH);
	assert_int_equal(os_pidfd_inode(dir), 0);
	assert_int_equal(os_pidfd_wait(dir, 5), 0);
	assert_false(os_pidfd_is_dead(dir));
	fail_path("stat", EMFILE, true); /* only whether it has been waited for can be told */
	assert_false(os_pidfd_is_dead(dir));
	heal();
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(os_pidfd_wait(dir, -1), 1); /* a zombie has ended */
	assert_int_equal(scratch_reap(other), 128 + SIGKILL);
	assert_true(os_pidfd_is_dead(dir));
	fail_path("stat", EMFILE, true);
	assert_true(os_pidfd_is_dead(dir));
	heal();
	nest_close();
}

static int count_child(void *with, pid_t child)
{
	(void)child;
	++*(unsigned *)with;
	return 0;
}

/* A kernel that lists no children: all of /proc is looked through. */
static void without_lists_of_children_all_are_asked_for_their_parent(void)
{
	unsigned count = 0;
	fail_path("/children", ENOENT, true);
	pid_t job = hold_job(&tree, body_two_levels, 2, 7);
	assert_int_equal(walk(), 6);
	assert_int_equal(members(), 7);
	assert_int_equal(os_proc_children(job, job, -1, count_child, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(sweep_kill(&tree, os_clock_boot_ns()).killed, 7);
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
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	assert_null(tree_find(&tree, other));
	assert_non_null(tree_find(&tree, job)); /* ours, and not waited for */
	heal();
	(void)walk();
	assert_int_equal(members(), 4);
	fail_always("pread", ESRCH); /* its list of children */
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	assert_int_equal(members(), 1);
	assert_non_null(tree_find(&tree, job));
	heal();
	(void)walk();
	assert_int_equal(members(), 4);
	fail_path("/task", EMFILE, true); /* not looked into is not gone */
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
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
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
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
		(void)tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK);
		if (way == 0) {
			os_fd_close(&tree.load_fd);
			fail_path("loadavg", EACCES, true);
		} else if (way == 1) {
			fail_once("pread", 1, EIO);
		} else {
			replace(tree.load_fd, "/proc/self/comm");
		}
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK), 0);
		assert_int_equal(tree.last_pid, 0);
		assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
		wait_ready(1);
		if (way == 1)
			fail_once("pread", 1, EIO);
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK), 1);
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
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK);
	replace(tree.load_fd, path);
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK), 0);
	assert_int_equal(tree.last_pid, 4711);
	const pid_t any = 0;
	static const uint64_t births[] = { 0, 2, 1 }; /* not met, met with the next, met */
	for (size_t way = 0; way < COUNT_OF(births); way++) {
		assert_int_equal(write(nest.orders[1], &any, sizeof(any)), sizeof(any));
		wait_ready(1);
		tree.again = way == 1;
		tree.crowded = way == 2;
		assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK), births[way]);
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
	uint64_t births = tree_walk(&tree, os_clock_boot_ns(), WALK_LOOK);
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
	(void)tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
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
	assert_int_equal(tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE), 0);
	assert_int_equal(tree_find(&tree, job)->id.start_ticks, 0);
	assert_int_equal(recovery_run(&r, RUN), -ENOSYS);
	fail_call(SYS_pidfd_open, ENOSYS);
	assert_int_equal(os_pidfd_open_or_proc(job), -ENOSYS); /* its numbers are strangers' */
	/* So nothing is known of a recorded one: neither that it is gone. */
	assert_int_equal(hold_open_recorded(&(struct proc_id){ .pid = job, .start_ticks = 1 }), -EAGAIN);
	fail_call(SYS_pidfd_open, EPERM);
	assert_int_equal(hold_open_recorded(&(struct proc_id){ .pid = job, .start_ticks = 1 }), -EAGAIN);
	heal();
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

/* ---- /proc, read by name */

static int count_one(void *with, pid_t child)
{
	(void)child;
	++*(unsigned *)with;
	return 0;
}

/* The directory of a member's threads tells that it has gone; a call that fails does not. */
static void who_cannot_be_counted_has_not_gone(void)
{
	static const enum walk ways[] = { WALK_WHOLE, WALK_SWEEP, WALK_LOOK };

	pid_t job = hold_job(&tree, body_wide, 1, 2);
	(void)walk();
	assert_int_equal(tree_count_alive(&tree), 2);
	for (size_t i = 0; i < COUNT_OF(ways); i++)
		for (uint64_t n = 1; n <= 3; n++) {
			fail_once("fstat", n, EIO);
			(void)tree_walk(&tree, os_clock_boot_ns(), ways[i]);
			heal();
			assert_int_equal(tree_count_alive(&tree), 2);
		}
	assert_non_null(tree_find(&tree, job));
	end();
}

static void what_proc_does_not_tell_is_an_error(void)
{
	struct proc_load load;
	struct proc_id id;
	uint32_t centi;
	unsigned count = 0;
	static const int starved[] = { EMFILE, ENFILE, ENOMEM };
	nest_open();
	pid_t child = victim(body_threads, 1);
	wait_ready(3);
	fail_path("loadavg", EIO, true);
	assert_int_equal(os_proc_load(&load), -EIO);
	fail_path("pressure", EIO, true);
	assert_int_equal(os_proc_pressure("cpu", &centi), -EIO);
	for (size_t i = 0; i < COUNT_OF(starved); i++) {
		fail_path("/children", starved[i], true);
		assert_int_equal(os_proc_children_of_threads(child, count_one, &count), -starved[i]);
	}
	assert_int_equal(count, 0);
	fail_path("/children", EIO, true); /* of a thread that has ended meanwhile */
	assert_int_equal(os_proc_children_of_threads(child, count_one, &count), 0);
	assert_int_equal(count, 0);
	heal();
	assert_int_equal(os_proc_children_of_threads(child, count_one, &count), 0);
	assert_int_equal(count, 1);
	AUTO_FD int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(os_proc_threads(file), 0); /* no directory */
	assert_true(os_proc_threads(-1) == OS_THREADS_UNKNOWN);
	fail_once("fstatat", 2, EIO);
	assert_true(os_proc_has_open(getpid(), OS_CWD, "/proc/self/exe") >= 0);
	heal();
	assert_int_equal(os_proc_identity(child, -1, &id), 0);
	assert_true(id.pidfs_ino == 0 && id.start_ticks > 0);
	AUTO_FD int fd = os_pidfd_open(child);
	assert_int_equal(os_proc_identity(child, fd, &id), 0);
	assert_int_equal(id.pidfs_ino, os_pidfd_inode(fd));
	fail_call(SYS_pidfd_open, EINVAL); /* the number of a thread */
	assert_int_equal(hold_open_recorded(&id), -ESRCH);
	heal();
	nest_close();
}

static void an_end_that_cannot_be_told_is_none(void)
{
	pid_t job = hold_job(&tree, body_wide, 1, 2);
	tree.rung = IDENTITY_PROCFD;
	assert_int_equal(walk(), 1);
	struct member *m = tree_find(&tree, child_of(job));
	fail_path("/stat", EIO, true);
	assert_false(hold_is_dead(&tree, m));
	end();
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(before_6_9_pidfds_have_no_inode),
		APART(what_is_not_told_of_a_pidfd_is_no_inode),
		APART(a_wait_that_fails_tells_of_no_end),
		APART(a_directory_of_proc_stands_for_a_handle),
		APART(without_lists_of_children_all_are_asked_for_their_parent),
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
		APART(who_cannot_be_counted_has_not_gone),
		APART(what_proc_does_not_tell_is_an_error),
		APART(an_end_that_cannot_be_told_is_none),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
