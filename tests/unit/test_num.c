/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"

#define UNTOUCHED 0x5a5a5a5aULL

#define MINUTE  (60 * NS_PER_S)
#define HOUR    (60 * MINUTE)
#define DAY     (24 * HOUR)
#define WEEK    (7 * DAY)
#define CENTURY (36525 * DAY)

#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define PIB (1024 * TIB)

struct row {
	const char *rule;
	const char *text;
	int result;
	uint64_t value;
};

/* A result and a value; where the result is an error, the output must not have been touched. */
static void judge(const struct row *row, int result, uint64_t value)
{
	uint64_t want = row->result == 0 ? row->value : UNTOUCHED;
	if (result != row->result || value != want)
		fail_msg("%s: \"%s\" gives %d, %llu", row->rule, row->text, result,
			 (unsigned long long)value);
}

/* clang-format off */
static const struct {
	struct row row;
	uint64_t max;
} u64_rows[] = {
	{ { "zero",                           "0",     0, 0 },       UINT64_MAX },
	{ { "leading zeros",                  "007",   0, 7 },       UINT64_MAX },
	{ { "a pid of seven digits",          "4194303", 0, 4194303 }, UINT64_MAX },
	{ { "the largest",                    "18446744073709551615", 0, UINT64_MAX }, UINT64_MAX },
	{ { "leading zeros do not overflow",  "000000000000000000000000001", 0, 1 }, UINT64_MAX },
	{ { "one too many",                   "18446744073709551616", -ERANGE, 0 }, UINT64_MAX },
	{ { "wraps in the last multiplication", "184467440737095516150", -ERANGE, 0 }, UINT64_MAX },
	{ { "wraps to a small number",        "36893488147419103233", -ERANGE, 0 }, UINT64_MAX },
	{ { "the bound",                      "255",   0, 255 },     255 },
	{ { "above the bound",                "256",   -ERANGE, 0 }, 255 },
	{ { "bound 0",                        "0",     0, 0 },       0 },
	{ { "above bound 0",                  "1",     -ERANGE, 0 }, 0 },
	{ { "empty",                          "",      -EINVAL, 0 }, UINT64_MAX },
	{ { "a sign",                         "+1",    -EINVAL, 0 }, UINT64_MAX },
	{ { "a negative number",              "-1",    -EINVAL, 0 }, UINT64_MAX },
	{ { "a blank before",                 " 1",    -EINVAL, 0 }, UINT64_MAX },
	{ { "a blank behind",                 "1 ",    -EINVAL, 0 }, UINT64_MAX },
	{ { "a newline behind",               "1\n",   -EINVAL, 0 }, UINT64_MAX },
	{ { "a fraction",                     "1.0",   -EINVAL, 0 }, UINT64_MAX },
	{ { "hex",                            "0x10",  -EINVAL, 0 }, UINT64_MAX },
	{ { "an exponent",                    "1e3",   -EINVAL, 0 }, UINT64_MAX },
	{ { "none is no count",               "none",  -EINVAL, 0 }, UINT64_MAX },
	{ { "the byte behind 9",              ":",     -EINVAL, 0 }, UINT64_MAX },
	{ { "the byte before 0",              "/",     -EINVAL, 0 }, UINT64_MAX },
	{ { "no number, however large",       "99999999999999999999x", -EINVAL, 0 }, UINT64_MAX },
};

