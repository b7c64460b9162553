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
#include "conf/argv.h"
#include "conf/job.h"
#include "conf/options.h"

/* What a command line was read as. */
struct reading {
	int result;
	struct job job;
	char **rest;
	int dashes;
	struct buf why;
	char why_bytes[ARGV_WHY_MAX];
};

/* `words` are not written to: argv_parse takes what main() has. */
static void read_words(struct reading *r, const char *const *words, unsigned command)
{
	r->rest = NULL;
	r->dashes = -1;
	buf_init(&r->why, r->why_bytes, sizeof(r->why_bytes));
	argv_defaults(&r->job);
	r->result = argv_parse((char **)(uintptr_t)words, command, &r->job, &r->rest, &r->dashes, &r->why);
	assert_false(r->why.cut);
}

#define AT(field) offsetof(struct job, field), sizeof(((struct job *)0)->field)

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

struct number_row {
	const char *rule;
	const char *words[6];
	size_t at, size;
	uint64_t value;
};

#define MINUS_ONE   UINT32_MAX /* of an int */
#define BIT(signal) (UINT64_C(1) << ((signal)-1))

/* clang-format off */
static const struct number_row number_rows[] = {
	{ "default: a conflict is refused",       { 0 },                           AT(on_conflict),   CONFLICT_FAIL },
	{ "default: no deadline of waiting",      { 0 },                           AT(wait_ns),       NUM_NONE },
	{ "default: waiting is quiet",            { 0 },                           AT(complain_ns),   NUM_NONE },
	{ "default: 75 at a conflict",            { 0 },                           AT(conflict_exit), 75 },
	{ "default: no timeout",                  { 0 },                           AT(timeout_ns),    NUM_NONE },
	{ "default: 5 s of grace",                { 0 },                           AT(kill_after_ns), 5 * NS_PER_S },
	{ "default: kill does as the run asked",  { 0 },                           AT(grace_ns),      NUM_NONE },
	{ "default: TERM",                        { 0 },                           AT(signal),        SIGTERM },
	{ "default: TERM to the tree",            { 0 },                           AT(term),          TERM_TREE },
	{ "default: only TERM ends",              { 0 },                           AT(end_on),        0 },
	{ "default: leftovers are ended",         { 0 },                           AT(leftovers),     LEFTOVERS_END },
	{ "default: session by terminal",         { 0 },                           AT(session),       SESSION_AUTO },
	{ "default: adaptive interval",           { 0 },                           AT(interval_ns),   0 },
	{ "default: no status descriptor",        { 0 },                           AT(status_fd),     MINUS_ONE },
	{ "default: no tags",                     { 0 },                           AT(tag_count),     0 },
	{ "default: silent",                      { 0 },                           AT(verbose),       0 },

	{ "flag: set",                            { "--shared" },                  AT(shared),        1 },
	{ "flag: others stay",                    { "--shared" },                  AT(no_lock),       0 },
	{ "flag: twice is once",                  { "--stats", "--stats" },        AT(stats),         1 },
	{ "flag: by letter",                      { "-q" },                        AT(quiet),         1 },
	{ "flag: no-lock",                        { "--no-lock" },                 AT(no_lock),       1 },
	{ "flag: dry-run",                        { "--dry-run" },                 AT(dry_run),       1 },
	{ "flag: help",                           { "--help" },                    AT(help),          1 },
	{ "flag: help by letter",                 { "-h" },                        AT(help),          1 },
	{ "flag: version",                        { "-V" },                        AT(version),       1 },

	{ "counter: once",                        { "--verbose" },                 AT(verbose),       1 },
	{ "counter: adds up",                     { "-v", "--verbose", "-v" },     AT(verbose),       3 },
	{ "counter: adds up in a group",          { "-vvv" },                      AT(verbose),       3 },
	{ "group: the first counts",              { "-qv" },                       AT(quiet),         1 },
	{ "group: the second counts",             { "-qv" },                       AT(verbose),       1 },
	{ "group: the last takes the rest",       { "-qvt90" },                    AT(timeout_ns),    90 * NS_PER_S },
	{ "group: the last takes the next word",  { "-qvt", "90" },                AT(timeout_ns),    90 * NS_PER_S },

	{ "duration: seconds",                    { "--timeout=90" },              AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: the next word",              { "--timeout", "90" },           AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: behind the letter",          { "-t90" },                      AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: next to the letter",         { "-t", "90" },                  AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: a fraction",                 { "-t", "1.5m" },                AT(timeout_ns),    90 * NS_PER_S },
	{ "duration: two units",                  { "-t", "1h30m" },               AT(timeout_ns),    5400 * NS_PER_S },
	{ "duration: days",                       { "-t", "2d" },                  AT(timeout_ns),    172800 * NS_PER_S },
	{ "duration: the smallest",               { "-t", "1ns" },                 AT(timeout_ns),    1 },
	{ "duration: none",                       { "-t", "9", "-t", "none" },     AT(timeout_ns),    NUM_NONE },
	{ "duration: the last wins",              { "-t", "9", "--timeout=8" },    AT(timeout_ns),    8 * NS_PER_S },
	{ "duration: complain-after",             { "--complain-after=1m" },       AT(complain_ns),   60 * NS_PER_S },

	{ "grace: a duration",                    { "-k", "250ms" },               AT(kill_after_ns), 250 * NS_PER_MS },
	{ "grace: none is no time at all",        { "--kill-after=none" },         AT(kill_after_ns), 0 },
	{ "grace: of run is not that of kill",    { "-k", "1" },                   AT(grace_ns),      NUM_NONE },

	{ "wait: sets the conflict",              { "--wait" },                    AT(on_conflict),   CONFLICT_WAIT },
	{ "wait: alone, no deadline",             { "--wait" },                    AT(wait_ns),       NUM_NONE },
	{ "wait: does not take the next word",    { "--wait", "10" },              AT(wait_ns),       NUM_NONE },
	{ "wait: with a deadline",                { "--wait=10s" },                AT(wait_ns),       10 * NS_PER_S },
	{ "wait: with a deadline, the conflict",  { "--wait=10s" },                AT(on_conflict),   CONFLICT_WAIT },
	{ "wait: the letter takes the next word", { "-w", "10s" },                 AT(wait_ns),       10 * NS_PER_S },
	{ "wait: the letter takes the rest",      { "-w10s" },                     AT(wait_ns),       10 * NS_PER_S },
	{ "wait: none is no deadline",            { "-w", "none" },                AT(wait_ns),       NUM_NONE },
	{ "wait: the last wins",                  { "--wait=10s", "--wait" },      AT(wait_ns),       NUM_NONE },
	{ "wait: with a word of its own",         { "--on-conflict=wait" },        AT(on_conflict),   CONFLICT_WAIT },
	{ "wait: the deadline stays",             { "-w9", "--on-conflict=wait" }, AT(wait_ns),       9 * NS_PER_S },
	{ "no-wait: after wait",                  { "--wait", "-n" },              AT(on_conflict),   CONFLICT_FAIL },
	{ "no-wait: before wait",                 { "--no-wait", "--wait" },       AT(on_conflict),   CONFLICT_WAIT },
	{ "no-wait: after skip",                  { "--on-conflict=skip", "-n" },  AT(on_conflict),   CONFLICT_FAIL },

	{ "interval: a duration",                 { "--interval=50ms" },           AT(interval_ns),   50 * NS_PER_MS },
	{ "interval: the shortest",               { "--interval=1ms" },            AT(interval_ns),   NS_PER_MS },
	{ "interval: the longest",                { "--interval=1h" },             AT(interval_ns),   3600 * NS_PER_S },
	{ "interval: none",                       { "--interval", "none" },        AT(interval_ns),   NUM_NONE },

	{ "signal: a name",                       { "-s", "INT" },                 AT(signal),        SIGINT },
	{ "signal: with SIG, any case",           { "--signal=sigusr1" },          AT(signal),        SIGUSR1 },
	{ "signal: a number",                     { "-s9" },                       AT(signal),        9 },
	{ "signal: KILL is allowed here",         { "-s", "KILL" },                AT(signal),        SIGKILL },
	{ "signal: real-time",                    { "-s", "RTMIN+1" },             AT(signal),        35 },
	{ "signals: one",                         { "--end-on=INT" },              AT(end_on),        BIT(SIGINT) },
	{ "signals: several",                     { "--end-on", "INT,SIGUSR1,64" }, AT(end_on),       BIT(SIGINT) | BIT(SIGUSR1) | BIT(64) },
	{ "signals: one twice",                   { "--end-on=INT,int" },          AT(end_on),        BIT(SIGINT) },
	{ "signals: the last list wins",          { "--end-on=INT", "--end-on=HUP" }, AT(end_on),     BIT(SIGHUP) },
	{ "signals: none",                        { "--end-on=INT", "--end-on=none" }, AT(end_on),    0 },

	{ "status: the least",                    { "-E", "0" },                   AT(conflict_exit), 0 },
	{ "status: the greatest",                 { "--conflict-exit-code=255" },  AT(conflict_exit), 255 },
	{ "fd: stdin",                            { "--status-fd=0" },             AT(status_fd),     0 },
	{ "fd: the greatest",                     { "--status-fd=2147483647" },    AT(status_fd),     INT32_MAX },
	{ "fd: none",                             { "--status-fd=3", "--status-fd=none" }, AT(status_fd), MINUS_ONE },

	{ "word: fail",                           { "-w1", "--on-conflict=fail" }, AT(on_conflict),   CONFLICT_FAIL },
	{ "word: skip",                           { "--on-conflict", "skip" },     AT(on_conflict),   CONFLICT_SKIP },
	{ "word: tree",                           { "--term=tree" },               AT(term),          TERM_TREE },
	{ "word: job",                            { "--term=job" },                AT(term),          TERM_JOB },
	{ "word: end",                            { "--leftovers=end" },           AT(leftovers),     LEFTOVERS_END },
	{ "word: wait",                           { "--leftovers=wait" },          AT(leftovers),     LEFTOVERS_WAIT },
	{ "word: leave",                          { "--leftovers=leave" },         AT(leftovers),     LEFTOVERS_LEAVE },
	{ "word: auto",                           { "--session=auto" },            AT(session),       SESSION_AUTO },
	{ "word: keep",                           { "--session=keep" },            AT(session),       SESSION_KEEP },
	{ "word: new",                            { "--session=new" },             AT(session),       SESSION_NEW },

	{ "behind --: no option",                 { "--", "--shared" },            AT(shared),        0 },
	{ "behind a word: no option",             { "x", "--shared" },             AT(shared),        0 },
	{ "behind -: no option",                  { "-", "--shared" },             AT(shared),        0 },
	{ "behind --help: not read",              { "--help", "--shared" },        AT(shared),        0 },
	{ "help with what cannot be together",    { "--shared", "--no-lock", "-h" }, AT(help),        1 },
};
/* clang-format on */

