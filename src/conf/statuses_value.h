/* The text of a set of ways to end: 0,3,10-12,TERM. */
#ifndef SG_CONF_STATUSES_VALUE_H
#define SG_CONF_STATUSES_VALUE_H

#include "core/statuses.h"

struct buf;

/* 0, or -EINVAL with the reason and the cure in `why`. */
int statuses_value_parse(const char *text, struct statuses *out_set, struct buf *why);

#endif
