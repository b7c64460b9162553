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
	{ "duration: none",                       { "-t", "9", "-t", "none" },     AT(timeout_ns),    NUM_NONE },
	{ "duration: the last wins",              { "-t", "9", "--timeout=8" },    AT(timeout_ns),    8 * NS_PER_S },

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
	{ "wait: the queue is one way to",        { "--on-conflict=queue", "--wait=10s" }, AT(on_conflict), CONFLICT_QUEUE },
	{ "wait: ... whatever comes first",       { "-w", "10s", "--on-conflict=queue" }, AT(on_conflict), CONFLICT_QUEUE },
	{ "wait: ... with its deadline",          { "--on-conflict=queue", "--wait=10s" }, AT(wait_ns), 10 * NS_PER_S },
	{ "wait: instead of replacing",           { "--on-conflict=replace", "--wait" },   AT(on_conflict), CONFLICT_WAIT },
	{ "wait: with a word of its own",         { "--on-conflict=wait" },        AT(on_conflict),   CONFLICT_WAIT },
	{ "wait: the deadline stays",             { "-w9", "--on-conflict=wait" }, AT(wait_ns),       9 * NS_PER_S },
	{ "no-wait: after wait",                  { "--wait", "-n" },              AT(on_conflict),   CONFLICT_FAIL },
	{ "no-wait: before wait",                 { "--no-wait", "--wait" },       AT(on_conflict),   CONFLICT_WAIT },
	{ "no-wait: after skip",                  { "--on-conflict=skip", "-n" },  AT(on_conflict),   CONFLICT_FAIL },

	{ "signals: the last list wins",          { "--end-on=INT", "--end-on=HUP" }, AT(end_on),     BIT(SIGHUP) },
	{ "signals: none",                        { "--end-on=INT", "--end-on=none" }, AT(end_on),    0 },

	{ "word: fail",                           { "-w1", "--on-conflict=fail" }, AT(on_conflict),   CONFLICT_FAIL },
	{ "word: skip",                           { "--on-conflict", "skip" },     AT(on_conflict),   CONFLICT_SKIP },

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
	{ "text: may look like an option",        { "--step", "--stats" },          FIELD(step),        "--stats" },
	{ "text: -- where = says so",             { "--step=--" },                  FIELD(step),        "--" },

	{ "name: behind the letter",              { "-Nfoo" },                      FIELD(name),        "foo" },
	{ "name: next to the letter",             { "-N", "foo" },                  FIELD(name),        "foo" },
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
#define EMPTY_CURE    "empty: leave the option out, or say what it is"

