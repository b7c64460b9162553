#include "run/orphans.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "os/cgroup.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "run/cgroup.h"
#include "store/record.h"
#include "tree/hold.h"
#include "tree/walk.h"

#define TICK_NS   (NS_PER_S / 100) /* USER_HZ */
#define LOOKS_MAX 8                /* where others of this user start all the time, none is the last */
#define MET_MAX   256

static void list(struct orphans *o, pid_t pid)
{
	for (uint32_t i = 0; i < o->listed_count; i++)
		if (o->listed[i] == pid)
			return;
	if (o->listed_count < ORPHANS_LISTED_MAX)
		o->listed[o->listed_count++] = pid;
}

/* By more than the clock tick's grain: it cannot be of the run. */
static bool is_older(const struct orphans *o, const struct proc_stat *stat)
{
	return (stat->start_ticks + 2) * TICK_NS < o->record->head.started_boot_ns;
}

/* Held by `fd`, and there after all that was read of it by its number. */
static bool is_still(int fd)
{
	return fd >= 0 && os_pidfd_signal(fd, 0) == 0;
}

/* Held if two marks say so and it can be; else listed, unless it is gone. */
static void hold_or_list(struct orphans *o, const struct record_slot *found, int *fd, bool has_two)
{
	int r = -EAGAIN;

	if (has_two && is_still(*fd))
		r = tree_add_held(o->tree, found, os_fd_steal(fd));
	if (r < 0 && r != -ESRCH)
		list(o, found->id.pid);
}

/* Two marks: number and start time, and the run's id in the environment. */
static void add_weak(struct orphans *o, const struct record_slot *slot)
{
	struct proc_stat stat;
	struct record_slot found = *slot;

	AUTO_FD int fd = os_pidfd_open_or_proc(slot->id.pid);
	if (os_proc_stat(slot->id.pid, &stat) < 0 || is_older(o, &stat))
		return;
	if (slot->id.start_ticks != 0 && slot->id.start_ticks != stat.start_ticks)
		return; /* another's by now */
	bool has_mark =
		reader_has_mark(&o->patience, slot->id.pid, stat.start_ticks, o->record->head.run_id) == 1;
	found.id.start_ticks = stat.start_ticks;
	found.id.pidfs_ino = os_pidfd_inode(fd);
	hold_or_list(o, &found, &fd, has_mark);
}

int orphans_read(struct orphans *o)
{
	ssize_t n = record_read_slots(o->record, o->slot, o->slot_max);

	o->slot_count = n > 0 ? (size_t)n : 0;
	return n < 0 ? (int)n : 0;
}

int orphans_open(struct orphans *o)
{
	int read = orphans_read(o);

	if (read < 0)
		return read;
	for (size_t i = 0; i < o->slot_count; i++) {
		int r = tree_add_seed(o->tree, &o->slot[i]);
		if (r == -EAGAIN)
			add_weak(o, &o->slot[i]);
		else if (r < 0 && r != -ESRCH)
			return r;
	}
	o->listed_by_record = o->listed_count;
	return 0;
}

/* --- who was born after the last look ------------------------------------------------------------------- */

enum session {
	SESSION_OTHER,
	SESSION_NAMED, /* of a recorded member; it may be the caller's: one mark beside another */
	SESSION_LED,   /* made by a recorded member: a mark of itself */
};

/* Is the session of this number the one that this process has led?  It keeps its number from strangers, so
 * one without a leader is. */
static bool is_led_by(const struct proc_id *id)
{
	struct proc_stat stat;

	int r = os_proc_stat(id->pid, &stat);
	if (r == -ESRCH)
		return true;
	AUTO_FD int fd = hold_open_recorded(id);
	if (fd >= 0 || fd == -EAGAIN)
		return true;
	/* One that has ended, and is not waited for, is no process to be held. */
	return r == 0 && id->pidfs_ino == 0 && id->start_ticks != 0 && stat.start_ticks == id->start_ticks;
}

