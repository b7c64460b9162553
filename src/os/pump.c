#include "os/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/signal.h"

#define CHUNK    65536 /* what a pipe holds */
#define SLICE    4096  /* PIPE_BUF: for these a pipe that polls as writable has room */
#define STUCK_US 20000 /* a write that takes longer is broken off */
#define NAP_NS   10000000

struct flow {
	int in, out, word; /* -1: done with it */
	bool watches_out;  /* a pipe tells that its reader is gone before anything is written */
	char *at;          /* read and not yet passed on: at[from .. to) */
	size_t from, to;
	struct pump_shared *shared;
};

void *os_shared_new(size_t n)
{
	void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

static void wake(int number)
{
	(void)number;
}

/* What comes from the timer breaks a blocking write off; nothing else reaches us. */
static void open_for_alarm(void)
{
	struct sigaction on_alarm = { .sa_handler = wake }; /* without SA_RESTART */

	(void)sigaction(SIGALRM, &on_alarm, NULL);
	os_signals_block_but(OS_SIG(SIGALRM)); /* all anew: musl's sigaction(2) has let 33 and 34 in */
}

static void set_alarm(long us)
{
	/* Again and again: the first may strike just before the call it is to end. */
	const struct itimerval when = { .it_value = { .tv_usec = us }, .it_interval = { .tv_usec = us } };
	(void)setitimer(ITIMER_REAL, &when, NULL);
}

static void set_flag(uint32_t *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

/* Up to `room` bytes more behind what is there. Bytes, 0: nothing now. */
static size_t fill(struct flow *f, size_t room)
{
	ssize_t got = read(f->in, f->at + f->to, room);
	if (got > 0) {
		ring_put(&f->shared->ring, f->at + f->to, (size_t)got);
		f->to += (size_t)got;
		return (size_t)got;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		os_fd_close(&f->in); /* nobody writes any more */
	return 0;
}

/* What the pipe holds at this moment. */
static size_t waiting_in(const struct flow *f)
{
	int n = 0;
	return f->in >= 0 && ioctl(f->in, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

/* Its reader is gone: as the job would see it, were it connected with it.  What it wrote before is kept. */
static void give_up_out(struct flow *f)
{
	if (f->in >= 0 || f->from < f->to)
		set_flag(&f->shared->is_refused);
	for (size_t left = waiting_in(f), got; left > 0; left -= got) {
		f->from = f->to = 0;
		got = fill(f, left < CHUNK ? left : CHUNK);
		if (got == 0)
			break;
	}
	os_fd_close(&f->in);
	os_fd_close(&f->out);
	f->from = f->to = 0;
}

/*
 * One slice, without O_NONBLOCK, which would be the caller's too.  `out` has
 * polled as writable, but others may write there as well, or it has room for
 * less: the timer ends what blocks.  True: all of the slice was taken.
 */
static bool push(struct flow *f)
{
	size_t n = f->to - f->from < SLICE ? f->to - f->from : SLICE;

	set_alarm(STUCK_US);
	ssize_t put = write(f->out, f->at + f->from, n);
	int err = errno;
	set_alarm(0);
	if (put < 0) {
		if (err != EINTR && err != EAGAIN)
			give_up_out(f);
		return false;
	}
	f->from += (size_t)put;
	__atomic_store_n(&f->shared->passed, f->shared->passed + (uint64_t)put, __ATOMIC_RELEASE);
	if (f->from == f->to)
		f->from = f->to = 0;
	return (size_t)put == n;
}

static bool has_rest(const struct flow *f)
{
	return f->from < f->to;
}

/* Where it cannot be waited for (no memory), everything is to be tried: none of it blocks for long. */
static void await(struct flow *f, struct pollfd p[3])
{
	p[0] = (struct pollfd){ .fd = f->word, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = has_rest(f) ? -1 : f->in, .events = POLLIN };
	p[2] = (struct pollfd){ .fd = has_rest(f) || f->watches_out ? f->out : -1,
				.events = has_rest(f) ? POLLOUT : 0 };
	if (poll(p, 3, -1) >= 0)
		return;
	if (errno != EINTR) {
		const struct timespec nap = { .tv_nsec = NAP_NS };
		(void)nanosleep(&nap, NULL);
	}
	for (int i = 0; i < 3; i++)
		p[i].revents = p[i].fd >= 0 ? p[i].events : 0;
}

/* A word was said, or 0 nobody can say one any more, or nothing came: -1. */
static int hear(struct flow *f)
{
	char word[8];
	ssize_t n = recv(f->word, word, sizeof(word), MSG_DONTWAIT);
	return n > 0 ? 1 : n == 0 || errno == ECONNRESET ? 0 : -1;
}

/* Until the word comes, or nobody is left to say it and nothing more comes through. */
static void pass_on(struct flow *f)
{
	struct pollfd p[3];

	while (f->word >= 0 || f->in >= 0 || has_rest(f)) {
		await(f, p);
		if (p[2].revents && has_rest(f))
			(void)push(f);
		else if (p[2].revents) /* nothing was asked for: its reader is gone */
			give_up_out(f);
		if (p[1].revents && f->in >= 0 && !has_rest(f))
			(void)fill(f, CHUNK);
		int heard = p[0].revents ? hear(f) : -1;
		if (heard == 1)
			return;
		if (heard == 0)
			os_fd_close(&f->word);
	}
}

/*
 * What the pipe holds now, and no more: whoever writes on has escaped the tree
 * and could write for ever.  It is held, so that the end is known before its
 * reader has taken what comes before.  False: no memory for that.
 */
static bool drain(struct flow *f, size_t waiting)
{
	size_t rest = f->to - f->from;

	if (waiting == 0)
		return true;
	char *at = mmap(NULL, rest + waiting, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return false;
	memcpy(at, f->at + f->from, rest);
	f->at = at;
	f->from = 0;
	f->to = rest;
	while (f->in >= 0 && waiting > 0) {
		size_t got = fill(f, waiting);
		if (got == 0)
			break; /* somebody else has read of it, by /proc/PID/fd */
		waiting -= got;
	}
	return true;
}

static bool is_writable_now(const struct flow *f)
{
	struct pollfd p = { .fd = f->out, .events = POLLOUT };
	return poll(&p, 1, 0) > 0;
}

/* Without memory: by chunks, as slowly as they are taken; the end of it is not kept. */
static void pass_on_waiting(struct flow *f, size_t waiting)
{
	struct pollfd p[3];

	while (has_rest(f) || (f->in >= 0 && waiting > 0)) {
		if (!has_rest(f)) {
			size_t got = fill(f, waiting < CHUNK ? waiting : CHUNK);
			waiting = got > 0 ? waiting - got : 0;
			continue;
		}
		await(f, p);
		if (p[2].revents)
			(void)push(f);
	}
}

/* The word has come: what is there into the ring, an answer, the rest to its reader as slowly as that reads.
 */
static void end(struct flow *f)
{
	size_t waiting = waiting_in(f);
	int word = f->word;
	bool is_drained = drain(f, waiting);

	if (is_drained)
		os_fd_close(&f->in);
	/* What is taken at once stands there before the guard's own last line does. */
	while (has_rest(f) && is_writable_now(f) && push(f))
		;
	if (is_drained)
		set_flag(&f->shared->is_drained);
	(void)!send(word, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	f->word = -1;
	f->watches_out = false;
	pass_on_waiting(f, is_drained ? 0 : waiting);
}

void os_pump_run(const struct pump *pump)
{
	static char room[CHUNK];
	struct flow f = {
		.in = pump->in, .out = pump->out, .word = pump->word, .at = room, .shared = pump->shared
	};
	struct stat st;
	int flags = fcntl(f.in, F_GETFL);

	if (flags >= 0)
		(void)fcntl(f.in, F_SETFL, flags | O_NONBLOCK); /* this end is ours alone */
	f.watches_out = fstat(f.out, &st) == 0 && S_ISFIFO(st.st_mode);
	open_for_alarm();
	pass_on(&f);
	if (f.word >= 0)
		end(&f);
	_exit(0);
}
