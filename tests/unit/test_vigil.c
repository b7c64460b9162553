/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "core/vigil.h"

/* clang-format off */
static const struct {
	const char *rule;
	struct vigil vigil;
	int status;
} statuses[] = {
	{ "nothing at all",             { .runs = 0 },                                      VIGIL_NOTHING },
	{ "one that goes on",           { .runs = 1 },                                      0 },
	{ "one that was ok",            { .runs = 1, .ok = 1 },                             0 },
	{ "one that was not",           { .runs = 1, .failed = 1 },                         VIGIL_BAD },
	{ "one of many",                { .runs = 9, .ok = 8, .failed = 1 },                VIGIL_BAD },
	{ "info does not count",        { .runs = 1, .ok = 1, .flags = { 7, 0, 0 } },       0 },
	{ "info of nothing",            { .flags = { 7, 0, 0 } },                           VIGIL_NOTHING },
	{ "a warning",                  { .runs = 1, .ok = 1, .flags = { 0, 1, 0 } },       VIGIL_BAD },
	{ "something critical",         { .runs = 1, .ok = 1, .flags = { 0, 0, 1 } },       VIGIL_BAD },
	{ "refused",                    { .runs = 1, .refused = 1 },                        VIGIL_BAD },
	{ "refused, and nothing ran",   { .refused = 1 },                                   VIGIL_BAD },
	{ "a breaker, and nothing ran", { .breaker = 1 },                                   VIGIL_BAD },
	{ "a breaker, and all was ok",  { .runs = 1, .ok = 1, .breaker = 2 },               VIGIL_BAD },
};
/* clang-format on */

static void gives_the_status(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(statuses); i++)
		if (vigil_status(&statuses[i].vigil) != statuses[i].status)
			fail_msg("%s: %d", statuses[i].rule, vigil_status(&statuses[i].vigil));
}

static void knows_severities(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SEVERITY_COUNT; i++)
		assert_int_equal(vigil_severity(severity_name((enum severity)i)), i);
	assert_int_equal(vigil_severity(""), SEVERITY_WARNING);
	assert_int_equal(vigil_severity("doom"), SEVERITY_WARNING);
}

/* 'l': a line that tells of `count`; 'i': the lock says (at, count). */
struct word {
	char kind;
	uint64_t at, count, fresh;
};

/* clang-format off */
static const struct {
	const char *rule;
	uint64_t at, count; /* as it was before */
	struct word word[8];
} stories[] = {
	{ "nothing",                             0, 0, { { 'i', 0, 0, 0 } } },
	{ "the first is a line",                 0, 0, { { 'l', 0, 1, 1 }, { 'i', 5, 0, 0 } } },
	{ "then the lock counts",                0, 0, { { 'l', 0, 1, 1 }, { 'i', 5, 0, 0 }, { 'i', 5, 1, 1 }, { 'i', 5, 3, 2 },
	                                                 { 'i', 5, 3, 0 } } },
	{ "the next line tells of those too",    0, 0, { { 'l', 0, 1, 1 }, { 'i', 5, 3, 3 }, { 'l', 0, 4, 1 }, { 'i', 9, 0, 0 } } },
	{ "what was before is not ours",         5, 2, { { 'i', 5, 2, 0 }, { 'i', 5, 3, 1 }, { 'l', 0, 4, 1 } } },
	{ "a line of what was before and ours",  5, 2, { { 'l', 0, 3, 1 }, { 'i', 9, 0, 0 }, { 'i', 9, 1, 1 } } },
	{ "the lock is late",                    5, 2, { { 'l', 0, 3, 1 }, { 'i', 5, 2, 0 }, { 'i', 9, 0, 0 }, { 'i', 9, 1, 1 } } },
	{ "the line is late",                    5, 2, { { 'i', 9, 0, 0 }, { 'i', 9, 1, 0 }, { 'l', 0, 3, 1 }, { 'i', 9, 1, 1 } } },
	{ "two lines at once",                   0, 0, { { 'l', 0, 1, 1 }, { 'l', 0, 4, 4 }, { 'i', 9, 2, 2 } } },
	{ "a line is of one at least",           5, 7, { { 'l', 0, 1, 1 } } },
};
/* clang-format on */

static void counts_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(stories); i++) {
		struct vigil_refusals r;
		vigil_refusals_begin(&r, stories[i].at, stories[i].count);
		for (const struct word *w = stories[i].word; w->kind != '\0'; w++) {
			uint64_t fresh = w->kind == 'l' ? vigil_refusals_line(&r, w->count)
							: vigil_refusals_lock(&r, w->at, w->count);
			if (fresh != w->fresh)
				fail_msg("%s: word %td: %llu", stories[i].rule, w - stories[i].word,
					 (unsigned long long)fresh);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_status),
		cmocka_unit_test(knows_severities),
		cmocka_unit_test(counts_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
