/* layer: base */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../fuzz/check_text.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"

#define GRUEN "gr\xc3\xbcn"      /* U+00FC */
#define KANJI "\xe6\xbc\xa2"     /* U+6F22 */
#define SMILE "\xf0\x9f\x99\x82" /* U+1F642 */
#define RLO   "\xe2\x80\xae"     /* U+202E: what follows is shown right to left */
#define FFFD  "\xef\xbf\xbd"

/* A text with its length: it may hold NUL. */
#define BYTES(literal) literal, sizeof(literal) - 1

typedef void escape_fn(struct buf *out, const void *bytes, size_t n, size_t columns);

struct row {
	const char *rule;
	const char *bytes;
	size_t n;
	size_t columns;
	const char *want;
};

static void expect_rows(const struct row *rows, size_t count, escape_fn *escape)
{
	for (size_t i = 0; i < count; i++) {
		BUF(out, 256);
		AUTO_FREE char *bytes = malloc(rows[i].n + (rows[i].n == 0));
		assert_non_null(bytes);
		memcpy(bytes, rows[i].bytes, rows[i].n);
		escape(&out, bytes, rows[i].n, rows[i].columns);
		if (strcmp(out.at, rows[i].want) != 0 || out.cut)
			fail_msg("%s: %s", rows[i].rule, out.at);
	}
}

