/*
 * What a job counts of itself (tokens, calls, cost), and what it may spend of it: --budget.  Pure.
 * All values in millionths.
 */
#ifndef SG_CORE_COUNTERS_H
#define SG_CORE_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#define COUNTERS_MAX     32
#define COUNTERS_KEY_MAX 32
#define COUNTERS_WARN    80 /* percent of a budget at which is warned */

struct counter {
	char key[COUNTERS_KEY_MAX + 1];
	bool is_told; /* the job has said something of it */
	uint64_t value;
	uint64_t budget; /* UINT64_MAX = none */
	uint64_t per_ns; /* of all runs within that time; 0 = of this one alone */
	/* With per_ns: the most that it stood at, how much of that all know of, and what all together have
	 * used. */
	uint64_t highest, kept, used;
	uint64_t before; /* without per_ns: what earlier attempts of the run have used */
	bool has_warned, has_struck;
};

/* All zero: none yet. */
struct counters {
	struct counter at[COUNTERS_MAX];
	uint32_t count;
	uint64_t refused; /* told of more kinds than there is room for */
};

struct counter *counters_find(struct counters *c, const char *key);
/* That much of `key` may be used up: by this run, or by all of its job within `per_ns`. 0, -ENOSPC (as many
 * kinds as there is room for). */
int counters_set_budget(struct counters *c, const char *key, uint64_t budget, uint64_t per_ns);
/* What its budget is held against. */
uint64_t counter_stands_at(const struct counter *c);
/* With per_ns: what the others do not know of yet. */
uint64_t counter_unkept(const struct counter *c);
/* Now they do; all together have used `used`. */
void counter_keep(struct counter *c, uint64_t used);
/* The job tells: it stands at `value`, or has risen by it. 0, -ENOSPC. */
int counters_tell(struct counters *c, const char *key, uint64_t value, bool is_added);

/* Another process begins to count at nothing.  What was used up is. */
void counters_renew(struct counters *c);

/*
 * What is new: a budget used up (*out_is_hard), else one of which
 * COUNTERS_WARN percent are; NULL: nothing.  Each speaks once of each; who is
 * used up at once does not warn any more.
 */
const struct counter *counters_judge(struct counters *c, bool *out_is_hard);

#endif
