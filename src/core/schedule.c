#include "core/schedule.h"

#include "base/num.h"

uint64_t schedule_next(uint64_t period_ns, uint64_t births)
{
	if (period_ns == 0)
		return SCHEDULE_STORM_NS; /* what a job starts, it mostly starts at once */
	if (births > 0) {
		uint64_t per_s = births > NUM_NONE / NS_PER_S ? NUM_NONE : births * NS_PER_S / period_ns;
		return per_s >= SCHEDULE_STORM_PER_S ? SCHEDULE_STORM_NS : SCHEDULE_BUSY_NS;
	}
	uint64_t next = period_ns * 2;
	if (next < SCHEDULE_BUSY_NS)
		return SCHEDULE_BUSY_NS;
	return next < SCHEDULE_QUIET_NS ? next : SCHEDULE_QUIET_NS;
}

/* A look costs up to 5 us for each member (its kept files, stat too): ten times that. */
#define MEMBER_NS 50000ULL

uint64_t schedule_count(uint64_t period_ns, uint64_t births, const struct schedule_count *c)
{
	uint64_t next = schedule_next(period_ns, births);

	if (period_ns == 0 || c->pids == 0 || c->at == UINT64_MAX)
		return next;
	if (births == 0 && c->quiet_ns > 2 * SCHEDULE_BUSY_NS)
		return next;
	if ((unsigned __int128)c->pids * c->per_ns <= (unsigned __int128)c->at * c->over_ns)
		return next;
	/* Somewhat more often than they come: no two of one parent between two looks. */
	uint64_t each_ns = c->over_ns / c->pids / 4 * 3;
	uint64_t least_ns = SCHEDULE_COUNT_LEAST_NS;
	if (c->members > least_ns / MEMBER_NS)
		least_ns = c->members < SCHEDULE_QUIET_NS / MEMBER_NS ? c->members * MEMBER_NS
								      : SCHEDULE_QUIET_NS;
	if (each_ns < least_ns)
		each_ns = least_ns;
	return each_ns < next ? each_ns : next;
}

uint64_t schedule_trim(uint64_t period_ns, uint64_t grown, uint64_t max)
{
	if (period_ns == 0)
		return SCHEDULE_STORM_NS;
	uint64_t next = period_ns > SCHEDULE_QUIET_NS / 2 ? SCHEDULE_QUIET_NS : period_ns * 2;
	if (grown > 0) {
		unsigned __int128 fits = (unsigned __int128)period_ns * (max / 2) / grown;
		next = fits < next ? (uint64_t)fits : next;
	}
	return next > SCHEDULE_TRIM_LEAST_NS ? next : SCHEDULE_TRIM_LEAST_NS;
}
