#include "run/nested.h"

#include <signal.h>
#include <string.h>

#include "core/outcome.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/signal.h"
#include "run/cgroup.h"
#include "run/close.h"
#include "run/find.h"
#include "store/record.h"
#include "tree/tree.h"

struct search {
	struct nested *nested;
	const struct statedir *dir;
	const char *run_id;
	struct tree *tree;
	struct host_id here;
};

/* The process behind a pidfd's inode: that means the same in each PID namespace. */
static struct member *find_by_inode(struct tree *tree, const struct proc_id *id)
{
	if (id->pidfs_ino != 0)
		FOR_EACH_MEMBER (tree, m)
			if (m->id.pidfs_ino == id->pidfs_ino && !(m->flags & MEMBER_DEAD))
				return m;
	return NULL;
}

/* Front of that run, if it is a member; of a guard in a namespace of the tree's own, its warden's handle too.
 */
static struct member *find_front(struct search *s, struct run_view *view)
{
	const struct record *record = &view->record;

	if (view->place == PLACE_HERE)
		return view->front >= 0 ? tree_find(s->tree, record->head.front.pid) : NULL;
	if (view->place != PLACE_ELSEWHERE || s->tree->init == 0)
		return NULL;
	struct member *front = find_by_inode(s->tree, &record->head.front);
	const struct member *warden = front ? find_by_inode(s->tree, &record->state.warden) : NULL;
	if (warden && warden->handle >= 0)
		view->warden = os_fd_copy(warden->handle);
	return front;
}

static int consider(void *with, const char *run_id)
{
	struct search *s = with;
	struct run_view view;

	if (s->nested->count == NESTED_MAX || run_view_open(s->dir, run_id, &s->here, &view) < 0)
		return 0;
	struct member *front = find_front(s, &view);
	if (front && strcmp(view.record.head.parent_run_id, s->run_id) == 0) {
		front->flags |= MEMBER_GUARD;
		uint32_t i = s->nested->count++;
		memcpy(s->nested->run_id[i], view.record.head.run_id, sizeof(s->nested->run_id[i]));
		s->nested->warden[i] = os_fd_steal(&view.warden);
	}
	run_view_close(&view);
	return 0;
}

void nested_mark(struct nested *nested, const struct statedir *dir, const char *run_id, struct tree *tree)
{
	struct search s = { .nested = nested, .dir = dir, .run_id = run_id, .tree = tree };

	nested->count = 0;
	/* A guard is two processes more than the job: nothing to look for in a tree of one. */
	if (tree->procs < 3)
		return;
	os_host_id(-1, &s.here);
	(void)record_each(dir->run_fd, consider, &s);
	if (nested->count == 0)
		return;
	/* Parents stand before their children in the table, but for those that were handed up meanwhile. */
	FOR_EACH_MEMBER (tree, m) {
		struct member *parent = tree_find(tree, m->ppid);
		if (parent && parent->flags & (MEMBER_GUARD | MEMBER_GUARDED))
			m->flags |= MEMBER_GUARDED;
	}
}

void nested_ask(struct nested *nested, const struct statedir *dir, const char *run_id, enum request_verb verb,
		uint64_t grace_ns)
{
	for (uint32_t i = 0; i < nested->count; i++) {
		struct request request = { .verb = verb, .by_pid = os_self_pid(), .by_uid = os_self_uid() };
		request.grace_ns = grace_ns > NESTED_MARGIN_NS ? grace_ns - NESTED_MARGIN_NS : 0;
		memcpy(request.by_run, run_id, strnlen(run_id, RUN_ID_MAX));
		memcpy(request.by_comm, NESTED_COMM, sizeof(NESTED_COMM));
		if (request_write(dir->run_fd, nested->run_id[i], &request) == 0 && nested->warden[i] >= 0)
			(void)os_pidfd_signal(nested->warden[i], OS_SIG_REQUEST);
		os_fd_close(&nested->warden[i]);
	}
}

/* Runs below ours whose guards are gone, however deep: what was born after the TERM round too. */
struct below {
	const struct statedir *dir;
	const char *run_id;
	struct host_id here;
	uint32_t count;
	char found[NESTED_MAX][RUN_ID_MAX + 8];
};

static int gather(void *with, const char *run_id)
{
	struct below *b = with;
	struct run_view view;

	if (b->count == NESTED_MAX || strcmp(run_id, b->run_id) == 0 ||
	    !find_is_ancestor(b->dir, run_id, b->run_id) ||
	    run_view_open(b->dir, run_id, &b->here, &view) < 0)
		return 0;
	if (!view.is_guarded && view.place == PLACE_HERE)
		memcpy(b->found[b->count++], run_id, strnlen(run_id, RUN_ID_MAX) + 1);
	run_view_close(&view);
	return 0;
}

static void close_one(const struct statedir *dir, const char *run_id, const char *by_run)
{
	struct record record;

	if (record_open(dir->run_fd, run_id, &record) < 0)
		return;
	struct run_figures *f = &record.state.figures;
	f->cause = CAUSE_OUTER;
	f->sender_pid = os_self_pid();
	f->sender_uid = os_self_uid();
	memset(f->sender_comm, 0, sizeof(f->sender_comm));
	memcpy(f->sender_comm, NESTED_COMM, sizeof(NESTED_COMM));
	memset(f->by_run, 0, sizeof(f->by_run));
	memcpy(f->by_run, by_run, strnlen(by_run, RUN_ID_MAX));
	struct close_run c = { .dir = dir,
			       .head = &record.head,
			       .state = &record.state,
			       .record_fd = record.fd,
			       .history_fd = -1,
			       .by = "outer",
			       .may_be_told = true };
	c.verdict = (struct outcome_verdict){ .outcome = OUTCOME_KILLED, .exit_code = 128 + SIGKILL };
	if (record.state.phase != PHASE_CLOSED)
		(void)close_run(&c);
	else
		(void)record_remove(dir->run_fd, run_id);
	(void)run_cgroup_remove(&record.head);
	request_remove(dir->run_fd, run_id);
	record_remove_socket(dir->run_fd, run_id);
	record_close(&record);
}

void nested_close(const struct statedir *dir, const char *run_id)
{
	static struct below b; /* an end needs no stack for it */

	b = (struct below){ .dir = dir, .run_id = run_id };
	os_host_id(-1, &b.here);
	/* All are found before the first is closed: a closed one no longer tells whose it was. */
	(void)record_each(dir->run_fd, gather, &b);
	for (uint32_t i = 0; i < b.count; i++)
		close_one(dir, b.found[i], run_id);
}
