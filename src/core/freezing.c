#include "core/freezing.h"

#include "base/num.h"

#define ROUNDS_MAX 10 /* 1, 2, 4 ... 512 ms, then FREEZING_LOOK_NS */

void freezing_init(struct freezing *f)
{
	*f = (struct freezing){ .wake_ns = NUM_NONE, .until_ns = NUM_NONE };
}

bool freezing_begin(struct freezing *f, uint32_t by, uint64_t now_ns)
{
	f->by |= by;
	if (f->by & FROZEN_BY_USER) {
		f->by &= ~(uint32_t)FROZEN_BY_LIMIT;
		f->until_ns = NUM_NONE;
	}
	if (f->stage != FREEZING_OFF)
		return false;
	f->stage = FREEZING_SWEEP;
	f->since_ns = f->wake_ns = now_ns;
	f->rounds = 0;
	return true;
}

bool freezing_begin_limit(struct freezing *f, uint64_t for_ns, uint64_t now_ns)
{
	f->until_ns = for_ns < NUM_NONE - now_ns ? now_ns + for_ns : NUM_NONE;
	return freezing_begin(f, FROZEN_BY_LIMIT, now_ns);
}

bool freezing_end(struct freezing *f, uint32_t by, uint64_t now_ns, uint64_t *out_halted_ns)
{
	f->by &= by & FROZEN_BY_USER ? ~(by | FROZEN_BY_LIMIT) : ~by;
	if (!(f->by & FROZEN_BY_LIMIT))
		f->until_ns = NUM_NONE;
	if (f->stage == FREEZING_OFF || f->by != 0)
		return false;
	uint64_t halted_ns = now_ns > f->since_ns ? now_ns - f->since_ns : 0;
	f->stage = FREEZING_OFF;
	f->before_ns += halted_ns;
	f->wake_ns = NUM_NONE;
	*out_halted_ns = halted_ns;
	return true;
}

bool freezing_swept(struct freezing *f, uint64_t now_ns, uint32_t moving)
{
	if (f->stage == FREEZING_OFF)
		return false;
	if (f->stage == FREEZING_HELD) {
		/* Whoever was stopped only now may have left a child behind; who does not stop is not waited
		 * on. */
		f->rounds = moving > 0 ? f->rounds : ROUNDS_MAX;
		f->wake_ns = now_ns + (f->rounds < ROUNDS_MAX ? NS_PER_MS << f->rounds : FREEZING_LOOK_NS);
		f->rounds = moving > 0 ? f->rounds + (f->rounds < ROUNDS_MAX) : 0;
		return false;
	}
	bool is_late = now_ns >= f->since_ns + FREEZING_SETTLE_NS;
	if (moving == 0 || is_late) {
		f->stage = FREEZING_HELD;
		f->rounds = 0;
		f->wake_ns = now_ns + FREEZING_LOOK_NS;
		return true;
	}
	/* A signal is on its way to each: 1, 2, 4 ... 32 ms. */
	f->wake_ns = now_ns + (NS_PER_MS << (f->rounds < 5 ? f->rounds : 5));
	f->rounds++;
	return false;
}

void freezing_hurry(struct freezing *f, uint64_t now_ns)
{
	if (f->stage != FREEZING_OFF)
		f->wake_ns = now_ns;
}
