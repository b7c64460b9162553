/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "group.h"
#include "os/file.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "scratch.h"

/* ---- what is no group */

static void a_directory_of_another_kind_is_none(void **state)
{
	uint64_t ino = 4711;
	(void)state;
	assert_int_equal(os_cgroup_open("/"), -EMEDIUMTYPE);
	assert_int_equal(os_cgroup_open("/nonexistent"), -ENOENT);
	assert_int_equal(os_cgroup_open("/proc/self/stat"), -ENOTDIR);
	AUTO_FD int root = os_open_place("/");
	assert_int_equal(os_cgroup_reopen(root, "proc", &ino), -EMEDIUMTYPE);
	assert_int_equal(ino, 4711);
	assert_false(os_cgroup_can_kill(root) || os_cgroup_is_populated(root) || os_cgroup_is_frozen(root));
	assert_true(os_cgroup_kill(root) < 0 && os_cgroup_freeze(root, true) < 0);
	assert_false(os_cgroup_is_member(getpid(), "no-group-has-this-name"));
}

static int never(void *with)
{
	*(int *)with = 1;
	return 0;
}

static void nothing_is_born_in_what_is_no_group(void **state)
{
	int ran = 0, pidfd = 4711, err = 4711;
	(void)state;
	AUTO_FD int root = os_open_place("/");
	pid_t pid = os_spawn_into(root, never, &ran, &pidfd, &err);
	assert_true(pid == -EBADF || pid == -ENOSYS);
	assert_true(ran == 0 && pidfd == 4711 && err == 4711);
}

/* ---- what is charged: the files of a group, in a directory like any other */

static const struct {
	const char *rule, *current, *stat;
	int result;
	uint64_t charged, own;
} memory_rows[] = {
	/* clang-format off */
	{ "no memory controller", NULL, "anon 1\nfile 1\n", -ENOENT, 0, 0 },
	{ "caches of files are not its own", "1000000\n", "anon 300000\nfile 600000\nkernel 100000\nshmem 0\n", 0, 1000000, 400000 },
	{ "but shared memory is", "1000000\n", "anon 300000\nfile 600000\nkernel 100000\nshmem 500000\n", 0, 1000000, 900000 },
	{ "of two moments", "100\n", "anon 0\nfile 4096\nshmem 0\n", 0, 100, 0 },
	{ "more of it shared than there is", "4096\n", "anon 0\nfile 0\nshmem 4096\n", 0, 4096, UINT64_MAX },
	{ "only the sum is told", "4096\n", NULL, 0, 4096, UINT64_MAX },
	{ "not what of it is shared", "4096\n", "anon 4096\nfile 0\n", 0, 4096, UINT64_MAX },
	{ "no number", "max\n", NULL, -EBADMSG, 0, 0 },
	{ "nothing", "", NULL, -EBADMSG, 0, 0 },
	{ "more than there are bytes", "18446744073709551616\n", NULL, -EBADMSG, 0, 0 },
	/* clang-format on */
};

static void memory_is_what_is_charged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(memory_rows); i++) {
		struct os_cgroup_memory got = { 4711, 4711 };
		const char *current = memory_rows[i].current, *stat = memory_rows[i].stat;
		struct scratch s;
		scratch_make(&s);
		if (current)
			scratch_write(&s, "memory.current", current, strlen(current));
		if (stat)
			scratch_write(&s, "memory.stat", stat, strlen(stat));
		int r = os_cgroup_memory(s.fd, &got);
		scratch_remove(&s);
		if (r != memory_rows[i].result ||
		    (r == 0 && (got.charged != memory_rows[i].charged || got.own != memory_rows[i].own)) ||
		    (r < 0 && got.charged != 4711))
			fail_msg("%s: %d, %llu, %llu", memory_rows[i].rule, r,
				 (unsigned long long)got.charged, (unsigned long long)got.own);
	}
}

/* Where the group has a pids controller; the file is made with the group, never by us. */
static void threads_are_capped_where_they_are_counted(void **state)
{
	struct scratch s;
	char text[32] = "";

	(void)state;
	scratch_make(&s);
	assert_int_equal(os_cgroup_cap(s.fd, 21), -ENOENT);
	scratch_write(&s, "pids.max", "max\n", 4);
	assert_int_equal(os_cgroup_cap(s.fd, 1021), 0);
	assert_int_equal(os_file_read_at(s.fd, "pids.max", text, sizeof(text)), 4);
	assert_memory_equal(text, "1021", 4);
	scratch_remove(&s);
}

