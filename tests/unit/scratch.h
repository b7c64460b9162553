/* A directory of its own for each test of files, and what several of them need. */
#ifndef SG_UNIT_SCRATCH_H
#define SG_UNIT_SCRATCH_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct scratch {
	char path[128];
	int fd;
};

static inline void scratch_make(struct scratch *s)
{
	const char *base = getenv("TMPDIR");
	snprintf(s->path, sizeof(s->path), "%s/spawnguard-unit-XXXXXX", base && base[0] ? base : "/tmp");
	assert_non_null(mkdtemp(s->path));
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
}

/* Everything below `dirfd`; nothing is followed. */
static inline void scratch_empty(int dirfd)
{
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (!dir)
		return;
	for (struct dirent *d; (d = readdir(dir));) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		int below = openat(dirfd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0) {
			(void)fchmod(below, 0700);
			scratch_empty(below); /* as deep as the test made it */
			close(below);
		}
		(void)unlinkat(dirfd, d->d_name, below >= 0 ? AT_REMOVEDIR : 0);
	}
	closedir(dir);
}

static inline void scratch_remove(struct scratch *s)
{
	scratch_empty(s->fd);
	close(s->fd);
	(void)rmdir(s->path);
}

static inline void scratch_mkdir(const struct scratch *s, const char *name)
{
	assert_int_equal(mkdirat(s->fd, name, 0700), 0);
}

static inline void scratch_write(const struct scratch *s, const char *name, const void *bytes, size_t n)
{
	int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* Bytes of `name`, at most `n`. */
static inline size_t scratch_read(const struct scratch *s, const char *name, void *bytes, size_t n)
{
	int fd = openat(s->fd, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t got = read(fd, bytes, n);
	close(fd);
	assert_true(got >= 0);
	return (size_t)got;
}

static inline bool scratch_has(const struct scratch *s, const char *name)
{
	struct stat st;
	return fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- what may stand where a file of ours should */

enum plant {
	PLANT_LINK,
	PLANT_DANGLING,
	PLANT_HARDLINK,
	PLANT_FIFO,
	PLANT_DIRECTORY,
	PLANT_SOCKET,
	PLANT_FOREIGN,
	PLANT_COUNT
};

static const char *const plant_names[] = { "a symlink",          "a dangling symlink",
					   "a hard link",        "a FIFO",
					   "a directory",        "a socket",
					   "another user's file" };

#define VICTIM      "victim"
#define VICTIM_TEXT "do not touch\n"

/* Put it at `name`; false: cannot be done here. */
static inline bool scratch_plant(const struct scratch *s, enum plant what, const char *name)
{
	char target[256];
	scratch_write(s, VICTIM, VICTIM_TEXT, strlen(VICTIM_TEXT));
	snprintf(target, sizeof(target), "%s/%s", s->path,
		 what == PLANT_DANGLING ? "made-through-link" : VICTIM);
	switch (what) {
	case PLANT_LINK:
	case PLANT_DANGLING:
		return symlinkat(target, s->fd, name) == 0;
	case PLANT_HARDLINK:
		return linkat(s->fd, VICTIM, s->fd, name, 0) == 0;
	case PLANT_FIFO:
		return mkfifoat(s->fd, name, 0600) == 0;
	case PLANT_DIRECTORY:
		return mkdirat(s->fd, name, 0700) == 0;
	case PLANT_SOCKET:
		return mknodat(s->fd, name, S_IFSOCK | 0600, 0) == 0;
	case PLANT_FOREIGN:
		scratch_write(s, name, VICTIM_TEXT, strlen(VICTIM_TEXT));
		return fchownat(s->fd, name, 65534, 65534, AT_SYMLINK_NOFOLLOW) == 0; /* only root can */
	case PLANT_COUNT:
		break;
	}
	return false;
}

static inline void scratch_check_victim(const struct scratch *s, const char *rule)
{
	char text[64] = "";
	size_t n = scratch_read(s, VICTIM, text, sizeof(text) - 1);
	if (n != strlen(VICTIM_TEXT) || memcmp(text, VICTIM_TEXT, n) != 0)
		fail_msg("%s: the victim was written: %s", rule, text);
	if (scratch_has(s, "made-through-link"))
		fail_msg("%s: a file was made behind a link", rule);
}

/* ---- time and children */

static inline uint64_t scratch_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/* Look again every millisecond until `is_true(with)`, for 20 s at most. */
static inline bool scratch_wait_until(bool (*is_true)(void *with), void *with)
{
	for (uint64_t end_ns = scratch_now_ns() + 20000000000U; scratch_now_ns() < end_ns;) {
		if (is_true(with))
			return true;
		const struct timespec pause = { .tv_nsec = 1000000 };
		nanosleep(&pause, NULL);
	}
	return is_true(with);
}

/* Wait for a child of the test; its exit status, 128 + signal. */
static inline int scratch_reap(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif
