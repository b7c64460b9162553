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

static struct circuit_change ends_with(enum failure failure, const char *print)
{
	struct circuit_end end = an_end(failure);

	(void)snprintf(end.print, sizeof(end.print), "%s", print);
	return circuit_end(&c, &end, "what it said", 0, 0);
}

/* Open for the first step of a startup failure. */
static void begin_open(void)
{
	begin((struct circuit_rules){ .failures = { 3, HOUR } });
	for (int i = 0; i < 3; i++)
		(void)ends(FAILURE_STARTUP);
	assert_int_equal(circuit_state(&c), CIRCUIT_OPEN);
	circuit_pass(&c, NS_PER_S); /* what starts now began after it opened */
}

/* --- what opens it -------------------------------------------------------------------------------------- */

static void each_class_has_its_own_steps(void **state)
{
	(void)state;
	static const struct {
		enum failure failure;
		uint64_t wait_ns;
	} rows[] = {
		{ FAILURE_STARTUP, 5 * MINUTE },  { FAILURE_TIMEOUT, MINUTE },
		{ FAILURE_STARTUP, 10 * MINUTE }, { FAILURE_LOST, 7 * NS_PER_S },
		{ FAILURE_TIMEOUT, 2 * MINUTE },  { FAILURE_ENVIRONMENT, MINUTE },
		{ FAILURE_LOST, 7 * NS_PER_S },   { FAILURE_STARTUP, 20 * MINUTE },
		{ FAILURE_UNKNOWN, MINUTE },
	};
	begin((struct circuit_rules){ .failures = { 1, HOUR },
				      .backoff[FAILURE_LOST] = { 1, { 7 * NS_PER_S } } });
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(i == 0 ? ends(rows[i].failure).opened : trial(rows[i].failure).reopened);
		if (c.wait_ns != rows[i].wait_ns)
			fail_msg("%zu: %lu", i, c.wait_ns);
		assert_int_equal(c.failure, rows[i].failure);
		circuit_pass(&c, c.wait_ns);
	}
	assert_int_equal(c.count, COUNT_OF(rows) - 1); /* all but the one of the environment */
	assert_true(c.is_mixed);
}

static void a_wait_is_never_shorter_and_longer_by_its_jitter_at_most(void **state)
{
	(void)state;
	static const struct {
		uint64_t jitter_ppm, most_ns;
	} rows[] = {
		{ 0, 330 * NS_PER_S },
		{ 200000, 360 * NS_PER_S },
		{ 1000000, 600 * NS_PER_S },
		{ CIRCUIT_NO_JITTER, 300 * NS_PER_S },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct circuit_rules r = { .jitter_ppm = rows[i].jitter_ppm };
		uint64_t last_ns = 0;
		for (uint64_t random = 0; random <= UINT32_MAX; random += UINT32_MAX / 255) {
			uint64_t ns = circuit_step(&r, FAILURE_STARTUP, 0, (uint32_t)random);
			assert_true(ns >= 5 * MINUTE && ns <= rows[i].most_ns && ns >= last_ns);
			last_ns = ns;
		}
		assert_true(last_ns + NS_PER_MS > rows[i].most_ns);
	}
	struct circuit_rules for_ever = { .backoff[FAILURE_LOST] = { 1, { UINT64_MAX - 5 } } };
	assert_true(circuit_step(&for_ever, FAILURE_LOST, 9, UINT32_MAX) >= UINT64_MAX - 5);
}

