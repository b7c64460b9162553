/*
 * Process handles.  A pidfd names one process for ever; a PID does not.  Where
 * there are none (before 5.3, or a filter's no), a directory of /proc does: it
 * stays that of one process, and signals go through it since 5.1.
 */
#ifndef SG_OS_PIDFD_H
#define SG_OS_PIDFD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Pidfd of `pid` (> 1), that poll and epoll take.  Caller owns the descriptor (CLOEXEC).
 * -ESRCH gone, -EMFILE/-ENFILE descriptors used up, -ENOSYS before Linux 5.3.
 */
int os_pidfd_open(pid_t pid);
/*
 * The same, or where there is none its directory in /proc: for all functions
 * here; poll and epoll know nothing of it.  -errno as above; -ENOSYS, -EPERM:
 * neither, as /proc is not ours.
 */
int os_pidfd_open_or_proc(pid_t pid);
/* It is such a directory. */
bool os_pidfd_is_proc(int pidfd);
/* The same for ourselves, whatever our pid is. */
int os_pidfd_open_self(void);

/*
 * Send `sig` (0: only ask).  `pidfd` may be a descriptor of /proc/PID too.
 * 0, -ESRCH (already dead: for a kill a success), -EPERM (other uid), -ENOSYS before 5.1.
 */
int os_pidfd_signal(int pidfd, int sig);
/* To an unreaped child of ours: by `pidfd` (-1: none), or by its number, which is its own. 0, -ESRCH, -EPERM,
 * -errno. */
int os_child_signal(pid_t child, int pidfd, int sig);

/* Inode of its pidfd, never repeated within a boot; 0 before 6.9, where all pidfds share one. */
uint64_t os_pidfd_inode(int pidfd);

/* It has ended (a zombie has); false also if that cannot be told, as without a descriptor for its file in
 * /proc. */
bool os_pidfd_is_dead(int pidfd);

/* Wait until it has ended, at most `timeout_ms` (-1: for ever).  1 ended, 0 not yet. */
int os_pidfd_wait(int pidfd, int timeout_ms);

#endif
