#include "tree/sweep.h"

#include <errno.h>
#include <signal.h>

#include "tree/hold.h"
#include "tree/walk.h"

static void walk_whole(struct tree *tree, uint64_t now_ns)
{
	(void)tree_prepare(tree); /* without room: in portions */
	(void)tree_walk(tree, now_ns, false);
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

struct sweep_result sweep_term(struct tree *tree, uint64_t now_ns, int sig, bool job_only)
{
	struct sweep_result result = { 0 };

	walk_whole(tree, now_ns);
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_TERMED | MEMBER_GUARDED))
			continue;
		if (job_only && !(m->flags & MEMBER_JOB))
			continue;
		m->flags |= MEMBER_TERMED;
		result.fresh++;
		if (send(tree, m, sig, &result) == 0 && sig != SIGSTOP)
			(void)hold_signal(tree, m, SIGCONT); /* a stopped process would keep it for later */
	}
	result.alive = tree_count_alive(tree);
	return result;
}

struct sweep_result sweep_stop(struct tree *tree, uint64_t now_ns)
{
	struct sweep_result result = { 0 };

	walk_whole(tree, now_ns);
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_STOPPED))
			continue;
		m->flags |= MEMBER_STOPPED;
		if (send(tree, m, SIGSTOP, &result) == 0)
			result.fresh++;
	}
	if (tree->crowded || tree->again)
		result.fresh++;
	return result;
}

struct sweep_result sweep_kill(struct tree *tree, uint64_t now_ns)
{
	struct sweep_result result = { 0 };

	walk_whole(tree, now_ns);
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & MEMBER_ROOT || hold_is_dead(tree, m))
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
	if (tree->crowded || tree->again)
		result.fresh++;
	return result;
}
