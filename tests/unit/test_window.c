/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/window.h"

#define MS NS_PER_MS
#define S  NS_PER_S

static void nothing_yet_is_no_gain(void **state)
{
	(void)state;
	struct window w = { 0 };
	assert_int_equal(window_gain(&w, 5 * S, S), 0);
	window_add(&w, 5 * S, 100, S);
	assert_int_equal(window_gain(&w, 5 * S, S), 0); /* where it stood at first is no gain */
	window_add(&w, 6 * S, 100, S);
	assert_int_equal(window_gain(&w, 6 * S, S), 0);
	window_add(&w, 7 * S, 99, S); /* falls: that cannot be */
	assert_int_equal(window_gain(&w, 7 * S, S), 0);
}

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t step_ns, each; /* each step adds so many */
	uint64_t span_ns, per_ns;
} rates[] = {
	{ "one look a second, over 10 s",          1 * S,    7,    10 * S,       10 * S },
	{ "one look a second, over 1 s",           1 * S,    7,    1 * S,        1 * S },
	{ "looks farther apart than the time",     3 * S,    7,    1 * S,        1 * S },
	{ "50 ms, over 10 s",                      50 * MS,  3,    10 * S,       10 * S },
	{ "50 ms, over 1 s",                       50 * MS,  3,    1 * S,        1 * S },
	{ "50 ms, over 1 s, kept for 10 s",        50 * MS,  3,    10 * S,       1 * S },
	{ "1 ms, over an hour",                    1 * MS,   1,    3600 * S,     3600 * S },
	{ "10 ms, over 100 ms",                    10 * MS,  1,    100 * MS,     100 * MS },
	{ "points with their own times",           123457,   1,    1 * S,        1 * S },
};
/* clang-format on */

/* Never less than has come within the time, nor more than within it, a 32nd of the span and one step. */
static void a_gain_is_of_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rates); i++) {
		struct window w = { 0 };
		uint64_t step = rates[i].step_ns, per = rates[i].per_ns, span = rates[i].span_ns;
		uint64_t steps = 3 * (span / step) + 200, least, most;

		if (steps > 200000)
			steps = 200000;
		window_add(&w, 0, 0, span);
		for (uint64_t k = 1; k <= steps; k++) {
			window_add(&w, k * step, k * rates[i].each, span);
			uint64_t gain = window_gain(&w, k * step, per);
			/* within (now - per, now] */
			least = k * step > per ? k - (k * step - per) / step : k;
			most = (per + span / 32) / step + 2;
			if (most > k)
				most = k;
			if (gain < least * rates[i].each || gain > most * rates[i].each)
				fail_msg("%s: step %llu: %llu, not %llu to %llu", rates[i].rule,
					 (unsigned long long)k, (unsigned long long)gain,
					 (unsigned long long)(least * rates[i].each),
					 (unsigned long long)(most * rates[i].each));
		}
	}
}

/* What was a burst is one until it is older than the time, and no longer. */
static void a_burst_passes(void **state)
{
	(void)state;
	struct window w = { 0 };
	uint64_t total = 0;

	window_add(&w, 0, 0, 10 * S);
	for (uint64_t t = 100 * MS; t <= 40 * S; t += 100 * MS) {
		if (t == 5 * S)
			total = 1000;
		window_add(&w, t, total, 10 * S);
		uint64_t gain = window_gain(&w, t, 10 * S);
		if (t < 5 * S || t > 15 * S + 10 * S / 32 + 100 * MS)
			assert_int_equal(gain, 0);
		else if (t < 15 * S)
			assert_int_equal(gain, 1000);
	}
}

/* Two points of one instant, and one that comes late, harm nobody. */
static void clocks_that_stand_still_or_go_back(void **state)
{
	(void)state;
	struct window w = { 0 };
	for (uint64_t n = 0; n < 1000; n++)
		window_add(&w, 5 * S, n, S);
	assert_int_equal(window_gain(&w, 5 * S, S), 999);
	window_add(&w, 4 * S, 1001, S);
	assert_int_equal(window_gain(&w, 5 * S, S), 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_yet_is_no_gain),
		cmocka_unit_test(a_gain_is_of_its_time),
		cmocka_unit_test(a_burst_passes),
		cmocka_unit_test(clocks_that_stand_still_or_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
