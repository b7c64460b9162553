/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/pressure.h"

#define START (1000 * NS_PER_S)
#define GIB   (1ULL << 30)

struct row {
	const char *rule;
	enum pressure_id id;
	uint32_t centi;
	uint64_t part, whole;
	bool is_yielding;
	uint64_t lasts_s, gap_at_s; /* windows each 2 s; 0 = without a gap */
	int want;                   /* severity, -1 = none */
};

/* clang-format off */
static const struct row rows[] = {
	{ "a tree that takes the memory",        PRESSURE_MEMORY, 2000, 2 * GIB, 4 * GIB, false,  6,  0, SEVERITY_WARNING },
	{ "and worse",                           PRESSURE_MEMORY, 4000, 2 * GIB, 4 * GIB, false,  6,  0, SEVERITY_CRITICAL },
	{ "a quarter is enough",                 PRESSURE_MEMORY, 1500, 1 * GIB, 4 * GIB, false,  6,  0, SEVERITY_WARNING },
	{ "less is another's doing",             PRESSURE_MEMORY, 9900, GIB - 1, 4 * GIB, false, 60,  0, -1 },
	{ "a little waiting is none",            PRESSURE_MEMORY, 1499, 4 * GIB, 4 * GIB, false, 60,  0, -1 },
	{ "a moment is none",                    PRESSURE_MEMORY, 9900, 4 * GIB, 4 * GIB, false,  5,  0, -1 },
	{ "a machine of unknown size",           PRESSURE_MEMORY, 9900, 4 * GIB, 0,       false, 60,  0, -1 },
	{ "a gap begins anew",                   PRESSURE_MEMORY, 9900, 4 * GIB, 4 * GIB, false,  9,  5, -1 },
	{ "a tree that takes all processors",    PRESSURE_CPU,    9000, 95, 100,          false, 60,  0, SEVERITY_INFO },
	{ "never more than info",                PRESSURE_CPU,    9999, 100, 100,         false, 300, 0, SEVERITY_INFO },
	{ "a short build is none",               PRESSURE_CPU,    9999, 100, 100,         false, 58,  0, -1 },
	{ "one of several users",                PRESSURE_CPU,    9999, 79, 100,          false, 300, 0, -1 },
	{ "with nice it lets others go first",   PRESSURE_CPU,    9999, 100, 100,         true,  300, 0, -1 },
	{ "two on a machine of two",             PRESSURE_CPU,    7900, 100, 100,         false, 300, 0, -1 },
};
/* clang-format on */

static int judge(const struct row *row, unsigned *out_told, struct finding *out)
{
	struct pressure p = { 0 };
	int worst = -1;

	*out_told = 0;
	for (uint64_t s = 0; s <= row->lasts_s; s += 2) {
		uint64_t gap_s = row->gap_at_s != 0 && s >= row->gap_at_s ? 7 : 0;
		struct pressure_window w = { .now_ns = START + (s + gap_s) * NS_PER_S,
					     .centi_pct = row->centi,
					     .part = row->part,
					     .whole = row->whole,
					     .is_yielding = row->is_yielding };
		if (!pressure_judge(&p, row->id, &w, out))
			continue;
		worst = (int)out->severity;
		++*out_told;
	}
	return worst;
}

static void what_the_tree_makes_is_told_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct finding f;
		unsigned told;
		int got = judge(&rows[i], &told, &f);
		if (got != rows[i].want || told != (rows[i].want >= 0))
			fail_msg("%s: %d, told %u times", rows[i].rule, got, told);
	}
}

/* Monotone: a larger share, and more pressure, never make it less. */
static void more_is_no_less(void **state)
{
	(void)state;
	for (unsigned id = 0; id < PRESSURE_COUNT; id++) {
		for (uint32_t centi = 0; centi <= 10000; centi += 500) {
			int before = -1;
			for (uint64_t part = 0; part <= 100; part += 5) {
				struct row row = {
					"", (enum pressure_id)id, centi, part, 100, false, 90, 0, 0
				};
				struct finding f;
				unsigned told;
				int got = judge(&row, &told, &f);
				assert_true(got >= before);
				before = got;
			}
		}
	}
}

static void worse_is_told_again(void **state)
{
	(void)state;
	struct pressure p = { 0 };
	struct finding f;
	unsigned told = 0;

	for (uint64_t s = 0; s < 40; s += 2) {
		struct pressure_window w = { .now_ns = START + s * NS_PER_S,
					     .centi_pct = s < 20 ? 2000 : 6000,
					     .part = 1,
					     .whole = 2 };
		told += pressure_judge(&p, PRESSURE_MEMORY, &w, &f);
	}
	assert_int_equal(told, 2);
	assert_int_equal(f.severity, SEVERITY_CRITICAL);
	assert_string_equal(f.text,
			    "somebody waits for memory 60 % of the time, of which this tree has 50 %");
	assert_string_equal(f.rung, "psi");
	assert_int_equal(f.value, 60);
	assert_int_equal(f.bound, 15);
	assert_int_equal(f.since_ns, START);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_tree_makes_is_told_once),
		cmocka_unit_test(more_is_no_less),
		cmocka_unit_test(worse_is_told_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
