/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/ending.h"

#define MS    NS_PER_MS
#define S     NS_PER_S
#define START (1000 * S) /* the clock does not begin with us */

/* The longest pause between two KILL sweeps: what an end may take beyond its stages. */
#define SLACK_NS (128 * MS)

static const char *const action_names[] = { "nothing", "TERM", "STOP", "KILL", "finish" };

/* ---- a run of it, with a clock that we hold */

#define STEPS_MAX 20000

struct sim {
	const char *rule; /* what is tried, for messages */
	struct ending ending;
	struct ending_facts facts;
	uint64_t wake_ns;
	enum ending_action action;
	uint64_t first_ns[DO_FINISH + 1]; /* when an action came for the first time; 0 = never */
	uint32_t count[DO_FINISH + 1];
	uint32_t steps;
};

static struct sim sim_new(const char *rule)
{
	struct sim sim = { .rule = rule };
	sim.facts.now_ns = START;
	return sim;
}

/* One question, and what must hold of any answer. */
static enum ending_action ask(struct sim *sim)
{
	enum ending_action action = ending_step(&sim->ending, &sim->facts, &sim->wake_ns);

	if (++sim->steps > STEPS_MAX)
		fail_msg("%s: no end after %u steps", sim->rule, sim->steps);
	assert_in_range(action, DO_NOTHING, DO_FINISH);
	assert_in_range(sim->ending.stage, STAGE_IDLE, STAGE_COUNT - 1);
	if (sim->wake_ns < sim->facts.now_ns)
		fail_msg("%s: to be woken in the past", sim->rule);
	if (action == DO_NOTHING && sim->wake_ns == sim->facts.now_ns)
		fail_msg("%s: nothing to do, again at once", sim->rule);
	if (!ending_is_over(&sim->ending) && sim->ending.stage != STAGE_IDLE && sim->wake_ns == NUM_NONE)
		fail_msg("%s: never to be woken, and not over", sim->rule);
	if ((action == DO_FINISH) != ending_is_over(&sim->ending) && action != DO_NOTHING)
		fail_msg("%s: %s, but stage %d", sim->rule, action_names[action], (int)sim->ending.stage);
	if (sim->count[action]++ == 0)
		sim->first_ns[action] = sim->facts.now_ns;
	sim->action = action;
	return action;
}

/* Ask until it is over; a storm takes `storm_ns` for each sweep. Returns how long it took. */
static uint64_t run(struct sim *sim, uint64_t storm_ns)
{
	uint64_t start_ns = sim->facts.now_ns;

	while (ask(sim) != DO_FINISH)
		sim->facts.now_ns =
			sim->wake_ns > sim->facts.now_ns ? sim->wake_ns : sim->facts.now_ns + storm_ns;
	return sim->facts.now_ns - start_ns;
}

static void expect_action(struct sim *sim, enum ending_action want)
{
	enum ending_action got = ask(sim);
	if (got != want)
		fail_msg("%s: %s, should be %s", sim->rule, action_names[got], action_names[want]);
}

static void expect_wake(const struct sim *sim, uint64_t want_ns)
{
	if (sim->wake_ns != want_ns)
		fail_msg("%s: to be woken at %lld ms, should be %lld ms", sim->rule,
			 (long long)(sim->wake_ns - START) / (long long)MS,
			 (long long)(want_ns - START) / (long long)MS);
}

/* ---- the way it goes */

static void does_nothing_before_it_is_asked(void **state)
{
	(void)state;
	struct sim sim = sim_new("idle");
	expect_action(&sim, DO_NOTHING);
	expect_wake(&sim, NUM_NONE);
	sim.facts.is_empty = true;
	expect_action(&sim, DO_NOTHING);
	assert_int_equal(sim.ending.stage, STAGE_IDLE);
	assert_false(ending_is_over(&sim.ending));
}

