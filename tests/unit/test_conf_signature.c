/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/signature.h"

/* The signatures of these files (user NULL = none); "" or the first problem. */
static const char *read_files(const char *system, const char *user, struct signatures *out,
			      char why[CONF_LINE_MAX])
{
	static char text[2][8192]; /* names and words of the result are borrowed from it */
	struct buf problem;
	struct conf conf;

	buf_init(&problem, why, CONF_LINE_MAX);
	conf_init_first(&conf, &problem);
	strncpy(text[0], system, sizeof(text[0]) - 1);
	int r = conf_add(&conf, "system", text[0], strlen(system));
	if (r == 0 && user) {
		strncpy(text[1], user, sizeof(text[1]) - 1);
		r = conf_add(&conf, "user", text[1], strlen(user));
	}
	if (r == 0)
		r = conf_signatures(&conf, out);
	assert_true((r < 0) == (problem.len > 0));
	conf_release(&conf);
	return problem.at;
}

/* clang-format off */
/* A role as written, and as it is written back; NULL = refused. */
static const struct {
	const char *text, *want;
} role_rows[] = {
	{ "a comm=x", "a comm=x" },
	{ "a comm=x*", "a comm='x*'" },
	{ "a comm=\"x y\"", "a comm='x y'" },
	{ "a exe=/usr/bin/node", "a exe=/usr/bin/node" },
	{ "a memory=100M-2G", "a memory=100M-2G" },
	{ "a memory=-8M", "a memory=-8M" },
	{ "a memory=32M-", "a memory=32M-" },
	{ "a memory=1664K", "a memory=1664K" },
	{ "a memory=1.5M-2M", "a memory=1536K-2M" },
	{ "a memory=1000", "a memory=1000" },
	{ "a memory=0-1", "a memory=-1" },
	{ "a memory=0", "a memory=0" },
	{ "a threads=1", "a threads=1" },
	{ "a threads=2-8", "a threads=2-8" },
	{ "a fds=20-", "a fds=20-" },
	{ "a lived=200ms-10s", "a lived=200ms-10s" },
	{ "a lived=-1.5s", "a lived=-1500ms" },
	{ "a caught=TERM", "a caught=TERM" },
	{ "a caught=SIGTERM,!INT,2", NULL }, /* INT is 2 */
	{ "a caught=15,!2", "a caught=!INT,TERM" },
	{ "a wchan=hrtimer_nanosleep", "a wchan=hrtimer_nanosleep" },
	{ "a comm=x count=12", "a comm=x count=12" },
	{ "a   comm=x\tthreads=1", "a comm=x threads=1" },
	{ "a", NULL },
	{ "", NULL },
	{ "comm=x threads=1", NULL },
	{ "a comm=", NULL },
	{ "a comm", NULL },
	{ "a com=x", NULL },
	{ "a comm=x comm=y", NULL },
	{ "a comm=12345678901234567890", NULL },
	{ "a comm=1234567890123456789", "a comm=1234567890123456789" },
	{ "a exe=node", NULL },
	{ "a memory=2G-1G", NULL },
	{ "a memory=-", NULL },
	{ "a memory=none", NULL },
	{ "a memory=1G-none", NULL },
	{ "a memory=x", NULL },
	{ "a threads=2-1", NULL },
	{ "a threads=1-2-3", NULL },
	{ "a threads=4294967296", NULL },
	{ "a fds=many", NULL },
	{ "a lived=soon", NULL },
	{ "a caught=TERM,!TERM", NULL },
	{ "a caught=", NULL },
	{ "a caught=TERM,", NULL },
	{ "a caught=FOO", NULL },
	{ "a caught=65", NULL },
	{ "a parent=a", NULL },
	{ "a parent=b", NULL },
	{ "a count=0", NULL },
	{ "a count=10001", NULL },
	{ "a comm='x", NULL },
	{ "a23456789012345678901234 comm=x", NULL },
	{ "a2345678901234567890123 comm=x", "a2345678901234567890123 comm=x" },
};
/* clang-format on */

static void reads_roles(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(role_rows); i++) {
		struct signatures s;
		char why[CONF_LINE_MAX];
		BUF(file, 512);
		BUF(back, 512);
		buf_str(&file, "[signature x]\nrole = ");
		buf_str(&file, role_rows[i].text);
		buf_char(&file, '\n');
		const char *problem = read_files(file.at, NULL, &s, why);
		if ((problem[0] == '\0') != (role_rows[i].want != NULL))
			fail_msg("%s: %s", role_rows[i].text, problem);
		if (!role_rows[i].want) {
			if (strncmp(problem, "system:2: role = ", 17) != 0)
				fail_msg("%s: %s", role_rows[i].text, problem);
			continue;
		}
		signature_format_role(&back, signatures_find(&s, "x"), 0);
		assert_string_equal(back.at, role_rows[i].want);
	}
}

