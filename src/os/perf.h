/*
 * Births and ends of all descendants, told by the kernel: perf task records.
 *
 * The events are the calling process's own and are inherited by what it forks
 * from then on, whatever that does to its session, its parents or its
 * descriptors; they stand as long as we do, so no end of a first process hangs
 * them up.  What an unprivileged process's descendant executes as set-uid
 * program is lost to them.
 */
#ifndef SG_OS_PERF_H
#define SG_OS_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/task_record.h"

/* Each thread carries one event for each processor, and a fork copies them: on more processors than these the
 * fork is slowed too much (doc/decisions/0012). */
#define OS_PERF_CPUS 16

struct os_perf_ring {
	void *page; /* owned mapping: control page, then the ring; it alone keeps the event */
	uint64_t tail, head;
	struct task_record next;
	bool has_next;
};

struct os_perf {
	int epoll; /* owned; readable: a ring has reached its mark.  -1 = closed */
	uint32_t count;
	size_t bytes;    /* of each ring */
	uint64_t broken; /* rings that cannot be read any more */
	struct os_perf_ring ring[OS_PERF_CPUS];
};

/*
 * Begin.  `mark`: so many births in all, at most, stay unread until the
 * descriptor is readable.  0; -E2BIG more processors than OS_PERF_CPUS;
 * -EACCES, -EPERM, -ENOSYS denied here; -errno.
 */
int os_perf_open(struct os_perf *perf, uint64_t mark);
void os_perf_close(struct os_perf *perf);

/* Every record that is there now, in the order of time; how many. */
uint64_t os_perf_drain(struct os_perf *perf, void (*each)(void *with, const struct task_record *record),
		       void *with);

#endif
