/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/room_value.h"

static void places_and_sizes_are_taken_one_by_one(void **state)
{
	const char *at = "/var:2G,/srv/a:b:512K,rel:1";
	struct min_free item;
	BUF(why, 256);

	(void)state;
	assert_int_equal(min_free_next(&at, &item, &why), 1);
	assert_string_equal(item.dir, "/var");
	assert_int_equal(item.bytes, 2ULL << 30);
	assert_int_equal(min_free_next(&at, &item, &why), 1);
	assert_string_equal(item.dir, "/srv/a:b"); /* the last colon counts */
	assert_int_equal(item.bytes, 512U << 10);
	assert_int_equal(min_free_next(&at, &item, &why), 1);
	assert_string_equal(item.dir, "rel");
	assert_int_equal(item.bytes, 1);
	assert_int_equal(min_free_next(&at, &item, &why), 0);
	assert_int_equal(why.len, 0);
}

static void what_is_no_place_and_size_is_refused(void **state)
{
	static const char *const bad[] = { "/var",
					   ":2G",
					   "/var:",
					   "/var:0",
					   "/var:x",
					   "/var:none",
					   ",",
					   "/var:2G,",
					   "a,b:1G",
					   "/var:-1",
					   "/var:99999999999999T" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		const char *at = bad[i];
		struct min_free item;
		int r;
		BUF(why, 256);
		while ((r = min_free_next(&at, &item, &why)) > 0)
			;
		if (r != -EINVAL || why.len == 0)
			fail_msg("taken: %s", bad[i]);
	}
}

static void pressures_are_taken(void **state)
{
	static const struct {
		const char *text;
		uint32_t pct[PRESSURE_OF_COUNT];
	} good[] = {
		{ "memory=10", { 10, 0, 0 } },
		{ "cpu=100%", { 0, 100, 0 } },
		{ "io=1,memory=20%,cpu=5", { 20, 5, 1 } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct max_pressure max;
		BUF(why, 256);
		if (max_pressure_parse(good[i].text, &max, &why) < 0)
			fail_msg("refused: %s: %s", good[i].text, why.at);
		assert_memory_equal(max.pct, good[i].pct, sizeof(max.pct));
	}
}

static void what_is_no_pressure_is_refused(void **state)
{
	static const char *const bad[] = { "",         "memory",      "memory=",     "memory=0", "memory=101",
					   "disk=5",   "io=5,io=6",   "cpu=5,",      ",cpu=5",   "cpu=1.5",
					   "memory=%", "memory=10%%", "memory=none", "memory:10" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct max_pressure max;
		BUF(why, 256);
		if (max_pressure_parse(bad[i], &max, &why) != -EINVAL || why.len == 0)
			fail_msg("taken: %s", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_and_sizes_are_taken_one_by_one),
		cmocka_unit_test(what_is_no_place_and_size_is_refused),
		cmocka_unit_test(pressures_are_taken),
		cmocka_unit_test(what_is_no_pressure_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
