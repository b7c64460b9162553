/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "core/signature.h"

#define MB   (1ULL << 20)
#define S    NS_PER_S
#define TERM 0x4000U /* signal 15: bit 14, counted from 0 */
#define ALL  (SAMPLE_MEMORY | SAMPLE_STAT | SAMPLE_FDS | SAMPLE_SIGNALS | SAMPLE_WCHAN)

enum { NONE, RUNTIME, WRAPPER, CHILD };

/* clang-format off */
static const struct {
	const char *rule;
	uint32_t known;
	uint64_t rss;
	uint32_t threads, fds;
	uint64_t caught;
	const char *wchan;
	uint8_t role; /* of agent-triplet */
} fit_rows[] = {
	{ "the runtime, least",          ALL, 180 * MB, 2, 21, 0,    "ep_poll", RUNTIME },
	{ "the runtime, most",           ALL, 218 * MB, 2, 21, 0x1,  "do_wait", RUNTIME },
	{ "the wrapper",                 ALL, 1664 * 1024, 1, 3, 0,  "hrtimer_nanosleep", WRAPPER },
	{ "the child runtime",           ALL, 171 * MB, 2, 18, TERM, "ep_poll", CHILD },
	{ "the same with more handlers", ALL, 173 * MB, 11, 18, TERM | 0x2, "ep_poll", CHILD },
	{ "too small",                   ALL, 100 * MB, 2, 21, 0,    "ep_poll", NONE },
	{ "too large",                   ALL, 300 * MB, 2, 21, 0,    "ep_poll", NONE },
	{ "at the low edge",             ALL, 165 * MB, 2, 21, 0,    "ep_poll", RUNTIME },
	{ "below it",                    ALL, 165 * MB - 1, 2, 21, 0, "ep_poll", NONE },
	{ "at the high edge",            ALL, 240 * MB, 2, 21, 0,    "ep_poll", RUNTIME },
	{ "above it",                    ALL, 240 * MB + 1, 2, 21, 0, "ep_poll", NONE },
	{ "three threads",               ALL, 200 * MB, 3, 21, 0,    "ep_poll", NONE },
	{ "27 files",                    ALL, 200 * MB, 2, 27, 0,    "ep_poll", NONE },
	{ "26 files",                    ALL, 200 * MB, 2, 26, 0,    "ep_poll", RUNTIME },
	{ "15 files",                    ALL, 200 * MB, 2, 15, 0,    "ep_poll", NONE },
	{ "a handler for TERM and large", ALL, 200 * MB, 2, 21, TERM, "ep_poll", NONE },
	{ "asleep elsewhere",            ALL, 1664 * 1024, 1, 3, 0,  "do_wait", NONE },
	{ "it runs",                     ALL, 1664 * 1024, 1, 3, 0,  "", NONE },
	{ "nobody may know where it sleeps", ALL & ~(uint32_t)SAMPLE_WCHAN, 1664 * 1024, 1, 3, 0, "", WRAPPER },
	{ "half is known, and right",    SAMPLE_MEMORY | SAMPLE_STAT, 200 * MB, 2, 0, 0, "", RUNTIME },
	{ "less than half is known",     SAMPLE_MEMORY, 200 * MB, 0, 0, 0, "", NONE },
	{ "known, and wrong: unknown does not help", SAMPLE_MEMORY | SAMPLE_STAT | SAMPLE_FDS, 200 * MB, 2, 99, 0, "", NONE },
	{ "nothing is known",            0, 200 * MB, 2, 21, 0, "ep_poll", NONE },
};
/* clang-format on */

static struct sample sample_of(size_t i)
{
	struct sample s = { .known = fit_rows[i].known,
			    .rss_bytes = fit_rows[i].rss,
			    .threads = fit_rows[i].threads,
			    .fds = fit_rows[i].fds,
			    .caught = fit_rows[i].caught,
			    .comm = "node",
			    .pid = 100,
			    .seen_ns = 10 * S };
	memcpy(s.wchan, fit_rows[i].wchan, strlen(fit_rows[i].wchan) + 1);
	return s;
}

static void finds_roles(void **state)
{
	(void)state;
	struct signatures signatures;
	signatures_init(&signatures);
	for (size_t i = 0; i < COUNT_OF(fit_rows); i++) {
		struct matcher m = { .signatures = &signatures };
		struct signature_state st = { 0 };
		struct sample s = sample_of(i);
		matcher_member(&m, &st, NULL, &s, true, 11 * S);
		if (st.role != fit_rows[i].role)
			fail_msg("%s: %u", fit_rows[i].rule, st.role);
		st = (struct signature_state){ 0 };
		matcher_member(&m, &st, NULL, &s, false, 11 * S); /* its parent is there: an ordinary child */
		assert_int_equal(st.role, 0);
	}
}

