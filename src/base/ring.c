#include "base/ring.h"

#include <string.h>

void ring_init(struct ring *ring, size_t cap)
{
	ring->total = 0;
	ring->cap = (uint32_t)(cap < RING_MAX ? cap : RING_MAX);
}

void ring_put(struct ring *ring, const void *bytes, size_t n)
{
	const char *from = bytes;
	uint64_t total = ring->total + n;
	size_t cap = ring->cap;

	if (n > cap) {
		from += n - cap;
		n = cap;
	}
	if (cap == 0)
		return;
	size_t start = (size_t)((total - n) % cap), first = cap - start < n ? cap - start : n;
	memcpy(ring->at + start, from, first);
	memcpy(ring->at, from + first, n - first);
	/* After the bytes: whoever looks meanwhile finds what the number promises. */
	__atomic_store_n(&ring->total, total, __ATOMIC_RELEASE);
}

size_t ring_copy(const struct ring *ring, char *out)
{
	uint64_t total = __atomic_load_n(&ring->total, __ATOMIC_ACQUIRE);
	size_t cap = ring->cap <= RING_MAX ? ring->cap : RING_MAX;

	if (total <= cap) {
		memcpy(out, ring->at, (size_t)total);
		return (size_t)total;
	}
	size_t start = (size_t)(total % cap);
	memcpy(out, ring->at + start, cap - start);
	memcpy(out + cap - start, ring->at, start);
	return cap;
}
