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

int os_sched_raise(pid_t pid, int *out_policy)
{
	/* Round robin: two guards that end storms at one time share. */
	const struct sched_param lowest = { .sched_priority = 1 };
	int policy = pid == 1 || pid < 0 ? -1 : sched_getscheduler(pid);

	if (policy < 0)
		return pid == 1 || pid < 0 ? -ESRCH : -errno;
	if (out_policy)
		*out_policy = policy;
	if (!is_ordinary(policy & ~SCHED_RESET_ON_FORK))
		return 0;
	return sched_setscheduler(pid, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) < 0 ? -errno : 0;
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
	const struct sched_param none = { 0 };

	if (!is_ordinary(policy & ~SCHED_RESET_ON_FORK))
		return;
	/* The mark against inheriting can be taken off only with CAP_SYS_NICE. */
	if (sched_setscheduler(0, policy, &none) < 0)
		(void)sched_setscheduler(0, policy | SCHED_RESET_ON_FORK, &none);
}

bool os_sched_is_realtime(void)
{
	int policy = sched_getscheduler(0);
	return policy >= 0 && !is_ordinary(policy & ~SCHED_RESET_ON_FORK);
}
