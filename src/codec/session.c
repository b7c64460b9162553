#include "codec/session.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/word.h"

#define CHECK_DIGITS 8
#define SUMMARY_MAX  200
#define EMPTY        "%-" /* the word that has no bytes */
#define NUMBER_MAX   24

enum field_type { FIELD_TEXT, FIELD_STRING, FIELD_U64, FIELD_U32, FIELD_BOOL };

#define AT(field) offsetof(struct session_line, field)
/* clang-format off */
static const struct field {
	char letter;
	enum field_type type;
	size_t at, most; /* of a string: it is cut to so many bytes */
} fields[] = {
	{ 't', FIELD_TEXT,   AT(text),        0 },
	{ 'n', FIELD_U64,    AT(number),      0 },
	{ 'w', FIELD_U64,    AT(wall_ns),     0 },
	{ 'b', FIELD_U64,    AT(boot_ns),     0 },
	{ 'i', FIELD_U32,    AT(item),        0 },
	{ 'a', FIELD_U32,    AT(attempt),     0 },
	{ 'p', FIELD_U32,    AT(pid),         0 },
	{ 'c', FIELD_STRING, AT(came_to),     32 },
	{ 'o', FIELD_STRING, AT(outcome),     32 },
	{ 'x', FIELD_U32,    AT(exit_status), 0 },
	{ 'f', FIELD_U64,    AT(print),       0 },
	{ 'k', FIELD_U64,    AT(took_ns),     0 },
	{ 'y', FIELD_U64,    AT(yield),       0 },
	{ 'm', FIELD_BOOL,   AT(is_micro),    0 },
	{ 'r', FIELD_STRING, AT(reason),      32 },
	{ 'd', FIELD_STRING, AT(run_id),      64 },
	{ 'u', FIELD_U64,    AT(passed_ns),   0 },
	{ 's', FIELD_STRING, AT(summary),     SUMMARY_MAX },
};

/* Each kind and the letters of what stands behind it. */
static const struct kind {
	const char *name, *letters;
} kinds[] = {
	[SESSION_FIRST]  = { "spawnguard-batch", "n" },
	[SESSION_NAME]   = { "name",   "t" },
	[SESSION_DIR]    = { "dir",    "t" },
	[SESSION_OPTION] = { "option", "t" },
	[SESSION_WORD]   = { "word",   "t" },
	[SESSION_ITEM]   = { "item",   "t" },
	[SESSION_READY]  = { "ready",  "n" },
	[SESSION_SIT]    = { "sit",    "w" },
	[SESSION_RUN]    = { "run",    "iapb" },
	[SESSION_END]    = { "end",    "iacoxfkymrdus" },
	[SESSION_OVER]   = { "over",   "t" },
};
/* clang-format on */
static_assert(COUNT_OF(kinds) == SESSION_KIND_COUNT, "one row for each kind");

static const struct field *field_of(char letter)
{
	size_t i = 0;

	while (fields[i].letter != letter)
		i++;
	return &fields[i];
}

/* Stands in a word as it is. */
static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f && c != '%';
}

static void put_word(struct buf *out, const char *text, size_t n)
{
	buf_str(out, n == 0 ? EMPTY : "");
	for (size_t i = 0; i < n; i++) {
		if (is_plain(text[i])) {
			buf_char(out, text[i]);
			continue;
		}
		buf_char(out, '%');
		buf_hex(out, (unsigned char)text[i], 2);
	}
}

static void put_field(struct buf *out, const struct session_line *line, const struct field *f)
{
	const void *at = (const char *)line + f->at;

	buf_char(out, ' ');
	if (f->type == FIELD_TEXT)
		put_word(out, line->text, line->n);
	else if (f->type == FIELD_STRING)
		put_word(out, *(char *const *)at,
			 *(char *const *)at ? strnlen(*(char *const *)at, f->most) : 0);
	else if (f->type == FIELD_U64)
		buf_u64(out, *(const uint64_t *)at);
	else if (f->type == FIELD_U32)
		buf_u64(out, *(const uint32_t *)at);
	else
		buf_u64(out, *(const bool *)at);
}

