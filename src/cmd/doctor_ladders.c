/* The ladders: which rung this version uses here, and what the machine would allow beyond it. */
#include <errno.h>

#include "cmd/doctor.h"
#include "core/births.h"
#include "core/ending.h"
#include "tree/tree.h"

static bool is_ok(const struct machine *m, enum probe_id id)
{
	return m->probe[id].r >= 0;
}

/* What only an option gives: "an own cgroup: by --cgroup=auto". */
static void would_give(struct buf *b, const char *what, const char *option, bool allows,
		       const char *otherwise)
{
	finding_add(b, what);
	buf_str(b, ": ");
	if (allows)
		buf_str(b, "by ");
	buf_str(b, allows ? option : otherwise);
}

/* Why there is no cgroup of one's own here, and what gives one. */
static const char *no_cgroup(const struct machine *m)
{
	switch (m->probe[PROBE_DELEGATION].r) {
	case -EPERM:
		return "not delegated here (systemd-run --user --scope -p Delegate=yes gives one)";
	case -ENOENT:
		return "no cgroup version 2 is mounted";
	default:
		return "cannot be written here";
	}
}

/* The same in short, for the ladders after the first. */
static const char *no_cgroup_too(const struct machine *m)
{
	return m->probe[PROBE_DELEGATION].r == -ENOENT ? no_cgroup(m) : "no such group here (see membership)";
}

static bool sees_proc(const struct machine *m, struct diagnosis *f)
{
	int r = m->probe[PROBE_PROC].r;
	if (r >= 0)
		return true;
	finding_set(f, VERDICT_BROKEN, "job-only", "only the job's own process is known");
	if (r == -EXDEV) {
		buf_str(&f->why, "/proc shows another PID namespace than ours");
		buf_str(&f->todo,
			"mount -t proc proc /proc, within this PID namespace (unshare --mount-proc)");
	} else if (r == -EBADMSG) {
		buf_str(&f->why, "/proc/self/stat does not say what a kernel says");
		buf_str(&f->todo, "mount -t proc proc /proc");
	} else {
		finding_error(&f->why, "/proc/self/stat", r);
		buf_str(&f->todo, "mount -t proc proc /proc");
	}
	return false;
}

void judge_membership(const struct machine *m, struct diagnosis *f)
{
	int r = m->probe[PROBE_CHILDREN].r;

	if (!sees_proc(m, f))
		return;
	if (r < 0) {
		finding_set(f, VERDICT_WEAK, "job-only",
			    "only the job's own process is known; what it starts is at best named at the end "
			    "(121)");
		if (r == -ESRCH)
			buf_str(&f->why, "/proc/PID/task/TID/children does not list a child");
		else
			finding_error(&f->why, "/proc/PID/task/TID/children", r);
		buf_str(&f->todo, "a kernel with CONFIG_PROC_CHILDREN, and all of /proc");
		return;
	}
	if (m->probe[PROBE_CHILDREN].value[0] == 0) {
		finding_set(
			f, VERDICT_WEAK, "scan",
			"all of /proc is searched for children, at most once a second: what lives for less "
			"is not seen");
		finding_error(&f->why, "/proc/PID/task/TID/children", -ENOENT);
		buf_str(&f->todo, "a kernel with CONFIG_PROC_CHILDREN, and all of /proc");
		return;
	}
	finding_set(f, VERDICT_OK, "children",
		    "lists of children from the warden on, through descriptors kept open");
	would_give(&f->why, "an own cgroup", "--cgroup=auto", is_ok(m, PROBE_DELEGATION), no_cgroup(m));
}

void judge_identity(const struct machine *m, struct diagnosis *f)
{
	int open = m->probe[PROBE_PIDFD].r, signal = m->probe[PROBE_PIDFD_SIGNAL].r;

	if (open >= 0 && signal >= 0 && is_ok(m, PROBE_PIDFS)) {
		finding_set(f, VERDICT_OK, identity_name(IDENTITY_PIDFS),
			    "pidfds held from first sight, their inodes in the records");
		return;
	}
	if (open >= 0 && signal >= 0) {
		finding_set(f, VERDICT_OK, identity_name(IDENTITY_PIDFD),
			    "pidfds held from first sight, start times in the records");
		buf_str(&f->why, "inodes of pidfds: Linux 6.9");
		return;
	}
	if (signal >= 0)
		finding_set(f, VERDICT_WEAK, identity_name(IDENTITY_PROCFD),
			    "held directories of /proc, start times in the records");
	else
		finding_set(f, VERDICT_WEAK, identity_name(IDENTITY_WEAK),
			    "number and start time; nothing but the warden's own children is killed");
	if (open < 0)
		finding_error(&f->why, "pidfd_open", open);
	if (signal < 0) {
		finding_add(&f->why, "");
		finding_error(&f->why, "pidfd_send_signal", signal);
	}
	buf_str(&f->todo, open == -ENOSYS || signal == -ENOSYS
				  ? "Linux 5.3, or a container profile that knows these calls"
				  : "a seccomp profile that lets these calls through");
}

