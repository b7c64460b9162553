/* The text of a limit: HARD, SOFT:HARD, SOFT: or none, in the unit of its row. */
#ifndef SG_CONF_LIMIT_VALUE_H
#define SG_CONF_LIMIT_VALUE_H

#include "core/limit.h"

struct buf;

/* 0, or -EINVAL with the reason and the cure in `why`. */
int limit_value_parse(enum limit_id id, const char *text, struct limit_bound *out_bound, struct buf *why);

#endif
