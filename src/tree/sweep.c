#include "tree/sweep.h"

#include <errno.h>
#include <signal.h>

#include "os/proc.h"
#include "tree/hold.h"
#include "tree/walk.h"

static void walk(struct tree *tree, uint64_t now_ns, enum walk how)
{
	(void)tree_prepare(tree); /* without room: in portions */
	(void)tree_walk(tree, now_ns, how);
}

static int send(struct tree *tree, struct member *m, int sig, struct sweep_result *result)
{
	int r = hold_signal(tree, m, sig);
	if (r == -EPERM) {
		m->flags |= MEMBER_REFUSED;
		result->refused++;
	} else if (r == 0) {
		result->signalled++;
	}
	return r;
}

/* Walks of a TERM round, while they come to no end: what is not met then gets its KILL. */
#define TERM_WALKS 4

struct sweep_result sweep_term(struct tree *tree, uint64_t now_ns, int sig, bool job_only)
{
	struct sweep_result result = { 0 };
	int walks = 0;

	do {
		walk(tree, now_ns, WALK_AGAIN);
		FOR_EACH_MEMBER (tree, m) {
			if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_TERMED | MEMBER_GUARDED))
				continue;
			if (job_only && !(m->flags & MEMBER_JOB))
				continue;
			m->flags |= MEMBER_TERMED;
			result.fresh++;
			if (send(tree, m, sig, &result) == 0 && sig != SIGSTOP)
				(void)hold_signal(tree, m,
						  SIGCONT); /* a stopped process would keep it for later */
		}
	} while ((tree->again || tree->crowded) && ++walks < TERM_WALKS);
	result.alive = tree_count_alive(tree);
	return result;
}

/* What a sweep does to a member that it meets. */
struct strike {
	struct tree *tree;
	struct sweep_result *result;
};

static void stop_one(void *with, struct member *m)
{
	struct strike *s = with;

	if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_STOPPED))
		return;
	m->flags |= MEMBER_STOPPED;
	if (send(s->tree, m, SIGSTOP, s->result) == 0)
		s->result->fresh++;
}

struct sweep_result sweep_stop(struct tree *tree, uint64_t now_ns)
{
	struct sweep_result result = { 0 };
	struct strike strike = { tree, &result };

	/* First those that are known, then each at first sight: a storm grows for as long as we look at it.
	 */
	FOR_EACH_MEMBER (tree, m)
		stop_one(&strike, m);
	tree->met = stop_one;
	tree->met_with = &strike;
	walk(tree, now_ns, WALK_SWEEP);
	tree->met = NULL;
	if (tree->crowded || tree->again)
		result.fresh++;
	return result;
}

struct sweep_result sweep_kill(struct tree *tree, uint64_t now_ns)
{
	struct sweep_result result = { 0 }, stopped = { 0 };
	struct strike strike = { tree, &stopped };
	struct member *init = NULL;

	tree->met = stop_one; /* one that is new is to have no child before it is killed */
	tree->met_with = &strike;
	walk(tree, now_ns, WALK_SWEEP);
	tree->met = NULL;
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & MEMBER_INIT)
			init = m;
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT) || hold_is_dead(tree, m))
			continue;
		bool is_new = !(m->flags & MEMBER_KILLED);
		m->flags |= MEMBER_KILLED;
		result.alive++;
		if (send(tree, m, SIGKILL, &result) != 0 || !is_new)
			continue;
		result.fresh++;
		result.killed++;
		if (!(m->flags & MEMBER_TERMED))
			result.unasked++;
	}
	if (init && result.alive == 0) /* it would end by itself, unless somebody has stopped it */
		(void)hold_signal(tree, init, SIGKILL);
	if (tree->crowded || tree->again)
		result.fresh++;
	/* By the root's own list of children: one that it does not show may live. */
	result.only_dead = result.alive == 0 && result.fresh == 0 && tree->count > 1 &&
			   tree->member[0].flags & MEMBER_ROOT &&
			   (tree->member[0].children_fd >= 0 || tree->scans);
	return result;
}

/* Front of a nested run, or its warden: they have to go on to do their part. */
static bool is_nested_guard(const struct tree *tree, const struct member *m)
{
	if (m->flags & MEMBER_GUARD)
		return true;
	const struct member *parent = m->flags & MEMBER_GUARDED ? tree_find(tree, m->ppid) : NULL;
	return parent && parent->flags & MEMBER_GUARD;
}

/* By its number: were it another's by now, a signal for what is read here would not reach that one. */
static char state_of(struct tree *tree, const struct member *m)
{
	struct proc_stat stat;

	if (tree->starved)
		tree_give_reserve(tree);
	int r = os_proc_stat(m->id.pid, &stat);
	tree_take_reserve(tree);
	if (r < 0)
		return r == -ESRCH ? 'X' : '?';
	/* A leader that has ended cannot show that its threads have got a signal. */
	return stat.state == 'Z' && stat.threads > 1 ? '?' : stat.state;
}

static void freeze_one(struct tree *tree, struct member *m, struct sweep_result *result)
{
	char state = state_of(tree, m);
	bool is_ours = !(m->flags & MEMBER_GUARDED);

	if (state == 'Z' || state == 'X')
		return;
	result->alive++;
	if (state == 'T' || state == 't') {
		if (!(m->flags & MEMBER_FROZEN))
			m->flags |= MEMBER_STOOD;
		return;
	}
	/* D: it stops when the kernel lets go of it; one that waits for its vfork child does not till then.
	 */
	bool can_show = state != 'D' && state != '?';
	bool is_fresh = !(m->flags & MEMBER_FROZEN);
	result->fresh += is_fresh;
	m->flags &= ~(uint32_t)MEMBER_STOOD; /* somebody has continued it */
	if (is_ours)
		m->flags |= MEMBER_FROZEN;
	int r = is_ours ? send(tree, m, SIGSTOP, result) : 0;
	if (r == -ESRCH)
		return;
	result->late += is_ours;
	result->moving += r == 0 && (can_show || (is_fresh && is_ours));
}

/* At first sight, before it can have many children. */
static void freeze_met(void *with, struct member *m)
{
	struct strike *s = with;

	if (!(m->flags & (MEMBER_ROOT | MEMBER_INIT)) && !is_nested_guard(s->tree, m))
		freeze_one(s->tree, m, s->result);
}

struct sweep_result sweep_freeze(struct tree *tree, uint64_t now_ns)
{
	struct sweep_result result = { 0 };
	struct strike strike = { tree, &result };
	uint64_t known = tree->seen;

	tree->met = freeze_met;
	tree->met_with = &strike;
	walk(tree, now_ns, WALK_SWEEP);
	tree->met = NULL;
	FOR_EACH_MEMBER (tree, m)
		if (m->sample.serial <= known && !(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD)) &&
		    !is_nested_guard(tree, m))
			freeze_one(tree, m, &result);
	if (tree->crowded || tree->again)
		result.moving++;
	return result;
}

struct sweep_result sweep_thaw(struct tree *tree)
{
	struct sweep_result result = { 0 };

	for (size_t i = tree->count; i-- > 0;) {
		struct member *m = &tree->member[i];
		if (m->flags & MEMBER_FROZEN)
			(void)send(tree, m, SIGCONT, &result);
		m->flags &= ~(uint32_t)(MEMBER_FROZEN | MEMBER_STOOD | MEMBER_GUARD | MEMBER_GUARDED);
	}
	return result;
}