/* clang-format off */
static const struct row text_rows[] = {
	{ "empty",                           BYTES(""),                 0, "" },
	{ "plain",                           BYTES("./collect.sh --all"), 0, "./collect.sh --all" },
	{ "newline",                         BYTES("a\nb"),             0, "a\\nb" },
	{ "tab",                             BYTES("a\tb"),             0, "a\\tb" },
	{ "backslash is doubled: no forgery", BYTES("a\\nb"),           0, "a\\\\nb" },
	{ "carriage return",                 BYTES("a\rb"),             0, "a\\x0db" },
	{ "NUL",                             BYTES("a\0b"),             0, "a\\x00b" },
	{ "ESC",                             BYTES("\033[2J"),          0, "\\x1b[2J" },
	{ "DEL",                             BYTES("\x7f"),             0, "\\x7f" },
	{ "the name that clears the screen", BYTES(") R 1 1\n(\033[2J"), 0, ") R 1 1\\n(\\x1b[2J" },
	{ "C1 as a byte",                    BYTES("\x9b" "2J"),        0, "\\x9b2J" },
	{ "C1 as UTF-8",                     BYTES("\xc2\x9b" "2J"),    0, "\\xc2\\x9b2J" },
	{ "two bytes",                       BYTES(GRUEN),              0, GRUEN },
	{ "three bytes",                     BYTES(KANJI),              0, KANJI },
	{ "four bytes",                      BYTES(SMILE),              0, SMILE },
	{ "no-break space prints",           BYTES("\xc2\xa0"),         0, "\xc2\xa0" },
	{ "bidi override",                   BYTES("a" RLO "b"),        0, "a\\xe2\\x80\\xaeb" },
	{ "bidi isolate",                    BYTES("\xe2\x81\xa6"),     0, "\\xe2\\x81\\xa6" },
	{ "Arabic letter mark",              BYTES("\xd8\x9c"),         0, "\\xd8\\x9c" },
	{ "soft hyphen",                     BYTES("\xc2\xad"),         0, "\\xc2\\xad" },
	{ "zero width space",                BYTES("\xe2\x80\x8b"),     0, "\\xe2\\x80\\x8b" },
	{ "right before zero width",         BYTES("\xe2\x80\x8a"),     0, "\xe2\x80\x8a" },
	{ "right behind LRM and RLM",        BYTES("\xe2\x80\x90"),     0, "\xe2\x80\x90" },
	{ "line separator",                  BYTES("\xe2\x80\xa8"),     0, "\\xe2\\x80\\xa8" },
	{ "byte order mark",                 BYTES("\xef\xbb\xbf"),     0, "\\xef\\xbb\\xbf" },
	{ "replacement character prints",    BYTES(FFFD),               0, FFFD },
	{ "noncharacter",                    BYTES("\xef\xbf\xbf"),     0, "\\xef\\xbf\\xbf" },
	{ "tag",                             BYTES("\xf3\xa0\x81\x81"), 0, "\\xf3\\xa0\\x81\\x81" },
	{ "the last character",              BYTES("\xf4\x8f\xbf\xbd"), 0, "\xf4\x8f\xbf\xbd" },
	{ "behind the last character",       BYTES("\xf4\x90\x80\x80"), 0, "\\xf4\\x90\\x80\\x80" },
	{ "no lead byte",                    BYTES("\xf8\x88\x80\x80\x80"), 0, "\\xf8\\x88\\x80\\x80\\x80" },
	{ "a tail without a lead",           BYTES("\x80"),             0, "\\x80" },
	{ "a lead without a tail",           BYTES("\xc3"),             0, "\\xc3" },
	{ "a lead before ASCII",             BYTES("\xc3z"),            0, "\\xc3z" },
	{ "three bytes, the third missing",  BYTES("\xe6\xbc"),         0, "\\xe6\\xbc" },
	{ "three bytes, the third wrong",    BYTES("\xe6\xbcz"),        0, "\\xe6\\xbcz" },
	{ "a lead in the very end",          BYTES("ab\xe6\xbc"),       0, "ab\\xe6\\xbc" },
	{ "overlong slash",                  BYTES("\xc0\xaf"),         0, "\\xc0\\xaf" },
	{ "overlong in three",               BYTES("\xe0\x80\xaf"),     0, "\\xe0\\x80\\xaf" },
	{ "overlong in four",                BYTES("\xf0\x80\x80\xaf"), 0, "\\xf0\\x80\\x80\\xaf" },
	{ "before the surrogates",           BYTES("\xed\x9f\xbb"),     0, "\xed\x9f\xbb" },
	{ "surrogate",                       BYTES("\xed\xa0\x80"),     0, "\\xed\\xa0\\x80" },
	{ "the last surrogate",              BYTES("\xed\xbf\xbf"),     0, "\\xed\\xbf\\xbf" },
	{ "behind the surrogates",           BYTES("\xee\x80\x80"),     0, "\xee\x80\x80" },
	{ "quotes stay",                     BYTES("it's \"x\""),       0, "it's \"x\"" },

	{ "exactly as wide",                 BYTES("abcdef"),           6, "abcdef" },
	{ "one too wide",                    BYTES("abcdefg"),          6, "abcdef..." },
	{ "one column",                      BYTES("ab"),               1, "a..." },
	{ "empty in one column",             BYTES(""),                 1, "" },
	{ "characters, not bytes, count",    BYTES(GRUEN),              4, GRUEN },
	{ "cut behind a character",          BYTES(GRUEN),              3, "gr\xc3\xbc..." },
	{ "cut before a character",          BYTES(GRUEN),              2, "gr..." },
	{ "an escape is as wide as written", BYTES("a\nb"),             4, "a\\nb" },
	{ "an escape is not cut",            BYTES("a\nb"),             2, "a..." },
	{ "a long escape is not cut",        BYTES("a\033b"),           4, "a..." },
	{ "a long escape just fits",         BYTES("a\033"),            5, "a\\x1b" },
};

