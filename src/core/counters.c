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

int counters_set_budget(struct counters *c, const char *key, uint64_t budget, uint64_t per_ns)
{
	struct counter *found = need(c, key);
	if (!found)
		return -ENOSPC;
	found->budget = budget;
	found->per_ns = per_ns;
	return 0;
}

uint64_t counter_unkept(const struct counter *c)
{
	return c->highest - c->kept;
}

uint64_t counter_stands_at(const struct counter *c)
{
	uint64_t sum;

	if (c->per_ns == 0)
		return __builtin_add_overflow(c->before, c->value, &sum) ? NONE - 1 : sum;
	return __builtin_add_overflow(c->used, counter_unkept(c), &sum) ? NONE - 1 : sum;
}

void counter_keep(struct counter *c, uint64_t used)
{
	c->kept = c->highest;
	c->used = used;
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
	if (value > found->highest)
		found->highest = value;
	found->is_told = true;
	return 0;
}

void counters_renew(struct counters *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		struct counter *k = &c->at[i];
		if (k->per_ns == 0) {
			k->before = counter_stands_at(k);
			k->highest = 0;
		} else {
			k->used = counter_stands_at(k);
			k->highest = k->kept = 0;
		}
		k->value = 0;
		k->is_told = k->has_struck = false;
	}
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
		if (k->budget == NONE || k->has_struck || counter_stands_at(k) < k->budget)
			continue;
		k->has_warned = k->has_struck = *out_is_hard = true;
		return k;
	}
	for (uint32_t i = 0; i < c->count; i++) {
		struct counter *k = &c->at[i];
		if (k->budget == NONE || k->has_warned || !k->is_told ||
		    counter_stands_at(k) < warn_at(k->budget))
			continue;
		k->has_warned = true;
		*out_is_hard = false;
		return k;
	}
	return NULL;
}
