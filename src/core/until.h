/*
 * When something is over, by the words of whoever said so: "resets on Dec 1", "try again in 3h 12m",
 * "2026-12-01T00:00:00Z", "until 3pm".  Pure: the offset of local time is asked of the caller.
 */
#ifndef SG_CORE_UNTIL_H
#define SG_CORE_UNTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum until_kind { UNTIL_NONE, UNTIL_IN, UNTIL_AT, UNTIL_DATE };

struct until {
	enum until_kind kind;
	uint64_t ns;              /* UNTIL_IN: after so long; UNTIL_AT: since 1970 */
	int year;                 /* UNTIL_DATE; 0 = not said: the next one */
	int month, day;           /* 0 = not said: the next such time of day */
	int hour, minute, second; /* 0 where no time is said */
	bool has_zone;
	int offset_s; /* of that zone, east of UTC */
};

/*
 * The next date, time or duration in `text` from *at on, which is set behind
 * it.  A number alone is none of them, unless it can be nothing but seconds or
 * milliseconds since 1970; a duration stands behind "in", "after", "for",
 * "wait" or "retry-after".  False: there is none any more.
 */
bool until_next(const char *text, size_t n, size_t *at, struct until *out);

/* An option's: a date, a time or a duration ("6h") and nothing else. 0, -EINVAL. */
int until_parse(const char *text, size_t n, struct until *out);

/* Local time minus UTC in seconds, at that local time (seconds since 1970 as if it were UTC). */
typedef int64_t until_offset(int64_t local_s);

/* How long from now; 0 = it has passed, or there is no such day.  At most UNTIL_MAX_NS. */
uint64_t until_wait(const struct until *until, uint64_t now_wall_ns, until_offset *offset);
#define UNTIL_MAX_NS (400ULL * 24 * 3600 * 1000000000ULL) /* beyond it is a slip, not a date: passed */

/* The first in `text` that has not passed; 0 = none has not. */
uint64_t until_find(const char *text, size_t n, uint64_t now_wall_ns, until_offset *offset);

#endif
