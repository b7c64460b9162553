#include "guard/blow.h"

#include <signal.h>

#include "guard/run.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"

static bool has_group(const struct run *run)
{
	return run->cgroup_fd >= 0 && run->job->kill_rung <= KILL_CGROUP;
}

static bool has_namespace(const struct run *run)
{
	return run->job->isolate && run->job->kill_rung <= KILL_ISOLATE;
}

bool blow_is_possible(const struct run *run)
{
	/* Whom a run leaves alone is not hit either when its end and ours are one moment. */
	return run->job->kill_after_ns == 0 && run->job->leftovers != LEFTOVERS_LEAVE &&
	       (has_group(run) || has_namespace(run));
}

/* Held, and read while it is held: the number has not changed hands. Owned pidfd, -1. */
static int hold_init(pid_t warden, pid_t init)
{
	struct proc_stat stat;
	AUTO_FD int fd = init > 1 && os_proc_is_ours() ? os_pidfd_open(init) : -1;

	if (fd < 0 || os_proc_stat(init, &stat) < 0 || stat.ppid != warden || os_pidfd_is_dead(fd))
		return -1;
	return os_fd_steal(&fd);
}

bool blow_raise(struct blow *b, const struct run *run, pid_t warden, pid_t init)
{
	*b = (struct blow){ .group = -1, .init = -1 };
	if (!blow_is_possible(run))
		return false;
	if (has_group(run) && os_cgroup_can_kill(run->cgroup_fd)) {
		b->count = os_cgroup_count(run->cgroup_fd);
		b->group = run->cgroup_fd;
	} else if (has_namespace(run)) {
		b->init = hold_init(warden, init);
	}
	return b->group >= 0 || b->init >= 0;
}

void blow_strike(struct blow *b, bool is_told)
{
	if (is_told && b->group >= 0)
		(void)os_cgroup_kill(b->group);
	if (is_told && b->init >= 0)
		(void)os_pidfd_signal(b->init, SIGKILL);
	os_fd_close(&b->init);
}
