/* NAME.info beside a job's lock: 128 bytes, one pwrite.  A hint for people and for recovery; the lock is the truth. */
#ifndef SG_CODEC_LOCKINFO_H
#define SG_CODEC_LOCKINFO_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/record.h"

enum lockinfo_flags {
	LOCKINFO_SCAN = 1U << 0, /* runs without this lock alone: the next exclusive start reads runs/ too */
};

struct lockinfo {
	uint32_t magic;
	uint32_t check; /* over the rest, with this field 0 */
	char run_id[RUN_ID_MAX + 8]; /* the last holder's */
	int32_t holder;              /* pid of its front */
	uint32_t flags;
	uint64_t refusals;        /* since the last line in the history */
	uint64_t refused_wall_ns; /* when that line was written */
	uint64_t since_boot_ns;   /* when the holder took it */
	uint64_t spare;
	uint64_t spare2;
};

void lockinfo_seal(struct lockinfo *info);
bool lockinfo_is_valid(const struct lockinfo *info);

#endif