static const struct row word_rows[] = {
	{ "empty is a word",                 BYTES(""),                 0, "''" },
	{ "plain",                           BYTES("./collect.sh"),     0, "./collect.sh" },
	{ "one letter",                      BYTES("a"),                0, "a" },
	{ "all that stays bare",             BYTES("azAZ09_-./:,+@"),   0, "azAZ09_-./:,+@" },
	{ "an option with a value",          BYTES("--wait=10s"),       0, "--wait=10s" },
	{ "what could be an assignment",     BYTES("A=1"),              0, "'A=1'" },
	{ "a blank",                         BYTES("a b"),              0, "'a b'" },
	{ "a job of the shell",              BYTES("%1"),               0, "'%1'" },
	{ "home",                            BYTES("~"),                0, "'~'" },
	{ "a comment",                       BYTES("#x"),               0, "'#x'" },
	{ "a variable",                      BYTES("$HOME"),            0, "'$HOME'" },
	{ "a command",                       BYTES("`x`"),              0, "'`x`'" },
	{ "history",                         BYTES("a!b"),              0, "'a!b'" },
	{ "a pattern",                       BYTES("*.c"),              0, "'*.c'" },
	{ "two commands",                    BYTES("a;b"),              0, "'a;b'" },
	{ "double quotes",                   BYTES("\"a\""),            0, "'\"a\"'" },
	{ "a single quote",                  BYTES("it's"),             0, "'it'\\''s'" },
	{ "a backslash stays itself",        BYTES("a\\nb"),            0, "'a\\nb'" },
	{ "not ASCII",                       BYTES(GRUEN),              0, "'" GRUEN "'" },
	{ "newline",                         BYTES("a\nb"),             0, "$'a\\nb'" },
	{ "newline and backslash",           BYTES("\\\n"),             0, "$'\\\\\\n'" },
	{ "newline and quote",               BYTES("'\n"),              0, "$'\\'\\n'" },
	{ "ESC",                             BYTES("\033[2J"),          0, "$'\\x1b[2J'" },
	{ "DEL",                             BYTES("\x7f"),             0, "$'\\x7f'" },
	{ "no UTF-8",                        BYTES("\xff"),             0, "$'\\xff'" },
	{ "bidi override",                   BYTES("a" RLO),            0, "$'a\\xe2\\x80\\xae'" },

	{ "bare, as wide",                   BYTES("abc"),              3, "abc" },
	{ "bare, too wide",                  BYTES("abcd"),             3, "abc..." },
	{ "quotes count",                    BYTES("a b"),              5, "'a b'" },
	{ "quotes are closed",               BYTES("a bc"),             5, "'a b'..." },
	{ "a quote is not cut",              BYTES("it's"),             6, "'it'..." },
	{ "an escape is not cut",            BYTES("a\nb"),             5, "$'a'..." },
	{ "an escape just fits",             BYTES("a\nb"),             6, "$'a\\n'..." },
	{ "the whole just fits",             BYTES("a\nb"),             7, "$'a\\nb'" },
	{ "one character in quotes",         BYTES("  "),               3, "' '..." },
	{ "no room within quotes",           BYTES("  "),               2, "..." },
	{ "no room within $''",              BYTES("\n"),               3, "..." },
	{ "no room for quotes",              BYTES(" "),                1, "..." },
	{ "empty just fits",                 BYTES(""),                 2, "''" },
	{ "empty does not fit",              BYTES(""),                 1, "..." },
};

static const struct row json_rows[] = {
	{ "empty",                           BYTES(""),                 0, "" },
	{ "plain",                           BYTES("a b~ /'"),          0, "a b~ /'" },
	{ "quote",                           BYTES("a\"b"),             0, "a\\\"b" },
	{ "backslash",                       BYTES("a\\b"),             0, "a\\\\b" },
	{ "newline",                         BYTES("a\nb"),             0, "a\\u000ab" },
	{ "NUL",                             BYTES("a\0b"),             0, "a\\u0000b" },
	{ "ESC",                             BYTES("\033"),             0, "\\u001b" },
	{ "the last control",                BYTES("\x1f "),            0, "\\u001f " },
	{ "DEL",                             BYTES("\x7f"),             0, "\\u007f" },
	{ "C1 as UTF-8",                     BYTES("\xc2\x9b"),         0, "\\u009b" },
	{ "the last C1",                     BYTES("\xc2\x9f\xc2\xa0"), 0, "\\u009f\xc2\xa0" },
	{ "UTF-8 stays",                     BYTES(GRUEN KANJI SMILE),  0, GRUEN KANJI SMILE },
	{ "each bad byte",                   BYTES("\xff\xfe" "a\x80"), 0, FFFD FFFD "a" FFFD },
	{ "C1 as a byte is no character",    BYTES("\x9b"),             0, FFFD },
	{ "a sequence cut in the middle",    BYTES("\xe6\xbc"),         0, FFFD FFFD },
	{ "a surrogate",                     BYTES("\xed\xa0\x80"),     0, FFFD FFFD FFFD },
};
/* clang-format on */

static void json_without_columns(struct buf *out, const void *bytes, size_t n, size_t columns)
{
	(void)columns;
	escape_json(out, bytes, n);
}

