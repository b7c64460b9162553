/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/freezing.h"

#define MS    NS_PER_MS
#define S     NS_PER_S
#define START (1000 * S) /* the clock does not begin with us */

/* Sweeps from START on, each when it is due, `moving` members found by each of the first `rounds`. */
static uint64_t settle(struct freezing *f, uint32_t rounds, uint32_t moving, uint32_t *out_sweeps)
{
	uint64_t now_ns = START;
	uint32_t sweeps = 0;

	freezing_init(f);
	assert_true(freezing_begin(f, FROZEN_BY_USER, now_ns));
	for (;;) {
		assert_true(freezing_is_due(f, now_ns));
		sweeps++;
		if (freezing_swept(f, now_ns, sweeps <= rounds ? moving : 0))
			break;
		assert_true(f->wake_ns > now_ns);
		assert_false(freezing_is_due(f, f->wake_ns - 1));
		now_ns = f->wake_ns;
	}
	*out_sweeps = sweeps;
	return now_ns - START;
}

struct settle_row {
	const char *rule;
	uint32_t rounds, moving;
	uint32_t sweeps;            /* 0 = not asked */
	uint64_t at_least, at_most; /* ns until it stands */
};

/* clang-format off */
static const struct settle_row settle_rows[] = {
	{ "nobody moves: one sweep",               0,          0, 1, 0,                  0 },
	{ "one was stopped: another sweep proves", 1,          5, 2, 1 * MS,             1 * MS },
	{ "pauses double",                         3,          1, 4, 7 * MS,             7 * MS },
	{ "who never stops is given up on",        UINT32_MAX, 1, 0, FREEZING_SETTLE_NS, FREEZING_SETTLE_NS + 32 * MS },
};
/* clang-format on */

static void it_stands_when_a_sweep_finds_nobody_moving(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(settle_rows); i++) {
		const struct settle_row *row = &settle_rows[i];
		struct freezing f;
		uint32_t sweeps;
		uint64_t took_ns = settle(&f, row->rounds, row->moving, &sweeps);
		if (took_ns < row->at_least || took_ns > row->at_most ||
		    (row->sweeps && sweeps != row->sweeps) || f.stage != FREEZING_HELD)
			fail_msg("%s: %u sweeps, %llu ns", row->rule, sweeps, (unsigned long long)took_ns);
	}
}

/* A look now and then; who moves is met again soon, and one that cannot be stopped does not keep us busy. */
static void a_frozen_tree_is_looked_at(void **state)
{
	(void)state;
	struct freezing f;
	uint32_t sweeps, looks = 0;
	uint64_t now_ns = START + settle(&f, 0, 0, &sweeps);

	assert_int_equal(f.wake_ns, now_ns + FREEZING_LOOK_NS);
	now_ns = f.wake_ns;
	assert_false(freezing_swept(&f, now_ns, 1));
	assert_int_equal(f.wake_ns, now_ns + 1 * MS);
	uint64_t end_ns = now_ns + 60 * S;
	while (f.wake_ns < end_ns) {
		now_ns = f.wake_ns;
		assert_false(freezing_swept(&f, now_ns, 1));
		looks++;
	}
	assert_true(looks < 60 + 11);
	(void)freezing_swept(&f, now_ns, 0);
	assert_int_equal(f.wake_ns, now_ns + FREEZING_LOOK_NS);
	(void)freezing_swept(&f, now_ns, 1);
	assert_int_equal(f.wake_ns, now_ns + 1 * MS);
	freezing_hurry(&f, now_ns);
	assert_true(freezing_is_due(&f, now_ns));
}

