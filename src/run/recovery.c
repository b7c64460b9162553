#include "run/recovery.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "core/outcome.h"
#include "os/cgroup.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "run/cgroup.h"
#include "run/close.h"
#include "run/endgame.h"
#include "run/reader.h"
#include "store/history.h"
#include "tree/hold.h"
#include "tree/walk.h"

#define TICKS_PER_S  100 /* USER_HZ */
#define SEARCHES_MAX 5
#define PAGE_BYTES   4096

struct search {
	struct recovery *r;
	struct run_view *view;
	struct tree *tree;
	struct record_slot *slot; /* as recorded */
	size_t slot_count;
	int group; /* its control group, verified; -1 = none */
};

static void list(struct recovery *r, pid_t pid)
{
	if (r->listed_count < RECOVERY_NAMED_MAX)
		r->listed[r->listed_count++] = pid;
}

/* Two marks: number and start time, and the run's id in the environment. */
static void add_weak(struct search *s, const struct record_slot *slot)
{
	if (reader_has_mark(slot->id.pid, s->view->record.head.run_id) != 1) {
		list(s->r, slot->id.pid);
		return;
	}
	int fd = os_pidfd_open(slot->id.pid);
	struct proc_stat stat;
	bool same = fd >= 0 && os_proc_stat(slot->id.pid, &stat) == 0 &&
		    stat.start_ticks == slot->id.start_ticks && os_pidfd_signal(fd, 0) == 0;
	struct record_slot strong = *slot;
	strong.id.pidfs_ino = fd >= 0 ? os_pidfd_inode(fd) : 0;
	os_fd_close(&fd);
	if (!same || strong.id.pidfs_ino == 0 || tree_add_seed(s->tree, &strong) < 0)
		list(s->r, slot->id.pid);
}

/* 0, or -errno: one of them may live and could not be held. */
static int add_recorded(struct search *s)
{
	for (size_t i = 0; i < s->slot_count; i++) {
		int r = tree_add_seed(s->tree, &s->slot[i]);
		if (r == -EAGAIN)
			add_weak(s, &s->slot[i]);
		else if (r < 0 && r != -ESRCH)
			return r;
	}
	return 0;
}

/* The session of a recorded member: the second mark of one that was born after the last look. */
static bool is_recorded_session(const struct search *s, pid_t sid)
{
	for (size_t i = 0; i < s->slot_count; i++)
		if (s->slot[i].id.pid == sid)
			return true;
	return false;
}

static void consider(struct search *s, pid_t pid)
{
	const struct record_head *head = &s->view->record.head;
	struct proc_stat stat;
	struct proc_status status;

	if (pid <= 1 || pid == os_self_pid() || tree_find(s->tree, pid))
		return;
	AUTO_FD int fd = os_pidfd_open(pid);
	if (fd < 0 || os_proc_stat(pid, &stat) < 0 || stat.state == 'Z')
		return;
	/* Older than the run, by more than the clock tick's grain: cannot be of it. */
	if ((stat.start_ticks + 2) * (NS_PER_S / TICKS_PER_S) < head->started_boot_ns)
		return;
	if (os_proc_status(pid, &status) < 0 || status.uid != head->uid)
		return;
	if (reader_has_mark(pid, head->run_id) != 1 || os_pidfd_signal(fd, 0) < 0)
		return;
	struct record_slot found = {
		.id = { .pid = pid, .start_ticks = stat.start_ticks, .pidfs_ino = os_pidfd_inode(fd) },
		.sid = stat.sid,
		.depth = 1,
		.seen_boot_ns = os_clock_boot_ns(),
	};
	if (!is_recorded_session(s, stat.sid) || tree_add_seed(s->tree, &found) < 0)
		list(s->r, pid);
}

