#include "guard/admission.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "conf/room_value.h"
#include "core/room.h"
#include "guard/circuit.h"
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
#include "os/proc.h"
#include "os/self.h"
#include "run/claims.h"
#include "spawnguard/exit.h"
#include "store/breaker.h"
#include "store/lock.h"
#include "store/record.h"

/* For others that start: each looks through runs/ and writes its record. */
#define LOCK_WAIT_MS  5000
#define LOCK_AGAIN_MS 2
/* The end of a run is news; what other programs give back is not, nor is a place that empties. */
#define LOOK_MS 1000
/* The kernel forms its averages every 2 s (kernel/sched/psi.c: PSI_FREQ); PSI tells of stalls, not of their
 * end.
 */
#define PRESSURE_LOOK_MS 2000
/* Many end at once: their news is one. */
#define NEWS_MS 10

enum lack { LACK_NOTHING, LACK_MEMORY, LACK_TURN, LACK_SPACE, LACK_PRESSURE };

/* What was asked, and found. */
struct admission {
	struct run *run;
	enum lack lack;
	struct room room;
	struct min_free place;
	uint64_t free_bytes;
	enum pressure_of pressure;
	uint32_t max_pct, centi_pct;
};

static bool is_asked(const struct job *job)
{
	return job->expect_mem != NUM_NONE || job->min_free || job->max_pressure;
}

uint64_t admission_expected(const struct run *run)
{
	static struct breaker breaker; /* too much for a stack */

	if (run->job->expect_mem < JOB_EXPECT_AUTO)
		return run->job->expect_mem;
	struct breaker_time now = breaker_now_on(&run->head.host);
	if (breaker_read(run->dir.keep_fd, run->name, os_self_uid(), &now, &breaker) < 0)
		return 0; /* whose runs are no more known than those of a new job */
	return circuit_peak_p95(&breaker.circuit);
}

/* Waiting is of no use. */
static bool can_never(const struct admission *a)
{
	return a->lack == LACK_MEMORY && room_can_never_fit(&a->room);
}

/* --- what is said ------------------------------------------------------------------------------------- */

/* "6G available, less 2.9G that 2 runs still expect, less 1G of --reserve-mem" */
static void put_room(struct buf *out, const struct room *room)
{
	num_format_size(out, room->available_bytes);
	buf_str(out, " available");
	if (room->claims > 0) {
		buf_str(out, ", less ");
		num_format_size(out, room->claimed_bytes);
		buf_str(out, " that ");
		buf_u64(out, room->claims);
		buf_str(out, room->claims == 1 ? " run still expects" : " runs still expect");
	}
	if (room->reserve_bytes > 0) {
		buf_str(out, ", less ");
		num_format_size(out, room->reserve_bytes);
		buf_str(out, " of --reserve-mem");
	}
}

static void put_memory(struct buf *out, const struct admission *a)
{
	buf_str(out, "expects ");
	num_format_size(out, a->run->head.expected_bytes);
	if (a->lack == LACK_TURN) {
		buf_str(out, " of memory, and others wait for room before it");
		return;
	}
	buf_str(out, " of memory");
	buf_str(out, a->run->job->expect_mem == JOB_EXPECT_AUTO ? " by its last runs, " : ", ");
	if (can_never(a)) {
		num_format_size(out, a->room.total_bytes);
		buf_str(out, " is all there is");
		if (a->room.reserve_bytes > 0) {
			buf_str(out, ", less ");
			num_format_size(out, a->room.reserve_bytes);
			buf_str(out, " of --reserve-mem");
		}
		return;
	}
	num_format_size(out, room_free(&a->room));
	buf_str(out, " is free to it: ");
	put_room(out, &a->room);
}

static void put_lack(struct buf *out, const struct admission *a)
{
	escape_word(out, a->run->name, strlen(a->run->name), 60);
	buf_char(out, ' ');
	switch (a->lack) {
	case LACK_NOTHING:
	case LACK_MEMORY:
	case LACK_TURN:
		put_memory(out, a);
		break;
	case LACK_SPACE:
		buf_str(out, "asks for ");
		num_format_size(out, a->place.bytes);
		buf_str(out, " free in ");
		escape_word(out, a->place.dir, strlen(a->place.dir), 60);
		buf_str(out, ", ");
		num_format_size(out, a->free_bytes);
		buf_str(out, " is");
		break;
	case LACK_PRESSURE:
		buf_str(out, "asks for a pressure on ");
		buf_str(out, pressure_word[a->pressure]);
		buf_str(out, " of at most ");
		buf_u64(out, a->max_pct);
		buf_str(out, "%, it is ");
		buf_u64(out, a->centi_pct / 100);
		buf_char(out, '.');
		buf_u64(out, a->centi_pct / 10 % 10);
		buf_char(out, '%');
		break;
	}
}

