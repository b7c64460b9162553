/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "core/room.h"

#define G 1000U

/* clang-format off */
static const struct {
	const char *rule;
	struct room room;
	bool fits, never;
	uint64_t is_free;
} rows[] = {
	{ "all of it may be expected",              { 8*G, 6*G, 0, 0, 0, 6*G }, true, false, 6*G },
	{ "one byte more is too much",              { 8*G, 6*G, 0, 0, 0, 6*G + 1 }, false, false, 6*G },
	{ "what others expect is not free",         { 8*G, 6*G, 4*G, 2, 0, 3*G }, false, false, 2*G },
	{ "nor is what is reserved",                { 8*G, 6*G, 0, 0, 5*G, 2*G }, false, false, 1*G },
	{ "both count",                             { 8*G, 6*G, 2*G, 1, 2*G, 2*G }, true, false, 2*G },
	{ "others expect more than there is",       { 8*G, 6*G, 7*G, 3, 0, 1 }, false, false, 0 },
	{ "the reserve is more than there is",      { 8*G, 6*G, 0, 0, 9*G, 1 }, false, true, 0 },
	{ "claims beyond counting",                 { 8*G, 6*G, UINT64_MAX, 9, 0, 1 }, false, false, 0 },
	{ "all memory is enough some day",          { 8*G, 6*G, 0, 0, 0, 8*G }, false, false, 6*G },
	{ "more than all memory never is",          { 8*G, 6*G, 0, 0, 0, 8*G + 1 }, false, true, 6*G },
	{ "less the reserve, it never is",          { 8*G, 6*G, 0, 0, 1*G, 8*G }, false, true, 5*G },
};
/* clang-format on */

static void test_what_fits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (room_fits(&rows[i].room) != rows[i].fits ||
		    room_can_never_fit(&rows[i].room) != rows[i].never ||
		    room_free(&rows[i].room) != rows[i].is_free)
			fail_msg("%s", rows[i].rule);
	}
}

static void test_a_claim_falls_as_memory_is_had(void **state)
{
	(void)state;
	assert_int_equal(room_still_expected(10, 0), 10);
	assert_int_equal(room_still_expected(10, 4), 6);
	assert_int_equal(room_still_expected(10, 10), 0);
	assert_int_equal(room_still_expected(10, 11), 0);
}

static void test_slots_by_memory(void **state)
{
	struct room room = { .total_bytes = 8 * G, .reserve_bytes = 1 * G, .expected_bytes = 2 * G };

	(void)state;
	assert_int_equal(room_slots(&room, 256), 3);
	assert_int_equal(room_slots(&room, 2), 2);
	room.expected_bytes = 9 * G;
	assert_int_equal(room_slots(&room, 256), 1);
	room.expected_bytes = 0;
	assert_int_equal(room_slots(&room, 256), 1);
	room.expected_bytes = 1;
	assert_int_equal(room_slots(&room, 256), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_a_claim_falls_as_memory_is_had),
		cmocka_unit_test(test_slots_by_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
