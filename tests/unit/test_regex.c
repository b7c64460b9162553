/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/regex.h"

static void test_what_is_the_same_everywhere(void **state)
{
	static const struct {
		const char *rule, *regex;
		bool is_defined;
	} rows[] = {
		{ "plain", "quota exceeded.*resets? (.*)", true },
		{ "nothing", "", true },
		{ "punctuation is itself", "\\.\\(\\[\\*\\\\\\-\\/", true },
		{ "a backslash at the end is for regcomp(3)", "a\\", true },
		{ "classes by one letter", "\\w\\W\\s\\S", true },
		{ "ends of words", "\\<a\\>\\bb", true },
		{ "what is no end of a word", "\\Ba", false },
		{ "digits by one letter", "\\d+", false },
		{ "a control character", "\\t", false },
		{ "a byte", "\\x41", false },
		{ "a back reference", "(a)\\1", false },
		{ "behind a backslash that is itself", "\\\\1", true },
		{ "the start of all", "\\`a", false },
		{ "a count", "a{2}b{3,}c{4,255}", true },
		{ "no lower count", "a{,3}", false },
		{ "a brace that is itself", "\\{,3\\{256", true },
		{ "a class", "[[:digit:][:alpha:]]+", true },
		{ "what is special without", "[\\d^*{,.=]", true },
		{ "a bracket first", "[]\\1][^]\\1]", true },
		{ "behind brackets", "[]]\\1", false },
		{ "behind a class", "[[:digit:]]\\1", false },
		{ "a sign of some languages", "[[.a.]]", false },
		{ "letters of some languages", "[[=a=]]", false },
		{ "brackets without an end", "[a", true },
		{ "a repeated start", "^*a", false },
		{ "a repeated end", "a$+", false },
		{ "a repeated end of a word", "a\\>{2}", false },
		{ "a star of its own behind a start", "^\\*", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (!regex_find_undefined(rows[i].regex) != rows[i].is_defined)
			fail_msg("%s: %s", rows[i].rule, rows[i].regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_is_the_same_everywhere) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
