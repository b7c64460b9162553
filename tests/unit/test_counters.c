/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/auto.h"
#include "core/counters.h"

static void stand_where_they_were_told(void **state)
{
	(void)state;
	struct counters c = { 0 };
	assert_null(counters_find(&c, "a"));
	assert_int_equal(counters_tell(&c, "a", 5, false), 0);
	assert_int_equal(counters_tell(&c, "a", 3, true), 0);
	assert_int_equal(counters_find(&c, "a")->value, 8);
	assert_int_equal(counters_tell(&c, "a", 2, false), 0); /* down again: it is the job's */
	assert_int_equal(counters_find(&c, "a")->value, 2);
	assert_int_equal(counters_tell(&c, "b", UINT64_MAX - 1, false), 0);
	assert_int_equal(counters_tell(&c, "b", 5, true), 0);
	assert_true(counters_find(&c, "b")->value == UINT64_MAX - 1);
	assert_int_equal(c.count, 2);
}

static void there_is_an_end_to_kinds(void **state)
{
	(void)state;
	struct counters c = { 0 };
	char key[8];
	for (unsigned i = 0; i < COUNTERS_MAX; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_int_equal(counters_tell(&c, key, i, false), 0);
	}
	assert_int_equal(counters_tell(&c, "more", 1, false), -ENOSPC);
	assert_int_equal(counters_set_budget(&c, "more", 1, 0), -ENOSPC);
	assert_int_equal(c.refused, 1);
	assert_int_equal(counters_tell(&c, "k0", 9, false), 0);
	assert_int_equal(counters_find(&c, "k0")->value, 9);
	assert_int_equal(counters_tell(&c, "0123456789abcdef0123456789abcdefg", 1, false), -ENOSPC);
}

static void budgets_warn_and_strike(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint64_t budget, value;
		int grade; /* 0, 1 soft, 2 hard */
	} rows[] = {
		{ "nothing used", 100, 0, 0 },
		{ "below 80 %", 100, 79, 0 },
		{ "80 %", 100, 80, 1 },
		{ "one less than all", 100, 99, 1 },
		{ "all", 100, 100, 2 },
		{ "more", 100, 500, 2 },
		{ "a small one", 1, 1, 2 },
		{ "0 of a small one is 80 % of nothing", 1, 0, 1 },
		{ "a very large one", UINT64_MAX - 1, UINT64_MAX / 10 * 7, 0 },
		{ "a very large one at 80 %", UINT64_MAX - 1, UINT64_MAX / 10 * 8 + 10, 1 },
		{ "none", UINT64_MAX, UINT64_MAX - 1, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct counters c = { 0 };
		bool is_hard = false;
		assert_int_equal(counters_set_budget(&c, "k", rows[i].budget, 0), 0);
		assert_int_equal(counters_tell(&c, "k", rows[i].value, false), 0);
		const struct counter *found = counters_judge(&c, &is_hard);
		if ((found ? 1 + is_hard : 0) != rows[i].grade)
			fail_msg("%s", rows[i].rule);
		assert_null(counters_judge(&c, &is_hard)); /* once */
	}
}

static void soft_comes_before_hard_and_each_once(void **state)
{
	(void)state;
	struct counters c = { 0 };
	bool is_hard = true;
	assert_int_equal(counters_set_budget(&c, "a", 10, 0), 0);
	assert_int_equal(counters_set_budget(&c, "b", 10, 0), 0);
	counters_tell(&c, "a", 8, false);
	counters_tell(&c, "b", 10, false);
	assert_string_equal(counters_judge(&c, &is_hard)->key, "b");
	assert_true(is_hard);
	assert_string_equal(counters_judge(&c, &is_hard)->key, "a");
	assert_false(is_hard);
	assert_null(counters_judge(&c, &is_hard));
	counters_tell(&c, "a", 2, true);
	assert_string_equal(counters_judge(&c, &is_hard)->key, "a");
	assert_true(is_hard);
	assert_null(counters_judge(&c, &is_hard));
}

static void what_was_not_told_is_not_told(void **state)
{
	(void)state;
	struct counters c = { 0 };
	bool is_hard;
	assert_int_equal(counters_set_budget(&c, "a", 10, 0), 0);
	assert_false(counters_find(&c, "a")->is_told);
	assert_null(counters_judge(&c, &is_hard));
	counters_tell(&c, "a", 0, false);
	assert_true(counters_find(&c, "a")->is_told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stand_where_they_were_told),
		cmocka_unit_test(there_is_an_end_to_kinds),
		cmocka_unit_test(budgets_warn_and_strike),
		cmocka_unit_test(soft_comes_before_hard_and_each_once),
		cmocka_unit_test(what_was_not_told_is_not_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