static void goes_from_term_over_grace_and_stop_to_kill(void **state)
{
	(void)state;
	struct sim sim = sim_new("the whole way");
	ending_begin(&sim.ending, sim.facts.now_ns, 5 * S, false);
	expect_action(&sim, DO_TERM);
	expect_wake(&sim, START + 5 * S);
	sim.facts.now_ns += 2 * S; /* woken by a death: nothing changes */
	expect_action(&sim, DO_NOTHING);
	expect_wake(&sim, START + 5 * S);
	sim.facts.now_ns = START + 5 * S;
	expect_action(&sim, DO_STOP);
	expect_wake(&sim, sim.facts.now_ns);
	sim.facts.was_fresh = true;
	expect_action(&sim, DO_STOP);
	sim.facts.was_fresh = false; /* the fixpoint */
	expect_action(&sim, DO_KILL);
	sim.facts.was_fresh = true;
	expect_action(&sim, DO_KILL);
	expect_wake(&sim, sim.facts.now_ns);
	sim.facts.was_fresh = false;
	expect_action(&sim, DO_KILL);
	assert_true(sim.wake_ns > sim.facts.now_ns);
	sim.facts.is_empty = true;
	expect_action(&sim, DO_FINISH);
	expect_wake(&sim, NUM_NONE);
	assert_int_equal(sim.ending.stage, STAGE_GONE);
	expect_action(&sim, DO_NOTHING);
	assert_int_equal(sim.ending.stage, STAGE_GONE);
}

static void stops_once_even_where_nothing_is_fresh(void **state)
{
	(void)state;
	struct sim sim = sim_new("one STOP sweep at least");
	ending_begin(&sim.ending, sim.facts.now_ns, 0, false);
	expect_action(&sim, DO_TERM);
	expect_wake(&sim, START);
	expect_action(&sim, DO_STOP);
	expect_action(&sim, DO_KILL);
}

static void without_grace_kill_follows_at_once(void **state)
{
	(void)state;
	struct sim sim = sim_new("grace 0");
	ending_begin(&sim.ending, sim.facts.now_ns, 0, false);
	while (ask(&sim) != DO_KILL)
		assert_true(sim.wake_ns == START);
	assert_true(sim.facts.now_ns == START);
	assert_int_equal(sim.count[DO_TERM], 1);
	assert_int_equal(sim.count[DO_STOP], 1);
}

static void ends_early_when_the_tree_is_empty(void **state)
{
	(void)state;
	for (uint64_t at_ns = 0; at_ns <= 6 * S; at_ns += S / 2) {
		struct sim sim = sim_new("empty early");
		ending_begin(&sim.ending, START, 3 * S, true);
		while (sim.facts.now_ns < START + at_ns) {
			(void)ask(&sim);
			uint64_t next_ns =
				sim.wake_ns > sim.facts.now_ns ? sim.wake_ns : sim.facts.now_ns + MS;
			sim.facts.now_ns = next_ns < START + at_ns ? next_ns : START + at_ns;
		}
		sim.facts.is_empty = true;
		expect_action(&sim, DO_FINISH);
		assert_int_equal(sim.ending.stage, STAGE_GONE);
		assert_int_equal(sim.count[DO_KILL] > 0, at_ns > 3 * S + ENDING_LINGER_NS);
	}
}

static void what_lingers_gets_no_signal_for_a_while(void **state)
{
	(void)state;
	struct sim sim = sim_new("linger");
	ending_begin(&sim.ending, START, 5 * S, true);
	expect_action(&sim, DO_NOTHING);
	expect_wake(&sim, START + ENDING_LINGER_NS);
	sim.facts.now_ns = sim.wake_ns - 1;
	expect_action(&sim, DO_NOTHING);
	sim.facts.now_ns++;
	expect_action(&sim, DO_TERM);
	expect_wake(&sim, START + ENDING_LINGER_NS + 5 * S);
}

