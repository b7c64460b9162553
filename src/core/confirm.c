#include "core/confirm.h"

#include <string.h>

/* By more than half: nobody shares so much of it that it would be below. */
static bool is_far(uint64_t bytes, uint64_t bound)
{
	return bytes / 3 > bound / 2;
}

/* Without an answer, or with one that leaves both open. */
static enum confirm_step without(struct confirm *c, uint64_t bytes, uint64_t bound)
{
	if (is_far(bytes, bound))
		return CONFIRM_FAR;
	if (c->is_told)
		return CONFIRM_WAIT;
	c->is_told = true;
	return CONFIRM_UNSURE;
}

static bool is_due(const struct confirm *c, uint64_t bytes, uint64_t bound, uint64_t now_ns)
{
	uint64_t ago_ns = now_ns - c->asked_ns;

	if (c->asked_ns == 0 || ago_ns >= CONFIRM_AGAIN_NS)
		return true;
	/* As much has come since as was missing. */
	return c->is_answered && c->high <= bound && bytes > c->asked_bytes &&
	       bytes - c->asked_bytes > bound - c->high && ago_ns >= CONFIRM_SOON_NS;
}

enum confirm_step confirm_look(struct confirm *c, uint64_t bytes, uint64_t bound, uint64_t now_ns)
{
	if (bytes <= bound) {
		memset(c, 0, sizeof(*c));
		return CONFIRM_WAIT;
	}
	if (!c->is_over) {
		c->is_over = true;
		c->since_ns = now_ns;
	}
	if (c->is_asked) {
		if (now_ns - c->asked_ns < CONFIRM_TIMEOUT_NS)
			return CONFIRM_WAIT;
		c->is_asked = false;
		return without(c, bytes, bound);
	}
	if (c->is_answered && c->low > bound)
		return CONFIRM_OVER;
	if (is_due(c, bytes, bound, now_ns))
		return CONFIRM_ASK;
	if (!c->is_answered || c->high > bound)
		return without(c, bytes, bound);
	return CONFIRM_WAIT;
}

void confirm_asked(struct confirm *c, uint64_t bytes, uint64_t now_ns)
{
	c->is_asked = true;
	c->is_answered = false;
	c->asked_ns = now_ns;
	c->asked_bytes = bytes;
}

void confirm_answered(struct confirm *c, uint64_t low, uint64_t high)
{
	if (!c->is_asked) /* it came too late, or has been below meanwhile */
		return;
	c->is_asked = false;
	c->is_answered = true;
	c->low = low;
	c->high = high;
}
