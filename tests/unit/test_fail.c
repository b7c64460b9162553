/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/fail.h"

#define ERRNO_LAST 133 /* EHWPOISON */

/* Whatever libc the wrapper is linked with: words that users know, and the same as the subcommands' (glibc).
 */
static void says_what_users_know(void **state)
{
	(void)state;
	for (int err = 0; err <= ERRNO_LAST; err++) {
		const char *known = strerrordesc_np(err);
		if (strcmp(fail_text(err), known ? known : "unknown error") != 0)
			fail_msg("%d: %s", err, fail_text(err));
	}
}

static void has_words_for_what_nobody_knows(void **state)
{
	(void)state;
	assert_string_equal(fail_text(-1), "unknown error");
	assert_string_equal(fail_text(4095), "unknown error");
}

static void keeps_what_fits_of_the_subject(void **state)
{
	char longer[FAIL_SUBJECT_MAX + 10];
	struct fail fail = { .line = 7 };

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(fail_set(&fail, ENOSPC, "open", longer), -ENOSPC);
	assert_int_equal(strlen(fail.subject), FAIL_SUBJECT_MAX - 1);
	assert_int_equal(fail.line, 0);
	assert_int_equal(fail_set(&fail, EIO, "open", NULL), -EIO);
	assert_string_equal(fail.subject, "");
	assert_int_equal(fail_set(NULL, EIO, "open", "f"), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_users_know),
		cmocka_unit_test(has_words_for_what_nobody_knows),
		cmocka_unit_test(keeps_what_fits_of_the_subject),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
