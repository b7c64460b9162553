/* The text of a budget: KEY=LIMIT, KEY=LIMIT/D or KEY=none. */
#ifndef SG_CONF_BUDGET_VALUE_H
#define SG_CONF_BUDGET_VALUE_H

#include <stdint.h>

#include "core/counters.h"

struct buf;

struct budget_value {
	char key[COUNTERS_KEY_MAX + 1];
	uint64_t micro;  /* NUM_NONE = none */
	uint64_t per_ns; /* of all runs within that time; 0 = of one run */
};

/* 0, or -EINVAL with the reason and the cure in `why`. */
int budget_value_parse(const char *text, struct budget_value *out_value, struct buf *why);

#endif
