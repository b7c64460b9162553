#include "guard/world.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "conf/job.h"
#include "os/world.h"

static int enter_directory(const struct job *job)
{
	return job->chdir ? os_world_chdir(job->chdir) : 0;
}

static int take_umask(const struct job *job)
{
	return job->umask >= 0 ? os_world_umask(job->umask) : 0;
}

static int take_niceness(const struct job *job)
{
	return job->nice != JOB_INT_NONE ? os_world_nice(job->nice) : 0;
}

static int take_io_priority(const struct job *job)
{
	return job->ionice >= 0 ? os_world_ionice(job->ionice) : 0;
}

static int take_oom_score(const struct job *job)
{
	return job->oom_score_adj != JOB_INT_NONE ? os_world_oom_score_adj(job->oom_score_adj) : 0;
}

static int forbid_new_privileges(const struct job *job)
{
	return job->no_new_privs ? os_world_no_new_privs() : 0;
}

static int drop_capabilities(const struct job *job)
{
	return job->drop_caps ? os_world_drop_caps() : 0;
}

static int be_born_there(const struct job *job)
{
	(void)job;
	return 0; /* it was */
}

/* clang-format off */
static const struct {
	int (*take)(const struct job *job); /* 0 also where nobody asked for it */
	const char *what;                   /* "cannot ..." */
	const char *unprivileged;           /* the cure where it needs a privilege */
	const char *otherwise;
} steps[] = {
	[WORLD_NONE]         = { NULL, "go on", NULL, NULL },
	[WORLD_NAMESPACE]    = { NULL, "give the job a PID namespace of its own",
	                         "nothing was started: leave --isolate out, or have user namespaces allowed here "
	                         "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, the profile of "
	                         "a container)",
	                         "nothing was started: leave --isolate out, or give it Linux 5.8, descriptors (ulimit -n) "
	                         "and room in sysctl user.max_pid_namespaces" },
	[WORLD_PROC]         = { NULL, "mount a /proc for the job's PID namespace",
	                         "nothing was started: leave --isolate out, or have all of /proc mounted where "
	                         "this container hides parts of it",
	                         "nothing was started: leave --isolate out, or mount /proc" },
	[WORLD_CHDIR]        = { enter_directory, "start the job in ",
	                         "nothing was started: give it a directory that it may enter with --chdir",
	                         "nothing was started: make that directory, or give another with --chdir" },
	[WORLD_UMASK]        = { take_umask, "set the umask", NULL, "leave --umask out" },
	[WORLD_NICE]         = { take_niceness, "set the niceness to ",
	                         "only root may lower it: leave --nice out", "leave --nice out" },
	[WORLD_IONICE]       = { take_io_priority, "set the I/O priority to ",
	                         "only root may have realtime: leave --ionice out",
	                         "this kernel has none: leave --ionice out" },
	[WORLD_OOM]          = { take_oom_score, "set the OOM score adjustment to ",
	                         "only root (CAP_SYS_RESOURCE) may lower it: leave --oom-score-adj out",
	                         "/proc must be mounted for that: leave --oom-score-adj out" },
	[WORLD_NO_NEW_PRIVS] = { forbid_new_privileges, "keep new privileges from the job", NULL,
	                         "nothing was started: leave --no-new-privs out to do without" },
	[WORLD_DROP_CAPS]    = { drop_capabilities, "take the capabilities from the job", NULL,
	                         "nothing was started: leave --drop-caps out to do without" },
	[WORLD_CGROUP]       = { be_born_there, "put the job into its control group",
	                         "start it from within what was delegated: systemd-run --user --scope -p Delegate=yes",
	                         "nothing was started: give another directory with --cgroup" },
};
/* clang-format on */
static_assert(COUNT_OF(steps) == WORLD_COUNT, "one row for each step");

int world_enter(const struct job *job, enum world_step *out_failed)
{
	for (unsigned i = WORLD_CHDIR; i < WORLD_COUNT; i++) {
		int r = steps[i].take(job);
		if (r < 0) {
			*out_failed = (enum world_step)i;
			return r;
		}
	}
	return 0;
}

static void put_io_priority(struct buf *line, int priority)
{
	static const char *const classes[] = { "none", "realtime", "best-effort", "idle" };
	unsigned class = (unsigned)priority >> 13;

	buf_str(line, class < COUNT_OF(classes) ? classes[class] : "an unknown class");
	if (class == 1 || class == 2) {
		buf_char(line, ':');
		buf_i64(line, priority & 7);
	}
}

void world_format_failure(struct buf *line, const struct job *job, enum world_step failed, int err)
{
	buf_str(line, "cannot ");
	buf_str(line, steps[failed].what);
	if (failed == WORLD_CHDIR)
		escape_text(line, job->chdir, strlen(job->chdir), 200);
	else if (failed == WORLD_NICE)
		buf_i64(line, job->nice);
	else if (failed == WORLD_IONICE)
		put_io_priority(line, job->ionice);
	else if (failed == WORLD_OOM)
		buf_i64(line, job->oom_score_adj);
	buf_str(line, ": ");
	buf_str(line, fail_text(err));
}

const char *world_cure(enum world_step failed, int err)
{
	bool is_refused = err == EPERM || err == EACCES;
	return is_refused && steps[failed].unprivileged ? steps[failed].unprivileged
							: steps[failed].otherwise;
}

bool world_replaces(const struct job *job, const char *entry)
{
	for (uint32_t i = 0; i < job->env_count; i++) {
		size_t key = strcspn(job->env[i], "=") + 1;
		if (strncmp(job->env[i], entry, key) == 0)
			return true;
	}
	return false;
}

const char *world_path(const struct job *job, const char *path)
{
	for (uint32_t i = 0; i < job->env_count; i++)
		if (strncmp(job->env[i], "PATH=", 5) == 0)
			return job->env[i] + 5;
	return path;
}

void world_working_dir(const struct job *job, char *cwd, size_t n)
{
	char whole[4096];
	struct buf dir, out;

	if (!job->chdir)
		return;
	buf_init(&dir, whole, sizeof(whole));
	if (job->chdir[0] != '/') {
		buf_str(&dir, cwd);
		buf_char(&dir, '/');
	}
	buf_str(&dir, job->chdir);
	buf_init(&out, cwd, n);
	if (dir.len < n && whole[0] == '/') /* else it is not told, as one that is too long */
		buf_str(&out, whole);
}