static void counts_within_its_time(void **state)
{
	(void)state;
	begin((struct circuit_rules){ .failures = { 3, HOUR } });
	(void)ends(FAILURE_FAILURE);
	circuit_pass(&c, HOUR / 2);
	(void)ends(FAILURE_ENVIRONMENT); /* opens for its own wait, and is not counted */
	assert_int_equal(c.rule, CIRCUIT_RULE_ENVIRONMENT);
	circuit_pass(&c, MINUTE);
	assert_int_equal(circuit_gauge(&c, CIRCUIT_RULE_MAX_FAILURES).used, 1);
	assert_true(trial(FAILURE_NONE).closed);
	assert_int_equal(circuit_gauge(&c, CIRCUIT_RULE_MAX_FAILURES).used, 0);

	begin((struct circuit_rules){ .failures = { 3, HOUR } });
	(void)ends(FAILURE_FAILURE);
	circuit_pass(&c, HOUR - 1);
	(void)ends(FAILURE_ENDED);
	(void)ends(FAILURE_KILLED);
	struct circuit_gauge g = circuit_gauge(&c, CIRCUIT_RULE_MAX_FAILURES);
	assert_true(g.is_set && g.used == 2 && g.limit == 3 && g.per_ns == HOUR && g.less_in_ns == 1);
	circuit_pass(&c, 1);
	assert_false(ends(FAILURE_LOST).opened);
	assert_true(ends(FAILURE_UNKNOWN).opened); /* which counts */
	assert_int_equal(c.count, 3);
	assert_int_equal(c.span_ns, 1);
	assert_true(c.is_mixed);
}

static void early_ends_alone_open_it(void **state)
{
	(void)state;
	begin((struct circuit_rules){ .min_uptime_ns = MINUTE });
	for (int i = 0; i < 9; i++)
		assert_false(ends(FAILURE_FAILURE).opened);
	assert_false(ends(FAILURE_STARTUP).opened);
	circuit_pass(&c, 10 * MINUTE);
	assert_false(ends(FAILURE_STARTUP).opened); /* the first is too long ago */
	assert_false(ends(FAILURE_STARTUP).opened);
	assert_true(ends(FAILURE_STARTUP).opened);
	assert_int_equal(c.rule, CIRCUIT_RULE_MIN_UPTIME);
	assert_int_equal(c.count, 3);
}

static void the_same_failure_in_a_row_opens_it(void **state)
{
	(void)state;
	begin((struct circuit_rules){ .same_failure = 3 });
	assert_int_equal(ends_with(FAILURE_FAILURE, "f1-a").same_in_row, 1);
	struct circuit_change change = ends_with(FAILURE_TIMEOUT, "f1-a");
	assert_int_equal(change.same_in_row, 2);
	assert_string_equal(change.same_as, c.ring[0].run_id);
	assert_int_equal(ends_with(FAILURE_FAILURE, "f1-b").same_in_row, 1);
	(void)ends_with(FAILURE_FAILURE, "f1-b");
	(void)ends(FAILURE_ENDED); /* says nothing */
	assert_true(ends_with(FAILURE_STARTUP, "f1-b").opened);
	assert_int_equal(c.rule, CIRCUIT_RULE_SAME_FAILURE);
	assert_string_equal(c.print, "f1-b");
	assert_string_equal(c.summary, "what it said");
	assert_int_equal(c.wait_ns, 5 * MINUTE);

	begin((struct circuit_rules){ .same_failure = 2 });
	(void)ends_with(FAILURE_FAILURE, "f1-a");
	(void)ends(FAILURE_NONE);
	assert_false(ends_with(FAILURE_FAILURE, "f1-a").opened);
	(void)ends_with(FAILURE_FAILURE, ""); /* unlike any */
	assert_false(ends_with(FAILURE_FAILURE, "").opened);
}

