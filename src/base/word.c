#include "base/word.h"

#include <string.h>

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
