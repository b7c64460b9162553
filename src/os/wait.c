#include "os/wait.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/num.h"

static uint64_t ns_of(struct timeval t)
{
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_usec * NS_PER_US;
}

static int wait_for(pid_t pid, int flags, struct os_child *out_child)
{
	struct rusage usage;
	int status;
	pid_t got;

	do
		got = wait4(pid, &status, flags | __WALL, &usage);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got == 0)
		return 0;
	*out_child = (struct os_child){
		.pid = got,
		.status = status,
		.has_ended = WIFEXITED(status) || WIFSIGNALED(status),
		.user_ns = ns_of(usage.ru_utime),
		.system_ns = ns_of(usage.ru_stime),
		.max_rss_bytes = (uint64_t)usage.ru_maxrss * 1024,
	};
	return 1;
}

int os_wait_any(struct os_child *out_child)
{
	return wait_for(-1, WNOHANG | WUNTRACED | WCONTINUED, out_child);
}

int os_wait_pid(pid_t pid, struct os_child *out_child)
{
	int r = wait_for(pid, 0, out_child);
	return r > 0 ? 0 : r;
}

int os_wait_try(pid_t pid, struct os_child *out_child)
{
	return wait_for(pid, WNOHANG, out_child);
}

int os_wait_stopped(pid_t pid, int *out_signal)
{
	siginfo_t info = { 0 };
	if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG) < 0 || info.si_pid != pid)
		return 0;
	*out_signal = info.si_status;
	return 1;
}

int os_has_children(void)
{
	siginfo_t info;
	int r = waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL);
	return r < 0 && errno == ECHILD ? 0 : 1;
}

int os_become_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}
