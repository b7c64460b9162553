#include "os/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

int os_pipe_open(int out_ends[2])
{
	return pipe2(out_ends, O_CLOEXEC) < 0 ? -errno : 0;
}

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
