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
#include "conf/retry_value.h"
#include "core/failure.h"

#define TIMES "not a number of times: write 1 to 1000, or none"
#define CLASSES                                                                                        \
	" is no class of failures: write all, none, or of these with commas between: startup failure " \
	"timeout "                                                                                     \
	"limit environment quota killed lost unknown"
#define BIT(name) (1U << FAILURE_##name)

/* clang-format off */
static const struct {
	const char *text;
	uint32_t times;
	const char *why; /* NULL: taken */
} times[] = {
	{ "1",    1,    NULL }, { "1000", 1000, NULL }, { "none", 0, NULL },
	{ "0",    9,    TIMES }, { "1001", 9, TIMES }, { "-1", 9, TIMES }, { "", 9, TIMES }, { "3x", 9, TIMES },
};

static const struct {
	const char *text;
	uint32_t classes;
	const char *why;
} classes[] = {
	{ "failure",           BIT(FAILURE),                    NULL },
	{ "timeout,lost",      BIT(TIMEOUT) | BIT(LOST),        NULL },
	{ "quota,quota",       BIT(QUOTA),                      NULL },
	{ "none",              0,                               NULL },
	{ "all",               (1U << FAILURE_COUNT) - BIT(STARTUP), NULL },
	{ "ended",             9,                               "ended" CLASSES },
	{ "failure,",          9,                               "''" CLASSES },
	{ "",                  9,                               "''" CLASSES },
	{ "all,failure",       9,                               "all" CLASSES },
	{ "fail",              9,                               "fail" CLASSES },
};
/* clang-format on */

static void check(const char *text, int r, uint32_t got, uint32_t wanted, const char *why,
		  const struct buf *said)
{
	if (r != (why ? -EINVAL : 0) || got != wanted || strcmp(said->at, why ? why : "") != 0)
		fail_msg("%s: %d, %x, %s", text, r, got, said->at);
}

static void numbers_of_times(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(times); i++) {
		uint32_t got = 9; /* stays where it is refused */
		BUF(why, 256);
		int r = retry_value_times(times[i].text, &got, &why);
		check(times[i].text, r, got, times[i].times, times[i].why, &why);
	}
}

static void lists_of_classes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(classes); i++) {
		uint32_t got = 9;
		BUF(why, 256);
		int r = retry_value_classes(classes[i].text, &got, &why);
		check(classes[i].text, r, got, classes[i].classes, classes[i].why, &why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(numbers_of_times),
					    cmocka_unit_test(lists_of_classes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
