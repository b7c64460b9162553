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
#include "base/num.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/value.h"
#include "core/detect.h"

static int read_value(const char *name, unsigned command, const char *text, struct job *job, struct buf *why)
{
	const struct option_row *row = option_find(name, strlen(name), command);
	assert_non_null(row);
	return value_parse(row, text, job, why);
}

static uint64_t number_at(const struct job *job, size_t at, size_t size)
{
	const char *field = (const char *)job + at;
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint8_t u8 = 0;
	if (size == sizeof(u64)) {
		memcpy(&u64, field, size);
		return u64;
	}
	if (size == sizeof(u32)) {
		memcpy(&u32, field, size);
		return u32;
	}
	assert_int_equal(size, 1);
	memcpy(&u8, field, size);
	return u8;
}

#define MINUS_ONE   UINT32_MAX /* of an int */
#define AS_INT(n)   ((uint32_t)(n))
#define BIT(signal) (UINT64_C(1) << ((signal)-1))

struct number_row {
	const char *rule;
	unsigned command;
	const char *option;
	const char *text; /* NULL: none */
	size_t at, size;
	uint64_t value;
};

#define AT(field) offsetof(struct job, field), sizeof(((struct job *)0)->field)

/* clang-format off */
static const struct number_row number_rows[] = {
	{ "flag: set",                         FOR_RUN,  "shared",             NULL,      AT(shared),        1 },
	{ "flag: no-lock",                     FOR_RUN,  "no-lock",            NULL,      AT(no_lock),       1 },
	{ "flag: stats",                       FOR_RUN,  "stats",              NULL,      AT(stats),         1 },
	{ "flag: dry-run",                     FOR_REAP, "dry-run",            NULL,      AT(dry_run),       1 },
	{ "flag: json",                        FOR_PS,   "json",               NULL,      AT(json),          1 },
	{ "flag: quiet",                       FOR_KILL, "quiet",              NULL,      AT(quiet),         1 },
	{ "flag: help",                        FOR_PS,   "help",               NULL,      AT(help),          1 },
	{ "flag: version",                     FOR_PS,   "version",            NULL,      AT(version),       1 },
	{ "counter: one more",                 FOR_RUN,  "verbose",            NULL,      AT(verbose),       0x01010102 },

	{ "duration: seconds",                 FOR_RUN,  "timeout",            "90",      AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: a fraction",              FOR_RUN,  "timeout",            "1.5m",    AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: two units",               FOR_RUN,  "timeout",            "1h30m",   AT(timeout_ns),    5400 * NS_PER_S },
	{ "duration: days",                    FOR_RUN,  "timeout",            "2d",      AT(timeout_ns),    172800 * NS_PER_S },
	{ "duration: the smallest",            FOR_RUN,  "timeout",            "1ns",     AT(timeout_ns),    1 },
	{ "duration: none",                    FOR_RUN,  "timeout",            "none",    AT(timeout_ns),    NUM_NONE },
	{ "duration: complain-after",          FOR_RUN,  "complain-after",     "1m",      AT(complain_ns),   60 * NS_PER_S },
	{ "grace: a duration",                 FOR_RUN,  "kill-after",         "250ms",   AT(kill_after_ns), 250 * NS_PER_MS },
	{ "grace: none is no time at all",     FOR_RUN,  "kill-after",         "none",    AT(kill_after_ns), 0 },
	{ "grace: of kill",                    FOR_KILL, "kill-after",         "3s",      AT(grace_ns),      3 * NS_PER_S },
	{ "grace: of kill, none",              FOR_KILL, "kill-after",         "none",    AT(grace_ns),      0 },
	{ "wait: alone, no deadline",          FOR_RUN,  "wait",               NULL,      AT(wait_ns),       NUM_NONE },
	{ "wait: alone, the conflict",         FOR_RUN,  "wait",               NULL,      AT(on_conflict),   CONFLICT_WAIT },
	{ "wait: a deadline",                  FOR_RUN,  "wait",               "10s",     AT(wait_ns),       10 * NS_PER_S },
	{ "wait: a deadline, the conflict",    FOR_RUN,  "wait",               "10s",     AT(on_conflict),   CONFLICT_WAIT },
	{ "wait: none is no deadline",         FOR_RUN,  "wait",               "none",    AT(wait_ns),       NUM_NONE },
	{ "no-wait: the conflict",             FOR_RUN,  "no-wait",            NULL,      AT(on_conflict),   CONFLICT_FAIL },
	{ "interval: a duration",              FOR_RUN,  "interval",           "50ms",    AT(interval_ns),   50 * NS_PER_MS },
	{ "interval: the shortest",            FOR_RUN,  "interval",           "1ms",     AT(interval_ns),   NS_PER_MS },
	{ "interval: the longest",             FOR_RUN,  "interval",           "1h",      AT(interval_ns),   3600 * NS_PER_S },
	{ "interval: none",                    FOR_RUN,  "interval",           "none",    AT(interval_ns),   NUM_NONE },

	{ "signal: a name",                    FOR_RUN,  "signal",             "INT",     AT(signal),        SIGINT },
	{ "signal: with SIG, any case",        FOR_RUN,  "signal",             "sigusr1", AT(signal),        SIGUSR1 },
	{ "signal: a number",                  FOR_RUN,  "signal",             "9",       AT(signal),        9 },
	{ "signal: KILL is allowed here",      FOR_RUN,  "signal",             "KILL",    AT(signal),        SIGKILL },
	{ "signal: real-time",                 FOR_RUN,  "signal",             "RTMIN+1", AT(signal),        35 },
	{ "signals: one",                      FOR_RUN,  "end-on",             "INT",     AT(end_on),        BIT(SIGINT) },
	{ "signals: several",                  FOR_RUN,  "end-on", "INT,SIGUSR1,64",      AT(end_on),        BIT(SIGINT) | BIT(SIGUSR1) | BIT(64) },
	{ "signals: one twice",                FOR_RUN,  "end-on",             "INT,int", AT(end_on),        BIT(SIGINT) },
	{ "signals: none",                     FOR_RUN,  "end-on",             "none",    AT(end_on),        0 },

	{ "status: the least",                 FOR_RUN,  "conflict-exit-code", "0",       AT(conflict_exit), 0 },
	{ "status: the greatest",              FOR_RUN,  "conflict-exit-code", "255",     AT(conflict_exit), 255 },
	{ "fd: stdin",                         FOR_RUN,  "status-fd",          "0",       AT(status_fd),     0 },
	{ "fd: the greatest",                  FOR_RUN,  "status-fd",  "2147483647",      AT(status_fd),     INT32_MAX },
	{ "fd: none",                          FOR_RUN,  "status-fd",          "none",    AT(status_fd),     MINUS_ONE },
	{ "word: fail",                        FOR_RUN,  "on-conflict",        "fail",    AT(on_conflict),   CONFLICT_FAIL },
	{ "word: skip",                        FOR_RUN,  "on-conflict",        "skip",    AT(on_conflict),   CONFLICT_SKIP },
	{ "word: wait",                        FOR_RUN,  "on-conflict",        "wait",    AT(on_conflict),   CONFLICT_WAIT },
	{ "word: the last one",                FOR_RUN,  "on-conflict",        "queue",   AT(on_conflict),   CONFLICT_QUEUE },
	{ "places: one",                       FOR_RUN,  "queue-max",          "1",       AT(queue_max),     1 },
	{ "slots: one",                        FOR_RUN,  "slots",              "1",       AT(slots),         1 },
	{ "slots: as many as may be",          FOR_RUN,  "slots",              "256",     AT(slots),         256 },
	{ "slots: by memory",                  FOR_RUN,  "slots",              "auto",    AT(slots),         JOB_SLOTS_AUTO },
	{ "expect: a size",                    FOR_RUN,  "expect-mem",         "3G",      AT(expect_mem),    3ULL << 30 },
	{ "expect: by the last runs",          FOR_RUN,  "expect-mem",         "auto",    AT(expect_mem),    JOB_EXPECT_AUTO },
	{ "expect: none",                      FOR_RUN,  "expect-mem",         "none",    AT(expect_mem),    NUM_NONE },
	{ "slots: none",                       FOR_RUN,  "slots",              "none",    AT(slots),         0 },
	{ "places: as many as may be",         FOR_RUN,  "queue-max",          "1000",    AT(queue_max),     1000 },
	{ "word: tree",                        FOR_RUN,  "term",               "tree",    AT(term),          TERM_TREE },
	{ "word: job",                         FOR_RUN,  "term",               "job",     AT(term),          TERM_JOB },
	{ "word: end",                         FOR_RUN,  "leftovers",          "end",     AT(leftovers),     LEFTOVERS_END },
	{ "word: wait",                        FOR_RUN,  "leftovers",          "wait",    AT(leftovers),     LEFTOVERS_WAIT },
	{ "word: leave",                       FOR_RUN,  "leftovers",          "leave",   AT(leftovers),     LEFTOVERS_LEAVE },
	{ "word: auto",                        FOR_RUN,  "session",            "auto",    AT(session),       SESSION_AUTO },
	{ "word: keep",                        FOR_RUN,  "session",            "keep",    AT(session),       SESSION_KEEP },
	{ "word: new",                         FOR_RUN,  "session",            "new",     AT(session),       SESSION_NEW },
	{ "word: alone, where it may be",      FOR_RUN,  "syslog",             NULL,      AT(syslog),        FACILITY_USER },
	{ "word: the last of a list",          FOR_RUN,  "syslog",             "local7",  AT(syslog),        FACILITY_LOCAL0 + 7 },
	{ "word: help alone",                  FOR_RUN,  "help",               NULL,      AT(help),          HELP_SHORT },
	{ "word: help of all",                 FOR_RUN,  "help",               "all",     AT(help),          HELP_ALL },
	{ "word: help of a group",             FOR_RUN,  "help",               "lock",    AT(help),          HELP_GROUP + GROUP_LOCK },

	{ "flag: yes",                         FOR_RUN,  "shared",             "yes",     AT(shared),        1 },
	{ "flag: no",                          FOR_RUN,  "shared",             "no",      AT(shared),        0 },
	{ "counter: a number",                 FOR_RUN,  "verbose",            "2",       AT(verbose),       2 },
	{ "counter: nothing of it",            FOR_RUN,  "verbose",            "0",       AT(verbose),       0 },
	{ "counter: the greatest",             FOR_RUN,  "verbose",            "9",       AT(verbose),       9 },
	{ "bytes: a number",                   FOR_RUN,  "log-max",            "4096",    AT(log_max_bytes), 4096 },
	{ "bytes: one",                        FOR_RUN,  "log-max",            "1",       AT(log_max_bytes), 1 },
	{ "bytes: a unit",                     FOR_RUN,  "log-max",            "512K",    AT(log_max_bytes), 512 << 10 },
	{ "bytes: a fraction",                 FOR_RUN,  "log-max",            "1.5G",    AT(log_max_bytes), UINT64_C(3) << 29 },
	{ "bytes: none",                       FOR_RUN,  "log-max",            "none",    AT(log_max_bytes), NUM_NONE },
	{ "tail: alone",                       FOR_RUN,  "tail",               NULL,      AT(tail_bytes),    4096 },
	{ "tail: the least",                   FOR_RUN,  "tail",               "256",     AT(tail_bytes),    256 },
	{ "tail: the most",                    FOR_RUN,  "tail",               "8K",      AT(tail_bytes),    8192 },
	{ "tail: none",                        FOR_RUN,  "tail",               "none",    AT(tail_bytes),    0 },
	{ "lines: one",                        FOR_LOGS, "tail",               "1",       AT(lines),         1 },
	{ "lines: the most",                   FOR_LOGS, "tail",               "4294967295", AT(lines),      UINT32_MAX },
	{ "lines: none is all",                FOR_LOGS, "tail",               "none",    AT(lines),         0 },
	{ "mode: two digits",                  FOR_RUN,  "umask",              "22",      AT(umask),         022 },
	{ "mode: three",                       FOR_RUN,  "umask",              "027",     AT(umask),         027 },
	{ "mode: four",                        FOR_RUN,  "umask",              "0777",    AT(umask),         0777 },
	{ "mode: 0 is a mask",                 FOR_RUN,  "umask",              "0",       AT(umask),         0 },
	{ "mode: none",                        FOR_RUN,  "umask",              "none",    AT(umask),         MINUS_ONE },
	{ "nice: the least",                   FOR_RUN,  "nice",               "-20",     AT(nice),          AS_INT(-20) },
	{ "nice: 0",                           FOR_RUN,  "nice",               "0",       AT(nice),          0 },
	{ "nice: the greatest",                FOR_RUN,  "nice",               "19",      AT(nice),          19 },
	{ "nice: none",                        FOR_RUN,  "nice",               "none",    AT(nice),          AS_INT(JOB_INT_NONE) },
	{ "oom: the least",                    FOR_RUN,  "oom-score-adj",      "-1000",   AT(oom_score_adj), AS_INT(-1000) },
	{ "oom: the greatest",                 FOR_RUN,  "oom-score-adj",      "1000",    AT(oom_score_adj), 1000 },
	{ "oom: none",                         FOR_RUN,  "oom-score-adj",      "none",    AT(oom_score_adj), AS_INT(JOB_INT_NONE) },
	{ "ionice: realtime, the middle",      FOR_RUN,  "ionice",             "realtime", AT(ionice),       1 << 13 | 4 },
	{ "ionice: best-effort, the middle",   FOR_RUN,  "ionice",             "best-effort", AT(ionice),    2 << 13 | 4 },
	{ "ionice: its highest",               FOR_RUN,  "ionice",             "best-effort:0", AT(ionice),  2 << 13 },
	{ "ionice: its lowest",                FOR_RUN,  "ionice",             "realtime:7", AT(ionice),     1 << 13 | 7 },
	{ "ionice: idle has no level",         FOR_RUN,  "ionice",             "idle",    AT(ionice),        3 << 13 },
	{ "ionice: none",                      FOR_RUN,  "ionice",             "none",    AT(ionice),        MINUS_ONE },
};
/* clang-format on */

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(number_rows); i++) {
		const struct number_row *row = &number_rows[i];
		struct job job;
		BUF(why, 256);
		memset(&job, 1, sizeof(job)); /* so that a 0 is seen to be written */
		if (read_value(row->option, row->command, row->text, &job, &why) != 0)
			fail_msg("%s: %s", row->rule, why.at);
		assert_int_equal(why.len, 0);
		uint64_t value = number_at(&job, row->at, row->size);
		if (value != row->value)
			fail_msg("%s: %llu", row->rule, (unsigned long long)value);
	}
}

