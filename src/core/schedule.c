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
