/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/batch.h"
#include "core/batch_sum.h"

#define ITEMS_MAX 32

static struct batch_item items[ITEMS_MAX];
static struct batch_family families[4];
static struct batch b;

/* One letter for each item: its family. */
static void begin(const char *of, struct batch_brakes brakes)
{
	static const char *const names[] = { "a-1", "b-1", "c-1", "d-1" };

	memset(&b, 0, sizeof(b));
	memset(items, 0, sizeof(items));
	memset(families, 0, sizeof(families));
	for (uint32_t i = 0; i < 4; i++)
		families[i] = (struct batch_family){ .name = names[i], .n = 2 };
	for (; of[b.count]; b.count++) {
		struct batch_item *item = &items[b.count];
		item->family = (uint32_t)(of[b.count] - 'a');
		item->text = names[item->family];
		item->n = 3;
	}
	b.items = items;
	b.families = families;
	b.family_count = 4;
	b.brakes = brakes;
	if (b.brakes.total_ns == 0)
		b.brakes.total_ns = NUM_NONE;
	batch_init(&b);
}

static struct batch_end end_as(char what)
{
	struct batch_end end = { .came_to = CAME_OK, .took_ns = NS_PER_S, .yield = BATCH_YIELD_UNKNOWN };

	if (what == 'z') { /* ok, and nothing came of it */
		end.yield = 0;
	} else if (what == 'y') {
		end.yield = 5;
	} else if (what == 't' || what == 'T') {
		end.came_to = CAME_TIMEOUT;
		end.print = 99;
	} else if (what >= '1' && what <= '9') {
		end.came_to = CAME_FAILED;
		end.print = (uint64_t)(what - '0');
	} else if (what == 's') {
		end.came_to = CAME_STOPPED;
	} else if (what == 'r') {
		end.came_to = CAME_REFUSED;
	}
	return end;
}

/* Each start ends as the next letter says, one at a time.  Which were started, as letters from A on. */
static const char *play(const char *ends)
{
	static char started[64];
	uint32_t item;
	size_t n = 0;

	for (; *ends && n + 1 < sizeof(started) && batch_next(&b, 0, &item) == NEXT_ITEM; ends++) {
		struct batch_end end = end_as(*ends);
		started[n++] = (char)('A' + item);
		batch_started(&b, item);
		(void)batch_ended(&b, item, &end);
	}
	started[n] = '\0';
	return started;
}

static void brakes_stop_what_they_should(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *families, *ends, *started;
		struct batch_brakes brakes;
		enum batch_rule stop;
		uint32_t skipped;
		int status;
	} rows[] = {
		{ "all, in their order", "abca", "oooo", "ABCD", { .max_attempts = 1 }, RULE_NONE, 0, 0 },
		{ "a failure stops nothing", "aaa", "1oo", "ABC", { .max_attempts = 1 }, RULE_NONE, 0, 1 },
		{ "max-runs leaves the rest", "aaaa", "oooo", "AB", { .max_runs = 2 }, RULE_NONE, 0, 0 },
		{ "two equal failures stop the family",
		  "abaab",
		  "1o1oo",
		  "ABCE",
		  { .same_failure = 2 },
		  RULE_NONE,
		  1,
		  3 },
		{ "different ones do not", "aaaa", "1234", "ABCD", { .same_failure = 2 }, RULE_NONE, 0, 1 },
		{ "of two families neither", "abab", "1122", "ABCD", { .same_failure = 2 }, RULE_NONE, 0, 1 },
		{ "not in a row: they count all the same",
		  "aaaa",
		  "121o",
		  "ABC",
		  { .same_failure = 2 },
		  RULE_NONE,
		  1,
		  3 },
		{ "one that is ok between: anew",
		  "aaaa",
		  "1o1o",
		  "ABCD",
		  { .same_failure = 2 },
		  RULE_NONE,
		  0,
		  1 },
		{ "ok of another family is not between",
		  "abaa",
		  "1o1o",
		  "ABC",
		  { .same_failure = 2 },
		  RULE_NONE,
		  1,
		  3 },
		{ "a timeout stops the family",
		  "aabb",
		  "tooo",
		  "ACD",
		  { .max_timeouts = 1 },
		  RULE_NONE,
		  1,
		  3 },
		{ "the second of two does", "aaab", "ttoo", "ABD", { .max_timeouts = 2 }, RULE_NONE, 1, 3 },
		{ "nothing in a row stops all",
		  "abab",
		  "zzyy",
		  "AB",
		  { .zero_yield = 2 },
		  RULE_ZERO_YIELD,
		  0,
		  3 },
		{ "something between: anew", "aaaa", "zyzy", "ABCD", { .zero_yield = 2 }, RULE_NONE, 0, 0 },
		{ "what is unknown is not nothing",
		  "aaaa",
		  "zozo",
		  "ABC",
		  { .zero_yield = 2 },
		  RULE_ZERO_YIELD,
		  0,
		  3 },
		{ "the canary fails", "aaa", "1oo", "A", { .canary = 1 }, RULE_CANARY, 0, 3 },
		{ "the second canary fails", "aaa", "o1o", "AB", { .canary = 2 }, RULE_CANARY, 0, 3 },
		{ "who is no canary", "aaa", "o1o", "ABC", { .canary = 1 }, RULE_NONE, 0, 1 },
		{ "tried again when all others were",
		  "aaa",
		  "1o2oo",
		  "ABCAC",
		  { .max_attempts = 2 },
		  RULE_NONE,
		  0,
		  0 },
		{ "and once more", "aa", "1o23o", "ABAA", { .max_attempts = 3 }, RULE_NONE, 0, 1 },
		{ "no attempt in a family that is stopped",
		  "aab",
		  "11oo",
		  "ABC",
		  { .max_attempts = 2, .same_failure = 2 },
		  RULE_NONE,
		  0,
		  1 },
		{ "refused: the next would be too",
		  "aaa",
		  "roo",
		  "A",
		  { .max_attempts = 1 },
		  RULE_REFUSED,
		  0,
		  3 },
		{ "ended by somebody: the others go on",
		  "aaa",
		  "soo",
		  "ABC",
		  { .max_attempts = 1 },
		  RULE_NONE,
		  0,
		  1 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		begin(rows[i].families, rows[i].brakes);
		const char *started = play(rows[i].ends);
		if (strcmp(started, rows[i].started) != 0 || b.stop != rows[i].stop ||
		    b.skipped != rows[i].skipped || batch_exit_status(&b) != rows[i].status)
			fail_msg("%s: started %s, stop %s, skipped %u, status %d", rows[i].rule, started,
				 batch_rules[b.stop].name, b.skipped, batch_exit_status(&b));
	}
}

