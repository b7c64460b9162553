/* Is there room in memory for one more?  What is available, less what others still expect, against what it
 * expects itself. */
#ifndef SG_CORE_ROOM_H
#define SG_CORE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct room {
	uint64_t total_bytes;     /* of the machine, or of what we may have of it */
	uint64_t available_bytes; /* now */
	uint64_t claimed_bytes;   /* that guarded runs still expect, beyond what they have */
	uint32_t claims;          /* of how many runs */
	uint64_t reserve_bytes;   /* to be left for others */
	uint64_t expected_bytes;  /* by who asks */
};

/* What a run that expects so much, and has so much, still expects. */
uint64_t room_still_expected(uint64_t expected_bytes, uint64_t has_bytes);
/* What is free to who asks: never less than nothing. */
uint64_t room_free(const struct room *room);
bool room_fits(const struct room *room);
/* Not even where nobody else runs: waiting is of no use. */
bool room_can_never_fit(const struct room *room);

/* How many that expect so much fit into all of it: at least one, at most `most`. */
uint32_t room_slots(const struct room *room, uint32_t most);

#endif
