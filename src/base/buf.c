#include "base/buf.h"

#include <string.h>

#define U64_DIGITS 20

void buf_init(struct buf *b, char *at, size_t cap)
{
	b->at = at;
	b->cap = cap;
	buf_clear(b);
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->cut = false;
	b->at[0] = '\0';
}

void buf_mem(struct buf *b, const void *bytes, size_t n)
{
	size_t room = b->cap - 1 - b->len;
	if (n > room) {
		n = room;
		b->cut = true;
	}
	if (n == 0)
		return; /* `bytes` may be NULL: memcpy must not see it */
	memcpy(b->at + b->len, bytes, n);
	b->len += n;
	b->at[b->len] = '\0';
}

void buf_str(struct buf *b, const char *text)
{
	buf_mem(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
	if (b->len + 1 >= b->cap) {
		b->cut = true;
		return;
	}
	b->at[b->len++] = c;
	b->at[b->len] = '\0';
}

/* Writes the digits of `value` so that they end before `end`; returns the first. */
static char *digits_before(char *end, uint64_t value)
{
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return end;
}

static void put_padded(struct buf *b, const char *digits, size_t n, unsigned width)
{
	for (size_t i = n; i < width && !b->cut; i++)
		buf_char(b, '0');
	buf_mem(b, digits, n);
}

void buf_u64(struct buf *b, uint64_t value)
{
	char digits[U64_DIGITS];
	char *end = digits + sizeof(digits);
	const char *at = digits_before(end, value);
	buf_mem(b, at, (size_t)(end - at));
}

void buf_i64(struct buf *b, int64_t value)
{
	char digits[1 + U64_DIGITS];
	char *end = digits + sizeof(digits);
	/* Negated as unsigned: -INT64_MIN has no int64_t. */
	char *at = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	if (value < 0)
		*--at = '-';
	buf_mem(b, at, (size_t)(end - at));
}

void buf_hex(struct buf *b, uint64_t value, unsigned width)
{
	char digits[16];
	char *end = digits + sizeof(digits);
	char *at = end;
	do {
		*--at = "0123456789abcdef"[value & 0xf];
		value >>= 4;
	} while (value > 0);
	put_padded(b, at, (size_t)(end - at), width);
}

void buf_pad(struct buf *b, uint64_t value, unsigned width)
{
	char digits[U64_DIGITS];
	char *end = digits + sizeof(digits);
	const char *at = digits_before(end, value);
	put_padded(b, at, (size_t)(end - at), width);
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len >= b->len)
		return;
	b->len = len;
	b->at[len] = '\0';
}
