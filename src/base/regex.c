#include "base/regex.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Behind a backslash: what is no letter, digit or quote means itself, and these few the same in all. */
static bool is_defined_escape(char c)
{
	bool is_alike = !is_digit(c) && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '`' && c != '\'';
	return is_alike || (c != '\0' && strchr("wWsSb", c)); /* \B: not the same at either end */
}

/* From its [ to its ], or the end; NULL where it has what only some languages have. */
static const char *skip_brackets(const char *at)
{
	at++;
	at += *at == '^';
	at += *at == ']';
	for (; *at && *at != ']'; at++) {
		if (at[0] != '[')
			continue;
		if (at[1] == '.' || at[1] == '=')
			return NULL;
		const char *end = at[1] == ':' ? strstr(at, ":]") : NULL;
		if (end)
			at = end + 1;
	}
	return at;
}

/* What matches a place, and no character. */
static bool is_anchor(const char *at)
{
	return *at == '^' || *at == '$' || (*at == '\\' && at[1] && strchr("b<>", at[1]));
}

const char *regex_find_undefined(const char *regex)
{
	for (const char *at = regex; *at; at++) {
		const char *behind = is_anchor(at) ? at + (*at == '\\' ? 2 : 1) : "";
		if (*behind && strchr("*+?{", *behind))
			return "a place is repeated, and no character";
		if (*at == '{' && at[1] == ',')
			return "a count without its lower bound: write 0 before the comma";
		if (*at == '[') {
			at = skip_brackets(at);
			if (!at)
				return "[. and [= are not the same in all languages";
			if (*at == '\0')
				return NULL;
		}
		if (*at != '\\')
			continue;
		if (*++at == '\0')
			return NULL;
		if (!is_defined_escape(*at))
			return "a backslash before this letter or digit is not defined";
	}
	return NULL;
}
