#include "os/world.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"

#define IOPRIO_WHO_PROCESS 1  /* <linux/ioprio.h> has it since 5.15 */
#define CAPABILITIES_MAX   64 /* the sets have no more bits */

static int answer(long result)
{
	return result < 0 ? -errno : 0;
}

int os_world_chdir(const char *dir)
{
	return answer(chdir(dir));
}

int os_world_umask(int mode)
{
	(void)umask((mode_t)mode); /* the one before */
	return 0;
}

int os_world_nice(int niceness)
{
	return answer(setpriority(PRIO_PROCESS, 0, niceness));
}

int os_world_ionice(int priority)
{
	return answer(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority));
}

int os_world_oom_score_adj(int adjustment)
{
	BUF(text, 16);

	buf_i64(&text, adjustment);
	/* A child of vfork has its own, though its memory is its parent's: the kernel makes that exception.
	 */
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int r = answer(write(fd, text.at, text.len));
	(void)close(fd);
	return r;
}

int os_world_no_new_privs(void)
{
	return answer(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

/* CAP_SETPCAP is needed for both. */
static bool has_closed_the_ways_back(void)
{
	for (int cap = 0; cap < CAPABILITIES_MAX; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* the kernel knows no more of them */
			break;
		return false;
	}
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
	return bits >= 0 &&
	       prctl(PR_SET_SECUREBITS, bits | SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0) == 0;
}

int os_world_drop_caps(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	bool is_for_good = has_closed_the_ways_back();

	/* With nothing permitted there is nothing ambient; said all the same, for who has a filter there. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	int r = answer(syscall(SYS_capset, &head, none));
	if (r < 0 || is_for_good)
		return r;
	return os_world_no_new_privs();
}
