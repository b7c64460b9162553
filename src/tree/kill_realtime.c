/*
 * The same sweeps, scheduled before the members.  Each session of a job is a
 * group of the scheduler, and the guard is in one: against a hundred it gets
 * a hundredth of the processor, and a bomb grows faster than it is swept.
 */
#include "tree/kill.h"

#include "os/sched.h"

static int take(struct killer *k)
{
	int r = os_sched_raise(0, &k->policy);

	k->was_raised = r == 0;
	return r < 0 && k->ask ? k->ask(k->with) : r;
}

static struct sweep_result stop(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	return kill_sweep.stop(k, tree, now_ns);
}

static struct sweep_result kill_all(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	return kill_sweep.kill(k, tree, now_ns);
}

static enum kill_rung leave(struct killer *k)
{
	enum kill_rung rung = os_sched_is_realtime() ? KILL_REALTIME : KILL_SWEEP;

	if (k->was_raised)
		os_sched_give_back(k->policy);
	k->was_raised = false;
	return rung;
}

const struct kill_way kill_realtime = { take, stop, kill_all, leave };