static void test_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(number_rows); i++) {
		const struct number_row *row = &number_rows[i];
		struct reading r;
		read_words(&r, row->words, FOR_RUN);
		if (r.result != 0)
			fail_msg("%s: %s", row->rule, r.why.at);
		assert_int_equal(r.why.len, 0);
		uint64_t value = number_at(&r.job, row->at, row->size);
		if (value != row->value)
			fail_msg("%s: %llu", row->rule, (unsigned long long)value);
	}
}

/* The same options in other commands. */
static void test_other_commands(void **state)
{
	static const char *const kill_words[] = { "-qvk", "none", "--json", "nightly", NULL };
	static const char *const ps_words[] = { "--json", "--state-dir=/s", NULL };
	static const char *const reap_words[] = { "--dry-run", "-v", NULL };
	struct reading r;
	(void)state;

	read_words(&r, kill_words, FOR_KILL);
	assert_int_equal(r.result, 0);
	assert_true(r.job.quiet && r.job.json && r.job.verbose == 1);
	assert_true(r.job.grace_ns == 0);
	assert_true(r.job.kill_after_ns == 5 * NS_PER_S); /* that of run */
	assert_string_equal(r.rest[0], "nightly");

	read_words(&r, ps_words, FOR_PS);
	assert_int_equal(r.result, 0);
	assert_true(r.job.json);
	assert_string_equal(r.job.state_dir, "/s");

	read_words(&r, reap_words, FOR_REAP);
	assert_int_equal(r.result, 0);
	assert_true(r.job.dry_run && r.job.verbose == 1);
}

