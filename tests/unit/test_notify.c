/* layer: codec */
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
#include "codec/notify.h"

static void says_what_was_sent(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *text;
		uint32_t said, passed_over;
	} rows[] = {
		{ "ready", "READY=1", NOTIFY_READY, 0 },
		{ "a newline at the end", "READY=1\n", NOTIFY_READY, 0 },
		{ "empty lines are nothing", "\n\nREADY=1\n\n", NOTIFY_READY, 0 },
		{ "ready is 1", "READY=0", 0, 1 },
		{ "and nothing else", "READY=1 ", 0, 1 },
		{ "a carriage return is a part of the value", "READY=1\r\n", 0, 1 },
		{ "names are whole", "READ=1\nREADYY=1", 0, 2 },
		{ "and in capitals", "ready=1", 0, 1 },
		{ "a status may be empty", "STATUS=", NOTIFY_STATUS, 0 },
		{ "a beat", "WATCHDOG=1", NOTIFY_BEAT, 0 },
		{ "a call for the end", "WATCHDOG=trigger", NOTIFY_TRIGGER, 0 },
		{ "no other beat", "WATCHDOG=2", 0, 1 },
		{ "a period", "WATCHDOG_USEC=1", NOTIFY_PERIOD, 0 },
		{ "0 is no period", "WATCHDOG_USEC=0", 0, 1 },
		{ "below 0 neither", "WATCHDOG_USEC=-1", 0, 1 },
		{ "nor beyond all time", "EXTEND_TIMEOUT_USEC=18446744073709551615", 0, 1 },
		{ "more time", "EXTEND_TIMEOUT_USEC=1000", NOTIFY_EXTEND, 0 },
		{ "two of a kind: the last", "EXTEND_TIMEOUT_USEC=1\nEXTEND_TIMEOUT_USEC=2", NOTIFY_EXTEND,
		  0 },
		{ "stopping", "STOPPING=1", NOTIFY_STOPPING, 0 },
		{ "reloading, with its time", "RELOADING=1\nMONOTONIC_USEC=5", NOTIFY_RELOADING, 0 },
		{ "a barrier", "BARRIER=1", NOTIFY_BARRIER, 0 },
		{ "an errno", "ERRNO=28", NOTIFY_ERRNO, 0 },
		{ "no number", "ERRNO=ENOSPC", 0, 1 },
		{ "descriptors are not kept", "FDSTORE=1\nFDNAME=x", NOTIFY_STORE, 0 },
		{ "unknown names", "MAINPID=1\nBUSERROR=x", 0, 2 },
		{ "no name", "=1\nREADY", 0, 2 },
		{ "what is bad leaves the rest", "x\nREADY=1\ny", NOTIFY_READY, 2 },
		{ "bytes of any kind", "STATUS=\xff\x01\x1b[2J", NOTIFY_STATUS, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct notify said;
		if (notify_parse(rows[i].text, strlen(rows[i].text), &said) != 0 ||
		    said.said != rows[i].said || said.passed_over != rows[i].passed_over)
			fail_msg("%s: said %x, passed over %u", rows[i].rule, said.said, said.passed_over);
	}
}

static void what_is_no_text_is_refused(void **state)
{
	(void)state;
	struct notify said;
	char huge[NOTIFY_MAX + 1];
	memset(huge, 'x', sizeof(huge));
	assert_int_equal(notify_parse("", 0, &said), -EBADMSG);
	assert_int_equal(notify_parse("READY=1\0", 8, &said), -EBADMSG);
	assert_int_equal(notify_parse(huge, sizeof(huge), &said), -EBADMSG);
	assert_int_equal(notify_parse(huge, NOTIFY_MAX, &said), 0);
	assert_int_equal(said.said, 0);
}

static void values_come_with_it(void **state)
{
	(void)state;
	struct notify said;
	const char text[] = "STATUS=a b\nWATCHDOG_USEC=3\nEXTEND_TIMEOUT_USEC=4\nERRNO=5";
	assert_int_equal(notify_parse(text, strlen(text), &said), 0);
	assert_int_equal(said.status_n, 3);
	assert_memory_equal(said.status, "a b", 3);
	assert_int_equal(said.period_ns, 3 * NS_PER_US);
	assert_int_equal(said.extend_ns, 4 * NS_PER_US);
	assert_int_equal(said.err, 5);
}

