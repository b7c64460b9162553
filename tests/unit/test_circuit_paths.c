/* layer: core */
/* Every sequence of events, up to a length, with each of some times between them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/num.h"
#include "core/circuit_text.h"

#define MINUTE   (60 * NS_PER_S)
#define HOUR     (60 * MINUTE)
#define LENGTH   8
#define RUNS_MAX 2
#define BY_HAND  (3 * MINUTE)
#define RESET    (7 * MINUTE)
#define VISITED  (1U << 22)

/* What can happen; each is preceded by the time of the round. */
enum step {
	NOTHING, /* but the time */
	START,   /* by somebody: goes, is the trial, or is refused */
	RUN_OK,
	RUN_STARTUP,
	RUN_TIMEOUT,
	RUN_ENVIRONMENT,
	TRIAL_OK,
	TRIAL_STARTUP,
	TRIAL_ENDED,
	TRIAL_LOST, /* its guards are killed: the kernel gives the lock back */
	FORCED_OK,  /* --force: begins and ends at once */
	FORCED_STARTUP,
	INPUT_CHANGED,
	HAND_OPEN,
	HAND_TRIAL,
	HAND_RESET,
	STEP_COUNT
};

struct world {
	struct circuit c;
	uint64_t run_ns[RUNS_MAX]; /* how long each has gone on */
	uint32_t run_count;
	bool has_trial; /* the lock of the trial is held */
	uint64_t trial_ns;
};

static const struct circuit_rules rules = {
	.failures = { 2, HOUR },
	.same_failure = 3,
	.reset_after_ns = RESET,
	.backoff[FAILURE_STARTUP] = { 3, { 5 * MINUTE, 10 * MINUTE, 20 * MINUTE } },
};
static uint64_t longest_ns; /* any wait may be: the longest step and its jitter, or a hand's */
static uint32_t ids;
static uint64_t *visited; /* hash of a world and how far it is from its end */
static uint64_t steps_taken;

static void pass(struct world *w, uint64_t ns)
{
	circuit_pass(&w->c, ns);
	for (uint32_t i = 0; i < w->run_count; i++)
		w->run_ns[i] += ns;
	w->trial_ns += ns;
}

static struct circuit_end an_end(enum failure failure, enum circuit_start start, uint64_t took_ns)
{
	struct circuit_end end = { .failure = failure, .start = start, .took_ns = took_ns };

	(void)snprintf(end.run_id, sizeof(end.run_id), "%u", ids++);
	(void)snprintf(end.print, sizeof(end.print), "f1-%u", (unsigned)failure);
	return end;
}

static void end_run(struct world *w, enum failure failure)
{
	if (w->run_count == 0)
		return;
	struct circuit_end end = an_end(failure, CIRCUIT_START_NORMAL, w->run_ns[0]);
	w->run_ns[0] = w->run_ns[--w->run_count];
	bool was_open = w->c.is_open;
	uint64_t wait_ns = w->c.wait_ns;
	(void)circuit_end(&w->c, &end, NULL, 0, UINT32_MAX);
	if (was_open) { /* it was let in before: nothing changes for who waits */
		assert_true(w->c.is_open);
		assert_int_equal(w->c.wait_ns, wait_ns);
	}
}

static void end_trial(struct world *w, enum failure failure)
{
	if (!w->has_trial)
		return;
	struct circuit_end end = an_end(failure, CIRCUIT_START_TRIAL, w->trial_ns);
	w->has_trial = false;
	(void)circuit_end(&w->c, &end, NULL, 0, UINT32_MAX);
}

static void force(struct world *w, enum failure failure)
{
	struct circuit_end end = an_end(failure, CIRCUIT_START_FORCED, 0);
	bool was_open = w->c.is_open, by_hand = w->c.rule == CIRCUIT_RULE_HAND;
	uint64_t wait_ns = w->c.wait_ns;

	(void)circuit_end(&w->c, &end, NULL, 0, UINT32_MAX);
	if (was_open && failure == FAILURE_NONE)
		assert_int_equal(w->c.is_open, by_hand);
	else if (was_open) /* at their own risk: nobody waits longer for it */
		assert_int_equal(w->c.wait_ns, wait_ns);
}

