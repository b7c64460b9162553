/* The job's own first moments: out of the warden, into the world the caller meant for it. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "conf/hook_variable.h"
#include "guard/isolate.h"
#include "guard/output.h"
#include "guard/run.h"
#include "guard/unborn.h"
#include "guard/world.h"
#include "os/cgroup.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "spawnguard/exit.h"
#include "store/record.h"

#define OWN_VARIABLES 7
#define ENV_FEW       256
#define SHELL         "/bin/sh"

struct birth {
	struct run *run;
	char **env;
	char *const *argv;
	const char *program;
	bool migrates; /* into its control group: it could not be born there */
};

static bool is_ours(const char *entry)
{
	return strncmp(entry, "SPAWNGUARD_", 11) == 0 &&
	       (hook_variable_is(entry) || /* of a hook that has started us, too */
		strncmp(entry, SG_ENV_ATTEMPT "=", sizeof(SG_ENV_ATTEMPT)) == 0 ||
		strncmp(entry, SG_ENV_PROBE "=", sizeof(SG_ENV_PROBE)) == 0);
}

static char *variable(char *at, size_t n, const char *name, const char *value)
{
	struct buf text;
	buf_init(&text, at, n);
	buf_str(&text, name);
	buf_char(&text, '=');
	buf_str(&text, value);
	return at;
}

char **run_environment(const struct run *run)
{
	static char id[128], name[256], parent[128], notify[160], manager[160], attempt[40];
	static char *few[ENV_FEW]; /* without the heap: its first use costs 10 µs */
	char **from = run->around->environ;
	size_t n = 0;

	while (from[n])
		n++;
	const struct job *job = run->job;
	size_t need = n + job->env_count + OWN_VARIABLES + 1;
	char **env = need <= ENV_FEW ? few : malloc(need * sizeof(*env));
	if (!env)
		return NULL;
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!is_ours(from[i]) && !world_replaces(job, from[i]) && !notify_replaces(run, from[i]))
			env[kept++] = from[i];
	for (uint32_t i = 0; i < job->env_count; i++)
		env[kept++] = (char *)(uintptr_t)job->env[i]; /* execve takes them so, and writes to none */
	env[kept++] = variable(id, sizeof(id), SG_ENV_RUN_ID, run->head.run_id);
	env[kept++] = variable(name, sizeof(name), SG_ENV_JOB, run->name);
	if (run->head.parent_run_id[0] != '\0')
		env[kept++] = variable(parent, sizeof(parent), SG_ENV_PARENT_RUN_ID, run->head.parent_run_id);
	if (run->notify.fd >= 0)
		env[kept++] = variable(notify, sizeof(notify), SG_ENV_NOTIFY, run->notify.where);
	if (run->notify.manager)
		env[kept++] = variable(manager, sizeof(manager), "NOTIFY_SOCKET", run->notify.where);
	if (run->head.flags & RECORD_TRIAL)
		env[kept++] = (char *)(uintptr_t)SG_ENV_PROBE "=1";
	if (run->attempt.number > 0) {
		BUF(number, 16);
		buf_u64(&number, run->attempt.number);
		env[kept++] = variable(attempt, sizeof(attempt), SG_ENV_ATTEMPT, number.at);
	}
	env[kept] = NULL;
	return env;
}

/* Of the two that name the process they are meant for: the caller meant front, which is the job now. */
static void retarget(char **env, const char *name, pid_t front, pid_t job, char *at, size_t n)
{
	BUF(was, 64);
	BUF(is, 24);

	buf_str(&was, name);
	buf_char(&was, '=');
	buf_i64(&was, front);
	buf_i64(&is, job);
	for (; *env; env++)
		if (strcmp(*env, was.at) == 0)
			*env = variable(at, n, name, is.at);
}

/* Who the job is, on disk before it runs: there is no moment in which it could be lost. */
static void record_birth(struct run *run, pid_t pid)
{
	struct record_slot slot = { .id = { .pid = pid }, .depth = 1, .seen_boot_ns = os_clock_boot_ns() };
	AUTO_FD int self = os_pidfd_open_self();

	if (run->record_fd < 0)
		return;
	(void)os_proc_identity(pid, self, &slot.id);
	slot.ppid = run->state.warden.pid;
	slot.sid = run->new_session ? pid : 0;
	memcpy(slot.comm, "(job)", 6);
	run->state.job_pid = pid;
	run->state.init_pid = run->isolation.ns.init;
	run->state.phase = PHASE_RUNNING;
	(void)record_write_first(run->record_fd, &run->state, &slot, run->seed);
}

