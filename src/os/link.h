/* The pair's line: a SOCK_SEQPACKET with whole messages.  Its end of file is the other side's death. */
#ifndef SG_OS_LINK_H
#define SG_OS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Two owned ends. 0, -errno. */
int os_link_open(int out_ends[2]);
/* Never blocks for long, never raises SIGPIPE (blocked in both). 0, -EPIPE (other side gone), -errno. */
int os_link_send(int fd, const void *message, size_t n);
/* Does what was sent and not received fill half of it?  Then it is for what must not be lost. */
bool os_link_is_crowded(int fd);
/* Bytes of the next message, 0 = the other side is gone, -EAGAIN nothing there, -errno. */
ssize_t os_link_receive(int fd, void *message, size_t n);

#endif
