#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "core/circuit.h"

#define MINUTE (60 * NS_PER_S)

/* --- waits ---------------------------------------------------------------------------------------------- */

static const struct circuit_steps startup_steps = { 3, { 5 * MINUTE, 10 * MINUTE, 20 * MINUTE } };
static const struct circuit_steps other_steps = { 3, { MINUTE, 2 * MINUTE, 4 * MINUTE } };

const struct circuit_steps *circuit_steps_of(const struct circuit_rules *rules, enum failure failure)
{
	if (failure < FAILURE_COUNT && rules->backoff[failure].count > 0)
		return &rules->backoff[failure];
	return failure == FAILURE_STARTUP ? &startup_steps : &other_steps;
}

/* part / 2^32 of `ns`. */
static uint64_t part_of(uint64_t ns, uint32_t part)
{
	return (ns >> 32) * part + ((ns & UINT32_MAX) * part >> 32);
}

uint64_t circuit_step(const struct circuit_rules *rules, enum failure failure, uint32_t n, uint32_t random)
{
	const struct circuit_steps *steps = circuit_steps_of(rules, failure);
	uint64_t ns = steps->ns[n < steps->count ? n : steps->count - 1], ppm = rules->jitter_ppm, wait_ns;

	if (ppm == 0 || ppm > NUM_MICRO)
		ppm = ppm == 0 ? CIRCUIT_JITTER_PPM : 0;
	uint64_t most_ns = ns / NUM_MICRO * ppm + ns % NUM_MICRO * ppm / NUM_MICRO;
	return __builtin_add_overflow(ns, part_of(most_ns, random), &wait_ns) ? ns : wait_ns;
}

uint64_t circuit_reset_after(const struct circuit_rules *rules)
{
	uint64_t ns = 10 * MINUTE;

	if (rules->reset_after_ns > 0)
		return rules->reset_after_ns;
	if (rules->failures.count > 0 && rules->failures.per_ns > ns)
		ns = rules->failures.per_ns;
	if (rules->timeouts.count > 0 && rules->timeouts.per_ns > ns)
		ns = rules->timeouts.per_ns;
	return ns;
}

bool circuit_rules_are_set(const struct circuit_rules *rules)
{
	return rules->min_uptime_ns > 0 || rules->failures.count > 0 || rules->timeouts.count > 0 ||
	       rules->same_failure > 0 || rules->zero_yield > 0 || rules->time.limit_ns > 0 ||
	       rules->has_open_on || rules->backoff[FAILURE_ENVIRONMENT].count > 0;
}

/* --- names: no pointers, which would be relocated at each start of the program -------------------------- */

static const char rule_names[][16] = {
	[CIRCUIT_RULE_NONE] = "none",
	[CIRCUIT_RULE_HAND] = "by-hand",
	[CIRCUIT_RULE_OPEN_ON] = "open-on",
	[CIRCUIT_RULE_ENVIRONMENT] = "environment",
	[CIRCUIT_RULE_MAX_FAILURES] = "max-failures",
	[CIRCUIT_RULE_MIN_UPTIME] = "min-uptime",
	[CIRCUIT_RULE_MAX_TIMEOUTS] = "max-timeouts",
	[CIRCUIT_RULE_SAME_FAILURE] = "same-failure",
	[CIRCUIT_RULE_ZERO_YIELD] = "zero-yield",
	[CIRCUIT_RULE_TIME_BUDGET] = "time-budget",
};
static_assert(COUNT_OF(rule_names) == CIRCUIT_RULE_COUNT, "each rule has its name");

const char *circuit_rule_name(enum circuit_rule rule)
{
	return rule_names[rule < CIRCUIT_RULE_COUNT ? rule : CIRCUIT_RULE_NONE];
}

enum circuit_rule circuit_rule_by_name(const char *name, uint32_t n)
{
	for (uint32_t i = 0; i < CIRCUIT_RULE_COUNT; i++)
		if (strlen(rule_names[i]) == n && memcmp(rule_names[i], name, n) == 0)
			return (enum circuit_rule)i;
	return CIRCUIT_RULE_NONE;
}
