/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/yield.h"

#define S NS_PER_S

static void nothing_is_expected_without_a_floor(void **state)
{
	(void)state;
	struct yield_floor f = { 0 };
	uint64_t gain = 7;
	yield_begin(&f, 0, 0);
	assert_false(yield_look(&f, 1000 * S, 0, &gain));
	assert_int_equal(gain, 7);
}

static void below_at_and_above_a_floor(void **state)
{
	(void)state;
	for (int over = -1; over <= 1; over++)
		for (int early = 0; early < 2; early++) {
			struct yield_floor f = { .least = 10, .per_ns = 60 * S };
			uint64_t gain = 0, value = (uint64_t)(110 + over);
			yield_begin(&f, 5 * S, 100);
			bool is_low = yield_look(&f, early ? 65 * S - 1 : 65 * S, value, &gain);
			assert_int_equal(is_low, over < 0 && !early);
			if (is_low)
				assert_int_equal(gain, 9);
		}
}

/* Looks that come late make a time longer, never shorter: who brings enough in each time is never told. */
static void each_time_is_judged_alone(void **state)
{
	(void)state;
	struct yield_floor f = { .least = 10, .per_ns = 60 * S };
	uint64_t gain, value = 0, told = 0;
	yield_begin(&f, 0, 0);
	for (uint64_t t = 1; t <= 6000; t++) {
		value += t % 6 == 0; /* 10 a minute */
		if (t % 7 == 0)      /* seen now and then */
			assert_false(yield_look(&f, t * S, value, &gain));
	}
	for (uint64_t t = 6001; t <= 6600; t++)
		told += yield_look(&f, t * S, value + (t % 2), &gain);
	assert_in_range(told, 9, 10);
}

static void what_is_unknown_is_not_judged(void **state)
{
	(void)state;
	struct yield_floor f = { .least = 10, .per_ns = S };
	uint64_t gain;
	yield_begin(&f, 0, 0);
	assert_false(yield_look(&f, 10 * S, YIELD_UNKNOWN, &gain));
	assert_true(yield_look(&f, 11 * S, 9, &gain));
	assert_true(yield_look(&f, 12 * S, 3, &gain)); /* falls: nothing came */
	assert_int_equal(gain, 0);
	assert_false(yield_look(&f, 5 * S, 3, &gain)); /* no clock goes back */
}

static void it_is_told_in_its_unit(void **state)
{
	(void)state;
	struct yield_floor f = { .least = 2500000, .per_ns = 60 * S };
	struct finding finding;
	yield_describe(&f, YIELD_COUNTER, 500000, &finding);
	assert_string_equal(finding.text, "0.5 of its counter within 1m, at least 2.5 expected");
	assert_int_equal(finding.bound, 2);
	f.least = 2048;
	yield_describe(&f, YIELD_BYTES, 1024, &finding);
	assert_string_equal(finding.text, "1K of output within 1m, at least 2K expected");
	yield_describe(&f, YIELD_LINES, 0, &finding);
	assert_string_equal(finding.text, "0 lines within 1m, at least 2048 expected");
	assert_int_equal(finding.severity, SEVERITY_WARNING);
}

/* clang-format off */
static const struct {
	enum outcome outcome;
	enum end_cause cause;
	const char *reason;
} reasons[] = {
	{ OUTCOME_OK,          CAUSE_NONE,          "success_no_work" },
	{ OUTCOME_FAILED,      CAUSE_NONE,          "execution_error" },
	{ OUTCOME_SIGNALED,    CAUSE_NONE,          "execution_error" },
	{ OUTCOME_FAILED,      CAUSE_NOT_STARTED,   "failed_before_start" },
	{ OUTCOME_GUARD_ERROR, CAUSE_NOT_STARTED,   "failed_before_start" },
	{ OUTCOME_TIMEOUT,     CAUSE_TIMEOUT,       "timeout" },
	{ OUTCOME_TIMEOUT,     CAUSE_IDLE_TIMEOUT,  "timeout" },
	{ OUTCOME_TIMEOUT,     CAUSE_START_TIMEOUT, "timeout" },
	{ OUTCOME_LIMIT,       CAUSE_LIMIT,         "limit_hit" },
	{ OUTCOME_KILLED,      CAUSE_REQUEST,       "unknown" },
	{ OUTCOME_REPLACED,    CAUSE_REPLACED,      "unknown" },
	{ OUTCOME_SURVIVORS,   CAUSE_TIMEOUT,       "unknown" },
	{ OUTCOME_LOST,        CAUSE_BOTH_DEAD,     "unknown" },
};
/* clang-format on */

static void there_is_a_reason_for_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(reasons); i++)
		assert_string_equal(yield_reason(reasons[i].outcome, reasons[i].cause), reasons[i].reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_expected_without_a_floor),
		cmocka_unit_test(below_at_and_above_a_floor),
		cmocka_unit_test(each_time_is_judged_alone),
		cmocka_unit_test(what_is_unknown_is_not_judged),
		cmocka_unit_test(it_is_told_in_its_unit),
		cmocka_unit_test(there_is_a_reason_for_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
