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
#include "os/proc.h"
#include "run/cgroup.h"
#include "run/close.h"
#include "run/endgame.h"
#include "run/orphans.h"
#include "store/history.h"
#include "tree/walk.h"

#define SEARCHES_MAX 5
#define PAGE_BYTES   4096

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
			       .may_be_told = true,
			       .toll = r->toll };

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
	int result = close_run(&c);
	r->toll = c.toll;
	return result;
}

/* What is in the tree now, added to what was ended before. Members alive. */
static uint32_t end_members(struct recovery *r, struct run_view *view, const struct orphans *o)
{
	struct tree *tree = o->tree;
	const struct record_head *head = &view->record.head;
	static struct nested nested;
	struct endgame e = { .tree = tree,
			     .signal = head->signal > 0 ? head->signal : 15,
			     .nested = &nested,
			     .dir = r->dir,
			     .run_id = r->run_id,
			     .killer.cgroup = o->group };
	uint64_t start_ns = os_clock_boot_ns();

	nested.count = 0;
	(void)tree_walk(tree, start_ns, WALK_WHOLE);
	uint32_t alive = tree_count_alive(tree);
	r->members += alive;
	r->freed_bytes += tree->rss_pages * PAGE_BYTES;
	e.grace_ns = r->grace_ns != NUM_NONE ? r->grace_ns : head->kill_after_ns;
	if (r->dry_run) {
		name_members(r, tree);
		return alive;
	}
	r->survivors = endgame_run(&e); /* where nobody is, it ends at once */
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

/*
 * Whose parent dies in our hands is handed to a reaper that is not us: what
 * was born between two looks is looked for again, until a search finds none.
 */
static void end_all(struct recovery *r, struct run_view *view, struct orphans *o)
{
	for (int round = 0; round < SEARCHES_MAX && r->survivors == 0; round++) {
		orphans_search(o);
		if (end_members(r, view, o) == 0 || r->dry_run)
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
	struct orphans o = { .record = &view->record,
			     .tree = tree,
			     .group = group,
			     .slot = slot,
			     .slot_max = RECORD_SLOTS_MAX };

	tree_init(tree, view->record.fd);
	int result = orphans_open(&o);
	if (result == 0) {
		end_all(r, view, &o);
		memcpy(r->listed, o.listed, sizeof(r->listed));
		r->listed_count = o.listed_count;
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
	if (here.boot_id[0] == '\0' || here.pid_ns == 0 || !os_proc_is_ours())
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
	if (!r->is_guarded) {
		request_remove(r->dir->run_fd, run_id);
		record_remove_socket(r->dir->run_fd, run_id);
	}
	run_view_close(&view);
	return result;
}
