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
#include "conf/variables.h"

#define NOT_ONE " is no name of a variable: write names with commas between, HOME,API_KEY"
#define MISSING "a name is missing: write names with commas between, HOME,API_KEY"

/* clang-format off */
static const struct {
	const char *rule;
	const char *text;
	const char *names; /* each within <>; NULL: refused */
	const char *why;
} rows[] = {
	{ "one",                       "HOME",          "<HOME>",            NULL },
	{ "several",                   "HOME,_a,B2",    "<HOME><_a><B2>",    NULL },
	{ "twice the same",            "A,A",           "<A><A>",            NULL },
	{ "nothing",                   "",              NULL,                MISSING },
	{ "a comma at the end",        "A,",            NULL,                MISSING },
	{ "a comma at the beginning",  ",A",            NULL,                "''" NOT_ONE },
	{ "two commas",                "A,,B",          NULL,                "''" NOT_ONE },
	{ "a comma alone",             ",",             NULL,                "''" NOT_ONE },
	{ "a digit first",             "A,2B",          NULL,                "2B" NOT_ONE },
	{ "a value",                   "A=1",           NULL,                "'A=1'" NOT_ONE },
	{ "a blank",                   "A, B",          NULL,                "' B'" NOT_ONE },
	{ "a byte that is no letter",  "\xc3\xa4",      NULL,                "'\xc3\xa4'" NOT_ONE },
};
/* clang-format on */

static void lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		BUF(why, 256);
		BUF(names, 256);
		int r = variables_check(rows[i].text, &why);
		if (r != (rows[i].names ? 0 : -EINVAL) || strcmp(why.at, rows[i].why ? rows[i].why : "") != 0)
			fail_msg("%s: %d, %s", rows[i].rule, r, why.at);
		const char *at = rows[i].text, *name;
		size_t n;
		while (rows[i].names && (name = variables_next(&at, &n))) {
			buf_char(&names, '<');
			buf_mem(&names, name, n);
			buf_char(&names, '>');
		}
		if (rows[i].names && strcmp(names.at, rows[i].names) != 0)
			fail_msg("%s: %s", rows[i].rule, names.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lists) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
