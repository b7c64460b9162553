/* Making processes: the warden (fork), and the job (a child that shares our memory until its exec). */
#ifndef SG_OS_SPAWN_H
#define SG_OS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* fork(2) without handlers of the C library's users.  0 in the child, pid, -errno. */
pid_t os_fork(void);

/*
 * A child on a stack of its own in OUR memory (vfork semantics: we sleep until
 * it has exec'ed or ended).  `body` runs in it with only async-signal-safe
 * calls and must end in execve or return its negative errno, which *out_errno
 * then holds (positive); what fails before is returned and held the other way round.  *out_pidfd: owned
 * handle, -1 before 5.2. Pid of the child, or -errno when none was made.
 */
pid_t os_spawn(int (*body)(void *with), void *with, int *out_pidfd, int *out_errno);

/*
 * The same, born in the control group `cgroup` (a directory): there is no
 * moment in which it is elsewhere.  -ENOSYS, where that cannot be had (before
 * 5.7, or a filter's no): nothing was made.
 */
pid_t os_spawn_into(int cgroup, int (*body)(void *with), void *with, int *out_pidfd, int *out_errno);

/* Replace the process; returns -errno. */
int os_exec(const char *path, char *const *argv, char *const *env);

/*
 * Where execvp would find `name` on `path_list` (NULL: the C library's default)
 * with `dirfd` as working directory (OS_CWD: our own), into `out`.  0; -ENOENT nowhere; -EACCES found but not
 * executable; -ENAMETOOLONG.
 */
int os_exec_find(int dirfd, const char *name, const char *path_list, char *out, size_t n);

int os_chdir_root(void);
/* Out of the caller's process group: a group of our own, or a session of our own. */
int os_leave_group(bool new_session);
int os_join_group(pid_t pgrp);

#endif