struct text_row {
	const char *rule;
	const char *words[6];
	size_t at;
	const char *value;
};

#define FIELD(field) offsetof(struct job, field)
#define ID64         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
#define A50          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A200         A50 A50 A50 A50

/* clang-format off */
static const struct text_row text_rows[] = {
	{ "default: named after the command",     { 0 },                            FIELD(name),        NULL },
	{ "default: no lock file",                { 0 },                            FIELD(lock_file),   NULL },
	{ "default: id is made",                  { 0 },                            FIELD(run_id),      NULL },
	{ "default: no task",                     { 0 },                            FIELD(task),        NULL },
	{ "default: no step",                     { 0 },                            FIELD(step),        NULL },
	{ "default: no status file",              { 0 },                            FIELD(status_file), NULL },
	{ "default: state directory by ladder",   { 0 },                            FIELD(state_dir),   NULL },

	{ "text: behind =",                       { "--task=a" },                   FIELD(task),        "a" },
	{ "text: the next word",                  { "--task", "a" },                FIELD(task),        "a" },
	{ "text: the last wins",                  { "--task", "a", "--task=b" },    FIELD(task),        "b" },
	{ "text: a second = is text",             { "--task=a=b" },                 FIELD(task),        "a=b" },
	{ "text: a lone = is text",               { "--task==" },                   FIELD(task),        "=" },
	{ "text: blanks and lines stay",          { "--step= a\nb " },              FIELD(step),        " a\nb " },
	{ "text: bytes that are no UTF-8",        { "--step=\xff\x01" },            FIELD(step),        "\xff\x01" },
	{ "text: may look like an option",        { "--step", "--stats" },          FIELD(step),        "--stats" },
	{ "text: -- where = says so",             { "--step=--" },                  FIELD(step),        "--" },
	{ "text: none is a text",                 { "--step=none" },                FIELD(step),        "none" },
	{ "text: lock-file",                      { "--lock-file", "/l" },          FIELD(lock_file),   "/l" },
	{ "text: status-file",                    { "--status-file=/s" },           FIELD(status_file), "/s" },
	{ "text: state-dir",                      { "--state-dir=/d" },             FIELD(state_dir),   "/d" },

	{ "name: behind the letter",              { "-Nfoo" },                      FIELD(name),        "foo" },
	{ "name: next to the letter",             { "-N", "foo" },                  FIELD(name),        "foo" },
	{ "name: any bytes",                      { "--name=a/b c\xff" },           FIELD(name),        "a/b c\xff" },
	{ "name: dots",                           { "--name=.." },                  FIELD(name),        ".." },
	{ "name: 200 bytes",                      { "--name=" A200 },               FIELD(name),        A200 },
	{ "name: 66 bytes that count three",      { "--name=................" "................" "................" "................" ".." },
	                                          FIELD(name), "................" "................" "................" "................" ".." },
	{ "run id: one byte",                     { "--run-id=x" },                 FIELD(run_id),      "x" },
	{ "run id: all that is allowed",          { "--run-id=" ID64 },             FIELD(run_id),      ID64 },
	{ "run id: a dash first",                 { "--run-id=-x" },                FIELD(run_id),      "-x" },
};
/* clang-format on */

