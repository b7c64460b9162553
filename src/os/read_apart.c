#include "os/read_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/procfs.h"
#include "os/fd.h"
#include "os/proc.h"

#define CHUNK    65536
#define LEFT_MAX 64

/* A reader needs none of it; what it reads is another's. */
static const struct {
	unsigned what;
	rlim_t most;
} bounds[] = {
	{ RLIMIT_CORE, 0 },        { RLIMIT_FSIZE, 0 },
	{ RLIMIT_NPROC, 0 },       { RLIMIT_NOFILE, 4 }, /* new numbers: all but the pipe are closed */
/* Which takes terabytes of addresses. */
#ifndef __SANITIZE_ADDRESS__
	{ RLIMIT_AS, 64UL << 20 },
#endif
	{ RLIMIT_CPU, 2 },
};

/* In the child: 1, 0, or errno + 1. */
static unsigned char find_in(const char *path, const char *word, size_t n)
{
	static char bytes[CHUNK];
	size_t at = 0;        /* matched so far of the entry we are in */
	unsigned matches = 1; /* the entry may still be the word */
	int at_end = ENODATA + 1;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return (unsigned char)(errno + 1);
	for (;;) {
		ssize_t got = read(fd, bytes, sizeof(bytes));
		if (got < 0)
			return (unsigned char)(errno + 1);
		if (got == 0)
			return (unsigned char)at_end;
		at_end = 0;
		for (ssize_t i = 0; i < got; i++) {
			if (bytes[i] == '\0') {
				if (matches && at == n)
					return 1;
				at = 0;
				matches = 1;
				continue;
			}
			matches = matches && at < n && bytes[i] == word[at];
			at++;
		}
	}
}

/* It ends by itself too, should nobody be left to give it up: all but SIGALRM stays blocked. */
static void confine(int timeout_ms)
{
	sigset_t only;

	for (size_t i = 0; i < COUNT_OF(bounds); i++) {
		struct rlimit limit;
		if (getrlimit(bounds[i].what, &limit) < 0)
			continue;
		if (limit.rlim_max > bounds[i].most)
			limit.rlim_max = bounds[i].most;
		if (limit.rlim_cur > limit.rlim_max)
			limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(bounds[i].what, &limit);
	}
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* what it has it needs: for environ of other users */
	(void)signal(SIGALRM, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &only, NULL);
	(void)alarm((unsigned)timeout_ms / 1000 + 2);
}

static void child(int out, const char *path, const char *word, size_t n, int timeout_ms)
{
	os_fd_close_others(&out, 1);
	confine(timeout_ms);
	unsigned char answer = find_in(path, word, n);
	(void)!write(out, &answer, 1);
	_exit(0);
}

/* Those that did not end when they were given up; of many the last. */
static struct {
	pid_t pid;
	uint64_t start_ticks;
} left[LEFT_MAX];
static unsigned left_count;

static void remember(pid_t pid)
{
	struct proc_stat stat;

	if (os_proc_stat(pid, &stat) < 0)
		return;
	left[left_count % LEFT_MAX].pid = pid;
	left[left_count++ % LEFT_MAX].start_ticks = stat.start_ticks;
}

static bool is_there(unsigned i)
{
	struct proc_stat stat;

	return os_proc_stat(left[i].pid, &stat) == 0 && stat.start_ticks == left[i].start_ticks &&
	       stat.ppid == getpid();
}

bool os_read_apart_is_left(pid_t pid)
{
	for (unsigned i = 0; i < left_count && i < LEFT_MAX; i++)
		if (left[i].pid == pid && is_there(i))
			return true;
	return false;
}

bool os_read_apart_has_left(void)
{
	for (unsigned i = 0; i < left_count && i < LEFT_MAX; i++)
		if (is_there(i))
			return true;
	return false;
}

static void give_up(pid_t pid)
{
	(void)kill(pid, SIGKILL); /* ours and not waited for: its number is its own */
	if (waitpid(pid, NULL, WNOHANG) == 0)
		(void)poll(NULL, 0, 10);
	if (waitpid(pid, NULL, WNOHANG) == 0)
		remember(pid);
}

static bool is_asleep(pid_t pid)
{
	struct proc_stat stat;
	return os_proc_stat(pid, &stat) < 0 || stat.state != 'R';
}

