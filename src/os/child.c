#include "os/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"

int os_child_output(void)
{
	long fd = syscall(SYS_memfd_create, "spawnguard", 1U /* MFD_CLOEXEC */);
	return fd < 0 ? -errno : (int)fd;
}

/* In the child: only async-signal-safe calls. */
static void become(char *const *argv, char *const *env, int out, int pass)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		(void)dup2(null, 0);
	if (out < 0)
		out = null;
	if (out >= 0) {
		(void)dup2(out, 1);
		(void)dup2(out, 2);
	}
	if (pass >= 0)
		(void)fcntl(pass, F_SETFD, 0);
	(void)execve(argv[0], argv, env);
	_exit(127);
}

pid_t os_child_start(char *const *argv, char *const *env, int out, int pass)
{
	pid_t pid = fork();
	if (pid == 0)
		become(argv, env, out, pass);
	return pid < 0 ? -errno : pid;
}

int os_child_wait(pid_t pid, int timeout_ms, int *out_status)
{
	uint64_t limit_ms = timeout_ms > 0 ? (uint64_t)timeout_ms : 0;
	uint64_t end_ns = os_clock_boot_ns() + limit_ms * NS_PER_MS;
	AUTO_FD int pidfd = os_pidfd_open_or_proc(pid);

	if (pidfd >= 0)
		(void)os_pidfd_wait(pidfd, timeout_ms);
	for (;;) {
		pid_t got = waitpid(pid, out_status, WNOHANG);
		if (got == pid)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (os_clock_boot_ns() >= end_ns)
			return -ETIMEDOUT;
		os_clock_sleep_ms(2); /* before 5.3 */
	}
}

void os_child_end(pid_t pid)
{
	(void)os_child_signal(pid, -1, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