static void test_text_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(text_rows); i++) {
		const struct text_row *row = &text_rows[i];
		struct reading r;
		const char *value;
		read_words(&r, row->words, FOR_RUN);
		if (r.result != 0)
			fail_msg("%s: %s", row->rule, r.why.at);
		memcpy(&value, (const char *)&r.job + row->at, sizeof(value));
		if ((value == NULL) != (row->value == NULL) || (value && strcmp(value, row->value) != 0))
			fail_msg("%s: %s", row->rule, value ? value : "NULL");
	}
}

struct refusal_row {
	const char *rule;
	unsigned command;
	const char *words[6];
	const char *why; /* the whole line */
};

#define DURATION_CURE "not a duration: write 90, 1.5m, 1h30m, 2d or none"
#define TAG_CURE      "not a tag: write KEY=VALUE, the key 1 to 64 of A-Z a-z 0-9 _ . -"
#define RUN_ID_CURE   "not a run id: write 1 to 64 of A-Z a-z 0-9 _ -"
#define NAME_CURE     "too long: at most 200 bytes, of which each other than A-Z a-z 0-9 _ - counts three"
#define EMPTY_CURE    "empty: leave the option out, or say what it is"

/* clang-format off */
static const struct refusal_row refusal_rows[] = {
	{ "unknown, near",                 FOR_RUN, { "--timout" },          "unknown option --timout: did you mean --timeout?" },
	{ "unknown, near, with a value",   FOR_RUN, { "--timout=9" },        "unknown option --timout: did you mean --timeout?" },
	{ "no abbreviations",              FOR_RUN, { "--left=end" },        "unknown option --left: did you mean --leftovers?" },
	{ "unknown, nothing near",         FOR_RUN, { "--frobnicate" },      "unknown option --frobnicate; see: spawnguard run --help" },
	{ "unknown, of another command",   FOR_PS,  { "--timeout=9" },       "unknown option --timeout: run takes it, ps does not; see: spawnguard ps --help" },
	{ "unknown, of other commands",    FOR_RUN, { "--json" },            "unknown option --json: ps takes it, run does not; see: spawnguard run --help" },
	{ "three dashes",                  FOR_RUN, { "---" },               "unknown option ---; see: spawnguard run --help" },
	{ "no name before =",              FOR_RUN, { "--=x" },              "unknown option --; see: spawnguard run --help" },
	{ "unknown letter",                FOR_RUN, { "-z" },                "unknown option -z; see: spawnguard run --help" },
	{ "unknown letter in a group",     FOR_RUN, { "-qz" },               "unknown option -z in -qz; see: spawnguard run --help" },
	{ "letter of another command",     FOR_PS,  { "-t", "9" },           "unknown option -t; see: spawnguard ps --help" },
	{ "a long name with one dash",     FOR_RUN, { "-stats" },            "--signal=tats: not a signal: write TERM, 15 or RTMIN+1" },
	{ "a long name with one dash",     FOR_RUN, { "-version" },          "unknown option -e in -version: did you mean --version?" },
	{ "foreign bytes are inert",       FOR_RUN, { "--a\x1b[1m\xff" },    "unknown option --a\\x1b[1m\\xff; see: spawnguard run --help" },
	{ "foreign letter is inert",       FOR_RUN, { "-\x1b" },             "unknown option -\\x1b; see: spawnguard run --help" },
	{ "a letter beyond ASCII",         FOR_RUN, { "-\xc3\xa9" },         "unknown option -\\xc3 in -\xc3\xa9; see: spawnguard run --help" },
	{ "good ones before are no help",  FOR_RUN, { "-q", "-t9", "--x" },  "unknown option --x; see: spawnguard run --help" },

	{ "flag with a value",             FOR_RUN, { "--shared=x" },        "--shared takes no value: leave out '=x'" },
	{ "flag with an empty value",      FOR_RUN, { "--shared=" },         "--shared takes no value: leave out '='" },
	{ "counter with a value",          FOR_RUN, { "--verbose=2" },       "--verbose takes no value: leave out '=2'" },
	{ "no-wait with a value",          FOR_RUN, { "--no-wait=2" },       "--no-wait takes no value: leave out '=2'" },
	{ "no value at the end",           FOR_RUN, { "--timeout" },         "--timeout needs a value: write --timeout=D" },
	{ "no value at the end, letter",   FOR_RUN, { "-N" },                "--name needs a value: write --name=NAME" },
	{ "no value at the end, group",    FOR_RUN, { "-qvN" },              "--name needs a value: write --name=NAME" },
	{ "-- is no value",                FOR_RUN, { "-N", "--", "true" },  "--name needs a value, but -- follows: write --name=NAME" },
	{ "-- is no value, long",          FOR_RUN, { "--tag", "--", "x" },  "--tag needs a value, but -- follows: write --tag=K=V" },
	{ "the letter takes one always",   FOR_RUN, { "-w" },                "-w needs a value: write --wait=D, or --wait alone" },
	{ "the letter takes one always",   FOR_RUN, { "-w", "--", "x" },     "-w needs a value, but -- follows: write --wait=D, or --wait alone" },

	{ "duration: no number",           FOR_RUN, { "-t", "abc" },         "--timeout=abc: " DURATION_CURE },
	{ "duration: unknown unit",        FOR_RUN, { "-t", "10x" },         "--timeout=10x: " DURATION_CURE },
	{ "duration: negative",            FOR_RUN, { "-t", "-5" },          "--timeout=-5: " DURATION_CURE },
	{ "duration: blank",               FOR_RUN, { "-t", "5 s" },         "--timeout='5 s': " DURATION_CURE },
	{ "duration: empty",               FOR_RUN, { "--timeout=" },        "--timeout='': " DURATION_CURE },
	{ "duration: None is not none",    FOR_RUN, { "--timeout=None" },    "--timeout=None: " DURATION_CURE },
	{ "duration: 0",                   FOR_RUN, { "-t0" },               "--timeout=0: 0 is refused: use none" },
	{ "duration: 0 in disguise",       FOR_RUN, { "-t", "0.0h" },        "--timeout=0.0h: 0 is refused: use none" },
	{ "duration: too long",            FOR_RUN, { "-t", "40000d" },      "--timeout=40000d: more than 100 years: use none" },
	{ "duration: complain-after 0",    FOR_RUN, { "--complain-after=0" }, "--complain-after=0: 0 is refused: use none" },
	{ "grace: 0",                      FOR_RUN, { "-k", "0s" },          "--kill-after=0s: 0 is refused: use none" },
	{ "grace: bad",                    FOR_RUN, { "-k", "x" },           "--kill-after=x: " DURATION_CURE },
	{ "grace: of kill",                FOR_KILL, { "-k0" },              "--kill-after=0: 0 is refused: use none" },
	{ "wait: 0",                       FOR_RUN, { "--wait=0" },          "--wait=0: 0 is refused: use --no-wait, or none to wait for ever" },
	{ "wait: empty",                   FOR_RUN, { "--wait=" },           "--wait='': " DURATION_CURE },
	{ "wait: the letter takes = too",  FOR_RUN, { "-w=10s" },            "--wait='=10s': " DURATION_CURE },
	{ "interval: 0",                   FOR_RUN, { "--interval=0" },      "--interval=0: 0 is refused: use none" },
	{ "interval: too short",           FOR_RUN, { "--interval=999us" },  "--interval=999us: out of range: write 1ms to 1h, or none" },
	{ "interval: too long",            FOR_RUN, { "--interval=61m" },    "--interval=61m: out of range: write 1ms to 1h, or none" },
	{ "interval: bad",                 FOR_RUN, { "--interval=often" },  "--interval=often: " DURATION_CURE },

	{ "text: empty",                   FOR_RUN, { "--task=" },           "--task='': " EMPTY_CURE },
	{ "text: empty next word",         FOR_RUN, { "--state-dir", "" },   "--state-dir='': " EMPTY_CURE },
	{ "text: empty lock file",         FOR_RUN, { "--lock-file=" },      "--lock-file='': " EMPTY_CURE },
	{ "name: empty",                   FOR_RUN, { "--name=" },           "--name='': " EMPTY_CURE },
	{ "name: empty next word",         FOR_RUN, { "-N", "" },            "--name='': " EMPTY_CURE },
	{ "name: 201 bytes",               FOR_RUN, { "-Nb" A200 },          "--name=b" A50 "aaaaaaaaa...: " NAME_CURE },
	{ "name: 67 that count three",     FOR_RUN, { "-N................" "................" "................" "................" "..." },
	  "--name=................" "................" "................" "...............: " NAME_CURE },
	{ "run id: empty",                 FOR_RUN, { "--run-id=" },         "--run-id='': " RUN_ID_CURE },
	{ "run id: 65 bytes",              FOR_RUN, { "--run-id=b" ID64 },   "--run-id=babcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456...: " RUN_ID_CURE },
	{ "run id: a dot",                 FOR_RUN, { "--run-id=a.b" },      "--run-id=a.b: " RUN_ID_CURE },
	{ "run id: a slash",               FOR_RUN, { "--run-id=../x" },     "--run-id=../x: " RUN_ID_CURE },
	{ "tag: no =",                     FOR_RUN, { "--tag", "a" },        "--tag=a: " TAG_CURE },
	{ "tag: no key",                   FOR_RUN, { "--tag", "=a" },       "--tag='=a': " TAG_CURE },
	{ "tag: empty",                    FOR_RUN, { "--tag=" },            "--tag='': " TAG_CURE },
	{ "tag: a blank in the key",       FOR_RUN, { "--tag", "a b=c" },    "--tag='a b=c': " TAG_CURE },
	{ "tag: key of 65 bytes",          FOR_RUN, { "--tag", A50 "aaaaaaaaaaaaaaa=" },  "--tag='" A50 "aaaaaaaa'...: " TAG_CURE },
	{ "tag: key given before",         FOR_RUN, { "--tag=a=1", "--tag=a=2" }, "--tag='a=2': this key was given before: give each key once" },
	{ "tag: the same again",           FOR_RUN, { "--tag=a=1", "--tag=a=1" }, "--tag='a=1': this key was given before: give each key once" },
	{ "tag: value of 257 bytes",       FOR_RUN, { "--tag=k=" A200 A50 "aaaaaaa" }, "--tag='k=" A50 "aaaaaa'...: the value is longer than 256 bytes: shorten it" },

	{ "signal: unknown",               FOR_RUN, { "-s", "FOO" },         "--signal=FOO: not a signal: write TERM, 15 or RTMIN+1" },
	{ "signal: 0",                     FOR_RUN, { "-s0" },               "--signal=0: not a signal: write TERM, 15 or RTMIN+1" },
	{ "signal: 65",                    FOR_RUN, { "-s65" },              "--signal=65: not a signal: write TERM, 15 or RTMIN+1" },
	{ "signal: empty",                 FOR_RUN, { "--signal=" },         "--signal='': not a signal: write TERM, 15 or RTMIN+1" },
	{ "signals: KILL",                 FOR_RUN, { "--end-on=INT,KILL" }, "--end-on=INT,KILL: KILL cannot be caught: leave it out" },
	{ "signals: STOP by number",       FOR_RUN, { "--end-on=19" },       "--end-on=19: STOP cannot be caught: leave it out" },
	{ "signals: one unknown",          FOR_RUN, { "--end-on=INT,FOO,HUP" }, "--end-on=INT,FOO,HUP: FOO is not a signal: write names with commas between, INT,USR1" },
	{ "signals: an empty one",         FOR_RUN, { "--end-on=INT,,HUP" }, "--end-on=INT,,HUP: '' is not a signal: write names with commas between, INT,USR1" },
	{ "signals: a comma at the end",   FOR_RUN, { "--end-on=INT," },     "--end-on=INT,: '' is not a signal: write names with commas between, INT,USR1" },
	{ "signals: empty",                FOR_RUN, { "--end-on=" },         "--end-on='': '' is not a signal: write names with commas between, INT,USR1" },
	{ "signals: none is not one",      FOR_RUN, { "--end-on=INT,none" }, "--end-on=INT,none: none is not a signal: write names with commas between, INT,USR1" },
	{ "signals: a long one",           FOR_RUN, { "--end-on=SIGRTMIN+0000001" }, "--end-on=SIGRTMIN+0000001: SIGRTMIN+0000001 is not a signal: write names with commas between, INT,USR1" },

	{ "status: 256",                   FOR_RUN, { "-E256" },             "--conflict-exit-code=256: not an exit status: write 0 to 255" },
	{ "status: negative",              FOR_RUN, { "-E", "-1" },          "--conflict-exit-code=-1: not an exit status: write 0 to 255" },
	{ "status: a word",                FOR_RUN, { "-E", "none" },        "--conflict-exit-code=none: not an exit status: write 0 to 255" },
	{ "status: empty",                 FOR_RUN, { "-E", "" },            "--conflict-exit-code='': not an exit status: write 0 to 255" },
	{ "fd: negative",                  FOR_RUN, { "--status-fd=-1" },    "--status-fd=-1: not a file descriptor: write the number of an open one, or none" },
	{ "fd: beyond int",                FOR_RUN, { "--status-fd=2147483648" }, "--status-fd=2147483648: not a file descriptor: write the number of an open one, or none" },
	{ "fd: empty",                     FOR_RUN, { "--status-fd=" },      "--status-fd='': not a file descriptor: write the number of an open one, or none" },
	{ "word: unknown",                 FOR_RUN, { "--term=all" },        "--term=all: unknown word: write one of tree|job" },
	{ "word: no abbreviation",         FOR_RUN, { "--session=k" },       "--session=k: unknown word: write one of auto|keep|new" },
	{ "word: empty",                   FOR_RUN, { "--leftovers=" },      "--leftovers='': unknown word: write one of end|wait|leave" },
	{ "word: the whole list",          FOR_RUN, { "--on-conflict", "fail|skip" }, "--on-conflict='fail|skip': unknown word: write one of fail|skip|wait" },

	{ "shared lock, and none",         FOR_RUN, { "--shared", "--no-lock" }, "--shared with --no-lock: there is no lock to share; leave out one of them" },
	{ "waiting for no lock",           FOR_RUN, { "--no-lock", "--wait" }, "--wait with --no-lock: there is nothing to wait for; leave out one of them, or name a --lock-file" },
	{ "waiting for no lock, by word",  FOR_RUN, { "--on-conflict=wait", "--no-lock" }, "--wait with --no-lock: there is nothing to wait for; leave out one of them, or name a --lock-file" },
};
/* clang-format on */

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(refusal_rows); i++) {
		const struct refusal_row *row = &refusal_rows[i];
		struct reading r;
		read_words(&r, row->words, row->command);
		if (r.result != -EINVAL || strcmp(r.why.at, row->why) != 0)
			fail_msg("%s: %d, %s", row->rule, r.result, r.why.at);
		assert_null(r.rest); /* written on success only */
		assert_int_equal(r.dashes, -1);
	}
}