/* clang-format off */
static const struct refusal_row refusal_rows[] = {
	{ "unknown, near",                 FOR_RUN, { "--timout" },          "unknown option --timout: did you mean --timeout?" },
	{ "unknown, near, with a value",   FOR_RUN, { "--timout=9" },        "unknown option --timout: did you mean --timeout?" },
	{ "no abbreviations",              FOR_RUN, { "--left=end" },        "unknown option --left: did you mean --leftovers?" },
	{ "unknown, nothing near",         FOR_RUN, { "--frobnicate" },      "unknown option --frobnicate; see: spawnguard run --help" },
	{ "unknown, of another command",   FOR_PS,  { "--timeout=9" },       "unknown option --timeout: run takes it, ps does not; see: spawnguard ps --help" },
	{ "unknown, of other commands",    FOR_RUN, { "--follow" },          "unknown option --follow: logs takes it, run does not; see: spawnguard run --help" },
	{ "three dashes",                  FOR_RUN, { "---" },               "unknown option ---; see: spawnguard run --help" },
	{ "no name before =",              FOR_RUN, { "--=x" },              "unknown option --; see: spawnguard run --help" },
	{ "unknown letter",                FOR_RUN, { "-z" },                "unknown option -z; see: spawnguard run --help" },
	{ "unknown letter in a group",     FOR_RUN, { "-qz" },               "unknown option -z in -qz; see: spawnguard run --help" },
	{ "unknown, of the last command",  FOR_REAP, { "--nam" },            "unknown option --nam; see: spawnguard reap --help" },
	{ "letter of another command",     FOR_PS,  { "-t", "9" },           "unknown option -t; see: spawnguard ps --help" },
	{ "a long name with one dash",     FOR_RUN, { "-stats" },            "--signal=tats: not a signal: write TERM, 15 or RTMIN+1" },
	{ "a long name with one dash",     FOR_RUN, { "-version" },          "unknown option -e in -version: did you mean --version?" },
	{ "foreign bytes are inert",       FOR_RUN, { "--a\x1b[1m\xff" },    "unknown option --a\\x1b[1m\\xff; see: spawnguard run --help" },
	{ "foreign letter is inert",       FOR_RUN, { "-\x1b" },             "unknown option -\\x1b; see: spawnguard run --help" },
	{ "a letter beyond ASCII",         FOR_RUN, { "-\xc3\xa9" },         "unknown option -\\xc3 in -\xc3\xa9; see: spawnguard run --help" },
	{ "good ones before are no help",  FOR_RUN, { "-q", "-t9", "--x" },  "unknown option --x; see: spawnguard run --help" },

	{ "flag with a value",             FOR_RUN, { "--shared=x" },        "--shared=x: write yes or no" },
	{ "flag with an empty value",      FOR_RUN, { "--shared=" },         "--shared='': write yes or no" },
	{ "counter with a value",          FOR_RUN, { "--verbose=x" },       "--verbose=x: write 0 to 9" },
	{ "no-wait with a value",          FOR_RUN, { "--no-wait=2" },       "--no-wait takes no value: leave out '=2'" },
	{ "no value at the end",           FOR_RUN, { "--timeout" },         "--timeout needs a value: write --timeout=D" },
	{ "no value at the end, letter",   FOR_RUN, { "-N" },                "--name needs a value: write --name=NAME" },
	{ "no value at the end, group",    FOR_RUN, { "-qvN" },              "--name needs a value: write --name=NAME" },
	{ "-- is no value",                FOR_RUN, { "-N", "--", "true" },  "--name needs a value, but -- follows: write --name=NAME" },
	{ "-- is no value, long",          FOR_RUN, { "--tag", "--", "x" },  "--tag needs a value, but -- follows: write --tag=K=V" },
	{ "the letter takes one always",   FOR_RUN, { "-w" },                "-w needs a value: write --wait=D, or --wait alone" },
	{ "the letter takes one always",   FOR_RUN, { "-w", "--", "x" },     "-w needs a value, but -- follows: write --wait=D, or --wait alone" },

	{ "duration: blank",               FOR_RUN, { "-t", "5 s" },         "--timeout='5 s': " DURATION_CURE },
	{ "duration: 0",                   FOR_RUN, { "-t0" },               "--timeout=0: 0 is refused: use none" },
	{ "grace: of kill",                FOR_KILL, { "-k0" },              "--kill-after=0: 0 is refused: use none" },
	{ "wait: the letter takes = too",  FOR_RUN, { "-w=10s" },            "--wait='=10s': " DURATION_CURE },

	{ "text: empty",                   FOR_RUN, { "--task=" },           "--task='': " EMPTY_CURE },
	{ "text: empty next word",         FOR_RUN, { "--state-dir", "" },   "--state-dir='': " EMPTY_CURE },
	{ "tag: key given before",         FOR_RUN, { "--tag=a=1", "--tag=a=2" }, "--tag='a=2': this key was given before: give each key once" },

	{ "word: unknown",                 FOR_RUN, { "--term=all" },        "--term=all: unknown word: write one of tree|job" },

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

#define LONG_BYTES ((size_t)128 * 1024) /* the longest string execve takes */

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
		bool is_text = row->kind == KIND_TEXT || row->kind == KIND_WORDS || row->kind == KIND_FILES ||
			       row->kind == KIND_PREFIX;
		bool needs_another = strcmp(row->name, "ready-file") == 0;
		assert_int_equal(r.result, is_text && !needs_another ? 0 : -EINVAL);
		if (r.result < 0 && !needs_another)
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
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_long_text_is_whole),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_random_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
