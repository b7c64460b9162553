#include "core/until.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"

#define DAY_S       86400
#define JUST_PASSED (31LL * DAY_S) /* a date without its year that is so near behind us has passed */
#define EPOCH_MIN_S 1500000000ULL  /* 2017: what counts from 1970 is not below */
#define EPOCH_MAX_S 9999999999ULL
#define WORD_MAX    16

struct reader {
	const char *at, *end;
};

/* --- pieces: each takes what it knows, or leaves the reader where it was ----------------------------------
 */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_at(const struct reader *r, char c)
{
	return r->at < r->end && *r->at == c;
}

static bool take(struct reader *r, char c)
{
	if (!is_at(r, c))
		return false;
	r->at++;
	return true;
}

static void take_all(struct reader *r, const char *set)
{
	while (r->at < r->end && *r->at != '\0' && strchr(set, *r->at))
		r->at++;
}

/* `least` to `most` digits, and no digit behind them. */
static bool take_number(struct reader *r, int least, int most, int *out)
{
	const char *at = r->at;
	int value = 0;

	while (at < r->end && is_digit(*at) && at - r->at < most)
		value = value * 10 + (*at++ - '0');
	if (at - r->at < least || (at < r->end && is_digit(*at)))
		return false;
	r->at = at;
	*out = value;
	return true;
}

/* A word in lower case; its length, 0 = none, or too long. */
static size_t take_word(struct reader *r, char word[WORD_MAX])
{
	const char *at = r->at;
	size_t n = 0;

	for (; at < r->end && is_letter(*at) && n < WORD_MAX - 1; at++, n++)
		word[n] = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
	word[n] = '\0';
	if (at < r->end && is_letter(*at))
		return 0;
	r->at = at;
	return n;
}

static bool take_this(struct reader *r, const char *expected)
{
	struct reader ahead = *r;
	char word[WORD_MAX];

	if (take_word(&ahead, word) == 0 || strcmp(word, expected) != 0)
		return false;
	*r = ahead;
	return true;
}

/* jan .. december; 0 = none */
static int take_month(struct reader *r)
{
	static const char *const names[] = { "january",   "february", "march",    "april",
					     "may",       "june",     "july",     "august",
					     "september", "october",  "november", "december" };
	struct reader ahead = *r;
	char word[WORD_MAX];
	size_t n = take_word(&ahead, word);

	for (int i = 0; n >= 3 && i < 12; i++) {
		bool is_short = n == 3 || (n == 4 && i == 8); /* sept */
		if (strcmp(word, names[i]) != 0 && !(is_short && strncmp(word, names[i], n) == 0))
			continue;
		*r = ahead;
		take_all(r, ".");
		return i + 1;
	}
	return 0;
}

static const struct {
	const char *name;
	int hours;
} zones[] = {
	{ "z", 0 },    { "utc", 0 },  { "gmt", 0 },  { "cet", 1 },  { "cest", 2 },
	{ "est", -5 }, { "edt", -4 }, { "cst", -6 }, { "cdt", -5 }, { "mst", -7 },
	{ "mdt", -6 }, { "pst", -8 }, { "pdt", -7 }, { "bst", 1 },  { "jst", 9 },
};

static void take_zone(struct reader *r, struct until *out)
{
	struct reader ahead = *r;
	char word[WORD_MAX];
	int hours, minutes = 0;

	take_all(&ahead, " (");
	bool is_east = is_at(&ahead, '+');
	if ((is_east || is_at(&ahead, '-')) && ahead.at++ < ahead.end) {
		if (take_number(&ahead, 4, 4, &hours)) {
			minutes = hours % 100;
			hours /= 100;
		} else if (!take_number(&ahead, 2, 2, &hours) ||
			   (take(&ahead, ':') && !take_number(&ahead, 2, 2, &minutes))) {
			return;
		}
		if (hours > 14 || minutes > 59)
			return;
		out->has_zone = true;
		out->offset_s = (hours * 3600 + minutes * 60) * (is_east ? 1 : -1);
		*r = ahead;
		return;
	}
	if (take_word(&ahead, word) == 0)
		return;
	for (size_t i = 0; i < COUNT_OF(zones); i++)
		if (strcmp(word, zones[i].name) == 0) {
			out->has_zone = true;
			out->offset_s = zones[i].hours * 3600;
			take_all(&ahead, ")");
			*r = ahead;
		}
}