/* Of process `pid`; what the record has of that number says nothing of it. */
static enum session session_of(const struct orphans *o, pid_t pid, pid_t sid)
{
	const pid_t job = o->record->state.job_pid;
	bool is_named = job == sid;

	if (sid <= 0) /* led from outside our namespace: no number, so no mark */
		return SESSION_OTHER;
	for (size_t i = 0; i < o->slot_count; i++) {
		if (o->slot[i].id.pid == pid)
			continue;
		if (o->slot[i].id.pid == sid && is_led_by(&o->slot[i].id))
			return SESSION_LED;
		is_named = is_named || o->slot[i].sid == sid || o->slot[i].id.pid == sid;
	}
	return is_named ? SESSION_NAMED : SESSION_OTHER;
}

unsigned orphans_marks(struct orphans *o, pid_t pid, pid_t sid)
{
	int has_mark = reader_has_mark(&o->patience, pid, 0, o->record->head.run_id);

	return (has_mark == 1 ? ORPHANS_RUN_ID : 0U) | (has_mark < 0 ? ORPHANS_UNKNOWN : 0U) |
	       (session_of(o, pid, sid) != SESSION_OTHER ? ORPHANS_SESSION : 0U);
}

static struct record_slot found_now(pid_t pid, int fd, const struct proc_stat *stat)
{
	return (struct record_slot){
		.id = { .pid = pid, .start_ticks = stat->start_ticks, .pidfs_ino = os_pidfd_inode(fd) },
		.sid = stat->sid,
		.depth = 1,
		.seen_boot_ns = os_clock_boot_ns(),
	};
}

/*
 * A look at all of /proc takes its time: whoever forks and ends while it goes
 * on is gone when its turn comes, and the child is not in the list that was
 * read before.  So it is looked again at what is young, until a look has met
 * nobody new and missed nobody.
 */
struct search {
	struct orphans *o;
	uint64_t began_ticks; /* this look */
	uint64_t since_ticks; /* the one before: only who was born from there on; 0 = everybody */
	bool is_again;        /* somebody may have been missed */
	struct met {
		pid_t pid;
		uint64_t start_ticks;
	} met[MET_MAX]; /* who was young, or dead, and has had its turn */
	unsigned met_count;
};

/* Is it the first time?  Where there is no room for more, it always is. */
static bool meet(struct search *search, const struct proc_stat *stat)
{
	for (unsigned i = 0; i < search->met_count; i++)
		if (search->met[i].pid == stat->pid && search->met[i].start_ticks == stat->start_ticks)
			return false;
	if (search->met_count < MET_MAX)
		search->met[search->met_count++] = (struct met){ stat->pid, stat->start_ticks };
	return true;
}

/* Its environment could not be read now, which says nothing of it; who hides it for good is let be. */
static bool may_be_marked(int mark, enum session session)
{
	return mark < 0 && mark != -EACCES && mark != -EPERM && session != SESSION_OTHER;
}

/* By its environment and its session. */
static void weigh(struct search *search, const struct proc_stat *stat, int *fd)
{
	struct orphans *o = search->o;
	int mark = reader_has_mark(&o->patience, stat->pid, stat->start_ticks, o->record->head.run_id);
	enum session session = session_of(o, stat->pid, stat->sid);

	if (mark == -ESRCH || os_pidfd_signal(*fd, 0) == -ESRCH)
		search->is_again = true;
	else if (mark == 1 || session == SESSION_LED) {
		struct record_slot found = found_now(stat->pid, *fd, stat);
		hold_or_list(o, &found, fd, mark == 1 && session != SESSION_OTHER);
	} else if (may_be_marked(mark, session)) {
		list(o, stat->pid);
	}
}