static void runs_that_bring_nothing_open_it(void **state)
{
	(void)state;
	struct circuit_end end;
	static const enum circuit_yield yields[] = { CIRCUIT_YIELD_NOTHING, CIRCUIT_YIELD_SOME,
						     CIRCUIT_YIELD_NOTHING, CIRCUIT_YIELD_UNKNOWN,
						     CIRCUIT_YIELD_NOTHING };
	begin((struct circuit_rules){ .zero_yield = 3 });
	for (size_t i = 0; i < COUNT_OF(yields); i++) {
		end = an_end(i % 2 ? FAILURE_FAILURE : FAILURE_NONE);
		end.yield = yields[i];
		assert_false(circuit_end(&c, &end, NULL, 0, 0).opened);
	}
	end = an_end(FAILURE_NONE);
	end.yield = CIRCUIT_YIELD_NOTHING;
	assert_true(circuit_end(&c, &end, NULL, 0, 0).opened);
	assert_int_equal(c.rule, CIRCUIT_RULE_ZERO_YIELD);
	assert_int_equal(c.failure, FAILURE_FAILURE); /* by whose steps */
	circuit_pass(&c, c.wait_ns);
	end = an_end(FAILURE_NONE);
	end.yield = CIRCUIT_YIELD_NOTHING;
	end.start = CIRCUIT_START_TRIAL;
	assert_true(circuit_end(&c, &end, NULL, 0, 0).reopened);
	assert_int_equal(c.wait_ns, 2 * MINUTE);
	circuit_pass(&c, c.wait_ns);
	end = an_end(FAILURE_NONE);
	end.yield = CIRCUIT_YIELD_UNKNOWN; /* and still they are not counted on */
	end.start = CIRCUIT_START_TRIAL;
	assert_true(circuit_end(&c, &end, NULL, 0, 0).closed);
	end = an_end(FAILURE_NONE);
	end.yield = CIRCUIT_YIELD_NOTHING;
	assert_false(circuit_end(&c, &end, NULL, 0, 0).opened);
}

static void time_used_up_opens_it_until_there_is_room(void **state)
{
	(void)state;
	struct circuit_end end = an_end(FAILURE_NONE);

	begin((struct circuit_rules){ .time = { HOUR, DAY }, .reset_after_ns = DAY });
	end.took_ns = HOUR / 2;
	assert_false(circuit_end(&c, &end, NULL, 0, 0).opened);
	circuit_pass(&c, 6 * HOUR);
	end = an_end(FAILURE_ENDED); /* it has used the time */
	end.took_ns = HOUR / 2;
	assert_true(circuit_end(&c, &end, NULL, 0, UINT32_MAX).opened);
	assert_int_equal(c.rule, CIRCUIT_RULE_TIME_BUDGET);
	assert_int_equal(c.wait_ns, 18 * HOUR);
	circuit_pass(&c, c.wait_ns);
	end = an_end(FAILURE_NONE);
	end.took_ns = HOUR / 2;
	end.start = CIRCUIT_START_TRIAL;
	struct circuit_change change = circuit_end(&c, &end, NULL, 0, 0);
	assert_true(change.closed && change.opened); /* it ended well, and has used it up again */
	assert_int_equal(c.wait_ns, 6 * HOUR);
}

static void what_it_said_opens_it_until_a_date(void **state)
{
	(void)state;
	struct circuit_end end = an_end(FAILURE_QUOTA);

	begin((struct circuit_rules){ .has_open_on = true });
	assert_true(circuit_end(&c, &end, NULL, 20 * DAY, UINT32_MAX).opened);
	assert_int_equal(c.wait_ns, 20 * DAY);
	assert_int_equal(c.rule, CIRCUIT_RULE_OPEN_ON);
	assert_false(circuit_input_changed(&c)); /* that does not bring the date nearer */
	circuit_pass(&c, DAY);
	end = an_end(FAILURE_QUOTA); /* one that ran beside it: only a later date counts */
	assert_false(circuit_end(&c, &end, NULL, 5 * DAY, 0).reopened);
	end = an_end(FAILURE_QUOTA);
	assert_false(circuit_end(&c, &end, NULL, CIRCUIT_NEVER, 0).reopened);
	end = an_end(FAILURE_QUOTA);
	assert_true(circuit_end(&c, &end, NULL, 30 * DAY, 0).reopened);
	assert_int_equal(c.wait_ns, 30 * DAY);
	circuit_pass(&c, 30 * DAY);
	end = an_end(FAILURE_QUOTA); /* no date: by the steps of its class */
	end.start = CIRCUIT_START_TRIAL;
	assert_true(circuit_end(&c, &end, NULL, CIRCUIT_NEVER, 0).reopened);
	assert_int_equal(c.wait_ns, MINUTE);
	circuit_pass(&c, MINUTE);
	assert_true(trial(FAILURE_FAILURE).closed); /* no rule of this job is about that */
	assert_int_equal(c.failed_count, 0);
}

