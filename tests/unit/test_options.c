/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/commands.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/suggest.h"
#include "conf/value.h"

#define CHECK(row, holds) check(row, holds, #holds)

static void check(const struct option_row *row, bool holds, const char *rule)
{
	if (!holds)
		fail_msg("--%s: %s", row->name, rule);
}

/* clang-format off */
static const size_t kind_sizes[] = {
	[KIND_FLAG]     = sizeof(bool),
	[KIND_COUNTER]  = sizeof(uint32_t),
	[KIND_PLACES]   = sizeof(uint32_t),
	[KIND_SLOTS]    = sizeof(uint32_t),
	[KIND_TEXT]     = sizeof(const char *),
	[KIND_NAME]     = sizeof(const char *),
	[KIND_RUN_ID]   = sizeof(const char *),
	[KIND_OPEN_ON]  = sizeof(const char *) * JOB_OPEN_ON_MAX,
	[KIND_FILES]    = sizeof(const char *) * JOB_WATCH_MAX,
	[KIND_BUDGET]   = sizeof(const char *) * JOB_BUDGETS_MAX,
	[KIND_TAG]      = sizeof(const char *) * JOB_TAGS_MAX,
	[KIND_DURATION] = sizeof(uint64_t),
	[KIND_GRACE]    = sizeof(uint64_t),
	[KIND_WAIT]     = sizeof(uint64_t),
	[KIND_NO_WAIT]  = sizeof(enum on_conflict),
	[KIND_INTERVAL] = sizeof(uint64_t),
	[KIND_SIGNAL]   = sizeof(int),
	[KIND_SIGNALS]  = sizeof(uint64_t),
	[KIND_STATUS]   = sizeof(uint8_t),
	[KIND_FD]       = sizeof(int),
	[KIND_WORD]     = sizeof(enum on_conflict),
	[KIND_WORDS]    = sizeof(const char *),
	[KIND_NAMES]    = sizeof(const char *),
	[KIND_TIMES]    = sizeof(uint32_t),
	[KIND_CLASSES]  = sizeof(uint32_t),
	[KIND_ENV]      = sizeof(const char *) * JOB_ENV_MAX,
	[KIND_BYTES]    = sizeof(uint64_t),
	[KIND_EXPECT]   = sizeof(uint64_t),
	[KIND_MIN_FREE] = sizeof(const char *),
	[KIND_PRESSURE] = sizeof(const char *),
	[KIND_TAIL]     = sizeof(uint64_t),
	[KIND_LINES]    = sizeof(uint32_t),
	[KIND_NUMBER]   = sizeof(uint32_t),
	[KIND_PREFIX]   = sizeof(struct job_prefixes),
	[KIND_MODE]     = sizeof(int),
	[KIND_NICE]     = sizeof(int),
	[KIND_OOM]      = sizeof(int),
	[KIND_IONICE]   = sizeof(int),
	[KIND_STATUSES] = sizeof(struct statuses),
	[KIND_LIMIT]    = sizeof(struct limit_bound),
	[KIND_DETECT]   = sizeof(uint32_t),
	[KIND_YIELD]    = sizeof(struct yield_value),
	[KIND_UPTIME]   = sizeof(uint64_t),
	[KIND_RATE]     = sizeof(struct circuit_rate),
	[KIND_STREAK]   = sizeof(uint32_t),
	[KIND_SPAN]     = sizeof(struct circuit_time),
	[KIND_BACKOFF]  = sizeof(struct circuit_steps) * FAILURE_COUNT,
	[KIND_CLASS]    = sizeof(struct statuses) * FAILURE_COUNT,
	[KIND_JITTER]   = sizeof(uint64_t),
	[KIND_COLUMNS]  = sizeof(struct columns),
	[KIND_HELP]     = sizeof(unsigned),
};
/* clang-format on */

static bool is_flag_like(enum option_kind kind)
{
	return kind == KIND_FLAG || kind == KIND_COUNTER || kind == KIND_NO_WAIT;
}

static void test_field_fits_kind(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF(kind_sizes), KIND_COUNT);
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		CHECK(row, row->kind < KIND_COUNT);
		CHECK(row, row->size == kind_sizes[row->kind]);
		CHECK(row, row->at + row->size <= sizeof(struct job));
		CHECK(row, (row->arg == NULL) == is_flag_like(row->kind));
		CHECK(row, !row->arg_optional || row->kind == KIND_WAIT || row->kind == KIND_TAIL ||
				   row->kind == KIND_WORD || row->kind == KIND_HELP);
		CHECK(row, (row->words != NULL) == (row->kind == KIND_WORD || row->kind == KIND_HELP));
	}
}

