#include "core/counters.h"

#include <errno.h>
#include <string.h>

#define NONE UINT64_MAX

struct counter *counters_find(struct counters *c, const char *key)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (strcmp(c->at[i].key, key) == 0)
			return &c->at[i];
	return NULL;
}

static struct counter *need(struct counters *c, const char *key)
{
	struct counter *found = counters_find(c, key);
	size_t n = strlen(key);

	if (found)
		return found;
	if (c->count == COUNTERS_MAX || n == 0 || n > COUNTERS_KEY_MAX)
		return NULL;
	found = &c->at[c->count++];
	memset(found, 0, sizeof(*found));
	memcpy(found->key, key, n);
	found->budget = NONE;
	return found;
}

int counters_set_budget(struct counters *c, const char *key, uint64_t budget)
{
	struct counter *found = need(c, key);
	if (!found)
		return -ENOSPC;
	found->budget = budget;
	return 0;
}

int counters_tell(struct counters *c, const char *key, uint64_t value, bool is_added)
{
	struct counter *found = need(c, key);

	if (!found) {
		c->refused++;
		return -ENOSPC;
	}
	if (is_added && __builtin_add_overflow(found->value, value, &value))
		value = NONE - 1;
	found->value = value;
	found->is_told = true;
	return 0;
}

/* 80 % of `budget`, without running over. */
static uint64_t warn_at(uint64_t budget)
{
	return budget / 100 * COUNTERS_WARN + budget % 100 * COUNTERS_WARN / 100;
}

const struct counter *counters_judge(struct counters *c, bool *out_is_hard)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct counter *k = &c->at[i];
		if (k->budget == NONE || k->has_struck || k->value < k->budget)
			continue;
		k->has_warned = k->has_struck = *out_is_hard = true;
		return k;
	}
	for (uint32_t i = 0; i < c->count; i++) {
		struct counter *k = &c->at[i];
		if (k->budget == NONE || k->has_warned || !k->is_told || k->value < warn_at(k->budget))
			continue;
		k->has_warned = true;
		*out_is_hard = false;
		return k;
	}
	return NULL;
}
