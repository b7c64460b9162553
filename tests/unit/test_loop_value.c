/* layer: conf */
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
#include "conf/loop_value.h"

#define MINUTE (60 * NS_PER_S)

static void rates(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		uint32_t count;
		uint64_t per_ns;
	} rows[] = {
		{ "3/10m", 0, 3, 10 * MINUTE },   { "100/1s", 0, 100, NS_PER_S },
		{ "1/1w", 0, 1, 10080 * MINUTE }, { "none", 0, 0, 0 },
		{ "101/1s", -EINVAL, 0, 0 },      { "0/1s", -EINVAL, 0, 0 },
		{ "3", -EINVAL, 0, 0 },           { "3/", -EINVAL, 0, 0 },
		{ "/10m", -EINVAL, 0, 0 },        { "3/0", -EINVAL, 0, 0 },
		{ "3/none", -EINVAL, 0, 0 },      { "-3/1m", -EINVAL, 0, 0 },
		{ "3/1m/1m", -EINVAL, 0, 0 },     { "", -EINVAL, 0, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct circuit_rate rate = { 77, 77 };
		BUF(why, 256);
		if (loop_rate_parse(rows[i].text, &rate, &why) != rows[i].result)
			fail_msg("%s: %s", rows[i].text, why.at);
		if (rows[i].result < 0)
			assert_int_equal(rate.count, 77);
		else if (rate.count != rows[i].count || rate.per_ns != rows[i].per_ns)
			fail_msg("%s: %u/%lu", rows[i].text, rate.count, rate.per_ns);
	}
}

static void streaks_and_parts(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		uint64_t ppm;
	} jitters[] = {
		{ "10%", 0, 100000 },   { "10", 0, 100000 },
		{ "2.5%", 0, 25000 },   { "100%", 0, 1000000 },
		{ "0.0001", 0, 1 },     { "101%", -EINVAL, 0 },
		{ "0", -EINVAL, 0 },    { "0%", -EINVAL, 0 },
		{ "%", -EINVAL, 0 },    { "", -EINVAL, 0 },
		{ "ten", -EINVAL, 0 },  { "0.00001%", -EINVAL, 0 },
		{ "10%%", -EINVAL, 0 }, { "none", 0, CIRCUIT_NO_JITTER },
	};
	for (size_t i = 0; i < COUNT_OF(jitters); i++) {
		uint64_t ppm = 77;
		BUF(why, 256);
		if (loop_jitter_parse(jitters[i].text, &ppm, &why) != jitters[i].result)
			fail_msg("%s: %s", jitters[i].text, why.at);
		assert_int_equal(ppm, jitters[i].result < 0 ? 77 : jitters[i].ppm);
	}
	static const struct {
		const char *text;
		int result;
		uint32_t count;
	} streaks[] = {
		{ "1", 0, 1 },       { "1000", 0, 1000 },    { "none", 0, 0 },
		{ "0", -EINVAL, 0 }, { "1001", -EINVAL, 0 }, { "2/1m", -EINVAL, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(streaks); i++) {
		uint32_t count = 77;
		BUF(why, 256);
		if (loop_streak_parse(streaks[i].text, &count, &why) != streaks[i].result)
			fail_msg("%s: %s", streaks[i].text, why.at);
		assert_int_equal(count, streaks[i].result < 0 ? 77 : streaks[i].count);
	}
}

static void times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		uint64_t limit_ns, per_ns;
	} rows[] = {
		{ "1h/1d", 0, 60 * MINUTE, 1440 * MINUTE },
		{ "2d/1h", 0, 2880 * MINUTE, 60 * MINUTE }, /* one run that is longer opens it, then */
		{ "none", 0, 0, 0 },
		{ "1h", -EINVAL, 0, 0 },
		{ "none/1d", -EINVAL, 0, 0 },
		{ "0/1d", -EINVAL, 0, 0 },
		{ "1h/none", -EINVAL, 0, 0 },
		{ "1111111111111111111111111111111111m/1d", -EINVAL, 0, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct circuit_time time = { 77, 77 };
		BUF(why, 256);
		if (loop_time_parse(rows[i].text, &time, &why) != rows[i].result)
			fail_msg("%s: %s", rows[i].text, why.at);
		assert_int_equal(time.limit_ns, rows[i].result < 0 ? 77 : rows[i].limit_ns);
		assert_int_equal(time.per_ns, rows[i].result < 0 ? 77 : rows[i].per_ns);
	}
}

static void waits_of_a_class(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		enum failure class;
		struct circuit_steps steps;
	} rows[] = {
		{ "startup=5m,10m,20m", 0, FAILURE_STARTUP, { 3, { 5 * MINUTE, 10 * MINUTE, 20 * MINUTE } } },
		{ "lost=1m30s", 0, FAILURE_LOST, { 1, { 90 * NS_PER_S } } },
		{ "unknown=none", 0, FAILURE_UNKNOWN, { 0, { 0 } } },
		{ "quota=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "startup=", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "startup=5m,", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "startup=5m,0", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "startup=5m,none", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "none=5m", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "ended=5m", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "start=5m", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "startup", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "=5m", -EINVAL, FAILURE_NONE, { 0, { 0 } } },
		{ "startup=00000000000000000000000000000000000000000000000000000000000000000005m",
		  -EINVAL,
		  FAILURE_NONE,
		  { 0, { 0 } } },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct circuit_steps steps = { 0 };
		enum failure class = FAILURE_NONE;
		BUF(why, 256);
		if (loop_backoff_parse(rows[i].text, &class, &steps, &why) != rows[i].result)
			fail_msg("%s: %s", rows[i].text, why.at);
		if (class != rows[i].class || memcmp(&steps, &rows[i].steps, sizeof(steps)) != 0)
			fail_msg("%s", rows[i].text);
		assert_int_equal(why.len > 0, rows[i].result < 0);
	}
}

static void ends_of_a_class(void **state)
{
	(void)state;
	struct statuses set = { 0 };
	enum failure class = FAILURE_NONE;
	BUF(why, 256);

	assert_int_equal(loop_class_parse("quota=75,80-81,USR1", &class, &set, &why), 0);
	assert_int_equal(class, FAILURE_QUOTA);
	assert_true(statuses_have(&set, 75 << 8) && statuses_have(&set, 81 << 8) && statuses_have(&set, 10));
	assert_false(statuses_have(&set, 0) || statuses_have(&set, 76 << 8));
	assert_int_equal(loop_class_parse("environment=none", &class, &set, &why), 0);
	assert_int_equal(class, FAILURE_ENVIRONMENT);
	assert_false(statuses_have(&set, 75 << 8));
	static const char *const bad[] = { "quota=256", "quota=", "quota", "nothing=3", "quota=3,FOO" };
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		buf_clear(&why);
		if (loop_class_parse(bad[i], &class, &set, &why) != -EINVAL)
			fail_msg("%s", bad[i]);
		assert_true(why.len > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates),           cmocka_unit_test(streaks_and_parts),
		cmocka_unit_test(times),           cmocka_unit_test(waits_of_a_class),
		cmocka_unit_test(ends_of_a_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
