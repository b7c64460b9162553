/*
 * NAME.info beside a job's lock: 128 bytes in three parts, each written alone in one pwrite.  A hint for
 * people and for recovery; the lock is the truth.
 *
 *   0    who holds the lock, or held it last: written by the holder
 *   96   refusals since the last line in the history: written by the refused
 *   120  a run of this job was started without the exclusive lock: the next exclusive start reads runs/
 *   124  breaker/NAME is there: written before it is made, by whoever makes it
 */
#ifndef SG_CODEC_LOCKINFO_H
#define SG_CODEC_LOCKINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/record.h"

struct lock_holder {
	uint32_t magic;
	uint32_t check; /* over the rest, with this field 0 */
	char run_id[RUN_ID_MAX + 8];
	int32_t front;          /* pid */
	uint32_t has_looked;    /* whether breaker/NAME is there: what was found stands in has_breaker */
	uint64_t since_boot_ns; /* when it took the lock */
};

struct lock_refusals {
	uint32_t check;   /* over the rest, with this field 0 */
	uint32_t pending; /* a line with `count` is being written, of a run id with this mark; 0 = none */
	uint64_t count;
	uint64_t line_wall_ns; /* when the last line was written, or is */
};

struct lockinfo {
	struct lock_holder holder;
	struct lock_refusals refusals;
	uint32_t wants_scan;
	uint16_t has_breaker;
	uint16_t unkept; /* ends in a row that could not be written into it */
};

void lock_holder_seal(struct lock_holder *holder);
void lock_refusals_seal(struct lock_refusals *refusals);
/* Parts that do not hold their check are zeroed: unknown. */
void lockinfo_check(struct lockinfo *info);

#endif
