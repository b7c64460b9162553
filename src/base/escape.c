#include "base/escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"

static const char hex_small[] = "0123456789abcdef";
static const char hex_large[] = "0123456789ABCDEF";

/*
 * What a terminal acts on, or does not show, so that two texts that differ
 * look alike: C1, bidi controls (CVE-2021-42574), Default_Ignorable_Code_Point
 * of Unicode 15, line separators, interlinear marks, noncharacters of the BMP.
 */
/* clang-format off */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x00080, 0x0009f }, /* C1 */
	{ 0x000ad, 0x000ad }, /* soft hyphen */
	{ 0x0034f, 0x0034f }, /* grapheme joiner */
	{ 0x0061c, 0x0061c }, /* Arabic letter mark */
	{ 0x0115f, 0x01160 }, /* Hangul fillers */
	{ 0x017b4, 0x017b5 }, /* Khmer inherent vowels */
	{ 0x0180b, 0x0180f }, /* Mongolian selectors */
	{ 0x0200b, 0x0200f }, /* zero width, LRM, RLM */
	{ 0x02028, 0x0202e }, /* line separators, bidi */
	{ 0x02060, 0x0206f }, /* word joiner, bidi isolates */
	{ 0x03164, 0x03164 }, /* Hangul filler */
	{ 0x0fdd0, 0x0fdef }, /* noncharacters */
	{ 0x0fe00, 0x0fe0f }, /* variation selectors */
	{ 0x0feff, 0x0feff }, /* byte order mark */
	{ 0x0ffa0, 0x0ffa0 }, /* Hangul filler */
	{ 0x0fff0, 0x0fffb }, /* unassigned, interlinear */
	{ 0x0fffe, 0x0ffff }, /* noncharacters */
	{ 0x1bca0, 0x1bca3 }, /* shorthand */
	{ 0x1d173, 0x1d17a }, /* musical */
	{ 0xe0000, 0xe0fff }, /* tags, variation selectors */
};
/* clang-format on */

static bool is_hidden(uint32_t point)
{
	for (size_t i = 0; i < COUNT_OF(hidden) && point >= hidden[i].first; i++) {
		if (point <= hidden[i].last)
			return true;
	}
	return false;
}

static bool is_tail(unsigned char b)
{
	return (b & 0xc0) == 0x80;
}

/*
 * Length of the UTF-8 sequence at `at`, 0 if the first byte starts none:
 * no overlong form, no surrogate, nothing above U+10FFFF.
 */
static size_t utf8_length(const unsigned char *at, size_t n, uint32_t *out_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (length == 0 || length > n || at[0] > 0xf4)
		return 0;
	uint32_t point = length == 1 ? at[0] : at[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if (!is_tail(at[i]))
			return 0;
		point = point << 6 | (at[i] & 0x3fU);
	}
	if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*out_point = point;
	return length;
}

/* Whole or not at all: half an escape, or half a character, would be a new one. */
static bool put(struct buf *out, const void *bytes, size_t n)
{
	if (n > out->cap - 1 - out->len) {
		out->cut = true;
		return false;
	}
	buf_mem(out, bytes, n);
	return true;
}

/* How the text is read back. */
enum style {
	STYLE_TEXT,   /* by people */
	STYLE_BARE,   /* by a shell, as it stands */
	STYLE_QUOTED, /* by a shell, within '...' */
	STYLE_DOLLAR, /* by a shell, within $'...' */
};

/* The smallest thing that is written or left out as a whole. */
struct unit {
	char text[4];
	size_t n;
	size_t columns;
};

static void unit_set(struct unit *u, const void *text, size_t n)
{
	memcpy(u->text, text, n);
	u->n = n;
	u->columns = n;
}

static void unit_set_hex(struct unit *u, unsigned char b)
{
	const char text[] = { '\\', 'x', hex_small[b >> 4], hex_small[b & 0xf] };
	unit_set(u, text, sizeof(text));
}

/* Turn what stands at `at` into a unit; returns how many bytes it stands for. */
static size_t unit_take(struct unit *u, enum style style, const unsigned char *at, size_t n)
{
	uint32_t point;
	size_t length = utf8_length(at, n, &point);
	if (length > 1 && !is_hidden(point)) {
		unit_set(u, at, length);
		u->columns = 1;
		return length;
	}
	/* One byte.  The tails of a hidden sequence come next and start no sequence: \x each. */
	if (at[0] == '\n')
		unit_set(u, "\\n", 2);
	else if (at[0] == '\t')
		unit_set(u, "\\t", 2);
	else if (at[0] < 0x20 || at[0] >= 0x7f)
		unit_set_hex(u, at[0]);
	else if (at[0] == '\\' && style != STYLE_QUOTED)
		unit_set(u, "\\\\", 2);
	else if (at[0] == '\'' && style == STYLE_QUOTED)
		unit_set(u, "'\\''", 4);
	else if (at[0] == '\'' && style == STYLE_DOLLAR)
		unit_set(u, "\\'", 2);
	else
		unit_set(u, at, 1);
	return 1;
}

/*
 * Write units, at most `columns` wide together.  False: there was more than
 * that; what `out` could not hold shows in `out->cut`.
 */
static bool put_units(struct buf *out, enum style style, const unsigned char *at, size_t n, size_t columns)
{
	size_t used = 0;
	for (size_t i = 0; i < n;) {
		struct unit u;
		i += unit_take(&u, style, at + i, n - i);
		used += u.columns;
		if (used > columns)
			return false;
		if (!put(out, u.text, u.n))
			break;
	}
	return true;
}