#define ID64 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define A50  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A200 A50 A50 A50 A50
#define DOTS66                   \
	"......................" \
	"......................" \
	"......................"

struct text_row {
	const char *rule;
	const char *option;
	const char *text;
	size_t at;
};

#define FIELD(field) offsetof(struct job, field)

/* clang-format off */
static const struct text_row text_rows[] = {
	{ "text: task",                     "task",        "a",         FIELD(task) },
	{ "text: step",                     "step",        "a=b",       FIELD(step) },
	{ "text: lock-file",                "lock-file",   "/l",        FIELD(lock_file) },
	{ "text: status-file",              "status-file", "/s",        FIELD(status_file) },
	{ "text: state-dir",                "state-dir",   "/d",        FIELD(state_dir) },
	{ "text: blanks and lines stay",    "step",        " a\nb ",    FIELD(step) },
	{ "text: bytes that are no UTF-8",  "step",        "\xff\x01",  FIELD(step) },
	{ "text: none is a text",           "step",        "none",      FIELD(step) },
	{ "name: any bytes",                "name",        "a/b c\xff", FIELD(name) },
	{ "name: dots",                     "name",        "..",        FIELD(name) },
	{ "name: 200 bytes",                "name",        A200,        FIELD(name) },
	{ "name: 66 bytes that count three", "name",       DOTS66,      FIELD(name) },
	{ "run id: one byte",               "run-id",      "x",         FIELD(run_id) },
	{ "run id: all that is allowed",    "run-id",      ID64,        FIELD(run_id) },
	{ "run id: a dash first",           "run-id",      "-x",        FIELD(run_id) },
	{ "words: a line",                  "on-finish",   "a 'b c'",   FIELD(on_finish) },
	{ "words: an empty program",        "on-start",    "''",        FIELD(on_start) },
};
/* clang-format on */

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(text_rows); i++) {
		const struct text_row *row = &text_rows[i];
		struct job job = { .name = NULL };
		const char *value;
		BUF(why, 256);
		if (read_value(row->option, FOR_RUN, row->text, &job, &why) != 0)
			fail_msg("%s: %s", row->rule, why.at);
		memcpy(&value, (const char *)&job + row->at, sizeof(value));
		assert_ptr_equal(value, row->text); /* borrowed, whole */
	}
}

