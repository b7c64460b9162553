/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/record.h"
#include "run/describe.h"

#define WORDS(text) text, sizeof(text) - 1

/* clang-format off */
static const struct {
	const char *rule;
	const char *words; /* each with its NUL, as in the record */
	size_t n, columns;
	const char *shown;
} rows[] = {
	{ "as it stands",                    WORDS("./collect.sh\0--all\0"), 0,  "./collect.sh --all" },
	{ "quoted where a shell needs it",   WORDS("sh\0-c\0exit 3\0"),      0,  "sh -c 'exit 3'" },
	{ "an empty word",                   WORDS("a\0\0b\0"),              0,  "a '' b" },
	{ "a byte that acts, escaped once",  WORDS("echo\0\x1b[2J\0"),       0,  "echo $'\\x1b[2J'" },
	{ "a newline, once",                 WORDS("a\nb\0"),                0,  "$'a\\nb'" },
	{ "a backslash stays one",           WORDS("a\\b\0"),                0,  "'a\\b'" },
	{ "no UTF-8",                        WORDS("\xff\0"),                0,  "$'\\xff'" },
	{ "a character is one column",       WORDS("\xc3\xa4\xc3\xb6\0c\0"), 6,  "'\xc3\xa4\xc3\xb6' c" },
	{ "the last word cut by the record", WORDS("a\0bc"),                 0,  "a bc" },
	{ "nothing recorded",                WORDS(""),                      0,  "" },
	{ "it fits",                         WORDS("abc\0de\0"),             6,  "abc de" },
	{ "cut within a word",               WORDS("abc\0def\0"),            6,  "abc de..." },
	{ "cut behind a word",               WORDS("abc\0def\0"),            4,  "abc ..." },
	{ "cut before a blank",              WORDS("abc\0def\0"),            3,  "abc..." },
	{ "cut within quotes: closed",       WORDS("sh\0-c\0exit 3\0"),      10, "sh -c 'ex'..." },
	{ "no half of an escape",            WORDS("a\0\x1b\x1b\0"),         10, "a $'\\x1b'..." },
	{ "no room for what stands between", WORDS("a\0\x1b\0"),             4,  "a ..." },
	{ "nothing behind a cut",            WORDS("abcdef\0g\0h\0"),        3,  "abc..." },
};
/* clang-format on */

static void shows_a_command_as_a_shell_takes_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct record_head head = { .command_len = (uint32_t)rows[i].n };
		BUF(out, 256);
		memcpy(head.command, rows[i].words, rows[i].n);
		describe_command(&out, &head, rows[i].columns);
		if (strcmp(out.at, rows[i].shown) != 0)
			fail_msg("%s: %s", rows[i].rule, out.at);
	}
}

/* All that can be recorded, in its longest form. */
static void shows_the_longest_command_whole(void **state)
{
	struct record_head head = { .command_len = sizeof(head.command) };
	BUF(out, 4 * sizeof(head.command) + 8);
	(void)state;
	memset(head.command, 0x1b, sizeof(head.command));
	describe_command(&out, &head, 0);
	assert_false(out.cut);
	assert_int_equal(out.len, 4 * sizeof(head.command) + 3);
	for (size_t i = 0; i < sizeof(head.command); i += 2)
		head.command[i] = '\0';
	buf_clear(&out);
	describe_command(&out, &head, 0);
	assert_false(out.cut);
	assert_int_equal(out.len, 2 + sizeof(head.command) / 2 * strlen(" $'\\x1b'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_a_command_as_a_shell_takes_it),
		cmocka_unit_test(shows_the_longest_command_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
