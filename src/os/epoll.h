/* The one place where the warden sleeps. */
#ifndef SG_OS_EPOLL_H
#define SG_OS_EPOLL_H

#include <stdint.h>

int os_epoll_open(void);
/* `tag` comes back from os_epoll_wait. 0, -errno. */
int os_epoll_add(int epoll, int fd, uint32_t tag);
/* The same for what tells by POLLPRI: os_psi_open. */
int os_epoll_add_urgent(int epoll, int fd, uint32_t tag);
int os_epoll_remove(int epoll, int fd);
/* Sleep until something is readable, or `timeout_ms` are over (-1: never); bits 1 << tag (tags 0..31).
 * -errno. */
int os_epoll_wait(int epoll, int timeout_ms, uint32_t *out_tags);

#endif
