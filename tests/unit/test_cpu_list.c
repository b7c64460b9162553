/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "codec/cpu_list.h"

static void test_counts_what_the_kernel_writes_and_believes_nothing_else(void **state)
{
	static const struct {
		const char *rule, *list;
		uint64_t count;
	} rows[] = {
		{ "one", "0\n", 1 },
		{ "a span", "0-3\n", 4 },
		{ "some", "0-3,8,10-11\n", 7 },
		{ "without its end of line", "0-1", 2 },
		{ "nothing", "", 0 },
		{ "an empty line", "\n", 0 },
		{ "backwards", "3-0\n", 0 },
		{ "half a span", "0-\n", 0 },
		{ "half a list", "0,\n", 0 },
		{ "a word", "all\n", 0 },
		{ "a number beyond all", "0-99999999999999999999999\n", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (cpu_list_count(rows[i].list, strlen(rows[i].list)) != rows[i].count)
			fail_msg("%s: %s", rows[i].rule, rows[i].list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_what_the_kernel_writes_and_believes_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
