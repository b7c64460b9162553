#include "os/poll.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>

static_assert(sizeof(struct os_poll) == sizeof(struct pollfd) && OS_POLL_IN == POLLIN &&
		      OS_POLL_OUT == POLLOUT &&
		      offsetof(struct os_poll, ready) == offsetof(struct pollfd, revents),
	      "as the kernel has it");

int os_poll(struct os_poll *set, size_t n, int timeout_ms)
{
	int ready = poll((struct pollfd *)set, n, timeout_ms);
	return ready >= 0 ? ready : errno == EINTR ? 0 : -errno;
}
