#include "tree/scan.h"

#include "base/num.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/proc.h"
#include "tree/hold.h"

/* Who is born below one that is met late is met in the next round. */
#define ROUNDS_MAX 8
#define NAMES_MAX  64

struct scan {
	struct tree *tree;
	int (*each)(void *with, size_t parent, pid_t child);
	void *with;
	/* Where descriptors have run out: they wait until /proc is closed. */
	struct {
		size_t parent;
		pid_t pid;
	} name[NAMES_MAX];
	size_t count;
};

static int look_at(void *with, const char *name)
{
	struct scan *s = with;
	struct tree *tree = s->tree;
	struct proc_stat stat;
	uint64_t pid;

	if (num_parse_u64(name, INT32_MAX, &pid) < 0 || pid <= 1)
		return 0;
	struct member *known = tree_find(tree, (pid_t)pid);
	if (known) {
		known->listed = tree->walks;
		return 0;
	}
	int r = os_proc_stat((pid_t)pid, &stat);
	if (hold_is_starved(r) && !tree->starved)
		return r;
	if (r < 0)
		return 0;
	const struct member *parent = tree_find(tree, stat.ppid);
	if (!parent)
		return 0;
	size_t at = (size_t)(parent - tree->member);
	if (!tree->starved)
		return s->each(s->with, at, (pid_t)pid);
	if (s->count == NAMES_MAX)
		return 0; /* in the next round */
	s->name[s->count].parent = at;
	s->name[s->count++].pid = (pid_t)pid;
	return 0;
}

/* 0; not 0: enough; -errno. */
static int look_around(struct scan *s)
{
	struct tree *tree = s->tree;

	s->count = 0;
	if (tree->starved)
		tree_give_reserve(tree);
	if (tree->proc_fd < 0)
		tree->proc_fd = os_open_at(OS_CWD, "/proc", 0, 0);
	int r = tree->proc_fd < 0 ? tree->proc_fd : os_dir_each(tree->proc_fd, look_at, s);
	if (tree->starved) {
		os_fd_close(&tree->proc_fd);
		tree_take_reserve(tree);
	}
	for (size_t i = 0; r == 0 && i < s->count; i++)
		r = s->each(s->with, s->name[i].parent, s->name[i].pid);
	return r;
}

int scan_all(struct tree *tree, int (*each)(void *with, size_t parent, pid_t child), void *with)
{
	struct scan s = { .tree = tree, .each = each, .with = with };

	if (!os_proc_is_ours())
		return 0;
	for (int round = 0; round < ROUNDS_MAX; round++) {
		size_t before = tree->count;
		bool was_starved = tree->starved;
		int r = look_around(&s);
		if (hold_is_starved(r) && !was_starved)
			tree->starved = true; /* from now on by the reserve */
		else if (r != 0)
			return r;
		if (tree->count == before && tree->starved == was_starved)
			return 0;
	}
	tree->again = true;
	return 0;
}