struct refusal_row {
	const char *rule;
	const char *option;
	const char *text;
	const char *why; /* the whole reason */
};

#define DURATION_CURE "not a duration: write 90, 1.5m, 1h30m, 2d or none"
#define ZERO_CURE     "0 is refused: use none"
#define RANGE_CURE    "out of range: write 1ms to 1h, or none"
#define EMPTY_CURE    "empty: leave the option out, or say what it is"
#define NAME_CURE     "too long: at most 200 bytes, of which each other than A-Z a-z 0-9 _ - counts three"
#define RUN_ID_CURE   "not a run id: write 1 to 64 of A-Z a-z 0-9 _ -"
#define TAG_CURE      "not a tag: write KEY=VALUE, the key 1 to 64 of A-Z a-z 0-9 _ . -"
#define SIGNAL_CURE   "not a signal: write TERM, 15 or RTMIN+1"
#define LIST_CURE     " is not a signal: write names with commas between, INT,USR1"
#define STATUS_CURE   "not an exit status: write 0 to 255"
#define SIZE_CURE     "not a size: write 4096, 512K, 1.5G or none"
#define TAIL_CURE     "write a size from 256 to 8K, or none"
#define MODE_CURE     "not a mask: write it in octal, as 022 or 0077, or none"
#define NICE_CURE     "not a niceness: write -20 to 19, or none"
#define OOM_CURE      "not an adjustment: write -1000 to 1000, or none"
#define IONICE_CURE   "not an I/O priority: write idle, best-effort, realtime, best-effort:0 to :7, or none"
#define ENV_CURE      "not a variable: write NAME=VALUE, the name of A-Z a-z 0-9 _"
#define STATUSES_CURE " is no way to end: write 0 to 255, ranges and signals, as 0,3,10-12,TERM"
#define FD_CURE       "not a file descriptor: write the number of an open one, or none"