static void start(struct world *w)
{
	enum circuit_state state = circuit_state(&w->c);

	switch (circuit_ask(&w->c)) {
	case CIRCUIT_GO:
		assert_int_equal(state, CIRCUIT_CLOSED);
		if (w->run_count < RUNS_MAX)
			w->run_ns[w->run_count++] = 0;
		return;
	case CIRCUIT_TRIAL:
		assert_int_equal(state, CIRCUIT_HALF_OPEN);
		if (w->has_trial)
			return; /* the lock says no */
		w->has_trial = true;
		w->trial_ns = 0;
		return;
	default:
		assert_int_equal(state, CIRCUIT_OPEN);
		assert_true(w->c.wait_ns > 0);
	}
}

static void take(struct world *w, enum step step)
{
	switch (step) {
	case NOTHING:
		return;
	case START:
		start(w);
		return;
	case RUN_OK:
		end_run(w, FAILURE_NONE);
		return;
	case RUN_STARTUP:
		end_run(w, FAILURE_STARTUP);
		return;
	case RUN_TIMEOUT:
		end_run(w, FAILURE_TIMEOUT);
		return;
	case RUN_ENVIRONMENT:
		end_run(w, FAILURE_ENVIRONMENT);
		return;
	case TRIAL_OK:
		end_trial(w, FAILURE_NONE);
		return;
	case TRIAL_STARTUP:
		end_trial(w, FAILURE_STARTUP);
		return;
	case TRIAL_ENDED:
		end_trial(w, FAILURE_ENDED);
		return;
	case TRIAL_LOST:
		end_trial(w, FAILURE_LOST);
		return;
	case FORCED_OK:
		force(w, FAILURE_NONE);
		return;
	case FORCED_STARTUP:
		force(w, FAILURE_STARTUP);
		return;
	case INPUT_CHANGED:
		(void)circuit_input_changed(&w->c);
		return;
	case HAND_TRIAL:
		circuit_allow_trial(&w->c);
		return;
	case HAND_OPEN:
		(void)circuit_open(&w->c, BY_HAND, "a test");
		return;
	default:
		(void)circuit_reset(&w->c);
	}
}

/* From here: whatever is running ends, the wait passes, one trial ends well, and it is healthy for a time. */
static void has_a_way_out(const struct world *at)
{
	static struct world w;

	w = *at;
	assert_true(w.c.wait_ns <= w.c.full_ns && w.c.full_ns <= longest_ns);
	assert_true(w.c.is_open || w.c.wait_ns == 0);
	while (w.run_count > 0)
		end_run(&w, FAILURE_NONE);
	end_trial(&w, FAILURE_LOST);
	assert_true(w.c.full_ns <= longest_ns);
	pass(&w, w.c.wait_ns);
	enum circuit_answer answer = circuit_ask(&w.c);
	assert_true(answer == CIRCUIT_GO || answer == CIRCUIT_TRIAL);
	struct circuit_end end =
		an_end(FAILURE_NONE, answer == CIRCUIT_TRIAL ? CIRCUIT_START_TRIAL : CIRCUIT_START_NORMAL, 0);
	(void)circuit_end(&w.c, &end, NULL, 0, 0);
	assert_int_equal(circuit_ask(&w.c), CIRCUIT_GO);
	pass(&w, RESET);
	assert_int_equal(circuit_gauge(&w.c, CIRCUIT_RULE_MAX_FAILURES).used, 0);
	assert_int_equal(circuit_gauge(&w.c, CIRCUIT_RULE_SAME_FAILURE).used, 0);
	for (uint32_t i = 0; i < FAILURE_COUNT; i++)
		assert_int_equal(w.c.level[i], 0);
	w = *at;
	(void)circuit_reset(&w.c);
	assert_int_equal(circuit_ask(&w.c), CIRCUIT_GO);
}

/* What stands in the file is all there is. */
static void outlives_its_file(const struct world *at)
{
	static char bytes[CIRCUIT_TEXT_MAX], again[CIRCUIT_TEXT_MAX];
	static struct circuit read;
	struct buf text, text_again;

	memset(&read, 0, sizeof(read));
	buf_init(&text, bytes, sizeof(bytes));
	circuit_text_format(&text, &at->c);
	for (char *line = bytes; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		assert_int_equal(circuit_text_parse(&read, line, n), 1);
		line += n + 1;
	}
	buf_init(&text_again, again, sizeof(again));
	circuit_text_format(&text_again, &read);
	assert_string_equal(bytes, again);
	assert_int_equal(circuit_state(&read), circuit_state(&at->c));
}