static void put_limited(struct buf *out, enum style style, const unsigned char *at, size_t n, size_t columns)
{
	if (!put_units(out, style, at, n, columns ? columns : SIZE_MAX))
		buf_str(out, "...");
}

void escape_text(struct buf *out, const void *bytes, size_t n, size_t columns)
{
	put_limited(out, STYLE_TEXT, bytes, n, columns);
}

static bool is_alnum(unsigned char b)
{
	return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9');
}

/* `=` too, but not where NAME=VALUE could be an assignment; not `%`: %1 is a job. */
static bool is_bare(unsigned char b, bool is_option)
{
	static const char safe[] = { '_', '-', '.', '/', ':', ',', '+', '@' };
	return is_alnum(b) || memchr(safe, b, sizeof(safe)) || (b == '=' && is_option);
}

static enum style style_of(const unsigned char *at, size_t n)
{
	enum style style = n > 0 ? STYLE_BARE : STYLE_QUOTED;
	for (size_t i = 0; i < n;) {
		uint32_t point;
		size_t length = utf8_length(at + i, n - i, &point);
		if (length == 0 || point < 0x20 || point == 0x7f || is_hidden(point))
			return STYLE_DOLLAR;
		if (!is_bare(at[i], at[0] == '-'))
			style = STYLE_QUOTED;
		i += length;
	}
	return style;
}

void escape_word(struct buf *out, const void *bytes, size_t n, size_t columns)
{
	enum style style = style_of(bytes, n);
	if (style == STYLE_BARE) {
		put_limited(out, style, bytes, n, columns);
		return;
	}
	size_t quotes = style == STYLE_QUOTED ? 2 : 3; /* '' or $'' */
	if (columns > 0 && columns < quotes + (n > 0 ? 1 : 0)) {
		buf_str(out, "..."); /* no room for anything between them */
		return;
	}
	buf_str(out, style == STYLE_QUOTED ? "'" : "$'");
	bool is_whole = put_units(out, style, bytes, n, columns ? columns - quotes : SIZE_MAX);
	buf_str(out, is_whole ? "'" : "'...");
}

/* The JSON form of an ASCII byte or C1 control that must not stand raw. */
static bool put_json_escape(struct buf *out, uint32_t point)
{
	if (point == '"' || point == '\\') {
		const char pair[] = { '\\', (char)point };
		return put(out, pair, sizeof(pair));
	}
	const char code[] = { '\\', 'u', '0', '0', hex_small[point >> 4], hex_small[point & 0xf] };
	return put(out, code, sizeof(code));
}

static bool is_plain_json(unsigned char b)
{
	return b >= 0x20 && b < 0x7f && b != '"' && b != '\\';
}

void escape_json(struct buf *out, const void *bytes, size_t n)
{
	const unsigned char *at = bytes;
	bool fits = true;
	for (size_t i = 0; i < n && fits;) {
		size_t run = i;
		while (run < n && is_plain_json(at[run]))
			run++;
		if (run > i) {
			buf_mem(out, at + i, run - i);
			i = run;
			continue;
		}
		uint32_t point;
		size_t length = utf8_length(at + i, n - i, &point);
		if (length == 0)
			fits = put(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		else if (point >= 0xa0)
			fits = put(out, at + i, length);
		else
			fits = put_json_escape(out, point);
		i += length > 0 ? length : 1;
	}
}

static bool is_name_byte(unsigned char b)
{
	return is_alnum(b) || b == '_' || b == '-';
}

int escape_name(const char *name, char *out)
{
	size_t n = 0;
	for (const char *at = name; *at != '\0' && n <= ESCAPE_NAME_MAX; at++)
		n += is_name_byte((unsigned char)*at) ? 1 : 3;
	if (n == 0)
		return -EINVAL;
	if (n > ESCAPE_NAME_MAX)
		return -ENAMETOOLONG;
	for (const char *at = name; *at != '\0'; at++) {
		unsigned char b = (unsigned char)*at;
		if (is_name_byte(b)) {
			*out++ = *at;
			continue;
		}
		*out++ = '%';
		*out++ = hex_large[b >> 4];
		*out++ = hex_large[b & 0xf];
	}
	*out = '\0';
	return 0;
}

/* Value of a digit as escape_name writes it, -1 for anything else. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte behind `%`, 0 for what escape_name would not have written: one name, one file. */
static unsigned char unescape_byte(const char *digits)
{
	int high = hex_value(digits[0]);
	int low = high < 0 ? -1 : hex_value(digits[1]);
	if (low < 0)
		return 0;
	unsigned char b = (unsigned char)(high * 16 + low);
	return is_name_byte(b) ? 0 : b;
}

int unescape_name(const char *file, char *out)
{
	char name[ESCAPE_NAME_MAX];
	size_t n = 0;
	size_t length = strnlen(file, ESCAPE_NAME_MAX + 1);
	if (length == 0 || length > ESCAPE_NAME_MAX)
		return -EINVAL;
	for (const char *at = file; *at != '\0'; at++) {
		unsigned char b = (unsigned char)*at;
		if (b == '%') {
			b = unescape_byte(at + 1);
			at += 2;
			if (b == 0)
				return -EINVAL;
		} else if (!is_name_byte(b)) {
			return -EINVAL;
		}
		name[n++] = (char)b;
	}
	memcpy(out, name, n);
	out[n] = '\0';
	return 0;
}