static const char *reason_of(enum lack lack)
{
	return lack == LACK_SPACE ? "disk" : lack == LACK_PRESSURE ? "pressure" : "memory";
}

static bool is_waiting(const struct job *job)
{
	return job->on_conflict == CONFLICT_WAIT || job->on_conflict == CONFLICT_QUEUE;
}

static int refuse(const struct admission *a)
{
	struct refusal refusal = { .outcome = SG_OUTCOME_REFUSED, .reason = reason_of(a->lack) };
	BUF(line, 2048);

	refusal_record(a->run, &refusal, SG_EXIT_BREAKER);
	circuit_not_ready(a->run);
	buf_str(&line,
		is_waiting(a->run->job) && !can_never(a) ? "not started after the wait: " : "not started: ");
	put_lack(&line, a);
	buf_str(&line, a->lack == LACK_SPACE      ? "; see: df"
		       : a->lack == LACK_PRESSURE ? "; see: /proc/pressure"
						  : "; see: spawnguard ps");
	if (!is_waiting(a->run->job))
		buf_str(&line, "; --wait waits for room");
	voice_error(&line);
	return SG_EXIT_BREAKER;
}

static const struct admission *complains_of; /* by the one start of this process */

static void complain(const struct run *run, const char *what)
{
	BUF(line, 2048);

	(void)run;
	buf_str(&line, what);
	buf_str(&line, " room: ");
	put_lack(&line, complains_of);
	buf_str(&line, "; see: spawnguard ps");
	voice_line(&line, VOICE_WARNING, true);
}

static int tell_failure(const struct fail *fail)
{
	voice_fail(fail, "nothing was started: whether there is room cannot be told");
	return SG_EXIT_GUARD;
}

/* --- what there is ------------------------------------------------------------------------------------ */

static int look_at_places(struct admission *a, struct fail *fail)
{
	const char *at = a->run->job->min_free;
	BUF(why, 256); /* it was understood when it was read */

	while (at && min_free_next(&at, &a->place, &why) > 0) {
		int r = os_free_bytes(a->place.dir, &a->free_bytes);
		if (r < 0)
			return fail_set(fail, -r, "ask for free space in", a->place.dir);
		if (a->free_bytes < a->place.bytes) {
			a->lack = LACK_SPACE;
			return -EWOULDBLOCK;
		}
	}
	return 0;
}

static int look_at_pressure(struct admission *a, struct fail *fail)
{
	struct max_pressure max = { 0 };
	BUF(why, 256);

	if (!a->run->job->max_pressure || max_pressure_parse(a->run->job->max_pressure, &max, &why) < 0)
		return 0;
	for (unsigned i = 0; i < PRESSURE_OF_COUNT; i++) {
		if (max.pct[i] == 0)
			continue;
		int r = os_proc_pressure(pressure_word[i], &a->centi_pct);
		if (r < 0)
			return fail_set(fail, -r, "read the pressure on", pressure_word[i]);
		if (a->centi_pct > max.pct[i] * 100) {
			a->lack = LACK_PRESSURE;
			a->pressure = (enum pressure_of)i;
			a->max_pct = max.pct[i];
			return -EWOULDBLOCK;
		}
	}
	return 0;
}

static int look_at_memory(struct admission *a, struct fail *fail)
{
	const struct run *run = a->run;
	struct os_memory memory;
	struct claims claims;

	int r = os_memory(&memory);
	if (r < 0)
		return fail_set(fail, -r, "read", "/proc/meminfo");
	r = claims_read(&run->dir, &run->head.host, run->head.parent_run_id, &claims);
	if (r < 0)
		return fail_set(fail, -r, "read", "runs");
	a->room = (struct room){
		.total_bytes = memory.total_bytes,
		.available_bytes = memory.available_bytes,
		.claimed_bytes = claims.bytes,
		.claims = claims.count,
		.reserve_bytes = run->job->reserve_mem == NUM_NONE ? 0 : run->job->reserve_mem,
		.expected_bytes = run->head.expected_bytes,
	};
	if (room_fits(&a->room))
		return 0;
	a->lack = LACK_MEMORY;
	return -EWOULDBLOCK;
}