/* "pm", "p.m." */
static bool take_half(struct reader *r, const char *word, char letter)
{
	struct reader ahead = *r;

	take_all(&ahead, " ");
	bool is_it = take_this(&ahead, word) ||
		     ((take(&ahead, letter) || take(&ahead, (char)(letter - 'a' + 'A'))) &&
		      take(&ahead, '.') && take_this(&ahead, "m") && take(&ahead, '.'));
	if (is_it)
		*r = ahead;
	return is_it;
}

/* 14:30, 14:30:05.123, 3pm, 3:30 p.m. */
static bool take_time(struct reader *r, struct until *out)
{
	struct reader ahead = *r;
	int hour, minute = 0, second = 0;

	if (!take_number(&ahead, 1, 2, &hour))
		return false;
	bool has_minute = is_at(&ahead, ':');
	if (has_minute && (!take(&ahead, ':') || !take_number(&ahead, 2, 2, &minute)))
		return false;
	if (has_minute && is_at(&ahead, ':')) {
		ahead.at++;
		if (!take_number(&ahead, 2, 2, &second))
			return false;
		if (is_at(&ahead, '.')) {
			ahead.at++;
			take_all(&ahead, "0123456789");
		}
	}
	bool is_pm = take_half(&ahead, "pm", 'p'), is_am = !is_pm && take_half(&ahead, "am", 'a');
	if (is_pm || is_am) {
		if (hour < 1 || hour > 12)
			return false;
		hour = hour % 12 + (is_pm ? 12 : 0);
	} else if (!has_minute) {
		return false;
	}
	if (hour > 24 || minute > 59 || second > 60)
		return false;
	out->hour = hour;
	out->minute = minute;
	out->second = second;
	take_zone(&ahead, out);
	*r = ahead;
	return true;
}

/* ", 14:30", "T14:30", " at 3pm (UTC)": behind a date */
static void take_time_after(struct reader *r, struct until *out)
{
	struct reader ahead = *r;

	if (!take(&ahead, 'T') && !take(&ahead, 't')) {
		take_all(&ahead, " ,");
		(void)take_this(&ahead, "at");
		take_all(&ahead, " ");
		if (ahead.at == r->at)
			return;
	}
	if (take_time(&ahead, out))
		*r = ahead;
	else
		take_zone(r, out);
}

/* --- what it can be ------------------------------------------------------------------------------------- */

