#include "os/self.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/hash.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/world.h"

pid_t os_self_pid(void)
{
	return getpid();
}

pid_t os_self_parent(void)
{
	return getppid();
}

pid_t os_self_group(void)
{
	return getpgrp();
}

uid_t os_self_uid(void)
{
	return geteuid();
}

bool os_leads_session(void)
{
	return getsid(0) == getpid();
}

bool os_has_terminal(void)
{
	AUTO_FD int fd = os_open_at(OS_CWD, "/dev/tty", O_RDWR, 0);
	return fd >= 0;
}

bool os_is_terminal(int fd)
{
	return isatty(fd) == 1;
}

void os_random(void *bytes, size_t n)
{
	if (getrandom(bytes, n, GRND_NONBLOCK) == (ssize_t)n)
		return;
	/* Not secret, only different: */
	uint64_t mix[3] = { os_clock_wall_ns(), os_clock_boot_ns(), (uint64_t)getpid() };
	for (size_t i = 0; i < n; i++) {
		mix[0] = hash_fnv(mix[0] ^ i, mix, sizeof(mix));
		((unsigned char *)bytes)[i] = (unsigned char)(mix[0] >> 32);
	}
}

void os_host_name(char *out, size_t n)
{
	struct utsname u;
	struct buf name;
	buf_init(&name, out, n);
	if (uname(&u) == 0)
		buf_str(&name, u.nodename);
}

void os_working_dir(char *out, size_t n)
{
	if (!getcwd(out, n))
		out[0] = '\0';
}

ssize_t os_first_line(const char *path, char *out, size_t n)
{
	ssize_t got = os_file_read_at(OS_CWD, path, out, n);
	if (got < 0)
		return got;
	char *end = memchr(out, '\n', (size_t)got);
	if (end)
		*end = '\0';
	return (ssize_t)strlen(out);
}

/* Without /proc: by the name we were executed as, from where we still are. 0, -errno. */
static int program_path(char *out, size_t n)
{
	struct buf path;
	const char *name = (const char *)getauxval(AT_EXECFN);
	AUTO_FREE char *real = name ? realpath(name, NULL) : NULL;

	if (!real)
		return -ENOENT;
	buf_init(&path, out, n);
	buf_str(&path, real);
	return path.cut ? -ENAMETOOLONG : 0;
}

int os_self_dir(char *out, size_t n)
{
	ssize_t got = readlink("/proc/self/exe", out, n - 1);
	int r = got < 0 ? program_path(out, n) : 0;
	if (r < 0)
		return r;
	if (got >= 0)
		out[got] = '\0';
	char *slash = strrchr(out, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

int os_lower_oom_score(int score)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	char now[16];

	if (getauxval(AT_EUID) != 0 || syscall(SYS_capget, &head, sets) < 0 ||
	    !(sets[0].effective & 1U << CAP_SYS_RESOURCE))
		return -EPERM;
	ssize_t n = os_first_line("/proc/self/oom_score_adj", now, sizeof(now));
	if (n < 0)
		return (int)n;
	return strtol(now, NULL, 10) <= score ? 0 : os_world_oom_score_adj(score);
}

/*
 * Two words and one call: the library for it reads /proc at each start of the
 * program, 20 µs.  Inheritable goes with the others, and with it ambient.  The
 * bounding set stays: it counts at an exec alone, which we do not do, and which
 * gains nothing any more.
 */
static int keep_capabilities(uint32_t kept)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { .effective = kept, .permitted = kept } };

	return syscall(SYS_capset, &head, sets) < 0 ? -errno : 0;
}

int os_drop_privileges(bool may_kill)
{
	int first = 0;
	bool is_root = geteuid() == 0;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		first = -errno;
	if (is_root)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	int r = keep_capabilities(is_root && may_kill ? 1U << CAP_KILL : 0);
	if (r == -EPERM) /* root without it, as in a container: none can be kept */
		r = keep_capabilities(0);
	return first < 0 ? first : r;
}

void os_signal_with_parent(int sig)
{
	(void)prctl(PR_SET_PDEATHSIG, sig, 0, 0, 0);
}

void os_raise_files(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}