/* clang-format off */
static const struct refusal_row refusal_rows[] = {
	{ "duration: no number",         "timeout",   "abc",        DURATION_CURE },
	{ "duration: unknown unit",      "timeout",   "10x",        DURATION_CURE },
	{ "duration: negative",          "timeout",   "-5",         DURATION_CURE },
	{ "duration: blank",             "timeout",   "5 s",        DURATION_CURE },
	{ "duration: empty",             "timeout",   "",           DURATION_CURE },
	{ "duration: None is not none",  "timeout",   "None",       DURATION_CURE },
	{ "duration: 0",                 "timeout",   "0",          ZERO_CURE },
	{ "duration: 0 in disguise",     "timeout",   "0.0h",       ZERO_CURE },
	{ "duration: too long",          "timeout",   "40000d",     "more than 100 years: use none" },
	{ "duration: complain-after 0",  "complain-after", "0",     ZERO_CURE },
	{ "grace: 0",                    "kill-after", "0s",        ZERO_CURE },
	{ "grace: bad",                  "kill-after", "x",         DURATION_CURE },
	{ "wait: 0 is not for ever",     "wait",      "0",          "0 is refused: use --no-wait, or none to wait for ever" },
	{ "wait: empty",                 "wait",      "",           DURATION_CURE },
	{ "interval: 0",                 "interval",  "0",          ZERO_CURE },
	{ "interval: too short",         "interval",  "999us",      RANGE_CURE },
	{ "interval: too long",          "interval",  "61m",        RANGE_CURE },
	{ "interval: bad",               "interval",  "often",      DURATION_CURE },

	{ "text: empty task",            "task",      "",           EMPTY_CURE },
	{ "text: empty step",            "step",      "",           EMPTY_CURE },
	{ "text: empty lock file",       "lock-file", "",           EMPTY_CURE },
	{ "text: empty status file",     "status-file", "",         EMPTY_CURE },
	{ "text: empty state directory", "state-dir", "",           EMPTY_CURE },
	{ "name: empty",                 "name",      "",           EMPTY_CURE },
	{ "name: 201 bytes",             "name",      "a" A200,     NAME_CURE },
	{ "name: 67 that count three",   "name",      "." DOTS66,   NAME_CURE },
	{ "run id: empty",               "run-id",    "",           RUN_ID_CURE },
	{ "run id: 65 bytes",            "run-id",    "a" ID64,     RUN_ID_CURE },
	{ "run id: a dot",               "run-id",    "a.b",        RUN_ID_CURE },
	{ "run id: a slash",             "run-id",    "../x",       RUN_ID_CURE },
	{ "run id: a tilde",             "run-id",    "a~b",        RUN_ID_CURE },
	{ "run id: no ASCII",            "run-id",    "\xc3\xa9",   RUN_ID_CURE },
	{ "tag: no =",                   "tag",       "a",          TAG_CURE },
	{ "tag: no key",                 "tag",       "=a",         TAG_CURE },
	{ "tag: empty",                  "tag",       "",           TAG_CURE },
	{ "tag: a blank in the key",     "tag",       "a b=c",      TAG_CURE },
	{ "tag: key of 65 bytes",        "tag",       A50 "aaaaaaaaaaaaaaa=", TAG_CURE },
	{ "tag: value of 257 bytes",     "tag",       "k=" A200 A50 "aaaaaaa", "the value is longer than 256 bytes: shorten it" },

	{ "signal: unknown",             "signal",    "FOO",        SIGNAL_CURE },
	{ "signal: 0",                   "signal",    "0",          SIGNAL_CURE },
	{ "signal: 65",                  "signal",    "65",         SIGNAL_CURE },
	{ "signal: empty",               "signal",    "",           SIGNAL_CURE },
	{ "signal: none",                "signal",    "none",       SIGNAL_CURE },
	{ "signals: KILL",               "end-on",    "INT,KILL",   "KILL cannot be caught: leave it out" },
	{ "signals: STOP by number",     "end-on",    "19",         "STOP cannot be caught: leave it out" },
	{ "signals: CHLD",               "end-on",    "CHLD",       "CHLD belongs to job control and the guard's own children: leave it out" },
	{ "signals: one unknown",        "end-on",    "INT,FOO,HUP", "FOO" LIST_CURE },
	{ "signals: one with blanks",    "end-on",    "INT, HUP",   "' HUP'" LIST_CURE },
	{ "signals: one empty",          "end-on",    "INT,,HUP",   "''" LIST_CURE },
	{ "signals: a comma at the end", "end-on",    "INT,",       "''" LIST_CURE },
	{ "signals: empty",              "end-on",    "",           "''" LIST_CURE },
	{ "signals: none is not one",    "end-on",    "INT,none",   "none" LIST_CURE },
	{ "signals: foreign bytes",      "end-on",    "\x1b",       "$'\\x1b'" LIST_CURE },
	{ "signals: longer than any",    "end-on",    "SIGRTMIN+0000001", "SIGRTMIN+0000001" LIST_CURE },

	{ "status: 256",                 "conflict-exit-code", "256",  STATUS_CURE },
	{ "status: negative",            "conflict-exit-code", "-1",   STATUS_CURE },
	{ "status: a word",              "conflict-exit-code", "none", STATUS_CURE },
	{ "status: empty",               "conflict-exit-code", "",     STATUS_CURE },
	{ "fd: negative",                "status-fd", "-1",         FD_CURE },
	{ "fd: beyond int",              "status-fd", "2147483648", FD_CURE },
	{ "fd: empty",                   "status-fd", "",           FD_CURE },
	{ "word: unknown",               "term",      "all",        "unknown word: write one of tree|job" },
	{ "word: no abbreviation",       "session",   "k",          "unknown word: write one of auto|keep|new" },
	{ "word: empty",                 "leftovers", "",           "unknown word: write one of end|wait|leave" },
	{ "word: the whole list",        "on-conflict", "fail|skip", "unknown word: write one of fail|skip|wait|replace|queue" },

	{ "flag: another word",          "shared",    "true",       "write yes or no" },
	{ "flag: empty",                 "shared",    "",           "write yes or no" },
	{ "places: none at all",         "queue-max", "0",          "not a number of places: write 1 to 1000" },
	{ "slots: none at all",          "slots",     "0",          "not a number of slots: write 1 to 256, auto or none" },
	{ "expect: 0",                   "expect-mem", "0",         "0 is refused: use none" },
	{ "expect: no auto in disguise", "expect-mem", "18446744073709551614", SIZE_CURE },
	{ "slots: too many",             "slots",     "257",        "not a number of slots: write 1 to 256, auto or none" },
	{ "places: too many",            "queue-max", "1001",       "not a number of places: write 1 to 1000" },
	{ "places: a word",              "queue-max", "none",       "not a number of places: write 1 to 1000" },
	{ "counter: 10",                 "verbose",   "10",         "write 0 to 9" },
	{ "counter: empty",              "verbose",   "",           "write 0 to 9" },
	{ "counter: a word",             "verbose",   "yes",        "write 0 to 9" },
	{ "words: nothing",              "on-start",  "",           "no command: write a program and its arguments" },
	{ "words: blanks",               "on-flag",   " \t",        "no command: write a program and its arguments" },
	{ "words: an open quote",        "on-finish", "a 'b",       "a ' without its end: close it, or write \\'" },
	{ "bytes: 0",                    "log-max",   "0",          ZERO_CURE },
	{ "bytes: 0 in disguise",        "log-max",   "0.0K",       ZERO_CURE },
	{ "bytes: negative",             "log-max",   "-1",         SIZE_CURE },
	{ "bytes: unknown unit",         "log-max",   "1X",         SIZE_CURE },
	{ "bytes: too many",             "log-max",   "99999999999T", SIZE_CURE },
	{ "bytes: empty",                "log-max",   "",           SIZE_CURE },
	{ "tail: too few",               "tail",      "255",        TAIL_CURE },
	{ "tail: too many",              "tail",      "8193",       TAIL_CURE },
	{ "tail: 0",                     "tail",      "0",          TAIL_CURE },
	{ "tail: empty",                 "tail",      "",           TAIL_CURE },
	{ "mode: not octal",             "umask",     "028",        MODE_CURE },
	{ "mode: beyond 0777",           "umask",     "1000",       MODE_CURE },
	{ "mode: five digits",           "umask",     "00022",      MODE_CURE },
	{ "mode: in letters",            "umask",     "u=rwx",      MODE_CURE },
	{ "mode: empty",                 "umask",     "",           MODE_CURE },
	{ "mode: negative",              "umask",     "-1",         MODE_CURE },
	{ "nice: below the least",       "nice",      "-21",        NICE_CURE },
	{ "nice: above the greatest",    "nice",      "20",         NICE_CURE },
	{ "nice: a plus",                "nice",      "+1",         NICE_CURE },
	{ "nice: two signs",             "nice",      "--1",        NICE_CURE },
	{ "nice: a sign alone",          "nice",      "-",          NICE_CURE },
	{ "nice: empty",                 "nice",      "",           NICE_CURE },
	{ "oom: below the least",        "oom-score-adj", "-1001",  OOM_CURE },
	{ "oom: above the greatest",     "oom-score-adj", "1001",   OOM_CURE },
	{ "oom: empty",                  "oom-score-adj", "",       OOM_CURE },
	{ "ionice: unknown",             "ionice",    "high",       IONICE_CURE },
	{ "ionice: empty",               "ionice",    "",           IONICE_CURE },
	{ "ionice: no level",            "ionice",    "realtime:",  IONICE_CURE },
	{ "ionice: level 8",             "ionice",    "realtime:8", IONICE_CURE },
	{ "ionice: two digits",          "ionice",    "realtime:00", IONICE_CURE },
	{ "ionice: a level of idle",     "ionice",    "idle:1",     IONICE_CURE },
	{ "ionice: a level of none",     "ionice",    "none:1",     IONICE_CURE },
	{ "ionice: no abbreviation",     "ionice",    "best",       IONICE_CURE },
	{ "env: no =",                   "env",       "A",          ENV_CURE },
	{ "env: no name",                "env",       "=a",         ENV_CURE },
	{ "env: empty",                  "env",       "",           ENV_CURE },
	{ "env: a digit first",          "env",       "1A=b",       ENV_CURE },
	{ "env: a dash in the name",     "env",       "A-B=c",      ENV_CURE },
	{ "env: the guard's own",        "env",       "SPAWNGUARD_JOB=x", "these names are the guard's own: choose another" },
	{ "statuses: 256",               "success-status", "256",   "256" STATUSES_CURE },
	{ "statuses: backwards",         "success-status", "3-1",   "3-1" STATUSES_CURE },
	{ "statuses: an open range",     "success-status", "3-",    "3-" STATUSES_CURE },
	{ "statuses: an empty one",      "success-status", "0,,1",  "''" STATUSES_CURE },
	{ "statuses: empty",             "success-status", "",      "''" STATUSES_CURE },
	{ "statuses: unknown signal",    "success-status", "0,FOO", "FOO" STATUSES_CURE },
	{ "statuses: none is not one",   "success-status", "none",  "none" STATUSES_CURE },
};
/* clang-format on */

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusal_rows); i++) {
		const struct refusal_row *row = &refusal_rows[i];
		struct job job, untouched;
		BUF(why, 256);
		memset(&job, 0, sizeof(job));
		memset(&untouched, 0, sizeof(untouched));
		int r = read_value(row->option, FOR_RUN, row->text, &job, &why);
		if (r != -EINVAL || strcmp(why.at, row->why) != 0)
			fail_msg("%s: %d, %s", row->rule, r, why.at);
		assert_memory_equal(&job, &untouched, sizeof(job)); /* written on success only */
	}
}