/* Whose members, in all, are how many groups. */
static void counts_whole_groups(void **state)
{
	(void)state;
	struct signatures signatures;
	signatures_init(&signatures);
	for (unsigned r = 0; r < 4; r++)
		for (unsigned w = 0; w < 4; w++)
			for (unsigned c = 0; c < 4; c++) {
				struct matcher m = { .signatures = &signatures };
				const unsigned many[] = { r, w, c };
				unsigned least = r < w ? r : w;
				least = least < c ? least : c;
				for (unsigned k = 0; k < 3; k++)
					for (unsigned n = 0; n < many[k]; n++) {
						static const size_t row[] = { 0, 2, 3 };
						struct signature_state st = { 0 };
						struct sample s = sample_of(row[k]);
						for (unsigned look = 0; look < 5; look++) /* counted once */
							matcher_member(&m, &st, NULL, &s, true,
								       10 * S + look * 60 * NS_PER_MS);
						matcher_parted(&m, &st, NULL, &s, 11 * S);
					}
				assert_int_equal(matcher_groups(&m, 0), least);
			}
}

static void is_one_line(void **state)
{
	(void)state;
	struct signatures signatures;
	struct matcher m = { .signatures = &signatures };
	struct finding f;
	BUF(line, 200);

	signatures_init(&signatures);
	for (unsigned i = 0; i < 30; i++) {
		static const size_t row[] = { 0, 2, 3 };
		struct signature_state st = { 0 };
		struct sample s = sample_of(row[i % 3]);
		s.pid = (int32_t)(100 + i);
		matcher_member(&m, &st, NULL, &s, true, 10 * S + 240 * NS_PER_MS);
		assert_true((matcher_known(&m, &st) != NULL) == (i >= 2));
	}
	matcher_put(&line, &m, 0);
	assert_string_equal(line.at, "agent-triplet x10, lived 240ms, harmless");
	assert_true(matcher_tell(&m, 0, 12 * S, S / 20, &f));
	assert_string_equal(f.text, line.at);
	assert_string_equal(f.rule, "signature");
	assert_int_equal(f.severity, SEVERITY_INFO);
	assert_int_equal(f.value, 10);
	assert_true(f.witness[2].pid != 0);
	assert_false(matcher_tell(&m, 0, 13 * S, S / 20, &f)); /* once */
	assert_false(matcher_tell(&m, 1, 13 * S, S / 20, &f)); /* there is none */
}

static void a_role_may_change_as_more_is_known(void **state)
{
	(void)state;
	struct signatures signatures;
	struct matcher m = { .signatures = &signatures };
	struct signature_state st = { 0 };
	struct sample s = sample_of(2); /* as it starts it looks like a wrapper */

	signatures_init(&signatures);
	s.known = SAMPLE_MEMORY | SAMPLE_STAT;
	matcher_member(&m, &st, NULL, &s, true, 11 * S);
	assert_int_equal(st.role, WRAPPER);
	s = sample_of(0);
	matcher_member(&m, &st, NULL, &s, true, 11 * S);
	assert_int_equal(st.role, RUNTIME);
	assert_int_equal(m.tally[0].members[WRAPPER - 1], 0);
	assert_int_equal(m.tally[0].members[RUNTIME - 1], 1);
	st = (struct signature_state){ 0 };
	m = (struct matcher){ .signatures = &signatures };
	s.known = SAMPLE_MEMORY | SAMPLE_STAT;
	matcher_member(&m, &st, NULL, &s, true, 11 * S);
	assert_int_equal(st.role, RUNTIME);
	s.known = ALL;
	s.fds = 99; /* it was none after all */
	matcher_member(&m, &st, NULL, &s, true, 11 * S);
	assert_int_equal(st.role, NONE);
	assert_int_equal(m.tally[0].members[RUNTIME - 1], 0);
	s.fds = 21;
	matcher_member(&m, &st, NULL, &s, true, 11 * S);
	s.known = 0; /* it exits */
	matcher_member(&m, &st, NULL, &s, true, 11 * S);
	assert_int_equal(st.role, RUNTIME);
	assert_int_equal(m.tally[0].members[RUNTIME - 1], 1);
}