static const struct row duration_rows[] = {
	{ "a bare number is seconds",         "90",       0, 90 * NS_PER_S },
	{ "zero is a value",                  "0",        0, 0 },
	{ "zero with a unit",                 "0s",       0, 0 },
	{ "none",                             "none",     0, NUM_NONE },
	{ "nanoseconds",                      "7ns",      0, 7 },
	{ "microseconds",                     "7us",      0, 7 * NS_PER_US },
	{ "milliseconds",                     "250ms",    0, 250 * NS_PER_MS },
	{ "seconds",                          "5s",       0, 5 * NS_PER_S },
	{ "minutes",                          "5m",       0, 5 * MINUTE },
	{ "hours",                            "5h",       0, 5 * HOUR },
	{ "days",                             "2d",       0, 2 * DAY },
	{ "weeks",                            "2w",       0, 2 * WEEK },
	{ "two units",                        "1h30m",    0, 90 * MINUTE },
	{ "a unit left out",                  "1h5s",     0, HOUR + 5 * NS_PER_S },
	{ "all units",                        "1w2d3h4m5s6ms7us8ns", 0,
	  WEEK + 2 * DAY + 3 * HOUR + 4 * MINUTE + 5 * NS_PER_S + 6 * NS_PER_MS + 7 * NS_PER_US + 8 },
	{ "more than the next unit holds",    "1h90m",    0, HOUR + 90 * MINUTE },
	{ "a fraction",                       "1.5m",     0, 90 * NS_PER_S },
	{ "a fraction of bare seconds",       "1.25",     0, 1250 * NS_PER_MS },
	{ "a fraction in the last unit",      "1h1.5m",   0, HOUR + 90 * NS_PER_S },
	{ "a fraction of zero",               "0.5s",     0, 500 * NS_PER_MS },
	{ "an exact third digit",             "0.001s",   0, NS_PER_MS },
	{ "the smallest there is",            "0.000000001", 0, 1 },
	{ "below a nanosecond: down",         "0.0000000019", 0, 1 },
	{ "below a nanosecond: to zero",      "0.9ns",    0, 0 },
	{ "a fraction of many digits",        "0.3333333333333333333333333333333333333333", 0, 333333333 },
	{ "just below a second",              "0.99999999999999999999999999999999999999", 0, 999999999 },
	{ "a fraction of a week",             "0.123456789w", 0, 74666665987200 },
	{ "100 years",                        "36525d",   0, CENTURY },
	{ "100 years in nanoseconds",         "3155760000000000000ns", 0, CENTURY },
	{ "a nanosecond beyond",              "3155760000000000001ns", -ERANGE, 0 },
	{ "a sum beyond",                     "36525d1ns", -ERANGE, 0 },
	{ "a fraction beyond",                "36525.1d", -ERANGE, 0 },
	{ "beyond 64 bits when multiplied",   "99999999999w", -ERANGE, 0 },
	{ "wraps to something small",         "18446744073710s", -ERANGE, 0 },
	{ "beyond 64 bits as written",        "18446744073709551616ns", -ERANGE, 0 },
	{ "beyond 64 bits with a fraction",   "18446744073709551616.5", -ERANGE, 0 },
	{ "the largest number, and more",     "18446744073709551614us1ns", -ERANGE, 0 },
	{ "UINT64_MAX is not none",           "18446744073709551615ns", -ERANGE, 0 },
	{ "a sum that wraps",                 "18446744073709551us18446744073709551615ns", -ERANGE, 0 },
	{ "empty",                            "",         -EINVAL, 0 },
	{ "a unit alone",                     "s",        -EINVAL, 0 },
	{ "an unknown unit",                  "5y",       -EINVAL, 0 },
	{ "a longer word",                    "5sec",     -EINVAL, 0 },
	{ "a unit that begins another",       "5mss",     -EINVAL, 0 },
	{ "capitals: M could be months",      "5M",       -EINVAL, 0 },
	{ "a sign",                           "-5s",      -EINVAL, 0 },
	{ "a plus",                           "+5s",      -EINVAL, 0 },
	{ "a blank between",                  "1h 30m",   -EINVAL, 0 },
	{ "a blank behind",                   "5 ",       -EINVAL, 0 },
	{ "a blank before",                   " 5",       -EINVAL, 0 },
	{ "smaller before larger",            "30m1h",    -EINVAL, 0 },
	{ "a unit twice",                     "1h1h",     -EINVAL, 0 },
	{ "a unit twice, not in a row",       "1m1s1m",   -EINVAL, 0 },
	{ "a bare number in the end",         "1h30",     -EINVAL, 0 },
	{ "a bare fraction in the end",       "1h30.5",   -EINVAL, 0 },
	{ "a fraction before the last",       "1.5h30m",  -EINVAL, 0 },
	{ "a point without digits behind",    "1.s",      -EINVAL, 0 },
	{ "a point in the end",               "1.",       -EINVAL, 0 },
	{ "a point without digits before",    ".5s",      -EINVAL, 0 },
	{ "two points",                       "1.5.5s",   -EINVAL, 0 },
	{ "a comma",                          "1,5s",     -EINVAL, 0 },
	{ "a point later without digits",     "1m1.s",    -EINVAL, 0 },
	{ "hex",                              "0x5",      -EINVAL, 0 },
	{ "an exponent",                      "1e3",      -EINVAL, 0 },
	{ "none and more",                    "none1s",   -EINVAL, 0 },
	{ "None",                             "None",     -EINVAL, 0 },
	{ "half of none",                     "no",       -EINVAL, 0 },
	{ "infinity",                         "infinity", -EINVAL, 0 },
	{ "the byte behind z",                "5{",       -EINVAL, 0 },
	{ "wrong, however large",             "99999999999999999999x", -EINVAL, 0 },
};