static void test_tags(void **state)
{
	static const char *const good[] = { "a=1", "ab=", "A_b.c-9== x\n\xff", "k=" A200 A50 "aaaaaa" };
	struct job job = { .name = NULL };
	(void)state;
	BUF(why, 256);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(read_value("tag", FOR_RUN, good[i], &job, &why), 0);
		assert_int_equal(job.tag_count, i + 1);
		assert_ptr_equal(job.tag[i], good[i]);
	}
	/* A key is there once: as it was, or with another value. */
	assert_int_equal(read_value("tag", FOR_RUN, "ab=2", &job, &why), -EINVAL);
	assert_string_equal(why.at, "this key was given before: give each key once");
	assert_int_equal(read_value("tag", FOR_RUN, "a=1", &job, &why), -EINVAL);
	assert_int_equal(job.tag_count, COUNT_OF(good));
}

static void test_tag_limit(void **state)
{
	char texts[JOB_TAGS_MAX + 1][16];
	struct job job = { .name = NULL };
	(void)state;
	BUF(why, 256);
	for (size_t i = 0; i <= JOB_TAGS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "k%zu=v", i);
		assert_int_equal(read_value("tag", FOR_RUN, texts[i], &job, &why),
				 i < JOB_TAGS_MAX ? 0 : -EINVAL);
	}
	assert_string_equal(why.at, "one tag too many: at most 16");
	assert_int_equal(job.tag_count, JOB_TAGS_MAX);
}

