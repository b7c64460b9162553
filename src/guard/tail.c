#include "guard/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/fail.h"
#include "codec/history.h"
#include "conf/job.h"
#include "guard/asked.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/link.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/pump.h"
#include "os/self.h"
#include "os/signal.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "spawnguard/exit.h"

#define ANSWER_MS  2000 /* the pump drains a pipe that nobody writes: microseconds, unless it is stopped */
#define STUCK_MS   1000 /* a reader that takes nothing for so long */
#define DEAF_MS    10   /* before a line that cannot be read is asked again */
#define CALLER     2
#define IMPLIED    4096 /* as --tail alone */
#define WORD_TRIES 3    /* no memory at this moment */

/* How what is kept came to its end. */
enum tail_end { END_WHOLE, END_KILLED, END_SILENT, END_UNREAD };

struct tail_shared {
	struct pump_shared pump;
	uint32_t is_collected;
	uint32_t end;   /* enum tail_end */
	int32_t err;    /* with END_UNREAD */
	uint32_t count; /* of bytes */
	uint64_t total; /* that were written */
	struct tail_match match;
	char bytes[RING_MAX];
};

void tail_init(struct tail *tail)
{
	*tail = (struct tail){ .word = -1, .job_end = -1, .file = -1 };
}

/* What must know the end of stderr brings it along. */
static uint64_t size_of(const struct job *job)
{
	if (job->has_loops && job->open_on_count > 0)
		return job->tail_bytes > IMPLIED ? job->tail_bytes : IMPLIED;
	if (job->record_tail == TAIL_NONE)
		return 0;
	bool is_implied =
		job->has_loops && job->circuit.same_failure > 0 && job->leftovers != LEFTOVERS_LEAVE;
	return job->tail_bytes == 0 && is_implied ? IMPLIED : job->tail_bytes;
}

