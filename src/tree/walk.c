#include "tree/walk.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "codec/procfs.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/proc.h"
#include "tree/hold.h"
#include "tree/measure.h"
#include "tree/scan.h"

/* A walk goes no deeper after this long, and says so: the next one does.  One that only looks is not to
 * keep the end waiting. */
#define WALK_MAX_NS     (50 * NS_PER_MS)
#define LOOK_MAX_NS     (10 * NS_PER_MS)
#define BIRTHS_PER_LOOK 32
/* The memory of one that does not run is read each so many walks: others can fill it. */
#define RESTING_WALKS 16

struct walking {
	struct tree *tree;
	size_t at; /* whose children are being read */
	uint64_t now_ns;
	uint64_t births, asked;
	uint64_t began_ns; /* the first handful */
	uint64_t max_ns;
};

/* Below the root, and not the job: its parent is gone. */
static void note_orphan(struct walking *w, struct member *m)
{
	uint32_t above = w->tree->member[w->at].flags;

	if (m->orphaned_ns != 0 || !(above & (MEMBER_ROOT | MEMBER_INIT)) ||
	    m->flags & (MEMBER_JOB | MEMBER_INIT))
		return;
	m->orphaned_ns = w->now_ns;
	w->tree->orphans++;
}

static int meet(void *with, pid_t child)
{
	struct walking *w = with;
	struct tree *tree = w->tree;

	struct member *known = tree_find(tree, child);
	if (known) {
		known->listed = tree->walks;
		note_orphan(w, known);
		return 0;
	}
	bool is_at_root = tree->member[w->at].flags & MEMBER_ROOT;
	if (is_at_root && tree->accepts && !tree->accepts(tree->accepts_with, child))
		return 0;
	if (hold_child(tree, w->at, child, w->now_ns) == 0) {
		struct member *m = &tree->member[tree->count - 1];
		m->listed = tree->walks;
		note_orphan(w, m);
		w->births++;
		if (tree->births && !(m->flags & MEMBER_INIT))
			births_meet(tree->births, m->ppid);
		if (tree->met)
			tree->met(tree->met_with, m);
	}
	return 0;
}

/* Children that are not yet members. */
struct names {
	struct tree *tree;
	pid_t pid[64];
	size_t count;
};

static int collect(void *with, pid_t child)
{
	struct names *n = with;
	struct member *known = tree_find(n->tree, child);
	if (known) {
		known->listed = n->tree->walks;
		return 0;
	}
	if (n->count == 64)
		return 1; /* the others once these are members */
	n->pid[n->count++] = child;
	return 0;
}

/* Without descriptors: by name, a thread at a time, and the number must first prove itself. */
static int read_children_poorly(struct walking *w)
{
	struct tree *tree = w->tree;
	struct member *m = &tree->member[w->at];
	struct names names = { .tree = tree };
	pid_t pid = m->id.pid;
	uint64_t before;
	int r;

	if (!(m->flags & (MEMBER_JOB | MEMBER_ROOT)) && hold_signal(tree, m, 0) == -ESRCH)
		return -ESRCH;
	do {
		before = w->births;
		names.count = 0;
		tree_give_reserve(tree);
		tree->scans = !os_proc_lists_children();
		tree->again |= tree->scans; /* from the next walk on */
		if (tree->scans)
			break;
		r = os_proc_children_of_threads(pid, collect, &names);
		tree_take_reserve(tree);
		for (size_t i = 0; i < names.count; i++)
			(void)meet(w, names.pid[i]);
	} while (r > 0 && w->births > before);
	tree_take_reserve(tree);
	return 0;
}

/* 0, or -ESRCH: this member has been waited for. */
static int read_children(struct walking *w)
{
	struct tree *tree = w->tree;
	struct member *m = &tree->member[w->at];
	pid_t pid = m->id.pid;

	if (m->children_fd < 0)
		return read_children_poorly(w);
	if (m->task_fd >= 0) {
		uint64_t threads = os_proc_threads(m->task_fd);
		if (threads == 0)
			return -ESRCH;
		if (threads > 1) {
			int r = os_proc_children_of_threads(pid, meet, w);
			if (hold_is_starved(r))
				return read_children_poorly(w);
			return r == -ENOENT ? -ESRCH : 0;
		}
	}
	return os_proc_children(pid, pid, m->children_fd, meet, w) == -ESRCH ? -ESRCH : 0;
}

/* 0, or -ESRCH: this member has been waited for. */
static int look_for(struct tree *tree, struct member *m)
{
	if (m->flags & (MEMBER_ROOT | MEMBER_JOB))
		return 0;
	uint64_t threads = m->task_fd >= 0 ? os_proc_threads(m->task_fd) : OS_THREADS_UNKNOWN;
	if (threads != OS_THREADS_UNKNOWN)
		return threads == 0 ? -ESRCH : 0;
	return hold_signal(tree, m, 0) == -ESRCH ? -ESRCH : 0;
}

/* Take a new sample of its memory; what cannot be read stays as it was. 0, -ESRCH: it has been waited for. */
static int read_rss(struct tree *tree, struct member *m)
{
	char bytes[128];
	uint64_t pages;

	if (m->statm_fd < 0)
		return 0;
	ssize_t n = os_fd_pread(m->statm_fd, bytes, sizeof(bytes), 0);
	if (n > 0 && procfs_parse_statm(bytes, (size_t)n, &pages) == 0) {
		tree->moved |= pages == 0 && m->rss_pages != 0;
		m->rss_pages = pages; /* 0: it is exiting, and its memory is free */
	}
	return n == -ESRCH ? -ESRCH : 0;
}

