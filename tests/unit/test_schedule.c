/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/schedule.h"

#define MS NS_PER_MS

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t period_ns, births;
	uint64_t next_ns;
} rows[] = {
	{ "at the start as in a storm",                   0,          0,          10 * MS },
	{ "at the start, whatever was born",              0,          100000,     10 * MS },
	{ "nothing born: twice as long",                  50 * MS,    0,          100 * MS },
	{ "nothing born: twice as long again",            100 * MS,   0,          200 * MS },
	{ "nothing born: up to a second",                 800 * MS,   0,          1000 * MS },
	{ "nothing born: never more than a second",       1000 * MS,  0,          1000 * MS },
	{ "nothing born after a longer period",           9000 * MS,  0,          1000 * MS },
	{ "after a storm: busy before it is quiet",       10 * MS,    0,          50 * MS },
	{ "after a very short period: busy",              1,          0,          50 * MS },
	{ "just below busy: busy, not twice",             24 * MS,    0,          50 * MS },
	{ "twice is more than busy",                      26 * MS,    0,          52 * MS },
	{ "one birth in a second: busy at once",          1000 * MS,  1,          50 * MS },
	{ "one birth while busy: stay busy",              50 * MS,    1,          50 * MS },
	{ "a birth short of a storm",                     1000 * MS,  199,        50 * MS },
	{ "as many births as make a storm",               1000 * MS,  200,        10 * MS },
	{ "a storm seen in a busy period",                50 * MS,    10,         10 * MS },
	{ "not yet a storm in a busy period",             50 * MS,    9,          50 * MS },
	{ "a storm goes on",                              10 * MS,    2,          10 * MS },
	{ "a storm calms down",                           10 * MS,    1,          50 * MS },
	{ "more births than can be",                      1,          UINT64_MAX, 10 * MS },
	{ "more births than can be, in the longest time", UINT64_MAX, UINT64_MAX, 10 * MS },
};
/* clang-format on */

static void chooses_the_next_period(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t next_ns = schedule_next(rows[i].period_ns, rows[i].births);
		if (next_ns != rows[i].next_ns)
			fail_msg("%s: %llu ns", rows[i].rule, (unsigned long long)next_ns);
	}
}

/* clang-format off */
static const uint64_t periods[] = { 1, 1000, MS, 5 * MS, 10 * MS, 20 * MS, 25 * MS, 49 * MS, 50 * MS, 51 * MS,
				    100 * MS, 333 * MS, 500 * MS, 501 * MS, 999 * MS, 1000 * MS, 60000 * MS };
static const uint64_t births[] = { 0, 1, 2, 3, 9, 10, 11, 19, 20, 99, 199, 200, 201, 1000, 32768, 4194304,
				   UINT64_MAX / NS_PER_S, UINT64_MAX / NS_PER_S + 1, UINT64_MAX };
/* clang-format on */

static void stays_between_a_storm_and_quiet(void **state)
{
	(void)state;
	for (size_t p = 0; p < COUNT_OF(periods); p++) {
		for (size_t b = 0; b < COUNT_OF(births); b++) {
			uint64_t next_ns = schedule_next(periods[p], births[b]);
			assert_in_range(next_ns, SCHEDULE_STORM_NS, SCHEDULE_QUIET_NS);
		}
	}
}

static void looks_no_later_when_more_is_born(void **state)
{
	(void)state;
	for (size_t p = 0; p < COUNT_OF(periods); p++)
		for (size_t b = 1; b < COUNT_OF(births); b++)
			if (periods[p] >= SCHEDULE_BUSY_NS / 2) /* below, twice nothing is less than busy */
				assert_true(schedule_next(periods[p], births[b]) <=
					    schedule_next(periods[p], births[b - 1]));
}

static void looks_no_sooner_after_a_longer_period(void **state)
{
	(void)state;
	for (size_t b = 0; b < COUNT_OF(births); b++)
		for (size_t p = 1; p < COUNT_OF(periods); p++)
			assert_true(schedule_next(periods[p], births[b]) >=
				    schedule_next(periods[p - 1], births[b]));
}

