#include "conf/words.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word of *at into `out` (NULL: only counted), with its NUL. Its bytes, 0 = none left, -EINVAL. */
static long next_word(const char **at, char *out, const char **error)
{
	const char *p = *at;
	char quote = '\0';
	long n = 0;

	while (is_blank(*p))
		p++;
	if (!*p)
		return 0;
	for (; *p && (quote || !is_blank(*p)); p++) {
		if (quote ? *p == quote : *p == '\'' || *p == '"') {
			quote = quote ? '\0' : *p;
			continue;
		}
		if (*p == '\\' && quote != '\'' && *++p == '\0') {
			*error = "ends with a \\: write \\\\ for the byte itself";
			return -EINVAL;
		}
		if (out)
			out[n] = *p;
		n++;
	}
	if (quote) {
		*error = quote == '"' ? "a \" without its end: close it, or write \\\""
				      : "a ' without its end: close it, or write \\'";
		return -EINVAL;
	}
	if (out)
		out[n] = '\0';
	*at = p;
	return n + 1;
}

int words_check(const char *text, struct words *out_words)
{
	struct words words = { 0 };
	long n;

	while ((n = next_word(&text, NULL, &words.error)) > 0) {
		words.count++;
		words.bytes += (size_t)n;
	}
	if (n == 0 && words.count == 0) {
		words.error = "no command: write a program and its arguments";
		n = -EINVAL;
	}
	*out_words = words;
	return (int)n;
}

void words_split(const char *text, char *store, const char **argv)
{
	const char *error;
	long n;

	while ((n = next_word(&text, store, &error)) > 0) {
		*argv++ = store;
		store += n;
	}
}