void judge_births(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *perf = &m->probe[PROBE_PERF];

	if (perf->r >= 0) {
		finding_set(f, VERDICT_OK, births_rung_name(BIRTHS_TOLD),
			    "told by the kernel, each of them, where a limit asks (perf task records)");
		return;
	}
	finding_set(f, VERDICT_OK, births_rung_name(BIRTHS_SAMPLED),
		    "counted at each look: at least so many");
	if (!is_ok(m, PROBE_LOAD)) {
		finding_worsen(f, VERDICT_NOTE);
		buf_str(&f->what, "; each look is a whole one: /proc/loadavg cannot be read");
	}
	finding_add(&f->why, "perf task records: ");
	buf_str(&f->why, perf->r == -E2BIG ? "too many processors here for them" : "denied here");
	if (perf->value[0] > 4)
		buf_str(&f->why, " (sysctl kernel.perf_event_paranoid=2 allows them)");
}

void judge_cap(const struct machine *m, struct diagnosis *f)
{
	finding_set(f, VERDICT_NOTE, "none",
		    "nothing caps a storm of births before a look sees it, unless it is asked for");
	would_give(&f->why, "pids.max of an own cgroup", "--cgroup=auto", is_ok(m, PROBE_DELEGATION),
		   no_cgroup_too(m));
	would_give(&f->why, "a user namespace's own limit", "--isolate, but not for root",
		   is_ok(m, PROBE_USERNS), "denied here");
}

void judge_kill(const struct machine *m, struct diagnosis *f)
{
	int signal = m->probe[PROBE_PIDFD_SIGNAL].r;
	const struct probe_answer *own = &m->probe[PROBE_DELEGATION];

	if (m->probe[PROBE_PROC].r < 0 || m->probe[PROBE_CHILDREN].r < 0) {
		finding_set(f, m->probe[PROBE_PROC].r < 0 ? VERDICT_BROKEN : VERDICT_WEAK, "job-only",
			    "only the job's own process can be ended");
		buf_str(&f->why, "the others are not found: see membership");
		return;
	}
	if (signal < 0) {
		finding_set(f, VERDICT_WEAK, "own-children",
			    "only the warden's own children can be signalled");
		finding_error(&f->why, "pidfd_send_signal", signal);
		buf_str(&f->todo, signal == -ENOSYS ? "Linux 5.1" : "a seccomp profile that lets it through");
		return;
	}
	finding_set(f, VERDICT_OK, kill_rung_name(is_ok(m, PROBE_FIFO) ? KILL_REALTIME : KILL_SWEEP),
		    "TERM by handle, grace, STOP to a fixpoint, KILL in sweeps to a deadline");
	if (is_ok(m, PROBE_FIFO))
		buf_str(&f->what, ", scheduled before the tree");
	would_give(&f->why, "cgroup.kill", "--cgroup=auto", own->r >= 0 && own->value[0] != 0,
		   own->r >= 0 ? "the kernel has none (5.14)" : no_cgroup_too(m));
	would_give(&f->why, "an own PID namespace", "--isolate", is_ok(m, PROBE_USERNS), "denied here");
	if (!is_ok(m, PROBE_FIFO)) {
		finding_add(&f->why, "");
		buf_str(&f->why, "real time (SCHED_FIFO): denied here (ulimit -r)");
	}
}

void judge_memory(const struct machine *m, struct diagnosis *f)
{
	if (!is_ok(m, PROBE_STATM)) {
		finding_set(f, VERDICT_WEAK, "none", "the memory of members is not known");
		finding_error(&f->why, "/proc/PID/statm", m->probe[PROBE_STATM].r);
		buf_str(&f->todo, "mount -t proc proc /proc");
		return;
	}
	finding_set(f, VERDICT_OK, "rss", "sum of resident pages: shared ones count once for each member");
	would_give(&f->why, "memory.current of an own cgroup", "--cgroup=auto", is_ok(m, PROBE_DELEGATION),
		   no_cgroup_too(m));
	would_give(&f->why, "shares (smaps_rollup)", "a limit of memory that is passed", is_ok(m, PROBE_PSS),
		   "cannot be read here");
}

void judge_ptrace_reads(const struct machine *m, struct diagnosis *f)
{
	if (is_ok(m, PROBE_ENVIRON)) {
		finding_set(f, VERDICT_OK, "reader",
			    "environments are read by a child that is given up when it hangs");
		return;
	}
	finding_set(f, VERDICT_WEAK, "none",
		    "no environment can be read: what a dead guard's record does not name stays unfound");
	finding_error(&f->why, "/proc/PID/environ", m->probe[PROBE_ENVIRON].r);
	buf_str(&f->todo, "make the program readable for those who run it, and mount all of /proc");
}

void judge_pressure(const struct machine *m, struct diagnosis *f)
{
	const struct probe_answer *psi = &m->probe[PROBE_PSI];

	if (psi->value[0] != 0)
		finding_set(f, VERDICT_OK, "read-once", "read at a failure, for its end line");
	else
		finding_set(f, VERDICT_NOTE, "none", "not known");
	would_give(&f->why, "a trigger", "the detector of pressure", psi->r >= 0, "denied here");
}
