/* Wall time as people read it, in UTC, without the C library's time zone state. */
#ifndef SG_BASE_UTC_H
#define SG_BASE_UTC_H

#include <stddef.h>
#include <stdint.h>

struct buf;

struct utc {
	int year;            /* 1970 and later */
	unsigned month, day; /* 1..12, 1..31 */
	unsigned hour, minute, second, milli;
};

/* `wall_ns`: nanoseconds since 1970-01-01 UTC. */
struct utc utc_from_wall(uint64_t wall_ns);
/* 2026-11-21T09:17:31.042Z */
void utc_format(struct buf *out, uint64_t wall_ns);
/* The way back, of exactly that form (n bytes), 1970 to 2553. 0, -EINVAL. */
int utc_parse(const char *text, size_t n, uint64_t *out_wall_ns);

#endif
