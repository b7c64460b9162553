/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "core/limit.h"

#define MIB (1024ULL * 1024)
#define MS  NS_PER_MS

static struct limits with(enum limit_id id, uint64_t soft, uint64_t hard, uint64_t per_ns)
{
	struct limits l = { 0 };
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		l.bound[i] = (struct limit_bound){ { LIMIT_NONE, 0 }, { LIMIT_NONE, 0 } };
	l.bound[id] = (struct limit_bound){ { soft, per_ns }, { hard, per_ns } };
	return l;
}

#define ALL (SAMPLE_MEMORY | SAMPLE_STAT | SAMPLE_FDS | SAMPLE_WRITTEN)

/* Two members, so that a sum and a maximum differ. */
static const struct sample pair[] = {
	{ .serial = 1,
	  .pid = 101,
	  .depth = 1,
	  .comm = "first",
	  .known = ALL,
	  .children = 1,
	  .rss_bytes = 3 * MIB,
	  .threads = 4,
	  .fds = 10,
	  .cpu_ns = 2 * NS_PER_S,
	  .waited_ns = NS_PER_S,
	  .written_bytes = 100 },
	{ .serial = 2,
	  .pid = 102,
	  .depth = 2,
	  .comm = "second",
	  .known = ALL,
	  .rss_bytes = 5 * MIB,
	  .threads = 2,
	  .fds = 7,
	  .cpu_ns = NS_PER_S,
	  .written_bytes = 50 },
};

static void the_kernel_s_cap_lets_a_look_see_it_passed(void **state)
{
	(void)state;
	struct limits l = with(LIMIT_THREADS, 5, 20, 0);
	assert_true(limits_cap(l.bound) == 21);
	l.bound[LIMIT_PROCS].hard.at = 1;
	assert_true(limits_cap(l.bound) == 21); /* what it counts are threads */
	l = with(LIMIT_PROCS, 5, 10, 0);
	assert_true(limits_cap(l.bound) == 8 * 10 + 64);
	l = with(LIMIT_PROCS, LIMIT_NONE, UINT64_MAX - 1, 0);
	assert_true(limits_cap(l.bound) == LIMIT_NONE);
	l = with(LIMIT_THREADS, 5, LIMIT_NONE, 0); /* to flag is all that it asks for */
	assert_true(limits_cap(l.bound) == LIMIT_NONE);
	l = with(LIMIT_RSS, 5, 5, 0);
	assert_true(limits_cap(l.bound) == LIMIT_NONE);
}

static struct limit_verdict look(struct limits *l, uint64_t now_ns, uint64_t births, const struct sample *s,
				 size_t n)
{
	struct look now = { .now_ns = now_ns,
			    .period_ns = 50 * MS,
			    .births = births,
			    .ended_ns = NS_PER_S,
			    .output_bytes = 900,
			    .written_bytes = 700 };
	limits_begin(l, &now);
	for (size_t i = 0; i < n; i++)
		limits_member(l, &s[i]);
	return limits_end(l);
}

/* clang-format off */
static const struct {
	enum limit_id id;
	uint64_t value; /* of the pair, and of 60 births */
	uint64_t per_ns;
} measured[] = {
	{ LIMIT_PROCS,      2, 0 },
	{ LIMIT_THREADS,    6, 0 },
	{ LIMIT_DEPTH,      2, 0 },
	{ LIMIT_SPAWN_RATE, 60, 10 * NS_PER_S },
	{ LIMIT_RSS,        5 * MIB, 0 },
	{ LIMIT_TREE_MEM,   8 * MIB, 0 },
	{ LIMIT_CPU,        5 * NS_PER_S, 0 }, /* with what the guard has waited for */
	{ LIMIT_CPU,        5 * NS_PER_S, 10 * NS_PER_S },
	{ LIMIT_FDS,        10, 0 },
	{ LIMIT_IO,         700, 0 },
	{ LIMIT_OUTPUT,     900, 0 },
};
/* clang-format on */

