/* A date as a person types it. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/num.h"
#include "cmd/breaker.h"

/* clang-format off */
static const struct {
	const char *form;
	bool is_today; /* of the day of the other clock */
} forms[] = {
	{ "%Y-%m-%dT%H:%M:%S", false }, /* the longest first */
	{ "%Y-%m-%d %H:%M:%S", false },
	{ "%Y-%m-%dT%H:%M",    false },
	{ "%Y-%m-%d %H:%M",    false },
	{ "%Y-%m-%d",          false },
	{ "%H:%M",             true },
};
/* clang-format on */

/* "Z", "+02:00", "-0330", "": what is to be taken off to get to UTC. */
static bool parse_zone(const char *text, bool *out_is_given, long *out_offset_s)
{
	unsigned digit[4] = { 0 }, count = 0;

	*out_is_given = text[0] != '\0';
	*out_offset_s = 0;
	if (text[0] == '\0' || strcmp(text, "Z") == 0)
		return true;
	if (text[0] != '+' && text[0] != '-')
		return false;
	for (const char *at = text + 1; *at; at++) {
		if (*at == ':' && count == 2)
			continue;
		if (*at < '0' || *at > '9' || count == COUNT_OF(digit))
			return false;
		digit[count++] = (unsigned)(*at - '0');
	}
	unsigned hours = digit[0] * 10 + digit[1], minutes = digit[2] * 10 + digit[3];
	if ((count != 2 && count != 4) || hours > 14 || minutes > 59)
		return false;
	*out_offset_s = (long)(hours * 3600 + minutes * 60) * (text[0] == '-' ? -1 : 1);
	return true;
}

/* What does not exist is moved on by the C library: the 31st of June is none. */
static bool is_same_day(const struct tm *asked, const struct tm *made)
{
	return asked->tm_year == made->tm_year && asked->tm_mon == made->tm_mon &&
	       asked->tm_mday == made->tm_mday;
}

int breaker_date_parse(const char *text, uint64_t now_wall_ns, uint64_t *out_wall_ns)
{
	time_t now = (time_t)(now_wall_ns / NS_PER_S);
	bool is_given;
	long offset_s;

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		struct tm asked = { 0 };
		if (forms[i].is_today)
			(void)localtime_r(&now, &asked);
		asked.tm_sec = 0;
		const char *rest = strptime(text, forms[i].form, &asked);
		if (!rest || !parse_zone(rest, &is_given, &offset_s) || (is_given && forms[i].is_today))
			continue;
		asked.tm_isdst = -1;
		struct tm made = asked;
		time_t at = is_given ? timegm(&made) : mktime(&made);
		if (forms[i].is_today && at <= now) { /* the next one is tomorrow's */
			made = asked;
			made.tm_mday++;
			at = mktime(&made);
		} else if (!is_same_day(&asked, &made)) {
			return -EINVAL;
		}
		at -= offset_s;
		if (at <= 0)
			return -EINVAL;
		*out_wall_ns = (uint64_t)at * NS_PER_S;
		return 0;
	}
	return -EINVAL;
}
