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

/* Never more than has come within the time; less by a 32nd of the span and one step at most. */
static void a_gain_is_of_its_time(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rates); i++) {
		struct window w = { 0 };
		uint64_t step = rates[i].step_ns, per = rates[i].per_ns, span = rates[i].span_ns;
		uint64_t steps = 3 * (span / step) + 200;

		if (steps > 200000)
			steps = 200000;
		window_add(&w, 0, 0, span);
		for (uint64_t k = 1; k <= steps; k++) {
			window_add(&w, k * step, k * rates[i].each, span);
			uint64_t gain = window_gain(&w, k * step, per);
			uint64_t within_ns = k * step < per ? k * step : per;
			uint64_t most = within_ns * rates[i].each / step + 1;
			uint64_t slack = (span / 32 / step + 1) * rates[i].each;
			if (gain > most || gain + slack < most - 1)
				fail_msg("%s: step %llu: %llu, not %llu", rates[i].rule,
					 (unsigned long long)k, (unsigned long long)gain,
					 (unsigned long long)most);
		}
	}
}

/* Births with their own times, as many as are allowed and one more: in a burst, evenly, after a long quiet.
 */
static void one_more_than_allowed_is_seen(void **state)
{
	(void)state;
	static const uint64_t gaps[] = { 0, 1, 1000, MS, 17 * MS, 19 * MS };
	for (size_t g = 0; g < COUNT_OF(gaps); g++) {
		struct window w = { 0 };
		uint64_t t = 100 * S, total = 0;

		window_add(&w, 50 * S, 0, S);
		for (int n = 1; n <= 51; n++) {
			window_add(&w, t, total, S); /* where it stood until then */
			window_add(&w, t, ++total, S);
			uint64_t gain = window_gain(&w, t, S);
			assert_true(gain <= (uint64_t)n);
			assert_true(gain == (uint64_t)n); /* none is missed while all are within the time */
			t += gaps[g];
		}
		assert_int_equal(window_gain(&w, t - gaps[g], S), 51);
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
		if (t < 5 * S || t > 15 * S)
			assert_int_equal(gain, 0);
		else if (t < 15 * S - 10 * S / 32 - 100 * MS)
			assert_int_equal(gain, 1000);
	}
}

/* Looks farther apart than the time: as if it had come evenly. */
static void a_rare_look_tells_a_rate(void **state)
{
	(void)state;
	struct window w = { 0 };
	window_add(&w, 100 * S, 0, S);
	window_add(&w, 105 * S, 1000, S);
	assert_int_equal(window_gain(&w, 105 * S, S), 200);
	window_add(&w, 110 * S, 1000, S);
	assert_int_equal(window_gain(&w, 110 * S, S), 0);
	window_add(&w, 115 * S, UINT64_MAX, S);
	assert_int_equal(window_gain(&w, 115 * S, S), (UINT64_MAX - 1000) / 5);
	assert_int_equal(window_gain(&w, 117 * S, S), 0); /* nothing known of the time since */
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
		cmocka_unit_test(one_more_than_allowed_is_seen),
		cmocka_unit_test(a_burst_passes),
		cmocka_unit_test(a_rare_look_tells_a_rate),
		cmocka_unit_test(clocks_that_stand_still_or_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