/* Who is in the run's own group is of the run: the kernel says so. */
static int add_grouped(void *with, pid_t pid)
{
	struct search *s = with;
	struct proc_stat stat;
	BUF(name, RUN_ID_MAX + 16);

	run_cgroup_name(&name, s->view->record.head.run_id);
	AUTO_FD int fd = pid > 1 && !tree_find(s->tree, pid) ? os_pidfd_open(pid) : -1;
	if (fd < 0 || os_proc_stat(pid, &stat) < 0)
		return 0;
	struct record_slot found = {
		.id = { .pid = pid, .start_ticks = stat.start_ticks, .pidfs_ino = os_pidfd_inode(fd) },
		.sid = stat.sid,
		.depth = 1,
		.seen_boot_ns = os_clock_boot_ns(),
	};
	/* Opened, then asked again: else the number may have become another's between the list and the
	 * handle. */
	if (os_cgroup_is_member(pid, name.at) && os_pidfd_signal(fd, 0) == 0 && found.id.pidfs_ino != 0)
		(void)tree_add_seed(s->tree, &found);
	return 0;
}

static int consider_name(void *with, const char *name)
{
	uint64_t pid;
	if (num_parse_u64(name, INT32_MAX, &pid) == 0)
		consider(with, (pid_t)pid);
	return 0;
}

/* Members born between the last look and the guards' death carry the run's id. */
static void add_unrecorded(struct search *s)
{
	(void)tree_walk(s->tree, os_clock_boot_ns(), false); /* descendants of the recorded need no mark */
	if (s->group >= 0)
		(void)os_cgroup_each(s->group, add_grouped, s);
	AUTO_FD int proc = os_open_at(OS_CWD, "/proc", 0, 0);
	if (proc >= 0)
		(void)os_dir_each(proc, consider_name, s);
}

static void name_members(struct recovery *r, struct tree *tree)
{
	struct close_run names = { 0 };
	close_name_members(&names, tree);
	r->process_count = names.process_count;
	memcpy(r->process, names.process, sizeof(r->process));
}

/* The record closed as lost; once, whoever else has written an end. */
static int close_lost(struct recovery *r, struct run_view *view, uint32_t ended, const char *detail)
{
	struct record_state *state = &view->record.state;
	struct close_run c = { .dir = r->dir,
			       .head = &view->record.head,
			       .state = state,
			       .record_fd = view->record.fd,
			       .history_fd = -1,
			       .by = r->by,
			       .detail = detail,
			       .keep_record = r->survivors > 0,
			       .may_be_told = true };

	state->figures.cause = CAUSE_BOTH_DEAD;
	state->figures.survivors = r->survivors;
	state->figures.freed_bytes += r->freed_bytes;
	state->figures.ended += ended;
	state->figures.killed += r->killed;
	c.verdict = outcome_judge(&(struct outcome_facts){ .cause = CAUSE_BOTH_DEAD,
							   .survivors = r->survivors,
							   .has_status = state->figures.has_status != 0,
							   .job_status = state->figures.job_status });
	if (r->survivors > 0) {
		c.process_count = r->process_count;
		memcpy(c.process, r->process, sizeof(c.process));
	}
	return close_run(&c);
}

/* What is in the tree now, added to what was ended before. Members alive. */
static uint32_t end_members(struct search *s)
{
	struct recovery *r = s->r;
	struct run_view *view = s->view;
	struct tree *tree = s->tree;
	const struct record_head *head = &view->record.head;
	static struct nested nested;
	struct endgame e = { .tree = tree,
			     .signal = head->signal > 0 ? head->signal : 15,
			     .nested = &nested,
			     .dir = r->dir,
			     .run_id = r->run_id,
			     .killer.cgroup = s->group };
	uint64_t start_ns = os_clock_boot_ns();

	nested.count = 0;
	(void)tree_walk(tree, start_ns, false);
	uint32_t alive = tree_count_alive(tree);
	r->members += alive;
	r->freed_bytes += tree->rss_pages * PAGE_BYTES;
	e.grace_ns = r->grace_ns != NUM_NONE ? r->grace_ns : head->kill_after_ns;
	if (r->dry_run) {
		name_members(r, tree);
		return alive;
	}
	if (alive > 0 || !killer_is_empty(&e.killer))
		r->survivors = endgame_run(&e);
	r->killed += e.killed;
	if (e.killed > 0 || nested.count > 0)
		nested_close(r->dir, r->run_id);
	if (e.rung != KILL_NOT)
		view->record.state.figures.kill_rung = e.rung;
	r->took_ns += os_clock_boot_ns() - start_ns;
	if (r->survivors > 0)
		name_members(r, tree);
	return alive;
}

