#include "cmd/watch_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "core/schedule.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "spawnguard/exit.h"
#include "tree/facts.h"
#include "tree/hold.h"
#include "tree/walk.h"

/* All of /proc is searched this often at most, and where a PID was given out since: 3 us for each process. */
#define SCAN_EVERY_NS NS_PER_S

bool outside_has(const struct outside *o, const struct member *m)
{
	return judge_has(&o->judge, m);
}

static bool is_first(const struct outside *o, const struct member *m)
{
	return m->id.pid == o->first.pid && m->sample.serial == 1;
}

/* --- who is of it -----------------------------------------------------------------------------------------
 */

/* Held first, then verified: whoever has this number, it is the one with this start. */
static int hold_process(pid_t pid, struct proc_stat *out_stat)
{
	AUTO_FD int handle = os_pidfd_open_or_proc(pid);
	if (handle < 0)
		return handle;
	int r = os_proc_stat(pid, out_stat);
	if (r == 0 && os_pidfd_signal(handle, 0) == -ESRCH)
		r = -ESRCH;
	return r < 0 ? r : os_fd_steal(&handle);
}

static int add_process(struct outside *o, const struct proc_stat *stat, int handle)
{
	struct record_slot slot = {
		.id = { .pid = stat->pid,
			.start_ticks = stat->start_ticks,
			.pidfs_ino = os_pidfd_inode(handle) },
		.seen_boot_ns = o->now_ns,
		.depth = 1,
	};
	return tree_add_held(&o->tree, &slot, handle);
}

static int adopt(void *with, const char *name)
{
	struct outside *o = with;
	struct proc_stat stat;
	uint64_t pid;

	if (num_parse_u64(name, INT32_MAX, &pid) < 0 || pid <= 1 || tree_find(&o->tree, (pid_t)pid) ||
	    os_proc_stat((pid_t)pid, &stat) < 0 || tree_find(&o->tree, stat.ppid) ||
	    !lineage_has(&o->lineage, stat.sid, stat.start_ticks))
		return 0;
	int handle = hold_process((pid_t)pid, &stat);
	if (handle < 0 || !lineage_has(&o->lineage, stat.sid, stat.start_ticks))
		os_fd_close(&handle);
	else if (add_process(o, &stat, handle) == 0) {
		struct member *m = &o->tree.member[o->tree.count - 1];
		m->orphaned_ns = o->now_ns;
		o->tree.orphans++;
		o->tree.again = true; /* what is below it was born before: no new PID tells of that */
	}
	return 0;
}

/* Those whose parent went before it was seen, as far as sessions tell whose they are. */
static void look_around(struct outside *o)
{
	struct proc_stat stat;
	struct proc_load load;

	if (o->now_ns < o->scan_ns)
		return;
	o->scan_ns = o->now_ns + SCAN_EVERY_NS;
	if (os_proc_load(&load) < 0 || load.last_pid == o->scanned_pid)
		return;
	o->scanned_pid = load.last_pid;
	lineage_begin(&o->lineage);
	FOR_EACH_MEMBER (&o->tree, m)
		if (outside_has(o, m) && os_proc_stat(m->id.pid, &stat) == 0 &&
		    stat.start_ticks == m->id.start_ticks)
			lineage_member(&o->lineage, stat.pid, stat.sid, stat.start_ticks);
	if (o->lineage.count > 0) {
		AUTO_FD int proc = os_open_at(OS_CWD, "/proc", O_RDONLY | O_DIRECTORY, 0);
		if (proc >= 0)
			(void)os_dir_each(proc, adopt, o);
	}
	lineage_end(&o->lineage);
}

/* Nobody hands orphans to us: a parent that is gone, or waits as a zombie, has none any more. */
static void note_orphans(struct outside *o)
{
	FOR_EACH_MEMBER (&o->tree, m) {
		if (m->orphaned_ns != 0 || is_first(o, m) || !outside_has(o, m))
			continue;
		const struct member *parent = facts_parent(&o->tree, m);
		if (parent && !(parent->sample.known & SAMPLE_STAT && parent->sample.state == 'Z'))
			continue;
		m->orphaned_ns = o->now_ns;
		o->tree.orphans++;
	}
}

static void parted(void *with, struct member *m)
{
	struct outside *o = with;
	struct member *parent = facts_parent(&o->tree, m);

	if (!parent && outside_has(o, m))
		o->ended_ns += m->sample.cpu_ns + m->sample.waited_ns;
	io_parted(o, m);
	matcher_parted(&o->matcher, &m->role, parent ? &parent->role : NULL, &m->sample, o->now_ns);
}

/* --- looks ------------------------------------------------------------------------------------------------
 */

static void walk_below(struct outside *o)
{
	(void)tree_prepare(&o->tree);
	(void)tree_walk(&o->tree, o->now_ns, WALK_LOOK);
	while (o->tree.crowded && tree_prepare(&o->tree) == 0)
		(void)tree_walk(&o->tree, o->now_ns, WALK_LOOK);
}

static uint64_t walk(struct outside *o)
{
	uint64_t before = o->tree.seen;

	walk_below(o);
	uint64_t met = o->tree.seen;
	look_around(o);
	if (o->tree.seen > met)
		walk_below(o);
	note_orphans(o);
	o->alive = 0;
	FOR_EACH_MEMBER (&o->tree, m)
		o->alive += outside_has(o, m) && !hold_is_dead(&o->tree, m);
	return o->tree.seen - before;
}

