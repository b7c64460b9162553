/* layer: conf */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "conf/ini.h"

#define HEARD_MAX 4096

/* What a file was taken for: "!LINE WHAT" of problems, "[NAME] LINE" of sections, "LINE KEY=VALUE" of pairs.
 */
struct heard {
	struct buf text;
	char bytes[HEARD_MAX];
	unsigned patience; /* problems until the listener has enough; 0 = no end */
};

static bool hear_problem(void *with, uint32_t line, const struct buf *what)
{
	struct heard *heard = with;
	buf_char(&heard->text, '!');
	buf_u64(&heard->text, line);
	buf_char(&heard->text, ' ');
	buf_mem(&heard->text, what->at, strcspn(what->at, ":;")); /* what, not what to do about it */
	buf_char(&heard->text, '\n');
	return heard->patience == 0 || --heard->patience > 0;
}

static bool hear_pair(void *with, uint32_t line, const char *key, const char *value)
{
	struct heard *heard = with;
	buf_u64(&heard->text, line);
	buf_char(&heard->text, ' ');
	escape_text(&heard->text, key, strlen(key), 0);
	buf_char(&heard->text, '=');
	escape_text(&heard->text, value, strlen(value), 0);
	buf_char(&heard->text, '\n');
	return strcmp(key, "stop") != 0;
}

/* The whole of `text`: all sections, then all pairs, as `config check` reads them. */
static void read_all(struct heard *heard, const char *text, size_t n)
{
	struct ini_teller teller = { hear_problem, heard };
	struct ini_taker taker = { hear_pair, heard };
	struct ini ini;
	char *copy = malloc(n + 1); /* exactly: the sanitizer sees what is read behind it */

	assert_non_null(copy);
	memcpy(copy, text, n);
	buf_init(&heard->text, heard->bytes, sizeof(heard->bytes));
	int r = ini_open(&ini, copy, n, &teller);
	assert_true(r == 0 || (r == -EINVAL && heard->text.len > 0));
	for (uint32_t i = 0; i < ini.count; i++) {
		struct ini_section *section = &ini.section[i];
		buf_char(&heard->text, '[');
		buf_str(&heard->text, section->kind == INI_JOB ? section->name : "");
		buf_str(&heard->text, "] ");
		buf_u64(&heard->text, section->line);
		buf_char(&heard->text, '\n');
		r = ini_read(&ini, section, &taker, &teller);
		assert_true(r == 0 || r == -EINVAL);
	}
	ini_release(&ini);
	free(copy);
}

#define X16  "xxxxxxxxxxxxxxxx"
#define X192 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16 X16
#define S50  "                                                  "
#define S150 S50 S50 S50

#define TEXT(text) text, sizeof(text) - 1

