/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "core/circuit_text.h"

static struct circuit c;

static int read_line(const char *line)
{
	memset(&c, 0, sizeof(c));
	return circuit_text_parse(&c, line, strlen(line));
}

/* clang-format off */
static const struct {
	const char *line;
	int result;
} rows[] = {
	{ "rules 1 2 3 4 5 6 7 8 9 1 11 12", 1 },
	{ "rules 1 100 3 100 5 1000 1000 8 9 0 1000000 12", 1 },
	{ "rules 1 2 3 4 5 6 7 8 9 1 18446744073709551615 12", 1 },
	{ "rules 1 101 3 4 5 6 7 8 9 1 11 12", -EBADMSG },
	{ "rules 1 2 3 101 5 6 7 8 9 1 11 12", -EBADMSG },
	{ "rules 1 2 3 4 5 1001 7 8 9 1 11 12", -EBADMSG },
	{ "rules 1 2 3 4 5 6 1001 8 9 1 11 12", -EBADMSG },
	{ "rules 1 2 3 4 5 6 7 8 9 2 11 12", -EBADMSG },
	{ "rules 1 2 3 4 5 6 7 8 9 1 1000001 12", -EBADMSG },
	{ "rules 1 2 3 4 5 6 7 8 9 1 11", -EBADMSG },
	{ "rules 1 2 3 4 5 6 7 8 9 1 11 12 13", -EBADMSG },
	{ "backoff startup 1 2 3", 1 },
	{ "backoff startup 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", 1 },
	{ "backoff startup 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", -EBADMSG },
	{ "backoff startup", -EBADMSG },
	{ "backoff startup 0", -EBADMSG },
	{ "backoff", -EBADMSG },
	{ "open 1 2 3", 1 },
	{ "open 2 2 3", 1 },
	{ "open 3 2 3", -EBADMSG },
	{ "open 1 2", -EBADMSG },
	{ "untold", 1 },
	{ "untold 1", -EBADMSG },
	{ "why max-failures startup 1 2 0 -", 1 },
	{ "why a-new-one newclass 1 2 1 f1-abc", 1 },
	{ "why max-failures startup 1 2 2 -", -EBADMSG },
	{ "why max-failures startup 4294967296 2 0 -", -EBADMSG },
	{ "why max-failures startup 1 2 0 12345678901234567890123456789012", -EBADMSG },
	{ "reason a%20b%0A%25%E2", 1 },
	{ "reason a%2", -EBADMSG },
	{ "reason a%2g", -EBADMSG },
	{ "reason a%00b", -EBADMSG },
	{ "reason", -EBADMSG },
	{ "level startup 16", 1 },
	{ "level startup 17", -EBADMSG },
	{ "failed 5 lost", 1 },
	{ "failed 5", -EBADMSG },
	{ "healthy 7", 1 },
	{ "healthy", -EBADMSG },
	{ "same 2 f1-a", 1 },
	{ "same 2", -EBADMSG },
	{ "zero 2", 1 },
	{ "zero x", -EBADMSG },
	{ "time 5 6", 1 },
	{ "time 0 6", -EBADMSG },
	{ "spent 5 6", -EBADMSG },
	{ "end id none 0 0 1 2 3 -", 1 },
	{ "end - newclass 2 2 1 2 3 f1-a", 1 },
	{ "end id none 3 0 1 2 3 -", -EBADMSG },
	{ "end id none 0 3 1 2 3 -", -EBADMSG },
	{ "end id none 0 0 1 2 -", -EBADMSG },
	{ "end 12345678901234567890123456789012345678901234567890123456789012345 none 0 0 1 2 3 -", -EBADMSG },
	{ "budget a 1 1 1", 0 },
	{ "another thing", 0 },
	{ "a-very-long-word-that-nobody-knows 1", 0 },
	{ "rules2 1", 0 },
	{ "", 0 },
};
/* clang-format on */

static void each_line_is_read_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int r = read_line(rows[i].line);
		if (r != rows[i].result)
			fail_msg("%s: %d", rows[i].line, r);
	}
	assert_int_equal(read_line("end id newclass 0 0 1 2 3 -"), 1);
	assert_int_equal(c.ring[0].failure, FAILURE_UNKNOWN); /* which counts */
}

