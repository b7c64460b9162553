#include "tree/kill.h"

#include <assert.h>

#include "base/auto.h"
#include "os/cgroup.h"
#include "tree/thaw.h"

/* After so many rounds (their pauses double: 63 ms) what still lives may be held by a freezer. */
#define QUIET_ROUNDS 7

/* clang-format off */
static const struct kill_way *const ways[] = {
	[KILL_NOT]      = NULL,
	[KILL_CGROUP]   = &kill_cgroup,
	[KILL_ISOLATE]  = &kill_isolate,
	[KILL_REALTIME] = &kill_realtime,
	[KILL_SWEEP]    = &kill_sweep,
};
/* clang-format on */
static_assert(COUNT_OF(ways) == KILL_COUNT, "one way for each enum kill_rung");

bool killer_is_empty(const struct killer *k)
{
	return k->cgroup <= 0 || !os_cgroup_is_populated(k->cgroup);
}

void killer_begin(struct killer *k)
{
	for (unsigned i = k->best; k->rung == KILL_NOT; i++) /* the last one works everywhere */
		if (ways[i] && ways[i]->take(k) == 0)
			k->rung = (enum kill_rung)i;
}

bool killer_is_kernel(const struct killer *k)
{
	return k->rung == KILL_CGROUP || k->rung == KILL_ISOLATE;
}

void killer_asked(struct killer *k, bool at_once)
{
	if (ways[k->rung] && ways[k->rung]->asked)
		ways[k->rung]->asked(k, at_once);
}

struct sweep_result killer_stop(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	killer_begin(k);
	k->has_struck = true;
	return ways[k->rung]->stop(k, tree, now_ns);
}

struct sweep_result killer_kill(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	struct sweep_result swept = ways[k->rung]->kill(k, tree, now_ns);

	k->quiet = swept.fresh > 0 ? 0 : k->quiet + 1;
	if (k->quiet >= QUIET_ROUNDS)
		(void)thaw_killed(tree); /* the next round sees what came of it */
	return swept;
}

enum kill_rung killer_finish(struct killer *k)
{
	if (k->rung == KILL_NOT)
		return KILL_NOT;
	enum kill_rung rung = ways[k->rung]->leave(k);
	return k->has_struck ? rung : KILL_NOT;
}
