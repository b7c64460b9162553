/*
 * Readers of what base/escape and codec/json_write wrote, for unit tests and
 * fuzz targets.  Written from the standards, not from our code, so that one
 * error is not made twice.
 */
#ifndef SG_FUZZ_CHECK_TEXT_H
#define SG_FUZZ_CHECK_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Unicode 15, table 3-7: well-formed UTF-8, by first byte and the range of the second. */
/* clang-format off */
static const struct {
	unsigned char first, last, low, high;
	unsigned length;
} check_utf8_rows[] = {
	{ 0x00, 0x7f, 0x00, 0x00, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};
/* clang-format on */

/* Length of the well-formed sequence at `text`, 0 if there is none. */
static inline size_t check_utf8(const char *text, size_t n, uint32_t *out_point)
{
	const unsigned char *at = (const unsigned char *)text;
	for (size_t i = 0; n > 0 && i < sizeof(check_utf8_rows) / sizeof(check_utf8_rows[0]); i++) {
		unsigned length = check_utf8_rows[i].length;
		if (at[0] < check_utf8_rows[i].first || at[0] > check_utf8_rows[i].last || n < length)
			continue;
		if (length > 1 && (at[1] < check_utf8_rows[i].low || at[1] > check_utf8_rows[i].high))
			return 0;
		uint32_t point = length == 1 ? at[0] : at[0] & (0xffU >> (length + 1));
		for (unsigned k = 1; k < length; k++) {
			if (at[k] < 0x80 || at[k] > 0xbf)
				return 0;
			point = point * 64 + (at[k] - 0x80U);
		}
		*out_point = point;
		return length;
	}
	return 0;
}

/* How many characters `text` has; SIZE_MAX if it is not UTF-8. */
static inline size_t check_columns(const char *text, size_t n)
{
	size_t columns = 0;
	for (size_t i = 0; i < n; columns++) {
		uint32_t point;
		size_t length = check_utf8(text + i, n - i, &point);
		if (length == 0)
			return SIZE_MAX;
		i += length;
	}
	return columns;
}

/* No control of any kind reaches the terminal: C0, DEL, C1, bidi, zero width, line separators. */
static inline bool check_is_inert(const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t p;
		size_t length = check_utf8(text + i, n - i, &p);
		if (length == 0 || p < 0x20 || (p >= 0x7f && p < 0xa0) || p == 0xad || p == 0x61c)
			return false;
		if ((p >= 0x200b && p <= 0x200f) || (p >= 0x2028 && p <= 0x202e) ||
		    (p >= 0x2060 && p <= 0x206f) || p == 0xfeff || (p >= 0xe0000 && p <= 0xe0fff))
			return false;
		i += length;
	}
	return true;
}

static inline int check_hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* One of \n \t \\ \' \xHH at `*at`; -1 for anything else. */
static inline int check_backslash(const char **at, const char *end)
{
	const char *p = *at + 1;
	if (p >= end)
		return -1;
	*at = p + 1;
	if (*p == 'n' || *p == 't')
		return *p == 'n' ? '\n' : '\t';
	if (*p == '\\' || *p == '\'')
		return *p;
	if (*p != 'x' || end - p < 3 || check_hex(p[1]) < 0 || check_hex(p[2]) < 0)
		return -1;
	*at = p + 3;
	return check_hex(p[1]) * 16 + check_hex(p[2]);
}

/* Undo escape_text.  `out` has room for `n` bytes; SIZE_MAX: no such text. */
static inline size_t check_unescape(const char *text, size_t n, char *out)
{
	size_t count = 0;
	for (const char *at = text, *end = text + n; at < end;) {
		int c = *at == '\\' ? check_backslash(&at, end) : (unsigned char)*at++;
		if (c < 0)
			return SIZE_MAX;
		out[count++] = (char)c;
	}
	return count;
}

/*
 * The word that a shell makes of `text`: XCU 2.2, as far as escape_word uses
 * it.  `out` has room for `n` bytes; SIZE_MAX: not exactly one word, or
 * something in it would be expanded.
 */
