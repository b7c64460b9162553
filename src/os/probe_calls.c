/* Questions that are answered by a system call. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/epoll.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/perf.h"
#include "os/pidfd.h"
#include "os/probe_ask.h"
#include "os/proc.h"
#include "os/sched.h"
#include "os/signal.h"
#include "os/spawn.h"
#include "os/wait.h"

int probe_fork(struct probe_answer *out)
{
	(void)out;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -errno;
	return waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

static int do_nothing(void *with)
{
	(void)with;
	return 0;
}

int probe_spawn(struct probe_answer *out)
{
	(void)out;
	int err;
	AUTO_FD int pidfd = -1;
	pid_t pid = os_spawn(do_nothing, NULL, &pidfd, &err);
	if (pid < 0)
		return pid;
	return waitpid(pid, NULL, 0) < 0 ? -errno : 0;
}

int probe_subreaper(struct probe_answer *out)
{
	(void)out;
	return os_become_subreaper();
}

/* Of a call that makes a descriptor. */
static int close_again(int fd)
{
	if (fd < 0)
		return fd;
	os_fd_close(&fd);
	return 0;
}

int probe_signalfd(struct probe_answer *out)
{
	(void)out;
	return close_again(os_signalfd_open(OS_SIG(SIGCHLD)));
}

int probe_epoll(struct probe_answer *out)
{
	(void)out;
	return close_again(os_epoll_open());
}

/* Opened and set: both are needed, and a filter may know only one. */
int probe_timerfd(struct probe_answer *out)
{
	(void)out;
	AUTO_FD int fd = os_timer_open();
	return fd < 0 ? fd : os_timer_set(fd, os_clock_boot_ns() + 1000000000U);
}

int probe_socketpair(struct probe_answer *out)
{
	(void)out;
	int ends[2];
	int r = os_link_open(ends);
	if (r < 0)
		return r;
	os_fd_close(&ends[0]);
	os_fd_close(&ends[1]);
	return 0;
}

int probe_lock(struct probe_answer *out)
{
	(void)out;
	AUTO_FD int fd = (int)syscall(SYS_memfd_create, "spawnguard", 1U /* MFD_CLOEXEC */);
	if (fd < 0)
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = flock(fd, LOCK_SH | LOCK_NB) < 0 ? -errno : 0;
	return r == -EWOULDBLOCK ? 0 : r;
}

int probe_pidfd(struct probe_answer *out)
{
	(void)out;
	pid_t pid = probe_idle_child();
	if (pid < 0)
		return pid;
	int r = close_again(os_pidfd_open(pid));
	probe_end_child(pid);
	return r;
}

int probe_pidfd_signal(struct probe_answer *out)
{
	(void)out;
	pid_t pid = probe_idle_child();
	if (pid < 0)
		return pid;
	AUTO_FD int fd = os_pidfd_open(pid);
	if (fd < 0)
		fd = os_proc_open(pid, "");
	int r = fd < 0 ? fd : os_pidfd_signal(fd, 0);
	probe_end_child(pid);
	return r;
}

int probe_pidfs(struct probe_answer *out)
{
	AUTO_FD int fd = os_pidfd_open_self();
	if (fd < 0)
		return fd;
	out->value[0] = os_pidfd_inode(fd);
	return out->value[0] != 0 ? 0 : -ENOSYS; /* before 6.9 */
}

/* Task records, as they are asked for. */
int probe_perf(struct probe_answer *out)
{
	static struct os_perf perf;
	long paranoid;

	if (probe_number_in("/proc/sys/kernel/perf_event_paranoid", &paranoid) == 0 && paranoid >= -1)
		out->value[0] = (uint64_t)(paranoid + 2);
	int r = os_perf_open(&perf, 1);
	os_perf_close(&perf);
	return r;
}

int probe_psi(struct probe_answer *out)
{
	static const char trigger[] = "some 200000 2000000"; /* 0.2 s in 2 s: the window for all users */
	AUTO_FD int reading = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
	char byte;
	if (reading < 0)
		return -errno;
	out->value[0] = read(reading, &byte, 1) == 1; /* switched off, it can be opened only */
	AUTO_FD int fd = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, trigger, sizeof(trigger)) < 0 ? -errno : 0;
}

int probe_userns(struct probe_answer *out)
{
	(void)out;
	return unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0 ? -errno : 0;
}

int probe_fifo(struct probe_answer *out)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RTPRIO, &limit) == 0)
		out->value[0] = limit.rlim_cur;
	return os_sched_set(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 1);
}

static int limit_of(unsigned resource, struct probe_answer *out)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) < 0)
		return -errno;
	out->value[0] = limit.rlim_cur; /* RLIM_INFINITY is UINT64_MAX */
	out->value[1] = limit.rlim_max;
	return 0;
}

int probe_limit_processes(struct probe_answer *out)
{
	return limit_of(RLIMIT_NPROC, out);
}

int probe_limit_files(struct probe_answer *out)
{
	return limit_of(RLIMIT_NOFILE, out);
}

int probe_limit_locked(struct probe_answer *out)
{
	return limit_of(RLIMIT_MEMLOCK, out);
}