static const struct row size_rows[] = {
	{ "bytes",                            "4096",     0, 4096 },
	{ "zero is a value",                  "0",        0, 0 },
	{ "zero with a unit",                 "0G",       0, 0 },
	{ "none",                             "none",     0, NUM_NONE },
	{ "bytes with B",                     "812B",     0, 812 },
	{ "K",                                "512K",     0, 512 * KIB },
	{ "M",                                "512M",     0, 512 * MIB },
	{ "G",                                "3G",       0, 3 * GIB },
	{ "T",                                "2T",       0, 2 * TIB },
	{ "P",                                "1P",       0, PIB },
	{ "GB is 1024, too",                  "3GB",      0, 3 * GIB },
	{ "GiB",                              "3GiB",     0, 3 * GIB },
	{ "lower case",                       "3g",       0, 3 * GIB },
	{ "lower case, long",                 "3gib",     0, 3 * GIB },
	{ "lower case b",                     "7b",       0, 7 },
	{ "a fraction",                       "1.5G",     0, 1536 * MIB },
	{ "a fraction, long unit",            "0.25KiB",  0, 256 },
	{ "below a byte: down",               "0.3K",     0, 307 },
	{ "a fraction of many digits",        "0.99999999999999999999999999999999999K", 0, 1023 },
	{ "the largest",                      "18446744073709551614", 0, UINT64_MAX - 1 },
	{ "the largest in P",                 "16383P",   0, 16383 * PIB },
	{ "UINT64_MAX is none, not a size",   "18446744073709551615", -ERANGE, 0 },
	{ "beyond 64 bits as written",        "18446744073709551616", -ERANGE, 0 },
	{ "beyond 64 bits when multiplied",   "16384P",   -ERANGE, 0 },
	{ "wraps to something small",         "16385P",   -ERANGE, 0 },
	{ "a fraction near the end",          "16383.5P", 0, 16383 * PIB + PIB / 2 },
	{ "a fraction that comes to none",    "16383.99999999999999999999999P", -ERANGE, 0 },
	{ "empty",                            "",         -EINVAL, 0 },
	{ "a unit alone",                     "G",        -EINVAL, 0 },
	{ "a fraction of a byte",             "1.5",      -EINVAL, 0 },
	{ "a fraction of a byte with B",      "1.5B",     -EINVAL, 0 },
	{ "an unknown unit",                  "5E",       -EINVAL, 0 },
	{ "i without B",                      "5Ki",      -EINVAL, 0 },
	{ "i of bytes",                       "5iB",      -EINVAL, 0 },
	{ "B twice",                          "5KBB",     -EINVAL, 0 },
	{ "two units",                        "5KM",      -EINVAL, 0 },
	{ "two parts",                        "1G5M",     -EINVAL, 0 },
	{ "more behind",                      "5KiBx",    -EINVAL, 0 },
	{ "more behind B",                    "5Bx",      -EINVAL, 0 },
	{ "a percentage",                     "50%",      -EINVAL, 0 },
	{ "a sign",                           "-5K",      -EINVAL, 0 },
	{ "a blank between",                  "5 K",      -EINVAL, 0 },
	{ "a blank before",                   " 5K",      -EINVAL, 0 },
	{ "a point without digits behind",    "5.K",      -EINVAL, 0 },
	{ "a point without digits before",    ".5K",      -EINVAL, 0 },
	{ "None",                             "NONE",     -EINVAL, 0 },
	{ "the byte behind Z",                "5[",       -EINVAL, 0 },
	{ "the byte behind z",                "5{",       -EINVAL, 0 },
};
/* clang-format on */

static void parses_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(u64_rows); i++) {
		uint64_t value = UNTOUCHED;
		int result = num_parse_u64(u64_rows[i].row.text, u64_rows[i].max, &value);
		judge(&u64_rows[i].row, result, value);
	}
}

static void parses_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(duration_rows); i++) {
		uint64_t value = UNTOUCHED;
		int result = num_parse_duration(duration_rows[i].text, &value);
		judge(&duration_rows[i], result, value);
	}
}

static void parses_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(size_rows); i++) {
		uint64_t value = UNTOUCHED;
		int result = num_parse_size(size_rows[i].text, &value);
		judge(&size_rows[i], result, value);
	}
}

