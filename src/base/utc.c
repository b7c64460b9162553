#include "base/utc.h"

#include <errno.h>
#include <stdbool.h>

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

static unsigned days_in(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && is_leap ? 1U : 0U);
}

static uint64_t days_since_1970(unsigned year, unsigned month, unsigned day)
{
	unsigned march_month = month > 2 ? month - 3 : month + 9;
	unsigned march_year = month > 2 ? year : year - 1;
	return 365ULL * march_year + march_year / 4 - march_year / 100 + march_year / 400 +
	       (153 * march_month + 2) / 5 + day - 1 - DAYS_BEFORE_1970;
}

int utc_parse(const char *text, size_t n, uint64_t *out_wall_ns)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	unsigned field[7] = { 0 }; /* year, month, day, hour, minute, second, millisecond */
	unsigned at = 0;

	if (n != sizeof(form) - 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		bool is_digit = text[i] >= '0' && text[i] <= '9';
		if (form[i] == '0' ? !is_digit : text[i] != form[i])
			return -EINVAL;
		if (is_digit)
			field[at] = field[at] * 10 + (unsigned)(text[i] - '0');
		else
			at++;
	}
	if (field[0] < 1970 || field[0] > 2553 || field[1] < 1 || field[1] > 12 || field[2] < 1 ||
	    field[2] > days_in(field[0], field[1]) || field[3] > 23 || field[4] > 59 || field[5] > 59)
		return -EINVAL;
	uint64_t seconds = days_since_1970(field[0], field[1], field[2]) * 86400 + field[3] * 3600U +
			   field[4] * 60U + field[5];
	*out_wall_ns = (seconds * 1000 + field[6]) * NS_PER_MILLI;
	return 0;
}
