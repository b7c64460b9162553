/* Reading a file that may block for ever, in a child that is given up after a while. */
#ifndef SG_OS_READ_APART_H
#define SG_OS_READ_APART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Is `word` (n bytes) one of the NUL-terminated entries of the file `path`?
 * Looked for by a child that holds nothing but one pipe, may use next to
 * nothing, and ends by itself some seconds later.  1, 0, -ENODATA (there is
 * not one byte in it), -ETIMEDOUT (the child is killed and, if it is stuck,
 * left to whoever reaps), -ENOMEM (no child can be made), -errno of the read.
 */
int os_read_apart_find(const char *path, const char *word, size_t n, int timeout_ms);
/* The same; after `asleep_ms` it is given up if it sleeps, and is not only slow. */
int os_read_apart_find_soon(const char *path, const char *word, size_t n, int asleep_ms, int timeout_ms);

/*
 * A child of the calling process that was given up here, and that no KILL has
 * ended yet: is this one, is there any?  Not whoever has its number after it.
 */
bool os_read_apart_is_left(pid_t pid);
bool os_read_apart_has_left(void);

/*
 * A child as above that does `work`, which writes what it learns to `out`, a
 * pipe; it may open one file at a time.  Its pid, and the end of the pipe to
 * be read (owned) in *out_fd; -errno.  The caller waits for it, and ends it
 * when it is late; it ends by itself with the caller.
 */
pid_t os_read_apart_begin(void (*work)(int out, const void *with), const void *with, int timeout_ms,
			  int *out_fd);

/* Wait for that child, and for what it writes at once: `n` bytes, PIPE_BUF at most. 0, -ETIMEDOUT: it was
 * late, or died, and is ended. */
int os_read_apart_take(pid_t pid, int in, void *answer, size_t n, int timeout_ms);

/*
 * What these processes, and those that they have waited for, have written (/proc/PID/io), each for itself:
 * OS_IO_UNKNOWN, it may not be looked into, OS_IO_GONE, there is none; and what they have written and stored,
 * all together.  Read by such a child, in this order.  How many were read; -ETIMEDOUT, -errno.
 */
#define OS_IO_UNKNOWN UINT64_MAX
#define OS_IO_GONE    (UINT64_MAX - 1)
struct proc_io;
int os_read_apart_io(const int32_t *pid, size_t n, int timeout_ms, uint64_t *out_written,
		     struct proc_io *out_sum);
/* The same of the calling process.  Async-signal-safe. 0, -errno. */
int os_read_own_io(struct proc_io *out_io);
/* Of the children that the calling process, which has one thread, has waited for. 0, -errno. */
int os_read_waited_io(struct proc_io *out_io);

#endif