int tail_check(const struct job *job)
{
	BUF(line, 256);

	if (size_of(job) == 0 || job->leftovers != LEFTOVERS_LEAVE)
		return 0;
	buf_str(&line, job->tail_bytes == 0 ? "--open-on" : "--tail");
	buf_str(&line, " cannot go with --leftovers=leave: what is left would write into a pipe that nobody "
		       "reads; use --leftovers=wait, or leave it out");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

bool tail_is_wanted(const struct job *job)
{
	return size_of(job) != 0;
}

bool tail_passed(const struct run *run, uint64_t *out_bytes)
{
	const struct tail *t = &run->tail;

	if (!t->shared || t->file >= 0)
		return false;
	*out_bytes = __atomic_load_n(&t->shared->pump.ring.total, __ATOMIC_RELAXED);
	return true;
}

/* --- opening -------------------------------------------------------------------------------------------- */

static int open_file(struct tail *t, int file)
{
	BUF(path, 32);

	t->file_from = os_file_write_place(file);
	/* It is open for writing only; opened anew it has no offset in common with the job. */
	buf_str(&path, "/proc/self/fd/");
	buf_i64(&path, file);
	t->file = os_open_user(path.at, O_RDONLY, 0);
	return t->file < 0 ? t->file : 0;
}

static int open_pump(struct tail *t, int out)
{
	int data[2], words[2];

	int r = os_pipe_open(data);
	if (r < 0)
		return r;
	r = os_link_open(words);
	if (r < 0) {
		os_fd_close(&data[0]);
		os_fd_close(&data[1]);
		return r;
	}
	pid_t pid = os_fork();
	if (pid == 0) {
		struct pump pump = {
			.in = data[0], .out = out, .word = words[1], .shared = &t->shared->pump
		};
		const int keep[] = { pump.in, pump.out, pump.word };
		os_fd_close_others(keep, COUNT_OF(keep));
		(void)os_chdir_root();
		(void)os_drop_privileges(false);
		os_pump_run(&pump);
	}
	os_fd_close(&data[0]);
	os_fd_close(&words[1]);
	t->pump = pid > 0 ? pid : 0;
	t->job_end = data[1];
	t->word = words[0];
	return pid < 0 ? (int)pid : 0;
}

/* `out`: where the job's stderr goes without us. */
static int open_tail(struct tail *t, uint64_t bytes, int out)
{
	struct os_file_id id;

	if (t->shared) /* of an earlier attempt */
		memset(t->shared, 0, sizeof(*t->shared));
	else
		t->shared = os_shared_new(sizeof(*t->shared));
	if (!t->shared)
		return -ENOMEM;
	ring_init(&t->shared->pump.ring, bytes);
	int r = os_file_id(out, &id);
	if (r < 0)
		return r;
	return id.is_regular ? open_file(t, out) : open_pump(t, out);
}

void tail_open(struct run *run)
{
	struct tail *t = &run->tail;
	BUF(line, 256);

	if (!tail_is_wanted(run->job))
		return;
	int r = open_tail(t, size_of(run->job), run->output.fd >= 0 ? run->output.fd : CALLER);
	if (r == 0)
		return;
	os_fd_close(&t->word);
	os_fd_close(&t->job_end);
	t->shared = NULL;
	buf_str(&line, "warning: the end of stderr cannot be kept: ");
	buf_str(&line, fail_text(-r));
	buf_str(&line, ": the job runs without --tail");
	voice_note(&line);
}

void tail_let_job_have_it(struct run *run)
{
	os_fd_close(&run->tail.job_end);
}

int tail_give(const struct run *run)
{
	return run->tail.job_end < 0 ? 0 : os_fd_put(run->tail.job_end, CALLER);
}

/* A reader that takes nothing keeps its pump: that one has its own memory. */
void tail_renew(struct run *run)
{
	struct tail *t = &run->tail;
	struct tail_shared *shared = t->pump > 0 ? NULL : t->shared;

	os_fd_close(&t->word);
	os_fd_close(&t->job_end);
	os_fd_close(&t->file);
	tail_init(t);
	t->shared = shared;
}

/* --- collecting ----------------------------------------------------------------------------------------- */

static void read_file(struct tail *t)
{
	struct tail_shared *s = t->shared;
	struct os_file_id id;
	size_t cap = s->pump.ring.cap;

	int r = os_file_id(t->file, &id);
	uint64_t from =
		r == 0 && id.size < t->file_from ? 0 : t->file_from; /* emptied meanwhile: all is new */
	uint64_t total = r == 0 ? id.size - from : 0;
	size_t n = total < cap ? (size_t)total : cap;
	ssize_t got = r < 0 ? r : os_fd_pread(t->file, s->bytes, n, from + total - n);
	if (got < 0) {
		s->end = END_UNREAD;
		s->err = (int32_t)-got;
		return;
	}
	s->count = (uint32_t)got;
	s->total = total;
}

/* Bits: 1 = the pump has said something or is gone, 2 = signals are there; 0: not within `timeout_ms`. */
static int wait_word(const struct tail *t, int signals, int parent, int timeout_ms)
{
	struct os_poll set[3] = { { .fd = t->word, .wants = OS_POLL_IN },
				  { .fd = signals, .wants = OS_POLL_IN },
				  { .fd = parent, .wants = OS_POLL_IN } };

	if (os_poll(set, 3, timeout_ms) < 0)
		return 3; /* no memory to tell: look at both, neither blocks */
	return (set[0].ready ? 1 : 0) | (set[1].ready ? 2 : 0) | (set[2].ready ? 4 : 0);
}

static bool is_drained(const struct tail *t)
{
	return __atomic_load_n(&t->shared->pump.is_drained, __ATOMIC_ACQUIRE) != 0;
}

/* The word that it should drain and end. 0, -EPIPE: it is gone, -errno. */
static int say_word(const struct tail *t)
{
	int r = -EAGAIN;

	for (int i = 0; i < WORD_TRIES && r < 0 && r != -EPIPE; i++)
		r = os_link_send(t->word, "", 1);
	return r;
}

static void ask_pump(struct tail *t)
{
	struct tail_shared *s = t->shared;
	char answer[8];
	ssize_t n = say_word(t);

	if (n == 0 && !is_drained(t))
		n = wait_word(t, -1, -1, ANSWER_MS) & 1 ? os_link_receive(t->word, answer, sizeof(answer))
							: -EAGAIN;
	if (!is_drained(t))
		s->end = n == 0 || n == -EPIPE ? END_KILLED : END_SILENT;
	s->count = (uint32_t)ring_copy(&s->pump.ring, s->bytes);
	s->total = s->pump.ring.total;
}

void tail_collect(struct run *run)
{
	struct tail *t = &run->tail;

	if (!t->shared || t->shared->is_collected)
		return;
	if (t->file >= 0)
		read_file(t);
	else
		ask_pump(t);
	t->shared->is_collected = 1;
}

static const char *detail_of(const struct tail_shared *s)
{
	if (s->end == END_KILLED)
		return "the pump was killed: what it had not read yet is missing";
	if (s->end == END_SILENT)
		return "the pump did not answer: the end may be missing";
	if (s->end == END_UNREAD)
		return fail_text(s->err);
	return s->pump.is_refused ? "its reader went away before the end" : NULL;
}

bool tail_bytes(const struct run *run, const char **out_bytes, size_t *out_n)
{
	const struct tail_shared *s = run->tail.shared;

	if (!s || !s->is_collected || s->end == END_UNREAD)
		return false;
	*out_bytes = s->bytes;
	*out_n = s->count;
	return true;
}

struct tail_match *tail_match(const struct run *run)
{
	return run->tail.shared ? &run->tail.shared->match : NULL;
}

bool tail_get(const struct run *run, struct history_tail *out_tail)
{
	const struct tail_shared *s = run->tail.shared;

	if (!s || !s->is_collected || run->job->record_tail == TAIL_NONE)
		return false;
	*out_tail = (struct history_tail){
		.bytes = s->bytes,
		.count = s->count,
		.total = s->total,
		.is_known = s->end != END_UNREAD,
		.print_only = run->job->record_tail == TAIL_PRINT,
		.detail = detail_of(s),
	};
	return true;
}

/* --- front, afterwards ---------------------------------------------------------------------------------- */

void tail_reaped(struct run *run, pid_t pid)
{
	struct tail *t = &run->tail;
	BUF(line, 256);

	if (pid <= 0 || pid != t->pump)
		return;
	t->pump = 0;
	if (is_drained(t) || t->shared->is_collected)
		return;
	buf_str(&line, "warning: the process that passes stderr on for --tail was killed (pid ");
	buf_i64(&line, pid);
	buf_str(&line, "): what the job writes there from now on is lost");
	voice_note(&line);
}

static uint64_t passed_by(const struct tail *t)
{
	return __atomic_load_n(&t->shared->pump.passed, __ATOMIC_ACQUIRE);
}

static void reap_pump(struct tail *t)
{
	struct os_child child;
	(void)os_wait_pid(t->pump, &child);
	t->pump = 0;
}

static void end_pump(struct tail *t)
{
	BUF(line, 256);
	AUTO_FD int fd = os_pidfd_open_or_proc(t->pump); /* unreaped child: it is the pump */

	(void)os_child_signal(t->pump, fd, SIGKILL);
	reap_pump(t);
	uint64_t total = t->shared->pump.ring.total, passed = passed_by(t);
	if (passed >= total)
		return;
	buf_str(&line, "warning: the reader of stderr took nothing more: the last ");
	buf_u64(&line, total - passed);
	buf_str(&line, total - passed == 1 ? " byte of the job's is lost" : " bytes of the job's are lost");
	voice_note(&line);
}

/* Is it gone?  A line that cannot be read (no memory) does not tell, and does not go silent. */
static bool is_pump_gone(struct tail *t)
{
	struct os_child child;
	char answer[8];

	ssize_t n = os_link_receive(t->word, answer, sizeof(answer));
	if (n >= 0 || n == -EAGAIN)
		return n == 0;
	os_clock_sleep_ms(DEAF_MS);
	return os_wait_try(t->pump, &child) != 0;
}

void tail_wait(struct run *run, int signals, bool is_patient, bool is_last)
{
	struct tail *t = &run->tail;

	while (t->pump > 0) {
		uint64_t before = passed_by(t);
		bool is_told = is_drained(t);
		if (!is_told) /* it did not hear it, or has no memory, or is stopped */
			(void)say_word(t);
		int ready = wait_word(t, signals, run->parent.fd, is_patient && is_told ? -1 : STUCK_MS);
		if (ready & 1 && is_pump_gone(t)) {
			reap_pump(t);
			return;
		}
		bool is_asked = ready & 4 || (ready & 2 && asked_to_end(signals));
		if (!is_asked && (ready != 0 || passed_by(t) != before))
			continue;
		if (is_last || is_asked)
			end_pump(t);
		return;
	}
}