static void escapes_text(void **state)
{
	(void)state;
	expect_rows(text_rows, COUNT_OF(text_rows), escape_text);
}

static void escapes_words(void **state)
{
	(void)state;
	expect_rows(word_rows, COUNT_OF(word_rows), escape_word);
}

static void escapes_json(void **state)
{
	(void)state;
	expect_rows(json_rows, COUNT_OF(json_rows), json_without_columns);
}

/* ---- all of a small domain: what no table lists */

static void check_one(const char *bytes, size_t n)
{
	char back[64];
	BUF(text, 64);
	escape_text(&text, bytes, n, 0);
	assert_true(check_is_inert(text.at, text.len));
	assert_int_equal(check_unescape(text.at, text.len, back), n);
	assert_memory_equal(back, bytes, n);

	BUF(word, 64);
	escape_word(&word, bytes, n, 0);
	assert_true(check_is_inert(word.at, word.len));
	assert_int_equal(check_unquote(word.at, word.len, back), n);
	assert_memory_equal(back, bytes, n);

	BUF(json, 64);
	size_t back_n = 0;
	buf_char(&json, '"');
	escape_json(&json, bytes, n);
	buf_char(&json, '"');
	assert_ptr_equal(check_json_string(json.at, json.at + json.len, back, &back_n), json.at + json.len);
	if (check_columns(bytes, n) != SIZE_MAX) {
		assert_int_equal(back_n, n);
		assert_memory_equal(back, bytes, n);
	}
}

/* Inert and reversible for every pair of bytes, and every pair behind the leads of longer sequences. */
static void holds_for_every_pair_of_bytes(void **state)
{
	(void)state;
	static const char *const before[] = { "",         "\xe2",     "\xe0",     "\xed",
					      "\xef\xbf", "\xf0\x9f", "\xf4\x8f", "-" };
	for (size_t b = 0; b < COUNT_OF(before); b++) {
		size_t n = strlen(before[b]);
		for (unsigned pair = 0; pair < 65536; pair++) {
			char bytes[8];
			memcpy(bytes, before[b], n);
			bytes[n] = (char)(pair >> 8);
			bytes[n + 1] = (char)(pair & 0xff);
			check_one(bytes, n + 2);
			if (pair < 256)
				check_one(bytes + 1, n + 1);
		}
	}
}

static size_t encode(uint32_t point, char *out)
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)(n == 1 ? point : (0xf00U >> n & 0xff) | point);
	return n;
}

/* Every code point that is shown as it is takes one column and is no control. */
static void every_character_is_shown_or_escaped(void **state)
{
	(void)state;
	size_t raw = 0;
	for (uint32_t point = 0; point <= 0x110000; point++) {
		char bytes[4];
		size_t n = encode(point, bytes);
		BUF(out, 32);
		escape_text(&out, bytes, n, 0);
		if (!check_is_inert(out.at, out.len))
			fail_msg("U+%04X: %s", point, out.at);
		raw += out.len == n && memcmp(out.at, bytes, n) == 0;
		assert_int_equal(check_unescape(out.at, out.len, out.at), n);
	}
	/* All but the surrogates, what the table of escape.c hides, C0 with DEL, and the backslash. */
	assert_int_equal(raw, 0x110000 - 0x800 - 4245 - 33 - 1);
}

/* At every number of columns: at most so many, inert, and a beginning of the whole. */
static void keeps_to_its_columns(void **state)
{
	(void)state;
	static const char bytes[] = "a b'\n\033" GRUEN "\xff\\" KANJI RLO SMILE "x";
	BUF(whole, 256);
	escape_text(&whole, bytes, sizeof(bytes), 0);
	for (size_t columns = 1; columns < 80; columns++) {
		BUF(text, 256);
		escape_text(&text, bytes, sizeof(bytes), columns);
		bool is_cut = strcmp(text.at, whole.at) != 0;
		size_t kept = is_cut ? text.len - 3 : text.len;
		assert_true(check_is_inert(text.at, text.len));
		assert_true(check_columns(text.at, kept) <= columns);
		assert_memory_equal(text.at, whole.at, kept);
		assert_int_equal(is_cut, check_columns(whole.at, whole.len) > columns);
		if (is_cut)
			assert_string_equal(text.at + kept, "...");

		BUF(word, 256);
		char back[256];
		escape_word(&word, bytes, sizeof(bytes), columns);
		is_cut = word.len >= 3 && strcmp(word.at + word.len - 3, "...") == 0;
		kept = is_cut ? word.len - 3 : word.len;
		assert_true(check_is_inert(word.at, word.len));
		assert_true(check_columns(word.at, kept) <= columns);
		if (kept > 0) {
			size_t n = check_unquote(word.at, kept, back);
			assert_true(n <= sizeof(bytes));
			assert_memory_equal(back, bytes, n);
		}
	}
}