/* What is built in can be written, and is the same when it is read. */
static void what_is_built_in_can_be_written(void **state)
{
	(void)state;
	static struct signatures built_in;

	signatures_init(&built_in);
	for (uint32_t i = 0; i < built_in.count; i++) {
		const struct signature *sig = &built_in.list[i];
		struct signatures s;
		char why[CONF_LINE_MAX];
		BUF(file, 4096);
		buf_str(&file, "[signature copy]\n");
		for (uint32_t k = 0; k < sig->role_count; k++) {
			buf_str(&file, "role = ");
			signature_format_role(&file, sig, k);
			buf_char(&file, '\n');
		}
		assert_string_equal(read_files(file.at, NULL, &s, why), "");
		const struct signature *copy = signatures_find(&s, "copy");
		assert_non_null(copy);
		assert_int_equal(copy->role_count, sig->role_count);
		assert_memory_equal(copy->role, sig->role, sig->role_count * sizeof(sig->role[0]));
	}
}

static void later_files_change_earlier_ones(void **state)
{
	struct signatures s;
	char why[CONF_LINE_MAX];
	(void)state;
	assert_string_equal(
		read_files(
			"[signature agent-triplet]\nmeaning = warning\n[signature x]\naction = kill\n"
			"role = a comm=a\nrole = b comm=b parent=a\nabout = one\n",
			"[signature x]\nrole = c comm=c\norphans = no\n[signature spawn-loop]\noff = yes\n",
			&s, why),
		"");
	assert_int_equal(s.count, 3);
	const struct signature *x = signatures_find(&s, "x"), *triplet = signatures_find(&s, "agent-triplet");
	assert_int_equal(triplet->meaning, MEANING_WARNING);
	assert_int_equal(triplet->action, SIGNATURE_END); /* as built in */
	assert_int_equal(triplet->role_count, 3);
	assert_int_equal(x->action, SIGNATURE_KILL);
	assert_int_equal(x->meaning, MEANING_INFO); /* by default */
	assert_true(x->any);
	assert_string_equal(x->about, "one");
	assert_int_equal(x->role_count, 1); /* all together */
	assert_string_equal(x->role[0].name, "c");
	assert_true(signatures_find(&s, "spawn-loop")->is_off);
}

/* clang-format off */
static const struct {
	const char *text, *problem;
} bad_rows[] = {
	{ "[signature x]\n", "system:1: a signature without a role: give it one" },
	{ "[signature agent-triple]\noff = yes\n", "system:1: a signature without a role, did you mean [signature agent-triplet]?" },
	{ "[signature x]\nrole = a comm=a\nmeaning = bad\n", "system:3: meaning = bad: unknown word: write one of harmless|info|warning|critical" },
	{ "[signature x]\nrole = a comm=a\naction = bad\n", "system:3: action = bad: unknown word: write one of report|end|kill" },
	{ "[signature x]\nrole = a comm=a\noff = maybe\n", "system:3: off = maybe: neither yes nor no" },
	{ "[signature x]\nrole = a comm=a\nmeaning = info\nmeaning = info\n", "system:4: meaning stands in line 3 already" },
	{ "[signature x]\nrole = a comm=a\nrole = a comm=b\n", "system:3: role = a comm=b: this role stands in a line above" },
	{ "[signature x]\nrole = a comm=a\ntimeout = 2h\n", "system:3: unknown key timeout of a signature: see spawnguard-signatures(5)" },
	{ "[signature x]\nrole = a comm=a\nmeening = info\n", "system:3: unknown key meening of a signature, did you mean meaning?" },
	{ "[signature x]\nrole = a comm=a\n[signature x]\nrole = a comm=a\n", "system:3: this section stands in line 1 already" },
	{ "[signature x]\nrole = a comm=a\nrole = b comm=a\nrole = c comm=a\nrole = d comm=a\nrole = e comm=a\nrole = f comm=a\n"
	  "role = g comm=a\n", "system:8: role = g comm=a: one role too many" },
	{ "[signature x]\nrole = a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a "
	  "comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a comm=a\n", "system:2: role = " },
};
/* clang-format on */

static void refuses_what_it_does_not_understand(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		struct signatures s;
		char why[CONF_LINE_MAX];
		const char *problem = read_files(bad_rows[i].text, NULL, &s, why);
		if (strncmp(problem, bad_rows[i].problem, strlen(bad_rows[i].problem)) != 0)
			fail_msg("%s: %s", bad_rows[i].text, problem);
	}
}

static void there_are_sixteen_at_most(void **state)
{
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		struct signatures s;
		char why[CONF_LINE_MAX];
		BUF(file, 4096);
		for (unsigned i = SIGNATURES_BUILT_IN; i < SIGNATURES_MAX + more; i++) {
			buf_str(&file, "[signature x");
			buf_u64(&file, i);
			buf_str(&file, "]\nrole = a comm=a\n");
		}
		const char *problem = read_files(file.at, NULL, &s, why);
		assert_int_equal(problem[0] != '\0', more);
		if (more)
			assert_non_null(strstr(problem, "one signature too many: at most 16"));
		assert_int_equal(s.count, SIGNATURES_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_roles),
		cmocka_unit_test(what_is_built_in_can_be_written),
		cmocka_unit_test(later_files_change_earlier_ones),
		cmocka_unit_test(refuses_what_it_does_not_understand),
		cmocka_unit_test(there_are_sixteen_at_most),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
