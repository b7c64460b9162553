/*
 * A PID namespace of its own for one tree.  Its first process is made by
 * os_ns_fork; when that one ends, the kernel ends all that are in there.  The
 * others are made by os_ns_spawn: children of ours, who live in there.
 */
#ifndef SG_OS_NAMESPACE_H
#define SG_OS_NAMESPACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a new user namespace would give or take, besides the ids: as the caller had it. */
struct os_ns_rights {
	uint64_t bounding; /* bit N: capability N */
	uint32_t inheritable[2];
	int securebits;
};

struct os_ns {
	pid_t init; /* as we count; 0 = none */
	int fd;     /* owned: pidfd of it; -1 = none */
	bool has_users;
	struct os_ns_rights rights;
};

/*
 * Fork the first process of a new PID namespace; where that needs more
 * privileges than we have, in a new user namespace, in which the ids of the
 * caller are its own and all others nobody's.  0 in the child; its pid; -EPERM
 * not allowed here; -ENOSPC no more of them; -EINVAL, -ENOSYS the kernel has
 * none; -errno.
 */
pid_t os_ns_fork(struct os_ns *ns);

/*
 * A child in the namespace, with mounts of its own, and otherwise as os_spawn
 * makes one (in our memory, `body` ends in an exec).  *out_pid is its pid as
 * we count, set before `body` runs.  Needs Linux 5.8.  Pid, -errno.
 */
pid_t os_ns_spawn(const struct os_ns *ns, int (*body)(void *with), void *with, pid_t *out_pid,
		  int *out_errno);

/* In the first process, which has no child: is nobody else in here?  (Who was born to a parent outside is not
 * its child.) */
bool os_ns_is_empty(void);

/* In `body`: a /proc that shows what is in the namespace. 0; -EPERM parts of /proc are hidden here; -errno.
 */
int os_ns_mount_proc(void);
/* In `body`: what the caller had, and no more. 0, -errno. */
int os_ns_give_rights(const struct os_ns *ns);

/* In `body`, after that: at most so many threads live in the namespace, its first process included; the
 * kernel counts them in a user namespace of its own only. 0; -ENOTSUP; -errno. */
int os_ns_cap(const struct os_ns *ns, uint64_t threads);

#endif