static bool is_day(int month, int day)
{
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* 2026-12-01, 2026/12/1, 1.12.2026 */
static bool take_figures(struct reader *r, struct until *out)
{
	struct reader ahead = *r;
	int first, second, third;

	if (take_number(&ahead, 4, 4, &first)) {
		char between = is_at(&ahead, '-') ? '-' : '/';
		if (!take(&ahead, between) || !take_number(&ahead, 1, 2, &second) || !take(&ahead, between) ||
		    !take_number(&ahead, 1, 2, &third))
			return false;
	} else if (!take_number(&ahead, 1, 2, &third) || !take(&ahead, '.') ||
		   !take_number(&ahead, 1, 2, &second) || !take(&ahead, '.') ||
		   !take_number(&ahead, 4, 4, &first)) {
		return false;
	}
	if (!is_day(second, third))
		return false;
	*out = (struct until){ .kind = UNTIL_DATE, .year = first, .month = second, .day = third };
	*r = ahead;
	take_time_after(r, out);
	return true;
}

static bool take_day(struct reader *r, int *out)
{
	static const char *const endings[] = { "st", "nd", "rd", "th" };

	if (!take_number(r, 1, 2, out))
		return false;
	for (size_t i = 0; i < COUNT_OF(endings); i++)
		(void)take_this(r, endings[i]);
	take_all(r, ".");
	return true;
}

/* Dec 1, December 1st, 2026 at 3pm; 1 Dec 2026 */
static bool take_named(struct reader *r, struct until *out)
{
	struct reader ahead = *r, after;
	int month, day, year = 0;

	month = take_month(&ahead);
	if (month > 0) {
		take_all(&ahead, " ");
		if (!take_day(&ahead, &day))
			return false;
	} else {
		if (!take_day(&ahead, &day))
			return false;
		take_all(&ahead, " -");
		if (take_this(&ahead, "of"))
			take_all(&ahead, " ");
		month = take_month(&ahead);
	}
	if (!is_day(month, day))
		return false;
	after = ahead;
	take_all(&after, " ,-");
	if (after.at > ahead.at && take_number(&after, 4, 4, &year))
		ahead = after;
	*out = (struct until){ .kind = UNTIL_DATE, .year = year, .month = month, .day = day };
	*r = ahead;
	take_time_after(r, out);
	return true;
}

/* 1764547200, 1764547200000 */
static bool take_epoch(struct reader *r, struct until *out)
{
	uint64_t value = 0;
	const char *at = r->at;

	while (at < r->end && is_digit(*at) && at - r->at < 14)
		value = value * 10 + (uint64_t)(*at++ - '0');
	long digits = at - r->at;
	if ((digits != 10 && digits != 13) || (at < r->end && is_letter(*at)))
		return false;
	uint64_t s = digits == 13 ? value / 1000 : value;
	if (s < EPOCH_MIN_S || s > EPOCH_MAX_S)
		return false;
	*out = (struct until){ .kind = UNTIL_AT, .ns = s * NS_PER_S };
	r->at = at;
	return true;
}

/* Nanoseconds of a unit; 0 = none. */
static uint64_t unit_ns(const char *word)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ms", NS_PER_MS },           { "s", NS_PER_S },
		{ "sec", NS_PER_S },           { "second", NS_PER_S },
		{ "m", 60 * NS_PER_S },        { "min", 60 * NS_PER_S },
		{ "minute", 60 * NS_PER_S },   { "h", 3600 * NS_PER_S },
		{ "hr", 3600 * NS_PER_S },     { "hour", 3600 * NS_PER_S },
		{ "d", DAY_S * NS_PER_S },     { "day", DAY_S * NS_PER_S },
		{ "w", 7 * DAY_S * NS_PER_S }, { "week", 7 * DAY_S * NS_PER_S },
	};
	size_t n = strlen(word);

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		size_t m = strlen(units[i].name);
		if (strncmp(word, units[i].name, m) == 0 &&
		    (n == m || (n == m + 1 && word[m] == 's' && m > 1)))
			return units[i].ns;
	}
	return 0;
}

/* 3h12m, 3 hours, 12 minutes and 5 seconds, 1.5h; `bare`: a number alone is seconds */
static bool take_duration(struct reader *r, bool bare, struct until *out)
{
	struct reader ahead = *r;
	char word[WORD_MAX];
	uint64_t sum_ns = 0;
	bool has_any = false;
	int value, tenths;

	for (;;) {
		struct reader part = ahead;
		take_all(&part, " ,");
		if (has_any && take_this(&part, "and"))
			take_all(&part, " ");
		if (!take_number(&part, 1, 7, &value))
			break;
		struct reader fraction = part;
		if (take(&fraction, '.') && take_number(&fraction, 1, 1, &tenths))
			part = fraction;
		else
			tenths = 0;
		take_all(&part, " ");
		uint64_t ns = take_word(&part, word) > 0 ? unit_ns(word) : 0;
		if (ns == 0)
			break;
		sum_ns += (uint64_t)value * ns + (uint64_t)tenths * (ns / 10);
		has_any = true;
		ahead = part;
	}
	if (!has_any && bare && take_number(&ahead, 1, 7, &value)) {
		sum_ns = (uint64_t)value * (uint64_t)NS_PER_S;
		has_any = true;
	}
	if (!has_any || sum_ns == 0)
		return false;
	*out = (struct until){ .kind = UNTIL_IN, .ns = sum_ns };
	*r = ahead;
	return true;
}

