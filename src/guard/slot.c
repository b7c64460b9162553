#include "guard/slot.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "core/room.h"
#include "guard/admission.h"
#include "guard/conflict.h"
#include "guard/explain.h"
#include "guard/gate.h"
#include "guard/refusal.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "guard/waiting.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/inotify.h"
#include "os/memory.h"
#include "os/poll.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/lock.h"
#include "store/record.h"

#define NAMED_MAX 4 /* holders in a message */
/* A lock is freed a moment after the news that its file was closed (both in __fput of the kernel). */
#define SETTLE_MAX_MS 64
/* Looked at without news: a file that gc has replaced, a machine without inotify. */
#define LOOK_MS 1000

/* Of one process and one run; too many for a stack. */
static int kept[JOB_SLOTS_MAX];

const char *slot_group(const struct run *run)
{
	return run->job->group ? run->job->group : run->name;
}

static int name_slot(const struct run *run, uint32_t slot, char *out, struct fail *fail)
{
	int r = lock_slot_path(slot_group(run), slot, out);
	return r < 0 ? fail_set(fail, -r, "name the slots of", slot_group(run)) : 0;
}

int slot_open_info(const struct run *run, uint32_t slot, bool make)
{
	char path[LOCK_PATH_MAX];

	int r = lock_slot_path(slot_group(run), slot, path);
	return r < 0 ? r : lockinfo_open(run->dir.run_fd, path, make);
}

/* --- who has them ------------------------------------------------------------------------------------- */

/* The record of the run that a slot's info file names; of a free slot it may be of one that is over. */
static int open_holder(const struct run *run, uint32_t slot, struct record *out_record)
{
	struct lockinfo info;

	AUTO_FD int fd = slot_open_info(run, slot, false);
	if (fd < 0)
		return fd;
	int r = lockinfo_read(fd, &info);
	if (r < 0 || info.holder.run_id[0] == '\0')
		return -ENOENT;
	r = record_open(run->dir.run_fd, info.holder.run_id, out_record);
	if (r == 0)
		record_close(out_record);
	return r;
}

/* " fetch pid 4711, 3m, run 7f3c9e12" */
static void format_holder(struct buf *line, const struct run *run, const struct record_head *head)
{
	uint64_t now_ns = os_clock_boot_ns();

	buf_char(line, ' ');
	escape_word(line, head->job, strlen(head->job), 40);
	if (run_place_of(&head->host, &run->head.host) == PLACE_ELSEWHERE) {
		buf_str(line, " (in another PID or time namespace)");
		return;
	}
	buf_str(line, " pid ");
	buf_i64(line, head->front.pid);
	buf_str(line, ", ");
	num_format_duration(line, now_ns > head->started_boot_ns ? now_ns - head->started_boot_ns : 0);
	buf_str(line, ", run ");
	buf_mem(line, head->run_id, strnlen(head->run_id, 8));
}

/* Holders by name, the first of them into *out_first. */
static void format_holders(struct buf *line, const struct run *run, struct record_head *out_first)
{
	struct record record;
	uint32_t count = 0;

	for (uint32_t slot = 1; slot <= run->slots; slot++) {
		if (open_holder(run, slot, &record) < 0)
			continue;
		if (count == 0 && out_first)
			*out_first = record.head;
		if (++count > NAMED_MAX)
			continue;
		buf_str(line, count == 1 ? ":" : ";");
		format_holder(line, run, &record.head);
	}
	if (count > NAMED_MAX) {
		buf_str(line, "; and ");
		buf_u64(line, count - NAMED_MAX);
		buf_str(line, " more");
	}
}

/* "WHAT: net (4): fetch pid 4711, 3m, run 7f3c9e12; ...; see: spawnguard ps" */
static void say(const struct run *run, const char *what, bool is_said, struct record_head *out_first)
{
	const char *group = slot_group(run);
	BUF(line, 2048);

	buf_str(&line, what);
	buf_str(&line, run->job->group ? " of group " : " of ");
	escape_word(&line, group, strlen(group), 60);
	buf_str(&line, " (");
	buf_u64(&line, run->slots);
	buf_char(&line, ')');
	format_holders(&line, run, out_first);
	buf_str(&line, "; see: spawnguard ps");
	if (!run->job->group) {
		buf_char(&line, ' ');
		escape_word(&line, group, strlen(group), 0);
	}
	voice_line(&line, VOICE_WARNING, is_said);
}

static void complain(const struct run *run, const char *what)
{
	BUF(text, 64);

	buf_str(&text, what);
	buf_str(&text, " a slot");
	say(run, text.at, true, NULL);
}