/* At every capacity: cut is said, and what stands there is whole characters and whole escapes. */
static void leaves_nothing_half_when_out_is_full(void **state)
{
	(void)state;
	static const char bytes[] = "a\n\033" GRUEN "\xff\\\"'" KANJI RLO SMILE "x";
	static escape_fn *const functions[] = { escape_text, escape_word, json_without_columns };
	for (size_t f = 0; f < COUNT_OF(functions); f++) {
		BUF(whole, 256);
		functions[f](&whole, bytes, sizeof(bytes), 0);
		for (size_t cap = 1; cap <= whole.len + 2; cap++) {
			AUTO_FREE char *at = malloc(cap);
			struct buf out;
			char back[256];
			assert_non_null(at);
			buf_init(&out, at, cap);
			functions[f](&out, bytes, sizeof(bytes), 0);
			assert_int_equal(out.cut, cap <= whole.len);
			assert_int_equal(strlen(out.at), out.len);
			assert_true(check_is_inert(out.at, out.len) || f == 2);
			assert_true(check_columns(out.at, out.len) != SIZE_MAX);
			if (f == 0)
				assert_true(check_unescape(out.at, out.len, back) <= sizeof(bytes));
			if (f != 1) /* nothing behind a gap; a word has its closing quote there */
				assert_memory_equal(out.at, whole.at, out.len);
			if (f != 2)
				continue;
			BUF(quoted, 256);
			buf_char(&quoted, '"');
			buf_str(&quoted, out.at);
			buf_char(&quoted, '"');
			assert_non_null(check_json_string(quoted.at, quoted.at + quoted.len, NULL, NULL));
		}
	}
}

/* ---- names of files */

#define TEN   "abcdefghij"
#define FIFTY TEN TEN TEN TEN TEN

/* clang-format off */
static const struct {
	const char *rule;
	const char *name;
	int result;
	const char *file;
} name_rows[] = {
	{ "plain",                        "nightly",       0, "nightly" },
	{ "all that stays",               "azAZ09_-",      0, "azAZ09_-" },
	{ "a dot",                        "a.b",           0, "a%2Eb" },
	{ "dots cannot climb",            "../x",          0, "%2E%2E%2Fx" },
	{ "the folder itself",            ".",             0, "%2E" },
	{ "the percent sign",             "100%",          0, "100%25" },
	{ "what looks encoded",           "%2E",           0, "%252E" },
	{ "a format",                     "%s",            0, "%25s" },
	{ "newline",                      "a\nb",          0, "a%0Ab" },
	{ "bytes that are no UTF-8",      "\xff\x80",      0, "%FF%80" },
	{ "bytes around the ranges",      "/:@[`{^~",      0, "%2F%3A%40%5B%60%7B%5E%7E" },
	{ "empty",                        "",              -EINVAL, "" },
	{ "200 bytes",                    FIFTY FIFTY FIFTY FIFTY, 0, FIFTY FIFTY FIFTY FIFTY },
	{ "201 bytes",                    FIFTY FIFTY FIFTY FIFTY "a", -ENAMETOOLONG, "" },
	{ "far too long",                 FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY, -ENAMETOOLONG, "" },
	{ "200 bytes when encoded",       FIFTY FIFTY FIFTY TEN TEN TEN TEN "abcdefg.", 0,
	  FIFTY FIFTY FIFTY TEN TEN TEN TEN "abcdefg%2E" },
	{ "201 bytes when encoded",       FIFTY FIFTY FIFTY TEN TEN TEN TEN "abcdefgh.", -ENAMETOOLONG, "" },
};

