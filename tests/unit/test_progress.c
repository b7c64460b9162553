/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "core/progress.h"

#define S    1000000000ULL
#define NONE UINT64_MAX
#define T0   (1000 * S)

static const struct progress_signs nothing = { 0, 0, 0 };

static struct progress begun(uint64_t start_ns, uint64_t idle_ns, uint64_t beat_ns)
{
	struct progress p = {
		.start_ns = start_ns, .idle_ns = idle_ns, .beat_ns = beat_ns, .is_ready_by_output = true
	};
	progress_begin(&p, T0, &nothing);
	return p;
}

static enum progress_clock look_at(struct progress *p, uint64_t at_ns, uint64_t output, uint64_t cpu_ns,
				   uint64_t io)
{
	struct progress_signs signs = { output, cpu_ns, io };
	progress_look(p, at_ns, &signs);
	return progress_due(p, at_ns);
}

static enum progress_clock quiet(struct progress *p, uint64_t at_ns)
{
	struct progress_signs signs = { PROGRESS_UNKNOWN, PROGRESS_UNKNOWN, PROGRESS_UNKNOWN };
	progress_look(p, at_ns, &signs);
	return progress_due(p, at_ns);
}

static void nothing_asked_nothing_due(void **state)
{
	(void)state;
	struct progress p = begun(NONE, NONE, NONE);
	assert_false(progress_is_asked(&p));
	assert_int_equal(quiet(&p, T0 + 1000000 * S), PROGRESS_NONE);
	assert_true(progress_next(&p) == NONE);
	progress_trigger(&p);
	assert_int_equal(quiet(&p, T0 + 1000000 * S), PROGRESS_NONE);
}

static void each_clock_runs_out_at_its_time(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint64_t start_ns, idle_ns, beat_ns, at_ns;
		enum progress_clock due;
	} rows[] = {
		{ "start, before", 10 * S, NONE, NONE, 10 * S - 1, PROGRESS_NONE },
		{ "start, at", 10 * S, NONE, NONE, 10 * S, PROGRESS_START },
		{ "idle, before", NONE, 10 * S, NONE, 10 * S - 1, PROGRESS_NONE },
		{ "idle, at", NONE, 10 * S, NONE, 10 * S, PROGRESS_IDLE },
		{ "heartbeat, before", NONE, NONE, 10 * S, 10 * S - 1, PROGRESS_NONE },
		{ "heartbeat, at", NONE, NONE, 10 * S, 10 * S, PROGRESS_BEAT },
		{ "the first of two", NONE, 10 * S, 9 * S, 9 * S, PROGRESS_BEAT },
		{ "both at once: idle", NONE, 10 * S, 10 * S, 10 * S, PROGRESS_IDLE },
		{ "starting, the others wait", 100 * S, 10 * S, 10 * S, 99 * S, PROGRESS_NONE },
		{ "for ever is long", NONE - 1, NONE, NONE, 1000000 * S, PROGRESS_NONE },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct progress p = begun(rows[i].start_ns, rows[i].idle_ns, rows[i].beat_ns);
		if (quiet(&p, T0 + rows[i].at_ns) != rows[i].due)
			fail_msg("%s", rows[i].rule);
	}
}

/* The caller need not look on time: but nothing is decided by an old look. */
static void looks_before_it_acts(void **state)
{
	(void)state;
	struct progress p = begun(NONE, 10 * S, NONE);
	assert_int_equal(quiet(&p, T0 + 9 * S), PROGRESS_NONE);
	assert_false(progress_wants_look(&p, T0 + 9 * S));
	assert_true(progress_wants_look(&p, T0 + 10 * S));
	assert_int_equal(progress_due(&p, T0 + 11 * S), PROGRESS_NONE);
	assert_int_equal(look_at(&p, T0 + 11 * S, 1, 0, 0), PROGRESS_NONE); /* it wrote meanwhile */
	assert_true(progress_next(&p) == T0 + 21 * S);
}

static void signs_of_life(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint64_t output, cpu_ns, io;
		enum progress_clock due;
	} rows[] = {
		{ "nothing", 0, 0, 0, PROGRESS_IDLE },
		{ "a byte of output", 1, 0, 0, PROGRESS_NONE },
		{ "a byte of anything", 0, 0, 1, PROGRESS_NONE },
		{ "some CPU", 0, 99 * S / 1000, 0, PROGRESS_IDLE },
		{ "1 % of a core", 0, 100 * S / 1000, 0, PROGRESS_NONE },
		{ "what is not known is none", PROGRESS_UNKNOWN, PROGRESS_UNKNOWN, PROGRESS_UNKNOWN,
		  PROGRESS_IDLE },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct progress p = begun(NONE, 10 * S, NONE);
		if (look_at(&p, T0 + 10 * S, rows[i].output, rows[i].cpu_ns, rows[i].io) != rows[i].due)
			fail_msg("%s", rows[i].rule);
	}
}

