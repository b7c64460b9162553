#include "os/sched.h"

#include <errno.h>
#include <sched.h>

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