static void reads_counters(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *text;
		int result;
		uint64_t micro;
		bool is_added;
	} rows[] = {
		{ "a number", "k=12", 0, 12000000, false },
		{ "with decimals", "k=0.25", 0, 250000, false },
		{ "beyond millionths: down", "k=0.0000019", 0, 1, false },
		{ "so much more", "k+=3", 0, 3000000, true },
		{ "every character of a key", "Az09_.-=1", 0, 1000000, false },
		{ "a key of 32", "0123456789abcdef0123456789abcdef=1", 0, 1000000, false },
		{ "of 33", "0123456789abcdef0123456789abcdefg=1", -EINVAL, 0, false },
		{ "no key", "=1", -EINVAL, 0, false },
		{ "no value", "k=", -EINVAL, 0, false },
		{ "neither", "k", -EINVAL, 0, false },
		{ "not below 0", "k=-1", -EINVAL, 0, false },
		{ "nor with a sign", "k=+1", -EINVAL, 0, false },
		{ "no blanks", "k= 1", -EINVAL, 0, false },
		{ "no unit", "k=1K", -EINVAL, 0, false },
		{ "a strange key", "k/2=1", -EINVAL, 0, false },
		{ "half of a sum", "k+1", -EINVAL, 0, false },
		{ "the largest", "k=18446744073709.551614", 0, UINT64_MAX - 1, false },
		{ "beyond", "k=18446744073709.551615", -ERANGE, 0, false },
		{ "far beyond", "k=99999999999999999999999", -ERANGE, 0, false },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct notify_counter c = { .micro = 0 };
		int r = notify_parse_counter(rows[i].text, strlen(rows[i].text), &c);
		if (r != rows[i].result || c.micro != rows[i].micro || c.is_added != rows[i].is_added)
			fail_msg("%s: %d, %llu", rows[i].rule, r, (unsigned long long)c.micro);
	}
}

static void counters_are_bounded(void **state)
{
	(void)state;
	struct notify said;
	BUF(text, NOTIFY_MAX);
	for (unsigned i = 0; i < NOTIFY_COUNTERS_MAX + 3; i++) {
		buf_str(&text, NOTIFY_COUNTER "k");
		buf_u64(&text, i);
		buf_str(&text, "=1\n");
	}
	assert_int_equal(notify_parse(text.at, text.len, &said), 0);
	assert_int_equal(said.counter_count, NOTIFY_COUNTERS_MAX);
	assert_int_equal(said.passed_over, 3);
	assert_string_equal(said.counter[NOTIFY_COUNTERS_MAX - 1].key, "k15");
}

static void passes_on_what_is_for_others(void **state)
{
	(void)state;
	static const char *const rows[][3] = {
		{ "all of it", "READY=1\nSTATUS=x", "READY=1\nSTATUS=x" },
		{ "not the barrier", "BARRIER=1", "" },
		{ "nor counters", "READY=1\n" NOTIFY_COUNTER "k=1\nSTATUS=y\n", "READY=1\nSTATUS=y" },
		{ "nor who is the main process", "MAINPID=1\nREADY=1", "READY=1" },
		{ "nor descriptors", "FDSTORE=1\nFDNAME=a", "" },
		{ "a beat", "WATCHDOG=1", "WATCHDOG=1" },
		{ "but no call for the end", "WATCHDOG=trigger\nSTOPPING=1", "STOPPING=1" },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(out, NOTIFY_MAX);
		size_t n = notify_format_passed_on(&out, rows[i][1], strlen(rows[i][1]));
		if (strcmp(out.at, rows[i][2]) != 0 || n != out.len)
			fail_msg("%s: %s", rows[i][0], out.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_was_sent),   cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(values_come_with_it),  cmocka_unit_test(reads_counters),
		cmocka_unit_test(counters_are_bounded), cmocka_unit_test(passes_on_what_is_for_others),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
