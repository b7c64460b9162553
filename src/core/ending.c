#include "core/ending.h"

#include <assert.h>

#include "base/auto.h"
#include "base/num.h"

static const char *const rung_names[] = {
	[KILL_NOT] = "none",          [KILL_CGROUP] = "cgroup", [KILL_ISOLATE] = "isolate",
	[KILL_REALTIME] = "realtime", [KILL_SWEEP] = "sweep",
};
static_assert(COUNT_OF(rung_names) == KILL_COUNT, "one name for each enum kill_rung");

const char *kill_rung_name(enum kill_rung rung)
{
	return rung < KILL_COUNT ? rung_names[rung] : "unknown";
}

static uint64_t after(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns > NUM_NONE - now_ns ? NUM_NONE : now_ns + delay_ns;
}

static void enter(struct ending *e, enum ending_stage stage, uint64_t until_ns)
{
	e->stage = stage;
	e->until_ns = until_ns;
	e->rounds = e->restless = 0;
}

void ending_begin(struct ending *e, uint64_t now_ns, uint64_t grace_ns, bool linger)
{
	if (e->stage > STAGE_GRACE)
		return;
	/* A shorter grace counts (an outer run that ends); a longer one does not, nor a second linger. */
	if (e->stage == STAGE_IDLE || grace_ns < e->grace_ns)
		e->grace_ns = grace_ns;
	if (e->stage == STAGE_IDLE && linger)
		enter(e, STAGE_LINGER, after(now_ns, ENDING_LINGER_NS));
	else if (e->stage <= STAGE_LINGER && !linger)
		enter(e, STAGE_TERM, now_ns);
	else if (e->stage == STAGE_GRACE && after(now_ns, e->grace_ns) < e->until_ns)
		e->until_ns = after(now_ns, e->grace_ns);
}

void ending_hurry(struct ending *e, uint64_t now_ns)
{
	e->grace_ns = 0;
	if (e->stage == STAGE_GRACE)
		e->until_ns = now_ns;
	else if (e->stage < STAGE_GRACE)
		enter(e, STAGE_TERM, now_ns);
}

/*
 * Still being born: again at once, but with a breath after each few rounds.
 * A process that is scheduled before all others would else keep the dying
 * from dying, and meet them again and again.
 */
static uint64_t breath(struct ending *e)
{
	return ++e->restless % ENDING_AT_ONCE == 0 ? NS_PER_MS : 0;
}

/* 1, 2, 4 ... 128 ms: a reap wakes us sooner. */
static uint64_t back_off(uint32_t rounds)
{
	return NS_PER_MS << (rounds < 7 ? rounds : 7);
}

static enum ending_action stop_or_kill(struct ending *e, const struct ending_facts *facts,
				       uint64_t *out_wake_ns)
{
	if (e->stage == STAGE_STOP && (e->rounds == 0 || facts->was_fresh) && facts->now_ns < e->until_ns) {
		e->rounds++;
		*out_wake_ns = after(facts->now_ns, breath(e));
		return DO_STOP;
	}
	if (e->stage == STAGE_STOP) {
		enter(e, STAGE_KILL, after(facts->now_ns, ENDING_KILL_NS));
		e->killing_since_ns = facts->now_ns;
	}
	bool is_late = facts->now_ns >= e->until_ns ||
		       ((facts->all_refused || facts->only_dead) &&
			facts->now_ns >= after(e->killing_since_ns, ENDING_REFUSED_NS));
	if (is_late) {
		enter(e, STAGE_GIVEN_UP, NUM_NONE);
		*out_wake_ns = NUM_NONE;
		return DO_FINISH;
	}
	/* Where nobody is new the dying need the processor more than we do. */
	if (facts->was_fresh)
		e->rounds = 1;
	*out_wake_ns = after(facts->now_ns, facts->was_fresh ? breath(e) : back_off(e->rounds));
	e->rounds++;
	return DO_KILL;
}

enum ending_action ending_step(struct ending *e, const struct ending_facts *facts, uint64_t *out_wake_ns)
{
	*out_wake_ns = NUM_NONE;
	if (e->stage == STAGE_IDLE || ending_is_over(e))
		return DO_NOTHING;
	if (facts->is_empty) {
		enter(e, STAGE_GONE, NUM_NONE);
		return DO_FINISH;
	}
	if (e->stage == STAGE_LINGER && facts->now_ns < e->until_ns) {
		*out_wake_ns = e->until_ns;
		return DO_NOTHING;
	}
	if (e->stage <= STAGE_TERM) {
		enter(e, STAGE_GRACE, after(facts->now_ns, e->grace_ns));
		*out_wake_ns = e->until_ns;
		return DO_TERM;
	}
	if (e->stage == STAGE_GRACE) {
		if (facts->now_ns < e->until_ns) {
			*out_wake_ns = e->until_ns;
			return DO_NOTHING;
		}
		enter(e, STAGE_STOP, after(facts->now_ns, ENDING_STOP_NS));
	}
	return stop_or_kill(e, facts, out_wake_ns);
}
