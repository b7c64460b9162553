#include "os/sched.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_ordinary(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE;
}

/* musl's refuse: POSIX means a process there, and these calls mean a thread. */
static int policy_of(pid_t pid)
{
#ifdef __GLIBC__
	return sched_getscheduler(pid);
#else
	return (int)syscall(SYS_sched_getscheduler, pid);
#endif
}

int os_sched_set(pid_t pid, int policy, int priority)
{
	const struct sched_param param = { .sched_priority = priority };

#ifdef __GLIBC__
	return sched_setscheduler(pid, policy, &param) < 0 ? -errno : 0;
#else
	return syscall(SYS_sched_setscheduler, pid, policy, &param) < 0 ? -errno : 0;
#endif
}

int os_sched_raise(pid_t pid, int *out_policy)
{
	int policy = pid == 1 || pid < 0 ? -1 : policy_of(pid);

	if (policy < 0)
		return pid == 1 || pid < 0 ? -ESRCH : -errno;
	if (out_policy)
		*out_policy = policy;
	if (!is_ordinary(policy & ~SCHED_RESET_ON_FORK))
		return 0;
	/* Round robin: two guards that end storms at one time share. */
	return os_sched_set(pid, SCHED_RR | SCHED_RESET_ON_FORK, 1);
}

/* As <linux/sched/types.h> of 5.3; glibc of Debian 12 has no name for it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define FLAG_RESET_ON_FORK 1
#define SHORTEST_TURN_NS   100000

void os_sched_make_prompt(pid_t pid)
{
	struct attributes now = { 0 };

	if (pid == 1 || pid < 0 || syscall(SYS_sched_getattr, pid, &now, sizeof(now), 0) < 0 ||
	    now.policy != SCHED_OTHER)
		return;
	struct attributes prompt = { .size = sizeof(prompt),
				     .flags = FLAG_RESET_ON_FORK,
				     .nice = now.nice,
				     .runtime = SHORTEST_TURN_NS };
	(void)syscall(SYS_sched_setattr, pid, &prompt, 0);
}

void os_sched_give_back(int policy)
{
	if (!is_ordinary(policy & ~SCHED_RESET_ON_FORK))
		return;
	/* The mark against inheriting can be taken off only with CAP_SYS_NICE. */
	if (os_sched_set(0, policy, 0) < 0)
		(void)os_sched_set(0, policy | SCHED_RESET_ON_FORK, 0);
}

bool os_sched_is_realtime(void)
{
	int policy = policy_of(0);
	return policy >= 0 && !is_ordinary(policy & ~SCHED_RESET_ON_FORK);
}