/* `n` bytes that the child writes at once, PIPE_BUF at most. */
static bool take_piece(int in, void *bytes, size_t n, int timeout_ms)
{
	struct pollfd p = { .fd = in, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0 && read(in, bytes, n) == (ssize_t)n;
}

int os_read_apart_take(pid_t pid, int in, void *answer, size_t n, int timeout_ms)
{
	if (!take_piece(in, answer, n, timeout_ms)) {
		give_up(pid);
		return -ETIMEDOUT;
	}
	/* Its end closes the pipe.  Whoever may signal it can stop it before. */
	struct pollfd p = { .fd = in };
	if (poll(&p, 1, timeout_ms) > 0)
		(void)waitpid(pid, NULL, 0);
	else
		give_up(pid);
	return 0;
}

int os_read_apart_find(const char *path, const char *word, size_t n, int timeout_ms)
{
	return os_read_apart_find_soon(path, word, n, timeout_ms, timeout_ms);
}

int os_read_apart_find_soon(const char *path, const char *word, size_t n, int asleep_ms, int timeout_ms)
{
	int ends[2];
	unsigned char answer;

	int r = os_pipe_open(ends);
	if (r < 0)
		return r;
	pid_t pid = fork();
	if (pid == 0)
		child(ends[1], path, word, n, timeout_ms);
	AUTO_FD int in = ends[0];
	os_fd_close(&ends[1]);
	if (pid < 0)
		return -ENOMEM; /* EAGAIN is what a read says */
	struct pollfd p = { .fd = in, .events = POLLIN };
	if (asleep_ms < timeout_ms && poll(&p, 1, asleep_ms) == 0 && is_asleep(pid))
		timeout_ms = 0;
	r = os_read_apart_take(pid, in, &answer, 1, timeout_ms);
	if (r < 0)
		return r;
	return answer > 1 ? -(answer - 1) : answer;
}

pid_t os_read_apart_begin(void (*work)(int out, const void *with), const void *with, int timeout_ms,
			  int *out_fd)
{
	int ends[2];

	int r = os_pipe_open(ends);
	if (r < 0)
		return r;
	AUTO_FD int in = ends[0], out = ends[1];
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		/* Nobody is left to end it, or to hear it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != parent)
			_exit(0);
		os_fd_close_others(&out, 1);
		confine(timeout_ms);
		work(out, with);
		_exit(0);
	}
	if (pid < 0)
		return -EAGAIN;
	*out_fd = os_fd_steal(&in);
	return pid;
}

/* --- /proc/PID/io --------------------------------------------------------------------------------------- */

#define IO_PIECE 512 /* of 8 bytes: PIPE_BUF */

struct io_answer {
	struct proc_io sum;
	int32_t count;
};

static int read_io(const char *path, struct proc_io *out_io)
{
	char bytes[512];

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, bytes, sizeof(bytes));
	int r = n < 0 ? -errno : procfs_parse_io(bytes, (size_t)n, out_io);
	(void)close(fd);
	return r;
}

int os_read_own_io(struct proc_io *out_io)
{
	return read_io("/proc/self/io", out_io);
}

/* What the kernel adds to the count of a process when that waits for a child it has in no thread's. */
int os_read_waited_io(struct proc_io *out_io)
{
	struct proc_io all, self;

	int r = read_io("/proc/self/io", &all);
	if (r == 0)
		r = read_io("/proc/thread-self/io", &self);
	if (r < 0)
		return r;
	*out_io =
		(struct proc_io){ .written = all.written - self.written, .stored = all.stored - self.stored };
	return 0;
}

struct io_asked {
	const int32_t *pid;
	size_t n;
};

static uint64_t read_io_of(int32_t pid, struct io_answer *answer)
{
	struct proc_io io;
	BUF(path, 40);

	buf_str(&path, "/proc/");
	buf_i64(&path, pid);
	buf_str(&path, "/io");
	int r = read_io(path.at, &io);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH ? OS_IO_GONE : OS_IO_UNKNOWN;
	answer->sum.written += io.written;
	answer->sum.stored += io.stored;
	answer->count++;
	return io.written;
}

static void read_all_io(int out, const void *with)
{
	const struct io_asked *asked = with;
	struct io_answer answer;
	uint64_t written[IO_PIECE];

	memset(&answer, 0, sizeof(answer));
	for (size_t at = 0; at < asked->n; at += IO_PIECE) {
		size_t n = asked->n - at < IO_PIECE ? asked->n - at : IO_PIECE;
		for (size_t i = 0; i < n; i++)
			written[i] = read_io_of(asked->pid[at + i], &answer);
		(void)!write(out, written, n * sizeof(written[0]));
	}
	(void)!write(out, &answer, sizeof(answer));
}

int os_read_apart_io(const int32_t *pid, size_t n, int timeout_ms, uint64_t *out_written,
		     struct proc_io *out_sum)
{
	struct io_asked asked = { .pid = pid, .n = n };
	struct io_answer answer;
	AUTO_FD int in = -1;

	pid_t reader = os_read_apart_begin(read_all_io, &asked, timeout_ms, &in);
	if (reader < 0)
		return reader;
	for (size_t at = 0; at < n; at += IO_PIECE) {
		size_t piece = n - at < IO_PIECE ? n - at : IO_PIECE;
		if (!take_piece(in, out_written + at, piece * sizeof(out_written[0]), timeout_ms)) {
			give_up(reader);
			return -ETIMEDOUT;
		}
	}
	int r = os_read_apart_take(reader, in, &answer, sizeof(answer), timeout_ms);
	if (r < 0)
		return r;
	*out_sum = answer.sum;
	return answer.count;
}
