#include "run/find.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "tree/hold.h"
#include "tree/walk.h"

#define NESTING_MAX 64

enum run_place run_place_of(const struct host_id *there, const struct host_id *here)
{
	if (there->boot_id[0] == '\0' || here->boot_id[0] == '\0')
		return PLACE_ELSEWHERE; /* not known, here or there: nothing can be compared */
	if (strcmp(there->boot_id, here->boot_id) != 0)
		return PLACE_OLD_BOOT;
	return there->pid_ns == here->pid_ns && there->time_ns == here->time_ns ? PLACE_HERE
										: PLACE_ELSEWHERE;
}

/* Somebody else's record may name any process. */
static bool is_of(pid_t pid, uid_t owner)
{
	struct proc_status status;
	return owner == os_self_uid() || (os_proc_status(pid, &status) == 0 && status.euid == owner);
}

/* A living guard: weak identity is enough to believe that it lives, never to signal it. */
static int open_guard(const struct proc_id *id, uid_t owner, bool *out_lives)
{
	if (id->pid <= 0)
		return -1;
	int fd = hold_open_recorded(id);
	if (fd >= 0 && (!is_of(id->pid, owner) || os_pidfd_is_dead(fd))) {
		os_fd_close(&fd);
		return -1;
	}
	if (fd != -ESRCH)
		*out_lives = true;
	return fd < 0 ? -1 : fd;
}

/* Owned handle of the process with this number and start time; -1. */
static int open_alike(const struct proc_id *id, struct proc_stat *stat)
{
	int fd = os_pidfd_open_or_proc(id->pid);
	if (fd >= 0 && (id->start_ticks == 0 || os_proc_stat(id->pid, stat) < 0 ||
			stat->start_ticks != id->start_ticks || os_pidfd_signal(fd, 0) < 0))
		os_fd_close(&fd);
	return fd < 0 ? -1 : fd;
}

/*
 * Number and start time are one mark.  The second: one is the parent of the
 * other, as the record has it.  (before 6.9)
 */
static void open_pair(struct run_view *view)
{
	struct proc_stat stat, parent;

	AUTO_FD int front = open_alike(&view->record.head.front, &parent);
	AUTO_FD int warden = open_alike(&view->record.state.warden, &stat);
	if (front < 0 || warden < 0 || stat.ppid != parent.pid)
		return;
	view->front = os_fd_steal(&front);
	view->warden = os_fd_steal(&warden);
}

/* Alone, because the other is dead or not yet there: it has this very record open, as no other process but a
 * guard of the run has for longer than a look. */
static int open_alone(const struct run_view *view, const struct proc_id *id)
{
	struct proc_stat stat;

	AUTO_FD int fd = open_alike(id, &stat);
	if (fd < 0 || os_proc_shares_open(id->pid, view->record.fd) != 1 || os_pidfd_signal(fd, 0) < 0)
		return -1;
	return os_fd_steal(&fd);
}

static void open_guards(struct run_view *view)
{
	view->is_guarded = view->has_front = view->has_warden = false;
	if (view->place != PLACE_HERE)
		return;
	view->front = open_guard(&view->record.head.front, view->owner, &view->has_front);
	view->warden = open_guard(&view->record.state.warden, view->owner, &view->has_warden);
	view->is_guarded = view->has_front || view->has_warden;
	if (!view->is_guarded || view->front >= 0 || view->warden >= 0 || view->owner != os_self_uid())
		return;
	if (view->has_front && view->has_warden)
		open_pair(view);
	else if (view->has_front)
		view->front = open_alone(view, &view->record.head.front);
	else
		view->warden = open_alone(view, &view->record.state.warden);
}

static void fill_view(struct run_view *view, uid_t owner, const struct host_id *here)
{
	view->front = view->warden = -1;
	view->owner = owner;
	view->place = run_place_of(&view->record.head.host, here);
	open_guards(view);
}

int run_view_open(const struct statedir *dir, const char *run_id, const struct host_id *here,
		  struct run_view *out_view)
{
	struct run_view view = { .place = PLACE_HERE };

	int r = record_open(dir->run_fd, run_id, &view.record);
	if (r < 0)
		return r;
	fill_view(&view, os_self_uid(), here);
	*out_view = view;
	return 0;
}

void run_view_refresh(struct run_view *view)
{
	(void)record_refresh(&view->record);
	os_fd_close(&view->front);
	os_fd_close(&view->warden);
	open_guards(view);
}

void run_view_close(struct run_view *view)
{
	os_fd_close(&view->front);
	os_fd_close(&view->warden);
	record_close(&view->record);
}

void run_view_walk(const struct run_view *view, struct tree *tree)
{
	if (view->place != PLACE_HERE)
		return;
	if (view->warden >= 0) {
		(void)tree_set_root(tree, view->record.state.warden.pid);
		tree->init = view->record.state.init_pid;
	} else {
		AUTO_FREE struct record_slot *slot = calloc(RECORD_SLOTS_MAX, sizeof(*slot));
		ssize_t n = slot ? record_read_slots(&view->record, slot, RECORD_SLOTS_MAX) : 0;
		for (ssize_t i = 0; i < n; i++)
			if (tree_add_seed(tree, &slot[i]) == -EAGAIN)
				(void)tree_add_listed(tree, &slot[i]);
	}
	(void)tree_walk(tree, os_clock_boot_ns(), WALK_WHOLE);
	while (tree->crowded && tree_prepare(tree) == 0)
		(void)tree_walk(tree, os_clock_boot_ns(), WALK_WHOLE);
}

