/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/births.h"

#define S NS_PER_S

/* --- evidence of looks ------------------------------------------------------------------------------------
 * One parent, some looks.  A look is a word: a digit, so many children were met; m, its faults have moved; g,
 * a child that was met is gone; o, one of unknown parent is gone; -, nothing; 'x': the parent was not read.
 */

static struct {
	const char *rule;
	const char *looks[8];
	uint64_t total;
} const tables[] = {
	{ "nothing is born", { "-", "-", "-" }, 0 },
	{ "whoever is met was born", { "2", "1", "-" }, 3 },
	{ "faults that move are a birth", { "-", "m", "-" }, 1 },
	{ "... judged at the next look", { "-", "m" }, 0 },
	{ "... also if that does not read the parent again", { "-", "m", "x", "-" }, 1 },
	{ "at first sight it has waited for somebody", { "m", "-" }, 1 },
	{ "each look that moved is one", { "m", "m", "m", "m", "-" }, 4 },
	{ "one met and gone explains it", { "1", "gm", "-" }, 1 },
	{ "... gone just before", { "1", "g", "m", "-" }, 1 },
	{ "... gone just after", { "1", "m", "g", "-" }, 1 },
	{ "... not gone long before", { "1", "g", "-", "m", "-" }, 2 },
	{ "... not gone long after", { "1", "m", "-", "g", "-" }, 2 },
	{ "... not alive still", { "1", "m", "-", "-" }, 2 },
	{ "one of unknown parent explains it, too", { "1", "om", "-" }, 1 },
	{ "... of every parent, before", { "1", "o", "m", "-" }, 1 },
	{ "met and unseen add up", { "1", "1", "m", "1", "m", "-" }, 5 },
	{ "seen ones by turns: never counted twice", { "1", "1gm", "1gm", "1gm", "gm", "-" }, 4 },
};

static void a_look_is_evidence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		struct births b;
		struct births_trace trace = { 0 };
		struct sample s = { .pid = 7, .known = SAMPLE_STAT };

		births_init(&b, BIRTHS_SAMPLED, S);
		for (size_t k = 0; k < COUNT_OF(tables[i].looks) && tables[i].looks[k]; k++) {
			const char *look = tables[i].looks[k];
			births_begin_look(&b, (k + 1) * S);
			for (const char *c = look; *c; c++) {
				for (int n = *c - '0'; *c >= '0' && *c <= '9' && n > 0; n--)
					births_meet(&b, 7);
				if (*c == 'm')
					s.child_faults += 60;
				if (*c == 'g')
					births_miss(&b, &trace);
				if (*c == 'o')
					births_miss(&b, NULL);
			}
			s.known = strchr(look, 'x') ? 0 : SAMPLE_STAT;
			births_sample(&b, &trace, &s);
		}
		if (births_total(&b) != tables[i].total)
			fail_msg("%s: %llu", tables[i].rule, (unsigned long long)births_total(&b));
	}
}

/* Whatever happens between looks, and however they fall: never more than were born. */
static void never_more_than_were_born(void **state)
{
	(void)state;
	uint64_t random = 88172645463325252ULL;
	for (int round = 0; round < 2000; round++) {
		struct births b;
		struct births_trace trace = { 0 };
		struct sample s = { .pid = 7, .known = SAMPLE_STAT };
		uint64_t born = 0;
		unsigned alive_met = 0, alive_unmet = 0, gone_met = 0;

		births_init(&b, BIRTHS_SAMPLED, S);
		for (uint64_t look = 1; look <= 40; look++) {
			births_begin_look(&b, look * S / 20);
			/* A look is no instant: before, between and after its two reads something may happen.
			 */
			for (int part = 0; part < 3; part++) {
				for (int n = 0; n < 3; n++) {
					random ^= random << 13;
					random ^= random >> 7;
					random ^= random << 17;
					unsigned what = (unsigned)(random % 5);
					if (what == 0) {
						born++;
						alive_unmet++;
					} else if (what == 1 && alive_unmet > 0) {
						alive_unmet--;
						s.child_faults += 1 + random % 100;
					} else if (what == 2 && alive_met > 0) {
						alive_met--;
						gone_met++;
						s.child_faults += 1 + random % 100;
					}
				}
				bool sample_first = round % 2; /* the one or the other, as the walk goes */
				if (part == (sample_first ? 1 : 0)) {
					for (; alive_unmet > 0; alive_unmet--, alive_met++)
						births_meet(&b, 7);
					for (; gone_met > 0; gone_met--)
						births_miss(&b, &trace);
				}
				if (part == (sample_first ? 0 : 1))
					births_sample(&b, &trace, &s);
			}
			if (births_total(&b) > born)
				fail_msg("round %d, look %llu: %llu of %llu", round, (unsigned long long)look,
					 (unsigned long long)births_total(&b), (unsigned long long)born);
		}
	}
}

