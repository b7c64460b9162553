/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/procfs.h"

#define UNTOUCHED 0x5a

/* A copy that ends with its last byte: what reads on is caught by the sanitizer. */
static char *exact(const char *bytes, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, n);
	return copy;
}

/* ---- stat */

/* Fields 6 to 22 and on, as Linux 6.18 wrote them; %s is behind the name. */
#define STAT_TAIL " 0 -1 4194304 102 31 0 0 17 5 0 0 20 0 3 0 104970 3133440 372 18446744073709551615\n"

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	int result;
	struct proc_stat want;
} stat_rows[] = {
	{ "a plain process", "5972 (cat) R 5970 5970 4311" STAT_TAIL, 0,
	  { .pid = 5972, .comm = "cat", .state = 'R', .ppid = 5970, .pgrp = 5970, .sid = 4311,
	    .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "a kernel thread, negative priority", "19 (migration/0) S 2 0 0 0 -1 69238848 0 0 0 0 0 42 0 0 -100 0 1 0 33 0 0\n", 0,
	  { .pid = 19, .comm = "migration/0", .state = 'S', .ppid = 2, .flags = 69238848, .system_ticks = 42, .user_ticks = 0,
	    .threads = 1, .start_ticks = 33 } },
	{ "the numbers that the kernel gives while it reaps", "7 (x) Z 0 -1 -1 0 -1 12 0 0 0 0 1 2 0 0 20 0 0 0 9 \n", 0,
	  { .pid = 7, .comm = "x", .state = 'Z', .ppid = 0, .pgrp = -1, .sid = -1, .flags = 12, .user_ticks = 1,
	    .system_ticks = 2, .start_ticks = 9 } },
	{ "pids of seven digits", "4194303 (a) S 4194302 4194301 4194300" STAT_TAIL, 0,
	  { .pid = 4194303, .comm = "a", .state = 'S', .ppid = 4194302, .pgrp = 4194301, .sid = 4194300,
	    .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "a name that looks like fields, with ESC and newline", "12 () R 1 1\n(\033[2J) S 3 4 5" STAT_TAIL, 0,
	  { .pid = 12, .comm = ") R 1 1\n(\033[2J", .state = 'S', .ppid = 3, .pgrp = 4, .sid = 5,
	    .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "an empty name", "12 () S 3 4 5" STAT_TAIL, 0,
	  { .pid = 12, .comm = "", .state = 'S', .ppid = 3, .pgrp = 4, .sid = 5,
	    .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "a name of brackets", "12 ())(() S 3 4 5" STAT_TAIL, 0,
	  { .pid = 12, .comm = "))((", .state = 'S', .ppid = 3, .pgrp = 4, .sid = 5,
	    .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "a name of 63 bytes", "12 (kworker/u8:2-events_unbound_and_some_more_letters_up_to_sixty_3) S 3 4 5" STAT_TAIL, 0,
	  { .pid = 12, .comm = "kworker/u8:2-events_unbound_and_some_more_letters_up_to_sixty_3", .state = 'S', .ppid = 3,
	    .pgrp = 4, .sid = 5, .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "a longer name is cut", "12 (kworker/u8:2-events_unbound_and_some_more_letters_up_to_sixty_34) S 3 4 5" STAT_TAIL, 0,
	  { .pid = 12, .comm = "kworker/u8:2-events_unbound_and_some_more_letters_up_to_sixty_3", .state = 'S', .ppid = 3,
	    .pgrp = 4, .sid = 5, .flags = 4194304, .child_minor_faults = 31, .user_ticks = 17, .system_ticks = 5, .threads = 3, .start_ticks = 104970 } },
	{ "the largest numbers", "2147483647 (a) t 2147483647 2147483647 2147483647 0 0 0 0 18446744073709551615 0 0 "
	  "18446744073709551615 18446744073709551615 0 0 0 0 18446744073709551615 0 18446744073709551615 ", 0,
	  { .pid = INT_MAX, .comm = "a", .state = 't', .ppid = INT_MAX, .pgrp = INT_MAX, .sid = INT_MAX,
	    .child_minor_faults = UINT64_MAX, .user_ticks = UINT64_MAX, .system_ticks = UINT64_MAX,
	    .threads = UINT64_MAX, .start_ticks = UINT64_MAX } },
	{ "pid beyond 31 bits",      "2147483648 (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "pid wraps to 12",         "4294967308 (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "pid wraps in 64 bits",    "18446744073709551628 (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "pid 0 is no process",     "0 (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "a negative pid",          "-1 (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "ppid beyond 31 bits",     "12 (a) S 2147483648 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "a negative but -1",       "12 (a) S 3 -2 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "a sign alone",            "12 (a) S 3 - 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "no pid",                  " (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "no blank behind the pid", "12(a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "no name",                 "12 S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "a name never closed",     "12 (a S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "closed before it opens",  "12) (a S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "only brackets",           "()", -EBADMSG, { 0 } },
	{ "no state",                "12 (a)  3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "a state that is a digit", "12 (a) 1 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "the byte before A",       "12 (a) @ 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "the byte behind Z",       "12 (a) [ 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "the byte behind z",       "12 (a) { 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "no blank behind the name", "12 (a)S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "a state of two letters",  "12 (a) SS 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "two blanks",              "12 (a) S 3  4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "no number",               "12 (a) S 3 x 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "cminflt beyond 64 bits",  "12 (a) S 3 4 5 0 -1 0 0 18446744073709551616 0 0 1 1 0 0 20 0 1 0 9 0\n", -EBADMSG, { 0 } },
	{ "start beyond 64 bits",    "12 (a) S 3 4 5 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 18446744073709551616 0\n", -EBADMSG, { 0 } },
	{ "start wraps when multiplied", "12 (a) S 3 4 5 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 184467440737095516160 0\n", -EBADMSG, { 0 } },
	{ "a negative start",        "12 (a) S 3 4 5 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 -9 0\n", -EBADMSG, { 0 } },
	{ "the start ends the line: it may be half of it", "12 (a) S 3 4 5 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 9", -EBADMSG, { 0 } },
	{ "empty",                   "", -EBADMSG, { 0 } },
};
/* clang-format on */

static bool is_same_stat(const struct proc_stat *a, const struct proc_stat *b)
{
	return a->pid == b->pid && a->ppid == b->ppid && a->pgrp == b->pgrp && a->sid == b->sid &&
	       a->state == b->state && strcmp(a->comm, b->comm) == 0 && a->flags == b->flags &&
	       a->child_minor_faults == b->child_minor_faults && a->user_ticks == b->user_ticks &&
	       a->system_ticks == b->system_ticks && a->threads == b->threads &&
	       a->start_ticks == b->start_ticks;
}

/* Is every byte of what was prepared with UNTOUCHED still there? */
static bool is_untouched(const void *at, size_t n)
{
	const unsigned char *byte = at;
	for (size_t i = 0; i < n; i++) {
		if (byte[i] != UNTOUCHED)
			return false;
	}
	return true;
}

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	int result;
	struct proc_environ want;
} environ_rows[] = {
	{ "a shell of 6.18",
	  "30613 (bash) S 30612 30613 30613 0 -1 4194304 420 1060 0 0 0 0 0 0 20 0 1 0 3672146 4587520 955 "
	  "18446744073709551615 94 95 140 0 0 0 65536 4 65538 1 0 0 17 0 0 0 0 0 0 96 97 98 140721 140722 "
	  "140723 140724 0\n", 0, { 140723, 140724 } },
	{ "none, as the exec asked for",
	  "1 (a) S 3 4 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
	  "8 8 9 9 0\n", 0, { 9, 9 } },
	{ "none yet, or not told",
	  "1 (a) S 3 4 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
	  "0 0 0 0 0\n", 0, { 0, 0 } },
	{ "the end ends the line: it may be half of it",
	  "1 (a) S 3 4 5 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
	  "8 8 9 9", -EBADMSG, { 0 } },
	{ "before 3.5: no such fields", "12 (a) S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "no name", "12 S 3 4 5" STAT_TAIL, -EBADMSG, { 0 } },
	{ "empty", "", -EBADMSG, { 0 } },
};
/* clang-format on */

static void reads_where_the_environment_lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(environ_rows); i++) {
		struct proc_environ place;
		size_t n = strlen(environ_rows[i].text);
		AUTO_FREE char *text = exact(environ_rows[i].text, n);
		memset(&place, UNTOUCHED, sizeof(place));
		int result = procfs_parse_environ(text, n, &place);
		if (result != environ_rows[i].result)
			fail_msg("%s: %d", environ_rows[i].rule, result);
		if (result == 0 &&
		    (place.start != environ_rows[i].want.start || place.end != environ_rows[i].want.end))
			fail_msg("%s: other values", environ_rows[i].rule);
		if (result < 0 && !is_untouched(&place, sizeof(place)))
			fail_msg("%s: output written", environ_rows[i].rule);
	}
}

static void reads_stat(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stat_rows); i++) {
		struct proc_stat stat;
		size_t n = strlen(stat_rows[i].text);
		AUTO_FREE char *text = exact(stat_rows[i].text, n);
		memset(&stat, UNTOUCHED, sizeof(stat));
		int result = procfs_parse_stat(text, n, &stat);
		if (result != stat_rows[i].result)
			fail_msg("%s: %d", stat_rows[i].rule, result);
		if (result == 0 && !is_same_stat(&stat, &stat_rows[i].want))
			fail_msg("%s: other values", stat_rows[i].rule);
		if (result < 0 && !is_untouched(&stat, sizeof(stat)))
			fail_msg("%s: output written", stat_rows[i].rule);
	}
}

/* Cut at any length: refused, or what the whole text says; never half a number. */
static void believes_no_half_stat(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stat_rows); i++) {
		if (stat_rows[i].result != 0)
			continue;
		size_t whole = strlen(stat_rows[i].text);
		size_t accepted = 0;
		for (size_t n = 0; n <= whole; n++) {
			struct proc_stat stat;
			AUTO_FREE char *text = exact(stat_rows[i].text, n);
			if (procfs_parse_stat(text, n, &stat) < 0) {
				assert_int_equal(accepted, 0);
				continue;
			}
			if (!is_same_stat(&stat, &stat_rows[i].want))
				fail_msg("%s, cut at %zu", stat_rows[i].rule, n);
			accepted++;
		}
		assert_true(accepted > 0);
	}
}

/* Every byte as the state: a letter is one, nothing else is. */
static void a_state_is_a_letter(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char text[] = "1 (init) ? 0 1 1" STAT_TAIL;
		struct proc_stat stat;
		bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
		*strchr(text, '?') = (char)byte;
		assert_int_equal(procfs_parse_stat(text, sizeof(text) - 1, &stat), is_letter ? 0 : -EBADMSG);
		if (is_letter)
			assert_int_equal(stat.state, byte);
	}
}

/* All names of up to three bytes that matter to a parser. */
static void reads_every_short_name(void **state)
{
	(void)state;
	static const char bytes[] = { ')', '(', ' ', '\n', '1', 'R', '\033', '\xff' };
	size_t base = sizeof(bytes) + 1;
	for (size_t code = 0; code < base * base * base; code++) {
		char name[4] = "";
		size_t n = 0;
		for (size_t rest = code; rest > 0; rest /= base) {
			if (rest % base > 0)
				name[n++] = bytes[rest % base - 1];
		}
		BUF(text, 256);
		struct proc_stat stat;
		buf_str(&text, "12 (");
		buf_mem(&text, name, n);
		buf_str(&text, ") S 3 4 5" STAT_TAIL);
		assert_int_equal(procfs_parse_stat(text.at, text.len, &stat), 0);
		assert_string_equal(stat.comm, name);
		assert_int_equal(stat.ppid, 3);
		assert_int_equal(stat.start_ticks, 104970);
	}
}

/* ---- meminfo */

static void reads_meminfo(void **state)
{
	static const char good[] = "MemTotal:       24684420 kB\nMemFree:         22884992 kB\n"
				   "MemAvailable:   24112300 kB\nBuffers:           12345 kB\n";
	static const char *const bad[] = {
		"",
		"MemTotal: 1 kB\n",
		"MemAvailable: 1 kB\n",
		"MemTotal: 1 kB\nMemAvailable: 1 kB",
		"MemTotal: 1 MB\nMemAvailable: 1 kB\n",
		"MemTotal: x kB\nMemAvailable: 1 kB\n",
		"MemTotal: 99999999999999999999 kB\nMemAvailable: 1 kB\n",
	};
	uint64_t total = 0, available = 0;

	(void)state;
	assert_int_equal(procfs_parse_meminfo(good, sizeof(good) - 1, &total, &available), 0);
	assert_int_equal(total, 24684420ULL << 10);
	assert_int_equal(available, 24112300ULL << 10);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (procfs_parse_meminfo(bad[i], strlen(bad[i]), &total, &available) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
}

/* ---- statm, schedstat, load, pressure: one number is asked for */

enum one { STATM, RAN, LOAD1, PRESSURE };

/* clang-format off */
static const struct {
	const char *rule;
	enum one kind;
	const char *text;
	int result;
	uint64_t value;
} one_rows[] = {
	{ "the second number",            STATM, "765 401 372 5 0 123 0\n", 0, 401 },
	{ "a zombie has none",            STATM, "0 0 0 0 0 0 0\n", 0, 0 },
	{ "the largest",                  STATM, "1 18446744073709551615 0", 0, UINT64_MAX },
	{ "beyond 64 bits",               STATM, "1 18446744073709551616 0", -EBADMSG, 0 },
	{ "size beyond 64 bits",          STATM, "18446744073709551616 1 0", -EBADMSG, 0 },
	{ "no blank behind: maybe half",  STATM, "765 401", -EBADMSG, 0 },
	{ "one number",                   STATM, "765 ", -EBADMSG, 0 },
	{ "no number first",              STATM, "x 401 ", -EBADMSG, 0 },
	{ "no number second",             STATM, "765 x ", -EBADMSG, 0 },
	{ "negative",                     STATM, "765 -1 ", -EBADMSG, 0 },
	{ "empty",                        STATM, "", -EBADMSG, 0 },
	{ "how long it ran",              RAN,   "198881 977562 2\n", 0, 198881 },
	{ "a kernel that does not count", RAN,   "0 0 0\n", 0, 0 },
	{ "a time beyond 64 bits",        RAN,   "18446744073709551616 0 0\n", -EBADMSG, 0 },
	{ "half of a time",               RAN,   "19888", -EBADMSG, 0 },
	{ "no time",                      RAN,   "", -EBADMSG, 0 },
	{ "hundredths",                   LOAD1, "1.25 0.50 0.25 2/86 5972\n", 0, 125 },
	{ "no load",                      LOAD1, "0.00 0.00 0.00 1/86 5972\n", 0, 0 },
	{ "a load of many digits",        LOAD1, "1234.07 0.00 0.00 1/86 5972\n", 0, 123407 },
	{ "the largest load",             LOAD1, "42949671.99 0.00 0.00 1/86 5972\n", 0, 4294967199 },
	{ "a load beyond 32 bits",        LOAD1, "42949672.00 0.00 0.00 1/86 5972\n", -EBADMSG, 0 },
	{ "a load without point",         LOAD1, "1 0.00 0.00 1/86 5972\n", -EBADMSG, 0 },
	{ "a load with one decimal",      LOAD1, "1.2 0.00 0.00 1/86 5972\n", -EBADMSG, 0 },
	{ "a load with three decimals",   LOAD1, "1.250 0.00 0.00 1/86 5972\n", -EBADMSG, 0 },
	{ "a load with a comma",          LOAD1, "1,25 0.00 0.00 1/86 5972\n", -EBADMSG, 0 },
	{ "no count of processes",        LOAD1, "1.25 0.00 0.00 86 5972\n", -EBADMSG, 0 },
	{ "a field missing",              LOAD1, "1.25 0.00 1/86 5972\n", -EBADMSG, 0 },
	{ "no last pid",                  LOAD1, "1.25 0.00 0.00 1/86\n", -EBADMSG, 0 },
	{ "half of the last pid",         LOAD1, "1.25 0.00 0.00 1/86 597", -EBADMSG, 0 },
	{ "empty load",                   LOAD1, "", -EBADMSG, 0 },
	{ "hundredths of a percent",      PRESSURE, "some avg10=12.34 avg60=5.00 avg300=0.00 total=99\nfull avg10=1.00 x\n", 0, 1234 },
	{ "none",                         PRESSURE, "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0, 0 },
	{ "all",                          PRESSURE, "some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n", 0, 10000 },
	{ "full is not asked for",        PRESSURE, "full avg10=1.00 avg60=0.00\n", -EBADMSG, 0 },
	{ "another key",                  PRESSURE, "some avg60=1.00 avg10=0.00\n", -EBADMSG, 0 },
	{ "another byte in the key",      PRESSURE, "some avg10:1.00 avg60=0.00\n", -EBADMSG, 0 },
	{ "cut in the key",               PRESSURE, "some avg10", -EBADMSG, 0 },
	{ "cut behind the key",           PRESSURE, "some avg10=", -EBADMSG, 0 },
	{ "cut in the number",            PRESSURE, "some avg10=12.3", -EBADMSG, 0 },
	{ "cut behind the number",        PRESSURE, "some avg10=12.34", -EBADMSG, 0 },
	{ "no number",                    PRESSURE, "some avg10=x.xx avg60=0.00\n", -EBADMSG, 0 },
	{ "beyond 64 bits and back",      PRESSURE, "some avg10=18446744073709551617.00 avg60=0.00\n", -EBADMSG, 0 },
	{ "empty pressure",               PRESSURE, "", -EBADMSG, 0 },
};
/* clang-format on */

static int parse_one(enum one kind, const char *bytes, size_t n, uint64_t *out)
{
	struct proc_load load;
	uint32_t centi;
	int result = -EINVAL;
	switch (kind) {
	case STATM:
		return procfs_parse_statm(bytes, n, out);
	case RAN:
		return procfs_parse_schedstat(bytes, n, out);
	case LOAD1:
		result = procfs_parse_load(bytes, n, &load);
		if (result == 0)
			*out = load.load1_centi;
		break;
	case PRESSURE:
		result = procfs_parse_pressure(bytes, n, &centi);
		if (result == 0)
			*out = centi;
		break;
	}
	return result;
}

static void reads_one_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(one_rows); i++) {
		size_t whole = strlen(one_rows[i].text);
		/* Whole, then cut everywhere: the same value or none. */
		for (size_t n = whole + 1; n-- > 0;) {
			uint64_t value = UNTOUCHED;
			AUTO_FREE char *text = exact(one_rows[i].text, n);
			int result = parse_one(one_rows[i].kind, text, n, &value);
			if ((n == whole || result == 0) && result != one_rows[i].result)
				fail_msg("%s, cut at %zu: %d", one_rows[i].rule, n, result);
			if (value != (result == 0 ? one_rows[i].value : UNTOUCHED))
				fail_msg("%s, cut at %zu: another value", one_rows[i].rule, n);
		}
	}
}

static void reads_all_of_load(void **state)
{
	(void)state;
	static const char text[] = "0.07 12.50 3.25 3/1234 4194303\n";
	struct proc_load load;
	assert_int_equal(procfs_parse_load(text, strlen(text), &load), 0);
	assert_int_equal(load.load1_centi, 7);
	assert_int_equal(load.running, 3);
	assert_int_equal(load.total, 1234);
	assert_int_equal(load.last_pid, 4194303);
}

/* ---- children */

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	size_t count;
	pid_t pids[4];
} children_rows[] = {
	{ "none",                              "",                 0, { 0 } },
	{ "one",                               "12 ",              1, { 12 } },
	{ "as the kernel writes them",         "12 345 4194303 ",  3, { 12, 345, 4194303 } },
	{ "the last one without blank",        "12 345",           2, { 12, 345 } },
	{ "the last one is 1, without blank",  "12 1",             1, { 12 } },
	{ "the last one is beyond 31 bits",    "12 2147483648",    1, { 12 } },
	{ "newlines are blanks",               "12\n345\n",        2, { 12, 345 } },
	{ "blanks everywhere",                 "  12   345  ",     2, { 12, 345 } },
	{ "the smallest",                      "2 ",               1, { 2 } },
	{ "0 and 1 are passed over",           "0 1 12 0 1 ",      1, { 12 } },
	{ "leading zeros",                     "0012 001 ",        1, { 12 } },
	{ "the largest",                       "2147483647 ",      1, { INT_MAX } },
	{ "the largest and one digit more",    "21474836470 12 ",  1, { 12 } },
	{ "beyond 31 bits",                    "2147483648 12 ",   1, { 12 } },
	{ "wraps to a pid in 32 bits",         "4294967308 12 ",   1, { 12 } },
	{ "wraps to a pid in 64 bits",         "18446744073709551628 13 ", 1, { 13 } },
	{ "a very long number",                "99999999999999999999999999999999999999999999999999999999 12 ", 1, { 12 } },
	{ "no digit: the rest is not believed", "12 x 345 ",       1, { 12 } },
	{ "a number that turns out to be none", "12 34x5 345 ",    1, { 12 } },
	{ "a sign",                            "12 -345 7 ",       1, { 12 } },
	{ "a tab is none of its blanks",    "12 345\t7 ",       1, { 12 } },
	{ "broken from the start",             "x12 345 ",         0, { 0 } },
	{ "broken in the last byte",           "12 345x",          1, { 12 } },
};
/* clang-format on */

struct pids {
	pid_t at[64];
	size_t count;
};

/* Feed one piece, at most `cap` pids at a time. */
static void feed_piece(struct proc_children *c, const char *at, const char *end, size_t cap, struct pids *out)
{
	size_t got;
	do {
		const char *before = at;
		got = procfs_feed_children(c, &at, end, out->at + out->count, cap);
		assert_true(got <= cap && at >= before && at <= end);
		out->count += got;
	} while (got == cap);
	assert_ptr_equal(at, end);
}

static void expect_children(size_t row, const struct pids *got)
{
	if (got->count != children_rows[row].count ||
	    memcmp(got->at, children_rows[row].pids, got->count * sizeof(pid_t)) != 0)
		fail_msg("%s: %zu pids", children_rows[row].rule, got->count);
}

/* Any two pieces, and byte by byte, at every capacity: always the same pids. */
static void reads_children_split_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(children_rows); i++) {
		size_t n = strlen(children_rows[i].text);
		for (size_t cap = 1; cap <= 4; cap++) {
			for (size_t split = 0; split <= n; split++) {
				AUTO_FREE char *left = exact(children_rows[i].text, split);
				AUTO_FREE char *right = exact(children_rows[i].text + split, n - split);
				struct proc_children c = { 0 };
				struct pids got = { .count = 0 };
				feed_piece(&c, left, left + split, cap, &got);
				feed_piece(&c, right, right + n - split, cap, &got);
				got.count += procfs_feed_children(&c, NULL, NULL, got.at + got.count, cap);
				expect_children(i, &got);
				assert_false(c.inside && !c.broken);
			}
			struct proc_children c = { 0 };
			struct pids got = { .count = 0 };
			for (size_t at = 0; at < n; at++)
				feed_piece(&c, children_rows[i].text + at, children_rows[i].text + at + 1,
					   cap, &got);
			got.count += procfs_feed_children(&c, NULL, NULL, got.at + got.count, cap);
			expect_children(i, &got);
		}
	}
}

static void believes_no_child_behind_damage(void **state)
{
	(void)state;
	static const char damaged[] = "12 x", sound[] = "345 ";
	const char *at = damaged;
	pid_t pids[4];
	struct proc_children c = { 0 };
	assert_int_equal(procfs_feed_children(&c, &at, damaged + 4, pids, 4), 1);
	assert_true(c.broken);
	at = sound;
	assert_int_equal(procfs_feed_children(&c, &at, sound + 4, pids, 4), 0);
	assert_ptr_equal(at, sound + 4);
	assert_int_equal(procfs_feed_children(&c, NULL, NULL, pids, 4), 0);
}

static void writes_no_child_without_room(void **state)
{
	(void)state;
	static const char text[] = "12 345";
	const char *at = text;
	pid_t pid = UNTOUCHED;
	struct proc_children c = { 0 };
	assert_int_equal(procfs_feed_children(&c, &at, text + 6, &pid, 0), 0);
	assert_ptr_equal(at, text);
	assert_int_equal(procfs_feed_children(&c, &at, text + 6, &pid, 1), 1);
	assert_int_equal(pid, 12);
	assert_int_equal(procfs_feed_children(&c, &at, text + 6, &pid, 1), 0);
	assert_int_equal(procfs_feed_children(&c, NULL, NULL, &pid, 0), 0);
	assert_int_equal(pid, 12);
	assert_int_equal(procfs_feed_children(&c, NULL, NULL, &pid, 1), 1);
	assert_int_equal(pid, 345);
	assert_int_equal(procfs_feed_children(&c, NULL, NULL, &pid, 1), 0);
}

/* ---- status */

#define STATUS_HEAD "Name:\tcat\nUmask:\t0022\n"
#define STATUS_BODY                                                                                         \
	"State:\tS (sleeping)\nTgid:\t12\nNgid:\t0\nPid:\t13\nPPid:\t3\nTracerPid:\t0\n"                    \
	"Uid:\t1000\t1001\t1002\t1003\nGid:\t0\t0\t0\t0\nVmRSS:\t    1604 kB\nThreads:\t7\n"                \
	"SigQ:\t0/96365\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000004000\nSigBlk:\t0000000000010000\n" \
	"SigIgn:\t0000000000001000\nSigCgt:\t0000000180014a07\nCapPrm:\t0000000000000000\n"                 \
	"CapEff:\t000001fffeffffff\n"

/* clang-format off */
static const struct proc_status status_plain = {
	.state = 'S', .tgid = 12, .ppid = 3, .uid = 1000, .euid = 1001, .threads = 7,
	.pending_signals = 0x100, .shared_signals = 0x4000, .blocked_signals = 0x10000, .caught_signals = 0x180014a07, .effective_caps = 0x1fffeffffff,
};

static const struct {
	const char *rule;
	const char *text;
	int result;
	struct proc_status want;
} status_rows[] = {
	{ "as the kernel writes it", STATUS_HEAD STATUS_BODY "CapBnd:\t0\n", 0,
	  { 'S', 12, 3, 1000, 1001, 7, 0x100, 0x4000, 0x10000, 0x180014a07, 0x1fffeffffff } },
	{ "another order", "CapEff:\t000000000000000f\nSigCgt:\t0000000000000001\nSigBlk:\t2\nShdPnd:\t4\nSigPnd:\t8\nThreads:\t1\nUid:\t0\t0\t0\t0\nPPid:\t0\n"
	  "Tgid:\t1\nState:\tZ (zombie)\n", 0, { 'Z', 1, 0, 0, 0, 1, 8, 4, 2, 1, 0xf } },
	{ "the largest", "State:\tR (running)\nTgid:\t2147483647\nPPid:\t2147483647\nUid:\t4294967295\t4294967295\t0\t0\n"
	  "Threads:\t18446744073709551615\nSigPnd:\tffffffffffffffff\nShdPnd:\tffffffffffffffff\n"
	  "SigBlk:\tffffffffffffffff\nSigCgt:\tffffffffffffffff\nCapEff:\tffffffffffffffff\n", 0,
	  { 'R', INT_MAX, INT_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
	    UINT64_MAX } },
	{ "a name that looks like a key, newline escaped", "Name:\tx\\nTgid:\t999\n" STATUS_BODY, 0,
	  { 'S', 12, 3, 1000, 1001, 7, 0x100, 0x4000, 0x10000, 0x180014a07, 0x1fffeffffff } },
	{ "a name with ESC", "Name:\t) R 1 1\\n(\033[2J\n" STATUS_BODY, 0,
	  { 'S', 12, 3, 1000, 1001, 7, 0x100, 0x4000, 0x10000, 0x180014a07, 0x1fffeffffff } },
	{ "what follows the last key is not read", STATUS_BODY "State:\t?\n", 0,
	  { 'S', 12, 3, 1000, 1001, 7, 0x100, 0x4000, 0x10000, 0x180014a07, 0x1fffeffffff } },
	{ "an empty line",          "\n" STATUS_BODY, 0,
	  { 'S', 12, 3, 1000, 1001, 7, 0x100, 0x4000, 0x10000, 0x180014a07, 0x1fffeffffff } },
	{ "a key that begins ours", "Uids:\tx\nT\nS\n" STATUS_BODY, 0,
	  { 'S', 12, 3, 1000, 1001, 7, 0x100, 0x4000, 0x10000, 0x180014a07, 0x1fffeffffff } },
	{ "empty",                  "", -EBADMSG, { 0 } },
};

/* One line of a good file replaced by another one with the same key. */
static const struct {
	const char *rule;
	const char *line;
	int result;
} status_damage[] = {
	{ "the same line",          "Tgid:\t12\n", 0 },
	{ "a key twice",            "Tgid:\t12\nTgid:\t12\n", -EBADMSG },
	{ "a state that is none",   "State:\t1 (one)\n", -EBADMSG },
	{ "no state",               "State:\t\n", -EBADMSG },
	{ "a state of two letters", "State:\tSS (sleeping)\n", -EBADMSG },
	{ "a state and no word",    "State:\tS\n", -EBADMSG },
	{ "a pid that is none",     "Tgid:\tx\n", -EBADMSG },
	{ "an empty pid",           "Tgid:\t\n", -EBADMSG },
	{ "a pid beyond 31 bits",   "Tgid:\t2147483648\n", -EBADMSG },
	{ "more behind a pid",      "PPid:\t3 4\n", -EBADMSG },
	{ "one uid",                "Uid:\t1000\n", -EBADMSG },
	{ "two uids: the second may be half", "Uid:\t1000\t1001\n", -EBADMSG },
	{ "a uid beyond 32 bits",   "Uid:\t4294967296\t0\t0\t0\n", -EBADMSG },
	{ "an euid beyond 32 bits", "Uid:\t0\t4294967296\t0\t0\n", -EBADMSG },
	{ "blanks between uids",    "Uid:\t0 0 0 0\n", -EBADMSG },
	{ "a negative uid",         "Uid:\t-1\t0\t0\t0\n", -EBADMSG },
	{ "no threads",             "Threads:\tmany\n", -EBADMSG },
	{ "more behind threads",    "Threads:\t1x\n", -EBADMSG },
	{ "a pending mask of 17 digits", "SigPnd:\t10000000000000000\n", -EBADMSG },
	{ "an empty pending mask",  "ShdPnd:\t\n", -EBADMSG },
	{ "a blocked mask in capitals", "SigBlk:\t0000000180014A07\n", -EBADMSG },
	{ "a mask of 17 digits",    "SigCgt:\t10000000000000000\n", -EBADMSG },
	{ "a mask in capitals",     "SigCgt:\t0000000180014A07\n", -EBADMSG },
	{ "an empty mask",          "SigCgt:\t\n", -EBADMSG },
	{ "a mask that is none",    "CapEff:\t000000000000000g\n", -EBADMSG },
	{ "the byte before a",      "CapEff:\t000000000000000`\n", -EBADMSG },
	{ "the byte before 0",      "CapEff:\t000000000000000/\n", -EBADMSG },
	{ "the byte behind 9",      "CapEff:\t000000000000000:\n", -EBADMSG },
};
/* clang-format on */

static bool is_same_status(const struct proc_status *a, const struct proc_status *b)
{
	return a->state == b->state && a->tgid == b->tgid && a->ppid == b->ppid && a->uid == b->uid &&
	       a->euid == b->euid && a->threads == b->threads && a->pending_signals == b->pending_signals &&
	       a->shared_signals == b->shared_signals && a->blocked_signals == b->blocked_signals &&
	       a->caught_signals == b->caught_signals && a->effective_caps == b->effective_caps;
}

static void reads_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(status_rows); i++) {
		struct proc_status status;
		size_t n = strlen(status_rows[i].text);
		AUTO_FREE char *text = exact(status_rows[i].text, n);
		memset(&status, UNTOUCHED, sizeof(status));
		int result = procfs_parse_status(text, n, &status);
		if (result != status_rows[i].result)
			fail_msg("%s: %d", status_rows[i].rule, result);
		if (result == 0 && !is_same_status(&status, &status_rows[i].want))
			fail_msg("%s: other values", status_rows[i].rule);
		if (result < 0 && !is_untouched(&status, sizeof(status)))
			fail_msg("%s: output written", status_rows[i].rule);
	}
}

static void refuses_damaged_lines(void **state)
{
	(void)state;
	static const char whole[] = STATUS_BODY;
	for (size_t i = 0; i < COUNT_OF(status_damage); i++) {
		BUF(text, 1024);
		struct proc_status status;
		const char *line = status_damage[i].line;
		BUF(key, 16);
		buf_mem(&key, line, (size_t)(strchr(line, '\t') + 1 - line));
		const char *at = strstr(whole, key.at);
		assert_non_null(at);
		buf_mem(&text, whole, (size_t)(at - whole));
		buf_str(&text, line);
		buf_str(&text, strchr(at, '\n') + 1);
		int result = procfs_parse_status(text.at, text.len, &status);
		if (result != status_damage[i].result)
			fail_msg("%s: %d", status_damage[i].rule, result);
	}
}

static void believes_no_half_status(void **state)
{
	(void)state;
	static const char whole[] = STATUS_HEAD STATUS_BODY "CapBnd:\t0\n";
	size_t needed = strlen(STATUS_HEAD STATUS_BODY);
	for (size_t n = 0; n < sizeof(whole); n++) {
		struct proc_status status;
		AUTO_FREE char *text = exact(whole, n);
		int result = procfs_parse_status(text, n, &status);
		assert_int_equal(result, n < needed ? -EBADMSG : 0);
		if (result == 0)
			assert_true(is_same_status(&status, &status_plain));
	}
}

/* Each line we ask for is needed. */
static void misses_every_line_of_status(void **state)
{
	(void)state;
	static const char whole[] = STATUS_BODY;
	size_t needed = 0;
	for (const char *line = whole; *line;) {
		const char *next = strchr(line, '\n') + 1;
		BUF(text, 1024);
		struct proc_status status;
		buf_mem(&text, whole, (size_t)(line - whole));
		buf_str(&text, next);
		if (procfs_parse_status(text.at, text.len, &status) < 0)
			needed++;
		else
			assert_true(is_same_status(&status, &status_plain));
		line = next;
	}
	assert_int_equal(needed, 10);
}

/* ---- limits, wchan */

#define LIMITS_HEAD                                                                        \
	"Limit                     Soft Limit           Hard Limit           Units     \n" \
	"Max processes             127242               127242               processes \n"
#define LIMITS_TAIL "Max locked memory         8388608              8388608              bytes     \n"

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	int result;
	uint64_t soft;
} limit_rows[] = {
	{ "the soft one", LIMITS_HEAD "Max open files            1024                 1048576              files     \n"
	  LIMITS_TAIL, 0, 1024 },
	{ "unlimited",    "Max open files            unlimited            unlimited            files     \n", 0, UINT64_MAX },
	{ "zero",         "Max open files            0                    0                    files     \n", 0, 0 },
	{ "the largest",  "Max open files            18446744073709551615 18446744073709551615 files     \n", 0, UINT64_MAX },
	{ "not there",    LIMITS_HEAD LIMITS_TAIL, -EBADMSG, 0 },
	{ "another that begins so", "Max open filesystems 12 13 files \n", -EBADMSG, 0 },
	{ "cut",          "Max open files            1024                 1048576              files     ", -EBADMSG, 0 },
	{ "cut in the number", "Max open files            10", -EBADMSG, 0 },
	{ "the number ends the line", "Max open files            10\n", -EBADMSG, 0 },
	{ "none",         "Max open files            \n", -EBADMSG, 0 },
	{ "a word",       "Max open files            many                 many\n", -EBADMSG, 0 },
	{ "beyond 64 bits", "Max open files            18446744073709551616 1 files\n", -EBADMSG, 0 },
	{ "negative",     "Max open files            -1 -1 files\n", -EBADMSG, 0 },
	{ "empty",        "", -EBADMSG, 0 },
};