struct search {
	const struct statedir *dir;
	const char *what;
	struct host_id here;
	int (*each)(void *with, struct run_view *view);
	void *with;
	bool by_job;       /* else by run id */
	struct find *look; /* NULL = find_runs */
	uint32_t found;
	char first[RUN_ID_MAX + 8];
};

static bool is_meant(const struct search *s, const struct record_head *head)
{
	if (!s->what)
		return true;
	if (s->by_job)
		return strcmp(head->job, s->what) == 0;
	return strncmp(head->run_id, s->what, strlen(s->what)) == 0;
}

static int count_one(void *with, const char *run_id)
{
	struct search *s = with;
	size_t n = strlen(s->what);
	if (strncmp(run_id, s->what, n) != 0)
		return 0;
	s->found++;
	memcpy(s->first, run_id, strlen(run_id) + 1);
	return run_id[n] == '\0' ? 1 : 0; /* whole: no other is meant */
}

/* 0, 1: passed over, or what went wrong. */
static int open_one(struct search *s, const char *run_id, struct run_view *view)
{
	if (!s->look) {
		int r = run_view_open(s->dir, run_id, &s->here, view);
		/* gone meanwhile, not yet begun; or damaged, planted: reap tells of it */
		return r == -ENOENT || r == -ENODATA || r == -EBADMSG || r == -EPERM ? 1 : r;
	}
	/* Dead guards have written their end before: only what is read behind that tells that they did not.
	 */
	for (int round = 0;; round++) {
		*view = (struct run_view){ .place = PLACE_HERE };
		int r = record_look(s->dir->run_fd, run_id, s->look->owner, &view->record);
		if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
			return r;
		if (r == -EBADMSG && round == 0)
			continue; /* it may be being written */
		if (r < 0) {
			s->look->passed_over += r == -ENOENT || r == -ENODATA ? 0 : 1;
			return 1;
		}
		fill_view(view, s->look->owner, &s->here);
		bool is_over = !view->is_guarded && view->place != PLACE_ELSEWHERE &&
			       view->record.state.phase == PHASE_CLOSED;
		if (!is_over && (view->is_guarded || view->place != PLACE_HERE || round > 0))
			return 0;
		run_view_close(view);
		if (is_over)
			return 1;
	}
}

static int visit(void *with, const char *run_id)
{
	struct search *s = with;
	struct run_view view;

	int r = open_one(s, run_id, &view);
	if (r != 0)
		return r > 0 ? 0 : r;
	if (is_meant(s, &view.record.head)) {
		s->found++;
		r = s->each(s->with, &view);
	}
	run_view_close(&view);
	return r;
}

static int search(struct search *s)
{
	const char *what = s->what;

	os_host_id(-1, &s->here);
	int r = record_each(s->dir->run_fd, visit, s);
	if (r != 0 || s->found > 0 || !what)
		return r != 0 ? r : (s->found > 0 ? 0 : -ENOENT);
	if (strlen(what) < FIND_PREFIX_MIN)
		return -ENOENT;
	r = record_each(s->dir->run_fd, count_one, s);
	if (r < 0 || s->found == 0)
		return r < 0 ? r : -ENOENT;
	if (r == 0 && s->found > 1)
		return -EEXIST;
	s->by_job = false;
	s->what = s->first;
	s->found = 0;
	uint32_t passed_over = s->look ? s->look->passed_over : 0;
	r = visit(s, s->first);
	if (s->look)
		s->look->passed_over = passed_over;   /* it was counted before */
	return r == 0 && s->found == 0 ? -ENOENT : r; /* not begun yet, or gone meanwhile: none */
}

int find_runs(const struct statedir *dir, const char *what, int (*each)(void *with, struct run_view *view),
	      void *with)
{
	struct search s = { .dir = dir, .what = what, .each = each, .with = with, .by_job = true };
	return search(&s);
}

int find_look(struct find *find)
{
	struct search s = { .dir = find->dir,
			    .what = find->what,
			    .each = find->each,
			    .with = find->with,
			    .by_job = true,
			    .look = find };
	return find->dir->run_fd < 0 ? -ENOENT : search(&s);
}

bool find_is_ancestor(const struct statedir *dir, const char *of, const char *run_id)
{
	char at[RUN_ID_MAX + 8] = { 0 };

	if (strlen(of) > RUN_ID_MAX)
		return false;
	memcpy(at, of, strlen(of));
	for (int level = 0; level < NESTING_MAX && at[0] != '\0'; level++) {
		struct record record;
		if (strcmp(at, run_id) == 0)
			return true;
		if (record_open(dir->run_fd, at, &record) < 0)
			return false;
		memcpy(at, record.head.parent_run_id, sizeof(at));
		record_close(&record);
	}
	return false;
}

bool find_is_held_around(const struct statedir *dir, const char *of, int dirfd, const char *path)
{
	char at[RUN_ID_MAX + 8] = { 0 };
	bool holds = false;

	if (strlen(of) > RUN_ID_MAX)
		return false;
	memcpy(at, of, strlen(of));
	for (int level = 0; level < NESTING_MAX && at[0] != '\0' && !holds; level++) {
		struct record record;
		if (record_open(dir->run_fd, at, &record) < 0)
			return false;
		holds = os_proc_has_open(record.head.front.pid, dirfd, path) == 1;
		memcpy(at, record.head.parent_run_id, sizeof(at));
		record_close(&record);
	}
	return holds;
}
