#include "os/pidfd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PIDFS_MAGIC 0x50494446L /* f_type of pidfs, 6.9 */

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
	static int has_pidfs = -1; /* a fact of the kernel: asked once */
	struct stat st;

	if (has_pidfs < 0) {
		struct statfs fs;
		if (fstatfs(pidfd, &fs) < 0)
			return 0;
		has_pidfs = fs.f_type == PIDFS_MAGIC;
	}
	if (!has_pidfs || fstat(pidfd, &st) < 0)
		return 0;
	return st.st_ino;
}

int os_pidfd_wait(int pidfd, int timeout_ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	return n > 0 && (p.revents & (POLLIN | POLLHUP)) ? 1 : 0;
}

bool os_pidfd_is_dead(int pidfd)
{
	return os_pidfd_wait(pidfd, 0) == 1;
}