static void canaries_run_alone(void **state)
{
	(void)state;
	struct batch_end ok = end_as('o');
	uint32_t item, other;

	begin("aaaaa", (struct batch_brakes){ .jobs = 3, .canary = 2 });
	for (int i = 0; i < 2; i++) {
		assert_int_equal(batch_next(&b, 0, &item), NEXT_ITEM);
		batch_started(&b, item);
		assert_int_equal(batch_next(&b, 0, &other), NEXT_LATER);
		(void)batch_ended(&b, item, &ok);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(batch_next(&b, 0, &item), NEXT_ITEM);
		batch_started(&b, item);
	}
	assert_int_equal(batch_next(&b, 0, &item), NEXT_LATER);
}

static void time_ends_it(void **state)
{
	(void)state;
	struct batch_end ok = end_as('o');
	uint32_t item;

	begin("aaa", (struct batch_brakes){ .total_ns = 10 * NS_PER_S });
	assert_int_equal(batch_next(&b, 0, &item), NEXT_ITEM);
	batch_started(&b, item);
	assert_false(batch_is_out_of_time(&b, 9 * NS_PER_S));
	assert_true(batch_is_out_of_time(&b, 10 * NS_PER_S));
	(void)batch_ended(&b, item, &ok);
	assert_true(batch_eta(&b, 9 * NS_PER_S) == NS_PER_S); /* two of a second, but it has one only */
	assert_int_equal(batch_next(&b, 10 * NS_PER_S, &item), NEXT_NONE);
	assert_int_equal(b.stop, RULE_TOTAL);
	begin("a", (struct batch_brakes){ .total_ns = NS_PER_S });
	(void)play("o");
	assert_int_equal(batch_next(&b, 2 * NS_PER_S, &item), NEXT_NONE);
	assert_int_equal(b.stop, RULE_NONE); /* nothing was left */
}

static void a_sitting_goes_on_or_begins_anew(void **state)
{
	(void)state;

	begin("aaaa", (struct batch_brakes){ .same_failure = 2 });
	(void)play("1");
	batch_sit(&b, false); /* killed: the first failure counts */
	assert_string_equal(play("1ooo"), "B");
	assert_int_equal(b.skipped, 2);
	batch_sit(&b, true); /* somebody said: go on */
	assert_int_equal(b.waiting, 2);
	assert_string_equal(play("1o"), "CD");
	batch_sit(&b, true);
	assert_int_equal(b.waiting, 0);
	b.brakes.max_attempts = 2; /* what failed has one more */
	batch_sit(&b, true);
	assert_string_equal(play("ooo"), "ABC");
}

static void prefixes_are_asked_at_each_sitting(void **state)
{
	(void)state;

	begin("abab", (struct batch_brakes){ .max_attempts = 1 });
	batch_skip(&b, 1, RULE_SKIP_PREFIX);
	batch_skip(&b, 3, RULE_SKIP_PREFIX);
	assert_string_equal(play("oooo"), "AC");
	assert_int_equal(batch_exit_status(&b), 0); /* left out is not braked */
	batch_sit(&b, false);
	assert_string_equal(play("oooo"), "BD");
}

