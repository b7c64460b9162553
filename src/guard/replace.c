#include "guard/replace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "guard/holder.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "guard/waiting.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "run/ask.h"
#include "run/find.h"
#include "store/lock.h"
#include "store/record.h"

#define LOOK_MS 2
/* Beyond its grace: the bound of the KILL sweep, and a little. */
#define END_MARGIN_NS (13 * NS_PER_S)
/* From a lock to a record, or from the end of a record to a free lock: on a busy machine. */
#define UNKNOWN_NS (10 * NS_PER_S)

struct replacing {
	struct run *run;
	struct host_id here;
	struct replace_refusal *why;
	char asked[RUN_ID_MAX + 8]; /* the holder that is being ended; "" = none yet */
	bool is_asked;              /* its warden has been told */
	uint64_t until_ns;
};

static uint64_t later(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns > NUM_NONE - now_ns ? NUM_NONE : now_ns + delay_ns;
}

static int refuse(struct replacing *p, const char *what, const char *reason)
{
	*p->why = (struct replace_refusal){ what, reason };
	return -EWOULDBLOCK;
}

int replace_judge(const struct run *run, const struct holder *h, struct replace_refusal *out_why)
{
	if (run->job->no_lock)
		*out_why = (struct replace_refusal){ "not replacing the holder of a lock file", "lock_file" };
	else if (h->has_record && holder_is_ancestor(run, h))
		*out_why = (struct replace_refusal){ "not replacing the run around this one", "ancestor" };
	else if (h->has_record && (h->record.head.flags & RECORD_SHARED))
		*out_why = (struct replace_refusal){ "not replacing runs that share the lock", "shared" };
	else
		return 0;
	return -EWOULDBLOCK;
}

/* A holder that was not met before. */
static int meet(struct replacing *p, const struct holder *h)
{
	const struct record_head *head = &h->record.head;

	int r = replace_judge(p->run, h, p->why);
	if (r < 0)
		return r;
	memcpy(p->asked, head->run_id, sizeof(p->asked));
	p->is_asked = false;
	uint64_t grace_ns = later(head->kill_after_ns, END_MARGIN_NS);
	p->until_ns = later(os_clock_boot_ns(), grace_ns);
	return 0;
}

/* Its warden does it.  One that is starting has none yet; without one, front is ending the tree already. */
static int ask(struct replacing *p, const struct run_view *view)
{
	struct request request = ask_request(REQUEST_REPLACE, "spawnguard run", p->run->head.run_id);

	if (p->is_asked)
		return 0;
	int r = ask_guard(&p->run->dir, view, &request, true);
	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return refuse(p, "not replaced, its guard cannot be asked from here", "replace");
	p->is_asked = true;
	BUF(line, 256);
	buf_str(&line, "asked to end, to be replaced: run ");
	buf_mem(&line, p->asked, strnlen(p->asked, 8));
	voice_step(&line);
	return 0;
}

static int left_ms(const struct replacing *p)
{
	uint64_t now_ns = os_clock_boot_ns();
	uint64_t left = p->until_ns > now_ns ? (p->until_ns - now_ns) / NS_PER_MS + 1 : 0;
	return left < INT32_MAX ? (int)left : INT32_MAX;
}

/* Until its guards are gone, or for a moment where they cannot be held. */
static void await_end(const struct replacing *p, const struct run_view *view)
{
	struct proc_stat stat;

	if (view->warden >= 0)
		(void)waiting_for_end(p->run, view->warden, p->is_asked ? left_ms(p) : LOOK_MS);
	if (view->front < 0 || !p->is_asked || (view->warden >= 0 && !os_pidfd_is_dead(view->warden))) {
		os_clock_sleep_ms(LOOK_MS);
		return;
	}
	/* Its tree is gone.  Stopped by a terminal it would keep its copy of the lock. */
	if (os_proc_stat(view->record.head.front.pid, &stat) == 0 && stat.state == 'T')
		(void)os_pidfd_signal(view->front, SIGCONT);
	(void)waiting_for_end(p->run, view->front, left_ms(p));
}

