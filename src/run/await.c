#include "run/await.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/inotify.h"
#include "os/pidfd.h"
#include "run/close.h"
#include "store/lock.h"
#include "store/record.h"

/* Front has read the end by then and let the lock go; what it does afterwards is not the run. */
#define FRONT_NS (2 * NS_PER_S)
/* Where neither handle nor news are to be had (before 5.3; inotify watches used up). */
#define CLOCK_NS NS_PER_S
/* Of a front that is about to go, where its handle tells of that only who asks (before 5.3). */
#define ASK_NS (10 * NS_PER_MS)

static uint64_t now_ns(void)
{
	return os_clock_boot_ns();
}

/* Its guards cannot be held (of another namespace), or do not tell: but what changes in its record is seen.
 */
static void order_news(struct await *a)
{
	a->news = os_inotify_open();
	if (a->news >= 0 && os_inotify_add(a->news, a->view.record.fd, OS_NEWS_WRITTEN | OS_NEWS_GONE) < 0)
		os_fd_close(&a->news);
}

int await_open(struct await *a, const struct statedir *dir, const char *run_id, const struct host_id *here)
{
	*a = (struct await){ .dir = dir, .news = -1, .again_ns = NUM_NONE, .is_new = true };
	int r = run_view_open(dir, run_id, here, &a->view);
	if (r < 0)
		return r;
	if (a->view.place == PLACE_ELSEWHERE || os_pidfd_is_proc(a->view.warden))
		order_news(a);
	return 0;
}

void await_close(struct await *a)
{
	run_view_close(&a->view);
	os_fd_close(&a->news);
}

static int pollable(int handle)
{
	return os_pidfd_is_proc(handle) ? -1 : handle;
}

void await_handles(const struct await *a, struct os_poll *set)
{
	int second = a->news >= 0 ? a->news : pollable(a->view.warden);

	set[0] = (struct os_poll){ .fd = pollable(a->view.front), .wants = OS_POLL_IN };
	set[1] = (struct os_poll){ .fd = second, .wants = OS_POLL_IN };
}

/* When to look again at guards that live. */
static uint64_t next_look_ns(const struct await *a)
{
	const struct run_view *view = &a->view;

	if (pollable(view->front) >= 0 || pollable(view->warden) >= 0)
		return NUM_NONE;
	return now_ns() + (a->closed_ns != 0 ? ASK_NS : CLOCK_NS);
}

int await_ms(uint64_t until_ns)
{
	uint64_t now = now_ns();

	if (until_ns == NUM_NONE)
		return -1;
	uint64_t ms = until_ns > now ? (until_ns - now) / NS_PER_MS + 1 : 0;
	return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* Is that very record still there under its name? */
static bool is_there(const struct await *a)
{
	struct record record;

	if (record_open(a->dir->run_fd, a->view.record.head.run_id, &record) < 0)
		return false;
	record_close(&record);
	return true;
}

/* The lock of its job can be had: then none of its guards lives.  Asked once: it is in a start's way. */
static bool is_lock_free(const struct await *a)
{
	const struct record_head *head = &a->view.record.head;
	char path[LOCK_PATH_MAX];

	if (head->flags & RECORD_NO_LOCK || lock_path(head->job, path) < 0)
		return false;
	AUTO_FD int fd = lock_try(a->dir->run_fd, path, !(head->flags & RECORD_SHARED), NULL);
	return fd >= 0;
}

static enum await_state look_from_afar(struct await *a, bool is_closed)
{
	if (is_closed)
		return AWAIT_TOLD;
	bool was_new = a->is_new;
	a->is_new = false;
	if (!is_there(a) || (was_new && is_lock_free(a)))
		return AWAIT_GONE;
	a->again_ns = a->news >= 0 ? NUM_NONE : now_ns() + CLOCK_NS;
	return AWAIT_RUNNING;
}

/* It is told; until front has gone its lock is held. */
static enum await_state after_front(struct await *a)
{
	if (a->closed_ns == 0)
		a->closed_ns = now_ns();
	bool is_front_gone = a->view.front < 0 || os_pidfd_is_dead(a->view.front);
	if (is_front_gone || now_ns() >= a->closed_ns + FRONT_NS)
		return AWAIT_TOLD;
	os_fd_close(&a->view.warden); /* it would wake us at once */
	uint64_t look_ns = next_look_ns(a), last_ns = a->closed_ns + FRONT_NS;
	a->again_ns = look_ns < last_ns ? look_ns : last_ns;
	return AWAIT_RUNNING;
}

enum await_state await_look(struct await *a)
{
	struct run_view *view = &a->view;

	if (a->news >= 0)
		os_inotify_drain(a->news);
	if (a->closed_ns != 0)
		return after_front(a);
	run_view_refresh(view);
	bool is_closed = view->record.state.phase == PHASE_CLOSED;
	if (view->place == PLACE_OLD_BOOT)
		return is_closed ? AWAIT_TOLD : AWAIT_GONE;
	if (view->place == PLACE_ELSEWHERE)
		return look_from_afar(a, is_closed);
	if (is_closed)
		return after_front(a);
	if (view->is_guarded) {
		a->again_ns = next_look_ns(a);
		return AWAIT_RUNNING;
	}
	/* Both dead: their last word may have come after our reading. */
	run_view_refresh(view);
	if (view->is_guarded) { /* a warden that was not yet on record */
		a->again_ns = now_ns();
		return AWAIT_RUNNING;
	}
	return view->record.state.phase == PHASE_CLOSED ? AWAIT_TOLD : AWAIT_GONE;
}

struct await_end await_end(const struct await *a)
{
	const struct record_head *head = &a->view.record.head;
	const struct run_figures *f = &a->view.record.state.figures;
	uint64_t start_ns = head->started_boot_ns;
	enum outcome outcome = (enum outcome)f->outcome;

	return (struct await_end){
		.outcome = outcome,
		.exit_code = f->exit_code,
		.wall_ns = f->ended_boot_ns > start_ns ? f->ended_boot_ns - start_ns : 0,
		.keeps_log = close_keeps_log(head, (enum end_cause)f->cause, outcome),
	};
}
