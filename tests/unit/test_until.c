/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/utc.h"
#include "core/until.h"

/* Sunday, 2026-11-22 02:39:17 UTC */
#define NOW_NS (1795315157ULL * NS_PER_S)

/* Two hours ahead of UTC in summer, one in winter; the hours of the change are not asked for. */
static int64_t local_offset(int64_t local_s)
{
	struct utc t = utc_from_wall((uint64_t)local_s * NS_PER_S);
	return t.month > 3 && t.month < 11 ? 7200 : 3600;
}

/* clang-format off */
static const struct {
	const char *rule, *text, *until; /* "" = none */
} rows[] = {
	{ "nothing",                             "quota exceeded",                              "" },
	{ "numbers are no dates",                "HTTP 429: 5000 of 5000 requests, id 12345678", "" },
	{ "no beginning within a word",          "host in-domain 5 minutes",                    "" },
	{ "a date: 00:00, local",                "resets on 2026-12-01",                        "2026-11-30T23:00:00.000Z" },
	{ "with slashes",                        "resets on 2026/12/1.",                        "2026-11-30T23:00:00.000Z" },
	{ "with points",                         "wieder ab 1.12.2026",                         "2026-11-30T23:00:00.000Z" },
	{ "in summer",                           "2027-07-01",                                  "2027-06-30T22:00:00.000Z" },
	{ "with a time",                         "2026-12-01 14:30",                            "2026-12-01T13:30:00.000Z" },
	{ "with a zone",                         "2026-12-01T14:30:05Z",                        "2026-12-01T14:30:05.000Z" },
	{ "with a fraction",                     "2026-12-01T14:30:05.250+02:00",               "2026-12-01T12:30:05.000Z" },
	{ "with an offset",                      "2026-12-01 14:30:05 -0500",                   "2026-12-01T19:30:05.000Z" },
	{ "a zone by name",                      "2026-12-01 14:30 (UTC)",                      "2026-12-01T14:30:00.000Z" },
	{ "a zone of a day",                     "2026-12-01 UTC",                              "2026-12-01T00:00:00.000Z" },
	{ "a name of a month",                   "Your quota resets on Dec 1",                  "2026-11-30T23:00:00.000Z" },
	{ "in full, with a year",                "until December 1st, 2026 at 3pm UTC.",        "2026-12-01T15:00:00.000Z" },
	{ "the day first",                       "reset: 1 Dec 2026 00:00:00 GMT",              "2026-12-01T00:00:00.000Z" },
	{ "as HTTP has it",                      "Tue, 01 Dec 2026 08:00:00 GMT",               "2026-12-01T08:00:00.000Z" },
	{ "the next year",                       "until Jan 15",                                "2027-01-14T23:00:00.000Z" },
	{ "just passed",                         "since Nov 20",                                "" },
	{ "has passed",                          "2026-11-22 02:39:17 UTC",                     "" },
	{ "the first that has not",              "2026-11-22 03:39:01,118 ERROR quota: resets at 2026-12-01T00:00:00Z", "2026-12-01T00:00:00.000Z" },
	{ "no such day",                         "2026-11-31",                                  "" },
	{ "a leap day",                          "2028-02-29 UTC",                              "" }, /* too far away */
	{ "a slip",                              "2126-11-30",                                  "" },
	{ "a time of today",                     "try again at 05:00",                          "2026-11-22T04:00:00.000Z" },
	{ "of tomorrow",                         "try again at 03:00",                          "2026-11-23T02:00:00.000Z" },
	{ "as clocks have it",                   "resets 3pm",                                  "2026-11-22T14:00:00.000Z" },
	{ "twelve",                              "resets 12 a.m. (UTC)",                        "2026-11-23T00:00:00.000Z" },
	{ "seconds since 1970",                  "usage limit reached|1795996800",              "2026-11-30T00:00:00.000Z" },
	{ "milliseconds",                        "reset=1795996800000",                         "2026-11-30T00:00:00.000Z" },
	{ "a duration",                          "try again in 3h12m",                          "2026-11-22T05:51:17.000Z" },
	{ "in words",                            "in 1 hour, 2 minutes and 3 seconds",          "2026-11-22T03:41:20.000Z" },
	{ "a fraction",                          "Please wait 1.5s",                            "2026-11-22T02:39:18.500Z" },
	{ "a header",                            "Retry-After: 120",                            "2026-11-22T02:41:17.000Z" },
	{ "not without its word",                "took 3h12m",                                  "" },
};
/* clang-format on */

static void what_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(out, 40);
		uint64_t wait_ns = until_find(rows[i].text, strlen(rows[i].text), NOW_NS, local_offset);
		if (wait_ns > 0)
			utc_format(&out, NOW_NS + wait_ns);
		if (strcmp(out.at, rows[i].until) != 0)
			fail_msg("%s: \"%s\" is \"%s\", not \"%s\"", rows[i].rule, rows[i].text, out.at,
				 rows[i].until);
	}
}

static void an_option_is_nothing_else(void **state)
{
	static const char *const right[] = {
		"2026-12-01", "2026-12-01T14:00Z", "Dec 1", "14:30", "6h", "1h30m", "3pm"
	};
	static const char *const wrong[] = { "",           "x",    "6",    "2026-12-01 x",
					     "2026-13-01", "6h x", "soon", "1795996800" };
	struct until until;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(right); i++)
		assert_int_equal(until_parse(right[i], strlen(right[i]), &until), 0);
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		if (until_parse(wrong[i], strlen(wrong[i]), &until) == 0)
			fail_msg("\"%s\"", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said),
		cmocka_unit_test(an_option_is_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
