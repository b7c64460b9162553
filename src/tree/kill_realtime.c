/*
 * The same sweeps, but where a storm outruns them by a guard that is
 * scheduled before the members.  Each session of a job is a group of the
 * scheduler, and the guard is in one: against a hundred it gets a hundredth
 * of the processor.
 *
 * Only for a storm, and only until all have got their KILL: the dying need
 * the processor, too.  A guard that looks at them in /proc and lets none of
 * them run waits in the kernel for what they hold (950 ms, until the kernel
 * takes real time from it).
 */
#include "tree/kill.h"

#include "os/sched.h"

/* Rounds in a row that met somebody new: an ordinary tree is known after one. */
#define STORM_ROUNDS 2

static int take(struct killer *k)
{
	(void)k;
	return 0;
}

/* Real time for us, or asked for: front's word takes effect a moment later. */
static void raise_now(struct killer *k)
{
	if (k->is_raised)
		return;
	k->is_raised = k->was_raised = true;
	k->policy = OS_SCHED_ORDINARY;
	if (os_sched_raise(0, &k->policy) < 0 && k->ask)
		(void)k->ask(k->with);
}

static void lower(struct killer *k)
{
	bool is_realtime = os_sched_is_realtime();

	k->was_realtime |= is_realtime;
	if (is_realtime && k->was_raised) /* maybe by front, and late */
		os_sched_give_back(k->policy);
	k->is_raised = false;
}

static void judge(struct killer *k, const struct sweep_result *swept)
{
	k->storm = swept->fresh > 0 ? k->storm + 1 : 0;
	if (k->storm >= STORM_ROUNDS)
		raise_now(k);
}

static struct sweep_result stop(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	struct sweep_result swept = sweep_stop(tree, now_ns);

	judge(k, &swept);
	return swept;
}

static struct sweep_result kill_all(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	struct sweep_result swept = sweep_kill(tree, now_ns);

	/* The first one gives all of them their KILL: who is met later is one more round of a storm. */
	if (!k->has_killed)
		lower(k);
	else
		judge(k, &swept);
	k->has_killed = true;
	if (swept.fresh == 0)
		lower(k);
	return swept;
}

static enum kill_rung leave(struct killer *k)
{
	lower(k);
	return k->was_realtime ? KILL_REALTIME : KILL_SWEEP;
}

const struct kill_way kill_realtime = { take, NULL, stop, kill_all, leave };
