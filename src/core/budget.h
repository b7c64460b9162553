/*
 * What the runs of a job may use up together within a time: --budget K=LIMIT/D.  Pure: time comes in as what
 * has passed, so that neither a clock that is set nor a boot means anything here.
 *
 * Kept are at most BUDGET_POINTS amounts, each as old as the last addition to it; what comes within a
 * BUDGET_PARTS-th of D is one.  So an amount counts for D at least, and for less than a BUDGET_PARTS-th of D
 * longer: room comes back late by that, never early.
 */
#ifndef SG_CORE_BUDGET_H
#define SG_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/counters.h"

#define BUDGET_PARTS  60
#define BUDGET_POINTS 64 /* and one at each end of the time */
#define BUDGETS_MAX   32 /* of a job: what its runs ask for, and what earlier ones did */

struct budget_point {
	uint64_t age_ns, micro;
};

struct budget {
	char key[COUNTERS_KEY_MAX + 1];
	uint64_t per_ns;
	uint64_t limit;                        /* in millionths, as last asked for: to show */
	uint64_t open_ns;                      /* since the newest amount was begun */
	struct budget_point at[BUDGET_POINTS]; /* the oldest first */
	uint32_t count;
	bool is_asked; /* by whoever has this in hand */
};

/* All zero: nothing was used. */
struct budgets {
	struct budget at[BUDGETS_MAX];
	uint32_t count;
};

/* So much later. */
void budgets_pass(struct budgets *b, uint64_t ns);
/*
 * The budget of `key` within `per_ns`, made if there is none yet: then it
 * begins with what is known of that key by the one that looks back farthest.
 * NULL: as many as there is room for, each in use.
 */
struct budget *budgets_need(struct budgets *b, const char *key, uint64_t per_ns, uint64_t limit);
/* So much more of `key` was used up now: for every time that is kept of it. */
void budgets_add(struct budgets *b, const char *key, uint64_t micro);

/* Of one alone, for whoever keeps it: so much later; so much more was used up now. */
void budget_pass(struct budget *b, uint64_t ns);
void budget_add(struct budget *b, uint64_t micro);
/* Of the last per_ns. */
uint64_t budget_used(const struct budget *b);
/* How long until less than `limit` is used, if nothing more is; 0 = now. */
uint64_t budget_room_in(const struct budget *b, uint64_t limit);

#endif