static const struct {
	const char *rule;
	const char *text;
	int result;
	const char *name;
} wchan_rows[] = {
	{ "a function",           "hrtimer_nanosleep", 1, "hrtimer_nanosleep" },
	{ "a part of one",        "do_wait.part.0", 1, "do_wait.part.0" },
	{ "one of a module",      "rpc_wait_bit_killable$x", 1, "rpc_wait_bit_killable$x" },
	{ "it runs, or we may not know", "0", 0, "" },
	{ "what begins so",       "0x", 1, "0x" },
	{ "31 bytes fit",         "abcdefghijklmnopqrstuvwxyz01234", 1, "abcdefghijklmnopqrstuvwxyz01234" },
	{ "more is cut",          "abcdefghijklmnopqrstuvwxyz012345", 1, "abcdefghijklmnopqrstuvwxyz01234" },
	{ "a newline is no part", "do_wait\n", -EBADMSG, NULL },
	{ "nor is ESC",           "do_\033[2J", -EBADMSG, NULL },
	{ "empty",                "", -EBADMSG, NULL },
};
/* clang-format on */

static void reads_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(limit_rows); i++) {
		uint64_t soft = UNTOUCHED;
		size_t n = strlen(limit_rows[i].text);
		AUTO_FREE char *text = exact(limit_rows[i].text, n);
		int result = procfs_parse_file_limit(text, n, &soft);
		if (result != limit_rows[i].result)
			fail_msg("%s: %d", limit_rows[i].rule, result);
		if (soft != (result == 0 ? limit_rows[i].soft : UNTOUCHED))
			fail_msg("%s: other values", limit_rows[i].rule);
	}
}