static const struct {
	const char *rule;
	const char *file;
} foreign_files[] = {
	{ "empty",                        "" },
	{ "a dot: hidden or temporary",   ".x" },
	{ "a dot within",                 "x.tmp" },
	{ "a byte that is encoded",       "a b" },
	{ "a letter encoded",             "%41" },
	{ "a digit encoded",              "%30" },
	{ "a dash encoded",               "%2D" },
	{ "small hex",                    "%2e" },
	{ "NUL",                          "a%00" },
	{ "no hex",                       "%G0" },
	{ "no hex, second digit",         "%2G" },
	{ "hex between 9 and A",          "%2@" },
	{ "a percent sign in the end",    "a%" },
	{ "one digit in the end",         "a%2" },
	{ "201 bytes",                    FIFTY FIFTY FIFTY FIFTY "a" },
};
/* clang-format on */

static void names_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(name_rows); i++) {
		char file[ESCAPE_NAME_MAX + 1] = "", name[ESCAPE_NAME_MAX + 1];
		int result = escape_name(name_rows[i].name, file);
		if (result != name_rows[i].result || strcmp(file, name_rows[i].file) != 0)
			fail_msg("%s: %d %s", name_rows[i].rule, result, file);
		if (result < 0)
			continue;
		assert_int_equal(unescape_name(file, name), 0);
		assert_string_equal(name, name_rows[i].name);
	}
}

static void refuses_files_of_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(foreign_files); i++) {
		char name[ESCAPE_NAME_MAX + 1] = "untouched";
		int result = unescape_name(foreign_files[i].file, name);
		if (result != -EINVAL || strcmp(name, "untouched") != 0)
			fail_msg("%s: %d %s", foreign_files[i].rule, result, name);
	}
}

/*
 * Every name of one and two bytes comes back from its file.  So no two of
 * them meet: each file leads to one name only.
 */
static void every_short_name_comes_back(void **state)
{
	(void)state;
	for (unsigned pair = 1; pair < 65536; pair++) {
		char name[3] = { (char)(pair & 0xff), (char)(pair >> 8), '\0' };
		char file[ESCAPE_NAME_MAX + 1], back[ESCAPE_NAME_MAX + 1];
		if (name[0] == '\0')
			continue;
		assert_int_equal(escape_name(name, file), 0);
		for (const char *at = file; *at; at++)
			assert_true(check_hex((char)(*at | 0x20)) >= 0 || strchr("%-_", *at) ||
				    ((*at | 0x20) >= 'g' && (*at | 0x20) <= 'z'));
		assert_int_equal(unescape_name(file, back), 0);
		assert_string_equal(back, name);
	}
}

/* And the other way: a file of four bytes that is read as a name is the file of that name. */
static void every_short_file_has_one_name(void **state)
{
	(void)state;
	static const char bytes[] = "%0129AEFGaefgz._-/";
	size_t base = sizeof(bytes);
	for (size_t code = 0; code < base * base * base * base; code++) {
		char file[5], name[ESCAPE_NAME_MAX + 1], back[ESCAPE_NAME_MAX + 1];
		size_t rest = code;
		for (size_t i = 0; i < 4; i++, rest /= base)
			file[i] = bytes[rest % base];
		file[4] = '\0';
		if (unescape_name(file, name) < 0)
			continue;
		assert_int_equal(escape_name(name, back), 0);
		assert_string_equal(back, file);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_text),
		cmocka_unit_test(escapes_words),
		cmocka_unit_test(escapes_json),
		cmocka_unit_test(holds_for_every_pair_of_bytes),
		cmocka_unit_test(every_character_is_shown_or_escaped),
		cmocka_unit_test(keeps_to_its_columns),
		cmocka_unit_test(leaves_nothing_half_when_out_is_full),
		cmocka_unit_test(names_files),
		cmocka_unit_test(refuses_files_of_others),
		cmocka_unit_test(every_short_name_comes_back),
		cmocka_unit_test(every_short_file_has_one_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
