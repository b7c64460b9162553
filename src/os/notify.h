/* Datagrams of which the kernel names the sender; and one to a service manager. */
#ifndef SG_OS_NOTIFY_H
#define SG_OS_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define OS_NOTIFY_WHERE_MAX 108 /* bytes of a name, with its NUL */

/*
 * Owned socket at `where`: a path (0600; made) or "@" and an abstract name.
 * -ENAMETOOLONG, -EADDRINUSE, -errno.
 */
int os_notify_open(const char *where);

struct os_notify_from {
	pid_t pid; /* 0: of another PID namespace */
	uid_t uid; /* real */
	bool is_known;
	bool is_cut; /* longer than there was room for */
	int fd;      /* owned: the first that came with it, -1 = none; the others are closed */
};
/* Close it, without waiting for whatever it is. */
void os_notify_release(struct os_notify_from *from);

/* Bytes of the next datagram; -EAGAIN, -errno. */
ssize_t os_notify_receive(int fd, void *bytes, size_t n, struct os_notify_from *out_from);

/* One datagram to the socket at `where`, as above; never waits. 0, -errno. */
int os_notify_send(const char *where, const void *bytes, size_t n);

#endif