/* Every pair of units: only larger before smaller. */
static void units_stand_in_order(void **state)
{
	(void)state;
	static const char *const names[] = { "w", "d", "h", "m", "s", "ms", "us", "ns" };
	static const uint64_t ns[] = { WEEK, DAY, HOUR, MINUTE, NS_PER_S, NS_PER_MS, NS_PER_US, 1 };
	for (size_t a = 0; a < COUNT_OF(names); a++) {
		for (size_t b = 0; b < COUNT_OF(names); b++) {
			BUF(text, 16);
			uint64_t value = UNTOUCHED;
			buf_str(&text, "3");
			buf_str(&text, names[a]);
			buf_str(&text, "7");
			buf_str(&text, names[b]);
			int result = num_parse_duration(text.at, &value);
			if (result != (a < b ? 0 : -EINVAL) ||
			    value != (a < b ? 3 * ns[a] + 7 * ns[b] : UNTOUCHED))
				fail_msg("%s: %d", text.at, result);
		}
	}
}

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t value;
	const char *text;
} shown_durations[] = {
	{ "none",                           NUM_NONE,                  "none" },
	{ "zero has a unit",                0,                         "0s" },
	{ "nanoseconds",                    1,                         "1ns" },
	{ "nanoseconds, no decimals",       999,                       "999ns" },
	{ "a microsecond",                  1000,                      "1us" },
	{ "a decimal below ten",            1500,                      "1.5us" },
	{ "none from ten on",               10900,                     "10us" },
	{ "nor later",                      15900,                     "15us" },
	{ "milliseconds",                   240 * NS_PER_MS,           "240ms" },
	{ "a decimal of milliseconds",      2 * NS_PER_MS + 300 * NS_PER_US, "2.3ms" },
	{ "never rounded up to a second",   999999999,                 "999ms" },
	{ "a second",                       NS_PER_S,                  "1s" },
	{ "a decimal of seconds",           3200 * NS_PER_MS,          "3.2s" },
	{ "rounded down",                   3299 * NS_PER_MS,          "3.2s" },
	{ "a decimal up to a minute",       59999 * NS_PER_MS,         "59.9s" },
	{ "a minute",                       MINUTE,                    "1m" },
	{ "minutes and seconds",            4 * MINUTE + 12 * NS_PER_S, "4m12s" },
	{ "seconds without decimals",       4 * MINUTE + 12999 * NS_PER_MS, "4m12s" },
	{ "below an hour",                  HOUR - 1,                  "59m59s" },
	{ "hours and minutes",              3 * HOUR + 12 * MINUTE + 59 * NS_PER_S, "3h12m" },
	{ "an empty second unit is left out", 3 * HOUR + 59 * NS_PER_S, "3h" },
	{ "below a day",                    DAY - 1,                   "23h59m" },
	{ "days and hours",                 2 * DAY + 4 * HOUR,        "2d4h" },
	{ "a week is seven days",           WEEK,                      "7d" },
	{ "100 years",                      CENTURY,                   "36525d" },
	{ "as long as it gets",             NUM_NONE - 1,              "213503d23h" },
}, shown_sizes[] = {
	{ "none",                           NUM_NONE,                  "none" },
	{ "zero",                           0,                         "0" },
	{ "bytes",                          812,                       "812" },
	{ "below a K",                      1023,                      "1023" },
	{ "a K",                            1024,                      "1K" },
	{ "a decimal",                      1536,                      "1.5K" },
	{ "rounded down",                   2047,                      "1.9K" },
	{ "a decimal below 100",            99 * KIB + 1023,           "99.9K" },
	{ "none from 100 on",               100 * KIB + 1023,          "100K" },
	{ "below an M",                     MIB - 1,                   "1023K" },
	{ "M",                              180 * MIB,                 "180M" },
	{ "G",                              3 * GIB + 110 * MIB,       "3.1G" },
	{ "T",                              5 * TIB,                   "5T" },
	{ "P",                              2 * PIB + PIB / 2,         "2.5P" },
	{ "as large as it gets",            NUM_NONE - 1,              "16383P" },
};
/* clang-format on */

static void shows_durations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(shown_durations); i++) {
		BUF(text, 32);
		num_format_duration(&text, shown_durations[i].value);
		if (strcmp(text.at, shown_durations[i].text) != 0)
			fail_msg("%s: %s", shown_durations[i].rule, text.at);
	}
}

static void shows_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(shown_sizes); i++) {
		BUF(text, 32);
		num_format_size(&text, shown_sizes[i].value);
		if (strcmp(text.at, shown_sizes[i].text) != 0)
			fail_msg("%s: %s", shown_sizes[i].rule, text.at);
	}
}

