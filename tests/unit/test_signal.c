/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/signal_name.h"

#define REFUSED (-1)

struct parse_row {
	const char *rule;
	const char *text;
	int signal;
};

/* clang-format off */
static const struct parse_row parse_rows[] = {
	{ "a name",                             "TERM",         SIGTERM },
	{ "a name with SIG",                    "SIGTERM",      SIGTERM },
	{ "lower case",                         "term",         SIGTERM },
	{ "lower case with sig",                "sigterm",      SIGTERM },
	{ "mixed case",                         "SigTerm",      SIGTERM },
	{ "the first",                          "HUP",          SIGHUP },
	{ "the last with a name",               "SYS",          SIGSYS },
	{ "a name that begins another",         "IO",           SIGIO },
	{ "a digit in the name",                "usr1",         SIGUSR1 },
	{ "one that cannot be caught",          "KILL",         SIGKILL },
	{ "old name of ABRT",                   "IOT",          SIGABRT },
	{ "old name of CHLD",                   "SIGCLD",       SIGCHLD },
	{ "old name of IO",                     "poll",         SIGIO },
	{ "a number",                           "15",           15 },
	{ "the lowest number",                  "1",            1 },
	{ "the highest number",                 "64",           64 },
	{ "a number that glibc keeps",          "32",           32 },
	{ "first real-time",                    "RTMIN",        34 },
	{ "first real-time with SIG",           "SIGRTMIN",     34 },
	{ "real-time counted up",               "RTMIN+1",      35 },
	{ "real-time counted up from 0",        "RTMIN+0",      34 },
	{ "real-time counted up to the end",    "rtmin+30",     64 },
	{ "last real-time",                     "RTMAX",        64 },
	{ "real-time counted down",             "RTMAX-1",      63 },
	{ "real-time counted down to the end",  "SIGRTMAX-30",  34 },

	{ "0 is no signal",                     "0",            REFUSED },
	{ "behind the highest",                 "65",           REFUSED },
	{ "a huge number",                      "18446744073709551631", REFUSED },
	{ "a sign",                             "+15",          REFUSED },
	{ "a negative number",                  "-15",          REFUSED },
	{ "a number with SIG",                  "SIG15",        REFUSED },
	{ "empty",                              "",             REFUSED },
	{ "SIG alone",                          "SIG",          REFUSED },
	{ "SIG twice",                          "SIGSIGTERM",   REFUSED },
	{ "the start of a name",                "TER",          REFUSED },
	{ "a name and more",                    "TERMS",        REFUSED },
	{ "a byte behind the letters",          "TER~",         REFUSED },
	{ "blank before",                       " TERM",        REFUSED },
	{ "blank behind",                       "TERM ",        REFUSED },
	{ "unknown",                            "FOO",          REFUSED },
	{ "EXIT of shells",                     "EXIT",         REFUSED },
	{ "real-time beyond the last",          "RTMIN+31",     REFUSED },
	{ "real-time before the first",         "RTMAX-31",     REFUSED },
	{ "real-time counted the wrong way",    "RTMIN-1",      REFUSED },
	{ "real-time counted the wrong way",    "RTMAX+1",      REFUSED },
	{ "real-time without a count",          "RTMIN+",       REFUSED },
	{ "real-time with a bad count",         "RTMAX-x",      REFUSED },
	{ "real-time with two signs",           "RTMIN+-1",     REFUSED },
	{ "real-time glued to a digit",         "RTMIN1",       REFUSED },
	{ "bytes that are no text",             "\xff\x80",     REFUSED },
};
/* clang-format on */

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(parse_rows); i++) {
		const struct parse_row *row = &parse_rows[i];
		int signal = REFUSED; /* written on success only */
		int r = signal_parse(row->text, &signal);
		if (r != (row->signal == REFUSED ? -EINVAL : 0) || signal != row->signal)
			fail_msg("%s: \"%s\" gave %d, signal %d", row->rule, row->text, r, signal);
	}
}

struct format_row {
	const char *rule;
	int signal;
	const char *text;
};

/* clang-format off */
static const struct format_row format_rows[] = {
	{ "a name, without SIG",                15, "TERM" },
	{ "the usual of two names",             6,  "ABRT" },
	{ "first real-time",                    34, "RTMIN" },
	{ "real-time in the lower half",        49, "RTMIN+15" },
	{ "real-time in the upper half",        50, "RTMAX-14" },
	{ "last real-time",                     64, "RTMAX" },
	{ "what glibc keeps has no name",       32, "32" },
	{ "what glibc keeps has no name",       33, "33" },
	{ "no signal",                          0,  "0" },
	{ "behind the highest",                 65, "65" },
	{ "negative",                           -1, "-1" },
};
/* clang-format on */

static void test_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(format_rows); i++) {
		BUF(out, 32);
		signal_format(&out, format_rows[i].signal);
		if (strcmp(out.at, format_rows[i].text) != 0)
			fail_msg("%s: %d gave \"%s\"", format_rows[i].rule, format_rows[i].signal, out.at);
	}
}

/* Every signal there is: what is written is read as the same. */
static void test_round_trip(void **state)
{
	(void)state;
	for (int signal = 1; signal <= SIGNAL_LAST; signal++) {
		BUF(out, 32);
		int back = 0;
		signal_format(&out, signal);
		assert_int_equal(signal_parse(out.at, &back), 0);
		assert_int_equal(back, signal);
	}
}

/* Our numbers for real-time signals are those of the C library. */
static void test_realtime_is_glibc(void **state)
{
	(void)state;
	int signal = 0;
	assert_int_equal(signal_parse("RTMIN", &signal), 0);
	assert_int_equal(signal, SIGRTMIN);
	assert_int_equal(signal_parse("RTMAX", &signal), 0);
	assert_int_equal(signal, SIGRTMAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_realtime_is_glibc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
