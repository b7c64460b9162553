#include "os/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"

/* 6.11 */
#ifndef PIDFD_GET_PID_NAMESPACE
#define PIDFD_GET_PID_NAMESPACE  _IO(0xff, 5)
#define PIDFD_GET_TIME_NAMESPACE _IO(0xff, 7)
#endif

static void path_of(struct buf *path, pid_t pid, const char *name)
{
	buf_str(path, "/proc/");
	buf_u64(path, (uint64_t)pid);
	if (name[0] != '\0') {
		buf_char(path, '/');
		buf_str(path, name);
	}
}

/* 1, 0, -errno: it cannot be told now. */
static int judge_proc(void)
{
	char text[16];
	struct statfs fs;
	BUF(self, 16);

	if (statfs("/proc", &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno; /* we are not in that namespace */
	buf_i64(&self, getpid());
	text[n] = '\0';
	return strcmp(text, self.at) == 0;
}

bool os_proc_is_ours(void)
{
	static int answer = -1; /* a fact of where we are: told once; the same in our children */

	if (answer < 0)
		answer = judge_proc();
	return answer != 0;
}

int os_proc_open(pid_t pid, const char *name)
{
	BUF(path, 64);
	if (pid <= 0)
		return -ESRCH;
	path_of(&path, pid, name);
	return os_open_at(OS_CWD, path.at, O_RDONLY, 0);
}

bool os_proc_lists_children(void)
{
	static int answer = -1;
	BUF(name, 48);

	if (answer < 0 && os_proc_is_ours()) {
		buf_str(&name, "task/");
		buf_i64(&name, getpid());
		buf_str(&name, "/children");
		AUTO_FD int fd = os_proc_open(getpid(), name.at);
		answer = fd == -ENOENT ? 0 : fd >= 0 ? 1 : -1;
	}
	return answer != 0;
}

static ssize_t read_file(pid_t pid, const char *name, char *bytes, size_t n)
{
	AUTO_FD int fd = os_proc_open(pid, name);
	if (fd == -ENOENT)
		return -ESRCH;
	if (fd < 0)
		return fd;
	return os_fd_pread(fd, bytes, n, 0);
}

int os_proc_stat(pid_t pid, struct proc_stat *out_stat)
{
	char bytes[1024];
	ssize_t n = read_file(pid, "stat", bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_stat(bytes, (size_t)n, out_stat);
}

int os_proc_environ(pid_t pid, struct proc_environ *out_environ)
{
	char bytes[1024];
	ssize_t n = read_file(pid, "stat", bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_environ(bytes, (size_t)n, out_environ);
}

int os_proc_stat_at(int dir, struct proc_stat *out_stat)
{
	char bytes[1024];
	AUTO_FD int fd = os_open_at(dir, "stat", O_RDONLY, 0);
	if (fd < 0)
		return fd == -ENOENT ? -ESRCH : fd;
	ssize_t n = os_fd_pread(fd, bytes, sizeof(bytes), 0);
	return n < 0 ? (int)n : procfs_parse_stat(bytes, (size_t)n, out_stat);
}

int os_proc_rss(pid_t pid, uint64_t *out_pages)
{
	char bytes[128];
	ssize_t n = read_file(pid, "statm", bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_statm(bytes, (size_t)n, out_pages);
}

int os_proc_status(pid_t pid, struct proc_status *out_status)
{
	char bytes[4096];
	ssize_t n = read_file(pid, "status", bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_status(bytes, (size_t)n, out_status);
}

int os_proc_load(struct proc_load *out_load)
{
	char bytes[128];
	ssize_t n = os_file_read_at(OS_CWD, "/proc/loadavg", bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_load(bytes, (size_t)n, out_load);
}

int os_proc_pressure(const char *resource, uint32_t *out_centi_pct)
{
	char bytes[256];
	BUF(path, 64);
	buf_str(&path, "/proc/pressure/");
	buf_str(&path, resource);
	ssize_t n = os_file_read_at(OS_CWD, path.at, bytes, sizeof(bytes));
	return n < 0 ? (int)n : procfs_parse_pressure(bytes, (size_t)n, out_centi_pct);
}

static void path_beside(struct buf *path, const char *name)
{
	buf_str(path, "../");
	buf_str(path, name);
}

static int gone(int err)
{
	return err == ENOENT ? -ESRCH : -err;
}

ssize_t os_proc_read_beside(int task_fd, const char *name, char *bytes, size_t n)
{
	BUF(path, 32);

	path_beside(&path, name);
	AUTO_FD int fd = openat(task_fd, path.at, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return gone(errno);
	return os_fd_pread(fd, bytes, n, 0);
}

ssize_t os_proc_program_beside(int task_fd, char *path, size_t n)
{
	BUF(link, 32);

	path_beside(&link, "exe");
	ssize_t r = readlinkat(task_fd, link.at, path, n);
	return r < 0 ? gone(errno) : r;
}

static int count(void *with, const char *name)
{
	int *sum = with;

	*sum += name[0] != '.';
	return 0;
}

/* The size of the directory is the number of its entries (6.2), which everybody may know. */
int os_proc_files_beside(int task_fd)
{
	struct stat st;
	BUF(path, 32);
	int sum = 0;

	path_beside(&path, "fd");
	if (fstatat(task_fd, path.at, &st, 0) < 0)
		return gone(errno);
	if (st.st_size > 0)
		return st.st_size > INT_MAX ? INT_MAX : (int)st.st_size;
	AUTO_FD int fd = openat(task_fd, path.at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return gone(errno);
	int r = os_dir_each(fd, count, &sum);
	return r < 0 ? r : sum;
}

uint64_t os_proc_threads(int task_fd)
{
	struct stat st;
	if (fstat(task_fd, &st) < 0)
		return OS_THREADS_UNKNOWN;
	if (st.st_nlink < 2)
		return 0;
	return st.st_nlink - 2; /* ".", ".." and one directory per thread */
}

int os_proc_identity(pid_t pid, int pidfd, struct proc_id *out_id)
{
	struct proc_id id = { .pid = pid };
	struct proc_stat stat;

	if (pidfd >= 0)
		id.pidfs_ino = os_pidfd_inode(pidfd);
	if (id.pidfs_ino == 0) { /* before 6.9 */
		int r = os_proc_stat(pid, &stat);
		if (r < 0)
			return r;
		id.start_ticks = stat.start_ticks;
	}
	*out_id = id;
	return 0;
}

static uint64_t inode_of(const char *path)
{
	struct stat st;
	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

/* By the pidfd (6.11): the path costs a fresh lookup for each new process, 20 µs against 2. */
static uint64_t namespace_of(int self, unsigned long request, const char *path)
{
	struct stat st;
	AUTO_FD int fd = self < 0 ? -1 : ioctl(self, request, 0);
	if (fd >= 0 && fstat(fd, &st) == 0)
		return st.st_ino;
	return inode_of(path);
}

void os_host_id(int self, struct host_id *out_host)
{
	*out_host = (struct host_id){ 0 };
	AUTO_FD int fd = os_open_at(OS_CWD, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
	ssize_t n = fd < 0 ? 0 : os_fd_pread(fd, out_host->boot_id, sizeof(out_host->boot_id) - 1, 0);
	if (n < 0)
		n = 0;
	while (n > 0 && out_host->boot_id[n - 1] == '\n')
		n--;
	out_host->boot_id[n] = '\0';
	out_host->pid_ns = namespace_of(self, PIDFD_GET_PID_NAMESPACE, "/proc/self/ns/pid");
	out_host->time_ns = namespace_of(self, PIDFD_GET_TIME_NAMESPACE, "/proc/self/ns/time");
}

static int feed(struct proc_children *c, const char **at, const char *end, int (*each)(void *, pid_t),
		void *with)
{
	pid_t pids[64];
	size_t n;
	do {
		n = procfs_feed_children(c, at, end, pids, 64);
		for (size_t i = 0; i < n; i++) {
			int r = each(with, pids[i]);
			if (r != 0)
				return r;
		}
	} while (n == 64);
	return 0;
}

struct parent_search {
	pid_t parent;
	int (*each)(void *with, pid_t child);
	void *with;
};

static int is_child(void *with, const char *name)
{
	struct parent_search *s = with;
	struct proc_stat stat;
	uint64_t pid;

	if (num_parse_u64(name, INT32_MAX, &pid) < 0 || pid <= 1 || os_proc_stat((pid_t)pid, &stat) < 0 ||
	    stat.ppid != s->parent)
		return 0;
	return s->each(s->with, (pid_t)pid);
}

/* Where nothing is listed: by what each process says of its parent. */
static int search_children(pid_t pid, int (*each)(void *with, pid_t child), void *with)
{
	struct parent_search s = { .parent = pid, .each = each, .with = with };
	AUTO_FD int proc = os_open_at(OS_CWD, "/proc", 0, 0);
	return proc < 0 ? proc : os_dir_each(proc, is_child, &s);
}

int os_proc_children(pid_t pid, pid_t tid, int children_fd, int (*each)(void *with, pid_t child), void *with)
{
	char bytes[4096];
	struct proc_children c = { 0 };
	AUTO_FD int own = -1;
	int fd = children_fd;

	if (fd < 0) {
		BUF(name, 48);
		buf_str(&name, "task/");
		buf_u64(&name, (uint64_t)tid);
		buf_str(&name, "/children");
		fd = own = os_proc_open(pid, name.at);
		if (fd == -ENOENT && !os_proc_lists_children())
			return search_children(pid, each, with);
		if (fd < 0)
			return fd;
	}
	for (uint64_t offset = 0;;) {
		ssize_t got = os_fd_pread(fd, bytes, sizeof(bytes), offset);
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		offset += (uint64_t)got;
		const char *at = bytes;
		int r = feed(&c, &at, bytes + got, each, with);
		if (r != 0)
			return r;
		if ((size_t)got < sizeof(bytes) / 2)
			break; /* a page is filled to the last whole number: far less is the end */
	}
	return feed(&c, &(const char *){ NULL }, NULL, each, with);
}

struct thread_walk {
	pid_t pid;
	int (*each)(void *with, pid_t child);
	void *with;
};

static int children_of_thread(void *with, const char *name)
{
	struct thread_walk *w = with;
	pid_t tid = (pid_t)strtol(name, NULL, 10); /* of the kernel's making */
	int r = os_proc_children(w->pid, tid, -1, w->each, w->with);
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
		return r;
	return r > 0 ? r : 0; /* a thread that ended meanwhile has handed its children on */
}

int os_proc_children_of_threads(pid_t pid, int (*each)(void *with, pid_t child), void *with)
{
	struct thread_walk w = { .pid = pid, .each = each, .with = with };
	AUTO_FD int task = os_proc_open(pid, "task");
	if (task < 0)
		return task;
	return os_dir_each(task, children_of_thread, &w);
}

struct sought {
	int fds;
	struct stat file;
};

static int is_sought(void *with, const char *name)
{
	struct sought *s = with;
	struct stat st;

	/* What the descriptor stands for, however it is called now. */
	return fstatat(s->fds, name, &st, 0) == 0 && st.st_dev == s->file.st_dev &&
	       st.st_ino == s->file.st_ino;
}

static int seek_open(pid_t pid, struct sought *s)
{
	AUTO_FD int fds = os_proc_open(pid, "fd");
	if (fds < 0)
		return fds;
	s->fds = fds;
	return os_dir_each(fds, is_sought, s);
}

int os_proc_has_open(pid_t pid, int dirfd, const char *path)
{
	struct sought s;

	return fstatat(dirfd, path, &s.file, 0) < 0 ? -errno : seek_open(pid, &s);
}

int os_proc_shares_open(pid_t pid, int fd)
{
	struct sought s;

	return fstat(fd, &s.file) < 0 ? -errno : seek_open(pid, &s);
}