static void what_lingers_may_end_by_itself(void **state)
{
	(void)state;
	struct sim sim = sim_new("linger, then empty");
	ending_begin(&sim.ending, START, 5 * S, true);
	expect_action(&sim, DO_NOTHING);
	sim.facts.is_empty = true;
	expect_action(&sim, DO_FINISH);
	assert_int_equal(sim.count[DO_TERM], 0);
}

/* ---- bounds */

static void a_storm_that_never_settles_is_bounded(void **state)
{
	(void)state;
	struct sim sim = sim_new("a storm");
	sim.facts.was_fresh = true;
	ending_begin(&sim.ending, START, S, false);
	uint64_t took_ns = run(&sim, 3 * MS);
	assert_int_equal(sim.ending.stage, STAGE_GIVEN_UP);
	assert_in_range(sim.first_ns[DO_STOP], START + S, START + S);
	assert_in_range(sim.first_ns[DO_KILL], START + S + ENDING_STOP_NS,
			START + S + ENDING_STOP_NS + 3 * MS);
	assert_in_range(took_ns, S + ENDING_KILL_NS, S + ENDING_STOP_NS + ENDING_KILL_NS + SLACK_NS);
	assert_true(sim.count[DO_STOP] >= ENDING_STOP_NS / (3 * MS));
	assert_true(sim.count[DO_KILL] >= ENDING_KILL_NS / (3 * MS)); /* no pause while things are born */
}

static void what_does_not_die_is_given_up(void **state)
{
	(void)state;
	struct sim sim = sim_new("in the kernel, for ever");
	ending_begin(&sim.ending, START, S, false);
	uint64_t took_ns = run(&sim, MS);
	assert_int_equal(sim.ending.stage, STAGE_GIVEN_UP);
	assert_in_range(took_ns, S + ENDING_KILL_NS, S + ENDING_STOP_NS + ENDING_KILL_NS + SLACK_NS);
	assert_true(sim.count[DO_KILL] >= 10);
	assert_true(sim.steps <= 120); /* and does not take the processor meanwhile */
}

static void what_refuses_is_given_up_sooner(void **state)
{
	(void)state;
	for (unsigned dead = 0; dead < 2; dead++) {
		struct sim sim = sim_new(dead ? "all are dead, and not ours to reap" : "all answer EPERM");
		sim.facts.all_refused = !dead;
		sim.facts.only_dead = dead;
		ending_begin(&sim.ending, START, S, false);
		uint64_t took_ns = run(&sim, MS);
		assert_int_equal(sim.ending.stage, STAGE_GIVEN_UP);
		assert_in_range(took_ns, S + ENDING_REFUSED_NS,
				S + ENDING_STOP_NS + ENDING_REFUSED_NS + SLACK_NS);
	}
}

static void refusals_count_from_the_first_kill(void **state)
{
	(void)state;
	struct sim sim = sim_new("refused late");
	ending_begin(&sim.ending, START, 0, false);
	while (sim.facts.now_ns < START + 5 * S) {
		(void)ask(&sim);
		sim.facts.now_ns = sim.wake_ns > sim.facts.now_ns ? sim.wake_ns : sim.facts.now_ns + MS;
	}
	assert_int_equal(sim.ending.stage, STAGE_KILL); /* one of them took the signal: worth waiting for */
	sim.facts.all_refused = true;
	expect_action(&sim, DO_FINISH);
	assert_int_equal(sim.ending.stage, STAGE_GIVEN_UP);
}

/* However late we come to it: what has never been killed is no survivor. */
static void at_least_one_kill_before_it_gives_up(void **state)
{
	(void)state;
	for (unsigned refused = 0; refused < 2; refused++) {
		struct sim sim = sim_new("the machine slept");
		sim.facts.all_refused = refused;
		ending_begin(&sim.ending, START, 5 * S, false);
		expect_action(&sim, DO_TERM);
		sim.facts.now_ns += 3600 * S;
		expect_action(&sim, DO_STOP);
		sim.facts.now_ns += 3600 * S;
		expect_action(&sim, DO_KILL);
		sim.facts.now_ns += 3600 * S;
		expect_action(&sim, DO_FINISH);
		assert_int_equal(sim.ending.stage, STAGE_GIVEN_UP);
	}
}