static void below_at_and_above_each_bound(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(measured); i++) {
		enum limit_id id = measured[i].id;
		uint64_t at = measured[i].value;
		for (int hard = 0; hard < 2; hard++) {
			for (int over = -1; over <= 1; over++) {
				uint64_t bound = at + (uint64_t)-over;
				struct limits l = with(id, hard ? LIMIT_NONE : bound,
						       hard ? bound : LIMIT_NONE, measured[i].per_ns);
				struct limit_verdict v = look(&l, NS_PER_S, 60, pair, 2);
				enum limit_grade want = over <= 0 ? GRADE_OK : hard ? GRADE_HARD : GRADE_SOFT;
				if (v.grade != want)
					fail_msg("%s, bound %+d: grade %d, should be %d", limit_rows[id].name,
						 -over, (int)v.grade, (int)want);
				if (over <= 0)
					continue;
				assert_int_equal(v.id, id);
				assert_int_equal(v.value, at);
				assert_int_equal(v.bound.at, bound);
				assert_int_equal(v.since_ns, NS_PER_S);
				assert_int_equal(v.period_ns, 50 * MS);
			}
		}
	}
}

static void what_is_not_measured_trips_nothing(void **state)
{
	(void)state;
	struct sample blind[2] = { pair[0], pair[1] };
	blind[0].known = blind[1].known = 0;
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		bool is_always = i == LIMIT_PROCS || i == LIMIT_DEPTH || i == LIMIT_SPAWN_RATE ||
				 i == LIMIT_IO || i == LIMIT_OUTPUT;
		struct limits l = with((enum limit_id)i, LIMIT_NONE, 0, NS_PER_S);
		struct limit_verdict v = look(&l, NS_PER_S, 60, blind, 2);
		if (v.grade != (is_always ? GRADE_HARD : GRADE_OK))
			fail_msg("%s: grade %d", limit_rows[i].name, (int)v.grade);
	}
}

/* Whatever trips a bound trips each lower one. */
static void verdicts_are_monotone_in_the_bound(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(measured); i++) {
		bool was_over = true;
		for (uint64_t bound = 0; bound <= measured[i].value + 1; bound += measured[i].value / 7 + 1) {
			struct limits l = with(measured[i].id, LIMIT_NONE, bound, measured[i].per_ns);
			bool is_over = look(&l, NS_PER_S, 60, pair, 2).grade == GRADE_HARD;
			assert_true(was_over || !is_over);
			was_over = is_over;
		}
	}
}

static void hard_is_said_before_soft_and_each_bound_once(void **state)
{
	(void)state;
	struct limits l = with(LIMIT_PROCS, 1, LIMIT_NONE, 0);
	l.bound[LIMIT_TREE_MEM].hard.at = MIB;
	l.bound[LIMIT_TREE_MEM].soft.at = MIB / 2;
	struct limit_verdict v = look(&l, 1000, 2, pair, 2);
	assert_int_equal(v.grade, GRADE_HARD);
	assert_int_equal(v.id, LIMIT_TREE_MEM);
	v = limits_end(&l);
	assert_int_equal(v.grade, GRADE_SOFT);
	assert_int_equal(v.id, LIMIT_PROCS);
	v = limits_end(&l);
	assert_int_equal(v.grade, GRADE_SOFT);
	assert_int_equal(v.id, LIMIT_TREE_MEM);
	assert_int_equal(limits_end(&l).grade, GRADE_OK);
	assert_int_equal(look(&l, 2000, 2, pair, 2).grade, GRADE_OK);
	/* Below it again: it may speak again, with a new time. */
	assert_int_equal(look(&l, 3000, 2, pair, 1).grade, GRADE_OK);
	v = look(&l, 4000, 2, pair, 2);
	assert_int_equal(v.grade, GRADE_SOFT);
	assert_int_equal(v.id, LIMIT_PROCS);
	assert_int_equal(v.since_ns, 4000);
}

