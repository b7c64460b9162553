/* --open-on REGEX[=UNTIL] */
#ifndef SG_CONF_OPEN_ON_VALUE_H
#define SG_CONF_OPEN_ON_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/until.h"

struct buf;

struct open_on_value {
	const char *regex; /* borrowed of the text */
	size_t regex_n;
	bool has_until;
	struct until until;
};

/*
 * What stands behind the last '=' is UNTIL if it is a date, a time or a
 * duration; else it is of the expression.  0; -EINVAL: `why`, which may be
 * NULL.  Whether the expression itself is one is for os/match to say; here it
 * is made sure that it is none which needs much memory to be understood.
 */
int open_on_parse(const char *text, struct open_on_value *out, struct buf *why);

#endif
