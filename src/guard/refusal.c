#include "guard/refusal.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/num.h"
#include "codec/history.h"
#include "codec/lockinfo.h"
#include "guard/run.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "store/history.h"
#include "store/lock.h"

#define LINE_EVERY_NS (60 * NS_PER_S) /* refused lines in the history: one per job and minute */
/* Who counts has it for microseconds.  One that was stopped in them must not hold up a cron's starts. */
#define COUNT_WAIT_MS 1000
#define COUNT_LOOK_MS 1

/* The info file itself is locked: nobody else does that, and its name never goes to another file. */
static void lock_count(int info)
{
	for (uint32_t waited = 0; os_flock_try(info, false) == -EWOULDBLOCK && waited < COUNT_WAIT_MS;
	     waited += COUNT_LOOK_MS)
		os_clock_sleep_ms(COUNT_LOOK_MS);
}

/* Never 0. */
static uint32_t mark_of(const char *run_id, size_t n)
{
	return (uint32_t)hash_fnv(HASH_FNV_START, run_id, n) | 1;
}

static bool is_pending(const char *line, size_t n, const void *with)
{
	static const char event[] = "refused";
	const uint32_t *mark = with;
	struct history_peek peek;

	return history_line_peek(line, n, &peek) && peek.event.n == sizeof(event) - 1 &&
	       memcmp(peek.event.at, event, peek.event.n) == 0 &&
	       mark_of(peek.run_id.at, peek.run_id.n) == *mark && history_line_is_intact(line, n);
}

/* Whoever was to write the last line was killed before it could say that it had.  Did it? */
static void settle(const struct run *run, struct lock_refusals *r)
{
	uint32_t mark = r->pending;

	if (mark == 0)
		return;
	r->pending = 0;
	if (history_find(run->dir.keep_fd, r->line_wall_ns, is_pending, &mark) == 1)
		r->count = 0;
}

/* What is about to be written stands in the info file before, and that it was, behind. */
static void put_line(const struct run *run, int info, struct lock_refusals *r,
		     const struct history_refused *refused)
{
	uint64_t was_wall_ns = r->line_wall_ns;
	BUF(line, 2048);

	r->pending = mark_of(refused->run_id, strlen(refused->run_id));
	r->line_wall_ns = refused->wall_ns;
	if (info >= 0)
		(void)lockinfo_write_refusals(info, r);
	AUTO_FD int fd = history_open(run->dir.keep_fd, refused->wall_ns);
	history_format_refused(&line, refused);
	r->pending = 0;
	if (fd >= 0 && history_append(fd, &line) == 0)
		r->count = 0;
	else
		r->line_wall_ns = was_wall_ns;
}

void refusal_record(const struct run *run, const struct refusal *refusal, int exit_code)
{
	struct lockinfo info = { 0 };
	struct lock_refusals *r = &info.refusals;
	struct history_refused refused = {
		.job = run->name,
		.run_id = run->head.run_id,
		.parent_run_id = run->head.parent_run_id,
		.outcome = refusal->outcome,
		.reason = refusal->reason,
		.holder_run_id = refusal->holder_run_id ? refusal->holder_run_id : "",
		.holder_pid = refusal->holder_pid,
	};

	AUTO_FD int fd = lockinfo_open(run->dir.run_fd, run->lock_path, false);
	if (fd >= 0) {
		lock_count(fd);
		(void)lockinfo_read(fd, &info); /* unread, this one is a line of its own */
		settle(run, r);
	}
	refused.wall_ns =
		os_clock_wall_ns(); /* not before it was our turn: the line before would seem later */
	refused.count = ++r->count;
	/* A clock set back makes it due too. */
	if (refused.wall_ns - r->line_wall_ns >= LINE_EVERY_NS)
		put_line(run, fd, r, &refused);
	if (fd >= 0)
		(void)lockinfo_write_refusals(fd, r);
	os_fd_close(&fd); /* not while somebody takes the status as slowly as he likes */
	run_put_refused_status(run, &refused, exit_code);
}