/* A loop that wakes up ten times a second, and a clock that counts in 10 ms. */
static void waiting_is_no_work(void **state)
{
	(void)state;
	struct progress p = begun(NONE, 60 * S, NONE);
	uint64_t at_ns = T0;
	for (unsigned second = 1; second < 60; second++) {
		at_ns = T0 + second * S;
		assert_int_equal(look_at(&p, at_ns, 0, second / 5 * 10000000ULL, 0), PROGRESS_NONE);
	}
	assert_int_equal(look_at(&p, T0 + 60 * S, 0, 12 * 10000000ULL, 0), PROGRESS_IDLE);
}

static void a_sum_that_falls_is_no_sign(void **state)
{
	(void)state;
	struct progress p = begun(NONE, 10 * S, NONE);
	assert_int_equal(look_at(&p, T0 + S, 0, 5 * S, 0), PROGRESS_NONE); /* life at 1 s */
	assert_int_equal(look_at(&p, T0 + 5 * S, 0, 2 * S, 0), PROGRESS_NONE);
	assert_int_equal(look_at(&p, T0 + 11 * S, 0, 2 * S, 0), PROGRESS_IDLE);
}

static void what_becomes_known_says_nothing(void **state)
{
	(void)state;
	struct progress p = begun(NONE, 10 * S, NONE);
	p.last.io_bytes = PROGRESS_UNKNOWN;
	assert_int_equal(look_at(&p, T0 + 10 * S, 0, 0, 4096), PROGRESS_IDLE);
	assert_int_equal(look_at(&p, T0 + 10 * S, 0, 0, 4097), PROGRESS_NONE);
}

static void being_ready(void **state)
{
	(void)state;
	struct progress p = begun(10 * S, 20 * S, 30 * S);
	progress_ready(&p, T0 + 9 * S);
	assert_int_equal(quiet(&p, T0 + 28 * S), PROGRESS_NONE);
	assert_int_equal(quiet(&p, T0 + 29 * S), PROGRESS_IDLE);
	progress_ready(&p, T0 + 29 * S); /* twice is once */
	assert_int_equal(quiet(&p, T0 + 29 * S), PROGRESS_IDLE);

	p = begun(10 * S, NONE, NONE);
	assert_int_equal(look_at(&p, T0 + 10 * S, 1, 0, 0), PROGRESS_NONE); /* by output */
	assert_true(progress_next(&p) == NONE);

	p = begun(10 * S, NONE, NONE);
	p.is_ready_by_output = false;
	assert_int_equal(look_at(&p, T0 + 10 * S, 1, 0, 0), PROGRESS_START);
}

static void more_time_to_start(void **state)
{
	(void)state;
	struct progress p = begun(10 * S, NONE, NONE);
	progress_extend(&p, T0 + 9 * S, 30 * S);
	assert_true(progress_next(&p) == T0 + 39 * S);
	progress_extend(&p, T0 + 10 * S, S); /* never less */
	assert_true(progress_next(&p) == T0 + 39 * S);
	progress_extend(&p, T0 + 10 * S, NONE - 2);
	assert_int_equal(quiet(&p, T0 + 1000000 * S), PROGRESS_NONE);
	progress_ready(&p, T0 + 11 * S);
	progress_extend(&p, T0 + 11 * S, S); /* it has started */
	assert_true(progress_next(&p) == NONE);
}

static void the_heart(void **state)
{
	(void)state;
	struct progress p = begun(NONE, NONE, 10 * S);
	progress_beat(&p, T0 + 9 * S);
	assert_int_equal(quiet(&p, T0 + 18 * S), PROGRESS_NONE);
	assert_int_equal(quiet(&p, T0 + 19 * S), PROGRESS_BEAT);
	progress_beat(&p, T0 + 19 * S);
	progress_set_period(&p, 2 * S);
	assert_true(progress_next(&p) == T0 + 21 * S);
	progress_set_period(&p, 100 * S); /* no longer than was allowed */
	assert_true(progress_next(&p) == T0 + 29 * S);
	progress_trigger(&p);
	assert_int_equal(quiet(&p, T0 + 20 * S), PROGRESS_BEAT);
}