/* --- the locks ---------------------------------------------------------------------------------------- */

static int lock_admission(const struct run *run, struct fail *fail)
{
	int fd = lock_try(run->dir.run_fd, LOCK_ADMISSION, false, fail);

	for (uint32_t waited = 0; fd == -EWOULDBLOCK && waited < LOCK_WAIT_MS; waited += LOCK_AGAIN_MS) {
		os_clock_sleep_ms(LOCK_AGAIN_MS);
		fd = lock_try(run->dir.run_fd, LOCK_ADMISSION, false, fail);
	}
	return fd == -EWOULDBLOCK ? fail_set(fail, EBUSY, "lock", LOCK_ADMISSION) : fd;
}

/* All of it, once.  0: with --expect-mem the lock is held; -EWOULDBLOCK: a->lack; -errno. */
static int try(struct admission *a, struct fail *fail)
{
	struct run *run = a->run;

	a->lack = LACK_NOTHING;
	int r = look_at_places(a, fail);
	if (r == 0)
		r = look_at_pressure(a, fail);
	if (r < 0 || run->head.expected_bytes == 0)
		return r;
	if (run->gate_fd < 0 && (r = gate_pass(run, GATE_ROOM, fail)) < 0) {
		a->lack = LACK_TURN;
		return r;
	}
	AUTO_FD int lock = lock_admission(run, fail);
	if (lock < 0)
		return lock;
	r = look_at_memory(a, fail);
	if (r == 0)
		run->admission_fd = os_fd_steal(&lock);
	return r;
}

/* --- waiting for it ----------------------------------------------------------------------------------- */

static int sooner(int a_ms, int b_ms)
{
	return b_ms >= 0 && b_ms < a_ms ? b_ms : a_ms;
}

/* Until a run has ended, or it is time to look again. 0, -EWOULDBLOCK, -EOWNERDEAD. */
static int await_news(struct waiting *w, const struct admission *a, int news)
{
	struct run *run = w->run;
	struct os_poll set[2] = { { .fd = news, .wants = OS_POLL_IN },
				  { .fd = run->parent.fd, .wants = OS_POLL_IN } };
	int look_ms = a->lack == LACK_PRESSURE ? PRESSURE_LOOK_MS : LOOK_MS;

	waiting_open(run);
	if (os_poll(set, 2, sooner(look_ms, waiting_left_ms(w))) < 0)
		os_clock_sleep_ms(NEWS_MS); /* no memory for a moment */
	if (set[0].ready) {
		(void)os_poll(set + 1, 1, NEWS_MS);
		os_inotify_drain(news);
	}
	waiting_close(run);
	return parent_is_gone(run) ? -EOWNERDEAD : waiting_look(w);
}

static int await(struct admission *a, struct waiting *w, struct fail *fail)
{
	struct run *run = a->run;
	int r = -EWOULDBLOCK;

	AUTO_FD int news = os_inotify_open();
	AUTO_FD int runs = record_open_dir(run->dir.run_fd);
	if (news >= 0 && runs >= 0)
		(void)os_inotify_add(news, runs, OS_NEWS_NAMES); /* else: LOOK_MS */
	while (r == -EWOULDBLOCK && !can_never(a)) {
		bool is_memory = a->lack == LACK_MEMORY || a->lack == LACK_TURN;
		if (!is_memory)
			os_fd_close(&run->gate_fd); /* what we wait for is nobody else's */
		if (is_memory && run->gate_fd < 0) {
			r = gate_take(w, GATE_ROOM, fail);
			run->gate_fd = r < 0 ? -1 : r;
		} else {
			r = await_news(w, a, news);
		}
		if (r < 0)
			return r;
		r = try(a, fail);
	}
	return r;
}

static void tell_unknown(const struct run *run)
{
	BUF(line, 256);

	escape_text(&line, run->name, strlen(run->name), 60);
	buf_str(&line, ": nothing is known yet of the memory that its runs need: none is asked for");
	voice_step(&line);
}

