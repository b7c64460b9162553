/* Sleeping until one of a few descriptors is ready. */
#ifndef SG_OS_POLL_H
#define SG_OS_POLL_H

#include <stddef.h>

struct os_poll {
	int fd;      /* borrowed; -1 = passed over */
	short wants; /* OS_POLL_... */
	short ready; /* not 0: readable, writable, or in an error that the next call on it tells */
};

#define OS_POLL_IN  0x001
#define OS_POLL_OUT 0x004

/* At most `timeout_ms` (-1: for ever).  Number of those that are ready, 0, -errno; a signal is 0 too. */
int os_poll(struct os_poll *set, size_t n, int timeout_ms);

#endif
