#include "os/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/probe_ask.h"

#define ANSWER_TIMEOUT_MS 3000 /* an answer takes a millisecond: only what hangs reaches it */

/* clang-format off */
const struct probe_row probe_rows[PROBE_COUNT] = {
	[PROBE_FORK]            = { "fork",            probe_fork,            PROBE_HERE },
	[PROBE_SPAWN]           = { "spawn",           probe_spawn,           PROBE_APART },
	[PROBE_SUBREAPER]       = { "subreaper",       probe_subreaper,       PROBE_APART },
	[PROBE_SIGNALFD]        = { "signalfd",        probe_signalfd,        PROBE_APART },
	[PROBE_EPOLL]           = { "epoll",           probe_epoll,           PROBE_APART },
	[PROBE_TIMERFD]         = { "timerfd",         probe_timerfd,         PROBE_APART },
	[PROBE_SOCKETPAIR]      = { "socketpair",      probe_socketpair,      PROBE_APART },
	[PROBE_LOCK]            = { "flock",           probe_lock,            PROBE_APART },
	[PROBE_PIDFD]           = { "pidfd",           probe_pidfd,           PROBE_APART },
	[PROBE_PIDFD_SIGNAL]    = { "pidfd-signal",    probe_pidfd_signal,    PROBE_APART },
	[PROBE_PIDFS]           = { "pidfs",           probe_pidfs,           PROBE_APART },
	[PROBE_PROC]            = { "proc",            probe_proc,            PROBE_HERE },
	[PROBE_PROC_MOUNT]      = { "proc-mount",      probe_proc_mount,      PROBE_APART },
	[PROBE_CHILDREN]        = { "children",        probe_children,        PROBE_HERE },
	[PROBE_STATM]           = { "statm",           probe_statm,           PROBE_APART },
	[PROBE_LOAD]            = { "load",            probe_load,            PROBE_APART },
	[PROBE_ENVIRON]         = { "environ",         probe_environ,         PROBE_APART },
	[PROBE_PSS]             = { "pss",             probe_pss,             PROBE_APART },
	[PROBE_CGROUP]          = { "cgroup",          probe_cgroup,          PROBE_APART },
	[PROBE_DELEGATION]      = { "delegation",      probe_delegation,      PROBE_APART },
	[PROBE_PERF]            = { "perf",            probe_perf,            PROBE_APART },
	[PROBE_PSI]             = { "psi",             probe_psi,             PROBE_APART },
	[PROBE_USERNS]          = { "userns",          probe_userns,          PROBE_ONLY_APART },
	[PROBE_FIFO]            = { "fifo",            probe_fifo,            PROBE_ONLY_APART },
	[PROBE_AUTOGROUP]       = { "autogroup",       probe_autogroup,       PROBE_APART },
	[PROBE_LIMIT_PROCESSES] = { "limit-processes", probe_limit_processes, PROBE_HERE },
	[PROBE_LIMIT_FILES]     = { "limit-files",     probe_limit_files,     PROBE_HERE },
	[PROBE_LIMIT_LOCKED]    = { "limit-locked",    probe_limit_locked,    PROBE_HERE },
	[PROBE_KERNEL]          = { "kernel",          probe_kernel,          PROBE_APART },
	[PROBE_BOOT_ID]         = { "boot-id",         probe_boot_id,         PROBE_APART },
	[PROBE_MACHINE_ID]      = { "machine-id",      probe_machine_id,      PROBE_APART },
	[PROBE_CLOCK]           = { "clock",           probe_clock,           PROBE_APART },
	[PROBE_PID_NS]          = { "pid-ns",          probe_pid_ns,          PROBE_HERE },
	[PROBE_USER_NS]         = { "user-ns",         probe_user_ns,         PROBE_HERE },
	[PROBE_TIME_NS]         = { "time-ns",         probe_time_ns,         PROBE_HERE },
	[PROBE_SECCOMP]         = { "seccomp",         probe_seccomp,         PROBE_HERE },
	[PROBE_PTRACE_SCOPE]    = { "ptrace-scope",    probe_ptrace_scope,    PROBE_APART },
	[PROBE_LOGOUT]          = { "logout",          probe_logout,          PROBE_APART },
	[PROBE_LIBC]            = { "libc",            probe_libc,            PROBE_HERE },
	[PROBE_SMARTCOLS]       = { "smartcols",       probe_smartcols,       PROBE_APART },
	[PROBE_JANSSON]         = { "jansson",         probe_jansson,         PROBE_APART },
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

	if (os_pipe_open(ends) < 0)
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
		bool is_here = row->place == PROBE_HERE || shared == MAP_FAILED;
		int r = is_here ? -EAGAIN : ask_apart(row, &shared[i]);
		if (r == 0)
			answers[i] = shared[i];
		else if (r == -EAGAIN && row->place != PROBE_ONLY_APART)
			answers[i].r = row->ask(&answers[i]);
		else
			answers[i].r = r;
		answers[i].text[PROBE_TEXT_MAX - 1] = '\0';
	}
	if (shared != MAP_FAILED)
		(void)munmap(shared, bytes);
}
