#include "os/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "codec/procfs.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"

#define CGROUP2_MAGIC   0x63677270L /* statfs(2), 4.5 */
#define FIRST_CGROUP_NS 0xeffffffbU /* include/linux/proc_ns.h: the same on every machine */
#define DEPTH_MAX       32          /* of groups below ours: the job makes them */
#define REMOVALS_MAX    10000

/* ---- where we are */

struct search {
	struct os_cgroup_mount *at;
	char root[OS_CGROUP_PATH_MAX];
};

static void see_mount(void *with, const struct os_mount *m)
{
	struct search *s = with;
	struct buf text;

	if (strcmp(m->type, "cgroup") == 0)
		s->at->has_v1 = true;
	if (strcmp(m->type, "cgroup2") != 0)
		return;
	buf_init(&text, s->root, sizeof(s->root));
	buf_str(&text, m->root);
	buf_init(&text, s->at->point, sizeof(s->at->point));
	buf_str(&text, m->point);
}

int os_cgroup_find(struct os_cgroup_mount *out)
{
	struct search s = { .at = out };
	char bytes[4096], *rest = NULL;
	struct buf own;

	*out = (struct os_cgroup_mount){ .has_v1 = false };
	int r = os_mount_each(see_mount, &s);
	if (r < 0)
		return r;
	if (out->point[0] == '\0')
		return -ENOENT;
	ssize_t n = os_file_read_at(OS_CWD, "/proc/self/cgroup", bytes, sizeof(bytes));
	if (n < 0)
		return (int)n;
	buf_init(&own, out->own, sizeof(out->own));
	for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		const char *ours = line + 3;
		size_t skip = strcmp(s.root, "/") == 0 ? 0 : strlen(s.root);
		if (strncmp(ours, s.root, skip) == 0)
			ours += skip;
		out->is_top = strcmp(ours, "/") == 0 || ours[0] == '\0';
		buf_str(&own, out->point);
		if (!out->is_top)
			buf_str(&own, ours);
		return own.cut ? -ENAMETOOLONG : 0;
	}
	return -ENOENT;
}

/*
 * systemd and others mark what they gave away.  Its top alone: what lies
 * below is divided by whoever it was given to, mostly another manager.
 */
bool os_cgroup_is_delegated(const struct os_cgroup_mount *at)
{
	struct stat ns;
	char value;

	if ((getxattr(at->own, "user.delegate", &value, 1) == 1 && value == '1') ||
	    (getxattr(at->own, "trusted.delegate", &value, 1) == 1 && value == '1'))
		return true;
	return at->is_top && stat("/proc/self/ns/cgroup", &ns) == 0 && ns.st_ino != FIRST_CGROUP_NS;
}

/* ---- directories */

static int check_kind(int dir)
{
	struct statfs fs;
	if (fstatfs(dir, &fs) < 0)
		return -errno;
	return fs.f_type == CGROUP2_MAGIC ? 0 : -EMEDIUMTYPE;
}

int os_cgroup_open(const char *path)
{
	AUTO_FD int dir = os_open_user(path, O_RDONLY | O_DIRECTORY, 0);
	int r = dir < 0 ? dir : check_kind(dir);
	return r < 0 ? r : os_fd_steal(&dir);
}

int os_cgroup_path(int dir, char *out, size_t n)
{
	BUF(name, 48);

	buf_str(&name, "/proc/self/fd/");
	buf_i64(&name, dir);
	ssize_t got = readlink(name.at, out, n);
	if (got < 0)
		return -errno;
	if ((size_t)got >= n)
		return -ENAMETOOLONG;
	out[got] = '\0';
	return out[0] == '/' ? 0 : -ENOENT;
}

int os_cgroup_reopen(int parent, const char *name, uint64_t *out_ino)
{
	struct stat st;
	AUTO_FD int dir = os_open_at(parent, name, O_RDONLY | O_DIRECTORY, 0);

	if (dir < 0)
		return dir;
	int r = check_kind(dir);
	if (r < 0)
		return r;
	if (fstat(dir, &st) < 0)
		return -errno;
	*out_ino = st.st_ino;
	return os_fd_steal(&dir);
}

int os_cgroup_make(int parent, const char *name, uint64_t *out_ino)
{
	int r = os_mkdir_at(parent, name, 0755);
	if (r < 0)
		return r;
	int dir = os_cgroup_reopen(parent, name, out_ino);
	if (dir < 0)
		(void)os_rmdir_at(parent, name);
	else
		(void)fsetxattr(dir, "user.delegate", "1", 1, 0); /* a guard within may divide it */
	return dir;
}

struct below {
	int dir;
	char name[256]; /* NAME_MAX */
};