static void what_the_guard_waits_for_unmet_was_born(void **state)
{
	(void)state;
	struct births b;
	births_init(&b, BIRTHS_SAMPLED, S);
	births_meet(&b, 7);
	births_find_orphan(&b);
	births_find_orphan(&b);
	assert_int_equal(births_total(&b), 3);
}

static void a_sample_without_stat_says_nothing(void **state)
{
	(void)state;
	struct births b;
	struct births_trace trace = { 0 };
	struct sample s = { .pid = 7, .child_faults = 60 };
	births_init(&b, BIRTHS_SAMPLED, S);
	for (uint64_t look = 1; look < 5; look++) {
		births_begin_look(&b, look);
		births_sample(&b, &trace, &s);
	}
	assert_int_equal(births_total(&b), 0);
	assert_false(trace.has_faults);
}

/* --- evidence of records ----------------------------------------------------------------------------------
 */

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t born, threads, ends, missed;
	uint64_t met;
	uint64_t total;
} records[] = {
	{ "each birth is told",                          10,   0,  0,    0, 0,  10 },
	{ "threads are no births",                       10, 500, 20,    0, 0,  10 },
	{ "ends change nothing",                         10,   0, 10,    0, 0,  10 },
	{ "what was met and not told counts",            10,   0,  0,    0, 12, 12 },
	{ "what was met was told",                       10,   0,  0,    0, 9,  10 },
	{ "lost: all may have been ends",                10,   0,  0,   10, 0,  10 },
	{ "... two more than were alive: one birth",     10,   0,  0,   12, 0,  11 },
	{ "... none was alive: half of them",            10,   0, 10,  100, 0,  60 },
	{ "... one short of two: none",                  10,   0, 10,    1, 0,  10 },
	{ "... mostly threads are born: mostly threads", 10,  90, 100, 200, 0,  20 },
	{ "... nothing was told: nothing is known",       0,   0,  0,  200, 0,   0 },
	{ "... the largest number",                       1,   0,  0, UINT64_MAX, 0, 1 + (UINT64_MAX - 1) / 2 },
};
/* clang-format on */

static void a_record_is_evidence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		struct births b;
		births_init(&b, BIRTHS_TOLD, S);
		for (uint64_t n = 0; n < records[i].born; n++)
			births_tell(&b, 7, S);
		for (uint64_t n = 0; n < records[i].threads; n++)
			births_tell_thread(&b);
		for (uint64_t n = 0; n < records[i].ends; n++)
			births_tell_end(&b);
		for (uint64_t n = 0; n < records[i].met; n++)
			births_meet(&b, 7);
		births_tell_missed(&b, records[i].missed);
		if (births_total(&b) != records[i].total)
			fail_msg("%s: %llu", records[i].rule, (unsigned long long)births_total(&b));
	}
}

/* Losses that come in pieces, in any order with the rest. */
static void never_more_births_than_were_lost(void **state)
{
	(void)state;
	uint64_t random = 2463534242ULL;
	for (int round = 0; round < 500; round++) {
		struct births b;
		uint64_t born = 0, alive = 0, missed = 0;

		births_init(&b, BIRTHS_TOLD, S);
		for (int n = 0; n < 400; n++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			bool is_full = random % 97 < 60 && n > 20;
			bool is_birth = alive == 0 || random % 2;
			born += is_birth;
			alive += is_birth ? 1U : UINT64_MAX;
			if (is_full) {
				missed++;
				continue;
			}
			if (missed > 0)
				births_tell_missed(&b, missed);
			missed = 0;
			if (is_birth)
				births_tell(&b, 7, S);
			else
				births_tell_end(&b);
			if (births_total(&b) > born)
				fail_msg("round %d: %llu of %llu", round,
					 (unsigned long long)births_total(&b), (unsigned long long)born);
		}
	}
}