static void the_clocks_stand_as_long_as_anybody_wishes_it(void **state)
{
	(void)state;
	struct freezing f;
	uint64_t halted_ns = 1;

	freezing_init(&f);
	assert_false(freezing_is_due(&f, UINT64_MAX - 1));
	assert_false(freezing_end(&f, FROZEN_BY_USER, START, &halted_ns)); /* it was not */
	assert_int_equal(halted_ns, 1);
	assert_true(freezing_begin(&f, FROZEN_BY_USER, START));
	assert_false(freezing_begin(&f, FROZEN_BY_OUTER, START + 1 * S));
	assert_false(freezing_begin(&f, FROZEN_BY_USER, START + 2 * S));
	assert_false(freezing_end(&f, FROZEN_BY_USER, START + 3 * S, &halted_ns));
	assert_true(freezing_end(&f, FROZEN_BY_OUTER, START + 5 * S, &halted_ns));
	assert_int_equal(halted_ns, 5 * S);
	assert_int_equal(f.stage, FREEZING_OFF);
	assert_int_equal(f.wake_ns, NUM_NONE);

	assert_true(freezing_begin(&f, FROZEN_BY_USER | FROZEN_BY_OUTER, START + 10 * S));
	assert_true(freezing_end(&f, FROZEN_BY_ALL, START + 12 * S, &halted_ns)); /* the run ends */
	assert_int_equal(halted_ns, 2 * S);
	assert_int_equal(f.before_ns, 7 * S);
}

static void what_does_not_stand_is_not_swept(void **state)
{
	(void)state;
	struct freezing f;

	freezing_init(&f);
	freezing_hurry(&f, START);
	assert_false(freezing_is_due(&f, START));
	assert_false(freezing_swept(&f, START, 1));
	assert_int_equal(f.stage, FREEZING_OFF);
	assert_int_equal(f.wake_ns, NUM_NONE);
}

static void for_a_limit_it_has_an_end(void **state)
{
	(void)state;
	struct freezing f;
	uint64_t halted_ns;

	freezing_init(&f);
	assert_false(freezing_is_over(&f, UINT64_MAX - 1));
	assert_true(freezing_begin_limit(&f, 10 * S, START));
	assert_true(freezing_swept(&f, START, 0));
	assert_int_equal(freezing_next(&f), START + FREEZING_LOOK_NS);
	assert_false(freezing_is_over(&f, START + 10 * S - 1));
	assert_true(freezing_is_over(&f, START + 10 * S));
	assert_false(freezing_swept(&f, START + 9 * S + 500 * MS, 0));
	assert_int_equal(freezing_next(&f), START + 10 * S); /* sooner than the next sweep */

	/* With the run around it: it does not end while that one stands. */
	assert_false(freezing_begin(&f, FROZEN_BY_OUTER, START + S));
	assert_false(freezing_is_over(&f, START + 20 * S));
	assert_false(freezing_end(&f, FROZEN_BY_OUTER, START + 2 * S, &halted_ns));
	assert_true(freezing_is_over(&f, START + 20 * S));

	/* A thaw by the user ends it, as one of his own. */
	assert_true(freezing_end(&f, FROZEN_BY_USER, START + 3 * S, &halted_ns));
	assert_int_equal(halted_ns, 3 * S);
	assert_false(freezing_is_over(&f, START + 20 * S));
	assert_int_equal(freezing_next(&f), NUM_NONE);

	/* The user's wish takes its place. */
	assert_true(freezing_begin_limit(&f, 10 * S, START));
	assert_false(freezing_begin(&f, FROZEN_BY_USER, START));
	assert_int_equal(f.by, FROZEN_BY_USER);
	assert_false(freezing_is_over(&f, START + 20 * S));
	assert_false(freezing_begin_limit(&f, 10 * S, START));
	assert_int_equal(f.by, FROZEN_BY_USER);
	assert_true(freezing_end(&f, FROZEN_BY_USER, START + S, &halted_ns));

	/* Without an end. */
	assert_true(freezing_begin_limit(&f, NUM_NONE, START));
	assert_false(freezing_is_over(&f, UINT64_MAX - 1));
	assert_int_equal(freezing_next(&f), START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_a_limit_it_has_an_end),
		cmocka_unit_test(it_stands_when_a_sweep_finds_nobody_moving),
		cmocka_unit_test(a_frozen_tree_is_looked_at),
		cmocka_unit_test(the_clocks_stand_as_long_as_anybody_wishes_it),
		cmocka_unit_test(what_does_not_stand_is_not_swept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
