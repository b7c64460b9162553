/*
 * How a tree is frozen: STOP sweeps until one finds nobody moving, then a look now and then; and what the
 * clocks of its limits lose meanwhile.  Pure: the caller walks and signals, and tells what it found.
 */
#ifndef SG_CORE_FREEZING_H
#define SG_CORE_FREEZING_H

#include <stdbool.h>
#include <stdint.h>

/* Who moves after that is told of, and stopped at a later look. */
#define FREEZING_SETTLE_NS (1000ULL * 1000000)
/* Nothing is born of a stopped tree, but somebody may continue one of it. */
#define FREEZING_LOOK_NS (1000ULL * 1000000)

enum freezing_stage {
	FREEZING_OFF,
	FREEZING_SWEEP, /* to the first sweep that finds nobody moving */
	FREEZING_HELD,
};

/* Whose wish it is: the tree goes on when nobody wishes it any more. */
enum freezing_by {
	FROZEN_BY_USER = 1U << 0,
	FROZEN_BY_OUTER = 1U << 1,
	FROZEN_BY_LIMIT = 1U << 2, /* until the user wishes something, or its time is over */
	FROZEN_BY_ALL = 7U
};

struct freezing {
	enum freezing_stage stage;
	uint32_t by;        /* enum freezing_by */
	uint64_t since_ns;  /* not with FREEZING_OFF */
	uint64_t before_ns; /* what earlier ones took together */
	uint64_t wake_ns;   /* the next sweep; NUM_NONE with FREEZING_OFF */
	uint64_t until_ns;  /* the tree is to be ended then; NUM_NONE = never: not for a limit */
	uint32_t rounds;    /* sweeps of this stage */
};

void freezing_init(struct freezing *f);

/*
 * True: it begins with that, the clocks stand still from `now_ns` on.  The
 * user's wish takes the place of a limit's: there is no end to it then.
 */
bool freezing_begin(struct freezing *f, uint32_t by, uint64_t now_ns);
/* The same for a limit; to be ended after `for_ns`. */
bool freezing_begin_limit(struct freezing *f, uint64_t for_ns, uint64_t now_ns);

/* `by` does not wish it any more; with the user, nor does a limit.  True: the tree goes on; so long its
 * clocks have stood still. */
bool freezing_end(struct freezing *f, uint32_t by, uint64_t now_ns, uint64_t *out_halted_ns);

static inline bool freezing_is_due(const struct freezing *f, uint64_t now_ns)
{
	return f->stage != FREEZING_OFF && now_ns >= f->wake_ns;
}

/* A sweep has stopped `moving` members that were not.  True: with this one the tree stands, or is as good as
 * it gets. */
bool freezing_swept(struct freezing *f, uint64_t now_ns, uint32_t moving);

/* It has stood for its limit long enough: the tree is to be ended. */
static inline bool freezing_is_over(const struct freezing *f, uint64_t now_ns)
{
	return f->by == FROZEN_BY_LIMIT && now_ns >= f->until_ns;
}

/* When there is something to do: a sweep, or the end. */
static inline uint64_t freezing_next(const struct freezing *f)
{
	return f->by == FROZEN_BY_LIMIT && f->until_ns < f->wake_ns ? f->until_ns : f->wake_ns;
}

/* Somebody was continued: the next sweep is due. */
void freezing_hurry(struct freezing *f, uint64_t now_ns);

#endif
