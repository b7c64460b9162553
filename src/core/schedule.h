/* When to look at the tree again: often while things are born, seldom while nothing happens.  Pure. */
#ifndef SG_CORE_SCHEDULE_H
#define SG_CORE_SCHEDULE_H

#include <stdint.h>

#define SCHEDULE_STORM_NS    (10ULL * 1000000)
#define SCHEDULE_BUSY_NS     (50ULL * 1000000)
#define SCHEDULE_QUIET_NS    (1000ULL * 1000000)
#define SCHEDULE_STORM_PER_S 200 /* births per second that are a storm */

/*
 * The next period after one of `period_ns` that saw `births`: 10 ms at the
 * start (`period_ns` 0) and in a storm, 50 ms while anything is born, then doubling up to 1 s.
 */
uint64_t schedule_next(uint64_t period_ns, uint64_t births);

/*
 * The same where births are to be counted by looks: the least of that and, if
 * the machine gives out PIDs faster than `at` within `per_ns`, of which ours may
 * be all: one look for each, 1 ms at least, and no more than a tenth of a
 * processor for so many `members`.  `pids`: given out within the last `over_ns`;
 * `quiet_ns`: since a birth of ours was last seen; two busy periods without one
 * tell that those are not ours.
 */
#define SCHEDULE_COUNT_LEAST_NS (1ULL * 1000000)
struct schedule_count {
	uint64_t at, per_ns; /* UINT64_MAX = no rate is asked for */
	uint64_t pids, over_ns;
	uint64_t quiet_ns;
	uint64_t members;
};
uint64_t schedule_count(uint64_t period_ns, uint64_t births, const struct schedule_count *count);

/*
 * The same for a file that keeps its last `max` bytes: the next period after
 * one of `period_ns` in which it has grown by `grown`; so that it grows by
 * half of `max` in the next one at most, if it goes on like that.  10 ms at
 * the start, 1 ms at least.
 */
#define SCHEDULE_TRIM_LEAST_NS (1ULL * 1000000)
uint64_t schedule_trim(uint64_t period_ns, uint64_t grown, uint64_t max);

#endif