static inline size_t check_unquote(const char *text, size_t n, char *out)
{
	size_t count = 0;
	const char *end = text + n;
	if (n == 0)
		return SIZE_MAX;
	for (const char *at = text; at < end;) {
		if (*at == '\\' && end - at > 1 && at[1] == '\'') {
			out[count++] = '\'';
			at += 2;
		} else if (*at == '\'' || (*at == '$' && end - at > 1 && at[1] == '\'')) {
			bool is_dollar = *at == '$';
			at += is_dollar ? 2 : 1;
			while (at < end && *at != '\'') {
				int c = is_dollar && *at == '\\' ? check_backslash(&at, end)
								 : (unsigned char)*at++;
				if (c < 0)
					return SIZE_MAX;
				out[count++] = (char)c;
			}
			if (at++ == end)
				return SIZE_MAX;
		} else if (*at > ' ' && *at < 0x7f && !strchr("|&;<>()$`\\\"'*?[]#~%!{}^", *at)) {
			out[count++] = *at++;
		} else {
			return SIZE_MAX;
		}
	}
	return count;
}

/* One JSON string (RFC 8259) at `text`; returns its end or NULL.  `out` may be NULL; \u00XX gives one byte.
 */
static inline const char *check_json_string(const char *text, const char *end, char *out, size_t *out_n)
{
	size_t count = 0;
	const char *at = text;
	if (at >= end || *at++ != '"')
		return NULL;
	while (at < end && *at != '"') {
		uint32_t point;
		size_t length = check_utf8(at, (size_t)(end - at), &point);
		if (length == 0 || point < 0x20)
			return NULL;
		if (*at != '\\') {
			for (; length > 0; length--, at++, count++) {
				if (out)
					out[count] = *at;
			}
			continue;
		}
		int c = -1;
		if (end - at >= 2 && (at[1] == '"' || at[1] == '\\')) {
			c = at[1];
			at += 2;
		} else if (end - at >= 6 && memcmp(at, "\\u00", 4) == 0 && check_hex(at[4]) >= 0 &&
			   check_hex(at[5]) >= 0) {
			c = check_hex(at[4]) * 16 + check_hex(at[5]);
			at += 6;
		}
		if (c < 0)
			return NULL;
		if (c >= 0x80) { /* a character again, not a byte */
			if (out)
				out[count] = (char)(0xc0 | c >> 6);
			count++;
			c = 0x80 | (c & 0x3f);
		}
		if (out)
			out[count] = (char)c;
		count++;
	}
	if (out_n)
		*out_n = count;
	return at < end ? at + 1 : NULL;
}

static inline const char *check_json_digits(const char *at, const char *end)
{
	const char *start = at;
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at > start ? at : NULL;
}

static inline const char *check_json_number(const char *at, const char *end)
{
	if (at < end && *at == '-')
		at++;
	const char *start = at;
	at = check_json_digits(at, end);
	if (!at || (*start == '0' && at - start > 1)) /* 01 is no number */
		return NULL;
	return at < end && *at == '.' ? check_json_digits(at + 1, end) : at;
}

static inline const char *check_json_scalar(const char *at, const char *end)
{
	static const char *const words[] = { "true", "false", "null" };
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(end - at) >= n && memcmp(at, words[i], n) == 0)
			return at + n;
	}
	return *at == '"' ? check_json_string(at, end, NULL, NULL) : check_json_number(at, end);
}

/* Is `text` one JSON value, without blanks, at most 31 deep? */
static inline bool check_json(const char *text, size_t n)
{
	char closing[32];
	size_t depth = 0;
	bool is_empty = false; /* just opened: a bracket may close it at once */
	const char *end = text + n;
	for (const char *at = text; at < end;) {
		if (!is_empty || *at != closing[depth - 1]) {
			if (depth > 0 && closing[depth - 1] == '}') {
				at = check_json_string(at, end, NULL, NULL);
				if (!at || at >= end || *at++ != ':' || at >= end)
					return false;
			}
			is_empty = *at == '{' || *at == '[';
			if (is_empty) {
				if (depth == sizeof(closing))
					return false;
				closing[depth++] = *at++ == '{' ? '}' : ']';
				continue;
			}
			at = check_json_scalar(at, end);
			if (!at)
				return false;
		}
		is_empty = false;
		while (depth > 0 && at < end && *at == closing[depth - 1]) {
			at++;
			depth--;
		}
		if (depth == 0)
			return at == end;
		if (at >= end || *at++ != ',')
			return false;
	}
	return false;
}

#endif
