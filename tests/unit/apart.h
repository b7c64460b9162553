/*
 * What calls answer that do not fail here, and what older kernels say.  Each in a process of its own: what a
 * program asks the kernel once is asked anew, and a fault is nobody else's.
 */
#ifndef SG_UNIT_APART_H
#define SG_UNIT_APART_H

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "fault/failnth.h"
#include "held.h"
#include "scratch.h"
#include "tree/sweep.h"
#include "tree/walk.h"

#define WAIT_NS 20000000000ULL
#define SKIP    77

static struct tree tree;

struct apart {
	void (*body)(void);
};

static inline void run_apart(void **state)
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

static inline void fail_always(const char *function, int err)
{
	failnth_arm(&(struct failnth){ .function = function, .error = err, .persist = true });
}

static inline void fail_once(const char *function, uint64_t first, int err)
{
	failnth_arm(&(struct failnth){ .function = function, .first = first, .error = err });
}

static inline void fail_call(long number, int err)
{
	failnth_arm(
		&(struct failnth){ .function = "syscall", .number = number, .error = err, .persist = true });
}

static inline void fail_path(const char *path, int err, bool persist)
{
	failnth_arm(
		&(struct failnth){ .function = "openat", .path = path, .error = err, .persist = persist });
}

static inline void heal(void)
{
	failnth_arm(NULL);
}

static inline uint64_t walk(void)
{
	uint64_t births = 0;
	do {
		assert_int_equal(tree_prepare(&tree), 0);
		births += tree_walk(&tree, os_clock_boot_ns(), WALK_WHOLE);
	} while (tree.crowded || tree.again);
	return births;
}

static inline size_t members(void)
{
	size_t count = 0;
	FOR_EACH_MEMBER (&tree, m)
		count += !(m->flags & (MEMBER_ROOT | MEMBER_DEAD));
	return count;
}

static inline pid_t child_of(pid_t parent)
{
	FOR_EACH_MEMBER (&tree, m)
		if (m->ppid == parent)
			return m->id.pid;
	fail_msg("%d has no child in the tree", parent);
	return 0;
}

static inline void end(void)
{
	heal();
	(void)sweep_kill(&tree, os_clock_boot_ns());
	let_go(&tree);
}

/* The first descriptor that is asked about is of no pidfs: as before 6.9, where no pidfd is. */
static inline void without_inodes(void)
{
	AUTO_FD int other = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	assert_int_equal(os_pidfd_inode(other), 0);
}

#define APART(body)                                           \
	{                                                     \
#body, run_apart, NULL, NULL, &(struct apart) \
		{                                             \
			body                                  \
		}                                             \
	}

#endif