static void a_rate_counts_what_came_within_its_time(void **state)
{
	(void)state;
	struct limits l = with(LIMIT_SPAWN_RATE, LIMIT_NONE, 50, 10 * NS_PER_S);
	/* 40 at once, before the first look; 4 a second then: never more than 50 in ten seconds, once those
	 * are past. */
	uint64_t births = 40;
	assert_int_equal(look(&l, 10 * MS, births, pair, 1).grade, GRADE_OK);
	for (uint64_t t = 1; t <= 2; t++)
		assert_int_equal(look(&l, t * NS_PER_S, births += 4, pair, 1).grade, GRADE_OK);
	assert_int_equal(look(&l, 3 * NS_PER_S, births += 4, pair, 1).grade, GRADE_HARD);
	for (uint64_t t = 12; t <= 1000; t++)
		assert_int_equal(look(&l, t * NS_PER_S, births += 4, pair, 1).grade, GRADE_OK);
	assert_int_equal(look(&l, 1001 * NS_PER_S, births += 47, pair, 1).grade, GRADE_HARD);
}

static void a_share_of_a_core_is_not_taken_from_one_busy_moment(void **state)
{
	(void)state;
	/* 50 % of a core over 10 s: 5 s of CPU. */
	struct limits l = with(LIMIT_CPU, LIMIT_NONE, 5 * NS_PER_S, 10 * NS_PER_S);
	struct sample busy = pair[1];
	busy.cpu_ns = 0;
	for (uint64_t t = 1; t <= 300; t++) {
		busy.cpu_ns += t % 10 < 3 ? NS_PER_S : 0; /* 30 %, in bursts of a whole core */
		assert_int_equal(look(&l, t * NS_PER_S, 1, &busy, 1).grade, GRADE_OK);
	}
	uint64_t t = 301;
	while (t < 320) {
		busy.cpu_ns += NS_PER_S;
		if (look(&l, t++ * NS_PER_S, 1, &busy, 1).grade != GRADE_OK)
			break;
	}
	assert_in_range(t - 301, 2, 7);
}

static void the_largest_are_the_witnesses(void **state)
{
	(void)state;
	struct limits l = with(LIMIT_RSS, LIMIT_NONE, MIB, 0);
	struct sample four[4];
	for (size_t i = 0; i < 4; i++) {
		four[i] = pair[0];
		four[i].pid = (int32_t)(i + 1);
		four[i].rss_bytes = (i == 2 ? 9 : i) * MIB;
	}
	struct limit_verdict v = look(&l, 1000, 4, four, 4);
	assert_int_equal(v.witness[0].pid, 3);
	assert_int_equal(v.witness[0].value, 9 * MIB);
	assert_int_equal(v.witness[1].pid, 4);
	assert_int_equal(v.witness[2].pid, 2);
	struct finding finding;
	limit_describe(&v, 2000, "walk", &finding);
	assert_string_equal(finding.text, "9M memory of one process, limit 1M");
	assert_string_equal(finding.rule, "max-rss");
	assert_int_equal(finding.severity, SEVERITY_CRITICAL);
}

/* What is known only of files and of members that are read apart. */
static void what_is_written_is_not_known_at_once(void **state)
{
	(void)state;
	static const enum limit_id ids[] = { LIMIT_IO, LIMIT_OUTPUT };
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		struct limits l = with(ids[i], LIMIT_NONE, 0, 0);
		struct look now = { .now_ns = 1, .output_bytes = UINT64_MAX, .written_bytes = UINT64_MAX };
		limits_begin(&l, &now);
		limits_member(&l, &pair[0]);
		assert_int_equal(limits_end(&l).grade, GRADE_OK);
		now.output_bytes = now.written_bytes = 1;
		limits_begin(&l, &now);
		limits_member(&l, &pair[0]);
		struct limit_verdict v = limits_end(&l);
		assert_int_equal(v.grade, GRADE_HARD);
		assert_int_equal(v.witness[0].pid, ids[i] == LIMIT_IO ? 101 : 0);
	}
}

