/* The last bytes of a stream, in memory that two processes may share: one puts, others look. */
#ifndef SG_BASE_RING_H
#define SG_BASE_RING_H

#include <stddef.h>
#include <stdint.h>

#define RING_MAX 8192

struct ring {
	uint64_t total; /* bytes that were ever put */
	uint32_t cap;   /* bytes that are kept, at most RING_MAX */
	char at[RING_MAX];
};

void ring_init(struct ring *ring, size_t cap);
void ring_put(struct ring *ring, const void *bytes, size_t n);
/* The kept bytes in their order into `out` (RING_MAX of room); their number.  Beside one who puts, the oldest
 * may be torn. */
size_t ring_copy(const struct ring *ring, char *out);

#endif