static int take_directory(void *with, const char *name)
{
	struct below *b = with;
	struct stat st;
	struct buf text;

	if (fstatat(b->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	buf_init(&text, b->name, sizeof(b->name));
	buf_str(&text, name);
	return 1;
}

/* Some group in `dir`: 1 and its name, 0 there is none, -errno.  The link count tells without a look. */
static int find_below(int dir, struct below *out)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return -errno;
	if (st.st_nlink <= 2)
		return 0;
	out->dir = dir;
	return os_dir_each(dir, take_directory, out);
}

/* The first leaf on the way down is removed. 1 there was one, 0 none, -errno. */
static int remove_leaf(int top)
{
	struct below at[2];
	AUTO_FD int held = -1;
	int dir = top;

	int r = find_below(dir, &at[0]);
	for (unsigned depth = 0; r == 1; depth++) {
		struct below *child = &at[depth % 2], *grandchild = &at[(depth + 1) % 2];
		if (depth == DEPTH_MAX)
			return -ELOOP;
		int next = os_open_at(dir, child->name, O_RDONLY | O_DIRECTORY, 0);
		if (next < 0)
			return next;
		r = find_below(next, grandchild);
		if (r == 0) {
			os_fd_close(&next);
			r = os_rmdir_at(dir, child->name);
			return r < 0 && r != -ENOENT ? r : 1;
		}
		os_fd_close(&held);
		dir = held = next;
	}
	return r;
}

int os_cgroup_remove(int parent, const char *name)
{
	int r = os_rmdir_at(parent, name);
	if (r != -EBUSY && r != -ENOTEMPTY)
		return r;
	AUTO_FD int dir = os_open_at(parent, name, O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return dir;
	if (os_cgroup_is_populated(dir))
		return -EBUSY;
	int below = 1;
	for (int i = 0; i < REMOVALS_MAX && below == 1; i++)
		below = remove_leaf(dir);
	return below < 0 ? below : os_rmdir_at(parent, name);
}

/* ---- one group */

static int write_word(int dir, const char *name, const char *text)
{
	AUTO_FD int fd = os_open_at(dir, name, O_WRONLY, 0);
	return fd < 0 ? fd : os_fd_write(fd, text, strlen(text));
}

int os_cgroup_enter(int dir)
{
	return write_word(dir, "cgroup.procs", "0");
}

bool os_cgroup_can_kill(int dir)
{
	return faccessat(dir, "cgroup.kill", W_OK, AT_EACCESS) == 0;
}

int os_cgroup_freeze(int dir, bool freeze)
{
	return write_word(dir, "cgroup.freeze", freeze ? "1" : "0");
}

int os_cgroup_cap(int dir, uint64_t threads)
{
	BUF(text, 32);

	buf_u64(&text, threads);
	return write_word(dir, "pids.max", text.at);
}

int os_cgroup_events(int dir, const char *name, const char *key, uint64_t *out_count)
{
	char bytes[1024];

	ssize_t n = os_file_read_at(dir, name, bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_event(bytes, (size_t)n, key, out_count);
}

int os_cgroup_kill(int dir)
{
	return write_word(dir, "cgroup.kill", "1");
}

/* Does cgroup.events have this line? */
static bool has_event(int dir, const char *line)
{
	char bytes[256];
	if (os_file_read_at(dir, "cgroup.events", bytes, sizeof(bytes)) <= 0)
		return false;
	const char *at = strstr(bytes, line);
	return at && (at == bytes || at[-1] == '\n');
}

bool os_cgroup_is_populated(int dir)
{
	return has_event(dir, "populated 1\n");
}

bool os_cgroup_is_frozen(int dir)
{
	return has_event(dir, "frozen 1\n");
}

int os_cgroup_memory(int dir, struct os_cgroup_memory *out)
{
	char bytes[32];
	uint64_t charged, file, shared;

	ssize_t n = os_file_read_at(dir, "memory.current", bytes, sizeof(bytes));
	if (n < 0)
		return (int)n;
	bytes[strcspn(bytes, "\n")] = '\0';
	if (num_parse_u64(bytes, UINT64_MAX, &charged) < 0)
		return -EBADMSG;
	*out = (struct os_cgroup_memory){ .charged = charged, .own = UINT64_MAX };
	/* Pages of tmpfs and of shared memory count as "file" too, but nobody gets them back. */
	if (os_cgroup_events(dir, "memory.stat", "file", &file) < 0 ||
	    os_cgroup_events(dir, "memory.stat", "shmem", &shared) < 0 || shared > file)
		return 0;
	/* The two files are of two moments. */
	out->own = file - shared < charged ? charged - (file - shared) : 0;
	return 0;
}

int os_cgroup_each(int dir, int (*each)(void *with, pid_t pid), void *with)
{
	char bytes[4096];
	uint64_t pid = 0;
	bool inside = false; /* a number: it may be cut by the end of a piece */
	AUTO_FD int fd = os_open_at(dir, "cgroup.procs", O_RDONLY, 0);

	if (fd < 0)
		return fd;
	for (;;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t i = 0; i < n; i++) {
			bool is_digit = bytes[i] >= '0' && bytes[i] <= '9';
			if (is_digit && pid <= INT32_MAX)
				pid = pid * 10 + (uint64_t)(bytes[i] - '0');
			int r = !is_digit && inside && pid <= INT32_MAX ? each(with, (pid_t)pid) : 0;
			if (r != 0)
				return r;
			inside = is_digit;
			if (!is_digit)
				pid = 0;
		}
	}
}

static int count_one(void *with, pid_t pid)
{
	(void)pid;
	++*(uint32_t *)with;
	return 0;
}

uint32_t os_cgroup_count(int dir)
{
	uint32_t n = 0;

	(void)os_cgroup_each(dir, count_one, &n);
	return n;
}

bool os_cgroup_is_member(pid_t pid, const char *name)
{
	char bytes[4096], *rest = NULL;
	BUF(path, 48);
	size_t n = strlen(name);

	buf_str(&path, "/proc/");
	buf_i64(&path, pid);
	buf_str(&path, "/cgroup");
	if (os_file_read_at(OS_CWD, path.at, bytes, sizeof(bytes)) <= 0)
		return false;
	for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		for (const char *at = strchr(line, '/'); at; at = strchr(at + 1, '/'))
			if (strncmp(at + 1, name, n) == 0 && (at[n + 1] == '/' || at[n + 1] == '\0'))
				return true;
	}
	return false;
}