/* Less than this is lost when a duration is shown. */
static uint64_t duration_step(uint64_t ns)
{
	static const struct {
		uint64_t from, step;
	} steps[] = {
		{ DAY, HOUR },
		{ HOUR, MINUTE },
		{ MINUTE, NS_PER_S },
		{ NS_PER_S, 100 * NS_PER_MS },
		{ 10 * NS_PER_MS, NS_PER_MS },
		{ NS_PER_MS, 100 * NS_PER_US },
		{ 10 * NS_PER_US, NS_PER_US },
		{ NS_PER_US, 100 },
	};
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		if (ns >= steps[i].from)
			return steps[i].step;
	}
	return 1;
}

/* Two more: a tenth of a unit is no whole number of bytes. */
static uint64_t size_step(uint64_t bytes)
{
	uint64_t unit = 1;
	while (bytes / unit >= 1024 && unit < PIB)
		unit *= 1024;
	return bytes / unit < 100 && unit > 1 ? unit / 10 + 2 : unit;
}

static void check_duration(uint64_t ns)
{
	BUF(text, 32);
	BUF(again, 32);
	uint64_t back = UNTOUCHED;
	num_format_duration(&text, ns);
	if (num_parse_duration(text.at, &back) != 0 || back > ns || ns - back >= duration_step(ns))
		fail_msg("%llu: %s: %llu", (unsigned long long)ns, text.at, (unsigned long long)back);
	num_format_duration(&again, back);
	assert_string_equal(text.at, again.at);
	assert_true(text.len <= 10);
}

static void check_size(uint64_t bytes)
{
	BUF(text, 32);
	BUF(again, 32);
	uint64_t back = UNTOUCHED;
	num_format_size(&text, bytes);
	if (num_parse_size(text.at, &back) != 0 || back > bytes || bytes - back >= size_step(bytes))
		fail_msg("%llu: %s: %llu", (unsigned long long)bytes, text.at, (unsigned long long)back);
	assert_true(text.len <= 6);
	/* 0.1K is 102.4 bytes: its floor may be shown as one tenth less, never as more. */
	num_format_size(&again, back);
	assert_true(again.len <= text.len);
}

/* parse(format(x)) is x, but for what is not shown. */
static void comes_back(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int off = -2; off <= 2; off++) {
			uint64_t x = ((uint64_t)1 << bit) + (uint64_t)off;
			if (x <= CENTURY)
				check_duration(x);
			if (x != NUM_NONE)
				check_size(x);
		}
	}
	uint64_t x = 1;
	for (int i = 0; i < 100000; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		check_duration((x >> (x % 60)) % (CENTURY + 1));
		check_size(x >> (x % 60));
	}
	check_duration(CENTURY);
}

static void none_comes_back(void **state)
{
	(void)state;
	BUF(text, 32);
	uint64_t value = UNTOUCHED;
	num_format_duration(&text, NUM_NONE);
	assert_int_equal(num_parse_duration(text.at, &value), 0);
	assert_true(value == NUM_NONE);
	value = UNTOUCHED;
	assert_int_equal(num_parse_size(text.at, &value), 0);
	assert_true(value == NUM_NONE);
}

static void reads_millionths(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *text;
		int result;
		uint64_t micro;
		const char *shown;
	} rows[] = {
		{ "whole", "12", 0, 12000000, "12" },
		{ "nothing", "0", 0, 0, "0" },
		{ "decimals", "0.25", 0, 250000, "0.25" },
		{ "none are needed", "3.000", 0, 3000000, "3" },
		{ "the last that counts", "1.000001", 0, 1000001, "1.000001" },
		{ "beyond it: down", "1.9999999", 0, 1999999, "1.999999" },
		{ "no digits", ".5", -EINVAL, 0, NULL },
		{ "no decimals", "5.", -EINVAL, 0, NULL },
		{ "a sign", "-1", -EINVAL, 0, NULL },
		{ "none", "none", -EINVAL, 0, NULL },
		{ "too much", "18446744073710", -ERANGE, 0, NULL },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t micro = 0;
		int r = num_parse_micro(rows[i].text, &micro);
		BUF(shown, 40);
		num_format_micro(&shown, micro);
		if (r != rows[i].result || micro != rows[i].micro ||
		    (r == 0 && strcmp(shown.at, rows[i].shown) != 0))
			fail_msg("%s: %d, %s", rows[i].rule, r, shown.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_counts),        cmocka_unit_test(reads_millionths),
		cmocka_unit_test(parses_durations),     cmocka_unit_test(parses_sizes),
		cmocka_unit_test(units_stand_in_order), cmocka_unit_test(shows_durations),
		cmocka_unit_test(shows_sizes),          cmocka_unit_test(comes_back),
		cmocka_unit_test(none_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
