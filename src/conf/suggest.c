#include "conf/suggest.h"

#include <stdint.h>
#include <string.h>

#define RANK_PREFIX (SIZE_MAX - 1)

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Edits between `a` and `b`, both at most SUGGEST_WORD_MAX: the table of
 * Wagner and Fischer with Damerau's swap, of which three lines are kept.
 */
static size_t count_edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t line[3][SUGGEST_WORD_MAX + 1];
	for (size_t j = 0; j <= b_len; j++)
		line[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *now = line[i % 3];
		const size_t *above = line[(i + 2) % 3];
		const size_t *above2 = line[(i + 1) % 3];
		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			now[j] = min_of(now[j], above[j] + 1);
			now[j] = min_of(now[j], now[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min_of(now[j], above2[j - 2] + 1);
		}
	}
	return line[a_len % 3][b_len];
}

size_t suggest_rank(const char *given, size_t n, const char *name)
{
	size_t len = strlen(name);
	if (n > SUGGEST_WORD_MAX || len > SUGGEST_WORD_MAX)
		return SUGGEST_FAR;
	size_t edits = count_edits(given, n, name, len);
	if (edits * 3 <= (n > len ? n : len))
		return edits;
	return n >= 2 && n < len && memcmp(given, name, n) == 0 ? RANK_PREFIX : SUGGEST_FAR;
}