/* What a line holds already stays: main writes its own name first. */
static void test_why_is_appended(void **state)
{
	char *words[] = { (char[]){ "--x" }, NULL };
	char **rest;
	int dashes;
	struct job job;
	(void)state;
	BUF(why, ARGV_WHY_MAX);
	buf_str(&why, "spawnguard: ");
	argv_defaults(&job);
	assert_int_equal(argv_parse(words, FOR_RUN, &job, &rest, &dashes, &why), -EINVAL);
	assert_string_equal(why.at, "spawnguard: unknown option --x; see: spawnguard run --help");
}

struct together_row {
	const char *rule;
	const char *words[6];
};

/* clang-format off */
static const struct together_row together_rows[] = {
	{ "that file alone, waited for",         { "--no-lock", "--lock-file=/l", "--wait" } },
	{ "no lock, and no waiting",             { "--no-lock", "--no-wait" } },
	{ "no lock, waiting taken back",         { "--no-lock", "--wait", "-n" } },
	{ "shared, waited for",                  { "--shared", "--wait=1s" } },
	{ "shared, with a file",                 { "--shared", "--lock-file=/l" } },
	{ "leave, and a time limit",             { "--leftovers=leave", "-t1" } },
	{ "quiet and verbose",                   { "-qv" } },
	{ "two places for the status",           { "--status-fd=3", "--status-file=/s" } },
};
/* clang-format on */

