/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/argv.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/resolve.h"
#include "conf/value.h"
#include "core/detect.h"
#include "core/failure.h"

/* Lowest first: three sections of the system's file, three of the user's, the command line. */
#define SOURCES      7
#define COMMAND_LINE 6
static const char *const head_of[] = { "[defaults]", "[job like]", "[job p]" };

/* What `source` says for `row`; any two of them differ in one of three phases. */
static void put_value(struct buf *out, const struct option_row *row, unsigned source, unsigned phase)
{
	static const char *const signals[] = { "INT", "HUP", "USR1", "USR2", "QUIT", "ALRM", "CONT" };
	unsigned bit = source >> phase & 1;
	switch ((int)row->kind) {
	case KIND_FLAG:
		buf_str(out, bit ? "yes" : "no");
		return;
	case KIND_WORD:
		buf_str(out, row->words[bit]);
		return;
	case KIND_DETECT:
		buf_str(out, detect_rows[source].name);
		return;
	case KIND_SIGNAL:
	case KIND_SIGNALS:
		buf_str(out, signals[source]);
		return;
	case KIND_TAG:
	case KIND_ENV:
	case KIND_BUDGET:
		buf_str(out, "KEY=");
		break;
	case KIND_YIELD:
		buf_str(out, "counter:");
		break;
	case KIND_MIN_FREE:
		buf_str(out, "/:");
		break;
	case KIND_PRESSURE:
		buf_str(out, "io=");
		break;
	case KIND_BACKOFF:
		buf_str(out, "startup=");
		break;
	case KIND_CLASS:
		buf_str(out, "quota=");
		break;
	case KIND_IONICE:
		buf_str(out, "best-effort:");
		buf_u64(out, source);
		return;
	case KIND_CLASSES:
		buf_str(out, failure_name((enum failure)(FAILURE_FIRST + source)));
		return;
	case KIND_NAMES:
		buf_str(out, "NAME_");
		break;
	case KIND_TEXT:
	case KIND_FILES:
	case KIND_OPEN_ON:
	case KIND_WORDS:
		buf_str(out, "word ");
		break;
	}
	buf_u64(out, source + 1);
	if (row->kind == KIND_LIMIT && strcmp(row->arg, "N/D") == 0)
		buf_str(out, "/10s");
	if (row->kind == KIND_LIMIT && strcmp(row->arg, "SIZE/D") == 0)
		buf_str(out, "/10s");
	if (row->kind == KIND_RATE || row->kind == KIND_SPAN)
		buf_str(out, "/10s");
	if (row->kind == KIND_BYTES || row->kind == KIND_EXPECT || row->kind == KIND_TAIL)
		buf_char(out, 'K');
}

static bool is_pointer(const struct option_row *row)
{
	return row->kind == KIND_TEXT || row->kind == KIND_WORDS || row->kind == KIND_TAG ||
	       row->kind == KIND_ENV || row->kind == KIND_BUDGET || row->kind == KIND_NAME ||
	       row->kind == KIND_NAMES || row->kind == KIND_FILES || row->kind == KIND_OPEN_ON ||
	       row->kind == KIND_MIN_FREE || row->kind == KIND_PRESSURE;
}

static bool is_same(const struct option_row *row, const struct job *a, const struct job *b)
{
	const char *at = (const char *)a + row->at, *bt = (const char *)b + row->at;
	if (row->kind == KIND_WAIT && a->on_conflict != b->on_conflict)
		return false;
	if (row->kind == KIND_YIELD)
		return a->yield.kind == b->yield.kind && a->yield.length == b->yield.length &&
		       (a->yield.length == 0 || memcmp(a->yield.text, b->yield.text, a->yield.length) == 0);
	if (!is_pointer(row))
		return memcmp(at, bt, row->size) == 0;
	const char *x, *y;
	memcpy(&x, at, sizeof(x));
	memcpy(&y, bt, sizeof(y));
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* The text of one file: what `mask` says of its three sources. */
static void put_file(struct buf *out, const struct option_row *row, unsigned first, unsigned mask,
		     unsigned phase)
{
	for (unsigned i = 0; i < 3; i++) {
		buf_str(out, head_of[i]);
		buf_char(out, '\n');
		if (i == 2)
			buf_str(out, "like = like\n");
		if (!(mask >> (first + i) & 1))
			continue;
		buf_str(out, row->name);
		buf_str(out, " = ");
		put_value(out, row, first + i, phase);
		buf_char(out, '\n');
	}
}

/* The source of the highest rank decides, whatever the others say. */
static void check_sources(const struct option_row *row, unsigned mask, unsigned phase)
{
	BUF(system, 512);
	BUF(user, 512);
	BUF(option, 64);
	BUF(value, 64);
	BUF(why, CONF_LINE_MAX);
	struct job got, want;
	struct conf conf;
	char *words[] = { option.at, NULL };
	char **rest;
	int dashes;

	put_file(&system, row, 0, mask, phase);
	put_file(&user, row, 3, mask, phase);
	conf_init_first(&conf, &why);
	argv_defaults(&got);
	int r = conf_add(&conf, "system", system.at, system.len);
	if (r == 0)
		r = conf_add(&conf, "user", user.at, user.len);
	if (r == 0)
		r = conf_select(&conf, "p");
	if (r == 0)
		r = conf_apply(&conf, FOR_FILE, &got);
	value_next_source(&got);
	if (r == 0 && (mask >> COMMAND_LINE & 1)) {
		buf_str(&option, "--");
		buf_str(&option, row->name);
		buf_char(&option, '=');
		put_value(&option, row, COMMAND_LINE, phase);
		r = argv_read(words, FOR_RUN, &got, &rest, &dashes, &why);
	}
	if (r != 0)
		fail_msg("%s, sources %#x: %s", row->name, mask, why.at);
	argv_defaults(&want);
	for (int source = SOURCES - 1; source >= 0; source--) {
		if (!(mask >> source & 1))
			continue;
		put_value(&value, row, (unsigned)source, phase);
		assert_int_equal(value_parse(row, value.at, &want, &why), 0);
		break;
	}
	if (!is_same(row, &got, &want))
		fail_msg("%s, sources %#x, phase %u: not what %s says", row->name, mask, phase, value.at);
	const struct conf_pair *origin = conf_origin(&conf, row);
	if (row->kind != KIND_TAG && row->kind != KIND_ENV && row->kind != KIND_BUDGET &&
	    row->kind != KIND_FILES && row->kind != KIND_BACKOFF && row->kind != KIND_CLASS &&
	    row->kind != KIND_OPEN_ON && !!origin != !!(mask & 0x3f))
		fail_msg("%s, sources %#x: where it came from", row->name, mask);
	if (origin && strcmp(origin->file, mask & 0x38 ? "user" : "system") != 0)
		fail_msg("%s, sources %#x: of file %s", row->name, mask, origin->file);
	conf_release(&conf);
}

static void test_precedence_of_every_option(void **state)
{
	unsigned rows = 0;
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_row *row = &option_rows[i];
		unsigned command_line = row->commands & FOR_RUN ? 1U << COMMAND_LINE : 0;
		bool in_defaults = row->group != GROUP_FILE;
		bool in_jobs = row->at != offsetof(struct job, state_dir);
		if (!(row->commands & FOR_FILE) || row->at == offsetof(struct job, like))
			continue;
		unsigned allowed = command_line | (in_defaults ? 011U : 0) | (in_jobs ? 066U : 0);
		for (unsigned mask = 0; mask < 1U << SOURCES; mask++) {
			for (unsigned phase = 0; phase < 3 && (mask & ~allowed) == 0; phase++)
				check_sources(row, mask, phase);
		}
		rows++;
	}
	assert_true(rows > 40);
}

