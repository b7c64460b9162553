#include "os/pipe.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

ssize_t os_pipe_read(int fd, void *bytes, size_t n, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ready;

	do
		ready = poll(&p, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready < 0 ? -errno : -ETIMEDOUT;
	ssize_t got = read(fd, bytes, n);
	return got < 0 ? -errno : got;
}
