#include "os/link.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int os_link_open(int out_ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out_ends) < 0 ? -errno : 0;
}

int os_link_send(int fd, const void *message, size_t n)
{
	/* The queue holds hundreds of messages; a peer that is stopped for so long gets no more of them. */
	ssize_t sent = send(fd, message, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent < 0 ? -errno : 0;
}

bool os_link_is_crowded(int fd)
{
	int room = 0, used = 0;
	socklen_t n = sizeof(room);

	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &n) == 0 && ioctl(fd, SIOCOUTQ, &used) == 0 &&
	       used > room / 2;
}

ssize_t os_link_receive(int fd, void *message, size_t n)
{
	ssize_t got = recv(fd, message, n, MSG_DONTWAIT);
	/* It ended without having read all of ours: told once, before what it had sent. */
	if (got < 0 && errno == ECONNRESET)
		got = recv(fd, message, n, MSG_DONTWAIT);
	if (got < 0 && errno == ECONNRESET)
		return 0;
	return got < 0 ? -errno : got;
}
