#include "os/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/num.h"
#include "os/clock.h"
#include "os/proc.h"

#define PIDFS_MAGIC 0x50494446L /* f_type of pidfs, 6.9 */
#define LOOK_MAX_MS 10

static int open_any(pid_t pid)
{
	long fd = syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? -errno : (int)fd;
}

int os_pidfd_open(pid_t pid)
{
	if (pid <= 1) /* cgroup.procs may read 0, and 1 is never a member */
		return -ESRCH;
	return open_any(pid);
}

/* Facts of the kernel, asked once.  In one, which is not all 0: so on a page that the start of the program
 * touches. */
static struct {
	int has_pidfs;
	bool has_none; /* from the first refusal on: there is no pidfd here */
} known = { .has_pidfs = -1 };

int os_pidfd_open_or_proc(pid_t pid)
{
	int refused = -ENOSYS;

	if (!known.has_none) {
		int fd = os_pidfd_open(pid);
		if (fd != -ENOSYS && fd != -EPERM)
			return fd;
		refused = fd;
	}
	if (pid <= 1)
		return -ESRCH;
	if (!os_proc_is_ours()) /* its numbers are strangers' */
		return refused;
	known.has_none = true;
	int fd = os_proc_open(pid, "");
	return fd == -ENOENT ? -ESRCH : fd;
}

bool os_pidfd_is_proc(int pidfd)
{
	struct stat st;
	return known.has_none && pidfd >= 0 && fstat(pidfd, &st) == 0 && S_ISDIR(st.st_mode);
}

int os_pidfd_open_self(void)
{
	return open_any(getpid());
}

int os_pidfd_signal(int pidfd, int sig)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

int os_child_signal(pid_t child, int pidfd, int sig)
{
	int r = os_pidfd_signal(pidfd, sig);
	if (r == 0 || r == -ESRCH)
		return r;
	if (child <= 1) /* 0 and what is below it mean many, and 1 is never a member */
		return -ESRCH;
	return kill(child, sig) < 0 ? -errno : 0;
}

uint64_t os_pidfd_inode(int pidfd)
{
	struct stat st;

	if (os_pidfd_is_proc(pidfd))
		return 0;
	if (known.has_pidfs < 0) {
		struct statfs fs;
		if (fstatfs(pidfd, &fs) < 0)
			return 0;
		known.has_pidfs = fs.f_type == PIDFS_MAGIC;
	}
	if (!known.has_pidfs || fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

/* By its directory. */
static bool is_dead_in_proc(int dir)
{
	struct proc_stat stat = { 0 };
	int r = os_proc_stat_at(dir, &stat);

	if (r < 0 && r != -ESRCH) /* no descriptor for it: whether it has been waited for can be told */
		r = os_pidfd_signal(dir, 0);
	return r == -ESRCH || (r == 0 && procfs_has_ended(&stat));
}

/* A directory is always ready: looked at again and again. */
static int wait_in_proc(int dir, int timeout_ms)
{
	uint64_t limit_ms = timeout_ms > 0 ? (uint64_t)timeout_ms : 0, now_ns = os_clock_boot_ns();
	uint64_t end_ns = timeout_ms < 0 ? NUM_NONE : now_ns + limit_ms * NS_PER_MS;

	for (uint64_t nap_ms = 1; !is_dead_in_proc(dir); nap_ms += nap_ms < LOOK_MAX_MS) {
		now_ns = os_clock_boot_ns();
		if (now_ns >= end_ns)
			return 0;
		uint64_t left_ms = (end_ns - now_ns) / NS_PER_MS + 1;
		os_clock_sleep_ms((uint32_t)(left_ms < nap_ms ? left_ms : nap_ms));
	}
	return 1;
}

int os_pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	if (os_pidfd_is_proc(pidfd))
		return wait_in_proc(pidfd, timeout_ms);
	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0) /* no memory to tell: it is known at least once it is waited for */
		return os_pidfd_signal(pidfd, 0) == -ESRCH;
	return n > 0 && (p.revents & (POLLIN | POLLHUP)) ? 1 : 0;
}

bool os_pidfd_is_dead(int pidfd)
{
	return os_pidfd_wait(pidfd, 0) == 1;
}