static void the_end_of_time_is_no_overflow(void **state)
{
	(void)state;
	struct sim sim = sim_new("a hundred years of grace");
	uint64_t grace_ns = 100ULL * 365 * 86400 * S;
	ending_begin(&sim.ending, START, grace_ns, true);
	sim.facts.now_ns += ENDING_LINGER_NS;
	expect_action(&sim, DO_TERM);
	expect_wake(&sim, START + ENDING_LINGER_NS + grace_ns);
	ending_begin(&sim.ending, sim.facts.now_ns, NUM_NONE - 1, false);
	expect_action(&sim, DO_NOTHING);
	expect_wake(&sim, START + ENDING_LINGER_NS + grace_ns);

	struct ending longest = { 0 };
	uint64_t wake_ns;
	ending_begin(&longest, START, NUM_NONE - 1, false);
	assert_int_equal(ending_step(&longest, &sim.facts, &wake_ns), DO_TERM);
	assert_true(wake_ns > START + grace_ns); /* for ever, not at once */
	ending_hurry(&longest, START);
	assert_int_equal(ending_step(&longest, &sim.facts, &wake_ns), DO_STOP);
}

/* ---- asked again while it is under way */

static void hurry_ends_the_grace(void **state)
{
	(void)state;
	struct sim sim = sim_new("hurry in grace");
	ending_begin(&sim.ending, START, 5 * S, false);
	expect_action(&sim, DO_TERM);
	sim.facts.now_ns += S;
	ending_hurry(&sim.ending, sim.facts.now_ns);
	expect_action(&sim, DO_STOP);
	assert_true(sim.facts.now_ns == START + S);
}

static void hurry_before_the_first_signal_sends_it_all_the_same(void **state)
{
	(void)state;
	for (unsigned linger = 0; linger < 2; linger++) {
		struct sim sim = sim_new("hurry before TERM");
		ending_begin(&sim.ending, START, 5 * S, linger);
		ending_hurry(&sim.ending, START);
		expect_action(&sim, DO_TERM);
		expect_wake(&sim, START);
		expect_action(&sim, DO_STOP);
		expect_action(&sim, DO_KILL);
	}
}

static void hurry_without_an_end_asks_for_it(void **state)
{
	(void)state;
	struct sim sim = sim_new("hurry, the question before it was lost");
	ending_hurry(&sim.ending, START);
	expect_action(&sim, DO_TERM);
	expect_action(&sim, DO_STOP);
}

static void hurry_changes_nothing_later(void **state)
{
	(void)state;
	struct sim sim = sim_new("hurry in KILL");
	ending_begin(&sim.ending, START, 0, false);
	expect_action(&sim, DO_TERM);
	expect_action(&sim, DO_STOP);
	ending_hurry(&sim.ending, START);
	expect_action(&sim, DO_KILL);
	struct ending before = sim.ending;
	ending_hurry(&sim.ending, START + S);
	assert_int_equal(sim.ending.stage, before.stage);
	assert_true(sim.ending.until_ns == before.until_ns);
	sim.facts.is_empty = true;
	expect_action(&sim, DO_FINISH);
	ending_hurry(&sim.ending, START + S);
	ending_begin(&sim.ending, START + S, 5 * S, true);
	expect_action(&sim, DO_NOTHING);
	assert_int_equal(sim.ending.stage, STAGE_GONE);
}

