/* The last rung, which works everywhere: STOP in sweeps to a fixpoint, then KILL in sweeps. */
#include "tree/kill.h"

static int take(struct killer *k)
{
	(void)k;
	return 0;
}

static struct sweep_result stop(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	(void)k;
	return sweep_stop(tree, now_ns);
}

static struct sweep_result kill_all(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	(void)k;
	return sweep_kill(tree, now_ns);
}

static enum kill_rung leave(struct killer *k)
{
	(void)k;
	return KILL_SWEEP;
}

const struct kill_way kill_sweep = { take, NULL, stop, kill_all, leave };
