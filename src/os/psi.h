/* /proc/pressure: a descriptor that wakes whoever waits for it (os_epoll_add_urgent) while others wait. */
#ifndef SG_OS_PSI_H
#define SG_OS_PSI_H

#include <stdint.h>

/*
 * Wakes once in each `window_us` in which "some" of the machine's processes
 * have waited for `resource` ("cpu", "memory", "io") `stall_us` in all.  Any
 * user may ask where the window is a multiple of 2 s.  Descriptor, -errno.
 */
int os_psi_open(const char *resource, uint64_t stall_us, uint64_t window_us);

/* What the machine has, for all: processors, bytes of memory.  0 = unknown. */
uint64_t os_machine_cpus(void);
uint64_t os_machine_memory(void);

#endif