/* clang-format off */
static const struct row {
	const char *rule;
	const char *text;
	size_t n;
	const char *heard;
} rows[] = {
	{ "nothing at all",              TEXT(""),                              "" },
	{ "empty lines",                 TEXT("\n\n \t\n"),                     "" },
	{ "a section alone",             TEXT("[defaults]"),                    "[] 1\n" },
	{ "a pair",                      TEXT("[defaults]\na = 1\n"),           "[] 1\n2 a=1\n" },
	{ "no end of the last line",     TEXT("[defaults]\na = 1"),             "[] 1\n2 a=1\n" },
	{ "no blanks needed",            TEXT("[defaults]\na=1\n"),             "[] 1\n2 a=1\n" },
	{ "blanks around are dropped",   TEXT("\t [ \tdefaults ] \n \ta\t =\t 1 \t\n"), "[] 1\n2 a=1\n" },
	{ "blanks within stay",          TEXT("[defaults]\na = 1  2\t3\n"),     "[] 1\n2 a=1  2\\t3\n" },
	{ "an empty value",              TEXT("[defaults]\na =\n"),             "[] 1\n2 a=\n" },
	{ "the first = counts",          TEXT("[defaults]\na = b=c==\n"),       "[] 1\n2 a=b=c==\n" },
	{ "a : in a value",              TEXT("[defaults]\na = b:c\n"),         "[] 1\n2 a=b:c\n" },
	{ "a [ in a value",              TEXT("[defaults]\na = [b]\n"),         "[] 1\n2 a=[b]\n" },
	{ "quotes are the value's",      TEXT("[defaults]\na = \"b\"\n"),       "[] 1\n2 a=\"b\"\n" },
	{ "UTF-8 in a value",            TEXT("[defaults]\na = \xc3\xa4\n"),    "[] 1\n2 a=\xc3\xa4\n" },
	{ "a byte that is no UTF-8",     TEXT("[defaults]\na = \xff\n"),        "[] 1\n2 a=\\xff\n" },

	{ "comments",                    TEXT("# a\n; b\n[defaults]\n # c\n\t; d = e\na = 1\n"), "[] 3\n6 a=1\n" },
	{ "a comment like a section",    TEXT("#[x]\n[defaults]\n;[job p]\na = 1\n"), "[] 2\n4 a=1\n" },
	{ "# behind a value is of it",   TEXT("[defaults]\na = 1 # 2\n"),       "[] 1\n2 a=1 # 2\n" },
	{ "; within a word is of it",    TEXT("[defaults]\na = 1;2\n"),         "[] 1\n2 a=1;2\n" },
	{ "; behind a blank",            TEXT("[defaults]\na = 1 ; 2\nb = 3\n"), "[] 1\n!2 a blank and \n3 b=3\n" },
	{ "; as the value",              TEXT("[defaults]\na = ;\n"),           "[] 1\n!2 a blank and \n" },
	{ "; behind a tab",              TEXT("[defaults]\na = 1\t;2\n"),       "[] 1\n!2 a blank and \n" },
	{ "a comment behind a section",  TEXT("[defaults] # x\na = 1\n"),       "!1 something behind the ] of a section\n" },

	{ "CRLF",                        TEXT("[defaults]\r\na = 1\r\n\r\n# x\r\n"), "[] 1\n2 a=1\n" },
	{ "CR at the end of the file",   TEXT("[defaults]\r\na = 1\r"),         "[] 1\n2 a=1\n" },
	{ "CR within a line",            TEXT("[defaults]\na = 1\rb = 2\n"),    "[] 1\n!2 a control byte, \\x0d\n" },
	{ "two CRs",                     TEXT("[defaults]\na = 1\r\r\n"),       "[] 1\n!2 a control byte, \\x0d\n" },
	{ "a BOM",                       TEXT("\xef\xbb\xbf[defaults]\na = 1\n"), "[] 1\n2 a=1\n" },
	{ "a BOM alone",                 TEXT("\xef\xbb\xbf"),                  "" },
	{ "half a BOM",                  TEXT("\xef\xbb[defaults]\n"),          "!1 a key before any section\n" },
	{ "a BOM further on",            TEXT("[defaults]\n\xef\xbb\xbf" "a = 1\nb = 2\n \xef\xbb\xbf" "c = 3\n"),
	                                                                        "[] 1\n!2 a byte order mark\n3 b=2\n!4 a byte order mark\n" },
	{ "a BOM before a section",      TEXT("[defaults]\n\xef\xbb\xbf[job p]\n"), "[] 1\n!2 a byte order mark\n" },
	{ "NUL in a pair",               TEXT("[defaults]\na = 1\0\nb = 2\n"),  "!2 a NUL byte\n[] 1\n3 b=2\n" },
	{ "NUL in a comment",            TEXT("[defaults]\n# \0\n"),            "!2 a NUL byte\n[] 1\n" },
	{ "NUL in a section",            TEXT("[job a\0b]\na = 1\n"),           "!1 a NUL byte\n" },
	{ "a control byte in a value",   TEXT("[defaults]\na = \x1b\n"),        "[] 1\n!2 a control byte, \\x1b\n" },
	{ "a control byte in a key",     TEXT("[defaults]\na\x01 = 1\n"),       "[] 1\n!2 a control byte, \\x01\n" },
	{ "DEL",                         TEXT("[defaults]\na = \x7f\n"),        "[] 1\n!2 a control byte, \\x7f\n" },
	{ "a control byte in a comment", TEXT("[defaults]\n# \x1b\n"),          "[] 1\n" },

	{ "199 bytes, a pair",           TEXT("[defaults]\nabc = " X192 "x\n"), "[] 1\n2 abc=" X192 "x\n" },
	{ "200 bytes, a pair",           TEXT("[defaults]\nabcd = " X192 "x\nb = 1\n"), "!2 a line of 200 bytes\n[] 1\n3 b=1\n" },
	{ "199 bytes and CRLF",          TEXT("[defaults]\r\nabc = " X192 "x\r\n"), "[] 1\n2 abc=" X192 "x\n" },
	{ "199 bytes, the last line",    TEXT("[defaults]\nabc = " X192 "x"),   "[] 1\n2 abc=" X192 "x\n" },
	{ "200 bytes, the last line",    TEXT("[defaults]\nabcd = " X192 "x"),  "!2 a line of 200 bytes\n[] 1\n" },
	{ "199 bytes, a comment",        TEXT("[defaults]\n#abcdef" X192 "\n"), "[] 1\n" },
	{ "200 bytes, a comment",        TEXT("[defaults]\n#abcdefg" X192 "\n"), "!2 a line of 200 bytes\n[] 1\n" },
	{ "200 bytes with blanks",       TEXT("[defaults]\na = 1" S150 "                                             \n"),
	                                                                        "!2 a line of 200 bytes\n[] 1\n" },
	{ "200 blanks",                  TEXT(S150 S50 "\n[defaults]\n"),       "!1 a line of 200 bytes\n[] 2\n" },
	{ "200 bytes, a section",        TEXT("[job " X192 "]   \na = 1\n"),    "!1 a line of 201 bytes\n" },
	{ "199 bytes, a section",        TEXT("[job " X192 "] \na = 1\n"),      "[" X192 "] 1\n2 a=1\n" },
	{ "a long line hides no other",  TEXT("[defaults]\na = 1\n" X192 X192 X192 "\nb = 2\n"),
	                                                                        "!3 a line of 576 bytes\n[] 1\n2 a=1\n4 b=2\n" },

	{ "sections",                    TEXT("[defaults]\na = 1\n[job p]\nb = 2\n[job q]\n"), "[] 1\n2 a=1\n[p] 3\n4 b=2\n[q] 5\n" },
	{ "a name with blanks",          TEXT("[job  a b ]\na = 1\n"),          "[a b] 1\n2 a=1\n" },
	{ "a job called defaults",       TEXT("[job defaults]\na = 1\n"),       "[defaults] 1\n2 a=1\n" },
	{ "a name longer than the library's", TEXT("[job " X16 X16 X16 X16 "y]\na = 1\n"), "[" X16 X16 X16 X16 "y] 1\n2 a=1\n" },
	{ "a section twice is for others to judge", TEXT("[job p]\na = 1\n[job p]\na = 2\n"), "[p] 1\n2 a=1\n[p] 3\n4 a=2\n" },
	{ "a key twice, too",            TEXT("[job p]\na = 1\na = 2\n"),       "[p] 1\n2 a=1\n3 a=2\n" },
	{ "another section",             TEXT("[x]\na = 1\n"),                  "!1 unknown section [x]\n" },
	{ "near to defaults",            TEXT("[default]\na = 1\n"),            "!1 unknown section [default], did you mean [defaults]?\n" },
	{ "near to job",                 TEXT("[jobs p]\na = 1\n"),             "!1 unknown section [jobs p], did you mean [job NAME]?\n" },
	{ "a name without job",          TEXT("[jobp]\n"),                      "!1 unknown section [jobp]\n" },
	{ "no name",                     TEXT("[job]\na = 1\n"),                "!1 [job] without a name\n" },
	{ "no name but blanks",          TEXT("[job  ]\na = 1\n"),              "!1 [job] without a name\n" },
	{ "an empty section",            TEXT("[]\n"),                          "!1 unknown section []\n" },
	{ "a [ alone",                   TEXT("[\n"),                           "!1 a section without its ]\n" },
	{ "no ]",                        TEXT("[job p\na = 1\n"),               "!1 a section without its ]\n" },
	{ "two ]",                       TEXT("[job p]]\n"),                    "!1 ] within the name of a job, or something behind it\n" },
	{ "two sections in a line",      TEXT("[job p] [job q]\n"),             "!1 ] within the name of a job, or something behind it\n" },
	{ "quotes around a name",        TEXT("[job \"p\"]\n"),                 "!1 quotes in a section\n" },
	{ "a broken section ends the one before", TEXT("[defaults]\na = 1\n[x]\nb = 2\n"), "!3 unknown section [x]\n[] 1\n2 a=1\n" },
	{ "and the next one begins",     TEXT("[x]\nb = 2\n[defaults]\na = 1\n"), "!1 unknown section [x]\n[] 3\n4 a=1\n" },

	{ "a key before any section",    TEXT("a = 1\nb = 2\n[defaults]\nc = 3\n"), "!1 a key before any section\n[] 3\n4 c=3\n" },
	{ "no more of the last value",   TEXT("[defaults]\na = 1\n  b = 2\n"),  "[] 1\n2 a=1\n3 b=2\n" },
	{ "an indented word continues nothing", TEXT("[defaults]\na = 1\n  more\nb = 2\n"),
	                                                                        "[] 1\n2 a=1\n!3 neither a section nor a key with its value\n4 b=2\n" },
	{ "a \\ at the end continues nothing", TEXT("[defaults]\na = 1\\\nb = 2\n"), "[] 1\n2 a=1\\\\\n3 b=2\n" },
	{ "no =",                        TEXT("[defaults]\na\nb = 1\n"),        "[] 1\n!2 neither a section nor a key with its value\n3 b=1\n" },
	{ ": for =",                     TEXT("[defaults]\na: 1\nb : c = 2\n"), "[] 1\n!2 a \n!3 a \n" },
	{ "no key",                      TEXT("[defaults]\n= 1\n"),             "[] 1\n!2 no key before the =\n" },
	{ "a key of two words",          TEXT("[defaults]\na b = 1\n"),         "[] 1\n2 a b=1\n" },
};
/* clang-format on */

