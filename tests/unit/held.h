/* Victims in a tree, as a guard holds them. */
#ifndef SG_UNIT_HELD_H
#define SG_UNIT_HELD_H

#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "tree/tree.h"
#include "victims.h"

/* As a record names it. */
static inline struct proc_id id_of(pid_t pid)
{
	struct proc_stat stat;
	struct proc_id id = { .pid = pid };
	AUTO_FD int fd = os_pidfd_open(pid);
	assert_true(fd >= 0);
	id.pidfs_ino = os_pidfd_inode(fd);
	assert_int_equal(os_proc_stat(pid, &stat), 0);
	id.start_ticks = stat.start_ticks;
	return id;
}

/* A tree like the warden's: below us, with the job as its first member. */
static inline pid_t hold_job(struct tree *tree, victim_body *body, int arg, size_t ready)
{
	nest_open();
	pid_t job = victim(body, arg);
	wait_ready(ready);
	tree_init(tree, nest.ready[0]);
	assert_int_equal(tree_set_root(tree, getpid()), 0);
	tree_add_job(tree, job, os_pidfd_open(job), os_clock_boot_ns());
	return job;
}

/* Everybody of the nest ends, and comes to us. */
static inline void let_go(struct tree *tree)
{
	tree_release(tree);
	nest_close();
}

#endif