/* "in 5 hours", "Retry-After: 120", "wait 20s" */
static bool take_wait(struct reader *r, struct until *out)
{
	static const char *const words[] = { "in", "for", "wait", "after", "within" };
	struct reader ahead = *r;
	char word[WORD_MAX];
	bool is_known = false;

	if (take_word(&ahead, word) == 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		is_known = is_known || strcmp(word, words[i]) == 0;
	bool is_header = strcmp(word, "after") == 0 && is_at(&ahead, ':');
	if (is_header)
		ahead.at++;
	take_all(&ahead, " ~");
	if (!is_known || !take_duration(&ahead, is_header, out))
		return false;
	*r = ahead;
	return true;
}

static bool take_any(struct reader *r, struct until *out)
{
	if (take_figures(r, out) || take_named(r, out) || take_epoch(r, out) || take_wait(r, out))
		return true;
	*out = (struct until){ .kind = UNTIL_DATE };
	return take_time(r, out);
}

bool until_next(const char *text, size_t n, size_t *at, struct until *out)
{
	struct reader r = { text + *at, text + n };

	while (r.at < r.end) {
		bool is_start = r.at == text || (!is_digit(r.at[-1]) && !is_letter(r.at[-1]));
		if (is_start && take_any(&r, out)) {
			*at = (size_t)(r.at - text);
			return true;
		}
		r.at++;
	}
	*at = n;
	return false;
}

int until_parse(const char *text, size_t n, struct until *out)
{
	struct reader r = { text, text + n };
	struct until until;

	if (!take_figures(&r, &until) && !take_named(&r, &until)) {
		until = (struct until){ .kind = UNTIL_DATE };
		if (!take_time(&r, &until) && !take_duration(&r, false, &until))
			return -EINVAL;
	}
	if (r.at != r.end)
		return -EINVAL;
	*out = until;
	return 0;
}

/* --- when that is --------------------------------------------------------------------------------------- */

static bool is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01 of the Gregorian calendar. */
static int64_t days_until(int year, int month, int day)
{
	int64_t days = day - 1;

	for (int y = 1970; y < year; y++)
		days += is_leap(y) ? 366 : 365;
	for (int m = 1; m < month; m++)
		days += days_of(year, m);
	return days;
}

static int year_of(int64_t local_s)
{
	int year = 1970;

	while (year < 9999 && days_until(year + 1, 1, 1) * DAY_S <= local_s)
		year++;
	return year;
}

static int64_t offset_of(const struct until *u, int64_t local_s, until_offset *offset)
{
	return u->has_zone ? u->offset_s : offset(local_s);
}

/* As seconds since 1970, UTC; -1: there is no such day. */
static int64_t seconds_of(const struct until *u, int64_t days, until_offset *offset)
{
	int64_t local_s = days * DAY_S + u->hour * 3600 + u->minute * 60 + u->second;

	return local_s - offset_of(u, local_s, offset);
}

static int64_t day_of_year(const struct until *u, int year, until_offset *offset)
{
	if (year < 1970 || year > 9998 || u->day > days_of(year, u->month))
		return -1;
	return seconds_of(u, days_until(year, u->month, u->day), offset);
}

static int64_t next_date(const struct until *u, int64_t now_s, until_offset *offset)
{
	int64_t local_s = now_s + offset_of(u, now_s, offset);

	if (u->month == 0) {
		int64_t at = seconds_of(u, local_s / DAY_S, offset);
		return at > now_s ? at : seconds_of(u, local_s / DAY_S + 1, offset);
	}
	if (u->year != 0)
		return day_of_year(u, u->year, offset);
	int64_t at = day_of_year(u, year_of(local_s), offset);
	if (at > now_s || (at >= 0 && now_s - at < JUST_PASSED))
		return at;
	return day_of_year(u, year_of(local_s) + 1, offset);
}

uint64_t until_wait(const struct until *u, uint64_t now_wall_ns, until_offset *offset)
{
	uint64_t at_ns = u->ns;

	if (u->kind == UNTIL_IN)
		return u->ns <= UNTIL_MAX_NS ? u->ns : 0;
	if (u->kind == UNTIL_DATE) {
		int64_t at_s = next_date(u, (int64_t)(now_wall_ns / NS_PER_S), offset);
		if (at_s < 0 || (uint64_t)at_s > EPOCH_MAX_S)
			return 0;
		at_ns = (uint64_t)at_s * NS_PER_S;
	}
	if (u->kind == UNTIL_NONE || at_ns <= now_wall_ns || at_ns - now_wall_ns > UNTIL_MAX_NS)
		return 0;
	return at_ns - now_wall_ns;
}

uint64_t until_find(const char *text, size_t n, uint64_t now_wall_ns, until_offset *offset)
{
	struct until until;
	size_t at = 0;

	while (until_next(text, n, &at, &until)) {
		uint64_t wait_ns = until_wait(&until, now_wall_ns, offset);
		if (wait_ns > 0)
			return wait_ns;
	}
	return 0;
}
