/*
 * The tree has a PID namespace of its own: with its first process everybody in it gets KILL from the kernel,
 * in one step that no birth outruns.  What does not die of that is swept, as by the lesser rungs.
 */
#include "tree/kill.h"

#include <errno.h>
#include <signal.h>

#include "os/pidfd.h"
#include "tree/hold.h"

/* Rounds (63 ms) in which the dying need the processor more than we do. */
#define PATIENT_ROUNDS 7

static int take(struct killer *k)
{
	return k->init > 0 ? 0 : -EOPNOTSUPP;
}

static struct sweep_result stop(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	(void)k;
	(void)tree;
	(void)now_ns;
	return (struct sweep_result){ 0 }; /* there is no need to hold anybody */
}

/* As far as the last walk has met them. */
static struct sweep_result count(struct tree *tree)
{
	struct sweep_result result = { .alive = 1 };

	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_KILLED | MEMBER_DEAD) ||
		    hold_is_dead(tree, m))
			continue;
		m->flags |= MEMBER_KILLED;
		result.killed++;
		result.unasked += !(m->flags & MEMBER_TERMED);
	}
	return result;
}

static struct sweep_result kill_all(struct killer *k, struct tree *tree, uint64_t now_ns)
{
	if (k->quiet >= PATIENT_ROUNDS)
		return kill_sweep.kill(k, tree, now_ns);
	struct sweep_result result =
		k->quiet == 0 && !k->is_struck ? count(tree) : (struct sweep_result){ .alive = 1 };
	(void)os_child_signal(k->init, k->init_fd, SIGKILL);
	return result;
}

static enum kill_rung leave(struct killer *k)
{
	(void)k;
	return KILL_ISOLATE;
}

const struct kill_way kill_isolate = { take, NULL, stop, kill_all, leave };
