#include "os/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/pidfd.h"
#include "os/proc.h"

#define PATH_BYTES 4096

struct hierarchy {
	char root[512], point[512];
};

static void see_mount(void *with, const struct os_mount *m)
{
	struct hierarchy *h = with;
	struct buf text;

	if (strcmp(m->type, "cgroup") != 0 || !os_mount_option(m->options, "freezer"))
		return;
	buf_init(&text, h->root, sizeof(h->root));
	buf_str(&text, m->root);
	buf_init(&text, h->point, sizeof(h->point));
	buf_str(&text, m->point);
	if (text.cut)
		h->point[0] = '\0';
}

/* Where the hierarchy is mounted: looked up once, as there is mostly one or none for a whole boot. */
static const struct hierarchy *find_hierarchy(void)
{
	static struct hierarchy found;
	static bool is_known;

	if (!is_known && os_mount_each(see_mount, &found) == 0)
		is_known = true;
	return found.point[0] != '\0' ? &found : NULL;
}

/* "6:freezer:/a/b" of /proc/PID/cgroup. The path, in place; NULL. */
static char *path_in(char *lines)
{
	char *rest = NULL;

	for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;
		if (!path)
			continue;
		*path = '\0';
		if (os_mount_option(names + 1, "freezer"))
			return path + 1;
	}
	return NULL;
}

/* The directory of the group that `pid` is in. 0, -ENOENT, -errno. */
static int group_of(pid_t pid, const struct hierarchy *h, struct buf *path)
{
	static char bytes[PATH_BYTES * 4];
	AUTO_FD int fd = os_proc_open(pid, "cgroup");
	ssize_t n = fd < 0 ? fd : os_file_read_fd(fd, bytes, sizeof(bytes));

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	char *group = path_in(bytes);
	if (!group)
		return -ENOENT;
	size_t above = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root);
	if (strncmp(group, h->root, above) != 0 || strncmp(group, "/..", 3) == 0)
		return -ENOENT; /* not below what is mounted here */
	buf_str(path, h->point);
	if (strcmp(group + above, "/") != 0)
		buf_str(path, group + above);
	return path->cut ? -ENAMETOOLONG : 0;
}

static bool is_word(const char *text, const char *word)
{
	size_t n = strlen(word);
	return strncmp(text, word, n) == 0 && (text[n] == '\n' || text[n] == '\0');
}

/* Is the group frozen, or about to be?  The top one has no such file, and never is. */
static bool is_frozen(int dir)
{
	char state[32];
	return os_file_read_at(dir, "freezer.state", state, sizeof(state)) > 0 && !is_word(state, "THAWED");
}

static int write_word(int dir, const char *name, const char *text)
{
	AUTO_FD int fd = os_open_at(dir, name, O_WRONLY, 0);
	return fd < 0 ? fd : os_fd_write(fd, text, strlen(text));
}

/* To the nearest group above that is not frozen. 0, -errno. */
static int move_up(struct buf *path, size_t top, pid_t pid, int pidfd)
{
	int r = -ENOENT;
	BUF(number, 24);

	buf_i64(&number, pid);
	while (path->len > top) {
		const char *slash = strrchr(path->at, '/');
		buf_truncate(path, (size_t)(slash - path->at) > top ? (size_t)(slash - path->at) : top);
		AUTO_FD int dir = os_open_at(OS_CWD, path->at, O_RDONLY | O_DIRECTORY, 0);
		if (dir < 0)
			return dir;
		if (is_frozen(dir))
			continue;
		/* Still there, so the number has not changed hands since its group was read. */
		if (os_pidfd_signal(pidfd, 0) < 0)
			return -ESRCH;
		r = write_word(dir, "cgroup.procs", number.at);
		if (r == 0)
			return 0;
	}
	return r;
}

/* Are all that it holds ours?  One that has groups below is not asked further. */
static bool holds_only_ours(int dir, bool (*is_ours)(void *with, pid_t pid), void *with)
{
	static char bytes[PATH_BYTES * 4];
	char *rest = NULL;

	ssize_t n = os_file_read_at(dir, "cgroup.procs", bytes, sizeof(bytes));
	if (n < 0 || (size_t)n == sizeof(bytes) - 1)
		return false;
	for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		uint64_t pid;
		if (num_parse_u64(line, INT32_MAX, &pid) < 0 || !is_ours(with, (pid_t)pid))
			return false;
	}
	return true;
}

static int is_directory(void *with, const char *name)
{
	int dir = *(const int *)with;
	AUTO_FD int fd = os_open_at(dir, name, O_RDONLY | O_DIRECTORY, 0);
	return fd >= 0 ? 1 : 0;
}

static int thaw(int dir, bool (*is_ours)(void *with, pid_t pid), void *with)
{
	if (!holds_only_ours(dir, is_ours, with) || os_dir_each(dir, is_directory, &dir) != 0)
		return -EBUSY;
	return write_word(dir, "freezer.state", "THAWED");
}

int os_freezer_release(pid_t pid, int pidfd, bool (*is_ours)(void *with, pid_t pid), void *with)
{
	static char bytes[PATH_BYTES];
	const struct hierarchy *h = find_hierarchy();
	struct buf path;

	if (!h)
		return 0;
	buf_init(&path, bytes, sizeof(bytes));
	int r = group_of(pid, h, &path);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	AUTO_FD int dir = os_open_at(OS_CWD, path.at, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	if (!is_frozen(dir))
		return 0;
	r = move_up(&path, strlen(h->point), pid, pidfd);
	if (r < 0 && r != -ESRCH)
		r = thaw(dir, is_ours, with);
	return r < 0 ? r : 1;
}