static void test_env(void **state)
{
	static const char *const good[] = { "A=1", "_a9=", "AB==x y\n\xff" };
	struct job job = { .name = NULL };
	(void)state;
	BUF(why, 256);
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_int_equal(read_value("env", FOR_RUN, good[i], &job, &why), 0);
		assert_int_equal(job.env_count, i + 1);
		assert_ptr_equal(job.env[i], good[i]);
	}
	assert_int_equal(read_value("env", FOR_RUN, "A=2", &job, &why), -EINVAL);
	assert_string_equal(why.at, "this key was given before: give each key once");
	/* The next source has a say in each, in its place. */
	value_next_source(&job);
	assert_int_equal(read_value("env", FOR_RUN, "A=3", &job, &why), 0);
	assert_int_equal(job.env_count, COUNT_OF(good));
	assert_string_equal(job.env[0], "A=3");
}

static void test_env_limit(void **state)
{
	char texts[JOB_ENV_MAX + 1][16];
	struct job job = { .name = NULL };
	(void)state;
	BUF(why, 256);
	for (size_t i = 0; i <= JOB_ENV_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "k%zu=v", i);
		assert_int_equal(read_value("env", FOR_RUN, texts[i], &job, &why),
				 i < JOB_ENV_MAX ? 0 : -EINVAL);
	}
	assert_string_equal(why.at, "one variable too many: at most 64");
	assert_int_equal(job.env_count, JOB_ENV_MAX);
}

