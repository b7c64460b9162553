/* Children: reaping, and being the one to whom orphans come. */
#ifndef SG_OS_WAIT_H
#define SG_OS_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct os_child {
	pid_t pid;
	int status;                  /* of wait(2) */
	bool has_ended;              /* else stopped or continued */
	uint64_t user_ns, system_ns; /* of it and of what it has waited for */
	uint64_t max_rss_bytes;
};

/*
 * The next child that has changed.  1 and *out_child; 0 nothing to tell but
 * children live; -ECHILD: there are none: a subreaper then knows that its
 * whole tree is gone, because orphans are handed up before their parent can
 * be reaped.
 */
int os_wait_any(struct os_child *out_child);
/* Wait for that child to end. 0, -errno. */
int os_wait_pid(pid_t pid, struct os_child *out_child);
/* Has that child ended? 1 and *out_child, 0 not yet, -errno. */
int os_wait_try(pid_t pid, struct os_child *out_child);
/* Is a child of ours stopped (and says which signal)?  Consumes that notice.  1, 0. */
int os_wait_stopped(pid_t pid, int *out_signal);

/* Children at this moment: 1 some, 0 none. */
int os_has_children(void);

int os_become_subreaper(void);

#endif