/* 0: run->admission_fd is the lock, with --expect-mem. */
static int enter(struct run *run, bool *out_has_waited)
{
	struct admission a = { .run = run };
	struct fail fail = { 0 };

	if (run->job->expect_mem != NUM_NONE)
		run->head.expected_bytes = admission_expected(run);
	if (run->job->expect_mem == JOB_EXPECT_AUTO && run->head.expected_bytes == 0)
		tell_unknown(run);
	int r = try(&a, &fail);
	*out_has_waited = r == -EWOULDBLOCK && is_waiting(run->job);
	if (*out_has_waited) {
		int code = circuit_before_wait(run);
		if (code != 0)
			return code;
		struct waiting waiting = waiting_begin(run);
		complains_of = &a;
		waiting.complain = complain;
		r = await(&a, &waiting, &fail);
		complains_of = NULL;
	}
	if (r == 0)
		return 0;
	if (r == -EOWNERDEAD)
		return parent_check(run);
	return r == -EWOULDBLOCK ? refuse(&a) : tell_failure(&fail);
}

int admission_wait(struct run *run)
{
	bool has_waited;

	if (!is_asked(run->job) || !is_waiting(run->job))
		return 0;
	int code = enter(run, &has_waited);
	os_fd_close(&run->admission_fd);
	return code;
}

int admission_enter(struct run *run)
{
	bool has_waited = is_asked(run->job);
	int code = 0;

	while (code == 0 && has_waited) {
		code = enter(run, &has_waited);
		if (code != 0 || !has_waited)
			continue;
		/* It had room before, and has it again: the turn is kept, but nobody asks the breaker with
		 * this lock in hand. */
		os_fd_close(&run->admission_fd);
		code = circuit_prepare(run);
	}
	return code;
}

void admission_leave(struct run *run)
{
	os_fd_close(&run->admission_fd);
	os_fd_close(&run->gate_fd);
}

/* --- what would be ------------------------------------------------------------------------------------ */

static void explain_one(struct admission *a, struct explain *e, const char *name,
			int (*look)(struct admission *, struct fail *))
{
	struct explain_rule *rule = explain_add(e, name);
	struct fail fail = { 0 };

	a->lack = LACK_NOTHING;
	int r = look(a, &fail);
	if (r == 0 && look == look_at_memory)
		put_memory(&rule->text, a);
	else if (r == 0)
		buf_str(&rule->text, look == look_at_places ? "as much as is asked for is free"
							    : "not above what is allowed");
	if (r == 0)
		return;
	bool waits = r == -EWOULDBLOCK && is_waiting(a->run->job) && !can_never(a);
	rule->verdict = waits ? EXPLAIN_WAIT : EXPLAIN_REFUSE;
	rule->exit = r == -EWOULDBLOCK ? SG_EXIT_BREAKER : SG_EXIT_GUARD;
	if (r != -EWOULDBLOCK) {
		buf_str(&rule->text, "cannot ");
		buf_str(&rule->text, fail.what);
		buf_str(&rule->text, ": ");
		escape_text(&rule->text, fail.subject, strlen(fail.subject), 0);
		return;
	}
	put_lack(&rule->text, a);
	buf_str(&rule->change, can_never(a)             ? "less than that in --expect-mem"
			       : a->lack == LACK_MEMORY ? "runs that end; --wait waits for them"
			       : a->lack == LACK_SPACE  ? "more free space; --wait waits for it"
							: "less that waits; --wait waits for that");
}

void admission_explain(struct run *run, struct explain *e)
{
	struct admission a = { .run = run };

	if (run->job->min_free)
		explain_one(&a, e, "space", look_at_places);
	if (run->job->max_pressure)
		explain_one(&a, e, "pressure", look_at_pressure);
	if (run->job->expect_mem == NUM_NONE)
		return;
	run->head.expected_bytes = admission_expected(run);
	if (run->head.expected_bytes > 0) {
		explain_one(&a, e, "memory", look_at_memory);
		return;
	}
	struct explain_rule *rule = explain_add(e, "memory");
	rule->verdict = EXPLAIN_NOTE;
	buf_str(&rule->text, "nothing is known yet of what its runs need: it is not asked for");
}