/* Of all that decides what can come. */
static uint64_t hash_of(const struct world *w, uint32_t left)
{
	const struct circuit *c = &w->c;
	struct {
		uint64_t numbers[16];
		uint32_t level[FAILURE_COUNT];
		struct circuit_failure failed[LENGTH];
		char print[CIRCUIT_PRINT_MAX + 1];
	} key;

	memset(&key, 0, sizeof(key));
	uint64_t numbers[16] = { c->is_open,    c->wait_ns,
				 c->open_ns,    c->rule,
				 c->failure,    c->count,
				 c->is_healthy, c->healthy_ns,
				 c->same_count, w->run_count,
				 w->run_ns[0],  w->run_ns[1],
				 w->has_trial,  w->has_trial ? w->trial_ns : 0,
				 c->full_ns,    left };
	memcpy(key.numbers, numbers, sizeof(numbers));
	memcpy(key.level, c->level, sizeof(key.level));
	for (uint32_t i = 0; i < c->failed_count; i++) {
		key.failed[i].ago_ns = c->failed[i].ago_ns;
		key.failed[i].failure = c->failed[i].failure;
	}
	memcpy(key.print, c->same_print, sizeof(key.print));
	uint64_t hash = UINT64_C(14695981039346656037);
	const uint64_t *at = (const uint64_t *)&key;
	for (size_t i = 0; i < sizeof(key) / sizeof(*at); i++)
		hash = (hash ^ at[i]) * UINT64_C(1099511628211), hash ^= hash >> 29;
	return hash == 0 ? 1 : hash;
}

static bool was_here(uint64_t hash)
{
	uint64_t *slot = &visited[hash & (VISITED - 1)];

	for (int i = 0; i < 8; i++) { /* a full place only means that something is looked at again */
		uint64_t *at = &visited[((hash & (VISITED - 1)) + (uint32_t)i) & (VISITED - 1)];
		if (*at == hash)
			return true;
		if (*at == 0) {
			*at = hash;
			return false;
		}
	}
	*slot = hash;
	return false;
}

static void walk(const struct world *from, uint64_t ns, uint32_t left)
{
	struct world w;

	if (was_here(hash_of(from, left)))
		return;
	has_a_way_out(from);
	if (steps_taken % 512 == 0)
		outlives_its_file(from);
	for (int step = 0; left > 0 && step < STEP_COUNT; step++) {
		bool is_of_run = step >= RUN_OK && step <= RUN_ENVIRONMENT;
		bool is_of_trial = step >= TRIAL_OK && step <= TRIAL_LOST;
		if ((is_of_run && from->run_count == 0) || (is_of_trial && !from->has_trial))
			continue;
		steps_taken++;
		w = *from;
		w.c.ring_count = 0; /* not looked at here */
		pass(&w, ns);
		take(&w, (enum step)step);
		walk(&w, ns, left - 1);
	}
}

static void every_path_is_safe_and_has_a_way_out(void **state)
{
	(void)state;
	static const uint64_t times[] = { 0, MINUTE, 5 * MINUTE + 30 * NS_PER_S, RESET, 240 * HOUR };
	static const uint64_t others[] = { 1, 5 * MINUTE - 1, 5 * MINUTE, 22 * MINUTE };
	static struct world first;

	longest_ns = 22 * MINUTE;
	visited = calloc(VISITED, sizeof(*visited));
	assert_non_null(visited);
	for (size_t i = 0; i < COUNT_OF(times) + COUNT_OF(others); i++) {
		bool is_other = i >= COUNT_OF(times); /* shorter: the machine has more to do */
		memset(visited, 0, VISITED * sizeof(*visited));
		memset(&first, 0, sizeof(first));
		first.c.rules = rules;
		walk(&first, is_other ? others[i - COUNT_OF(times)] : times[i],
		     is_other ? LENGTH - 2 : LENGTH);
	}
	print_message("%lu steps\n", steps_taken);
	free(visited);
}

/* --- the table -------------------------------------------------------------------------------------------
 */

static void bring_to(struct circuit *c, enum circuit_state state)
{
	memset(c, 0, sizeof(*c));
	c->rules = rules;
	if (state == CIRCUIT_CLOSED)
		return;
	for (int i = 0; i < 2; i++) {
		struct circuit_end end = an_end(FAILURE_STARTUP, CIRCUIT_START_NORMAL, 0);
		(void)circuit_end(c, &end, NULL, 0, 0);
	}
	circuit_pass(c, state == CIRCUIT_OPEN ? MINUTE : HOUR);
	assert_int_equal(circuit_state(c), state);
}