static void reads_the_limit_that_is_asked_for(void **state)
{
	(void)state;
	static const char text[] =
		"Max processes             20                   95703                processes \n"
		"Max open files            1024                 524288               files     \n";
	uint64_t tasks = UNTOUCHED, files = UNTOUCHED;
	assert_int_equal(procfs_parse_task_limit(text, sizeof(text) - 1, &tasks), 0);
	assert_int_equal(procfs_parse_file_limit(text, sizeof(text) - 1, &files), 0);
	assert_true(tasks == 20 && files == 1024);
	assert_int_equal(procfs_parse_task_limit(text + 20, sizeof(text) - 21, &tasks), -EBADMSG);
}

static void reads_wchan(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wchan_rows); i++) {
		char name[PROC_WCHAN_MAX];
		size_t n = strlen(wchan_rows[i].text);
		AUTO_FREE char *text = exact(wchan_rows[i].text, n);
		memset(name, UNTOUCHED, sizeof(name));
		int result = procfs_parse_wchan(text, n, name);
		if (result != wchan_rows[i].result)
			fail_msg("%s: %d", wchan_rows[i].rule, result);
		if (result >= 0 && strcmp(name, wchan_rows[i].name) != 0)
			fail_msg("%s: %s", wchan_rows[i].rule, name);
		if (result < 0 && !is_untouched(name, sizeof(name)))
			fail_msg("%s: output written", wchan_rows[i].rule);
	}
}

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	const char *key;
	int result;
	uint64_t count;
} event_rows[] = {
	{ "the only one",      "max 12\n", "max", 0, 12 },
	{ "one of more",       "low 0\nhigh 1\nmax 2\noom 3\noom_kill 4\n", "oom_kill", 0, 4 },
	{ "not what begins so", "low 0\noom_kill 4\n", "oom", -EBADMSG, 0 },
	{ "nor what ends so",  "smax 3\nmax 4\n", "max", 0, 4 },
	{ "not there",         "low 0\n", "max", -EBADMSG, 0 },
	{ "cut",               "max 1", "max", -EBADMSG, 0 },
	{ "no number",         "max \n", "max", -EBADMSG, 0 },
	{ "a word",            "max max\n", "max", -EBADMSG, 0 },
	{ "the key alone",     "max\n", "max", -EBADMSG, 0 },
	{ "beyond 64 bits",    "max 18446744073709551616\n", "max", -EBADMSG, 0 },
	{ "empty",             "", "max", -EBADMSG, 0 },
};
/* clang-format on */

