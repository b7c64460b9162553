/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/lineage.h"

static void look(struct lineage *l, int32_t pid, int32_t sid, uint64_t start)
{
	lineage_begin(l);
	lineage_member(l, pid, sid, start);
}

static void follows_a_session_that_a_member_leads(void **state)
{
	struct lineage l = { 0 };

	(void)state;
	look(&l, 100, 100, 50);
	assert_true(lineage_has(&l, 100, 50));
	assert_true(lineage_has(&l, 100, 51));
	assert_false(lineage_has(&l, 101, 51)); /* another one */
	assert_false(lineage_has(&l, 100, 49)); /* older than its leader: the number was another's */
}

static void not_one_that_it_is_only_in(void **state)
{
	struct lineage l = { 0 };

	(void)state;
	look(&l, 100, 70, 50);
	assert_false(lineage_has(&l, 70, 60));
	assert_false(lineage_has(&l, 0, 60));
	look(&l, 1, 1, 0);
	assert_false(lineage_has(&l, 1, 60));
}

static void known_for_as_long_as_somebody_is_in_it(void **state)
{
	struct lineage l = { 0 };

	(void)state;
	look(&l, 100, 100, 50);
	lineage_end(&l);
	look(&l, 110, 100, 60); /* the leader is gone */
	lineage_end(&l);
	lineage_begin(&l); /* all that were known are gone, but one is found */
	assert_true(lineage_has(&l, 100, 70));
	lineage_end(&l);
	lineage_begin(&l);
	lineage_end(&l); /* nobody: from now on the number may be another's */
	lineage_begin(&l);
	assert_false(lineage_has(&l, 100, 90));
}

static void the_leader_itself_tells_its_start(void **state)
{
	struct lineage l = { 0 };

	(void)state;
	look(&l, 100, 100, 50);
	lineage_end(&l);
	look(&l, 100, 100, 80); /* the number again, within one look */
	assert_false(lineage_has(&l, 100, 60));
	assert_true(lineage_has(&l, 100, 80));
	assert_int_equal(l.count, 1);
}

static void more_sessions_than_there_is_room_for(void **state)
{
	struct lineage l = { 0 };

	(void)state;
	lineage_begin(&l);
	for (int32_t i = 0; i < LINEAGE_MAX + 10; i++)
		lineage_member(&l, 100 + i, 100 + i, 1);
	assert_int_equal(l.count, LINEAGE_MAX);
	assert_true(lineage_has(&l, 100 + LINEAGE_MAX - 1, 1));
	assert_false(lineage_has(&l, 100 + LINEAGE_MAX, 1));
	lineage_end(&l);
	look(&l, 100 + LINEAGE_MAX, 100 + LINEAGE_MAX, 1);
	lineage_end(&l);
	look(&l, 100 + LINEAGE_MAX, 100 + LINEAGE_MAX, 1);
	assert_int_equal(l.count, 1);
	assert_true(lineage_has(&l, 100 + LINEAGE_MAX, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_a_session_that_a_member_leads),
		cmocka_unit_test(not_one_that_it_is_only_in),
		cmocka_unit_test(known_for_as_long_as_somebody_is_in_it),
		cmocka_unit_test(the_leader_itself_tells_its_start),
		cmocka_unit_test(more_sessions_than_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
