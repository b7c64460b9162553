#include "conf/open_on_value.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

#define REGEX_MAX  500
#define REPEAT_MAX 255 /* all {N} of an expression, one times the other */

static int refuse(struct buf *why, const char *text)
{
	if (why)
		buf_str(why, text);
	return -EINVAL;
}

/* The greater number of {M,N} at `at`; 1 = there is none. */
static unsigned repeats_at(const char *at, const char *end)
{
	unsigned value = 0, most = 1;

	for (at++; at < end && *at != '}'; at++) {
		if (*at >= '0' && *at <= '9')
			value = value < 10000 ? value * 10 + (unsigned)(*at - '0') : value;
		else
			value = 0;
		most = value > most ? value : most;
	}
	return most;
}

static bool is_bounded(const char *regex, size_t n)
{
	unsigned repeats = 1;

	for (size_t i = 0; i < n; i++) {
		if (regex[i] == '\\')
			i++;
		else if (regex[i] == '{')
			repeats *= repeats_at(regex + i, regex + n);
		if (repeats > REPEAT_MAX)
			return false;
	}
	return true;
}

int open_on_parse(const char *text, struct open_on_value *out, struct buf *why)
{
	const char *equals = strrchr(text, '=');
	struct open_on_value value = { .regex = text, .regex_n = strlen(text) };

	if (equals && until_parse(equals + 1, strlen(equals + 1), &value.until) == 0) {
		value.has_until = true;
		value.regex_n = (size_t)(equals - text);
	}
	if (value.regex_n == 0)
		return refuse(why,
			      "no expression: write what the end of stderr says when a quota is used up, "
			      "as 'quota exceeded'");
	if (value.regex_n > REGEX_MAX)
		return refuse(why, "too long: at most 500 bytes");
	if (!is_bounded(text, value.regex_n))
		return refuse(why,
			      "repeats too often: its counts of repeats may come to 255 at most, multiplied");
	*out = value;
	return 0;
}
