#include "base/word.h"

#include <string.h>

#include "base/buf.h"
#include "base/num.h"

bool word_take(const char **at, const char *end, char *out, size_t n)
{
	const char *space = memchr(*at, ' ', (size_t)(end - *at));
	const char *stop = space ? space : end;
	size_t length = (size_t)(stop - *at);

	if (length == 0 || length >= n || memchr(*at, '\0', length))
		return false;
	memcpy(out, *at, length);
	out[length] = '\0';
	*at = space ? space + 1 : end;
	return true;
}

bool word_take_u64(const char **at, const char *end, uint64_t *out)
{
	char word[24];
	return word_take(at, end, word, sizeof(word)) && num_parse_u64(word, UINT64_MAX, out) == 0;
}

void word_put_text(struct buf *out, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		if (c > ' ' && c != '%' && c != 0x7f) {
			buf_char(out, *text);
			continue;
		}
		buf_char(out, '%');
		buf_char(out, digits[c >> 4]);
		buf_char(out, digits[c & 15]);
	}
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool word_take_text(const char **at, const char *end, char *out, size_t n)
{
	const char *space = memchr(*at, ' ', (size_t)(end - *at));
	const char *stop = space ? space : end;
	size_t length = 0;

	if (*at == stop)
		return false;
	for (const char *from = *at; from < stop; from++) {
		char c = *from;
		if (c == '%') {
			int high = stop - from > 2 ? hex_of(from[1]) : -1,
			    low = high < 0 ? -1 : hex_of(from[2]);
			if (low < 0)
				return false;
			c = (char)(high * 16 + low);
			from += 2;
		}
		if (c == '\0' || length == n - 1)
			return false;
		out[length++] = c;
	}
	memset(out + length, 0, n - length);
	*at = space ? space + 1 : end;
	return true;
}
