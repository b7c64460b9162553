#include "os/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "os/fd.h"

#define FDS_MAX 253 /* SCM_MAX_FD: all that can come with one datagram, so that none is left open */

static int address_of(const char *where, struct sockaddr_un *out, socklen_t *out_n)
{
	size_t n = strlen(where);

	if ((where[0] != '/' && where[0] != '@') || n < 2)
		return -EINVAL;
	if (n >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	memcpy(out->sun_path, where, n);
	if (where[0] == '@')
		out->sun_path[0] = '\0';
	*out_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (where[0] == '/'));
	return 0;
}

int os_notify_open(const char *where)
{
	struct sockaddr_un address;
	socklen_t n;
	const int on = 1;

	int r = address_of(where, &address, &n);
	if (r < 0)
		return r;
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Both before it has a name: no datagram comes without its sender, none from another user by the
	 * path. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 || fchmod(fd, 0600) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, n) < 0)
		return -errno;
	return os_fd_steal(&fd);
}

/*
 * Whoever closes the last descriptor of a socket waits until it has been read, for as long as it was told to.
 * One that is on its way in another that comes with a datagram still makes us wait: it cannot be reached.
 */
static void close_at_once(int *fd)
{
	const struct linger none = { 0 };

	(void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)); /* no socket: nothing to tell it */
	os_fd_close(fd);
}

void os_notify_release(struct os_notify_from *from)
{
	if (from->fd >= 0)
		close_at_once(&from->fd);
}

static void take_fds(const struct cmsghdr *header, struct os_notify_from *from)
{
	size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
		if (from->fd < 0)
			from->fd = fd;
		else
			close_at_once(&fd);
	}
}

ssize_t os_notify_receive(int fd, void *bytes, size_t n, struct os_notify_from *out_from)
{
	static union {
		char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control; /* without the stack; the caller is one thread */
	struct iovec part = { .iov_base = bytes, .iov_len = n };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	struct os_notify_from from = { .fd = -1 };

	ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return -errno;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
		struct ucred who;
		if (h->cmsg_level != SOL_SOCKET)
			continue;
		if (h->cmsg_type == SCM_RIGHTS)
			take_fds(h, &from);
		if (h->cmsg_type != SCM_CREDENTIALS || h->cmsg_len < CMSG_LEN(sizeof(who)))
			continue;
		memcpy(&who, CMSG_DATA(h), sizeof(who));
		from.pid = who.pid;
		from.uid = who.uid;
		from.is_known = true;
	}
	from.is_cut = (message.msg_flags & MSG_TRUNC) != 0;
	*out_from = from;
	return got;
}

int os_notify_send(const char *where, const void *bytes, size_t n)
{
	struct sockaddr_un address;
	socklen_t length;

	int r = address_of(where, &address, &length);
	if (r < 0)
		return r;
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ssize_t sent =
		sendto(fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
	return sent < 0 ? -errno : 0;
}