static void cause(struct circuit *c, enum circuit_event event)
{
	static const struct {
		enum failure failure;
		enum circuit_start start;
		uint64_t until_ns;
	} ends[CIRCUIT_EVENT_COUNT] = {
		[CIRCUIT_EVENT_OK] = { FAILURE_NONE, CIRCUIT_START_NORMAL, 0 },
		[CIRCUIT_EVENT_ENDED] = { FAILURE_ENDED, CIRCUIT_START_NORMAL, 0 },
		[CIRCUIT_EVENT_FAILED] = { FAILURE_STARTUP, CIRCUIT_START_NORMAL, 0 },
		[CIRCUIT_EVENT_REACHED] = { FAILURE_QUOTA, CIRCUIT_START_NORMAL, 100 * HOUR },
		[CIRCUIT_EVENT_TRIAL_OK] = { FAILURE_NONE, CIRCUIT_START_TRIAL, 0 },
		[CIRCUIT_EVENT_TRIAL_ENDED] = { FAILURE_ENDED, CIRCUIT_START_TRIAL, 0 },
		[CIRCUIT_EVENT_TRIAL_FAILED] = { FAILURE_STARTUP, CIRCUIT_START_TRIAL, 0 },
		[CIRCUIT_EVENT_TRIAL_UNRULED] = { FAILURE_STARTUP, CIRCUIT_START_TRIAL, 0 },
		[CIRCUIT_EVENT_FORCED_OK] = { FAILURE_NONE, CIRCUIT_START_FORCED, 0 },
	};
	struct circuit_end end = an_end(ends[event].failure, ends[event].start, 0);

	switch (event) {
	case CIRCUIT_EVENT_START:
		(void)circuit_ask(c);
		return;
	case CIRCUIT_EVENT_WAIT_OVER:
		circuit_pass(c, c->wait_ns);
		return;
	case CIRCUIT_EVENT_HEALTHY:
		c->is_healthy = true;
		c->wait_ns += c->wait_ns > 0 ? RESET : 0;
		circuit_pass(c, RESET);
		return;
	case CIRCUIT_EVENT_OPEN:
		(void)circuit_open(c, BY_HAND, NULL);
		return;
	case CIRCUIT_EVENT_RESET:
		(void)circuit_reset(c);
		return;
	case CIRCUIT_EVENT_TRIAL:
		circuit_allow_trial(c);
		return;
	case CIRCUIT_EVENT_INPUT:
		(void)circuit_input_changed(c);
		return;
	case CIRCUIT_EVENT_TRIAL_UNRULED:
		memset(&c->rules, 0, sizeof(c->rules));
		c->rule = CIRCUIT_RULE_HAND;
		break;
	default:
		break;
	}
	(void)circuit_end(c, &end, NULL, ends[event].until_ns, 0);
}

/* The rows that the manual shows are what happens. */
static void the_table_is_what_happens(void **state)
{
	(void)state;
	static struct circuit c;

	for (uint32_t i = 0; i < COUNT_OF(circuit_rows); i++) {
		const struct circuit_row *row = &circuit_rows[i];
		assert_int_equal(row->state, i / CIRCUIT_EVENT_COUNT);
		assert_int_equal(row->event, i % CIRCUIT_EVENT_COUNT);
		bring_to(&c, row->state);
		enum circuit_answer answer = circuit_ask(&c);
		cause(&c, row->event);
		if (circuit_state(&c) != row->next)
			fail_msg("%s, %s: %s, not %s", circuit_state_name(row->state),
				 circuit_event_text(row->event), circuit_state_name(circuit_state(&c)),
				 circuit_state_name(row->next));
		assert_int_equal(row->action == CIRCUIT_DO_GO,
				 row->event == CIRCUIT_EVENT_START && answer == CIRCUIT_GO);
		assert_int_equal(row->action == CIRCUIT_DO_TRIAL,
				 row->event == CIRCUIT_EVENT_START && answer == CIRCUIT_TRIAL);
		assert_int_equal(row->action == CIRCUIT_DO_REFUSE,
				 row->event == CIRCUIT_EVENT_START && answer == CIRCUIT_REFUSE);
		assert_int_equal(row->action == CIRCUIT_DO_OPEN || row->action == CIRCUIT_DO_OPEN_FOR,
				 row->next == CIRCUIT_OPEN && c.open_ns == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_what_happens),
		cmocka_unit_test(every_path_is_safe_and_has_a_way_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