static uint64_t next_period(struct outside *o, uint64_t born)
{
	const struct limit_bound *b = &o->w->cmd.job.limit[LIMIT_SPAWN_RATE];
	const struct limit_value *bound = b->soft.at < b->hard.at ? &b->soft : &b->hard;
	uint64_t asked_ns = o->w->cmd.job.interval_ns, pid = o->tree.last_pid;
	struct schedule_count count = { .at = bound->at,
					.per_ns = bound->per_ns,
					.pids = o->look_pid != 0 && pid > o->look_pid ? pid - o->look_pid : 0,
					.over_ns = o->now_ns - o->last_ns,
					.members = o->alive };

	o->look_pid = pid;
	if (born > 0)
		o->seen_ns = o->now_ns;
	count.quiet_ns = o->now_ns - o->seen_ns;
	if (asked_ns != 0 && asked_ns != NUM_NONE)
		return asked_ns;
	uint64_t next_ns =
		o->counts ? schedule_count(o->period_ns, born, &count) : schedule_next(o->period_ns, born);
	return rules_period(o, next_ns);
}

static void look(struct outside *o)
{
	uint64_t births = births_total(&o->births);

	o->now_ns = os_clock_boot_ns();
	if (o->counts)
		births_begin_look(&o->births, o->now_ns);
	uint64_t born = walk(o);
	rules_look(o);
	uint64_t counted = births_total(&o->births) - births;
	o->period_ns = next_period(o, counted > born ? counted : born);
	o->last_ns = o->now_ns;
}

/* What is there is met; what it did before is not of this watch. */
static void look_first(struct outside *o)
{
	(void)walk(o);
	o->tree.births = o->counts ? &o->births : NULL;
	o->met_before = o->tree.seen;
	rules_begin(o);
	o->last_ns = o->seen_ns = o->now_ns;
}

static void sleep_until(struct outside *o, uint64_t until_ns)
{
	struct os_poll set[WATCH_HANDLES + 1];

	set[WATCH_HANDLES] =
		(struct os_poll){ .fd = os_pidfd_is_proc(o->handle) ? -1 : o->handle, .wants = OS_POLL_IN };
	(void)watch_sleep(o->w, set, WATCH_HANDLES + 1, until_ns);
	if (set[WATCH_HANDLES].ready) /* it has ended: whether all of it has is seen at once */
		os_fd_close(&o->handle);
}

static int refuse(int32_t pid, int err)
{
	BUF(line, 256);

	if (pid <= 1) {
		buf_str(&line,
			"process 1 is no tree to watch: all of the machine is below it; give another PID");
		cmd_say(&line);
		return EXIT_USAGE;
	}
	if (err == -ESRCH || err == -ENOENT || err == -EINVAL) {
		buf_str(&line, "there is no process ");
		buf_i64(&line, pid);
		buf_str(&line, ": nothing was watched; see: spawnguard ps");
		cmd_say(&line);
		return VIGIL_NOTHING;
	}
	return cmd_fail("cannot look at the process", err);
}

/* -1: go on; else the exit status. */
static int open_tree(struct outside *o, int32_t pid)
{
	struct proc_stat stat;

	if (!os_proc_is_ours())
		return cmd_say_exit(
			"a process cannot be watched here: /proc does not show this PID namespace; "
			"mount one that does",
			NULL, "", SG_EXIT_GUARD);
	o->now_ns = os_clock_boot_ns();
	tree_init(&o->tree, o->w->signals);
	o->tree.parted = parted;
	o->tree.parted_with = o;
	rules_init(o);
	int handle = pid <= 1 ? -EINVAL : hold_process(pid, &stat);
	if (handle >= 0 && pid == o->judge.self) {
		os_fd_close(&handle);
		return cmd_say_exit("watch cannot watch itself; give another PID", NULL, "", EXIT_USAGE);
	}
	if (handle >= 0 && (stat.state == 'Z' && stat.threads <= 1)) { /* it has ended, nobody waits for it */
		os_fd_close(&handle);
		handle = -ESRCH;
	}
	if (handle < 0)
		return refuse(pid, handle);
	o->handle = os_fd_copy(handle);
	int r = add_process(o, &stat, handle);
	if (r < 0)
		return refuse(pid, r);
	o->first = o->tree.member[0].id;
	memcpy(o->comm, stat.comm, sizeof(o->comm) - 1);
	o->who = (struct watch_who){ .pid = pid, .comm = o->comm };
	return -1;
}

int watch_tree(struct watch *w, int32_t pid)
{
	static struct outside o = { .handle = -1 };

	o.w = w;
	int code = open_tree(&o, pid);
	if (code >= 0)
		return code;
	tell_tree(w, &o.who, false);
	look_first(&o);
	look(&o);
	while (o.alive > 0 && !watch_is_over(w)) {
		sleep_until(&o, o.now_ns + o.period_ns);
		look(&o); /* also when the time is over: what came since the last is said */
	}
	rules_end(&o);
	if (o.alive == 0)
		tell_tree(w, &o.who, true);
	tell_summary(w, &o.who, o.alive);
	tree_release(&o.tree);
	os_fd_close(&o.handle);
	return -1;
}
