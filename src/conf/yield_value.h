/* The text of --yield: counter:KEY, file:PATH, lines, bytes or written; with =FLOOR/D behind. */
#ifndef SG_CONF_YIELD_VALUE_H
#define SG_CONF_YIELD_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "core/yield.h"

struct buf;

struct yield_value {
	enum yield_kind kind;
	const char *text;       /* borrowed: the whole of it */
	size_t length;          /* without the floor */
	uint64_t least, per_ns; /* per_ns 0 = no floor; a counter's in millionths */
};

/* Behind "counter:" or "file:" of it, not terminated; the others have none. */
const char *yield_value_name(const struct yield_value *value, size_t *out_n);

/* 0, or -EINVAL with the reason and the cure in `why`. */
int yield_value_parse(const char *text, struct yield_value *out_value, struct buf *why);

#endif
