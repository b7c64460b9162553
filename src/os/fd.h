/* File descriptors: ownership marks and the few calls everybody needs. */
#ifndef SG_OS_FD_H
#define SG_OS_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* `AUTO_FD int fd = -1;` is closed at the end of its block; errno survives. */
#define AUTO_FD __attribute__((cleanup(os_fd_close)))

/* Close *fd if it is open and set it to -1.  Never retried: after EINTR Linux has closed it. */
void os_fd_close(int *fd);

/* Hand the descriptor on: returns it and leaves -1, so the cleanup does nothing. */
static inline int os_fd_steal(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/*
 * Where 0, 1 or 2 is closed, put /dev/null there with CLOEXEC: no file of ours
 * may land on a number that somebody writes to, and the job finds it closed.
 * Writing to `unwritable` (-1: none) still fails: who has no stdout gets no result.
 * 0, or -errno (then the process must not go on).
 */
int os_fd_fill_stdio(int unwritable);

/* Close every descriptor but the `n` in `keep` (any order, -1 is passed over; n <= 32). */
void os_fd_close_others(const int *keep, size_t n);

/* Owned copy (CLOEXEC); -1 if there is none to be had. */
int os_fd_copy(int fd);

/* A copy as number `number`, open over exec. 0, -errno. */
int os_fd_put(int fd, int number);
/* /dev/null as number `number`, open over exec. 0, -errno. */
int os_fd_put_null(int number);
/* Reads and writes wait (a job's own descriptors do). 0, -errno. */
int os_fd_set_blocking(int fd);
/* A pipe: out_ends[0] is read, out_ends[1] written; both owned (CLOEXEC). 0, -errno. */
int os_pipe_open(int out_ends[2]);

/* The job must not have it. 0, -EBADF. */
int os_fd_set_cloexec(int fd);

/* Whole file position kept: pread at `offset`.  Bytes, 0 at the end, -errno; EINTR is retried. */
ssize_t os_fd_pread(int fd, void *bytes, size_t n, uint64_t offset);
/* All of it or -errno (a short write is -ENOSPC). */
int os_fd_pwrite(int fd, const void *bytes, size_t n, uint64_t offset);
/* One write(2), however much it takes.  Bytes, -errno; EINTR is retried. */
ssize_t os_fd_write_some(int fd, const void *bytes, size_t n);
/* One write(2); a short one is -ENOSPC. */
int os_fd_write(int fd, const void *bytes, size_t n);

#endif