/* Sessions of these are known from now on, though the record does not name them. */
static void remember_members(struct search *s)
{
	FOR_EACH_MEMBER (s->tree, m)
		if (s->slot_count < RECORD_SLOTS_MAX)
			s->slot[s->slot_count++] = (struct record_slot){ .id = m->id, .sid = m->sid };
}

/*
 * Whose parent dies in our hands is handed to a reaper that is not us: what
 * was born between two looks is looked for again, until a search finds none.
 */
static void end_all(struct search *s)
{
	uint32_t listed_before = s->r->listed_count;

	for (int round = 0; round < SEARCHES_MAX && s->r->survivors == 0; round++) {
		s->r->listed_count = listed_before;
		add_unrecorded(s);
		remember_members(s);
		if (end_members(s) == 0 || s->r->dry_run)
			return;
	}
}

static int recover_here(struct recovery *r, struct run_view *view)
{
	AUTO_FREE struct tree *tree = calloc(1, sizeof(*tree));
	AUTO_FREE struct record_slot *slot = calloc(RECORD_SLOTS_MAX, sizeof(*slot));
	if (!tree || !slot)
		return -ENOMEM;
	AUTO_FD int group = run_cgroup_open(&view->record.head);
	struct search s = { .r = r, .view = view, .tree = tree, .slot = slot, .group = group };

	tree_init(tree, view->record.fd);
	ssize_t n = record_read_slots(&view->record, slot, RECORD_SLOTS_MAX);
	s.slot_count = n > 0 ? (size_t)n : 0;
	int result = n < 0 ? (int)n : add_recorded(&s);
	if (result == 0) {
		end_all(&s);
		r->is_looked_at = true;
		if (!r->dry_run)
			(void)run_cgroup_remove(&view->record.head);
		result = r->dry_run ? 0 : close_lost(r, view, r->members - r->survivors, NULL);
	}
	tree_release(tree);
	return r->survivors > 0 ? -EBUSY : result;
}

int recovery_run(struct recovery *r, const char *run_id)
{
	struct run_view view;
	struct host_id here;

	os_host_id(-1, &here);
	if (here.boot_id[0] == '\0' || here.pid_ns == 0)
		return -ENOSYS; /* without /proc nothing can be compared: neither signalled nor closed */
	memcpy(r->run_id, run_id, strlen(run_id) + 1);
	int result = run_view_open(r->dir, run_id, &here, &view);
	if (result == -EBADMSG || result == -EPERM) {
		r->is_damaged = r->is_looked_at = true;
		return r->dry_run ? 0 : record_quarantine(r->dir->run_fd, run_id);
	}
	if (result == -ENODATA && r->holds_lock) {
		/* Front was killed before it had written a word: nothing has started. */
		r->is_closed = true;
		return r->dry_run ? 0 : record_remove(r->dir->run_fd, run_id);
	}
	if (result < 0)
		return result;
	memcpy(r->job, view.record.head.job, sizeof(r->job));
	r->is_guarded = !r->holds_lock && view.is_guarded;
	r->is_closed = view.record.state.phase == PHASE_CLOSED;
	r->is_looked_at = r->is_closed || view.place != PLACE_HERE;
	r->is_old_boot = view.place == PLACE_OLD_BOOT;
	r->is_unverifiable =
		view.place == PLACE_ELSEWHERE && !(view.record.head.flags & RECORD_FRONT_IS_INIT);
	/* Of another namespace only the free lock tells that its guards are gone. */
	if (view.place == PLACE_ELSEWHERE && !r->holds_lock)
		r->is_guarded = true;
	if (r->is_guarded)
		result = 0;
	else if (r->is_closed && !r->dry_run && view.place == PLACE_HERE)
		(void)run_cgroup_remove(&view.record.head);
	if (r->is_guarded)
		;
	else if (r->is_closed)
		result = r->dry_run ? 0 : record_remove(r->dir->run_fd, run_id);
	else if (view.place != PLACE_HERE)
		result = r->dry_run ? 0
				    : close_lost(r, &view, 0, r->is_unverifiable ? "tree unverified" : NULL);
	else
		result = recover_here(r, &view);
	if (!r->is_guarded)
		request_remove(r->dir->run_fd, run_id);
	run_view_close(&view);
	return result;
}
