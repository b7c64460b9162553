#include "os/user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/self.h"
#include "os/signal.h"

#define PASSWD_CHUNK 4096 /* a line that is longer is passed over */

static int copy_home(const char *home, size_t home_n, char *out, size_t n)
{
	struct buf b;
	buf_init(&b, out, n);
	buf_mem(&b, home, home_n);
	return b.cut || home_n == 0 || home[0] != '/' ? -ENOENT : 0;
}

/* "name:password:UID:gid:gecos:HOME:shell", `line_n` bytes. */
static int home_of_line(const char *line, size_t line_n, uid_t uid, char *out, size_t n)
{
	const char *field[7], *end = line + line_n;
	uint64_t number = 0;

	for (size_t i = 0; i < 7; i++) {
		field[i] = line;
		const char *colon = line < end ? memchr(line, ':', (size_t)(end - line)) : NULL;
		if (!colon && i < 6)
			return -ENOENT;
		line = colon ? colon + 1 : end;
	}
	const char *digit = field[2];
	for (; *digit >= '0' && *digit <= '9' && number <= UINT32_MAX; digit++)
		number = number * 10 + (uint64_t)(*digit - '0');
	if (digit == field[2] || *digit != ':' || number != uid)
		return -ENOENT;
	return copy_home(field[5], (size_t)(field[6] - 1 - field[5]), out, n);
}

/*
 * By hand: three system calls.  The C library's own reading of it takes its
 * heap too, and the name service 100 µs and more libraries.
 */
static int home_of_file(uid_t uid, char *out, size_t n)
{
	char chunk[PASSWD_CHUNK];
	bool is_tail = false; /* of a line that was too long */
	size_t have = 0;
	ssize_t got;
	AUTO_FD int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -ENOENT;
	while ((got = read(fd, chunk + have, sizeof(chunk) - have)) > 0) {
		char *line = chunk, *end;
		have += (size_t)got;
		while ((end = memchr(line, '\n', have - (size_t)(line - chunk)))) {
			if (!is_tail && home_of_line(line, (size_t)(end - line), uid, out, n) == 0)
				return 0;
			is_tail = false;
			line = end + 1;
		}
		have -= (size_t)(line - chunk);
		memmove(chunk, line, have);
		if (have == sizeof(chunk)) {
			is_tail = true;
			have = 0;
		}
	}
	return have > 0 && !is_tail ? home_of_line(chunk, have, uid, out, n) : -ENOENT;
}

int os_user_home_local(uid_t uid, char *out, size_t n)
{
	static char home[512]; /* asked for by configuration and state directory */
	static uid_t known = (uid_t)-1;
	static int result;

	if (uid != known)
		result = home_of_file(uid, home, sizeof(home));
	known = uid;
	return result < 0 ? result : copy_home(home, strlen(home), out, n);
}

/* ---- the name service, by a program of its own */

#define HELPER    "user-home"
#define HELPER_MS 5000 /* a directory server that does not answer must not hold a job up for ever */

/* bin/spawnguard finds it where its subcommands are; those have it beside them. */
static int start_helper(uid_t uid, int out, pid_t *pid)
{
	char dir[4096];
	BUF(path, sizeof(dir) + 64);
	BUF(number, 16);
	posix_spawn_file_actions_t files;
	char *env[] = { NULL };
	int r = os_self_dir(dir, sizeof(dir));

	if (r < 0)
		return r;
	buf_str(&path, dir);
	buf_str(&path, "/../" SG_LIBEXEC_SUBDIR "/" HELPER);
	if (access(path.at, X_OK) < 0) {
		buf_init(&path, path.at, sizeof(dir) + 64);
		buf_str(&path, dir);
		buf_str(&path, "/" HELPER);
	}
	buf_u64(&number, uid);
	char *argv[] = { path.at, number.at, NULL };
	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	r = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	if (r == 0)
		r = os_signals_spawn(pid, path.at, &files, argv, env);
	(void)posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* All that comes until the end, within HELPER_MS. */
static ssize_t read_answer(int in, char *out, size_t n)
{
	const uint64_t until = os_clock_boot_ns() + HELPER_MS * UINT64_C(1000000);
	size_t have = 0;

	while (have < n) {
		const uint64_t now = os_clock_boot_ns();
		struct pollfd p = { .fd = in, .events = POLLIN };
		if (now >= until || poll(&p, 1, (int)((until - now) / 1000000) + 1) == 0)
			return -ETIMEDOUT;
		const ssize_t got = read(in, out + have, n - have);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return (ssize_t)have;
		have += got > 0 ? (size_t)got : 0;
	}
	return -ENAMETOOLONG;
}

static int home_of_service(uid_t uid, char *out, size_t n)
{
	char answer[512];
	int ends[2];
	pid_t pid;

	if (os_pipe_open(ends) < 0)
		return -ENOENT;
	AUTO_FD int in = ends[0];
	int r = start_helper(uid, ends[1], &pid);
	os_fd_close(&ends[1]);
	if (r < 0)
		return -ENOENT;
	const ssize_t got = read_answer(in, answer, sizeof(answer));
	if (got < 0)
		(void)kill(pid, SIGKILL); /* ours and not waited for: its number is its own */
	(void)waitpid(pid, NULL, 0);
	return got <= 0 ? -ENOENT : copy_home(answer, (size_t)got, out, n);
}

int os_user_home(uid_t uid, char *out, size_t n)
{
	return os_user_home_local(uid, out, n) == 0 ? 0 : home_of_service(uid, out, n);
}
