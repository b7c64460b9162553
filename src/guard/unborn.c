#include "guard/unborn.h"

#include <signal.h>

#include "base/auto.h"
#include "base/num.h"
#include "codec/procfs.h"
#include "guard/run.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/wait.h"
#include "store/record.h"
#include "tree/hold.h"

#define PATIENCE_NS (NS_PER_S / 4) /* a warden that hears has begun long before */
#define MS_MAX      1000000000     /* then it looks again, and waits on */

void unborn_limit(const struct run *run)
{
	uint64_t at_ns = attempt_deadline_ns(run);
	if (at_ns != NUM_NONE)
		os_end_self_at(at_ns);
}

static bool is_unborn(pid_t pid)
{
	struct proc_stat stat;
	return os_proc_stat(pid, &stat) == 0 && (stat.flags & PROC_UNEXECUTED) && !procfs_has_ended(&stat);
}

/* The process that is to become the job, as recorded; owned handle, -1: there is none, or it has become the
 * job. */
static int hold_unborn(const struct run *run)
{
	struct record record = { .fd = run->record_fd, .seed = run->seed };
	struct record_slot job;

	if (record.fd < 0 || record_refresh(&record) < 0 || record_read_slots(&record, &job, 1) < 1 ||
	    job.id.pid != record.state.job_pid)
		return -1;
	AUTO_FD int fd = hold_open_recorded(&job.id);
	return fd >= 0 && is_unborn(job.id.pid) ? os_fd_steal(&fd) : -1;
}

static void strike(struct unborn *u, int job, pid_t warden)
{
	if (u->strikes++ == 0) {
		(void)os_pidfd_signal(job, SIGKILL);
		return;
	}
	AUTO_FD int fd = os_pidfd_open_or_proc(warden); /* unreaped child: it is the warden */
	(void)os_child_signal(warden, fd, SIGKILL);
	u->is_over = true;
}

int unborn_look(struct unborn *u, const struct run *run, pid_t warden, uint64_t asked_ns)
{
	uint64_t due_ns = attempt_deadline_ns(run);

	if (asked_ns != 0 && asked_ns < due_ns)
		due_ns = asked_ns;
	if (u->is_over || due_ns >= NUM_NONE - NS_PER_S)
		return -1;
	due_ns += PATIENCE_NS + u->strikes * NS_PER_S;
	uint64_t now_ns = os_clock_boot_ns();
	if (now_ns < due_ns) {
		uint64_t ms = (due_ns - now_ns) / NS_PER_MS + 1;
		return ms < MS_MAX ? (int)ms : MS_MAX;
	}
	AUTO_FD int job = hold_unborn(run);
	if (job < 0)
		u->is_over = true;
	else
		strike(u, job, warden);
	return u->is_over ? -1 : (int)(NS_PER_S / NS_PER_MS);
}
