#include "os/say.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#define NAME "spawnguard: "

static void say(const char *before, size_t before_len, const char *text, size_t n)
{
	struct iovec line[3] = {
		{ .iov_base = (void *)(uintptr_t)before, .iov_len = before_len },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = n },
		{ .iov_base = (void *)(uintptr_t) "\n", .iov_len = 1 },
	};
	struct pollfd ready = { .fd = 2, .events = POLLOUT };

	/* A full pipe that nobody reads must not hold up an end: a tenth of a second, then silence. */
	if (poll(&ready, 1, 100) != 0)
		(void)!writev(2, line, 3);
}

void os_say(const char *text, size_t n)
{
	say(NAME, sizeof(NAME) - 1, text, n);
}

void os_say_with_priority(int priority, const char *text, size_t n)
{
	char before[] = "<0>" NAME;
	before[1] = (char)('0' + (priority & 7));
	say(before, sizeof(before) - 1, text, n);
}

int os_write_whole(int fd, const char *text, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t put = write(fd, text + done, n - done);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		done += (size_t)put;
	}
	return 0;
}

void os_print(int fd, const char *text, size_t n)
{
	(void)os_write_whole(fd, text, n); /* nobody to tell */
}
