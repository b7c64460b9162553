#include "guard/cgroup.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "guard/watch.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "os/file.h"
#include "run/cgroup.h"
#include "spawnguard/exit.h"

static bool is_asked(const struct job *job)
{
	return job->cgroup && strcmp(job->cgroup, "none") != 0;
}

static bool is_auto(const struct job *job)
{
	return strcmp(job->cgroup, "auto") == 0;
}

/* The directory to make it in. Owned descriptor, -errno. */
static int open_parent(const struct job *job)
{
	struct os_cgroup_mount at;

	if (!is_auto(job))
		return os_cgroup_open(job->cgroup);
	int r = os_cgroup_find(&at);
	if (r < 0)
		return r;
	return os_cgroup_is_delegated(&at) ? os_cgroup_open(at.own) : -EPERM;
}

static const char *why(int err)
{
	switch (err) {
	case EMEDIUMTYPE:
		return "it is no directory of cgroup version 2";
	case EDEADLK:
		return "what is made there does not run: it is frozen";
	case ENAMETOOLONG:
		return "its path is too long";
	case ENOSYS:
		return "this kernel has no cgroup.kill (5.14)";
	default:
		return fail_text(err);
	}
}

static int refuse(const struct job *job, int err)
{
	BUF(line, 512);

	if (is_auto(job)) {
		buf_str(&line, "no control group of the job's own: ");
		buf_str(&line, err == EPERM ? "ours was not delegated" : why(err));
		voice_step(&line);
		return 0;
	}
	buf_str(&line, "not started: cannot make a control group in ");
	escape_text(&line, job->cgroup, strlen(job->cgroup), 200);
	buf_str(&line, ": ");
	buf_str(&line, why(err));
	buf_str(&line, "; give a directory that is yours to divide, or leave --cgroup out");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

/* Owned descriptor of the new group, -errno. */
static int make_in(int parent, struct record_head *head)
{
	uint64_t ino = 0;
	BUF(name, RUN_ID_MAX + 16);

	int r = os_cgroup_path(parent, head->cgroup, sizeof(head->cgroup));
	if (r < 0)
		return r;
	run_cgroup_name(&name, head->run_id);
	AUTO_FD int dir = os_cgroup_make(parent, name.at, &ino);
	if (dir < 0)
		return dir;
	/* Its exec would never come, and we would wait for it. */
	r = os_cgroup_is_frozen(dir) ? -EDEADLK : os_cgroup_can_kill(dir) ? 0 : -ENOSYS;
	if (r < 0) {
		(void)os_cgroup_remove(parent, name.at);
		return r;
	}
	head->cgroup_ino = ino;
	return os_fd_steal(&dir);
}

int cgroup_make(struct run *run)
{
	if (!is_asked(run->job))
		return 0;
	AUTO_FD int parent = open_parent(run->job);
	int dir = parent < 0 ? parent : make_in(parent, &run->head);
	if (dir < 0) {
		run->head.cgroup[0] = '\0';
		return refuse(run->job, -dir);
	}
	run->cgroup_fd = dir;
	uint64_t cap = watch_cap(run->job);
	if (cap != LIMIT_NONE)
		(void)os_cgroup_cap(dir,
				    cap); /* where the group has that file; the looks count all the same */
	return 0;
}

void cgroup_withdraw(struct run *run)
{
	if (run->cgroup_fd < 0)
		return;
	(void)run_cgroup_remove(&run->head);
	os_fd_close(&run->cgroup_fd);
}

void cgroup_remove_unrecorded(const struct run *run, const char *run_id)
{
	BUF(name, RUN_ID_MAX + 16);

	if (!is_asked(run->job))
		return;
	AUTO_FD int parent = open_parent(run->job);
	run_cgroup_name(&name, run_id);
	if (parent >= 0)
		(void)os_rmdir_at(parent, name.at); /* only if it is empty */
}