/* Told one by one, with their own times. */
static void births_between_looks_have_their_own_times(void **state)
{
	(void)state;
	static const uint64_t gaps[] = { 0, 1, 1000, MS, 15 * MS };
	for (size_t g = 0; g < COUNT_OF(gaps); g++) {
		struct limits l = with(LIMIT_SPAWN_RATE, LIMIT_NONE, 50, NS_PER_S);
		l.start_ns = 1000 * NS_PER_S;
		uint64_t at = 1007 * NS_PER_S, total = 0;
		while (total < 50) {
			assert_false(limits_born(&l, at, ++total));
			at += gaps[g];
		}
		assert_int_equal(look(&l, at, total, pair, 1).grade, GRADE_OK);
		assert_true(limits_born(&l, at, ++total));
		/* The look comes when the burst is over: it is known all the same, and said once. */
		at += 5 * NS_PER_S;
		struct limit_verdict v = look(&l, at, total, pair, 1);
		assert_int_equal(v.grade, GRADE_HARD);
		assert_int_equal(v.value, 51);
		assert_int_equal(look(&l, at + MS, total, pair, 1).grade, GRADE_OK);
		assert_int_equal(look(&l, at + 2 * MS, total, pair, 1).grade, GRADE_OK);
	}
}

/* A steady 49 a second is not 50, for as long as one likes; 52 is within two seconds. */
static void just_under_a_rate_is_under_it(void **state)
{
	(void)state;
	for (unsigned rate = 40; rate <= 56; rate++) {
		struct limits l = with(LIMIT_SPAWN_RATE, LIMIT_NONE, 50, NS_PER_S);
		bool is_passed = false;
		for (uint64_t n = 1; n <= 20 * rate && !is_passed; n++)
			is_passed = limits_born(&l, 10 * NS_PER_S + n * NS_PER_S / rate, n);
		if (is_passed != (rate > 52) && rate != 51 && rate != 52)
			fail_msg("%u a second: %d", rate, is_passed);
	}
}

static void parents_are_the_witnesses_of_a_rate(void **state)
{
	(void)state;
	struct limits l = with(LIMIT_SPAWN_RATE, LIMIT_NONE, 5, NS_PER_S);
	struct look now = {
		.now_ns = NS_PER_S, .births = 9, .output_bytes = UINT64_MAX, .written_bytes = UINT64_MAX
	};
	limits_begin(&l, &now);
	limits_member(&l, &pair[0]);
	static const char sh[16] = "sh", make[16] = "make";
	limits_parent(&l, 71, sh, 3);
	limits_parent(&l, 72, make, 6);
	struct limit_verdict v = limits_end(&l);
	assert_int_equal(v.grade, GRADE_HARD);
	assert_int_equal(v.witness[0].pid, 72);
	assert_string_equal(v.witness[0].comm, "make");
	assert_int_equal(v.witness[1].value, 3);
	assert_int_equal(v.witness[2].pid, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_s_cap_lets_a_look_see_it_passed),
		cmocka_unit_test(below_at_and_above_each_bound),
		cmocka_unit_test(what_is_not_measured_trips_nothing),
		cmocka_unit_test(verdicts_are_monotone_in_the_bound),
		cmocka_unit_test(hard_is_said_before_soft_and_each_bound_once),
		cmocka_unit_test(a_rate_counts_what_came_within_its_time),
		cmocka_unit_test(a_share_of_a_core_is_not_taken_from_one_busy_moment),
		cmocka_unit_test(the_largest_are_the_witnesses),
		cmocka_unit_test(what_is_written_is_not_known_at_once),
		cmocka_unit_test(births_between_looks_have_their_own_times),
		cmocka_unit_test(just_under_a_rate_is_under_it),
		cmocka_unit_test(parents_are_the_witnesses_of_a_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