/* clang-format off */
static const struct {
	const char *rule;
	bool linger;           /* of the first */
	uint64_t first_ns;     /* grace */
	uint64_t at_ns;        /* when the second comes */
	bool linger_again;
	uint64_t second_ns;
	uint64_t stop_ns;      /* when the grace is over: the first STOP */
} again_rows[] = {
	{ "a shorter grace counts from where it was asked",   false, 10 * S, 2 * S,   false, 3 * S,  5 * S },
	{ "a shorter one that would end later does not",      false, 10 * S, 8 * S,   false, 3 * S,  10 * S },
	{ "a longer grace does not slow it down",             false, 3 * S,  1 * S,   false, 60 * S, 3 * S },
	{ "the same grace again does not slow it down",       false, 3 * S,  1 * S,   false, 3 * S,  3 * S },
	{ "no grace at all",                                  false, 10 * S, 2 * S,   false, 0,      2 * S },
	{ "a linger is no reason to wait again",              false, 3 * S,  1 * S,   true,  3 * S,  3 * S },
	{ "asked twice in one moment: the shorter counts",    false, 10 * S, 0,       false, 2 * S,  2 * S },
	{ "asked twice in one moment: the longer does not",   false, 2 * S,  0,       false, 10 * S, 2 * S },
	{ "asked while it lingers: the signal at once",       true,  5 * S,  50 * MS, false, 5 * S,  5 * S + 50 * MS },
	{ "asked while it lingers, shorter",                  true,  5 * S,  50 * MS, false, 1 * S,  1 * S + 50 * MS },
	{ "asked while it lingers, longer",                   true,  1 * S,  50 * MS, false, 9 * S,  1 * S + 50 * MS },
	{ "lingering does not begin again",                   true,  1 * S,  50 * MS, true,  1 * S,  1 * S + 100 * MS },
	{ "lingering does not begin again, shorter",          true,  5 * S,  50 * MS, true,  1 * S,  1 * S + 100 * MS },
};
/* clang-format on */

/* As the warden does it: what comes in one moment is taken in before the next step. */
static void a_second_question_never_slows_it_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(again_rows); i++) {
		struct sim sim = sim_new(again_rows[i].rule);
		uint64_t at_ns = START + again_rows[i].at_ns;
		ending_begin(&sim.ending, START, again_rows[i].first_ns, again_rows[i].linger);
		while (sim.facts.now_ns < at_ns) {
			(void)ask(&sim);
			sim.facts.now_ns = sim.wake_ns < at_ns ? sim.wake_ns : at_ns;
		}
		ending_begin(&sim.ending, at_ns, again_rows[i].second_ns, again_rows[i].linger_again);
		while (ask(&sim) != DO_STOP)
			sim.facts.now_ns = sim.wake_ns;
		if (sim.facts.now_ns != START + again_rows[i].stop_ns)
			fail_msg("%s: STOP after %llu ms", sim.rule,
				 (unsigned long long)((sim.facts.now_ns - START) / MS));
		assert_int_equal(sim.count[DO_TERM], 1);
	}
}

/* ---- rungs */

static void rungs_have_names(void **state)
{
	(void)state;
	assert_string_equal(kill_rung_name(KILL_NOT), "none");
	assert_string_equal(kill_rung_name(KILL_CGROUP), "cgroup");
	assert_string_equal(kill_rung_name(KILL_ISOLATE), "isolate");
	assert_string_equal(kill_rung_name(KILL_REALTIME), "realtime");
	assert_string_equal(kill_rung_name(KILL_SWEEP), "sweep");
	assert_string_equal(kill_rung_name(KILL_COUNT), "unknown");
	assert_string_equal(kill_rung_name((enum kill_rung)4711), "unknown"); /* out of a record */
}

/* ---- every stage with every combination of facts */

static struct ending in_stage(unsigned stage, uint32_t rounds, uint64_t until_ns)
{
	return (struct ending){ .stage = (enum ending_stage)stage,
				.grace_ns = S,
				.until_ns = until_ns,
				.killing_since_ns = stage == STAGE_KILL ? START - S : 0,
				.rounds = rounds };
}

