/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/buf.h"
#include "core/essence.h"
#include "core/fingerprint.h"

/* clang-format off */
static const struct {
	const char *rule, *line, *essence;
} essences[] = {
	{ "words stay, lower-cased",               "Permission Denied",                            "permission denied" },
	{ "a date and a time",                     "2026-11-22 03:05:01,123 ERROR x",              "0 0 error x" },
	{ "one with letters",                      "at 2026-11-22T03:05:01.123Z: x",               "at 0: x" },
	{ "a date with names",                     "Sun Nov 22 02:39:17 UTC 2026: x",              "0 0 0: x" },
	{ "names of months that are words",        "you may march on",                             "you may march on" },
	{ "numbers",                               "row 12 of 4711",                               "row 0 of 0" },
	{ "one and many",                          "after 1 attempt",                              "after 0 attempt" },
	{ "many and one",                          "after 12 attempts",                            "after 0 attempt" },
	{ "a list of them is one",                 "[1, 22, 333]",                                 "[0]" },
	{ "amounts",                               "took 1.5s, 3 GiB, 12kB/s, 1h02m",              "took 0 gib, 0" },
	{ "addresses of memory",                   "object at 0x7f3a5c1d",                         "object at 0" },
	{ "addresses of hosts",                    "10.0.0.1:8080 fe80::1 [::1]:443",              "0 0 [0]:0" },
	{ "a UUID",                                "run 123e4567-e89b-12d3-a456-426614174000",     "run 0" },
	{ "ids",                                   "a1b2c3 9f8e7d6c5b4a i-0abc12de34f56",          "0 0 i-0" },
	{ "words with a number are none",          "utf8 x509 sha256 python3",                     "utf0 x0 sha0 python0" },
	{ "a path",                                "open /data/in/3.csv: no",                      "open /: no" },
	{ "one with spaces, quoted",               "open '/My Files/a b.csv' no",                  "open '/' no" },
	{ "a relative one",                        "open in/day=3/x.csv no",                       "open / no" },
	{ "a file of data",                        "open alice.csv no",                            "open / no" },
	{ "a source file stays",                   "/home/a/src/main.rs:4:37 x",                   "main.rs:0 x" },
	{ "however it is named",                   "src/main.rs:12: x",                            "main.rs:0: x" },
	{ "but not one that was made for now",     "/tmp/ccAbC/x.c:1: x",                          "/:0: x" },
	{ "words with a slash",                    "input/output error, tcp/ip",                   "input/output error, tcp/ip" },
	{ "of a URL the host stays",               "GET https://u:p@api.example.com:8443/v1/3?a=1&b=2 x", "get https://api.example.com x" },
	{ "the code of what happened",             "[Errno 13] x",                                 "[errno 13] x" },
	{ "another",                               "HTTP/1.1 404 Not Found",                       "http 404 not found" },
	{ "another",                               "exit status 137, (os error 28)",               "exit status 137, (os error 28)" },
	{ "a code with letters",                   "error[E0382]: x; error TS2304: y",             "error[e0382]: x; error ts2304: y" },
	{ "a number of things is no code",         "error: 12 rows lost",                          "error: 0 row lost" },
	{ "quotes are all alike",                  "no \"x\", no `y'",                             "no 'x', no 'y'" },
	{ "nothing",                               "   ",                                          "" },
};
/* clang-format on */

static void a_line_without_what_varies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(essences); i++) {
		BUF(out, 512);
		essence_put(&out, essences[i].line, strlen(essences[i].line));
		if (strcmp(out.at, essences[i].essence) != 0)
			fail_msg("%s: \"%s\" is \"%s\", not \"%s\"", essences[i].rule, essences[i].line,
				 out.at, essences[i].essence);
	}
}

/* --- the failures of tests/data/failures ------------------------------------------------------------------
 */

#define FAILURES_MAX 300

struct failure {
	unsigned cause;
	const char *name;
	struct fingerprint_facts facts;
	struct fingerprint of;
};

static struct failure failures[FAILURES_MAX];
static size_t failure_count;
static char *text;

static struct fingerprint_facts how(const char *words)
{
	struct fingerprint_facts f = { .outcome = OUTCOME_TIMEOUT };

	if (strncmp(words, "exit ", 5) == 0) {
		f = (struct fingerprint_facts){ .outcome = OUTCOME_FAILED,
						.has_status = true,
						.job_status = (int)strtoul(words + 5, NULL, 10) << 8 };
	} else if (strncmp(words, "signal ", 7) == 0) {
		f = (struct fingerprint_facts){ .outcome = OUTCOME_SIGNALED,
						.has_status = true,
						.job_status = (int)strtoul(words + 7, NULL, 10) };
	}
	return f;
}

