#include "conf/variables.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"

#define SHOWN_COLUMNS  40
#define NAME_MAX_BYTES 255

static bool is_name(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!is_letter && (i == 0 || c < '0' || c > '9'))
			return false;
	}
	return n > 0 && n <= NAME_MAX_BYTES;
}

const char *variables_next(const char **at, size_t *out_n)
{
	const char *name = *at;

	if (!name || *name == '\0')
		return NULL;
	*out_n = strcspn(name, ",");
	*at = name[*out_n] != '\0' ? name + *out_n + 1 : NULL;
	return name;
}

int variables_check(const char *text, struct buf *why)
{
	const char *at = text, *name;
	size_t n, length = strlen(text);
	bool is_open = length == 0 || text[length - 1] == ','; /* a name is missing at the end */

	while ((name = variables_next(&at, &n))) {
		if (is_name(name, n))
			continue;
		escape_word(why, name, n, SHOWN_COLUMNS);
		buf_str(why, " is no name of a variable: write names with commas between, HOME,API_KEY");
		return -EINVAL;
	}
	if (!is_open)
		return 0;
	buf_str(why, "a name is missing: write names with commas between, HOME,API_KEY");
	return -EINVAL;
}