/* Files of their own, the last above the others. */
static int read_texts(struct conf *conf, char *system, char *user, const char *name, struct job *job,
		      struct buf *why)
{
	conf_init_first(conf, why);
	argv_defaults(job);
	int r = conf_add(conf, "system", system, strlen(system));
	if (r == 0 && user)
		r = conf_add(conf, "user", user, strlen(user));
	if (r == 0)
		r = conf_select(conf, name);
	return r == 0 ? conf_apply(conf, FOR_FILE, job) : r;
}

static void test_lists_are_merged_by_their_keys(void **state)
{
	char system[] = "[defaults]\ntag = a=1\ntag = b=1\n[job p]\ntag = c=1\n",
	     user[] = "[job p]\ntag = b=2\n";
	struct conf conf;
	struct job job;
	(void)state;
	BUF(why, CONF_LINE_MAX);
	assert_int_equal(read_texts(&conf, system, user, "p", &job, &why), 0);
	assert_int_equal(job.tag_count, 3);
	assert_string_equal(job.tag[0], "a=1");
	assert_string_equal(job.tag[1], "b=2");
	assert_string_equal(job.tag[2], "c=1");
	assert_int_equal(conf_owner(&conf, job.tag[1])->line, 2);
	assert_string_equal(conf_owner(&conf, job.tag[1])->file, "user");
	conf_release(&conf);
}

static void test_wait_and_on_conflict_undo_each_other(void **state)
{
	char a[] = "[defaults]\nwait = 5\n[job p]\non-conflict = skip\n";
	char b[] = "[defaults]\non-conflict = skip\n[job p]\nwait = 5\n";
	const struct option_row *row = option_find("on-conflict", 11, FOR_FILE);
	struct conf conf;
	struct job job;
	(void)state;
	BUF(why, CONF_LINE_MAX);
	assert_int_equal(read_texts(&conf, a, NULL, "p", &job, &why), 0);
	assert_int_equal(job.on_conflict, CONFLICT_SKIP);
	assert_int_equal(conf_origin(&conf, row)->line, 4);
	conf_release(&conf);
	assert_int_equal(read_texts(&conf, b, NULL, "p", &job, &why), 0);
	assert_int_equal(job.on_conflict, CONFLICT_WAIT);
	assert_int_equal(conf_origin(&conf, row)->line, 4);
	conf_release(&conf);
}

static void test_like_of_the_user_counts(void **state)
{
	char system[] = "[job a]\ntask = a\n[job b]\ntask = b\n[job p]\nlike = a\n",
	     user[] = "[job p]\nlike = b\n";
	struct conf conf;
	struct job job;
	(void)state;
	BUF(why, CONF_LINE_MAX);
	assert_int_equal(read_texts(&conf, system, user, "p", &job, &why), 0);
	assert_string_equal(job.task, "b");
	conf_release(&conf);
}

static void test_names_are_whole(void **state)
{
	char text[] = "[job a-name-that-is-longer-than-what-the-library-keeps-of-a-section-1]\ntask = one\n"
		      "[job a-name-that-is-longer-than-what-the-library-keeps-of-a-section-2]\ntask = two\n";
	struct conf conf;
	struct job job;
	(void)state;
	BUF(why, CONF_LINE_MAX);
	assert_int_equal(read_texts(&conf, text, NULL,
				    "a-name-that-is-longer-than-what-the-library-keeps-of-a-section-2", &job,
				    &why),
			 0);
	assert_string_equal(job.task, "two");
	conf_release(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_precedence_of_every_option),
		cmocka_unit_test(test_lists_are_merged_by_their_keys),
		cmocka_unit_test(test_wait_and_on_conflict_undo_each_other),
		cmocka_unit_test(test_like_of_the_user_counts),
		cmocka_unit_test(test_names_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
