#include "guard/waiting.h"

#include <errno.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/conflict.h"
#include "guard/holder.h"
#include "guard/run.h"
#include "guard/slot.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "store/lock.h"

#define ASK_MS 20

/* All but WAITING_MAIN. 0, -errno with `fail`. */
static int path_of(const struct run *run, uint32_t which, char *path, struct fail *fail)
{
	int r;

	if (which == WAITING_SLOT_GATE)
		r = lock_slot_path(slot_group(run), LOCK_SLOT_GATE, path);
	else if (which == WAITING_SLOT_DOOR)
		r = lock_slot_path(slot_group(run), LOCK_SLOT_DOOR, path);
	else if (which == WAITING_ROOM_GATE || which == WAITING_ROOM_DOOR)
		r = lock_admission_path(which == WAITING_ROOM_DOOR, path);
	else
		r = lock_queue_path(run->name, which, path);
	return r < 0 ? fail_set(fail, -r, "name the queue of", run->name) : 0;
}

int waiting_look_at(const struct run *run, uint32_t which, struct fail *fail)
{
	char path[LOCK_PATH_MAX];

	int r = path_of(run, which, path, fail);
	return r < 0 ? r : lock_try(run->dir.run_fd, path, true, fail);
}

int waiting_try(const struct run *run, uint32_t which, bool wait, struct fail *fail)
{
	const struct job *job = run->job;
	char path[LOCK_PATH_MAX];

	/* The lock that this run is about: the job's, or with --no-lock --lock-file that file alone. */
	if (which == WAITING_MAIN && job->no_lock)
		return lock_user_file(job->lock_file, job->shared, wait, fail);
	if (which == WAITING_MAIN)
		return wait ? lock_wait(run->dir.run_fd, run->lock_path, job->shared, fail)
			    : lock_try(run->dir.run_fd, run->lock_path, job->shared, fail);
	int r = path_of(run, which, path, fail);
	if (r < 0)
		return r;
	return wait ? lock_wait(run->dir.run_fd, path, false, fail)
		    : lock_try(run->dir.run_fd, path, false, fail);
}

static uint64_t later(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns > NUM_NONE - now_ns ? NUM_NONE : now_ns + delay_ns;
}

struct waiting waiting_begin(struct run *run)
{
	uint64_t now_ns = os_clock_boot_ns();
	return (struct waiting){ .run = run,
				 .deadline_ns = later(now_ns, run->job->wait_ns),
				 .complain_ns = later(now_ns, run->job->complain_ns) };
}

void waiting_open(const struct run *run)
{
	os_signals_open_for_wait(&run->signals);
	parent_wake_us(run, true);
}

void waiting_close(const struct run *run)
{
	parent_wake_us(run, false);
	os_signals_close_after_wait();
}

static void complain(struct waiting *w)
{
	struct holder h;

	w->complain_ns = NUM_NONE;
	if (w->complain) {
		w->complain(w->run, "waiting for");
		return;
	}
	holder_find(w->run, &h);
	conflict_say(w->run, &h, "waiting for", true);
}

int waiting_look(struct waiting *w)
{
	uint64_t now_ns = os_clock_boot_ns();

	if (now_ns >= w->deadline_ns)
		return -EWOULDBLOCK;
	if (now_ns >= w->complain_ns)
		complain(w);
	return 0;
}

int waiting_left_ms(const struct waiting *w)
{
	uint64_t next_ns = w->complain_ns < w->deadline_ns ? w->complain_ns : w->deadline_ns;
	uint64_t now_ns = os_clock_boot_ns();

	if (next_ns == NUM_NONE)
		return -1;
	uint64_t left = next_ns > now_ns ? (next_ns - now_ns) / NS_PER_MS + 1 : 0;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}

bool waiting_for_end(const struct run *run, int pidfd, int timeout_ms)
{
	struct os_poll set[2] = { { .fd = pidfd, .wants = OS_POLL_IN },
				  { .fd = run->parent.fd, .wants = OS_POLL_IN } };

	if (os_pidfd_is_proc(pidfd)) /* it tells only who asks; the caller comes back */
		return os_pidfd_wait(pidfd, timeout_ms >= 0 && timeout_ms < ASK_MS ? timeout_ms : ASK_MS) > 0;
	return os_poll(set, 2, timeout_ms) > 0 && set[0].ready;
}

int waiting_take(struct waiting *w, uint32_t which, struct fail *fail)
{
	int fd;

	waiting_open(w->run);
	for (;;) {
		uint64_t next_ns = w->complain_ns < w->deadline_ns ? w->complain_ns : w->deadline_ns;
		int alarm = next_ns != NUM_NONE ? os_alarm_set(next_ns) : 0;
		if (alarm < 0) { /* EAGAIN, no room for a timer, would mean held */
			fd = fail_set(fail, alarm == -EAGAIN ? ENOMEM : -alarm, "set an alarm for --wait",
				      w->run->name);
			break;
		}
		if (parent_is_gone(w->run)) {
			fd = -EOWNERDEAD;
			break;
		}
		fd = waiting_try(w->run, which, true, fail);
		if (fd != -EINTR)
			break;
		(void)os_alarm_set(NUM_NONE); /* struck: it goes on until it is set anew */
		fd = waiting_look(w);
		if (fd < 0)
			break;
	}
	(void)os_alarm_set(NUM_NONE);
	waiting_close(w->run);
	return fd;
}

int waiting_take_main(struct waiting *w, struct fail *fail)
{
	for (;;) {
		AUTO_FD int fd = waiting_take(w, WAITING_MAIN, fail);
		if (fd < 0)
			return fd;
		/* What cannot be asked, or is not there, holds nobody up. */
		AUTO_FD int queue = waiting_try(w->run, WAITING_QUEUE, false, NULL);
		if (queue != -EWOULDBLOCK)
			return os_fd_steal(&fd);
		os_fd_close(&fd);
		queue = waiting_take(w, WAITING_QUEUE, fail);
		if (queue < 0)
			return queue;
	}
}
