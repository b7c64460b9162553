#include "base/utc.h"

#include "base/buf.h"

#define NS_PER_MILLI     1000000U
#define MS_PER_DAY       86400000U
#define DAYS_PER_ERA     146097U /* 400 years: the calendar repeats */
#define DAYS_BEFORE_1970 719468U /* since 0000-03-01 */

/*
 * Years are counted from March, so that the leap day is the last one of its
 * year: Howard Hinnant, "chrono-compatible low-level date algorithms".
 */
static void date_from_days(uint32_t days_since_1970, struct utc *out)
{
	uint32_t days = days_since_1970 + DAYS_BEFORE_1970;
	uint32_t era = days / DAYS_PER_ERA;
	uint32_t day_of_era = days % DAYS_PER_ERA;
	uint32_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint32_t march_month = (5 * day_of_year + 2) / 153; /* 0 = March: 153 days in five months */

	out->day = day_of_year - (153 * march_month + 2) / 5 + 1;
	out->month = march_month < 10 ? march_month + 3 : march_month - 9;
	out->year = (int)(era * 400 + year_of_era + (out->month <= 2 ? 1 : 0));
}

struct utc utc_from_wall(uint64_t wall_ns)
{
	struct utc utc;
	uint64_t wall_ms = wall_ns / NS_PER_MILLI;
	uint32_t ms_of_day = (uint32_t)(wall_ms % MS_PER_DAY);

	date_from_days((uint32_t)(wall_ms / MS_PER_DAY), &utc);
	utc.milli = ms_of_day % 1000;
	utc.second = ms_of_day / 1000 % 60;
	utc.minute = ms_of_day / 60000 % 60;
	utc.hour = ms_of_day / 3600000;
	return utc;
}

void utc_format(struct buf *out, uint64_t wall_ns)
{
	struct utc utc = utc_from_wall(wall_ns);
	buf_pad(out, (unsigned)utc.year, 4);
	buf_char(out, '-');
	buf_pad(out, utc.month, 2);
	buf_char(out, '-');
	buf_pad(out, utc.day, 2);
	buf_char(out, 'T');
	buf_pad(out, utc.hour, 2);
	buf_char(out, ':');
	buf_pad(out, utc.minute, 2);
	buf_char(out, ':');
	buf_pad(out, utc.second, 2);
	buf_char(out, '.');
	buf_pad(out, utc.milli, 3);
	buf_char(out, 'Z');
}