/* Into the group of its own, before anything else: what it does is to be counted there. */
static int migrate(const struct birth *b)
{
	int r = b->migrates ? os_cgroup_enter(b->run->cgroup_fd) : 0;
	if (r < 0)
		b->run->world_failed = WORLD_CGROUP;
	return r;
}

/* Runs in the child, in the warden's memory, until the exec. */
static int become_job(void *with)
{
	static char listen_pid[64], watchdog_pid[64];
	struct birth *b = with;
	pid_t pid = os_self_pid(); /* as the job knows it */
	bool is_isolated = b->run->job->isolate;

	/* Else it stays in the caller's group, which the warden has not left yet: in the terminal's
	 * foreground. */
	int r = migrate(b);
	if (r == 0 && b->run->new_session)
		r = os_leave_group(true);
	if (r == 0 && b->run->output.fd >= 0)
		r = output_give_to_job(b->run);
	if (r < 0)
		return -r; /* ours, and not the command's failure */
	record_birth(b->run, is_isolated ? b->run->isolation.job : pid);
	/* Killed before we were on record, the guards have left nobody who knows of us: then there is no job.
	 * In a namespace of our own the kernel sees to it. */
	if (!is_isolated && os_self_parent() != b->run->state.warden.pid)
		return -ESRCH;
	r = is_isolated ? isolate_enter(b->run) : 0;
	if (r < 0)
		return -r;
	retarget(b->env, "LISTEN_PID", b->run->head.front.pid, pid, listen_pid, sizeof(listen_pid));
	retarget(b->env, "WATCHDOG_PID", b->run->head.front.pid, pid, watchdog_pid, sizeof(watchdog_pid));
	r = world_enter(b->run->job, &b->run->world_failed);
	if (r < 0)
		return -r;
	/* Stopped now, it would keep the warden waiting for its exec, and the shell for both. */
	int stop = os_signal_take_stop();
	if (stop != 0)
		b->run->stop_wanted = stop;
	r = tail_give(b->run);
	if (r < 0)
		return -r;
	alive_note_job(b->run);
	unborn_limit(b->run);
	os_signals_give_back(&b->run->signals);
	return os_exec(b->program, b->argv, b->env);
}

static pid_t spawn(struct birth *b, int *out_pidfd, int *out_exec_errno)
{
	struct run *run = b->run;

	if (run->job->isolate) {
		b->migrates = run->cgroup_fd >= 0;
		return isolate_spawn(run, become_job, b, out_pidfd, out_exec_errno);
	}
	if (run->cgroup_fd >= 0 && !b->migrates) {
		pid_t pid = os_spawn_into(run->cgroup_fd, become_job, b, out_pidfd, out_exec_errno);
		if (pid < 0 && pid != -ENOSYS && pid != -EAGAIN && pid != -ENOMEM)
			run->world_failed = WORLD_CGROUP;
		if (pid != -ENOSYS)
			return pid;
		b->migrates = true;
	}
	return os_spawn(become_job, b, out_pidfd, out_exec_errno);
}

/* A script without "#!": execvp runs it by the shell, and so do env, timeout and flock. */
static pid_t spawn_by_shell(struct birth *b, int *out_pidfd, int *out_exec_errno)
{
	size_t n = 0;
	while (b->argv[n])
		n++;
	AUTO_FREE char **argv = malloc((n + 2) * sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	static char shell[] = SHELL;
	argv[0] = shell;
	argv[1] = b->run->program;
	memcpy(argv + 2, b->argv + 1, n * sizeof(*argv)); /* with the NULL */
	b->program = SHELL;
	b->argv = argv;
	return spawn(b, out_pidfd, out_exec_errno);
}

pid_t run_spawn_job(struct run *run, char **env, int *out_pidfd, int *out_exec_errno)
{
	struct birth b = { .run = run, .env = env, .argv = run->argv, .program = run->program };
	struct os_child gone;

	int r = run->job->isolate ? isolate_open(run) : 0;
	if (r < 0)
		return r;
	pid_t pid = spawn(&b, out_pidfd, out_exec_errno);
	if (pid > 0 && *out_exec_errno == ENOEXEC) {
		os_fd_close(out_pidfd);
		(void)os_wait_pid(pid, &gone);
		pid = spawn_by_shell(&b, out_pidfd, out_exec_errno);
	}
	if (pid > 0 && *out_exec_errno != 0) {
		os_fd_close(out_pidfd);
		(void)os_wait_pid(pid, &gone);
	}
	if (pid < 0 || *out_exec_errno != 0)
		isolate_undo(run);
	return pid;
}
