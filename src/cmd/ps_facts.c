/* A run and its processes in figures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "cmd/ps.h"
#include "codec/procfs.h"
#include "os/clock.h"
#include "os/proc.h"
#include "os/users.h"
#include "run/describe.h"
#include "run/find.h"
#include "run/orphans.h"
#include "tree/hold.h"
#include "tree/walk.h"
#include "ui/term.h"

#define PAGE_BYTES  4096
#define NS_PER_TICK (NS_PER_S / 100) /* USER_HZ */

const char *const ps_kind_name[PS_KIND_COUNT] = { "front", "warden", "job", "member" };

struct ps_needs ps_needs_of(const struct columns *columns)
{
	struct ps_needs needs = { false, false, false };

	for (uint32_t i = 0; i < columns->count; i++) {
		switch (columns->at[i]) {
		case COLUMN_PPID: /* of the guards */
		case COLUMN_STATE:
		case COLUMN_AGE:
		case COLUMN_THREADS:
		case COLUMN_CPU:
			needs.stat = true;
			break;
		case COLUMN_USER:
			needs.uid = true;
			break;
		case COLUMN_MARKS:
			needs.stat = needs.marks = true;
			break;
		default:
			break;
		}
	}
	return needs;
}

const char *ps_user(uid_t uid)
{
	static uid_t known = (uid_t)-1; /* a run's processes are mostly of one user */
	static char text[160];
	char name[64];
	struct buf b;

	if (uid == known)
		return text;
	os_user_name(uid, name, sizeof(name));
	buf_init(&b, text, sizeof(text));
	term_escape(&b, name, strlen(name), 0);
	known = uid;
	return text;
}

/* Of the process that has this number now: who asks makes sure that it is the one that is meant. */
static void read_process(struct ps_process *p, const struct ps_needs *needs, uint64_t now_ns)
{
	struct proc_stat stat;
	struct proc_status status;

	if (needs->stat && os_proc_stat(p->pid, &stat) == 0) {
		uint64_t since_ns = stat.start_ticks * NS_PER_TICK;
		p->has_stat = true;
		p->state = stat.state;
		p->threads = stat.threads;
		p->cpu_ns = (stat.user_ticks + stat.system_ticks) * NS_PER_TICK;
		p->age_ns = now_ns > since_ns ? now_ns - since_ns : 0;
		p->ppid = stat.ppid;
		p->sid = stat.sid;
	}
	if (needs->uid && os_proc_status(p->pid, &status) == 0) {
		p->has_uid = true;
		p->uid = status.euid;
	}
}

static struct ps_process read_guard(enum ps_kind kind, const struct proc_id *id, bool is_alive,
				    const struct ps_needs *needs)
{
	struct ps_process p = { .kind = kind, .comm = "spawnguard" };
	uint64_t pages;

	if (!is_alive)
		return p;
	p.pid = id->pid;
	read_process(&p, needs, os_clock_boot_ns());
	if (os_proc_rss(p.pid, &pages) == 0)
		p.rss_bytes = pages * PAGE_BYTES;
	return p;
}

static const char *marks_of(struct orphans *o, const struct ps_process *p)
{
	unsigned marks = orphans_marks(o, p->pid, p->sid);

	if (marks & ORPHANS_RUN_ID)
		return marks & ORPHANS_SESSION ? "both" : "run-id";
	if (marks & ORPHANS_SESSION)
		return "session";
	return marks & ORPHANS_UNKNOWN ? "?" : "lost";
}

static void read_member(struct ps_process *p, struct tree *tree, struct member *m, pid_t job_pid,
			const struct ps_needs *needs, struct orphans *recorded)
{
	bool is_job = m->id.pid == job_pid && m->depth == 1;

	*p = (struct ps_process){ .kind = is_job ? PS_JOB : PS_MEMBER,
				  .pid = m->id.pid,
				  .ppid = m->ppid,
				  .depth = m->depth,
				  .rss_bytes = m->rss_pages * PAGE_BYTES };
	memcpy(p->comm, m->comm, sizeof(p->comm));
	struct ps_process read = *p;
	read_process(&read, needs, os_clock_boot_ns());
	if (needs->marks && read.has_stat && read.state != 'Z')
		read.marks = marks_of(recorded, &read);
	if (!hold_is_dead(tree, m) || read.state == 'Z')
		*p = read; /* else the number may have been another's */
}

static int take_members(struct ps_run *run, struct tree *tree, const struct ps_needs *needs)
{
	pid_t job_pid = run->view->record.state.job_pid;
	bool has_job = false;
	AUTO_FREE struct record_slot *slot = needs->marks ? calloc(RECORD_SLOTS_MAX, sizeof(*slot)) : NULL;
	struct orphans recorded = { .record = &run->view->record,
				    .slot = slot,
				    .slot_max = RECORD_SLOTS_MAX };

	if (needs->marks && (!slot || orphans_read(&recorded) == -ENOMEM))
		return -ENOMEM;
	run->member = calloc(tree->count + 1, sizeof(*run->member));
	if (!run->member)
		return -ENOMEM;
	FOR_EACH_MEMBER (tree, m) {
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT))
			continue;
		struct ps_process *p = &run->member[run->count++];
		read_member(p, tree, m, job_pid, needs, &recorded);
		has_job = has_job || p->kind == PS_JOB;
		run->threads += p->threads;
		run->cpu_ns += p->cpu_ns;
		run->rss_bytes += p->rss_bytes;
	}
	for (size_t i = 0; i < run->count; i++)
		run->member[i].is_leftover = !has_job || !run->view->is_guarded;
	return 0;
}

int ps_run_read(struct ps_run *out_run, const struct run_view *view, const struct statedir *dir, uid_t owner,
		const struct ps_needs *needs)
{
	struct ps_run run = { .view = view, .dir = dir, .owner = owner, .state = describe_state(view) };
	AUTO_FREE struct tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return -ENOMEM;
	run.age_ns = describe_age_ns(view, os_clock_boot_ns());
	run.counted_ns = describe_counted_ns(view, os_clock_boot_ns());
	run.front = read_guard(PS_FRONT, &view->record.head.front, view->has_front, needs);
	run.warden = read_guard(PS_WARDEN, &view->record.state.warden, view->has_warden, needs);
	tree_init(tree, view->record.fd);
	run_view_walk(view, tree);
	int r = take_members(&run, tree, needs);
	tree_release(tree);
	if (r == 0)
		*out_run = run;
	return r;
}

void ps_run_release(struct ps_run *run)
{
	free(run->member);
	run->member = NULL;
}