static char *read_all(const char *path)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	char *all = calloc(1, 1 << 20);
	assert_non_null(all);
	assert_true(fread(all, 1, (1 << 20) - 1, file) > 0);
	(void)fclose(file);
	return all;
}

static int read_failures(void **state)
{
	const char *name = NULL;
	struct failure *now = NULL;
	unsigned cause = 0;

	(void)state;
	text = read_all(SG_SOURCE "/tests/data/failures");
	for (char *line = text, *next; *line; line = next) {
		next = strchrnul(line, '\n');
		next += *next == '\n';
		bool is_head = strncmp(line, "=== ", 4) == 0 || strncmp(line, "--- ", 4) == 0;
		if (is_head) {
			next[-1] = '\0';
			if (now)
				now->facts.count = (size_t)(line - now->facts.bytes);
			now = NULL;
		}
		if (is_head && *line == '=') {
			name = line + 4;
			cause++;
		} else if (is_head) {
			assert_true(failure_count < FAILURES_MAX);
			now = &failures[failure_count++];
			*now = (struct failure){ .cause = cause, .name = name, .facts = how(line + 4) };
			now->facts.bytes = next;
		}
	}
	if (now)
		now->facts.count = strlen(now->facts.bytes);
	for (size_t i = 0; i < failure_count; i++)
		fingerprint_make(&failures[i].of, &failures[i].facts);
	return 0;
}

static int forget_failures(void **state)
{
	(void)state;
	free(text);
	return 0;
}

static void one_cause_has_one_print(void **state)
{
	unsigned wrong = 0;

	(void)state;
	assert_true(failure_count >= 60);
	for (size_t i = 0; i < failure_count; i++)
		for (size_t k = i + 1; k < failure_count; k++) {
			const struct failure *a = &failures[i], *b = &failures[k];
			if ((a->of.print == b->of.print) == (a->cause == b->cause))
				continue;
			wrong++;
			print_message("%s: \"%s\" (%s) | \"%s\" (%s)\n",
				      a->cause == b->cause ? "differs" : "is the same", a->of.summary,
				      a->name, b->of.summary, b->name);
		}
	assert_int_equal(wrong, 0);
}

/* What stands before, however much, says nothing, as long as it is calm; nor does half a line. */
static void what_is_before_does_not_matter(void **state)
{
	static const char before[] = "f a line, fatal error: x\n2026-11-22 01:02:03 INFO all is well\n\n";
	(void)state;
	for (size_t i = 0; i < failure_count; i++) {
		const struct failure *f = &failures[i];
		struct fingerprint_facts facts = f->facts;
		struct fingerprint of;
		if (f->of.is_bare || strstr(f->name, "ordinary") || strstr(f->name, "its own line"))
			continue;
		size_t n = sizeof(before) - 1 + facts.count;
		char *longer = malloc(n);
		assert_non_null(longer);
		memcpy(longer, before, sizeof(before) - 1);
		memcpy(longer + sizeof(before) - 1, facts.bytes, facts.count);
		facts.bytes = longer;
		facts.count = n;
		facts.is_cut = true;
		fingerprint_make(&of, &facts);
		if (of.print != f->of.print)
			fail_msg("%s: \"%s\"", f->name, of.summary);
		free(longer);
	}
}

/* clang-format off */
static const struct {
	const char *name, *summary;
} summaries[] = {
	{ "python: attribute of a module that lacks it", "AttributeError: type object 'ErrorClass' has no attribute 'RATE_LIMITED'" },
	{ "python: logged, not raised", "ERROR collect: quota exceeded for key sk-4f9a8b7c6d5e: resets on Dec 1" },
	{ "node: a property of nothing", "TypeError: Cannot read properties of undefined (reading 'title')" },
	{ "java: a cause beneath", "java.sql.SQLException: connection to 10.0.3.17:5432 refused" },
	{ "go: a nil pointer", "panic: runtime error: invalid memory address or nil pointer dereference" },
	{ "rust: main returned an error", "Error: Custom { kind: InvalidData, error: \"stream did not contain valid UTF-8\" }" },
	{ "rust: another error there", "called `Result::unwrap()` on an `Err` value: Os { code: 13, kind: PermissionDenied, message: \"Permission denied\" }" },
	{ "make: another error of the compiler", "src/table.c:41:9: error: expected ';' before 'return'" },
	{ "anything: only ordinary lines", "usage: collect [--all] FILE" },
	{ "anything: nothing was said", "exit 4" },
	{ "anything: nothing was said, a signal", "signal 11 (SEGV)" },
	{ "anything: out of time, whatever it was at", "timeout" },
	{ "anything: colours and a progress bar", "Error: upload of part 3 was rejected (status 507)" },
};
/* clang-format on */