/* Its last looks: memory is gone first, its other threads with it, and it runs. */
static void remains_what_it_was_as_it_ends(void **state)
{
	(void)state;
	static const struct {
		size_t row;
		uint32_t first, last; /* known */
		uint32_t threads;     /* at last */
	} rows[] = {
		{ 3, ALL, ALL & ~(uint32_t)SAMPLE_MEMORY, 1 }, /* and looks like a wrapper */
		{ 0, ALL, ALL & ~(uint32_t)SAMPLE_MEMORY, 1 },
		{ 2, ALL & ~(uint32_t)SAMPLE_WCHAN, ALL, 1 },
		{ 2, ALL & ~(uint32_t)SAMPLE_WCHAN, ALL & ~(uint32_t)SAMPLE_MEMORY, 1 },
	};
	struct signatures signatures;

	signatures_init(&signatures);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct matcher m = { .signatures = &signatures };
		struct signature_state st = { 0 };
		struct sample s = sample_of(rows[i].row);
		s.known = rows[i].first;
		matcher_member(&m, &st, NULL, &s, true, 11 * S);
		uint8_t role = st.role;
		assert_int_equal(role, fit_rows[rows[i].row].role);
		s.known = rows[i].last;
		s.threads = rows[i].threads;
		s.wchan[0] = '\0';
		for (unsigned look = 0; look < 3; look++)
			matcher_member(&m, &st, NULL, &s, true, 12 * S);
		if (st.role != role)
			fail_msg("row %zu: role %u", i, st.role);
		for (unsigned k = 0; k < 3; k++)
			assert_int_equal(m.tally[0].members[k], k + 1U == role);
	}
}

static void tells_what_was_missed(void **state)
{
	(void)state;
	struct signatures signatures;
	struct matcher m = { .signatures = &signatures };
	struct finding f;

	signatures_init(&signatures);
	for (unsigned i = 0; i < 12; i++) {
		static const size_t row[] = { 0, 2, 3 };
		struct signature_state st = { 0 };
		struct sample s = sample_of(row[i % 3]);
		s.known = SAMPLE_MEMORY | SAMPLE_STAT;
		if (i < 6)
			matcher_missed(&m, &s);
		if (i == 2)
			assert_int_equal(matcher_unsure(&m, 0), 1);
		if (i == 5) {
			assert_false(matcher_tell(&m, 0, 12 * S, S / 20, &f));
			struct matcher other = m;
			assert_true(matcher_tell_unsure(&other, 0, 12 * S, S / 20, &f));
			assert_false(matcher_tell_unsure(&other, 0, 12 * S, S / 20, &f));
			assert_int_equal(f.severity, SEVERITY_INFO);
		}
		s.known = ALL;
		if (i >= 6)
			matcher_member(&m, &st, NULL, &s, true, 10 * S + 240 * NS_PER_MS);
	}
	assert_int_equal(matcher_groups(&m, 0), 2);
	assert_int_equal(matcher_unsure(&m, 0), 2);
	assert_true(matcher_tell(&m, 0, 12 * S, S / 20, &f));
	assert_string_equal(f.text, "agent-triplet x2, lived 240ms, harmless; at most 2 more that ended "
				    "before they were looked at");
	/* What can be of no group, or of a part of one alone, is nothing to be told. */
	m = (struct matcher){ .signatures = &signatures };
	struct sample s = sample_of(5);
	matcher_missed(&m, &s);
	s = sample_of(2);
	matcher_missed(&m, &s);
	assert_int_equal(matcher_unsure(&m, 0), 0);
	assert_int_equal(matcher_unsure(&m, 1), 0);
}

/* A signature of two roles, the second below the first. */
static void knows_its_parent_role(void **state)
{
	(void)state;
	struct signatures signatures = { .count = 1 };
	struct signature *sig = &signatures.list[0];
	struct matcher m = { .signatures = &signatures };
	struct signature_state outer = { 0 }, inner = { 0 }, other = { 0 };
	struct sample s = { .comm = "outer" };

	*sig = (struct signature){ .name = "pair", .any = true, .role_count = 2 };
	sig->role[0] = signature_role_any("one");
	memcpy(sig->role[0].comm, "outer", 6);
	sig->role[1] = signature_role_any("two");
	memcpy(sig->role[1].comm, "inn*", 5);
	sig->role[1].parent = 0;
	sig->role[1].count = 2;
	matcher_member(&m, &outer, NULL, &s, false, S);
	assert_int_equal(outer.role, 1);
	memcpy(s.comm, "inner", 6);
	matcher_member(&m, &other, NULL, &s, false, S);
	assert_int_equal(other.role, 0);
	matcher_member(&m, &inner, &outer, &s, false, S);
	assert_int_equal(inner.role, 2);
	assert_int_equal(matcher_groups(&m, 0), 0);     /* one of two */
	matcher_member(&m, &inner, NULL, &s, false, S); /* its parent is gone: it was there */
	assert_int_equal(inner.role, 2);
	matcher_member(&m, &other, &outer, &s, false, S);
	assert_int_equal(matcher_groups(&m, 0), 1);
	sig->is_off = true;
	assert_int_equal(matcher_groups(&m, 0), 0);
	assert_null(matcher_known(&m, &inner));
}

