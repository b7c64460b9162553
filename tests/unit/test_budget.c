/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/buf.h"
#include "core/budget.h"
#include "core/budget_text.h"

#define HOUR 3600000000000ULL
#define DAY  (24 * HOUR)

static struct budgets b;

static int empty(void **state)
{
	(void)state;
	memset(&b, 0, sizeof(b));
	return 0;
}

static uint64_t used(const char *key, uint64_t per_ns)
{
	return budget_used(budgets_need(&b, key, per_ns, 100));
}

static void counts_within_its_time(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint64_t later_ns;
		uint64_t used;
	} rows[] = {
		{ "at once", 0, 30 },
		{ "just before the time is over", DAY - 1, 30 },
		{ "at its end it is over", DAY, 0 },
		{ "long after", 100 * DAY, 0 },
		{ "for ever", UINT64_MAX, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		empty(NULL);
		assert_int_equal(used("a", DAY), 0);
		budgets_add(&b, "a", 30);
		budgets_add(&b, "other", 7);
		budgets_pass(&b, rows[i].later_ns);
		if (used("a", DAY) != rows[i].used)
			fail_msg("%s: %lu", rows[i].rule, used("a", DAY));
	}
}

static void room_comes_back_when_enough_is_over(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint64_t limit, room_in_ns;
	} rows[] = {
		{ "nothing used up", 61, 0 },
		{ "all: the first has to go", 60, DAY - 4 * HOUR },
		{ "the first is not enough", 50, DAY - 2 * HOUR },
		{ "one less is", 51, DAY - 4 * HOUR },
		{ "all three have to go", 30, DAY },
		{ "the last alone is too much", 1, DAY },
	};
	(void)budgets_need(&b, "a", DAY, 100);
	for (int i = 1; i <= 3; i++) { /* 10, 20, 30: four hours, two hours and no time ago */
		budgets_pass(&b, 2 * HOUR);
		budgets_add(&b, "a", (uint64_t)i * 10);
	}
	const struct budget *k = budgets_need(&b, "a", DAY, 100);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (budget_room_in(k, rows[i].limit) != rows[i].room_in_ns)
			fail_msg("%s: %lu", rows[i].rule, budget_room_in(k, rows[i].limit));
		struct budgets later = b;
		budgets_pass(&later, rows[i].room_in_ns);
		assert_true(budget_used(&later.at[0]) < rows[i].limit);
		later = b;
		budgets_pass(&later, rows[i].room_in_ns - (rows[i].room_in_ns > 0));
		assert_true(rows[i].room_in_ns == 0 || budget_used(&later.at[0]) >= rows[i].limit);
	}
}

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

/* Against all that was ever added, at every step: never less than is true, and more by a part of the time. */
static void is_strict_by_a_part_of_the_time(void **state)
{
	(void)state;
	static uint64_t at_ns[4000], micro[4000];
	uint64_t seed = 7, now_ns = 0;

	for (int round = 0; round < 40; round++) {
		uint64_t step_ns = DAY >> (round % 14);
		uint32_t n = 0;
		empty(NULL);
		(void)budgets_need(&b, "a", DAY, 100);
		for (int i = 0; i < 1000; i++) {
			uint64_t pass_ns = next(&seed) % step_ns, least = 0, most = 0;
			now_ns += pass_ns;
			budgets_pass(&b, pass_ns);
			at_ns[n] = now_ns;
			micro[n] = 1 + next(&seed) % 1000;
			budgets_add(&b, "a", micro[n++]);
			for (uint32_t k = 0; k < n; k++) {
				least += now_ns - at_ns[k] < DAY ? micro[k] : 0;
				most += now_ns - at_ns[k] < DAY + DAY / BUDGET_PARTS ? micro[k] : 0;
			}
			assert_true(budget_used(&b.at[0]) >= least);
			assert_true(budget_used(&b.at[0]) <= most);
			assert_true(b.at[0].count <= BUDGET_POINTS);
		}
	}
}

static void a_time_too_short_to_divide_loses_nothing(void **state)
{
	(void)state;
	(void)budgets_need(&b, "a", 1000000, 100);
	b.at[0].per_ns = BUDGET_PARTS - 1; /* a part of it is nothing: each addition is a point of its own */
	for (int i = 0; i < 500; i++)
		budgets_add(&b, "a", 1);
	assert_int_equal(budget_used(&b.at[0]), 500);
	assert_int_equal(b.at[0].count, BUDGET_POINTS);
}

static void another_time_begins_with_what_is_known(void **state)
{
	(void)state;
	(void)budgets_need(&b, "a", HOUR, 100);
	(void)budgets_need(&b, "a", DAY, 100);
	budgets_add(&b, "a", 5);
	budgets_pass(&b, 2 * HOUR);
	budgets_add(&b, "a", 6);
	assert_int_equal(used("a", HOUR), 6);
	assert_int_equal(used("a", DAY), 11);
	assert_int_equal(used("a", 7 * DAY), 11); /* new: as far back as anything is known */
	assert_int_equal(used("a", 90 * 60000000000ULL), 6);
	assert_int_equal(used("b", DAY), 0);
}

static void there_is_an_end_to_them(void **state)
{
	(void)state;
	char key[8];
	for (unsigned i = 0; i < BUDGETS_MAX; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		assert_non_null(budgets_need(&b, key, DAY, 100));
		budgets_add(&b, key, 1);
	}
	assert_null(budgets_need(&b, "more", DAY, 100));
	assert_non_null(budgets_need(&b, "k0", DAY, 100));
	budgets_pass(&b, DAY);
	assert_null(budgets_need(&b, "more", DAY, 100)); /* each is asked for */
	b.at[3].is_asked = false;
	assert_non_null(budgets_need(&b, "more", DAY, 100));
	assert_string_equal(b.at[3].key, "more");
	assert_null(budgets_need(&b, "0123456789abcdef0123456789abcdefg", DAY, 100));
	assert_null(budgets_need(&b, "", DAY, 100));
}