static int refuse(const struct run *run, const char *what, const char *reason)
{
	bool skip = run->job->on_conflict == CONFLICT_SKIP;
	int code = skip ? 0 : run->job->conflict_exit;
	struct record_head first = { 0 };
	struct refusal refusal = { .outcome = SG_OUTCOME_CONFLICT, .reason = reason };

	say(run, what, !skip || voice_tells_steps(), &first);
	AUTO_FD int fd = lockinfo_open(run->dir.run_fd, run->lock_path, true);
	(void)fd; /* there to count in, also for a name that has never run */
	refusal.holder_run_id = first.run_id;
	refusal.holder_pid = first.front.pid;
	if (run_place_of(&first.host, &run->head.host) == PLACE_ELSEWHERE)
		refusal.holder_pid = 0;
	refusal_record(run, &refusal, code);
	return skip || code == 0 ? CONFLICT_SKIPPED : code;
}

/* It would wait for the run around it, which may wait for this one. */
static bool is_held_around(const struct run *run)
{
	struct record record;

	if (run->head.parent_run_id[0] == '\0')
		return false;
	for (uint32_t slot = 1; slot <= run->slots; slot++)
		if (open_holder(run, slot, &record) == 0 &&
		    find_is_ancestor(&run->dir, run->head.parent_run_id, record.head.run_id))
			return true;
	return false;
}

/* By memory: those that fit into all of it; while nothing is known of what they need, one. */
static void count_slots(struct run *run)
{
	struct os_memory memory = { 0 };

	run->slots = run->job->slots;
	if (run->slots != JOB_SLOTS_AUTO)
		return;
	struct room room = { .expected_bytes = admission_expected(run) };
	if (run->job->reserve_mem != NUM_NONE)
		room.reserve_bytes = run->job->reserve_mem;
	if (os_memory(&memory) == 0)
		room.total_bytes = memory.total_bytes;
	run->slots = room_slots(&room, JOB_SLOTS_MAX);
}

/* --- taking one --------------------------------------------------------------------------------------- */

/* Owned descriptor; -EWOULDBLOCK: all are taken. */
static int try_each(const struct run *run, uint32_t *out_slot, struct fail *fail)
{
	char path[LOCK_PATH_MAX];

	for (uint32_t slot = 1; slot <= run->slots; slot++) {
		int r = name_slot(run, slot, path, fail);
		if (r < 0)
			return r;
		int fd = lock_try(run->dir.run_fd, path, false, fail);
		if (fd != -EWOULDBLOCK) {
			*out_slot = slot;
			return fd;
		}
	}
	return -EWOULDBLOCK;
}

/* Unless somebody waits: then all are taken, or are theirs. */
static int try_at_once(struct run *run, struct fail *fail)
{
	int r = gate_pass(run, GATE_SLOT, fail);
	return r < 0 ? r : try_each(run, &run->slot, fail);
}

/* The same by descriptors that stay open, so that our own closing is no news. */
static int try_kept(struct run *run, struct fail *fail)
{
	char path[LOCK_PATH_MAX];

	for (uint32_t slot = 1; slot <= run->slots; slot++) {
		int r = name_slot(run, slot, path, fail);
		if (r == 0)
			r = lock_try_kept(run->dir.run_fd, path, &kept[slot - 1], fail);
		if (r == -EWOULDBLOCK)
			continue;
		if (r < 0)
			return r;
		run->slot = slot;
		return os_fd_steal(&kept[slot - 1]);
	}
	return -EWOULDBLOCK;
}

static void open_kept(const struct run *run, int news)
{
	char path[LOCK_PATH_MAX];

	for (uint32_t slot = 1; slot <= run->slots; slot++) {
		kept[slot - 1] = -1;
		if (lock_slot_path(slot_group(run), slot, path) == 0)
			kept[slot - 1] = lock_open_kept(run->dir.run_fd, path, NULL); /* tried: told */
		if (kept[slot - 1] >= 0 && news >= 0)
			(void)os_inotify_add(news, kept[slot - 1], OS_NEWS_CLOSED); /* else: LOOK_MS */
	}
}

static int sooner(int a_ms, int b_ms)
{
	return b_ms >= 0 && b_ms < a_ms ? b_ms : a_ms;
}

/* We are the next: until one of them is free. */
static int await_free(struct waiting *w, struct fail *fail)
{
	struct run *run = w->run;
	int settle_ms = 0, fd;

	AUTO_FD int news = os_inotify_open();
	open_kept(run, news);
	waiting_open(run);
	for (;;) {
		fd = try_kept(run, fail);
		if (fd != -EWOULDBLOCK)
			break;
		fd = parent_is_gone(run) ? -EOWNERDEAD : waiting_look(w);
		if (fd < 0)
			break;
		struct os_poll set[2] = { { .fd = news, .wants = OS_POLL_IN },
					  { .fd = run->parent.fd, .wants = OS_POLL_IN } };
		int left_ms = sooner(settle_ms > 0 ? settle_ms : LOOK_MS, waiting_left_ms(w));
		if (os_poll(set, 2, left_ms) < 0)
			os_clock_sleep_ms(1); /* no memory for a moment */
		settle_ms = settle_ms < SETTLE_MAX_MS ? settle_ms * 2 : 0;
		if (set[0].ready) {
			os_inotify_drain(news);
			settle_ms = 1;
		}
	}
	waiting_close(run);
	for (uint32_t slot = 1; slot <= run->slots; slot++)
		os_fd_close(&kept[slot - 1]);
	return fd;
}