static void reads_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(event_rows); i++) {
		uint64_t count = UNTOUCHED;
		size_t n = strlen(event_rows[i].text);
		AUTO_FREE char *text = exact(event_rows[i].text, n);
		int result = procfs_parse_event(text, n, event_rows[i].key, &count);
		if (result != event_rows[i].result ||
		    count != (result == 0 ? event_rows[i].count : UNTOUCHED))
			fail_msg("%s: %d", event_rows[i].rule, result);
	}
}

static void io_is_read_by_its_names(void **state)
{
	(void)state;
	static const struct {
		const char *rule, *text;
		int result;
		uint64_t written, stored;
	} rows[] = {
		{ "as the kernel writes it",
		  "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: "
		  "6\ncancelled_write_bytes: 7\n",
		  0, 2, 11 },
		{ "in any order", "write_bytes: 6\nread_bytes: 5\nwchar: 2\n", 0, 2, 11 },
		{ "one is missing", "wchar: 2\nread_bytes: 5\n", -EBADMSG, 0, 0 },
		{ "the last is cut", "wchar: 2\nread_bytes: 5\nwrite_bytes: 6", -EBADMSG, 0, 0 },
		{ "no number", "wchar: x\nread_bytes: 5\nwrite_bytes: 6\n", -EBADMSG, 0, 0 },
		{ "more than there can be", "wchar: 18446744073709551615\nread_bytes: 5\nwrite_bytes: 6\n",
		  -EBADMSG, 0, 0 },
		{ "nothing", "", -EBADMSG, 0, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct proc_io io = { 0 };
		int r = procfs_parse_io(rows[i].text, strlen(rows[i].text), &io);
		if (r != rows[i].result || io.written != rows[i].written || io.stored != rows[i].stored)
			fail_msg("%s: %d", rows[i].rule, r);
	}
}

static void memory_is_its_own_two_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int result;
		uint64_t rss, pss;
	} rows[] = {
		{ "5581-7ffd ---p 00000000 00:00 0    [rollup]\nRss:   1664 kB\nPss:    512 kB\nPss_Dirty:  "
		  "9 kB\n",
		  0, 1664 << 10, 512 << 10 },
		{ "Pss: 1 kB\nRss: 2 kB\n", 0, 2048, 1024 },
		{ "Rss: 2 kB\n", -EBADMSG, 0, 0 },
		{ "Rss: 2 kB\nPss: 1 kB", -EBADMSG, 0, 0 }, /* cut */
		{ "Rss: 2 kB\nPss: 1 MB\n", -EBADMSG, 0, 0 },
		{ "Rss: 2 kB\nPss: -1 kB\n", -EBADMSG, 0, 0 },
		{ "Rss: 2 kB\nPss: 18446744073709551615 kB\n", -EBADMSG, 0, 0 },
		{ "", -EBADMSG, 0, 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct proc_memory m = { 0 };
		assert_int_equal(procfs_parse_memory(rows[i].text, strlen(rows[i].text), &m), rows[i].result);
		assert_int_equal(m.rss_bytes, rows[i].rss);
		assert_int_equal(m.pss_bytes, rows[i].pss);
	}
}