/* Memory, and what the rules ask for. 0, -ESRCH: it has been waited for. */
static int take_sample(struct tree *tree, struct member *m, enum walk how)
{
	bool is_judged =
		how == WALK_LOOK && (tree->wants | tree->wants_awhile) != 0 && !(m->flags & MEMBER_INIT);
	bool is_resting = is_judged && measure_has_rested(tree, m);
	int r = 0;

	if (!is_resting || (tree->walks + (uint32_t)m->id.pid) % RESTING_WALKS == 0)
		r = read_rss(tree, m);
	return r == 0 && is_judged ? measure_member(tree, m, is_resting) : r;
}

static bool is_quiet(struct tree *tree)
{
	char bytes[128];
	struct proc_load load;

	if (tree->load_fd < 0)
		tree->load_fd = os_open_at(OS_CWD, "/proc/loadavg", 0, 0);
	uint64_t last = 0;
	if (tree->load_fd >= 0) {
		ssize_t n = os_fd_pread(tree->load_fd, bytes, sizeof(bytes), 0);
		if (n > 0 && procfs_parse_load(bytes, (size_t)n, &load) == 0)
			last = load.last_pid;
	}
	bool same = last != 0 && last == tree->last_pid;
	tree->last_pid = last;
	return same && !tree->again && !tree->crowded && !tree->moved;
}

static void drop(struct tree *tree, struct member *m)
{
	/* Listed by its parent in this very walk, and gone: the number may be a new child's by now. */
	if (m->listed == tree->walks)
		tree->again = true;
	m->flags |= MEMBER_DEAD;
	tree->moved = true;
	if (tree->births) {
		struct member *parent = tree_find(tree, m->ppid);
		births_miss(tree->births, parent ? &parent->births : NULL);
	}
}

/* The job is added before it runs: what it became is read at the first walk. */
static void complete_job(struct tree *tree, struct member *m)
{
	struct proc_stat stat;

	if (!(m->flags & MEMBER_JOB) || m->id.start_ticks != 0 || !os_proc_is_ours() ||
	    os_proc_stat(m->id.pid, &stat) < 0)
		return;
	m->id.start_ticks = stat.start_ticks;
	m->ppid = stat.ppid;
	m->sid = stat.sid;
	memcpy(m->comm, stat.comm, sizeof(m->comm) - 1);
	memcpy(m->sample.comm, m->comm, sizeof(m->sample.comm));
	m->flags &= ~(uint32_t)MEMBER_RECORDED;
	hold_keep_files(tree, m);
}

/* Its end is not to depend on a storm that is as fast as we are: asked after each handful of births. */
static bool takes_long(struct walking *w)
{
	if (w->births < w->asked + BIRTHS_PER_LOOK)
		return false;
	w->asked = w->births;
	uint64_t now_ns = os_clock_boot_ns();
	if (w->began_ns == 0)
		w->began_ns = now_ns;
	return now_ns - w->began_ns > w->max_ns;
}

static int look_below(struct walking *w)
{
	return w->tree->scans ? look_for(w->tree, &w->tree->member[w->at]) : read_children(w);
}

static int meet_below(void *with, size_t parent, pid_t child)
{
	struct walking *w = with;

	w->at = parent;
	(void)meet(w, child);
	return takes_long(w) ? 1 : 0;
}

uint64_t tree_walk(struct tree *tree, uint64_t now_ns, enum walk how)
{
	struct walking w = { .tree = tree,
			     .now_ns = now_ns,
			     .max_ns = how == WALK_LOOK ? LOOK_MAX_NS : WALK_MAX_NS };
	bool has_births = !is_quiet(tree) || how == WALK_WHOLE || how == WALK_SWEEP, is_cut = false;
	bool takes_samples = how == WALK_LOOK || how == WALK_WHOLE;
	uint64_t pages = 0;
	uint32_t procs = 0;

	tree->walks++;
	tree->again = false;
	tree->moved = !takes_samples; /* who has gone since is not known */
	if (tree->scans && has_births)
		is_cut = scan_all(tree, meet_below, &w) > 0;
	/* The table grows while we go through it: what is found is walked in the same pass, however deep. */
	for (w.at = 0; w.at < tree->count; w.at++) {
		if (tree->member[w.at].flags & MEMBER_DEAD)
			continue;
		complete_job(tree, &tree->member[w.at]);
		is_cut = is_cut || takes_long(&w);
		int r = has_births && !is_cut ? look_below(&w) : 0;
		struct member *m = &tree->member[w.at];
		if (r == 0 && takes_samples && !(m->flags & MEMBER_ROOT))
			r = take_sample(tree, m, how);
		if (r == -ESRCH && !(m->flags & (MEMBER_ROOT | MEMBER_JOB)))
			drop(tree, m);
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD))
			continue;
		pages += m->rss_pages;
		procs++;
	}
	tree_compact(tree);
	tree->again |= is_cut;
	tree->rss_pages = pages;
	tree->procs = procs;
	return w.births;
}

uint32_t tree_count_alive(struct tree *tree)
{
	uint32_t alive = 0;
	FOR_EACH_MEMBER (tree, m)
		if (!(m->flags & (MEMBER_ROOT | MEMBER_DEAD)) && !hold_is_dead(tree, m))
			alive++;
	return alive;
}
