#include "os/read_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "os/fd.h"

#define CHUNK 65536

/* A reader needs none of it; what it reads is another's. */
static const struct {
	__rlimit_resource_t what; /* an enum by glibc, an int by others */
	rlim_t most;
} bounds[] = {
	{ RLIMIT_CORE, 0 },        { RLIMIT_FSIZE, 0 },
	{ RLIMIT_NPROC, 0 },       { RLIMIT_NOFILE, 4 }, /* new numbers: all but the pipe are closed */
	{ RLIMIT_AS, 64UL << 20 }, { RLIMIT_CPU, 2 },
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

int os_read_apart_find(const char *path, const char *word, size_t n, int timeout_ms)
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
		return -EAGAIN;
	struct pollfd p = { .fd = in, .events = POLLIN };
	int ready = poll(&p, 1, timeout_ms);
	if (ready <= 0 || read(in, &answer, 1) != 1) {
		(void)kill(pid, SIGKILL); /* ours and not waited for: its number is its own */
		if (waitpid(pid, NULL, WNOHANG) == 0)
			(void)poll(NULL, 0, 10);
		(void)waitpid(pid, NULL, WNOHANG);
		return -ETIMEDOUT;
	}
	(void)waitpid(pid, NULL, 0);
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