static void the_dead_have_ended_but_for_their_threads(void **state)
{
	static const struct {
		const char *rule;
		char state;
		uint64_t threads;
		bool has_ended;
	} rows[] = {
		{ "it runs", 'R', 1, false },
		{ "it stands", 'T', 1, false },
		{ "a zombie", 'Z', 1, true },
		{ "being reaped, its threads are not told", 'X', 0, true },
		{ "its first thread has ended, another has not", 'Z', 2, false },
		{ "being reaped, and another has not", 'X', 2, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct proc_stat stat = { .state = rows[i].state, .threads = rows[i].threads };
		if (procfs_has_ended(&stat) != rows[i].has_ended)
			fail_msg("%s", rows[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(io_is_read_by_its_names),
		cmocka_unit_test(memory_is_its_own_two_lines),
		cmocka_unit_test(reads_stat),
		cmocka_unit_test(the_dead_have_ended_but_for_their_threads),
		cmocka_unit_test(reads_where_the_environment_lies),
		cmocka_unit_test(believes_no_half_stat),
		cmocka_unit_test(a_state_is_a_letter),
		cmocka_unit_test(reads_every_short_name),
		cmocka_unit_test(reads_one_number),
		cmocka_unit_test(reads_all_of_load),
		cmocka_unit_test(reads_meminfo),
		cmocka_unit_test(reads_limits),
		cmocka_unit_test(reads_the_limit_that_is_asked_for),
		cmocka_unit_test(reads_wchan),
		cmocka_unit_test(reads_events),
		cmocka_unit_test(reads_children_split_anywhere),
		cmocka_unit_test(believes_no_child_behind_damage),
		cmocka_unit_test(writes_no_child_without_room),
		cmocka_unit_test(reads_status),
		cmocka_unit_test(refuses_damaged_lines),
		cmocka_unit_test(believes_no_half_status),
		cmocka_unit_test(misses_every_line_of_status),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
