/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/value.h"
#include "core/statuses.h"

#define EXIT(code) ((code) << 8)
#define STOPPED    0x137f /* what wait(2) tells of a process that was stopped */

/* clang-format off */
static const struct {
	const char *rule, *list;
	int status;
	bool is_in;
} rows[] = {
	{ "one status",                   "3",        EXIT(3),   true },
	{ "and no other",                 "3",        EXIT(4),   false },
	{ "the list is the whole list",   "3",        EXIT(0),   false },
	{ "0 where it stands there",      "0,3",      EXIT(0),   true },
	{ "a range, its first",           "10-12",    EXIT(10),  true },
	{ "a range, its last",            "10-12",    EXIT(12),  true },
	{ "a range, before it",           "10-12",    EXIT(9),   false },
	{ "a range, behind it",           "10-12",    EXIT(13),  false },
	{ "all statuses, the lowest",     "0-255",    EXIT(0),   true },
	{ "all statuses, the highest",    "0-255",    EXIT(255), true },
	{ "across words of the set",      "60-70",    EXIT(64),  true },
	{ "no signal by its number",      "0-255",    SIGTERM,   false },
	{ "a signal",                     "TERM",     SIGTERM,   true },
	{ "and no other signal",          "TERM",     SIGINT,    false },
	{ "no status of a shell for it",  "TERM",     EXIT(143), false },
	{ "the status of a shell for it", "143",      SIGTERM,   false },
	{ "with a core file",             "SEGV",     SIGSEGV | 0x80, true },
	{ "the first signal",             "HUP",      1,         true },
	{ "the last signal",              "RTMAX",    64,        true },
	{ "in a mixed list",              "0,3,TERM", SIGTERM,   true },
	{ "stopped is not ended",         "0-255,TERM", STOPPED, false },
};
/* clang-format on */

static void has_what_is_listed_and_nothing_else(void **state)
{
	(void)state;
	const struct option_row *row = option_find("success-status", strlen("success-status"), FOR_RUN);
	assert_non_null(row);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct job job;
		BUF(why, 160);
		memset(&job, 0, sizeof(job));
		assert_int_equal(value_parse(row, rows[i].list, &job, &why), 0);
		if (statuses_have(&job.success, rows[i].status) != rows[i].is_in)
			fail_msg("%s: %s, status %d", rows[i].rule, rows[i].list, rows[i].status);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_what_is_listed_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