static void test_allowed_together(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(together_rows); i++) {
		struct reading r;
		read_words(&r, together_rows[i].words, FOR_RUN);
		if (r.result != 0)
			fail_msg("%s: %s", together_rows[i].rule, r.why.at);
	}
}

struct rest_row {
	const char *rule;
	const char *words[8];
	size_t rest; /* index in words */
	int dashes;
	bool has_command;
};

/* clang-format off */
static const struct rest_row rest_rows[] = {
	{ "nothing at all",                      { 0 },                                   0, 0, false },
	{ "only options",                        { "-q", "-t9", "--name", "a" },          4, 0, false },
	{ "-- and nothing",                      { "--" },                                1, 1, false },
	{ "options, -- and nothing",             { "-q", "--" },                          2, 1, false },
	{ "-- and a command",                    { "--", "true" },                        1, 1, true },
	{ "options, -- and a command",           { "-t", "9", "--", "ls", "-l" },         3, 1, true },
	{ "a second -- belongs to the command",  { "--", "--", "x" },                     1, 1, true },
	{ "-- within the command is its own",    { "--", "sh", "--", "x" },               1, 1, true },
	{ "a command may look like an option",   { "--", "-q" },                          1, 1, true },
	{ "an empty command is a word",          { "--", "" },                            1, 1, true },
	{ "a word, then --",                     { "-q", "nightly", "--", "true" },       1, 0, false },
	{ "a word, then options",                { "nightly", "-q" },                     0, 0, false },
	{ "an empty word ends the options",      { "", "-q" },                            0, 0, false },
	{ "a dash ends the options",             { "-", "-q" },                           0, 0, false },
	{ "an optional value leaves the word",   { "--wait", "10", "--", "true" },        1, 0, false },
	{ "help ends the options",               { "-q", "--help", "--bad" },             2, 0, false },
	{ "version ends the options",            { "-V", "--", "x" },                     1, 0, false },
};
/* clang-format on */

