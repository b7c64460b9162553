#include "tree/thaw.h"

#include "os/freezer.h"
#include "os/proc.h"
#include "tree/hold.h"

static bool is_member(void *with, pid_t pid)
{
	const struct member *m = tree_find(with, pid);
	return m && !(m->flags & MEMBER_ROOT);
}

/* A frozen process looks as one that waits for a disk. */
static bool looks_frozen(struct tree *tree, struct member *m)
{
	struct proc_stat stat;

	if (!(m->flags & MEMBER_KILLED) || m->flags & (MEMBER_ROOT | MEMBER_DEAD) || m->handle < 0)
		return false;
	return !hold_is_dead(tree, m) && os_proc_stat(m->id.pid, &stat) == 0 && stat.state == 'D';
}

uint32_t thaw_killed(struct tree *tree)
{
	uint32_t count = 0;

	tree_give_reserve(tree);
	FOR_EACH_MEMBER (tree, m)
		if (looks_frozen(tree, m) && os_freezer_release(m->id.pid, m->handle, is_member, tree) == 1)
			count++;
	tree_take_reserve(tree);
	return count;
}
