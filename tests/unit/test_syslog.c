/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/syslog.h"

/* clang-format off */
static const struct {
	const char *rule;
	unsigned facility, priority;
	struct syslog_time time;
	const char *text, *datagram;
} rows[] = {
	{ "user, info",             1, 6, { 11, 21, 9, 17, 31 }, "hello", "<14>Nov 21 09:17:31 spawnguard[42]: hello" },
	{ "user, error",            1, 3, { 11, 21, 9, 17, 31 }, "hello", "<11>Nov 21 09:17:31 spawnguard[42]: hello" },
	{ "cron, note",             9, 5, { 1, 1, 0, 0, 0 },     "x",     "<77>Jan  1 00:00:00 spawnguard[42]: x" },
	{ "local7, warning",        23, 4, { 12, 31, 23, 59, 60 }, "x",   "<188>Dec 31 23:59:60 spawnguard[42]: x" },
	{ "a day has two columns",  1, 6, { 5, 9, 1, 2, 3 },     "x",     "<14>May  9 01:02:03 spawnguard[42]: x" },
	{ "no text",                1, 6, { 5, 10, 1, 2, 3 },    "",      "<14>May 10 01:02:03 spawnguard[42]: " },
	{ "no month: the first",    1, 6, { 0, 10, 1, 2, 3 },    "x",     "<14>Jan 10 01:02:03 spawnguard[42]: x" },
	{ "no such month",          1, 6, { 13, 10, 1, 2, 3 },   "x",     "<14>Jan 10 01:02:03 spawnguard[42]: x" },
};
/* clang-format on */

static void formats_as_syslog_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(out, SYSLOG_DATAGRAM_MAX);
		struct syslog_line line = { .facility = rows[i].facility,
					    .priority = rows[i].priority,
					    .pid = 42,
					    .time = rows[i].time,
					    .text = rows[i].text,
					    .text_len = strlen(rows[i].text) };
		syslog_format(&out, &line);
		if (strcmp(out.at, rows[i].datagram) != 0)
			fail_msg("%s: %s", rows[i].rule, out.at);
	}
}

#define HEAD "MESSAGE=hello\nPRIORITY=4\nSYSLOG_IDENTIFIER=spawnguard\nSYSLOG_FACILITY=3\nSYSLOG_PID=42\n"

static void formats_fields_for_the_journal(void **state)
{
	(void)state;
	static const char with_newline[] =
		HEAD "SPAWNGUARD_JOB\n\x07\0\0\0\0\0\0\0a\nX=Y=1\nSPAWNGUARD_RUN_ID=r\n";
	struct syslog_line line = { .facility = 3, .priority = 4, .pid = 42, .text = "hello", .text_len = 5 };
	BUF(out, SYSLOG_DATAGRAM_MAX);

	syslog_format_journal(&out, &line);
	assert_string_equal(out.at, HEAD);
	line.job = line.run_id = "";
	buf_clear(&out);
	syslog_format_journal(&out, &line);
	assert_string_equal(out.at, HEAD);
	line.job = "nightly";
	line.run_id = "7f3c";
	buf_clear(&out);
	syslog_format_journal(&out, &line);
	assert_string_equal(out.at, HEAD "SPAWNGUARD_JOB=nightly\nSPAWNGUARD_RUN_ID=7f3c\n");
	/* A name that would be a field of its own. */
	line.job = "a\nX=Y=1";
	line.run_id = "r";
	buf_clear(&out);
	syslog_format_journal(&out, &line);
	assert_int_equal(out.len, sizeof(with_newline) - 1);
	assert_memory_equal(out.at, with_newline, out.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_as_syslog_does),
		cmocka_unit_test(formats_fields_for_the_journal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