/* --- what came of it ------------------------------------------------------------------------------------ */

static void sums_up(void **state)
{
	(void)state;
	struct family_sum of[4];
	struct batch_sum sum;

	begin("aaaabb", (struct batch_brakes){ .max_attempts = 2 });
	assert_string_equal(play("yz11yy1o"), "ABCDEFCD");
	assert_int_equal(batch_sum(&b, &sum, of), 0);
	assert_int_equal(sum.state[BATCH_OK], 5);
	assert_int_equal(sum.state[BATCH_FAILED], 1);
	assert_int_equal(sum.transient, 1);
	assert_int_equal(sum.measured, 4);
	assert_int_equal(sum.with_yield, 3);
	assert_true(sum.median_rate == 300 && sum.p90_rate == 300 && sum.total == 15);
	assert_int_equal(sum.prints[0].count, 1);
	assert_int_equal(sum.kinds, 1);
	assert_int_equal(of[0].transient, 1);
	assert_true(of[0].has_same_print);
	assert_int_equal(of[1].failures, 0);
}

/* Ten that brought 1 .. 10 in a minute, one that a brake has left out, one that was left out by its name. */
static void tells_the_middle_and_what_is_left(void **state)
{
	(void)state;
	static struct batch_item tenfold[12];
	static struct batch_family family;
	struct family_sum of[1];
	struct batch_sum sum;
	struct batch all = { .items = tenfold, .families = &family, .count = 12, .family_count = 1 };

	for (uint32_t i = 0; i < 10; i++)
		tenfold[i] = (struct batch_item){ .text = "x",
						  .n = 1,
						  .state = BATCH_OK,
						  .attempts = 1,
						  .last = { .took_ns = 60 * NS_PER_S,
							    .yield = (i * 7) % 10 + 1 } };
	tenfold[10] =
		(struct batch_item){ .text = "x", .n = 1, .state = BATCH_SKIPPED, .rule = RULE_SAME_FAILURE };
	tenfold[11] =
		(struct batch_item){ .text = "y", .n = 1, .state = BATCH_SKIPPED, .rule = RULE_SKIP_PREFIX };
	assert_int_equal(batch_sum(&all, &sum, of), 0);
	assert_true(sum.median_rate == 5.5 && sum.p90_rate == 9 && sum.total == 55);
	assert_int_equal(sum.left, 1);
	assert_int_equal(of[0].transient, 0);
}

static void advises(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *families, *ends;
		struct batch_brakes brakes;
		enum batch_advice first;
	} rows[] = {
		{ "most brought nothing", "aaaa", "zzzy", { .jobs = 1 }, ADVICE_CHECK_YIELD },
		{ "one failure dominates", "aaab", "111o", { .jobs = 1 }, ADVICE_SKIP_PREFIX },
		{ "it dominates, but not among all that begin so",
		  "aaab",
		  "1o1o",
		  { .jobs = 1 },
		  ADVICE_LOOK },
		{ "out of time", "aaab", "tt1o", { .jobs = 1 }, ADVICE_MORE_TIME },
		{ "failures that differ", "aaaaaa", "123456", { .jobs = 1 }, ADVICE_AGAIN },
		{ "all went well", "aaaa", "oo", { .max_runs = 2 }, ADVICE_LARGER },
		{ "the time was over", "aaaa", "oo", { .jobs = 1 }, ADVICE_RESUME },
		{ "refused", "aaaa", "r", { .jobs = 1 }, ADVICE_REFUSED },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct batch_hint hints[HINTS_MAX];
		struct family_sum of[4];
		struct batch_sum sum;
		begin(rows[i].families, rows[i].brakes);
		(void)play(rows[i].ends);
		assert_int_equal(batch_sum(&b, &sum, of), 0);
		unsigned n = batch_advise(&b, &sum, hints);
		if (n == 0 || hints[0].advice != rows[i].first)
			fail_msg("%s: %u, %d", rows[i].rule, n, n ? (int)hints[0].advice : -1);
	}
}

static void rules_have_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RULE_COUNT; i++)
		assert_int_equal(batch_rule_find(batch_rules[i].name, strlen(batch_rules[i].name)), i);
	assert_int_equal(batch_rule_find("x", 1), RULE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(brakes_stop_what_they_should),
		cmocka_unit_test(canaries_run_alone),
		cmocka_unit_test(time_ends_it),
		cmocka_unit_test(a_sitting_goes_on_or_begins_anew),
		cmocka_unit_test(prefixes_are_asked_at_each_sitting),
		cmocka_unit_test(sums_up),
		cmocka_unit_test(tells_the_middle_and_what_is_left),
		cmocka_unit_test(advises),
		cmocka_unit_test(rules_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
