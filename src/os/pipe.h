/* Pipes: heard by whoever waits for the end of all that hold the other end. */
#ifndef SG_OS_PIPE_H
#define SG_OS_PIPE_H

#include <stddef.h>
#include <sys/types.h>

/* Two owned ends: to read, to write. 0, -errno. */
int os_pipe_open(int out_ends[2]);
/* Bytes; 0: nobody holds the other end; -ETIMEDOUT: nothing came within `timeout_ms`; -errno. */
ssize_t os_pipe_read(int fd, void *bytes, size_t n, int timeout_ms);

#endif