static void the_line_that_tells_most(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(summaries); i++) {
		size_t k = 0;
		while (k < failure_count && strcmp(failures[k].name, summaries[i].name) != 0)
			k++;
		assert_true(k < failure_count);
		assert_string_equal(failures[k].of.summary, summaries[i].summary);
	}
}

static void a_long_line_is_cut_at_a_character(void **state)
{
	char line[400];
	struct fingerprint_facts facts = how("exit 1");
	struct fingerprint of;

	(void)state;
	for (size_t i = 0; i < sizeof(line); i += 2)
		memcpy(line + i, "\xc3\xa9", 2);
	facts.bytes = line;
	for (size_t skip = 0; skip < 2; skip++) {
		line[0] = 'x';
		facts.count = sizeof(line);
		facts.bytes = line + skip;
		facts.count -= skip;
		line[1] = 'y';
		fingerprint_make(&of, &facts);
		size_t n = strlen(of.summary);
		assert_true(n < FINGERPRINT_SUMMARY_MAX && n > FINGERPRINT_SUMMARY_MAX - 6);
		assert_string_equal(of.summary + n - 3, "...");
		assert_int_equal((unsigned char)of.summary[n - 4], 0xa9);
	}
}

/* Its chain of errors, and not only the last of them. */
static void each_error_line_is_part_of_it(void **state)
{
	(void)state;
	static const char *const texts[] = { "ValueError: no such column\nOSError: cannot go on\n",
					     "KeyError: no such column\nOSError: cannot go on\n",
					     "ValueError: no such column\nTypeError: cannot go on\n" };
	struct fingerprint print[COUNT_OF(texts)];

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct fingerprint_facts facts = { .outcome = OUTCOME_FAILED,
						   .has_status = true,
						   .job_status = 256,
						   .bytes = texts[i],
						   .count = strlen(texts[i]) };
		fingerprint_make(&print[i], &facts);
	}
	assert_true(print[0].print != print[1].print);
	assert_true(print[0].print != print[2].print);
}

/* Without what the job said, and where how it ended is not known, there is still one. */
static void there_is_always_one(void **state)
{
	struct fingerprint a, b;
	struct fingerprint_facts facts = { .outcome = OUTCOME_LOST };

	(void)state;
	fingerprint_make(&a, &facts);
	assert_true(a.is_bare);
	assert_string_equal(a.summary, "lost");
	assert_int_not_equal(a.print, 0);
	facts = how("exit 1");
	fingerprint_make(&b, &facts);
	assert_int_not_equal(a.print, b.print);
	facts.bytes = "";
	fingerprint_make(&a, &facts);
	assert_int_equal(a.print, b.print);
}

static void there_and_back(void **state)
{
	uint64_t print = 0;
	BUF(out, FINGERPRINT_TEXT_MAX);

	(void)state;
	fingerprint_format(&out, 0x0123456789abcdefULL);
	assert_string_equal(out.at, "f1-0123456789abcdef");
	assert_false(out.cut);
	assert_int_equal(fingerprint_parse(out.at, out.len, &print), 0);
	assert_true(print == 0x0123456789abcdefULL);
	static const char *const wrong[] = { "f2-0123456789abcdef",  "f1-0123456789abcde",
					     "f1-0123456789ABCDEF",  "f1-0000000000000000",
					     "f1-0123456789abcdefa", "" };
	for (size_t i = 0; i < COUNT_OF(wrong); i++)
		assert_true(fingerprint_parse(wrong[i], strlen(wrong[i]), &print) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_without_what_varies),
		cmocka_unit_test(one_cause_has_one_print),
		cmocka_unit_test(what_is_before_does_not_matter),
		cmocka_unit_test(the_line_that_tells_most),
		cmocka_unit_test(a_long_line_is_cut_at_a_character),
		cmocka_unit_test(each_error_line_is_part_of_it),
		cmocka_unit_test(there_is_always_one),
		cmocka_unit_test(there_and_back),
	};
	return cmocka_run_group_tests_name("fingerprint", tests, read_failures, forget_failures);
}
