/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/utc.h"

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t wall_s;
	uint64_t ns;
	const char *text;
} rows[] = {
	{ "the beginning",                     0,           0,         "1970-01-01T00:00:00.000Z" },
	{ "below a millisecond is dropped",    0,           999999,    "1970-01-01T00:00:00.000Z" },
	{ "a millisecond",                     0,           1000000,   "1970-01-01T00:00:00.001Z" },
	{ "the last millisecond of a second",  59,          999999999, "1970-01-01T00:00:59.999Z" },
	{ "the last second of a day",          86399,       0,         "1970-01-01T23:59:59.000Z" },
	{ "the second day",                    86400,       0,         "1970-01-02T00:00:00.000Z" },
	{ "the end of February, no leap year", 5097599,     0,         "1970-02-28T23:59:59.000Z" },
	{ "March, no leap year",               5097600,     0,         "1970-03-01T00:00:00.000Z" },
	{ "the last day of a year",            31535999,    0,         "1970-12-31T23:59:59.000Z" },
	{ "the example of the header",         1795252651,  42000000,  "2026-11-21T09:17:31.042Z" },
	{ "2000 is a leap year",               951782400,   0,         "2000-02-29T00:00:00.000Z" },
	{ "2024 is a leap year",               1709251199,  0,         "2024-02-29T23:59:59.000Z" },
	{ "31 bits",                           2147483647,  0,         "2038-01-19T03:14:07.000Z" },
	{ "one second later",                  2147483648,  0,         "2038-01-19T03:14:08.000Z" },
	{ "2100 is no leap year",              4107542400,  0,         "2100-03-01T00:00:00.000Z" },
	{ "2400 is a leap year",               13574563200, 0,         "2400-02-29T00:00:00.000Z" },
	{ "the last nanosecond",               18446744073, 709551615, "2554-07-21T23:34:33.709Z" },
};
/* clang-format on */

static void writes_every_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(text, 32);
		utc_format(&text, rows[i].wall_s * NS_PER_S + rows[i].ns);
		if (strcmp(text.at, rows[i].text) != 0)
			fail_msg("%s: %s", rows[i].rule, text.at);
	}
}

/* Its own opposite; as history is read. */
static void reads_what_it_wrote(void **state)
{
	(void)state;
	uint64_t back;
	for (uint64_t day = 0; day < 213000; day++) {
		uint64_t wall_ns = day * 86400 * NS_PER_S + day % 86400 * NS_PER_S + day % 1000 * NS_PER_MS;
		BUF(text, 32);
		utc_format(&text, wall_ns);
		assert_int_equal(utc_parse(text.at, text.len, &back), 0);
		if (back != wall_ns)
			fail_msg("%s", text.at);
	}
}

static void refuses_what_it_never_writes(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"2026-11-21T09:17:31.042",
		"2026-11-21T09:17:31.042Zx",
		"2026-11-21 09:17:31.042Z",
		"2026-1a-21T09:17:31.042Z",
		"2026-00-21T09:17:31.042Z",
		"2026-13-21T09:17:31.042Z",
		"2026-11-00T09:17:31.042Z",
		"2026-11-31T09:17:31.042Z",
		"2026-02-29T09:17:31.042Z",
		"2026-11-21T24:17:31.042Z",
		"2026-11-21T09:60:31.042Z",
		"2026-11-21T09:17:60.042Z",
		"1969-11-21T09:17:31.042Z",
		"2554-01-01T00:00:00.000Z",
	};
	uint64_t wall_ns = 7;
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (utc_parse(wrong[i], strlen(wrong[i]), &wall_ns) != -EINVAL || wall_ns != 7)
			fail_msg("%s", wrong[i]);
}

static unsigned days_in(int year, unsigned month)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && is_leap);
}

/* Every day there is, against a calendar that only counts up. */
static void agrees_with_a_calendar_on_every_day(void **state)
{
	(void)state;
	struct utc want = { .year = 1970, .month = 1, .day = 1 };
	for (uint64_t day = 0; day < UINT64_MAX / NS_PER_S / 86400; day++) {
		struct utc got = utc_from_wall(day * 86400 * NS_PER_S);
		if (got.year != want.year || got.month != want.month || got.day != want.day)
			fail_msg("day %llu: %d-%u-%u", (unsigned long long)day, got.year, got.month, got.day);
		if (++want.day > days_in(want.year, want.month)) {
			want.day = 1;
			want.month = want.month % 12 + 1;
			want.year += want.month == 1;
		}
	}
}

static void agrees_with_a_clock_on_every_second_of_a_day(void **state)
{
	(void)state;
	for (unsigned second = 0; second < 86400; second++) {
		struct utc got = utc_from_wall(second * NS_PER_S + 7 * NS_PER_MS);
		assert_int_equal(got.hour * 3600 + got.minute * 60 + got.second, second);
		assert_true(got.hour < 24 && got.minute < 60 && got.second < 60);
		assert_int_equal(got.milli, 7);
		assert_int_equal(got.day, 1);
	}
}

/* So that history can be searched by time as text. */
static void later_is_greater_as_text(void **state)
{
	(void)state;
	char last[32] = "";
	for (uint64_t s = 0; s < UINT64_MAX / NS_PER_S - 10000019; s += 10000019) {
		BUF(text, 32);
		utc_format(&text, s * NS_PER_S);
		assert_true(strcmp(last, text.at) < 0);
		assert_int_equal(text.len, 24);
		memcpy(last, text.at, text.len + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_every_row),
		cmocka_unit_test(reads_what_it_wrote),
		cmocka_unit_test(refuses_what_it_never_writes),
		cmocka_unit_test(agrees_with_a_calendar_on_every_day),
		cmocka_unit_test(agrees_with_a_clock_on_every_second_of_a_day),
		cmocka_unit_test(later_is_greater_as_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