/* --- parents ----------------------------------------------------------------------------------------------
 */

static void who_begets_most_is_named(void **state)
{
	(void)state;
	struct births b;
	struct births_parent top[3];

	births_init(&b, BIRTHS_TOLD, S);
	assert_int_equal(births_top(&b, top, 3), 0);
	for (int i = 0; i < 5; i++)
		births_tell(&b, 20, S);
	for (int i = 0; i < 9; i++)
		births_tell(&b, 30, S);
	births_tell(&b, 40, S);
	births_tell(&b, 0, S); /* nobody of this namespace */
	births_tell(&b, -1, S);
	assert_int_equal(births_top(&b, top, 3), 3);
	assert_int_equal(top[0].pid, 30);
	assert_int_equal(top[1].pid, 20);
	assert_int_equal(top[2].pid, 40);
	assert_int_equal(births_of(&b, 30), 9);
	assert_int_equal(births_of(&b, 50), 0);
	assert_int_equal(births_of(&b, 0), 0);
	births_tell(&b, 50, S);
	assert_int_equal(births_top(&b, top, 3), 3);
	assert_int_equal(births_top(&b, top, 1), 1);
	assert_int_equal(top[0].pid, 30);
}

static void a_thousand_parents_hide_no_one_that_outweighs_them(void **state)
{
	(void)state;
	struct births b;
	struct births_parent top[1];

	births_init(&b, BIRTHS_TOLD, S);
	for (int32_t i = 0; i < 1000; i++) {
		births_tell(&b, 1000 + i, S);
		births_tell(&b, 1000 + i, S);
		if (i % 2 == 0)
			births_tell(&b, 42, S);
	}
	assert_int_equal(births_top(&b, top, 1), 1);
	assert_int_equal(top[0].pid, 42);
	assert_true(top[0].now + top[0].before <= 500);
}

static void what_was_long_ago_is_forgotten(void **state)
{
	(void)state;
	struct births b;
	struct births_parent top[3];

	births_init(&b, BIRTHS_TOLD, S);
	for (int i = 0; i < 100; i++)
		births_tell(&b, 20, 10 * S);
	births_tell(&b, 30, 11 * S);
	assert_int_equal(births_of(&b, 20), 100); /* the span before counts */
	births_tell(&b, 30, 12 * S);
	assert_int_equal(births_of(&b, 20), 0);
	assert_int_equal(births_top(&b, top, 3), 1);
	for (int i = 0; i < 100; i++)
		births_tell(&b, 20, 12 * S);
	births_begin_look(&b, 14 * S);
	assert_int_equal(births_top(&b, top, 3), 0);
}

static void rungs_have_names(void **state)
{
	(void)state;
	assert_null(births_rung_name(BIRTHS_NONE));
	assert_string_equal(births_rung_name(BIRTHS_TOLD), "perf");
	assert_string_equal(births_rung_name(BIRTHS_SAMPLED), "sampled");
	assert_null(births_rung_name(BIRTHS_RUNG_COUNT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_look_is_evidence),
		cmocka_unit_test(never_more_than_were_born),
		cmocka_unit_test(what_the_guard_waits_for_unmet_was_born),
		cmocka_unit_test(a_sample_without_stat_says_nothing),
		cmocka_unit_test(a_record_is_evidence),
		cmocka_unit_test(never_more_births_than_were_lost),
		cmocka_unit_test(who_begets_most_is_named),
		cmocka_unit_test(a_thousand_parents_hide_no_one_that_outweighs_them),
		cmocka_unit_test(what_was_long_ago_is_forgotten),
		cmocka_unit_test(rungs_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