static void without_a_rule_it_is_only_counted(void **state)
{
	(void)state;
	begin((struct circuit_rules){ 0 });
	assert_false(circuit_wants(&c, FAILURE_NONE));
	assert_false(circuit_wants(&c, FAILURE_ENDED));
	for (uint32_t i = FAILURE_FIRST; i < FAILURE_COUNT; i++)
		assert_true(circuit_wants(&c, (enum failure)i));
	for (int i = 0; i < 1000; i++)
		assert_false(ends_with((enum failure)(FAILURE_FIRST + i % 9), "f1-a").opened);
	assert_int_equal(c.failed_count, CIRCUIT_RATE_MAX);
	assert_int_equal(c.ring_count, CIRCUIT_RING);
	assert_true(circuit_wants(&c, FAILURE_NONE));
	(void)ends(FAILURE_NONE);
	circuit_pass(&c, 10 * MINUTE);
	assert_false(circuit_wants(&c, FAILURE_NONE));
}

static void an_end_counts_once(void **state)
{
	(void)state;
	begin((struct circuit_rules){ .failures = { 3, HOUR } });
	struct circuit_end end = an_end(FAILURE_FAILURE);
	assert_true(circuit_end(&c, &end, NULL, 0, 0).is_new);
	for (int i = 0; i < 5; i++) {
		end.failure = i % 2 ? FAILURE_LOST : FAILURE_NONE; /* whatever the other says of it */
		assert_false(circuit_end(&c, &end, NULL, 0, 0).is_new);
	}
	assert_int_equal(c.failed_count, 1);
	assert_int_equal(c.ring_count, 1);
}

/* --- what closes it ------------------------------------------------------------------------------------- */

static void a_run_from_before_decides_nothing(void **state)
{
	(void)state;
	begin_open();
	struct circuit_end end = an_end(FAILURE_NONE);
	end.took_ns = 2 * NS_PER_S;
	end.start = CIRCUIT_START_TRIAL; /* of the opening before this one */
	assert_false(circuit_end(&c, &end, NULL, 0, 0).closed);
	end = an_end(FAILURE_NONE);
	end.took_ns = 2 * NS_PER_S;
	end.start = CIRCUIT_START_FORCED;
	assert_false(circuit_end(&c, &end, NULL, 0, 0).closed);
	assert_false(ends(FAILURE_NONE).closed);
	uint64_t wait_ns = c.wait_ns;
	for (int i = 0; i < 50; i++)
		assert_false(ends(FAILURE_STARTUP).reopened);
	assert_int_equal(c.wait_ns, wait_ns);
	circuit_pass(&c, wait_ns);
	assert_false(ends(FAILURE_STARTUP).reopened);
	assert_int_equal(circuit_ask(&c), CIRCUIT_TRIAL);
}

static void what_was_forced_closes_it_if_it_ends_well(void **state)
{
	(void)state;
	begin_open();
	struct circuit_end end = an_end(FAILURE_STARTUP);
	end.start = CIRCUIT_START_FORCED;
	uint64_t wait_ns = c.wait_ns;
	assert_false(circuit_end(&c, &end, NULL, 0, 0).reopened);
	assert_int_equal(c.wait_ns, wait_ns);
	end = an_end(FAILURE_NONE);
	end.start = CIRCUIT_START_FORCED;
	assert_true(circuit_end(&c, &end, NULL, 0, 0).closed);

	begin_open();
	(void)circuit_open(&c, DAY, "by hand");
	circuit_pass(&c, NS_PER_S);
	end = an_end(FAILURE_NONE);
	end.start = CIRCUIT_START_FORCED;
	assert_false(circuit_end(&c, &end, NULL, 0, 0).closed); /* that a hand has opened it stands */
}