/* ---- a group of our own, where we may have one */

static int wait_for_ever(void *with)
{
	static char sleep[] = "sleep", time[] = "60";
	char *const argv[] = { sleep, time, NULL }, *env[] = { NULL };
	(void)with;
	return os_exec("/bin/sleep", argv, env);
}

static int find(void *with, pid_t pid)
{
	return pid == *(pid_t *)with ? 1 : 0;
}

static void who_is_born_in_it_is_counted_and_killed_there(void **state)
{
	struct own own;
	struct os_child child;
	char path[OS_CGROUP_PATH_MAX], tiny[4];
	int pidfd = -1, err = -1;
	uint64_t ino = 0;

	(void)state;
	if (!own_open(&own))
		skip();
	assert_int_equal(os_cgroup_path(own.dir, path, sizeof(path)), 0);
	assert_string_equal(strrchr(path, '/') + 1, own.name);
	assert_int_equal(os_cgroup_path(own.dir, tiny, sizeof(tiny)), -ENAMETOOLONG);
	int same = os_cgroup_reopen(own.parent, own.name, &ino);
	assert_true(same >= 0 && ino == own.ino && ino != 0);
	os_fd_close(&same);
	assert_int_equal(os_cgroup_make(own.parent, own.name, &ino), -EEXIST);
	assert_false(os_cgroup_is_populated(own.dir) || os_cgroup_is_frozen(own.dir));

	pid_t pid = os_spawn_into(own.dir, wait_for_ever, NULL, &pidfd, &err);
	if (pid == -ENOSYS || !os_cgroup_can_kill(own.dir)) {
		assert_int_equal(os_cgroup_remove(own.parent, own.name), 0);
		skip();
	}
	assert_true(pid > 0 && err == 0 && pidfd >= 0);
	assert_true(os_cgroup_is_populated(own.dir));
	assert_int_equal(os_cgroup_each(own.dir, find, &pid), 1);
	assert_true(os_cgroup_is_member(pid, own.name));
	assert_false(os_cgroup_is_member(getpid(), own.name));
	assert_int_equal(os_cgroup_remove(own.parent, own.name), -EBUSY);
	assert_int_equal(os_cgroup_freeze(own.dir, true), 0);
	assert_int_equal(os_cgroup_kill(own.dir), 0); /* frozen or not */
	assert_int_equal(os_wait_pid(pid, &child), 0);
	assert_int_equal(child.status, 9);
	assert_false(os_cgroup_is_populated(own.dir));
	os_fd_close(&pidfd);
	os_fd_close(&own.dir);
	assert_int_equal(os_cgroup_remove(own.parent, own.name), 0);
	assert_int_equal(os_cgroup_remove(own.parent, own.name), -ENOENT);
	os_fd_close(&own.parent);
}

static void groups_below_go_leaf_first(void **state)
{
	static const char *const below[] = { "a", "a/b", "a/b/c", "a/d", "e", "a.scope", "a.scope/f" };
	struct own own;

	(void)state;
	if (!own_open(&own))
		skip();
	for (size_t i = 0; i < COUNT_OF(below); i++)
		assert_int_equal(mkdirat(own.dir, below[i], 0755), 0);
	own_close(&own);
}

static void one_below_that_is_lived_in_keeps_all(void **state)
{
	struct own own;
	struct os_child child;
	int pidfd = -1, err = -1;
	uint64_t ino;

	(void)state;
	if (!own_open(&own))
		skip();
	AUTO_FD int sub = os_cgroup_make(own.dir, "sub", &ino);
	pid_t pid = os_spawn_into(sub, wait_for_ever, NULL, &pidfd, &err);
	if (pid > 0 && os_cgroup_can_kill(own.dir)) {
		assert_int_equal(os_cgroup_remove(own.parent, own.name), -EBUSY);
		assert_int_equal(os_cgroup_kill(own.dir), 0); /* and what is below it */
		assert_int_equal(os_wait_pid(pid, &child), 0);
	}
	os_fd_close(&pidfd);
	own_close(&own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_of_another_kind_is_none),
		cmocka_unit_test(nothing_is_born_in_what_is_no_group),
		cmocka_unit_test(memory_is_what_is_charged),
		cmocka_unit_test(threads_are_capped_where_they_are_counted),
		cmocka_unit_test(who_is_born_in_it_is_counted_and_killed_there),
		cmocka_unit_test(groups_below_go_leaf_first),
		cmocka_unit_test(one_below_that_is_lived_in_keeps_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
