#include "guard/queue.h"

#include <errno.h>

#include "base/fail.h"
#include "guard/holder.h"
#include "guard/run.h"
#include "guard/waiting.h"
#include "os/fd.h"
#include "store/lock.h"

struct queue {
	struct waiting waiting;
	uint32_t place;
	int fd; /* owned: the lock of that place */
};

/* The place in front is ours: who comes behind may have the one we leave. */
static void step(struct queue *q, int next)
{
	os_fd_close(&q->fd);
	q->fd = next;
	q->place--;
}

/* From the far end as far as nobody stands in the way.  0, -EWOULDBLOCK (full), -errno. */
static int enter(struct queue *q, struct fail *fail)
{
	struct run *run = q->waiting.run;

	q->place = run->job->queue_max;
	q->fd = waiting_try(run, q->place, false, fail);
	if (q->fd < 0)
		return q->fd;
	while (q->place > 1) {
		int next = waiting_try(run, q->place - 1, false, fail);
		if (next == -EWOULDBLOCK)
			return 0;
		if (next < 0)
			return next;
		step(q, next);
	}
	return 0;
}

/* Place by place to the first: only who stands behind a place waits for it.  0, -EWOULDBLOCK, -errno. */
static int move_up(struct queue *q, struct fail *fail)
{
	while (q->place > 1) {
		int next = waiting_take(&q->waiting, q->place - 1, fail);
		if (next < 0)
			return next;
		step(q, next);
	}
	return 0;
}

static int take(struct queue *q, bool *out_is_full, struct fail *fail)
{
	struct run *run = q->waiting.run;
	struct holder h;

	AUTO_FD int gate = waiting_take(&q->waiting, WAITING_QUEUE, fail);
	if (gate < 0)
		return gate;
	int r = enter(q, fail);
	if (r < 0) {
		*out_is_full = r == -EWOULDBLOCK;
		return r;
	}
	/* Under the queue's lock: nobody replaces the holder just now. */
	int fd = q->place == 1 ? waiting_try(run, WAITING_MAIN, false, fail) : -EWOULDBLOCK;
	if (fd != -EWOULDBLOCK)
		return fd;
	os_fd_close(&gate);
	holder_find(run, &h);
	if (holder_is_ancestor(run, &h))
		return -EDEADLK;
	r = move_up(q, fail);
	return r < 0 ? r : waiting_take_main(&q->waiting, fail);
}

bool queue_is_full(const struct run *run)
{
	AUTO_FD int last = waiting_try(run, run->job->queue_max, false, NULL);
	return last == -EWOULDBLOCK; /* without a queue there is no lock file either */
}

int queue_take(struct run *run, bool *out_is_full, struct fail *fail)
{
	struct queue q = { .waiting = waiting_begin(run), .fd = -1 };

	int r = lock_make_queue(run->dir.run_fd, fail);
	if (r == 0)
		r = take(&q, out_is_full, fail);
	os_fd_close(&q.fd);
	return r;
}
