/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/confirm.h"

#define S     NS_PER_S
#define START (1000 * S)
#define BOUND 300

/* What happens before a look, and what the look says. */
struct event {
	uint64_t at_ns, bytes;
	bool is_answered;
	uint64_t low, high;
	enum confirm_step want;
};

struct row {
	const char *rule;
	struct event event[8]; /* at_ns and bytes 0: no more */
};

/* clang-format off */
static const struct row rows[] = {
	{ "at the bound is allowed", { { 1, 300, false, 0, 0, CONFIRM_WAIT } } },
	{ "over it: asked first", { { 1, 301, false, 0, 0, CONFIRM_ASK }, { 2, 301, false, 0, 0, CONFIRM_WAIT } } },
	{ "confirmed", { { 1, 1200, false, 0, 0, CONFIRM_ASK }, { 2, 1200, true, 301, 301, CONFIRM_OVER } } },
	{ "shared, whatever the sum is", { { 1, 1200, false, 0, 0, CONFIRM_ASK }, { 2, 1200, true, 80, 80, CONFIRM_WAIT },
	                                   { S, 1200, false, 0, 0, CONFIRM_WAIT } } },
	{ "asked again later: pages become one's own", { { 1, 1200, false, 0, 0, CONFIRM_ASK }, { 2, 1200, true, 80, 80, CONFIRM_WAIT },
	                                   { 5 * S + 1, 1200, false, 0, 0, CONFIRM_ASK }, { 5 * S + 2, 1200, true, 900, 900, CONFIRM_OVER } } },
	{ "and soon, when more has come than was missing", { { 1, 1200, false, 0, 0, CONFIRM_ASK }, { 2, 1200, true, 80, 80, CONFIRM_WAIT },
	                                   { S, 1420, false, 0, 0, CONFIRM_WAIT }, { S, 1421, false, 0, 0, CONFIRM_ASK } } },
	{ "no answer: unsure, once", { { 1, 400, false, 0, 0, CONFIRM_ASK }, { 3 * S, 400, false, 0, 0, CONFIRM_WAIT },
	                                   { 3 * S + 1, 400, false, 0, 0, CONFIRM_UNSURE }, { 4 * S, 400, false, 0, 0, CONFIRM_WAIT },
	                                   { 6 * S, 400, false, 0, 0, CONFIRM_ASK }, { 9 * S, 400, false, 0, 0, CONFIRM_WAIT } } },
	{ "no answer, over by half: exactly is not", { { 1, 450, false, 0, 0, CONFIRM_ASK }, { 3 * S + 1, 450, false, 0, 0, CONFIRM_UNSURE } } },
	{ "no answer, over by more than half", { { 1, 453, false, 0, 0, CONFIRM_ASK }, { 3 * S + 1, 453, false, 0, 0, CONFIRM_FAR } } },
	{ "an answer that leaves both open", { { 1, 400, false, 0, 0, CONFIRM_ASK }, { 2, 400, true, 200, 350, CONFIRM_UNSURE } } },
	{ "the same, over by more than half", { { 1, 600, false, 0, 0, CONFIRM_ASK }, { 2, 600, true, 200, 350, CONFIRM_FAR } } },
	{ "an answer that nobody waits for any more", { { 1, 400, false, 0, 0, CONFIRM_ASK }, { 2, 200, false, 0, 0, CONFIRM_WAIT },
	                                   { 3, 200, true, 900, 900, CONFIRM_WAIT }, { 4, 400, false, 0, 0, CONFIRM_ASK } } },
	{ "below it, all is forgotten", { { 1, 400, false, 0, 0, CONFIRM_ASK }, { 2, 400, true, 80, 80, CONFIRM_WAIT },
	                                   { 3, 300, false, 0, 0, CONFIRM_WAIT }, { 4, 400, false, 0, 0, CONFIRM_ASK } } },
};
/* clang-format on */

static void each_row_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct confirm c = { 0 };
		for (size_t k = 0; k < COUNT_OF(rows[i].event) && rows[i].event[k].bytes; k++) {
			const struct event *e = &rows[i].event[k];
			if (e->is_answered)
				confirm_answered(&c, e->low, e->high);
			enum confirm_step step = confirm_look(&c, e->bytes, BOUND, START + e->at_ns);
			if (step != e->want)
				fail_msg("%s: event %u: %d, not %d", rows[i].rule, (unsigned)k, (int)step,
					 (int)e->want);
			if (step == CONFIRM_ASK)
				confirm_asked(&c, e->bytes, START + e->at_ns);
			if (step == CONFIRM_OVER)
				assert_int_equal(confirm_value(&c), e->low);
		}
	}
}

/* Whatever comes in whatever order: nobody is ended who is not over, by an answer or by half. */
static void nobody_is_ended_for_what_he_shares(void **state)
{
	(void)state;
	uint64_t random = 7, now_ns = START;
	struct confirm c = { 0 };

	for (unsigned i = 0; i < 200000; i++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		uint64_t bytes = (random >> 33) % 460;
		now_ns += (random >> 20) % (2 * S);
		if (random >> 60 < 4)
			confirm_answered(&c, (random >> 40) % (BOUND + 1), 460);
		enum confirm_step step = confirm_look(&c, bytes, BOUND, now_ns);
		assert_int_not_equal(step, CONFIRM_OVER);
		assert_true(step != CONFIRM_FAR || bytes > BOUND + BOUND / 2);
		if (step == CONFIRM_ASK && random >> 59 & 1)
			confirm_asked(&c, bytes, now_ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_holds),
		cmocka_unit_test(nobody_is_ended_for_what_he_shares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
