/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "conf/job.h"
#include "conf/limit_value.h"
#include "conf/options.h"

#define NO  LIMIT_NONE
#define MIB (1024ULL * 1024)
#define S   NS_PER_S

/* clang-format off */
static const struct {
	enum limit_id id;
	const char *text;
	struct limit_value soft, hard;
} good[] = {
	{ LIMIT_PROCS,      "200",            { NO, 0 },           { 200, 0 } },
	{ LIMIT_PROCS,      "1",              { NO, 0 },           { 1, 0 } },
	{ LIMIT_PROCS,      "150:200",        { 150, 0 },          { 200, 0 } },
	{ LIMIT_PROCS,      "200:200",        { 200, 0 },          { 200, 0 } },
	{ LIMIT_PROCS,      "150:",           { 150, 0 },          { NO, 0 } },
	{ LIMIT_PROCS,      "none",           { NO, 0 },           { NO, 0 } },
	{ LIMIT_TREE_MEM,   "400M:1G",        { 400 * MIB, 0 },    { 1024 * MIB, 0 } },
	{ LIMIT_SPAWN_RATE, "50/10s",         { NO, 0 },           { 50, 10 * S } },
	{ LIMIT_SPAWN_RATE, "30/1m:50/10s",   { 30, 60 * S },      { 50, 10 * S } },
	{ LIMIT_SPAWN_RATE, "90/1m:50/10s",   { 90, 60 * S },      { 50, 10 * S } }, /* over different times */
	{ LIMIT_GROWTH,     "100M/10m",       { NO, 0 },           { 100 * MIB, 600 * S } },
	{ LIMIT_GROWTH,     "1M/1s:1G/1h",    { MIB, S },          { 1024 * MIB, 3600 * S } },
	{ LIMIT_CPU,        "10m",            { NO, 0 },           { 600 * S, 0 } },
	{ LIMIT_CPU,        "150%/30s",       { NO, 0 },           { 45 * S, 30 * S } },
	{ LIMIT_CPU,        "90%",            { NO, 0 },           { 9 * S, 10 * S } },
	{ LIMIT_CPU,        "90%:200%/1m",    { 9 * S, 10 * S },   { 120 * S, 60 * S } },
	{ LIMIT_CPU,        "1h:150%/30s",    { 3600 * S, 0 },     { 45 * S, 30 * S } },
};

static const struct {
	enum limit_id id;
	const char *text;
} bad[] = {
	{ LIMIT_PROCS, "" }, { LIMIT_PROCS, ":" }, { LIMIT_PROCS, ":5" }, { LIMIT_PROCS, "0" }, { LIMIT_PROCS, "0:5" },
	{ LIMIT_PROCS, "5:0" }, { LIMIT_PROCS, "6:5" }, { LIMIT_PROCS, "-1" }, { LIMIT_PROCS, "5x" },
	{ LIMIT_PROCS, "5/10s" }, { LIMIT_PROCS, "none:5" }, { LIMIT_PROCS, "5:none" }, { LIMIT_PROCS, "5:6:7" },
	{ LIMIT_PROCS, "18446744073709551615" }, { LIMIT_PROCS, "99999999999999999999" }, { LIMIT_PROCS, "1.5" },
	{ LIMIT_PROCS, "1111111111111111111111111111111111111111111111111111111111111111" },
	{ LIMIT_TREE_MEM, "0" }, { LIMIT_TREE_MEM, "0M" }, { LIMIT_TREE_MEM, "1Q" }, { LIMIT_TREE_MEM, "5M/1s" },
	{ LIMIT_SPAWN_RATE, "50" }, { LIMIT_SPAWN_RATE, "50/" }, { LIMIT_SPAWN_RATE, "/10s" },
	{ LIMIT_SPAWN_RATE, "0/10s" }, { LIMIT_SPAWN_RATE, "50/0" }, { LIMIT_SPAWN_RATE, "50/none" },
	{ LIMIT_SPAWN_RATE, "50/10s/2" }, { LIMIT_SPAWN_RATE, "60/10s:50/10s" },
	{ LIMIT_GROWTH, "5M" }, { LIMIT_GROWTH, "5M/999ms" }, { LIMIT_GROWTH, "0/1s" },
	{ LIMIT_CPU, "%" }, { LIMIT_CPU, "0%" }, { LIMIT_CPU, "10%/0s" }, { LIMIT_CPU, "10%/" }, { LIMIT_CPU, "10m/1h" },
	{ LIMIT_CPU, "1000001%" }, { LIMIT_CPU, "0" }, { LIMIT_CPU, "none:1m" },
};
/* clang-format on */

static void good_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct limit_bound b;
		BUF(why, 256);
		if (limit_value_parse(good[i].id, good[i].text, &b, &why) < 0)
			fail_msg("%s: %s", good[i].text, why.at);
		assert_int_equal(b.soft.at, good[i].soft.at);
		assert_int_equal(b.soft.per_ns, good[i].soft.per_ns);
		assert_int_equal(b.hard.at, good[i].hard.at);
		assert_int_equal(b.hard.per_ns, good[i].hard.per_ns);
	}
}

static void bad_texts_say_what_to_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct limit_bound b = { { 7, 7 }, { 7, 7 } };
		BUF(why, 256);
		if (limit_value_parse(bad[i].id, bad[i].text, &b, &why) != -EINVAL)
			fail_msg("%s is taken", bad[i].text);
		assert_non_null(strstr(why.at, "or none"));
		assert_false(why.cut);
		assert_int_equal(b.hard.per_ns, 7);
	}
}

/* The field says which limit it is. */
static void each_limit_has_its_option(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		if (option_rows[i].kind != KIND_LIMIT)
			continue;
		size_t id = (option_rows[i].at - offsetof(struct job, limit)) / sizeof(struct limit_bound);
		assert_in_range(id, 0, LIMIT_COUNT - 1);
		assert_string_equal(option_rows[i].name, limit_rows[id].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts),
		cmocka_unit_test(bad_texts_say_what_to_write),
		cmocka_unit_test(each_limit_has_its_option),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