static bool is_apart(const struct option_row *a, const struct option_row *b)
{
	return a->at + a->size <= b->at || b->at + b->size <= a->at;
}

/* Two rows share a field only where that is meant: the ways to say on_conflict. */
static void test_fields_are_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		for (size_t j = 0; j < i; j++) {
			if (!is_apart(row, &option_rows[j]))
				CHECK(row, row->at == offsetof(struct job, on_conflict));
		}
	}
}

/* Each as the user's own text, and as the default. */
static void test_fallbacks_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if (!row->fallback)
			continue;
		struct job parsed, assumed;
		BUF(why, 256);
		memset(&parsed, 0, sizeof(parsed));
		memset(&assumed, 0, sizeof(assumed));
		CHECK(row, value_parse(row, row->fallback, &parsed, &why) == 0);
		CHECK(row, why.len == 0);
		value_default(row, &assumed);
		CHECK(row, memcmp((char *)&parsed + row->at, (char *)&assumed + row->at, row->size) == 0);
	}
}

/* Every field without a fallback but that of kill's --kill-after is 0 or NULL. */
static void test_without_fallback(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		struct job job, zero;
		memset(&job, 0, sizeof(job));
		memset(&zero, 0, sizeof(zero));
		value_default(row, &job);
		if (row->kind == KIND_GRACE && !row->fallback)
			CHECK(row, job.grace_ns == UINT64_MAX);
		else if (!row->fallback)
			CHECK(row, memcmp((const char *)&job, (const char *)&zero, sizeof(job)) == 0);
	}
}

static void test_words_match_arg(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		if (!row->words || !strchr(row->arg, '|'))
			continue;
		BUF(joined, 120);
		for (size_t w = 0; row->words[w]; w++) {
			buf_str(&joined, w ? "|" : "");
			buf_str(&joined, row->words[w]);
		}
		CHECK(row, strcmp(joined.at, row->arg) == 0);
	}
}

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		size_t n = strlen(row->name);
		CHECK(row, n >= 2 && n <= SUGGEST_WORD_MAX);
		for (size_t c = 0; c < n; c++)
			CHECK(row, (row->name[c] >= 'a' && row->name[c] <= 'z') || row->name[c] == '-');
		CHECK(row, row->name[0] != '-' && row->name[n - 1] != '-');
		CHECK(row, row->help[0] != '\0');
		CHECK(row, !strchr(row->help, '\n'));
		CHECK(row, row->help[strlen(row->help) - 1] != '.');
		CHECK(row, row->commands != 0 && !(row->commands & ~(FOR_ALL | FOR_FILE)));
	}
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		CHECK(&option_rows[i], option_rows[i].group < GROUP_COUNT);
		if (i > 0) /* groups stand together, so that help and man do too */
			CHECK(&option_rows[i], option_rows[i].group >= option_rows[i - 1].group);
	}
	for (size_t g = 0; g < GROUP_COUNT; g++)
		assert_non_null(option_group_title[g]);
}

/* For each command each name and each letter means one row, and is found. */
static void test_find(void **state)
{
	(void)state;
	for (unsigned command = 1; command <= FOR_FILE; command <<= 1) {
		for (size_t i = 0; i < option_count; i++) {
			const struct option_row *row = &option_rows[i];
			bool is_taken = row->commands & command;
			const struct option_row *found = option_find(row->name, strlen(row->name), command);
			CHECK(row, is_taken ? found == row : found != row);
			if (!row->letter)
				continue;
			found = option_find_letter(row->letter, command);
			CHECK(row, is_taken ? found == row : found != row);
		}
	}
}

static void test_every_command_has_help(void **state)
{
	(void)state;
	for (size_t i = 0; i < command_count; i++) {
		assert_non_null(option_find_letter('h', command_rows[i].command));
		assert_non_null(option_find_letter('V', command_rows[i].command));
		bool has_state = option_find("state-dir", 9, command_rows[i].command) != NULL;
		assert_int_equal(has_state, (command_rows[i].command & FOR_STATE) != 0);
	}
}

static void test_find_is_exact(void **state)
{
	(void)state;
	assert_non_null(option_find("waiter", 4, FOR_RUN)); /* n bytes, no NUL needed */
	assert_null(option_find("wait", 3, FOR_RUN));       /* no abbreviations */
	assert_null(option_find("waiter", 6, FOR_RUN));
	assert_null(option_find("WAIT", 4, FOR_RUN));
	assert_null(option_find("", 0, FOR_RUN));
	assert_null(option_find("wait\0x", 6, FOR_RUN));
	assert_null(option_find("wait", 4, FOR_PS));
	assert_null(option_find_letter('\0', FOR_RUN)); /* most rows have none */
	assert_null(option_find_letter('z', FOR_RUN));
	assert_null(option_find_letter('w', FOR_PS));
}

