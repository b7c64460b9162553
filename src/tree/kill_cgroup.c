/*
 * The kernel's own way: all that lives in a group of the run's own is frozen
 * and killed at once, and what is being born there dies with it.  Who has
 * left the group (its way out is root's) is swept afterwards.
 */
#include "tree/kill.h"

#include <errno.h>

#include "os/cgroup.h"

/* Rounds that wait for the group to be empty (their pauses double: 15 ms) before who is outside is looked
 * for. */
#define PATIENT_ROUNDS 5
/* STOP sweeps over those outside, at most. */
#define STOP_ROUNDS 20

static int take(struct killer *k)
{
	if (k->cgroup <= 0)
		return -ENOENT;
	if (!os_cgroup_can_kill(k->cgroup))
		return -ENOSYS;
	/* While it stands still nobody is missed by the first signal, and we get the processor for the round.
	 * Who is dying already would only be in the way of it. */
	if (!k->is_struck)
		(void)os_cgroup_freeze(k->cgroup, true);
	return 0;
}

static void asked(struct killer *k, bool at_once)
{
	if (!at_once)
		(void)os_cgroup_freeze(k->cgroup, false);
}

static struct sweep_result stop(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	struct sweep_result none = { 0 };

	(void)tree, (void)now_ns;
	/* Not all at one instant: none may see another die, and make it anew. */
	if (!k->is_struck) {
		(void)os_cgroup_freeze(k->cgroup, true);
		k->grouped += os_cgroup_count(k->cgroup);
	}
	(void)os_cgroup_kill(k->cgroup);
	return none;
}

/* What the group kill has met, told once. */
static void tell(struct killer *k, const struct tree *tree, struct sweep_result *result)
{
	uint32_t asked = 0;

	FOR_EACH_MEMBER (tree, m)
		asked += (m->flags & (MEMBER_TERMED | MEMBER_DEAD)) == MEMBER_TERMED;
	result->killed += k->grouped;
	result->unasked += k->grouped > asked ? k->grouped - asked : 0;
	k->grouped = 0;
}

static struct sweep_result kill_all(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	struct sweep_result result = { 0 };

	if (os_cgroup_is_populated(k->cgroup)) {
		if (k->quiet > 0) /* somebody outside may have moved in */
			(void)os_cgroup_kill(k->cgroup);
		result.alive = 1;
	}
	if (result.alive == 0 || k->quiet >= PATIENT_ROUNDS) {
		for (int i = 0; i < STOP_ROUNDS && sweep_stop(tree, now_ns).fresh > 0; i++)
			;
		result = sweep_kill(tree, now_ns);
	}
	tell(k, tree, &result);
	return result;
}

static enum kill_rung leave(struct killer *k)
{
	/* Who could not be ended is not to stand still for ever. */
	if (k->has_struck && os_cgroup_is_populated(k->cgroup))
		(void)os_cgroup_freeze(k->cgroup, false);
	return KILL_CGROUP;
}

const struct kill_way kill_cgroup = { take, asked, stop, kill_all, leave };