/* --on-conflict=queue: no more than --queue-max wait.  Owned descriptor, -EWOULDBLOCK: that many do. */
static int take_place(const struct run *run, struct fail *fail)
{
	char path[LOCK_PATH_MAX];

	for (uint32_t place = 1; place <= run->job->queue_max; place++) {
		int r = lock_slot_place_path(slot_group(run), place, path);
		if (r < 0)
			return fail_set(fail, -r, "name the queue of", slot_group(run));
		int fd = lock_try(run->dir.run_fd, path, false, fail);
		if (fd != -EWOULDBLOCK)
			return fd;
	}
	return -EWOULDBLOCK;
}

static int wait_for_one(struct run *run, bool *out_is_full, struct fail *fail)
{
	struct waiting waiting = waiting_begin(run);
	bool is_queue = run->job->on_conflict == CONFLICT_QUEUE;

	waiting.complain = complain;
	AUTO_FD int place = is_queue ? take_place(run, fail) : -1;
	if (is_queue && place < 0) {
		*out_is_full = place == -EWOULDBLOCK;
		return place;
	}
	AUTO_FD int gate = gate_take(&waiting, GATE_SLOT, fail);
	return gate < 0 ? gate : await_free(&waiting, fail);
}

int slot_take(struct run *run)
{
	enum on_conflict how = run->job->on_conflict;
	struct fail fail = { 0 };
	bool is_full = false;

	count_slots(run);
	int fd = lock_make_slots(run->dir.run_fd, slot_group(run), &fail);
	if (fd == 0)
		fd = try_at_once(run, &fail);
	bool waits = how == CONFLICT_WAIT || how == CONFLICT_QUEUE;
	int code = fd == -EWOULDBLOCK && waits ? circuit_before_wait(run) : 0;
	if (code != 0)
		return code;
	if (fd == -EWOULDBLOCK && waits && is_held_around(run))
		return refuse(run, "not waiting for the run around this one: no free slot", "ancestor");
	if (fd == -EWOULDBLOCK && waits)
		fd = wait_for_one(run, &is_full, &fail);
	if (fd == -EOWNERDEAD)
		return parent_check(run);
	if (fd == -EWOULDBLOCK && is_full)
		return refuse(run, "its queue is full: no free slot", "queue_full");
	if (fd == -EWOULDBLOCK)
		return refuse(run, waits ? "after the wait no free slot" : "no free slot",
			      waits ? "wait" : "slots");
	if (fd < 0) {
		voice_fail(&fail, "nothing was started; see: spawnguard doctor");
		return SG_EXIT_GUARD;
	}
	run->slot_fd = fd;
	return 0;
}

/* --- what would be ------------------------------------------------------------------------------------ */

static uint32_t count_taken(const struct run *run)
{
	char path[LOCK_PATH_MAX];
	uint32_t taken = 0;

	for (uint32_t slot = 1; slot <= run->slots; slot++) {
		if (lock_slot_path(slot_group(run), slot, path) == 0)
			taken += lock_is_held(run->dir.run_fd, path);
	}
	return taken;
}

static enum explain_verdict verdict_when_full(const struct run *run)
{
	switch (run->job->on_conflict) {
	case CONFLICT_SKIP:
		return EXPLAIN_SKIP;
	case CONFLICT_WAIT:
	case CONFLICT_QUEUE:
		return is_held_around(run) ? EXPLAIN_REFUSE : EXPLAIN_WAIT;
	default:
		return EXPLAIN_REFUSE;
	}
}

void slot_explain(struct run *run, struct explain *e)
{
	const char *group = slot_group(run);

	if (run->job->slots == 0)
		return;
	count_slots(run);
	struct explain_rule *rule = explain_add(e, "slots");
	uint32_t taken = count_taken(run);
	buf_u64(&rule->text, run->slots);
	buf_str(&rule->text, run->job->group ? " of group " : " of ");
	escape_word(&rule->text, group, strlen(group), 60);
	buf_str(&rule->text, ", ");
	buf_u64(&rule->text, taken);
	buf_str(&rule->text, " taken");
	if (taken < run->slots)
		return;
	rule->verdict = verdict_when_full(run);
	rule->exit = run->job->conflict_exit;
	format_holders(&rule->text, run, NULL);
	buf_str(&rule->change, "the end of one of them, or more --slots");
}