/* From any period to one look a second, and it stays there: what costs nothing must not cost wakeups. */
static void comes_to_rest(void **state)
{
	(void)state;
	for (size_t p = 0; p < COUNT_OF(periods); p++) {
		uint64_t period_ns = periods[p];
		int steps = 0;
		while (period_ns != SCHEDULE_QUIET_NS) {
			period_ns = schedule_next(period_ns, 0);
			assert_true(++steps <= 6);
		}
		assert_true(schedule_next(period_ns, 0) == SCHEDULE_QUIET_NS);
	}
}

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t period_ns, births;
	struct schedule_count count;
	uint64_t next_ns;
} count_rows[] = {
	{ "at the start",                         0,         0,  { 50, NS_PER_S, 0, 0, 0, 1 },               10 * MS },
	{ "no rate is asked for",                 50 * MS,   1,  { UINT64_MAX, NS_PER_S, 1000, 50 * MS, 0, 1 }, 50 * MS },
	{ "nothing is born anywhere",             50 * MS,   0,  { 50, NS_PER_S, 0, 50 * MS, 0, 1 },         100 * MS },
	{ "as fast as is allowed",                100 * MS,  1,  { 50, NS_PER_S, 5, 100 * MS, 0, 1 },        50 * MS },
	{ "one more: a look for each",            100 * MS,  1,  { 50, NS_PER_S, 6, 100 * MS, 0, 1 },        12499998 },
	{ "... also where none of ours was seen", 100 * MS,  0,  { 50, NS_PER_S, 6, 100 * MS, 0, 1 },        12499998 },
	{ "... and in a short period",            1 * MS,    0,  { 50, NS_PER_S, 6, 100 * MS, 0, 1 },        12499998 },
	{ "... not if none was for long: others'", 100 * MS, 0,  { 50, NS_PER_S, 6, 100 * MS, 100 * MS + 1, 1 }, 200 * MS },
	{ "... unless it is now",                 100 * MS,  1,  { 50, NS_PER_S, 6, 100 * MS, 100 * MS + 1, 1 }, 12499998 },
	{ "a storm: 1 ms",                        50 * MS,   1,  { 50, NS_PER_S, 500, 50 * MS, 0, 1 },       1 * MS },
	{ "no later than without",                1000 * MS, 1,  { 1, 10 * NS_PER_S, 2, 1000 * MS, 0, 1 },   50 * MS },
	{ "many members: a tenth of a processor", 50 * MS,   1,  { 50, NS_PER_S, 500, 50 * MS, 0, 100 },     5 * MS },
	{ "... but no later than without",        50 * MS,   10, { 50, NS_PER_S, 500, 50 * MS, 0, 1000 },    10 * MS },
	{ "more members than can be",             50 * MS,   1,  { 50, NS_PER_S, 500, 50 * MS, 0, UINT64_MAX }, 50 * MS },
	{ "more PIDs than can be",                50 * MS,   1,  { 50, NS_PER_S, UINT64_MAX, 50 * MS, 0, 1 }, 1 * MS },
	{ "in no time",                           50 * MS,   1,  { 50, NS_PER_S, 1, 0, 0, 1 },               1 * MS },
	{ "the largest numbers",                  UINT64_MAX, 1, { UINT64_MAX - 1, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, 1 }, 1 * MS },
};
/* clang-format on */

static void looks_for_each_birth_where_it_must_count(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(count_rows); i++) {
		uint64_t next_ns =
			schedule_count(count_rows[i].period_ns, count_rows[i].births, &count_rows[i].count);
		if (next_ns != count_rows[i].next_ns)
			fail_msg("%s: %llu ns", count_rows[i].rule, (unsigned long long)next_ns);
	}
}

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t period_ns, grown, max;
	uint64_t next_ns;
} trim_rows[] = {
	{ "at the start",                             0,          0,          1000,       10 * MS },
	{ "at the start, whatever has come",          0,          UINT64_MAX, 1000,       10 * MS },
	{ "quiet: twice as long",                     10 * MS,    0,          1000,       20 * MS },
	{ "quiet: up to a second",                    800 * MS,   0,          1000,       1000 * MS },
	{ "quiet: never more than a second",          UINT64_MAX, 0,          1000,       1000 * MS },
	{ "half of it in a period: the same again",   50 * MS,    500,        1000,       50 * MS },
	{ "all of it in a period: half as long",      50 * MS,    1000,       1000,       25 * MS },
	{ "a tenth of it: twice as long, no more",    50 * MS,    100,        1000,       100 * MS },
	{ "a flood: as soon as can be",               1000 * MS,  UINT64_MAX, 1000,       1 * MS },
	{ "more than fits into 64 bits",              1000 * MS,  UINT64_MAX, UINT64_MAX, 499999999 },
	{ "a bound of one byte",                      1000 * MS,  1,          1,          1 * MS },
};
/* clang-format on */

static void chooses_when_to_trim(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(trim_rows); i++) {
		uint64_t next_ns =
			schedule_trim(trim_rows[i].period_ns, trim_rows[i].grown, trim_rows[i].max);
		if (next_ns != trim_rows[i].next_ns)
			fail_msg("%s: %llu ns", trim_rows[i].rule, (unsigned long long)next_ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_the_next_period),
		cmocka_unit_test(stays_between_a_storm_and_quiet),
		cmocka_unit_test(looks_no_later_when_more_is_born),
		cmocka_unit_test(looks_no_sooner_after_a_longer_period),
		cmocka_unit_test(comes_to_rest),
		cmocka_unit_test(looks_for_each_birth_where_it_must_count),
		cmocka_unit_test(chooses_when_to_trim),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
