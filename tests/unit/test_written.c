/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "core/written.h"

#define N 24

/* A tree as the kernel counts it: what a process has waited for is in its own count. */
struct process {
	bool is_alive, is_member;
	bool waits;     /* else its children leave nothing to anybody */
	int parent;     /* -1 = the guard */
	uint64_t bytes; /* as /proc tells */
	struct written_state state;
};

struct world {
	struct process p[N];
	uint64_t guard; /* of whom it has waited for */
	uint64_t truth; /* all that was ever written */
	struct written_count w;
};

static void writes(struct world *t, int i, uint64_t bytes)
{
	t->p[i].bytes += bytes;
	t->truth += bytes;
}

static void is_born(struct world *t, int i, int parent, bool waits)
{
	t->p[i] = (struct process){ .is_alive = true, .parent = parent, .waits = waits };
}

/* Its children go to the guard. */
static void dies(struct world *t, int i)
{
	struct process *p = &t->p[i];

	for (int c = 0; c < N; c++)
		if (t->p[c].is_alive && t->p[c].parent == i)
			t->p[c].parent = -1;
	p->is_alive = false;
	if (p->parent < 0)
		t->guard += p->bytes;
	else if (t->p[p->parent].waits)
		t->p[p->parent].bytes += p->bytes;
}

static struct written_state *heir(struct world *t, int i)
{
	int parent = t->p[i].parent;

	while (parent >= 0 && t->p[parent].state.is_gone)
		parent = t->p[parent].parent;
	return parent < 0 ? &t->w.guard : &t->p[parent].state;
}

static void round_of(struct world *t)
{
	for (int i = 0; i < N; i++)
		if (t->p[i].is_member && !t->p[i].is_alive && !t->p[i].state.is_gone)
			written_gone(&t->w, &t->p[i].state, heir(t, i));
	written_read(&t->w, &t->w.guard, t->guard);
	for (int i = 0; i < N; i++) {
		if (!t->p[i].is_alive)
			continue;
		t->p[i].is_member = true;
		written_read(&t->w, &t->p[i].state, t->p[i].bytes);
	}
	written_end(&t->w);
}

static void what_lives_is_added_up(void **state)
{
	(void)state;
	struct world t = { 0 };
	is_born(&t, 0, -1, true);
	is_born(&t, 1, 0, true);
	writes(&t, 0, 10);
	writes(&t, 1, 5);
	round_of(&t);
	assert_int_equal(t.w.total, 15);
	round_of(&t);
	assert_int_equal(t.w.total, 15);
	writes(&t, 1, 1);
	round_of(&t);
	assert_int_equal(t.w.total, 16);
}

static void what_was_before_does_not_count(void **state)
{
	(void)state;
	struct written_count w = { 0 };
	struct written_state s = { 0 };
	written_begin(&s, 100);
	written_read(&w, &s, 100);
	assert_int_equal(w.total, 0);
	written_read(&w, &s, 101);
	written_begin(&s, 50);
	written_read(&w, &s, 101);
	assert_int_equal(w.total, 1);
	written_read(&w, &s, 7); /* cannot be: nothing is taken away */
	assert_int_equal(w.total, 1);
}

static void who_dies_is_counted_once(void **state)
{
	(void)state;
	struct world t = { 0 };
	is_born(&t, 0, -1, true);
	is_born(&t, 1, 0, true);
	writes(&t, 1, 1000);
	round_of(&t);
	writes(&t, 1, 30); /* unseen, but for the parent's count */
	dies(&t, 1);
	writes(&t, 0, 5);
	round_of(&t);
	assert_int_equal(t.w.total, 1035);
	for (int i = 0; i < 4; i++) {
		writes(&t, 0, 1);
		round_of(&t);
	}
	assert_int_equal(t.w.total, 1039);
	dies(&t, 0);
	round_of(&t);
	assert_int_equal(t.w.total, 1039);
}

static void who_was_never_seen_is_counted_by_its_heir(void **state)
{
	(void)state;
	struct world t = { 0 };
	is_born(&t, 0, -1, true);
	for (int i = 0; i < 50; i++) {
		is_born(&t, 1, 0, true);
		writes(&t, 1, 100);
		dies(&t, 1);
		if (i % 7 == 0)
			round_of(&t);
	}
	round_of(&t);
	assert_int_equal(t.w.total, 5000);
}

