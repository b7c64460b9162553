/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "conf/hook_variable.h"

static void every_row_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < VARIABLE_COUNT; i++) {
		const struct hook_variable *v = &hook_variables[i];
		assert_int_equal(strncmp(v->name, "SPAWNGUARD_", 11), 0);
		assert_int_not_equal(v->events, 0);
		assert_int_equal(v->events >> HOOK_COUNT, 0);
		assert_true(strlen(v->meaning) > 5);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(v->name, hook_variables[k].name);
	}
}

static void knows_an_entry_of_a_hook(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *entry;
		bool is;
	} rows[] = {
		{ "one of the table", "SPAWNGUARD_EVENT=start", true },
		{ "without a value", "SPAWNGUARD_STATUS=", true },
		{ "a run's own", "SPAWNGUARD_RUN_ID=x", true },
		{ "the beginning of one", "SPAWNGUARD_RUN=x", false },
		{ "one that goes on", "SPAWNGUARD_RUN_ID_X=x", false },
		{ "no entry at all", "SPAWNGUARD_RUN_ID", false },
		{ "what spawnguard reads itself", "SPAWNGUARD_STATE_DIR=/x", false },
		{ "another's", "PATH=/bin", false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (hook_variable_is(rows[i].entry) != rows[i].is)
			fail_msg("%s: %s", rows[i].rule, rows[i].entry);
}

static void events_have_names(void **state)
{
	(void)state;
	assert_string_equal(hook_event_name(HOOK_START), "start");
	assert_string_equal(hook_event_name(HOOK_FLAG), "flag");
	assert_string_equal(hook_event_name(HOOK_FINISH), "finish");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(knows_an_entry_of_a_hook),
		cmocka_unit_test(events_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