static void a_file_is_taken_for_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct heard heard = { .patience = 0 };
		read_all(&heard, rows[i].text, rows[i].n);
		if (strcmp(heard.bytes, rows[i].heard) != 0)
			fail_msg("%s:\n%s---\n%s", rows[i].rule, heard.bytes, rows[i].heard);
	}
}

static void a_listener_who_has_enough_hears_no_more(void **state)
{
	struct heard heard = { .patience = 1 };
	(void)state;
	read_all(&heard, TEXT("[x]\n[y]\n"));
	assert_string_equal(heard.bytes, "!1 unknown section [x]\n");
	heard.patience = 1;
	read_all(&heard, TEXT("[defaults]\na\nb\n"));
	assert_string_equal(heard.bytes, "[] 1\n!2 neither a section nor a key with its value\n");
	heard.patience = 0;
	read_all(&heard, TEXT("[defaults]\nstop = 1\na = 2\n"));
	assert_string_equal(heard.bytes, "[] 1\n2 stop=1\n");
}

/* Names are what escape_name makes a file of: 200 bytes, most of which count three. */
static void names_have_their_limit(void **state)
{
	struct heard heard = { .patience = 0 };
	(void)state;
	BUF(text, 256);
	for (unsigned n = 66; n <= 67; n++) {
		buf_clear(&text);
		buf_str(&text, "[job ");
		for (unsigned i = 0; i < n; i++)
			buf_char(&text, '.');
		buf_str(&text, "]\n");
		read_all(&heard, text.at, text.len);
		assert_int_equal(heard.bytes[0], n == 66 ? '[' : '!');
	}
}

static void sections_have_their_limit(void **state)
{
	static char text[(INI_SECTIONS_MAX + 1) * 16];
	struct heard heard = { .patience = 0 };
	struct ini_teller teller = { hear_problem, &heard };
	struct ini ini;
	struct buf out;
	(void)state;
	for (unsigned more = 0; more < 2; more++) {
		buf_init(&out, text, sizeof(text));
		for (unsigned i = 0; i < INI_SECTIONS_MAX + more; i++) {
			buf_str(&out, "[job ");
			buf_u64(&out, i);
			buf_str(&out, "]\n");
		}
		buf_init(&heard.text, heard.bytes, sizeof(heard.bytes));
		assert_int_equal(ini_open(&ini, text, out.len, &teller), more ? -EINVAL : 0);
		assert_int_equal(ini.count, INI_SECTIONS_MAX);
		assert_string_equal(heard.bytes, more ? "!4097 one section too many\n" : "");
		assert_string_equal(ini.section[INI_SECTIONS_MAX - 1].name, "4095");
		ini_release(&ini);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_taken_for_what_it_says),
		cmocka_unit_test(a_listener_who_has_enough_hears_no_more),
		cmocka_unit_test(names_have_their_limit),
		cmocka_unit_test(sections_have_their_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