static void test_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rest_rows); i++) {
		const struct rest_row *row = &rest_rows[i];
		struct reading r;
		read_words(&r, row->words, FOR_RUN);
		if (r.result != 0)
			fail_msg("%s: %s", row->rule, r.why.at);
		size_t rest = (size_t)(r.rest - (char **)(uintptr_t)row->words);
		if (rest != row->rest || r.dashes != row->dashes)
			fail_msg("%s: rest %zu, dashes %d", row->rule, rest, r.dashes);
		assert_ptr_equal(r.job.command, row->has_command ? r.rest : NULL);
	}
}

/* Values are the caller's bytes, not copies. */
static void test_values_are_borrowed(void **state)
{
	const char *const words[] = { "--name=a", "--task", "b", "--tag=k=v", NULL };
	struct reading r;
	(void)state;
	read_words(&r, words, FOR_RUN);
	assert_ptr_equal(r.job.name, words[0] + 7);
	assert_ptr_equal(r.job.task, words[2]);
	assert_ptr_equal(r.job.tag[0], words[3] + 6);
}

static void test_tags(void **state)
{
	const char *const words[] = {
		"--tag=a=1", "--tag", "ab=", "--tag=A_b.c-9== x\n\xff", "--tag=k=" A200 A50 "aaaaaa", NULL
	};
	struct reading r;
	(void)state;
	read_words(&r, words, FOR_RUN);
	assert_int_equal(r.result, 0);
	assert_int_equal(r.job.tag_count, 4);
	assert_string_equal(r.job.tag[0], "a=1");
	assert_string_equal(r.job.tag[1], "ab="); /* "a" is another key; an empty value is one */
	assert_string_equal(r.job.tag[2], "A_b.c-9== x\n\xff");
	assert_int_equal(strlen(r.job.tag[3]), 2 + 256);
}