static void there_are_no_more_than_there_is_room_for(void **state)
{
	(void)state;
	memset(&c, 0, sizeof(c));
	for (int i = 0; i < CIRCUIT_RATE_MAX; i++)
		assert_int_equal(circuit_text_parse(&c, "failed 5 lost", 13), 1);
	assert_int_equal(circuit_text_parse(&c, "failed 5 lost", 13), -EBADMSG);
	for (int i = 0; i < CIRCUIT_RING; i++)
		assert_int_equal(circuit_text_parse(&c, "end id none 0 0 1 2 3 -", 23), 1);
	assert_int_equal(circuit_text_parse(&c, "end id none 0 0 1 2 3 -", 23), -EBADMSG);
	assert_int_equal(circuit_text_parse(&c, "time 5 6", 8), 1);
	for (int i = 0; i < BUDGET_POINTS; i++)
		assert_int_equal(circuit_text_parse(&c, "spent 5 6", 9), 1);
	assert_int_equal(circuit_text_parse(&c, "spent 5 6", 9), -EBADMSG);

	memset(&c, 0, sizeof(c)); /* the oldest first: what is counted stops at the first that is too old */
	assert_int_equal(circuit_text_parse(&c, "failed 5 lost", 13), 1);
	assert_int_equal(circuit_text_parse(&c, "failed 6 lost", 13), -EBADMSG);
	assert_int_equal(circuit_text_parse(&c, "time 9 9", 8), 1);
	assert_int_equal(circuit_text_parse(&c, "spent 5 6", 9), 1);
	assert_int_equal(circuit_text_parse(&c, "spent 6 6", 9), -EBADMSG);
}

/* As full as can be, with the longest of everything. */
static void the_fullest_has_room(void **state)
{
	(void)state;
	static char bytes[CIRCUIT_TEXT_MAX];
	struct buf text;

	memset(&c, 0, sizeof(c));
	memset(&c.rules, 0xff, sizeof(c.rules));
	c.rules.has_open_on = true;
	for (uint32_t i = 0; i < FAILURE_COUNT; i++) {
		c.rules.backoff[i].count = CIRCUIT_STEPS_MAX;
		c.level[i] = UINT32_MAX;
	}
	c.is_open = c.is_untold = c.is_mixed = c.is_healthy = true;
	c.wait_ns = c.full_ns = c.open_ns = c.span_ns = c.healthy_ns = UINT64_MAX;
	c.rule = CIRCUIT_RULE_MAX_FAILURES;
	c.failure = FAILURE_ENVIRONMENT;
	c.count = c.same_count = c.zero_count = UINT32_MAX;
	memset(c.print, 'x', sizeof(c.print) - 1);
	memset(c.same_print, 'x', sizeof(c.same_print) - 1);
	memset(c.reason, ' ', sizeof(c.reason) - 1);
	memset(c.summary, '\n', sizeof(c.summary) - 1);
	c.failed_count = CIRCUIT_RATE_MAX;
	for (uint32_t i = 0; i < CIRCUIT_RATE_MAX; i++)
		c.failed[i] = (struct circuit_failure){ UINT64_MAX, FAILURE_ENVIRONMENT };
	memset(&c.time, 0xff, sizeof(c.time));
	c.time.count = BUDGET_POINTS;
	c.ring_count = CIRCUIT_RING;
	for (uint32_t i = 0; i < CIRCUIT_RING; i++) {
		c.ring[i] = (struct circuit_end){ .failure = FAILURE_ENVIRONMENT,
						  .ago_ns = UINT64_MAX,
						  .took_ns = UINT64_MAX,
						  .peak_bytes = UINT64_MAX };
		memset(c.ring[i].run_id, 'x', CIRCUIT_RUN_ID_MAX);
		memset(c.ring[i].print, 'x', CIRCUIT_PRINT_MAX);
	}
	buf_init(&text, bytes, sizeof(bytes));
	circuit_text_format(&text, &c);
	assert_false(text.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_read_or_refused),
		cmocka_unit_test(there_are_no_more_than_there_is_room_for),
		cmocka_unit_test(the_fullest_has_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
