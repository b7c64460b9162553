#include "os/epoll.h"

#include <errno.h>
#include <sys/epoll.h>

int os_epoll_open(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int os_epoll_add(int epoll, int fd, uint32_t tag)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u32 = tag };
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int os_epoll_add_urgent(int epoll, int fd, uint32_t tag)
{
	struct epoll_event e = { .events = EPOLLPRI, .data.u32 = tag };
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int os_epoll_remove(int epoll, int fd)
{
	return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

int os_epoll_wait(int epoll, int timeout_ms, uint32_t *out_tags)
{
	struct epoll_event e[8];
	int n = epoll_wait(epoll, e, 8, timeout_ms);
	*out_tags = 0;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++)
		*out_tags |= 1U << e[i].data.u32;
	return 0;
}