static void test_detect(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint32_t set;
	} rows[] = {
		{ "all", 0, DETECT_ALL },
		{ "none", 0, 0 },
		{ "fds", 0, 1U << DETECT_FDS },
		{ "fds,zombies", 0, 1U << DETECT_FDS | 1U << DETECT_ZOMBIE },
		{ "fds,fds", 0, 1U << DETECT_FDS },
		{ "-fds", 0, DETECT_ALL & ~(1U << DETECT_FDS) },
		{ "-fds,-busy", 0, DETECT_ALL & ~(1U << DETECT_FDS | 1U << DETECT_BUSY) },
		{ "-fds,fds", 0, DETECT_ALL },
		{ "", -EINVAL, 0 },
		{ "fd", -EINVAL, 0 },
		{ "fds,", -EINVAL, 0 },
		{ ",fds", -EINVAL, 0 },
		{ "fds, busy", -EINVAL, 0 },
		{ "ALL", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "--fds", -EINVAL, 0 },
		{ "-all", -EINVAL, 0 },
	};
	(void)state;
	BUF(why, 256);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct job job = { .detect = 0x5a };
		int r = read_value("detect", FOR_RUN, rows[i].text, &job, &why);
		if (r != rows[i].result || job.detect != (r == 0 ? rows[i].set : 0x5a))
			fail_msg("%s: %d, %x", rows[i].text, r, job.detect);
	}
}

static void test_budgets(void **state)
{
	static const struct {
		const char *rule, *text;
		int result;
	} rows[] = {
		{ "a number", "a=1000", 0 },
		{ "with decimals", "b=2.5", 0 },
		{ "none", "c=none", 0 },
		{ "every character of a key", "Az09_.-=1", 0 },
		{ "a key of 32", "0123456789abcdef0123456789abcdef=1", 0 },
		{ "of 33", "0123456789abcdef0123456789abcdefg=1", -EINVAL },
		{ "0", "d=0", -EINVAL },
		{ "as good as 0", "d=0.0000001", -EINVAL },
		{ "below it", "d=-1", -EINVAL },
		{ "with a unit", "d=1K", -EINVAL },
		{ "within a time", "t=5/1d", 0 },
		{ "within two units of it", "u=0.5/1h30m", 0 },
		{ "the same key, another time", "t=5/2d", -EINVAL },
		{ "no time", "d=5/", -EINVAL },
		{ "no time at all", "d=5/0", -EINVAL },
		{ "for ever", "d=5/none", -EINVAL },
		{ "no such time", "d=5/1x", -EINVAL },
		{ "two times", "d=5/1d/1d", -EINVAL },
		{ "none within a time", "d=none/1d", -EINVAL },
		{ "no number within a time", "d=/1d", -EINVAL },
		{ "more digits than any number has", "d=0000000000000000000000000000000001", -EINVAL },
		{ "no number", "d=", -EINVAL },
		{ "no key", "=5", -EINVAL },
		{ "nothing", "", -EINVAL },
		{ "twice", "a=2", -EINVAL },
	};
	struct job job = { .name = NULL };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(why, 256);
		if (read_value("budget", FOR_RUN, rows[i].text, &job, &why) != rows[i].result)
			fail_msg("%s", rows[i].rule);
	}
	assert_int_equal(job.budget_count, 7);
	value_next_source(&job);
	BUF(why, 256);
	assert_int_equal(read_value("budget", FOR_RUN, "a=3", &job, &why), 0);
	assert_int_equal(job.budget_count, 7);
	assert_string_equal(job.budget[0], "a=3");
}