void session_format(struct buf *out, const struct session_line *line)
{
	BUF(check, CHECK_DIGITS + 1);

	buf_char(out, '\n');
	size_t at = out->len;
	buf_str(out, "00000000 ");
	size_t from = out->len;
	buf_str(out, kinds[line->kind].name);
	for (const char *letter = kinds[line->kind].letters; *letter; letter++)
		put_field(out, line, field_of(*letter));
	if (!out->cut) {
		buf_hex(&check, hash_crc32(0, out->at + from, out->len - from), CHECK_DIGITS);
		memcpy(out->at + at, check.at, CHECK_DIGITS);
	}
	buf_char(out, '\n');
}

/* --- and back ------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* [word, end) in place: what comes out is never longer.  Its length, -1: not what put_word writes. */
static long decode(char *word, const char *end)
{
	char *to = word;

	if ((size_t)(end - word) == strlen(EMPTY) && memcmp(word, EMPTY, strlen(EMPTY)) == 0)
		return 0;
	for (const char *at = word; at < end; at++) {
		if (!is_plain(*at) && *at != '%')
			return -1;
		if (*at != '%') {
			*to++ = *at;
			continue;
		}
		if (end - at < 3 || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0)
			return -1;
		char c = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
		if (c == '\0')
			return -1;
		*to++ = c;
		at += 2;
	}
	return to > word ? to - word : -1;
}

/* The next word of [*at, end), which is ended by a NUL.  The byte behind `end` is ours. */
static bool take_word(char **at, char *end, char **out_word, size_t *out_n)
{
	if (*at >= end)
		return false;
	char *word = *at, *blank = memchr(word, ' ', (size_t)(end - word));
	char *stop = blank ? blank : end;
	long n = decode(word, stop);
	if (n < 0)
		return false;
	word[n] = '\0';
	*at = stop + 1;
	*out_word = word;
	*out_n = (size_t)n;
	return true;
}

static bool take_number(char **at, char *end, uint64_t most, uint64_t *out)
{
	char *word;
	size_t n;

	if (!take_word(at, end, &word, &n))
		return false;
	const char *from = word;
	return n > 0 && n < NUMBER_MAX && word_take_u64(&from, word + n, out) && from == word + n &&
	       *out <= most;
}

static bool take_field(char **at, char *end, struct session_line *line, const struct field *f)
{
	void *to = (char *)line + f->at;
	uint64_t number;
	size_t n;

	if (f->type == FIELD_TEXT)
		return take_word(at, end, &line->text, &line->n);
	if (f->type == FIELD_STRING)
		return take_word(at, end, to, &n);
	uint64_t most = f->type == FIELD_U64 ? UINT64_MAX : f->type == FIELD_U32 ? UINT32_MAX : 1;
	if (!take_number(at, end, most, &number))
		return false;
	if (f->type == FIELD_U64)
		*(uint64_t *)to = number;
	else if (f->type == FIELD_U32)
		*(uint32_t *)to = (uint32_t)number;
	else
		*(bool *)to = number != 0;
	return true;
}

/* Behind the check; the byte behind `end` is ours. */
static bool parse(char *at, char *end, struct session_line *out)
{
	struct session_line line = { 0 };
	size_t n, kind = 0;
	char *name;

	if (!take_word(&at, end, &name, &n))
		return false;
	while (kind < SESSION_KIND_COUNT && strcmp(kinds[kind].name, name) != 0)
		kind++;
	if (kind == SESSION_KIND_COUNT)
		return false;
	line.kind = (enum session_kind)kind;
	for (const char *letter = kinds[kind].letters; *letter; letter++)
		if (!take_field(&at, end, &line, field_of(*letter)))
			return false;
	if (at < end || (line.kind == SESSION_FIRST && line.number != SESSION_VERSION))
		return false;
	*out = line;
	return true;
}

bool session_next(char **at, const char *end, struct session_line *out_line, uint32_t *damaged)
{
	BUF(check, CHECK_DIGITS + 1);

	while (*at < end) {
		char *line = *at, *newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline) { /* torn */
			*at += end - line;
			++*damaged;
			return false;
		}
		*at = newline + 1;
		if (newline == line)
			continue;
		buf_clear(&check);
		char *body = line + CHECK_DIGITS + 1;
		if (body < newline)
			buf_hex(&check, hash_crc32(0, body, (size_t)(newline - body)), CHECK_DIGITS);
		if (body < newline && memcmp(line, check.at, CHECK_DIGITS) == 0 && body[-1] == ' ' &&
		    parse(body, newline, out_line))
			return true;
		++*damaged;
	}
	return false;
}