static void consider(struct search *search, pid_t pid)
{
	struct orphans *o = search->o;
	struct proc_stat stat;
	struct proc_status status;

	if (pid <= 1 || pid == os_self_pid() || tree_find(o->tree, pid))
		return;
	AUTO_FD int fd = os_pidfd_open_or_proc(pid);
	if (fd < 0 && fd != -ESRCH) /* without descriptors nothing of it can be read, either */
		return;
	int r = fd == -ESRCH ? fd : os_proc_stat(pid, &stat);
	if (r == 0 && (stat.start_ticks < search->since_ticks || is_older(o, &stat)))
		return;
	if (r == 0)
		r = os_proc_status(pid, &status);
	if (r == -ESRCH)
		search->is_again = true;
	if (r < 0 || status.uid != o->record->head.uid)
		return;
	bool is_dead = procfs_has_ended(&stat);
	bool is_young = stat.start_ticks >= search->began_ticks || search->since_ticks > 0;
	if ((is_dead || is_young) && !meet(search, &stat))
		return;
	/* Dead, and not yet collected: its last child may be younger than the list. */
	if (is_dead || search->since_ticks > 0)
		search->is_again = true;
	if (is_dead)
		return;
	weigh(search, &stat, &fd);
}

/* Who is in the run's own group is of the run: the kernel says so. */
static int consider_grouped(void *with, pid_t pid)
{
	struct orphans *o = with;
	struct proc_stat stat;
	BUF(name, RUN_ID_MAX + 16);

	if (tree_find(o->tree, pid))
		return 0;
	run_cgroup_name(&name, o->record->head.run_id);
	AUTO_FD int fd = os_pidfd_open_or_proc(pid);
	if (fd < 0 || os_proc_stat(pid, &stat) < 0)
		return 0;
	struct record_slot found = found_now(pid, fd, &stat);
	/* Opened, then asked again: else the number may have become another's between the list and the
	 * handle. */
	if (os_cgroup_is_member(pid, name.at) && is_still(fd))
		(void)tree_add_held(o->tree, &found, os_fd_steal(&fd));
	return 0;
}

static int consider_name(void *with, const char *name)
{
	uint64_t pid;

	if (num_parse_u64(name, INT32_MAX, &pid) == 0)
		consider(with, (pid_t)pid);
	return 0;
}

/* Who was only listed is no member: nobody has noticed its end, or whom it left. */
static bool forget_gone(struct orphans *o)
{
	uint32_t kept = 0, by_record = o->listed_by_record;

	for (uint32_t i = 0; i < o->listed_count; i++) {
		struct proc_stat stat;
		int r = os_proc_stat(o->listed[i], &stat);
		if (r == 0 ? !procfs_has_ended(&stat) : r != -ESRCH)
			o->listed[kept++] = o->listed[i];
		else
			o->listed_by_record -= i < by_record;
	}
	bool is_any = kept < o->listed_count;
	o->listed_count = kept;
	return is_any;
}

static void look_around(struct orphans *o)
{
	struct search search = { .o = o };
	AUTO_FD int proc = os_open_at(OS_CWD, "/proc", 0, 0);

	for (unsigned i = 0; proc >= 0 && i < LOOKS_MAX; i++) {
		search.began_ticks = os_clock_boot_ns() / TICK_NS;
		search.is_again = false;
		(void)os_dir_each(proc, consider_name, &search);
		if (forget_gone(o))
			search.is_again = true;
		if (!search.is_again)
			return;
		search.since_ticks = search.began_ticks;
	}
}

/* Sessions of these are known from now on, though the record does not name them. */
static void remember_members(struct orphans *o)
{
	FOR_EACH_MEMBER (o->tree, m)
		if (o->slot_count < o->slot_max)
			o->slot[o->slot_count++] = (struct record_slot){ .id = m->id, .sid = m->sid };
}

void orphans_search(struct orphans *o)
{
	o->listed_count = o->listed_by_record;
	(void)tree_walk(o->tree, os_clock_boot_ns(),
			WALK_WHOLE); /* descendants of the recorded need no mark */
	if (o->group >= 0)
		(void)os_cgroup_each(o->group, consider_grouped, o);
	look_around(o);
	remember_members(o);
}
