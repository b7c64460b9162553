#include "os/read_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"

#define CHUNK 65536

/* In the child: 1, 0, or errno + 1. */
static unsigned char find_in(const char *path, const char *word, size_t n)
{
	static char bytes[CHUNK];
	size_t at = 0;        /* matched so far of the entry we are in */
	unsigned matches = 1; /* the entry may still be the word */

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return (unsigned char)(errno + 1);
	for (;;) {
		ssize_t got = read(fd, bytes, sizeof(bytes));
		if (got < 0)
			return (unsigned char)(errno + 1);
		if (got == 0)
			return 0;
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

static void child(int out, const char *path, const char *word, size_t n)
{
	os_fd_close_others(&out, 1);
	unsigned char answer = find_in(path, word, n);
	(void)!write(out, &answer, 1);
	_exit(0);
}

int os_read_apart_find(const char *path, const char *word, size_t n, int timeout_ms)
{
	int ends[2];
	unsigned char answer;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0)
		child(ends[1], path, word, n);
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
