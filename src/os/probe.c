#include "os/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/probe_ask.h"

#define ANSWER_TIMEOUT_MS 3000 /* an answer takes a millisecond: only what hangs reaches it */

/* clang-format off */
const struct probe_row probe_rows[PROBE_COUNT] = {
	[PROBE_FORK]            = { "fork",            probe_fork,            1 },
	[PROBE_SPAWN]           = { "spawn",           probe_spawn,           0 },
	[PROBE_SUBREAPER]       = { "subreaper",       probe_subreaper,       0 },
	[PROBE_SIGNALFD]        = { "signalfd",        probe_signalfd,        0 },
	[PROBE_EPOLL]           = { "epoll",           probe_epoll,           0 },
	[PROBE_TIMERFD]         = { "timerfd",         probe_timerfd,         0 },
	[PROBE_SOCKETPAIR]      = { "socketpair",      probe_socketpair,      0 },
	[PROBE_LOCK]            = { "flock",           probe_lock,            0 },
	[PROBE_PIDFD]           = { "pidfd",           probe_pidfd,           0 },
	[PROBE_PIDFD_SIGNAL]    = { "pidfd-signal",    probe_pidfd_signal,    0 },
	[PROBE_PIDFS]           = { "pidfs",           probe_pidfs,           0 },
	[PROBE_PROC]            = { "proc",            probe_proc,            1 },
	[PROBE_PROC_MOUNT]      = { "proc-mount",      probe_proc_mount,      0 },
	[PROBE_CHILDREN]        = { "children",        probe_children,        0 },
	[PROBE_STATM]           = { "statm",           probe_statm,           0 },
	[PROBE_LOAD]            = { "load",            probe_load,            0 },
	[PROBE_ENVIRON]         = { "environ",         probe_environ,         0 },
	[PROBE_PSS]             = { "pss",             probe_pss,             0 },
	[PROBE_CGROUP]          = { "cgroup",          probe_cgroup,          0 },
	[PROBE_DELEGATION]      = { "delegation",      probe_delegation,      0 },
	[PROBE_PERF]            = { "perf",            probe_perf,            0 },
	[PROBE_PSI]             = { "psi",             probe_psi,             0 },
	[PROBE_USERNS]          = { "userns",          probe_userns,          0 },
	[PROBE_FIFO]            = { "fifo",            probe_fifo,            0 },
	[PROBE_AUTOGROUP]       = { "autogroup",       probe_autogroup,       0 },
	[PROBE_LIMIT_PROCESSES] = { "limit-processes", probe_limit_processes, 1 },
	[PROBE_LIMIT_FILES]     = { "limit-files",     probe_limit_files,     1 },
	[PROBE_LIMIT_LOCKED]    = { "limit-locked",    probe_limit_locked,    1 },
	[PROBE_KERNEL]          = { "kernel",          probe_kernel,          0 },
	[PROBE_BOOT_ID]         = { "boot-id",         probe_boot_id,         0 },
	[PROBE_MACHINE_ID]      = { "machine-id",      probe_machine_id,      0 },
	[PROBE_CLOCK]           = { "clock",           probe_clock,           0 },
	[PROBE_PID_NS]          = { "pid-ns",          probe_pid_ns,          1 },
	[PROBE_USER_NS]         = { "user-ns",         probe_user_ns,         1 },
	[PROBE_TIME_NS]         = { "time-ns",         probe_time_ns,         1 },
	[PROBE_SECCOMP]         = { "seccomp",         probe_seccomp,         1 },
	[PROBE_PTRACE_SCOPE]    = { "ptrace-scope",    probe_ptrace_scope,    0 },
	[PROBE_LOGOUT]          = { "logout",          probe_logout,          0 },
	[PROBE_LIBC]            = { "libc",            probe_libc,            1 },
	[PROBE_SMARTCOLS]       = { "smartcols",       probe_smartcols,       0 },
	[PROBE_JANSSON]         = { "jansson",         probe_jansson,         0 },
};
/* clang-format on */

pid_t probe_idle_child(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	/* Nobody is left to end it where its parent was given up: it looks itself, and does not stay. */
	for (int i = 0; i < 100 && getppid() == parent; i++)
		(void)poll(NULL, 0, 100);
	_exit(0);
}

/* Ours and not waited for: its number is its own. */
void probe_end_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

/* Its pipe closes with it.  1 it has ended, 0 not in time. */
static int wait_end(int end)
{
	struct pollfd p = { .fd = end, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, ANSWER_TIMEOUT_MS);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

/* In memory that both see; -EAGAIN: no child is to be had, ask here. */
static int ask_apart(const struct probe_row *row, struct probe_answer *shared)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -EAGAIN;
	shared->r = -ECANCELED;
	pid_t pid = fork();
	if (pid == 0) {
		os_fd_close(&ends[0]);
		int r = row->ask(shared);
		shared->r = r;
		_exit(0);
	}
	AUTO_FD int end = ends[0];
	os_fd_close(&ends[1]);
	if (pid < 0)
		return -EAGAIN;
	if (!wait_end(end)) {
		(void)kill(pid, SIGKILL);
		(void)poll(NULL, 0, 10);
		(void)waitpid(pid, NULL, WNOHANG); /* stuck in the kernel: left to whoever reaps */
		return -ETIMEDOUT;
	}
	(void)waitpid(pid, NULL, 0);
	return 0;
}

void os_probe_all(struct probe_answer *answers)
{
	size_t bytes = PROBE_COUNT * sizeof(*answers);
	struct probe_answer *shared =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(answers, 0, bytes);
	for (unsigned i = 0; i < PROBE_COUNT; i++) {
		const struct probe_row *row = &probe_rows[i];
		int r = row->is_here || shared == MAP_FAILED ? -EAGAIN : ask_apart(row, &shared[i]);
		if (r == 0)
			answers[i] = shared[i];
		else if (r == -EAGAIN)
			answers[i].r = row->ask(&answers[i]);
		else
			answers[i].r = r;
		answers[i].text[PROBE_TEXT_MAX - 1] = '\0';
	}
	if (shared != MAP_FAILED)
		(void)munmap(shared, bytes);
}