static void a_trial_that_its_user_ends_is_none(void **state)
{
	(void)state;
	begin_open();
	circuit_pass(&c, c.wait_ns);
	struct circuit_change change = trial(FAILURE_ENDED);
	assert_false(change.closed || change.reopened);
	assert_int_equal(circuit_ask(&c), CIRCUIT_TRIAL);
	assert_true(trial(FAILURE_STARTUP).reopened);
	assert_int_equal(c.wait_ns, 10 * MINUTE);
}

/* A service that the trial has started is healthy long before it ends. */
static void a_long_run_is_health(void **state)
{
	(void)state;
	static const enum failure how[] = { FAILURE_NONE, FAILURE_ENDED, FAILURE_STARTUP, FAILURE_TIMEOUT };

	for (size_t i = 0; i < COUNT_OF(how); i++) {
		begin_open();
		circuit_pass(&c, c.wait_ns + 2 * HOUR);
		struct circuit_end end = an_end(how[i]);
		end.start = CIRCUIT_START_TRIAL;
		end.took_ns = 2 * HOUR;
		struct circuit_change change = circuit_end(&c, &end, NULL, 0, 0);
		assert_true(change.closed && !change.reopened && !change.opened);
		assert_int_equal(c.failed_count, how[i] >= FAILURE_FIRST);
		assert_int_equal(c.level[FAILURE_STARTUP], 0);
	}
	begin_open(); /* of a lost run nobody knows how long it was well */
	circuit_pass(&c, c.wait_ns + 2 * HOUR);
	struct circuit_end end = an_end(FAILURE_LOST);
	end.start = CIRCUIT_START_TRIAL;
	end.took_ns = 2 * HOUR;
	assert_true(circuit_end(&c, &end, NULL, 0, 0).reopened);
}

static void health_forgets(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		struct circuit_rules rules;
		uint64_t after_ns;
	} rows[] = {
		{ "as it is built in", { .failures = { 3, MINUTE } }, 10 * MINUTE },
		{ "no sooner than it is counted", { .failures = { 3, DAY } }, DAY },
		{ "timeouts too", { .failures = { 3, MINUTE }, .timeouts = { 3, HOUR } }, HOUR },
		{ "as it is asked for", { .failures = { 3, DAY }, .reset_after_ns = MINUTE }, MINUTE },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin(rows[i].rules);
		for (int k = 0; k < 3; k++)
			(void)ends(FAILURE_STARTUP);
		circuit_pass(&c, c.wait_ns);
		assert_true(trial(FAILURE_NONE).closed);
		circuit_pass(&c, rows[i].after_ns - 1);
		if (c.level[FAILURE_STARTUP] != 1)
			fail_msg("%s: forgotten too soon", rows[i].rule);
		struct circuit before = c;
		circuit_pass(&c, 1);
		if (c.level[FAILURE_STARTUP] != 0)
			fail_msg("%s: not forgotten", rows[i].rule);
		c = before; /* a failure in time: it goes on where it was */
		for (int k = 0; k < 3; k++)
			(void)ends(FAILURE_STARTUP);
		assert_int_equal(c.wait_ns, 10 * MINUTE);
	}
}

static void by_hand(void **state)
{
	(void)state;
	begin((struct circuit_rules){ 0 });
	struct circuit_change change = circuit_open(&c, CIRCUIT_NEVER, "the quota");
	assert_true(change.opened);
	circuit_pass(&c, 1000 * DAY);
	assert_int_equal(circuit_ask(&c), CIRCUIT_REFUSE);
	assert_true(c.wait_ns == CIRCUIT_NEVER); /* not almost: that would be told as a date */
	assert_string_equal(c.reason, "the quota");
	assert_false(circuit_input_changed(&c));
	circuit_allow_trial(&c);
	assert_int_equal(circuit_ask(&c), CIRCUIT_TRIAL);
	change = circuit_open(&c, HOUR, NULL);
	assert_true(change.reopened && !change.opened);
	assert_int_equal(c.wait_ns, HOUR);
	assert_true(circuit_reset(&c).closed);
	assert_int_equal(circuit_ask(&c), CIRCUIT_GO);
	assert_false(circuit_reset(&c).closed);

	begin_open();
	assert_true(circuit_input_changed(&c));
	assert_int_equal(circuit_ask(&c), CIRCUIT_TRIAL);
	assert_false(circuit_input_changed(&c));
	circuit_assume_failure(&c);
	assert_int_equal(c.failed_count, 4);
}