static void check_step(unsigned stage, uint32_t rounds, uint64_t until_ns, unsigned bits)
{
	struct sim sim = sim_new("any stage, any facts");
	sim.ending = in_stage(stage, rounds, until_ns);
	sim.facts.is_empty = bits & 1;
	sim.facts.was_fresh = bits & 2;
	sim.facts.all_refused = bits & 4;
	sim.facts.only_dead = bits & 8;
	bool is_at_rest = stage == STAGE_IDLE || stage == STAGE_GONE || stage == STAGE_GIVEN_UP;

	enum ending_action action = ask(&sim);
	if (is_at_rest) {
		assert_int_equal(action, DO_NOTHING);
		assert_int_equal(sim.ending.stage, stage);
		return;
	}
	if (sim.facts.is_empty) {
		assert_int_equal(action, DO_FINISH);
		assert_int_equal(sim.ending.stage, STAGE_GONE);
		return;
	}
	assert_true(sim.ending.stage >= stage);             /* never back */
	assert_int_not_equal(sim.ending.stage, STAGE_GONE); /* only where it is empty */
	if (action == DO_TERM)
		assert_true(stage <= STAGE_TERM);
	if (action == DO_STOP)
		assert_true(stage == STAGE_GRACE || stage == STAGE_STOP);
	if (action == DO_KILL)
		assert_true(stage == STAGE_STOP || stage == STAGE_KILL);

	if (sim.facts.now_ns < sim.wake_ns)
		sim.facts.now_ns = sim.wake_ns;
	uint64_t took_ns = ending_is_over(&sim.ending) ? 0 : run(&sim, MS);
	assert_true(took_ns <= S + ENDING_STOP_NS + ENDING_KILL_NS + SLACK_NS);
	assert_int_equal(sim.ending.stage, STAGE_GIVEN_UP);
}

static void every_stage_with_all_facts_leads_to_an_end(void **state)
{
	(void)state;
	const uint64_t until[] = { START - 1, START, START + 1, START + 100 * MS };
	const uint32_t rounds[] = { 0, 1, 2, 7, 8, 100, UINT32_MAX };
	for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
		for (size_t r = 0; r < COUNT_OF(rounds); r++)
			for (size_t u = 0; u < COUNT_OF(until); u++)
				for (unsigned bits = 0; bits < 16; bits++)
					check_step(stage, rounds[r], until[u], bits);
}

/* ---- and any order of questions and answers */

/* SplitMix64: the same numbers every time. */
static uint64_t next_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ULL;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return next_random(seed) % n;
}

struct chance {
	uint64_t seed;
	uint64_t fresh_pct, refused_pct, empty_permille, again_pct, early_pct;
};

/* When the first KILL may come at the earliest, by all that has been asked. */
static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

static void turn_the_clock(struct sim *sim, struct chance *c)
{
	uint64_t now_ns = sim->facts.now_ns;
	if (sim->wake_ns == now_ns) /* a sweep takes its time */
		sim->facts.now_ns += 20000 + below(&c->seed, 5 * MS);
	else if (below(&c->seed, 100) < c->early_pct) /* a death, a message */
		sim->facts.now_ns += below(&c->seed, sim->wake_ns - now_ns) + 1;
	else /* late, as processes are */
		sim->facts.now_ns = sim->wake_ns + below(&c->seed, MS);
}

static void ask_again(struct sim *sim, struct chance *c, uint64_t *kill_ns)
{
	uint64_t now_ns = sim->facts.now_ns;
	uint64_t grace_ns = below(&c->seed, 3) ? below(&c->seed, 8 * S) : 0;
	if (below(&c->seed, 4) == 0) {
		ending_hurry(&sim->ending, now_ns);
		*kill_ns = earlier(*kill_ns, now_ns);
	} else {
		bool linger = below(&c->seed, 2);
		ending_begin(&sim->ending, now_ns, grace_ns, linger);
		*kill_ns = earlier(*kill_ns, now_ns + grace_ns);
	}
}

