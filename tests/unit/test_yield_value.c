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
#include "base/num.h"
#include "conf/yield_value.h"

/* clang-format off */
static const struct {
	const char *text;
	enum yield_kind kind;
	const char *name;
	uint64_t least, per_ns;
} good[] = {
	{ "none",                    YIELD_NONE,    "",                0, 0 },
	{ "lines",                   YIELD_LINES,   "",                0, 0 },
	{ "lines=10/1h",             YIELD_LINES,   "",                10, 3600 * NS_PER_S },
	{ "bytes=1M/1d",             YIELD_BYTES,   "",                1U << 20, 86400 * NS_PER_S },
	{ "written=4K/1s",           YIELD_WRITTEN, "",                4096, NS_PER_S },
	{ "counter:rows",            YIELD_COUNTER, "rows",            0, 0 },
	{ "counter:rows.ok=0.5/1m",  YIELD_COUNTER, "rows.ok",         500000, 60 * NS_PER_S },
	{ "file:out/a b:c",          YIELD_FILE,    "out/a b:c",       0, 0 },
	{ "file:/srv/x.csv=1/1h",    YIELD_FILE,    "/srv/x.csv",      1, 3600 * NS_PER_S },
	{ "counter:abcdefghijklmnopqrstuvwxyz012345", YIELD_COUNTER, "abcdefghijklmnopqrstuvwxyz012345", 0, 0 },
};

static const char *const bad[] = {
	"", "line", "liness", "lines:x", "bytes:", "counter", "counter:", "counter:=1/1h", "counter:a b", "file:", "file",
	"counter:abcdefghijklmnopqrstuvwxyz0123456", "lines=", "lines=10", "lines=/1h", "lines=10/", "lines=0/1h",
	"lines=10/0", "lines=10/none", "lines=1.5/1h", "bytes=x/1h", "bytes=none/1h", "lines=10/1h/1h", "file:a=b",
	"file:a=b=1/1h", "counter:a=99999999999999999999999999999999999999999/1h", " lines", "none=1/1h",
};
/* clang-format on */

static void what_is_right_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		struct yield_value v;
		size_t n;
		BUF(why, 256);
		if (yield_value_parse(good[i].text, &v, &why) < 0)
			fail_msg("refused: %s: %s", good[i].text, why.at);
		assert_int_equal(v.kind, good[i].kind);
		assert_int_equal(v.least, good[i].least);
		assert_int_equal(v.per_ns, good[i].per_ns);
		if (v.kind == YIELD_NONE)
			continue;
		const char *name = yield_value_name(&v, &n);
		assert_int_equal(n, strlen(good[i].name));
		assert_memory_equal(name, good[i].name, n);
		assert_int_equal(v.length, strcspn(good[i].text, "="));
	}
}

static void what_is_not_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct yield_value v = { .kind = YIELD_BYTES, .least = 7 };
		BUF(why, 256);
		if (yield_value_parse(bad[i], &v, &why) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
		assert_true(why.len > 0);
		assert_false(why.cut);
		assert_int_equal(v.least, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_right_is_taken),
		cmocka_unit_test(what_is_not_is_refused_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