static void waits_for_the_environment_alone_are_a_rule(void **state)
{
	(void)state;
	struct circuit_rules rules = { 0 };
	assert_false(circuit_rules_are_set(&rules));
	rules.backoff[FAILURE_FAILURE] = (struct circuit_steps){ 1, { MINUTE } };
	assert_false(circuit_rules_are_set(&rules)); /* of what nothing opens it for */
	rules.backoff[FAILURE_ENVIRONMENT] = (struct circuit_steps){ 1, { MINUTE } };
	assert_true(circuit_rules_are_set(&rules));
}

/* Nobody has told of it: until it is closed, however. */
static void what_was_not_told_is_not_told_of_the_next(void **state)
{
	(void)state;
	begin_open();
	c.is_untold = true;
	circuit_pass(&c, MINUTE);
	circuit_allow_trial(&c);
	assert_true(c.is_untold);
	(void)circuit_reset(&c);
	(void)circuit_open(&c, HOUR, NULL);
	assert_false(c.is_untold);
}

/* Another program or input brings back no quota. */
static void a_change_of_the_input_does_not_end_a_quota(void **state)
{
	(void)state;
	begin((struct circuit_rules){ .has_open_on = true });
	struct circuit_end end = an_end(FAILURE_QUOTA);
	(void)circuit_end(&c, &end, NULL, DAY, 0);
	assert_int_equal(c.rule, CIRCUIT_RULE_OPEN_ON);
	assert_false(circuit_input_changed(&c));
	assert_int_equal(circuit_ask(&c), CIRCUIT_REFUSE);
}

static void learns_from_its_peaks(void **state)
{
	(void)state;
	begin((struct circuit_rules){ 0 });
	assert_int_equal(circuit_peak_p95(&c), 0);
	for (uint64_t i = 0; i < 40; i++) {
		struct circuit_end end = an_end(FAILURE_NONE);
		end.peak_bytes = (i * 7) % 20 + 1; /* the last twenty: each of 1 .. 20 */
		(void)circuit_end(&c, &end, NULL, 0, 0);
	}
	assert_int_equal(circuit_peak_p95(&c), 19);
	begin((struct circuit_rules){ 0 });
	struct circuit_end end = an_end(FAILURE_NONE);
	end.peak_bytes = 5;
	(void)circuit_end(&c, &end, NULL, 0, 0);
	(void)ends(FAILURE_NONE); /* unknown */
	assert_int_equal(circuit_peak_p95(&c), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_steps_as_they_are_written),
		cmocka_unit_test(each_class_has_its_own_steps),
		cmocka_unit_test(a_wait_is_never_shorter_and_longer_by_its_jitter_at_most),
		cmocka_unit_test(counts_within_its_time),
		cmocka_unit_test(early_ends_alone_open_it),
		cmocka_unit_test(the_same_failure_in_a_row_opens_it),
		cmocka_unit_test(runs_that_bring_nothing_open_it),
		cmocka_unit_test(time_used_up_opens_it_until_there_is_room),
		cmocka_unit_test(what_it_said_opens_it_until_a_date),
		cmocka_unit_test(without_a_rule_it_is_only_counted),
		cmocka_unit_test(an_end_counts_once),
		cmocka_unit_test(a_run_from_before_decides_nothing),
		cmocka_unit_test(what_was_forced_closes_it_if_it_ends_well),
		cmocka_unit_test(a_trial_that_its_user_ends_is_none),
		cmocka_unit_test(a_long_run_is_health),
		cmocka_unit_test(health_forgets),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(waits_for_the_environment_alone_are_a_rule),
		cmocka_unit_test(what_was_not_told_is_not_told_of_the_next),
		cmocka_unit_test(a_change_of_the_input_does_not_end_a_quota),
		cmocka_unit_test(learns_from_its_peaks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