struct suggest_row {
	const char *rule;
	const char *given;
	unsigned command;
	const char *near;
};

/* clang-format off */
static const struct suggest_row suggest_rows[] = {
	{ "a letter left out",                  "timout",           FOR_RUN,  "timeout" },
	{ "a letter added",                     "timeoutt",         FOR_RUN,  "timeout" },
	{ "a letter changed",                   "timeaut",          FOR_RUN,  "timeout" },
	{ "neighbours swapped",                 "tiemout",          FOR_RUN,  "timeout" },
	{ "swapped in a short word",            "tga",              FOR_RUN,  "tag" },
	{ "upper case counts",                  "Timeout",          FOR_RUN,  "timeout" },
	{ "underscore for dash",                "kill_after",       FOR_RUN,  "kill-after" },
	{ "dash left out",                      "dryrun",           FOR_RUN,  "dry-run" },
	{ "two edits in a long word",           "conflict-exitcod", FOR_RUN,  "conflict-exit-code" },
	{ "at a third: near",                   "tagx",             FOR_RUN,  "tag" },
	{ "beyond a third: far",                "txyeout",          FOR_RUN,  "timeout" },
	{ "far beyond a third",                 "xyzeabc",          FOR_RUN,  NULL },
	{ "the start of a name",                "left",             FOR_RUN,  "leftovers" },
	{ "the start of several: the first",    "st",               FOR_RUN,  "start-timeout" },
	{ "one letter is no start",             "l",                FOR_RUN,  NULL },
	{ "edits go before starts",             "stat",             FOR_RUN,  "stats" },
	{ "only what the command takes",        "timout",           FOR_PS,   NULL },
	{ "what kill takes",                    "kill-aftr",        FOR_KILL, "kill-after" },
	{ "empty",                              "",                 FOR_RUN,  NULL },
	{ "bytes that are no text",             "\xff\xfe\xfd",     FOR_RUN,  NULL },
	{ "as long as can be",                  "timeouttimeouttimeouttimeouttime",  FOR_RUN, NULL },
	{ "longer than any",                    "timeouttimeouttimeouttimeouttimeo", FOR_RUN, NULL },
};
/* clang-format on */

static void test_suggest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(suggest_rows); i++) {
		const struct suggest_row *row = &suggest_rows[i];
		const char *near = option_suggest(row->given, strlen(row->given), row->command);
		if ((near == NULL) != (row->near == NULL) || (near && strcmp(near, row->near) != 0))
			fail_msg("%s: %s for \"%s\"", row->rule, near ? near : "nothing", row->given);
	}
}

/* Each name with one letter left out, doubled or swapped leads to an option as near as itself. */
static void test_suggest_every_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const char *name = option_rows[i].name;
		size_t n = strlen(name);
		for (size_t c = 0; c + 1 < n; c++) {
			char word[SUGGEST_WORD_MAX + 2];
			memcpy(word, name, n + 1);
			word[c] = name[c + 1];
			word[c + 1] = name[c];
			assert_true(suggest_rank(word, n, name) <= 1);
			assert_non_null(option_suggest(word, n, option_rows[i].commands));

			memcpy(word, name, c + 1);
			memcpy(word + c + 1, name + c, n - c);
			assert_int_equal(suggest_rank(word, n + 1, name), 1);
			assert_int_equal(suggest_rank(name, n, name), 0);
		}
	}
}

static void test_suggest_rank(void **state)
{
	(void)state;
	assert_int_equal(suggest_rank("ab", 2, "abcdefghi"), SUGGEST_FAR - 1); /* begins it */
	assert_int_equal(suggest_rank("abxxxxxxx", 9, "ab"), SUGGEST_FAR);
	assert_int_equal(suggest_rank("ba", 2, "ab"), SUGGEST_FAR);
	assert_int_equal(suggest_rank("abdc", 4, "abcd"), 1);
	assert_int_equal(suggest_rank("a", 1, "timeouttimeouttimeouttimeouttimeo"), SUGGEST_FAR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field_fits_kind),
		cmocka_unit_test(test_fields_are_apart),
		cmocka_unit_test(test_fallbacks_parse),
		cmocka_unit_test(test_without_fallback),
		cmocka_unit_test(test_words_match_arg),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_every_command_has_help),
		cmocka_unit_test(test_find_is_exact),
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_suggest_every_name),
		cmocka_unit_test(test_suggest_rank),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