static void sums_do_not_run_over(void **state)
{
	(void)state;
	(void)budgets_need(&b, "a", DAY, 100);
	for (int i = 0; i < 3; i++) {
		budgets_add(&b, "a", UINT64_MAX - 1);
		budgets_pass(&b, HOUR);
	}
	assert_true(used("a", DAY) == UINT64_MAX);
	budgets_pass(&b, UINT64_MAX);
	budgets_pass(&b, UINT64_MAX);
	assert_int_equal(used("a", DAY), 0);
}

static int read_text(struct budgets *to, const char *text)
{
	int r = 1;
	memset(to, 0, sizeof(*to));
	for (const char *at = text; r >= 0 && *at;) {
		size_t n = strcspn(at, "\n");
		r = budget_text_parse(to, at, n);
		at += n + (at[n] == '\n');
	}
	return r;
}

static void comes_back_from_its_text(void **state)
{
	(void)state;
	static struct budgets again;
	static char bytes[BUDGET_TEXT_MAX];
	struct buf text;

	for (unsigned i = 0; i < BUDGETS_MAX; i++) {
		char key[COUNTERS_KEY_MAX + 1];
		snprintf(key, sizeof(key), "k%031u", i);
		struct budget *k = budgets_need(&b, key, UINT64_MAX - i, UINT64_MAX);
		for (uint32_t p = 0; p < BUDGET_POINTS; p++)
			k->at[k->count++] = (struct budget_point){ UINT64_MAX - 1000 - p, UINT64_MAX };
		k->open_ns = UINT64_MAX;
	}
	buf_init(&text, bytes, sizeof(bytes));
	budget_text_format(&text, &b);
	assert_false(text.cut); /* the largest there is */
	assert_int_equal(read_text(&again, bytes), 1);
	for (unsigned i = 0; i < BUDGETS_MAX; i++)
		again.at[i].is_asked = true;
	assert_memory_equal(&again, &b, sizeof(b));
}

static void what_is_over_and_not_asked_for_is_not_written(void **state)
{
	(void)state;
	BUF(text, 512);
	(void)budgets_need(&b, "a", DAY, 100);
	(void)budgets_need(&b, "b", DAY, 100);
	b.at[0].is_asked = false;
	budget_text_format(&text, &b);
	assert_string_equal(text.at, "budget b 86400000000000 100 0\n");
}

static void what_is_no_budget_is_none(void **state)
{
	(void)state;
	static struct budgets to;
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "budget a 1000 5 0\nused 9 1\nused 9 1\nused 3 2", 1 },
		{ "", 1 },
		{ "trial since 5", 0 },
		{ "budgets a 1 1 1", 0 },
		{ " budget a 1 1 1", 0 },
		{ "budget", -EBADMSG },
		{ "budget a", -EBADMSG },
		{ "budget a 1 1", -EBADMSG },
		{ "budget a 0 5 0", -EBADMSG },
		{ "budget a 1 5 0 7", -EBADMSG },
		{ "budget a 1 5 -1", -EBADMSG },
		{ "budget a 1 5 18446744073709551616", -EBADMSG },
		{ "budget a\tb 1 5 0", -EBADMSG },
		{ "budget 0123456789abcdef0123456789abcdefg 1 5 0", -EBADMSG },
		{ "budget a 1 5 0\nbudget a 1 6 0", -EBADMSG },
		{ "budget a 1 5 0\nbudget a 2 6 0", 1 },
		{ "used 1 1", -EBADMSG },
		{ "budget a 1000 5 0\nused 3 1\nused 9 1", -EBADMSG },
		{ "budget a 1000 5 0\nused 3", -EBADMSG },
		{ "budget a 1000 5 0\nused 3 1 1", -EBADMSG },
		{ "budget a 1000 5 0\nused  3 1", -EBADMSG },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (read_text(&to, rows[i].text) != rows[i].r)
			fail_msg("%s", rows[i].text);
	assert_int_equal(budget_text_parse(&to, "used 1\0 1", 9), -EBADMSG);
	memset(&to, 0, sizeof(to));
	assert_int_equal(budget_text_parse(&to, "budget a 1000 5 0", 17), 1);
	for (unsigned i = 0; i < BUDGET_POINTS; i++)
		assert_int_equal(budget_text_parse(&to, "used 1 1", 8), 1);
	assert_int_equal(budget_text_parse(&to, "used 1 1", 8), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_within_its_time, empty),
		cmocka_unit_test_setup(room_comes_back_when_enough_is_over, empty),
		cmocka_unit_test_setup(is_strict_by_a_part_of_the_time, empty),
		cmocka_unit_test_setup(a_time_too_short_to_divide_loses_nothing, empty),
		cmocka_unit_test_setup(another_time_begins_with_what_is_known, empty),
		cmocka_unit_test_setup(there_is_an_end_to_them, empty),
		cmocka_unit_test_setup(sums_do_not_run_over, empty),
		cmocka_unit_test_setup(comes_back_from_its_text, empty),
		cmocka_unit_test_setup(what_is_over_and_not_asked_for_is_not_written, empty),
		cmocka_unit_test_setup(what_is_no_budget_is_none, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
