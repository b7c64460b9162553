/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/circuit.h"

#define MINUTE (60 * NS_PER_S)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static struct circuit c;
static unsigned runs; /* for their ids */

static void begin(struct circuit_rules rules)
{
	memset(&c, 0, sizeof(c));
	c.rules = rules;
}

static struct circuit_end an_end(enum failure failure)
{
	struct circuit_end end = { .failure = failure, .took_ns = NS_PER_MS };

	(void)snprintf(end.run_id, sizeof(end.run_id), "run-%u", runs++);
	return end;
}

static struct circuit_change ends(enum failure failure)
{
	struct circuit_end end = an_end(failure);

	return circuit_end(&c, &end, NULL, 0, 0);
}

static struct circuit_change trial(enum failure failure)
{
	struct circuit_end end = an_end(failure);

	end.start = CIRCUIT_START_TRIAL;
	return circuit_end(&c, &end, NULL, 0, 0);
}

/* The steps are those that were written: 5, 10, 20 and then 20 again; not 10, 20, 40. */
static void takes_the_steps_as_they_are_written(void **state)
{
	(void)state;
	static const uint64_t steps[] = { 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 20 * MINUTE, 20 * MINUTE };

	begin((struct circuit_rules){ .failures = { 3, HOUR } });
	assert_false(ends(FAILURE_STARTUP).opened);
	assert_false(ends(FAILURE_STARTUP).opened);
	assert_int_equal(circuit_ask(&c), CIRCUIT_GO);
	assert_true(ends(FAILURE_STARTUP).opened);
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		assert_int_equal(circuit_ask(&c), CIRCUIT_REFUSE);
		assert_int_equal(c.wait_ns, steps[i]);
		circuit_pass(&c, steps[i] - 1);
		assert_int_equal(circuit_ask(&c), CIRCUIT_REFUSE);
		circuit_pass(&c, 1);
		assert_int_equal(circuit_ask(&c), CIRCUIT_TRIAL);
		circuit_pass(&c, DAY);
		assert_int_equal(circuit_ask(&c), CIRCUIT_TRIAL);
		assert_true(trial(FAILURE_STARTUP).reopened);
	}
	circuit_pass(&c, HOUR);
	assert_true(trial(FAILURE_NONE).closed);
	assert_int_equal(circuit_ask(&c), CIRCUIT_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_steps_as_they_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
