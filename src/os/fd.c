#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"
#include "os/file.h"
#include "os/proc.h"

#define KEEP_MAX 32

void os_fd_close(int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

int os_fd_fill_stdio(int unwritable)
{
	for (int fd = 0; fd <= 2; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is the one we just found. */
		int way = fd == unwritable ? O_RDONLY : O_RDWR;
		if (open("/dev/null", way | O_CLOEXEC | O_NOCTTY) >= 0)
			continue;
		/* No /dev here: any file serves that reads as empty and refuses writes. */
		if (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0)
			return -errno;
	}
	return 0;
}

struct listed {
	unsigned from, to;
	int dir;
};

static int close_one(void *with, const char *name)
{
	const struct listed *l = with;
	uint64_t fd;

	if (num_parse_u64(name, INT_MAX, &fd) == 0 && fd >= l->from && fd <= l->to && (int)fd != l->dir)
		(void)close((int)fd);
	return 0;
}

/* Those that there are: all numbers that there could be take ten milliseconds. */
static bool close_listed(unsigned from, unsigned to)
{
	if (!os_proc_is_ours())
		return false;
	AUTO_FD int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct listed listed = { from, to, dir };
	return dir >= 0 && os_dir_each(dir, close_one, &listed) == 0;
}

static void close_range_of(unsigned from, unsigned to)
{
	if (from > to)
		return;
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
	if (syscall(SYS_close_range, from, to, 0U) == 0)
		return;
	if (close_listed(from, to)) /* before 5.9 */
		return;
	unsigned limit = to < 65536 ? to : 65536;
	for (unsigned fd = from; fd <= limit; fd++)
		(void)close((int)fd);
}

void os_fd_close_others(const int *keep, size_t n)
{
	int sorted[KEEP_MAX];
	size_t count = 0;
	for (size_t i = 0; i < n && count < KEEP_MAX; i++) {
		if (keep[i] < 0)
			continue;
		size_t at = count++;
		while (at > 0 && sorted[at - 1] > keep[i]) {
			sorted[at] = sorted[at - 1];
			at--;
		}
		sorted[at] = keep[i];
	}
	unsigned from = 0;
	for (size_t i = 0; i < count; i++) {
		if (sorted[i] > 0)
			close_range_of(from, (unsigned)sorted[i] - 1);
		from = (unsigned)sorted[i] + 1;
	}
	close_range_of(from, ~0U);
}

int os_fd_copy(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

int os_fd_put(int fd, int number)
{
	return dup2(fd, number) < 0 ? -errno : 0;
}

int os_fd_put_null(int number)
{
	AUTO_FD int fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : os_fd_put(fd, number);
}

int os_fd_set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int os_pipe_open(int out_ends[2])
{
	return pipe2(out_ends, O_CLOEXEC) < 0 ? -errno : 0;
}

int os_fd_set_cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);
	if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

ssize_t os_fd_pread(int fd, void *bytes, size_t n, uint64_t offset)
{
	for (;;) {
		ssize_t got = pread(fd, bytes, n, (off_t)offset);
		if (got >= 0)
			return got;
		if (errno != EINTR)
			return -errno;
	}
}

int os_fd_pwrite(int fd, const void *bytes, size_t n, uint64_t offset)
{
	ssize_t done = pwrite(fd, bytes, n, (off_t)offset);
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -ENOSPC;
}

ssize_t os_fd_write_some(int fd, const void *bytes, size_t n)
{
	for (;;) {
		ssize_t put = write(fd, bytes, n);
		if (put >= 0 || errno != EINTR)
			return put >= 0 ? put : -errno;
	}
}

int os_fd_write(int fd, const void *bytes, size_t n)
{
	ssize_t done = write(fd, bytes, n);
	if (done < 0)
		return -errno;
	return (size_t)done == n ? 0 : -ENOSPC;
}
