/*
 * Control groups, version 2: a directory of our own, what is in it, and its end.
 *
 * A group is a directory; who is in it is the kernel's word, and stays so through setsid, double forks and
 * dead parents.  `dir` is an open directory throughout.
 */
#ifndef SG_OS_CGROUP_H
#define SG_OS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OS_CGROUP_PATH_MAX 512

struct os_cgroup_mount {
	char point[OS_CGROUP_PATH_MAX]; /* where version 2 is mounted */
	char own[OS_CGROUP_PATH_MAX];   /* the group of this process, below it */
	bool is_top;                    /* which is the topmost that we can see */
	bool has_v1;
};

/* 0; -ENOENT none is mounted; -errno.  has_v1 is always set. */
int os_cgroup_find(struct os_cgroup_mount *out);
/* Was our group given to us to divide: marked so by a manager, or the root of a namespace of its own? */
bool os_cgroup_is_delegated(const struct os_cgroup_mount *at);

/* Owned descriptor of the group at `path`, which a user gave; -EMEDIUMTYPE: no group of version 2; -errno. */
int os_cgroup_open(const char *path);
/* Absolute path of `dir`. 0, -errno. */
int os_cgroup_path(int dir, char *out, size_t n);

/* A new group `name` in `parent`, ours to divide further.  Owned descriptor and its inode; -EEXIST, -errno.
 */
int os_cgroup_make(int parent, const char *name, uint64_t *out_ino);
/* The same of one that should be there. -ENOENT, -errno. */
int os_cgroup_reopen(int parent, const char *name, uint64_t *out_ino);
/* `name` in `parent` and all groups below it, leaf first.  0; -EBUSY somebody is in there; -errno. */
int os_cgroup_remove(int parent, const char *name);

/* This process, from now on. 0, -errno. */
int os_cgroup_enter(int dir);

bool os_cgroup_can_kill(int dir); /* 5.14 */
/* Frozen, itself or with a group above: what is made in it does not run. */
bool os_cgroup_is_frozen(int dir);
/* Does anybody live in it, or below it? */
bool os_cgroup_is_populated(int dir);
int os_cgroup_freeze(int dir, bool freeze);
/* At most so many threads in it and below. 0, -ENOENT (no pids controller), -errno. */
int os_cgroup_cap(int dir, uint64_t threads);
/*
 * What is charged to it and below.  `charged` has caches of files in it: its processes have at most that;
 * `own` is without, UINT64_MAX where that is not told.  0, -ENOENT (no memory controller), -errno.
 */
struct os_cgroup_memory {
	uint64_t charged, own;
};
int os_cgroup_memory(int dir, struct os_cgroup_memory *out);
/* How often it was hit: `key` of its file `name` (pids.events, memory.events). 0, -errno: not to be told. */
int os_cgroup_events(int dir, const char *name, const char *key, uint64_t *out_count);
/* KILL to everybody in it and below, and to who is being born there. 0, -errno. */
int os_cgroup_kill(int dir);
/* The pids in it, not below; 0 stands for one that has no number here.  0, what `each` returned, -errno. */
int os_cgroup_each(int dir, int (*each)(void *with, pid_t pid), void *with);
/* How many that would be; what cannot be read counts as nobody. */
uint32_t os_cgroup_count(int dir);

/* Is `pid` in a group called `name`, or below one? */
bool os_cgroup_is_member(pid_t pid, const char *name);

#endif
