/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/overrun.h"

#define MIB   (1024ULL * 1024)
#define MS    NS_PER_MS
#define START (1000 * NS_PER_S)

static struct limits none(void)
{
	struct limits l = { 0 };

	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		l.bound[i] = (struct limit_bound){ { LIMIT_NONE, 0 }, { LIMIT_NONE, 0 } };
	return l;
}

/* `procs` members of 1 MiB and two threads each, `births` so far. */
static struct limit_verdict look(struct overrun *o, struct limits *l, uint64_t at_ns, unsigned procs,
				 uint64_t births)
{
	struct look now = { .now_ns = START + at_ns, .period_ns = 10 * MS, .births = births };

	limits_begin(l, &now);
	for (unsigned i = 0; i < procs; i++) {
		struct sample s = { .serial = i + 1,
				    .pid = (int32_t)(100 + i),
				    .known = SAMPLE_MEMORY | SAMPLE_STAT,
				    .rss_bytes = MIB,
				    .threads = 2 };
		limits_member(l, &s);
	}
	return overrun_look(o, l, OVERRUN_ANY);
}

static void processes_beyond_what_was_and_what_may_be(void **state)
{
	static const struct {
		const char *rule;
		uint64_t hard, had;
		unsigned now;
		bool want;
	} rows[] = {
		{ "no limit, no verdict", LIMIT_NONE, 10, 500, false },
		{ "as many as at the signal", 20, 30, 30, false },
		{ "a few helpers of an end", 20, 30, 33, false },
		{ "one more than these", 20, 30, 34, true },
		{ "under the limit it may still grow", 50, 10, 50, false },
		{ "and somewhat beyond it", 50, 10, 57, false },
		{ "but no further", 50, 10, 58, true },
		{ "of a large limit no more than eight", 400, 400, 408, false },
		{ "nine", 400, 400, 409, true },
		{ "a limit of one leaves room for one helper", 1, 2, 3, false },
		{ "not for two", 1, 2, 4, true },
		{ "it becomes less", 20, 30, 5, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct limits l = none();
		struct overrun o;

		l.bound[LIMIT_PROCS].hard.at = rows[i].hard;
		overrun_begin(&o, START, rows[i].had, 0);
		struct limit_verdict v = look(&o, &l, 10 * MS, rows[i].now, 0);
		if ((v.grade == GRADE_HARD) != rows[i].want)
			fail_msg("%s", rows[i].rule);
		if (!rows[i].want)
			continue;
		assert_int_equal(v.id, LIMIT_PROCS);
		assert_int_equal(v.value, rows[i].now);
		assert_int_equal(v.bound.at, rows[i].hard);
		assert_int_equal(v.since_ns, START);
	}
}

static void what_was_not_measured_counts_from_the_first_look(void **state)
{
	struct limits l = none();
	struct overrun o;

	(void)state;
	l.bound[LIMIT_TREE_MEM].hard.at = 10 * MIB;
	overrun_begin(&o, START, 12, 0);
	assert_int_equal(look(&o, &l, 10 * MS, 12, 0).grade, GRADE_OK);
	assert_int_equal(look(&o, &l, 20 * MS, 22, 0).grade, GRADE_OK); /* the limit once more */
	struct limit_verdict v = look(&o, &l, 30 * MS, 23, 0);
	assert_int_equal(v.grade, GRADE_HARD);
	assert_int_equal(v.id, LIMIT_TREE_MEM);
	assert_int_equal(v.value, 23 * MIB);

	l = none();
	l.bound[LIMIT_THREADS].hard.at = 20;
	overrun_begin(&o, START, 10, 0);
	assert_int_equal(look(&o, &l, 10 * MS, 10, 0).grade, GRADE_OK);
	assert_int_equal(look(&o, &l, 20 * MS, 11, 0).grade, GRADE_OK);
	assert_int_equal(look(&o, &l, 30 * MS, 12, 0).grade, GRADE_HARD);
}

static void births_pass_the_whole_rate_again(void **state)
{
	struct limits l = none();
	struct overrun o;

	(void)state;
	l.bound[LIMIT_SPAWN_RATE].hard = (struct limit_value){ 50, NS_PER_S };
	overrun_begin(&o, START, 3, 60);
	assert_int_equal(look(&o, &l, 10 * MS, 3, 110).grade, GRADE_OK);
	struct limit_verdict v = look(&o, &l, 20 * MS, 3, 111);
	assert_int_equal(v.grade, GRADE_HARD);
	assert_int_equal(v.id, LIMIT_SPAWN_RATE);
	assert_int_equal(v.value, 51);

	/* Slower than that for as long as the grace is. */
	overrun_begin(&o, START, 3, 60);
	for (uint64_t i = 1; i < 100; i++)
		assert_int_equal(look(&o, &l, i * 500 * MS, 3, 60 + i * 25).grade, GRADE_OK);
}

static void without_a_first_signal_nothing(void **state)
{
	struct limits l = none();
	struct overrun o = { 0 };

	(void)state;
	l.bound[LIMIT_PROCS].hard.at = 1;
	assert_int_equal(look(&o, &l, 10 * MS, 50, 0).grade, GRADE_OK);
}

static void only_what_is_asked_for(void **state)
{
	struct limits l = none();
	struct overrun o;

	(void)state;
	l.bound[LIMIT_PROCS].hard.at = 20;
	overrun_begin(&o, START, 21, UINT64_MAX); /* births do not count */
	assert_int_equal(look(&o, &l, 10 * MS, 40, 1000).grade, GRADE_HARD);
	assert_int_equal(overrun_look(&o, &l, 0).grade, GRADE_OK);
	assert_int_equal(overrun_look(&o, &l, 1U << LIMIT_THREADS).grade, GRADE_OK);
	assert_int_equal(overrun_look(&o, &l, 1U << LIMIT_PROCS).grade, GRADE_HARD);
}

/* Monotone: what is a verdict for a limit is one for each lower limit. */
static void a_lower_limit_is_no_kinder(void **state)
{
	(void)state;
	for (uint64_t had = 0; had < 40; had += 3) {
		for (unsigned now = 0; now < 80; now++) {
			bool was = true;
			for (uint64_t hard = 1; hard < 90; hard++) {
				struct limits l = none();
				struct overrun o;
				l.bound[LIMIT_PROCS].hard.at = hard;
				overrun_begin(&o, START, had, 0);
				bool is = look(&o, &l, 10 * MS, now, 0).grade == GRADE_HARD;
				assert_true(was || !is);
				was = is;
			}
		}
	}
}

static void it_is_told(void **state)
{
	struct limits l = none();
	struct overrun o;
	struct finding f;

	(void)state;
	l.bound[LIMIT_PROCS].hard.at = 20;
	overrun_begin(&o, START, 21, 0);
	struct limit_verdict v = look(&o, &l, 10 * MS, 40, 0);
	overrun_describe(&v, START + 10 * MS, &f);
	assert_string_equal(f.rule, "max-procs");
	assert_string_equal(f.text, "40 processes though it is asked to end: it gets no more time");
	assert_int_equal(f.severity, SEVERITY_CRITICAL);
	assert_int_equal(f.bound, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processes_beyond_what_was_and_what_may_be),
		cmocka_unit_test(what_was_not_measured_counts_from_the_first_look),
		cmocka_unit_test(births_pass_the_whole_rate_again),
		cmocka_unit_test(only_what_is_asked_for),
		cmocka_unit_test(without_a_first_signal_nothing),
		cmocka_unit_test(a_lower_limit_is_no_kinder),
		cmocka_unit_test(it_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