static void standing_still(void **state)
{
	(void)state;
	struct progress p = begun(10 * S, 10 * S, 10 * S);
	progress_hold(&p, HELD_BY_STOP, T0 + 5 * S);
	assert_int_equal(quiet(&p, T0 + 50 * S), PROGRESS_NONE);
	assert_true(progress_next(&p) == NONE);
	progress_hold(&p, HELD_BY_FREEZE, T0 + 50 * S);
	progress_go_on(&p, HELD_BY_STOP, T0 + 60 * S);
	assert_int_equal(quiet(&p, T0 + 60 * S), PROGRESS_NONE);
	progress_go_on(&p, HELD_BY_FREEZE, T0 + 105 * S); /* stood for 100 s in all */
	assert_true(progress_next(&p) == T0 + 110 * S);
	progress_go_on(&p, HELD_BY_FREEZE, T0 + 106 * S); /* it was not held */
	assert_int_equal(quiet(&p, T0 + 110 * S), PROGRESS_START);

	p = begun(NONE, 10 * S, 20 * S);
	progress_hold(&p, HELD_BY_FREEZE, T0 + S);
	progress_go_on(&p, HELD_BY_FREEZE, T0 + 101 * S);
	assert_int_equal(quiet(&p, T0 + 109 * S), PROGRESS_NONE);
	assert_int_equal(quiet(&p, T0 + 110 * S), PROGRESS_IDLE);
}

/* What takes a while to read is waited for. */
static void what_is_read_apart(void **state)
{
	(void)state;
	struct progress p = begun(NONE, 10 * S, NONE);
	p.needs_io = true;
	progress_io(&p, T0 + S, 100, 0); /* what it had written before: says nothing of when */
	assert_int_equal(quiet(&p, T0 + 10 * S), PROGRESS_NONE);
	assert_true(progress_wants_io(&p, T0 + 10 * S));
	progress_io(&p, T0 + 10 * S, 100, 0);
	assert_int_equal(progress_due(&p, T0 + 10 * S), PROGRESS_IDLE);
	progress_io(&p, T0 + 10 * S, 101, 0);
	assert_int_equal(progress_due(&p, T0 + 10 * S), PROGRESS_NONE);
	assert_int_equal(quiet(&p, T0 + 20 * S), PROGRESS_NONE);
	progress_io(&p, T0 + 20 * S, 101, 1); /* from storage */
	assert_int_equal(quiet(&p, T0 + 30 * S), PROGRESS_NONE);
	progress_io(&p, T0 + 30 * S, PROGRESS_UNKNOWN,
		    PROGRESS_UNKNOWN); /* nobody can read it: as good as none */
	assert_int_equal(progress_due(&p, T0 + 30 * S), PROGRESS_IDLE);

	p = begun(10 * S, NONE, NONE);
	p.needs_io = p.is_output_written = true;
	p.written = 0;
	assert_int_equal(quiet(&p, T0 + 10 * S), PROGRESS_NONE);
	progress_io(&p, T0 + 10 * S, 1, 0);
	assert_true(progress_next(&p) == NONE); /* ready */

	p = begun(10 * S, NONE, NONE); /* output is seen otherwise: what else is written is none */
	p.needs_io = true;
	p.written = 0;
	progress_io(&p, T0 + 10 * S, 1, 0);
	assert_int_equal(quiet(&p, T0 + 10 * S), PROGRESS_START);

	p = begun(NONE, NONE, 10 * S); /* a heart is heard, not read */
	p.needs_io = true;
	assert_int_equal(quiet(&p, T0 + 10 * S), PROGRESS_BEAT);
}

/* The longer what is allowed, the later: for all signs. */
static void is_monotone(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 200; seed++) {
		uint64_t struck[3] = { 0 };
		for (unsigned which = 0; which < 3; which++) {
			struct progress p = begun(NONE, (which + 1) * 5 * S, NONE);
			uint64_t random = seed * 0x9e3779b97f4a7c15ULL, out = 0, cpu = 0;
			for (uint64_t at = 1; at < 200 && struck[which] == 0; at++) {
				random = random * 6364136223846793005ULL + 1442695040888963407ULL;
				out += random >> 60 == 0;
				cpu += (random >> 50 & 15) == 0 ? 60000000ULL : 1000000ULL;
				if (look_at(&p, T0 + at * S, out, cpu, 0) == PROGRESS_IDLE)
					struck[which] = at;
			}
			if (struck[which] == 0)
				struck[which] = NONE;
		}
		assert_true(struck[0] <= struck[1] && struck[1] <= struck[2]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_nothing_due),
		cmocka_unit_test(each_clock_runs_out_at_its_time),
		cmocka_unit_test(looks_before_it_acts),
		cmocka_unit_test(signs_of_life),
		cmocka_unit_test(waiting_is_no_work),
		cmocka_unit_test(a_sum_that_falls_is_no_sign),
		cmocka_unit_test(what_becomes_known_says_nothing),
		cmocka_unit_test(being_ready),
		cmocka_unit_test(more_time_to_start),
		cmocka_unit_test(the_heart),
		cmocka_unit_test(standing_still),
		cmocka_unit_test(what_is_read_apart),
		cmocka_unit_test(is_monotone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