static void test_watched_files(void **state)
{
	struct job job = { 0 };
	BUF(why, 256);

	(void)state;
	assert_int_equal(read_value("watch-input", FOR_RUN, "a", &job, &why), 0);
	assert_int_equal(read_value("watch-input", FOR_RUN, "b", &job, &why), 0);
	assert_int_equal(job.watch_count, 2);
	assert_int_equal(read_value("watch-input", FOR_RUN, "b", &job, &why), -EINVAL);
	assert_int_equal(read_value("watch-input", FOR_RUN, "", &job, &why), -EINVAL);
	value_next_source(&job); /* which says it all anew */
	assert_int_equal(read_value("watch-input", FOR_RUN, "c", &job, &why), 0);
	assert_int_equal(read_value("watch-input", FOR_RUN, "d", &job, &why), 0);
	assert_int_equal(job.watch_count, 2);
	assert_string_equal(job.watch_input[0], "c");
}

/* What opens the breaker: each class once in a source, and again in one of higher rank. */
static void test_loops(void **state)
{
	struct job job;
	(void)state;
	memset(&job, 0, sizeof(job));
	BUF(why, 256);
	assert_false(circuit_rules_are_set(&job.circuit));
	assert_int_equal(read_value("min-uptime", FOR_RUN, "10s", &job, &why), 0);
	assert_int_equal(job.circuit.min_uptime_ns, 10000000000);
	assert_int_equal(job.classes.min_uptime_ns, 10000000000);
	assert_int_equal(read_value("min-uptime", FOR_RUN, "none", &job, &why), 0);
	assert_int_equal(job.classes.min_uptime_ns, 0);
	assert_int_equal(read_value("min-uptime", FOR_RUN, "0", &job, &why), -EINVAL);
	assert_int_equal(read_value("backoff", FOR_RUN, "startup=5m,10m", &job, &why), 0);
	assert_int_equal(read_value("backoff", FOR_RUN, "lost=1s", &job, &why), 0);
	assert_int_equal(read_value("backoff", FOR_RUN, "startup=1m", &job, &why), -EINVAL);
	assert_int_equal(read_value("class", FOR_RUN, "quota=75", &job, &why), 0);
	assert_int_equal(read_value("class", FOR_RUN, "quota=76", &job, &why), -EINVAL);
	value_next_source(&job);
	assert_int_equal(read_value("backoff", FOR_RUN, "startup=7m", &job, &why), 0);
	assert_int_equal(read_value("class", FOR_RUN, "quota=77", &job, &why), 0);
	assert_int_equal(job.circuit.backoff[FAILURE_STARTUP].count, 1);
	assert_int_equal(job.circuit.backoff[FAILURE_LOST].count, 1);
	assert_true(statuses_have(&job.classes.list[FAILURE_QUOTA], 77 << 8));
	assert_false(statuses_have(&job.classes.list[FAILURE_QUOTA], 75 << 8));
	assert_int_equal(job.classes.listed, 1U << FAILURE_QUOTA);
}

/* Every kind has its good values and its bad ones in the tables above. */
static void test_no_kind_is_forgotten(void **state)
{
	bool is_there[KIND_COUNT] = { [KIND_TAG] = true,
				      [KIND_ENV] = true,
				      [KIND_STATUSES] = true,
				      [KIND_COLUMNS] = true,
				      [KIND_LIMIT] = true /* test_limit_value */,
				      [KIND_YIELD] = true /* test_yield_value */,
				      [KIND_DETECT] = true,
				      [KIND_NUMBER] = true /* test_batch_values */,
				      [KIND_PREFIX] = true,
				      [KIND_NAMES] = true /* test_variables */,
				      [KIND_MIN_FREE] = true /* test_room_value */,
				      [KIND_PRESSURE] = true /* test_room_value */,
				      [KIND_OPEN_ON] = true,
				      [KIND_FILES] = true,
				      [KIND_RATE] = true /* these: test_loop_value */,
				      [KIND_STREAK] = true,
				      [KIND_SPAN] = true,
				      [KIND_JITTER] = true,
				      [KIND_UPTIME] = true /* these: test_loops */,
				      [KIND_BACKOFF] = true,
				      [KIND_CLASS] = true,
				      [KIND_TIMES] = true /* test_retry_value */,
				      [KIND_CLASSES] = true,
				      [KIND_BUDGET] = true };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(number_rows); i++)
		is_there[option_find(number_rows[i].option, strlen(number_rows[i].option),
				     number_rows[i].command)
				 ->kind] = true;
	for (size_t i = 0; i < COUNT_OF(text_rows); i++)
		is_there[option_find(text_rows[i].option, strlen(text_rows[i].option), FOR_RUN)->kind] = true;
	for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
		if (!is_there[kind])
			fail_msg("kind %u", kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),       cmocka_unit_test(test_texts),
		cmocka_unit_test(test_refusals),      cmocka_unit_test(test_tags),
		cmocka_unit_test(test_watched_files), cmocka_unit_test(test_tag_limit),
		cmocka_unit_test(test_env),           cmocka_unit_test(test_env_limit),
		cmocka_unit_test(test_detect),        cmocka_unit_test(test_no_kind_is_forgotten),
		cmocka_unit_test(test_budgets),       cmocka_unit_test(test_loops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