static void check_random_run(uint64_t seed)
{
	struct sim sim = sim_new("any order");
	struct chance c = { .seed = seed };
	c.fresh_pct = below(&c.seed, 4) * 33;
	c.refused_pct = below(&c.seed, 4) * 33;
	c.empty_permille = below(&c.seed, 3);
	c.again_pct = below(&c.seed, 3) * 10;
	c.early_pct = below(&c.seed, 100);
	uint64_t grace_ns = below(&c.seed, 3) ? below(&c.seed, 8 * S) : 0;
	bool linger = below(&c.seed, 2);
	uint64_t bound_ns = START + (linger ? ENDING_LINGER_NS : 0) + grace_ns + ENDING_STOP_NS +
			    ENDING_KILL_NS + SLACK_NS +
			    20 * MS; /* one late wakeup, or one sweep, in each stage */
	uint64_t kill_ns = START + grace_ns;

	ending_begin(&sim.ending, START, grace_ns, linger);
	for (;;) {
		sim.facts.was_fresh = below(&c.seed, 100) < c.fresh_pct;
		sim.facts.all_refused = below(&c.seed, 100) < c.refused_pct;
		sim.facts.is_empty = below(&c.seed, 1000) < c.empty_permille;
		enum ending_action action = ask(&sim);
		if (action == DO_FINISH)
			break;
		if ((action == DO_STOP || action == DO_KILL) &&
		    (sim.count[DO_TERM] != 1 || sim.facts.now_ns < kill_ns))
			fail_msg("seed %llu: %s before TERM and grace", (unsigned long long)seed,
				 action_names[action]);
		if (action == DO_KILL)
			assert_true(sim.count[DO_STOP] > 0);
		if (action == DO_TERM || action == DO_STOP)
			assert_int_equal(sim.count[DO_KILL], 0);
		turn_the_clock(&sim, &c);
		if (below(&c.seed, 100) < c.again_pct)
			ask_again(&sim, &c, &kill_ns);
	}
	if (sim.facts.now_ns > bound_ns)
		fail_msg("seed %llu: %llu ms too late", (unsigned long long)seed,
			 (unsigned long long)((sim.facts.now_ns - bound_ns) / MS));
	if (sim.ending.stage == STAGE_GIVEN_UP)
		assert_true(sim.count[DO_KILL] > 0 &&
			    sim.facts.now_ns >= sim.first_ns[DO_KILL] + ENDING_REFUSED_NS);
	else
		assert_true(sim.facts.is_empty);
}

static void any_order_ends_in_time_and_kills_last(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3000; seed++)
		check_random_run(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_nothing_before_it_is_asked),
		cmocka_unit_test(goes_from_term_over_grace_and_stop_to_kill),
		cmocka_unit_test(stops_once_even_where_nothing_is_fresh),
		cmocka_unit_test(without_grace_kill_follows_at_once),
		cmocka_unit_test(ends_early_when_the_tree_is_empty),
		cmocka_unit_test(what_lingers_gets_no_signal_for_a_while),
		cmocka_unit_test(what_lingers_may_end_by_itself),
		cmocka_unit_test(a_storm_that_never_settles_is_bounded),
		cmocka_unit_test(what_does_not_die_is_given_up),
		cmocka_unit_test(what_refuses_is_given_up_sooner),
		cmocka_unit_test(refusals_count_from_the_first_kill),
		cmocka_unit_test(at_least_one_kill_before_it_gives_up),
		cmocka_unit_test(the_end_of_time_is_no_overflow),
		cmocka_unit_test(hurry_ends_the_grace),
		cmocka_unit_test(hurry_before_the_first_signal_sends_it_all_the_same),
		cmocka_unit_test(hurry_without_an_end_asks_for_it),
		cmocka_unit_test(hurry_changes_nothing_later),
		cmocka_unit_test(a_second_question_never_slows_it_down),
		cmocka_unit_test(every_stage_with_all_facts_leads_to_an_end),
		cmocka_unit_test(rungs_have_names),
		cmocka_unit_test(any_order_ends_in_time_and_kills_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
