/* Sets of ways to end, as --success-status and --class list them.  Pure. */
#ifndef SG_CORE_STATUSES_H
#define SG_CORE_STATUSES_H

#include <stdbool.h>
#include <stdint.h>

struct statuses {
	uint64_t code[4]; /* bit N % 64 of code[N / 64]: exit status N */
	uint64_t signals; /* bit N-1: killed by signal N */
};

/* Is `status`, as wait(2) tells it of a process that has ended, in `set`?  A core file changes nothing. */
bool statuses_have(const struct statuses *set, int status);

#endif
