/* --record-command: what record and history keep of the command line, which may hold secrets. */
#ifndef SG_GUARD_KEPT_H
#define SG_GUARD_KEPT_H

#include <stdint.h>

struct run;

struct kept_command {
	char *const *argv;   /* borrowed: in place of the job's own */
	const char *program; /* borrowed; NULL = not to be told */
	uint64_t digest;     /* of the whole command line; 0 = of `argv` */
};

struct kept_command kept_command(const struct run *run);

#endif
