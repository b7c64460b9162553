/* Pipes (os/fd.h opens them): heard by whoever waits for the end of all that hold the other end. */
#ifndef SG_OS_PIPE_H
#define SG_OS_PIPE_H

#include <stddef.h>
#include <sys/types.h>

/* Bytes; 0: nobody holds the other end; -ETIMEDOUT: nothing came within `timeout_ms`; -errno. */
ssize_t os_pipe_read(int fd, void *bytes, size_t n, int timeout_ms);

#endif