struct worker {
	const char *comm;
	uint64_t lived_ns, rss, every_ns;
	unsigned many;
};

/* clang-format off */
static const struct {
	const char *rule;
	struct worker worker[2];
	unsigned groups;
} loop_rows[] = {
	{ "12 that died within 10 s",    { { "worker", 3 * S, 64 * MB, 3 * S, 12 } }, 1 },
	{ "11",                          { { "worker", 3 * S, 64 * MB, 3 * S, 11 } }, 0 },
	{ "at 10 s",                     { { "worker", 10 * S, 64 * MB, 10 * S, 12 } }, 1 },
	{ "over 10 s",                   { { "worker", 10 * S + 1, 64 * MB, 10 * S, 12 } }, 0 },
	{ "small ones: a script at work", { { "date", S, 2 * MB, S, 100 } }, 0 },
	{ "one in a while",              { { "worker", 3 * S, 64 * MB, 60 * S, 100 } }, 0 },
	{ "another in between",          { { "cc1", S, 64 * MB, S, 11 }, { "ld", S, 64 * MB, S, 11 } }, 0 },
	{ "25 are two",                  { { "worker", S, 64 * MB, S, 25 } }, 2 },
};
/* clang-format on */

static void sees_a_spawn_loop(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(loop_rows); i++) {
		struct signatures signatures;
		struct matcher m = { .signatures = &signatures };
		struct signature_state parent = { 0 };
		uint64_t now_ns = 100 * S;

		signatures_init(&signatures);
		for (unsigned w = 0; w < 2; w++)
			for (unsigned n = 0; n < loop_rows[i].worker[w].many; n++) {
				const struct worker *worker = &loop_rows[i].worker[w];
				struct signature_state st = { 0 };
				struct sample s = { .known = SAMPLE_MEMORY,
						    .rss_bytes = worker->rss,
						    .seen_ns = now_ns };
				memcpy(s.comm, worker->comm, strlen(worker->comm));
				matcher_member(&m, &st, &parent, &s, false, now_ns);
				matcher_parted(&m, &st, &parent, &s, now_ns + worker->lived_ns);
				now_ns += worker->every_ns;
			}
		if (matcher_groups(&m, 1) != loop_rows[i].groups)
			fail_msg("%s: %u", loop_rows[i].rule, matcher_groups(&m, 1));
	}
}

static void asks_for_what_roles_name(void **state)
{
	(void)state;
	struct signatures signatures;
	struct matcher m = { .signatures = &signatures };

	signatures_init(&signatures);
	assert_int_equal(matcher_needs(&m, true), ALL);
	assert_int_equal(matcher_needs(&m, false), SAMPLE_MEMORY); /* which a look reads anyway */
	signatures_find(&signatures, "spawn-loop")->is_off = true;
	assert_int_equal(matcher_needs(&m, false), 0);
	assert_null(signatures_find(&signatures, "spawn"));
}

static void names_are_made_inert(void **state)
{
	(void)state;
	struct signatures signatures = { .count = 1 };
	struct matcher m = { .signatures = &signatures };
	BUF(line, 200);

	signatures.list[0] =
		(struct signature){ .name = "a\033[2J\n", .role_count = 1, .meaning = MEANING_CRITICAL };
	signatures.list[0].role[0] = signature_role_any("x");
	matcher_put(&line, &m, 0);
	assert_string_equal(line.at, "a\\x1b[2J\\n x0, lived 0s, critical");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_roles),
		cmocka_unit_test(counts_whole_groups),
		cmocka_unit_test(is_one_line),
		cmocka_unit_test(a_role_may_change_as_more_is_known),
		cmocka_unit_test(remains_what_it_was_as_it_ends),
		cmocka_unit_test(tells_what_was_missed),
		cmocka_unit_test(knows_its_parent_role),
		cmocka_unit_test(sees_a_spawn_loop),
		cmocka_unit_test(asks_for_what_roles_name),
		cmocka_unit_test(names_are_made_inert),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