static void who_is_waited_for_by_nobody_stays_counted_as_far_as_it_was_seen(void **state)
{
	(void)state;
	struct world t = { 0 };
	is_born(&t, 0, -1, false);
	for (int i = 0; i < 10; i++) {
		is_born(&t, 1, 0, true);
		writes(&t, 1, 100);
		round_of(&t);
		dies(&t, 1);
	}
	round_of(&t);
	assert_int_equal(t.w.total, 1000);
}

/* A whole branch goes between two rounds: each leaves to the next, all to the guard. */
static void a_branch_that_goes_at_once_is_counted_once(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct world t = { 0 };
		for (int i = 0; i < 5; i++)
			is_born(&t, i, i - 1, true);
		for (int i = 0; i < 5; i++)
			writes(&t, i, 100);
		round_of(&t);
		for (int i = 0; i < 5; i++)
			dies(&t, order ? 4 - i : i);
		round_of(&t);
		round_of(&t);
		assert_int_equal(t.w.total, 500);
	}
}

/* The parent was read first, then the child was waited for, then the child was not there to be read. */
static void an_heir_that_was_read_before_is_not_counted_twice(void **state)
{
	(void)state;
	struct written_count w = { 0 };
	struct written_state parent = { 0 }, child = { 0 };
	written_read(&w, &parent, 10);
	written_read(&w, &child, 1000);
	written_end(&w);
	written_gone(&w, &child, &parent);
	written_read(&w, &parent, 11);
	written_end(&w);
	written_read(&w, &parent, 1011);
	written_end(&w);
	assert_in_range(w.total, 1010, 1011);
	/* The debt is over: what it writes now is its own. */
	written_read(&w, &parent, 2011);
	written_end(&w);
	assert_in_range(w.total, 2010, 2011);
}

static void an_unknown_heir_is_not_counted_twice(void **state)
{
	(void)state;
	struct written_count w = { 0 };
	struct written_state inner = { 0 }, child = { 0 };
	written_read(&w, &inner, 10);
	written_read(&w, &child, 1000);
	written_end(&w);
	written_gone(&w, &child, NULL);
	written_gone(&w, &child, NULL); /* once is enough */
	written_read(&w, &inner, 1010);
	written_read(&w, &child, 5000); /* gone: no more of it */
	written_end(&w);
	assert_int_equal(w.total, 1010);
	for (int i = 0; i < 3; i++)
		written_end(&w);
	written_read(&w, &inner, 1020);
	assert_int_equal(w.total, 1020);
}

static void a_file_that_was_emptied_grows_from_nothing(void **state)
{
	(void)state;
	assert_int_equal(written_growth(10, 9), 9);
	assert_int_equal(written_growth(10, 10), 0);
	assert_int_equal(written_growth(10, 11), 1);
	assert_int_equal(written_growth(10, 0), 0);
}

/* Any tree that waits for its children: never more than the truth, and all of it at last. */
static void a_random_tree_is_never_overstated(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (int trial = 0; trial < 500; trial++) {
		struct world t = { 0 };
		uint64_t before = 0;
		is_born(&t, 0, -1, true);
		for (int step = 0; step < 200; step++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			int i = (int)(seed >> 33) % N, of = (int)(seed >> 40) % N;
			if (!t.p[i].is_alive && !t.p[i].is_member && t.p[of].is_alive && i > of)
				is_born(&t, i, of, true);
			else if (t.p[i].is_alive && (seed >> 50) % 4 == 0 && i > 0)
				dies(&t, i);
			else if (t.p[i].is_alive)
				writes(&t, i, (seed >> 45) % 1000);
			if ((seed >> 55) % 3 == 0)
				round_of(&t);
			assert_true(t.w.total <= t.truth);
			assert_true(t.w.total >= before);
			before = t.w.total;
		}
		for (int i = 0; i < N; i++)
			if (t.p[i].is_alive)
				dies(&t, i);
		round_of(&t);
		assert_int_equal(t.w.total, t.truth);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lives_is_added_up),
		cmocka_unit_test(what_was_before_does_not_count),
		cmocka_unit_test(who_dies_is_counted_once),
		cmocka_unit_test(who_was_never_seen_is_counted_by_its_heir),
		cmocka_unit_test(who_is_waited_for_by_nobody_stays_counted_as_far_as_it_was_seen),
		cmocka_unit_test(a_branch_that_goes_at_once_is_counted_once),
		cmocka_unit_test(an_heir_that_was_read_before_is_not_counted_twice),
		cmocka_unit_test(an_unknown_heir_is_not_counted_twice),
		cmocka_unit_test(a_file_that_was_emptied_grows_from_nothing),
		cmocka_unit_test(a_random_tree_is_never_overstated),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