static void test_tag_limit(void **state)
{
	char texts[JOB_TAGS_MAX + 1][16];
	const char *words[JOB_TAGS_MAX + 2];
	struct reading r;
	(void)state;
	for (size_t i = 0; i <= JOB_TAGS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "--tag=k%zu=v", i);
		words[i] = texts[i];
	}
	words[JOB_TAGS_MAX + 1] = NULL;
	read_words(&r, words, FOR_RUN);
	assert_int_equal(r.result, -EINVAL);
	assert_string_equal(r.why.at, "--tag='k16=v': one tag too many: at most 16");

	words[JOB_TAGS_MAX] = NULL;
	read_words(&r, words, FOR_RUN);
	assert_int_equal(r.result, 0);
	assert_int_equal(r.job.tag_count, JOB_TAGS_MAX);
}

#define LONG_BYTES (128U * 1024) /* the longest string execve takes */

/* The longest words there are: every option, every way, no line cut or long. */
static void test_long_words(void **state)
{
	static char word[LONG_BYTES + 64];
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		const char *const words[] = { word, NULL };
		struct reading r;
		size_t n = (size_t)snprintf(word, sizeof(word), "--%s=", row->name);
		memset(word + n, i % 2 ? 'a' : '\xff', LONG_BYTES - n);
		word[LONG_BYTES] = '\0';
		read_words(&r, words, row->commands & ~(row->commands - 1));
		assert_int_equal(r.result, row->kind == KIND_TEXT ? 0 : -EINVAL);
		if (r.result < 0)
			assert_true(strstr(r.why.at, "..."));

		word[n - 1] = 'x'; /* unknown */
		read_words(&r, words, FOR_RUN);
		assert_int_equal(r.result, -EINVAL);
	}
}

static void test_long_text_is_whole(void **state)
{
	static char text[LONG_BYTES];
	const char *const words[] = { "--task", text, "--", text, NULL };
	struct reading r;
	(void)state;
	memset(text, '-', sizeof(text) - 1);
	read_words(&r, words, FOR_RUN);
	assert_int_equal(r.result, 0);
	assert_ptr_equal(r.job.task, text);
	assert_ptr_equal(r.job.command[0], text);

	const char *const dashes[] = { text, NULL };
	read_words(&r, dashes, FOR_RUN);
	assert_int_equal(r.result, -EINVAL);
}

static void check_line(const struct buf *why)
{
	assert_true(why->len > 0);
	for (size_t i = 0; i < why->len; i++) {
		unsigned char c = (unsigned char)why->at[i];
		assert_true(c >= ' ' && c != 0x7f);
	}
}

/* Every byte, as letter, in a name, in a value: a line that a terminal can show. */
static void test_every_byte(void **state)
{
	(void)state;
	for (unsigned c = 1; c <= UINT8_MAX; c++) {
		char letter[] = { '-', (char)c, '\0' };
		char name[] = { '-', '-', 'x', (char)c, 'x', '\0' };
		char value[] = { '-', 't', 'x', (char)c, '\0' };
		const char *const lines[][2] = { { letter, NULL }, { name, NULL }, { value, NULL } };
		for (size_t i = 0; i < COUNT_OF(lines); i++) {
			struct reading r;
			read_words(&r, lines[i], FOR_RUN);
			if (r.result < 0)
				check_line(&r.why);
		}
	}
}

/* One of the first `n` numbers, the same at every run of the test. */
static size_t pick(uint64_t *seed, size_t n)
{
	*seed = *seed * 6364136223846793005U + 1442695040888963407U;
	return (size_t)((*seed >> 33) % n);
}

/* Whatever words come: an answer, its promises, and no step outside (ASan looks on). */
static void test_random_lines(void **state)
{
	static const char *const pieces[] = {
		"-",           "--",        "=",          "",          "t",        "w",
		"N",           "qv",        "--wait",     "--tag",     "a=b",      "none",
		"0",           "1.5m",      "-t",         "--name",    "TERM",     "--end-on=INT,",
		"job",         "--signal=", "--help",     "--no-lock", "--shared", "\xff",
		"--status-fd", "\x1b[",     "--timeout=",
	};
	uint64_t seed = 1;
	(void)state;
	for (unsigned round = 0; round < 100000; round++) {
		char text[8][64];
		const char *words[9];
		size_t count = pick(&seed, COUNT_OF(text) + 1);
		for (size_t i = 0; i < count; i++) {
			snprintf(text[i], sizeof(text[i]), "%s%s", pieces[pick(&seed, COUNT_OF(pieces))],
				 pieces[pick(&seed, COUNT_OF(pieces))]);
			words[i] = text[i];
		}
		words[count] = NULL;
		struct reading r;
		read_words(&r, words, 1U << pick(&seed, 4));
		if (r.result < 0) {
			assert_int_equal(r.result, -EINVAL);
			check_line(&r.why);
			continue;
		}
		assert_int_equal(r.why.len, 0);
		assert_true(r.rest >= (char **)(uintptr_t)words);
		assert_true(r.rest <= (char **)(uintptr_t)(words + count));
		assert_true(r.job.timeout_ns != 0 && r.job.wait_ns != 0);
		assert_true(r.job.signal >= 1 && r.job.signal <= 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_other_commands),
		cmocka_unit_test(test_text_values),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_why_is_appended),
		cmocka_unit_test(test_allowed_together),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_values_are_borrowed),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_tag_limit),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_long_text_is_whole),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_random_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