static int end_holder(struct replacing *p)
{
	struct run_view view;

	if (p->asked[0] == '\0' || run_view_open(&p->run->dir, p->asked, &p->here, &view) < 0) {
		os_clock_sleep_ms(LOOK_MS); /* it has none yet, or none any more: its lock will be free */
		return 0;
	}
	int r = 0;
	if (view.place != PLACE_HERE)
		r = refuse(p, "not replaced, its guard cannot be asked from here", "replace");
	else
		r = ask(p, &view);
	if (r == 0)
		await_end(p, &view);
	run_view_close(&view);
	return r;
}

/* No record to go by, for whatever reason: runs that share the lock can be told by the lock itself. */
static bool is_shared(const struct replacing *p)
{
	if (p->run->job->shared)
		return false;
	AUTO_FD int fd = lock_try(p->run->dir.run_fd, p->run->lock_path, true, NULL);
	if (fd < 0)
		return false;
	os_fd_close(&fd);
	fd = lock_try(p->run->dir.run_fd, p->run->lock_path, false, NULL);
	return fd == -EWOULDBLOCK; /* else nobody has it by now */
}

static int replace(struct replacing *p, struct fail *fail)
{
	p->until_ns = later(os_clock_boot_ns(), UNKNOWN_NS);
	for (;;) {
		struct holder h;
		int fd = waiting_try(p->run, WAITING_MAIN, false, fail);
		if (fd != -EWOULDBLOCK)
			return fd;
		holder_find(p->run, &h);
		bool is_new = h.has_record && strcmp(h.record.head.run_id, p->asked) != 0;
		int r = is_new ? meet(p, &h) : 0;
		if (r == 0 && !h.has_record && is_shared(p))
			r = refuse(p, "not replacing runs that share the lock", "shared");
		if (r == 0 && parent_is_gone(p->run))
			r = -EOWNERDEAD;
		if (r == 0 && os_clock_boot_ns() >= p->until_ns)
			r = refuse(p, "not replaced, it does not end", "replace");
		if (r == 0)
			r = end_holder(p);
		if (r < 0)
			return r;
	}
}

static void tell_replaced(const struct run *run, const char *run_id)
{
	BUF(line, 512);

	escape_text(&line, run->name, strlen(run->name), 60);
	buf_str(&line, ": replaces run ");
	buf_mem(&line, run_id, strnlen(run_id, 8));
	voice_note(&line);
}

int replace_take(struct run *run, struct replace_refusal *out_why, struct fail *fail)
{
	struct replacing p = { .run = run, .why = out_why };
	struct waiting waiting = { .run = run, .complain_ns = NUM_NONE };
	struct holder h;

	holder_find(run, &h);
	if (run->job->no_lock)
		return replace_judge(run, &h, out_why);
	os_host_id(-1, &p.here);
	/* Another start may be replacing that one at this moment: ours is the next. */
	uint64_t grace_ns = h.has_record ? later(h.record.head.kill_after_ns, END_MARGIN_NS) : END_MARGIN_NS;
	waiting.deadline_ns = later(os_clock_boot_ns(), later(grace_ns, grace_ns));
	int r = lock_make_queue(run->dir.run_fd, fail);
	if (r < 0)
		return r;
	AUTO_FD int queue = waiting_take(&waiting, WAITING_QUEUE, fail);
	if (queue == -EWOULDBLOCK)
		return refuse(&p, "not replaced, others are before us", "replace");
	if (queue < 0)
		return queue;
	waiting_open(run);
	r = replace(&p, fail);
	waiting_close(run);
	if (r < 0 && p.is_asked)
		request_remove(run->dir.run_fd, p.asked);
	if (r >= 0 && p.asked[0] != '\0')
		tell_replaced(run, p.asked);
	return r;
}
