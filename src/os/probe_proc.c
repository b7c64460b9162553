/* Questions that /proc answers, about processes, mounts and control groups. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "codec/procfs.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/mount.h"
#include "os/probe_ask.h"
#include "os/proc.h"

/* Inodes of the first namespaces (include/linux/proc_ns.h): the same on every machine. */
#define FIRST_USER_NS 0xeffffffdU
#define FIRST_PID_NS  0xeffffffcU
#define FIRST_TIME_NS 0xeffffffaU

int probe_proc(struct probe_answer *out)
{
	char bytes[1024];
	struct proc_stat stat;

	(void)out;
	ssize_t n = os_file_read_at(OS_CWD, "/proc/self/stat", bytes, sizeof(bytes));
	if (n < 0)
		return (int)n;
	if (procfs_parse_stat(bytes, (size_t)n, &stat) < 0)
		return -EBADMSG;
	return stat.pid == getpid() ? 0 : -EXDEV; /* another PID namespace's */
}

static uint64_t hidepid_of(const char *value)
{
	static const char *const name[] = { "off", "noaccess", "invisible", NULL, "ptraceable" };
	size_t n = strcspn(value, ",");

	if (n == 1 && value[0] >= '0' && value[0] <= '9')
		return (uint64_t)(value[0] - '0');
	for (size_t i = 0; i < COUNT_OF(name); i++)
		if (name[i] && strlen(name[i]) == n && strncmp(name[i], value, n) == 0)
			return i;
	return 0;
}

static void see_proc_mount(void *with, const struct os_mount *m)
{
	struct probe_answer *out = with;
	struct buf text;

	if (strcmp(m->point, "/proc") != 0)
		return;
	buf_init(&text, out->text, sizeof(out->text));
	buf_str(&text, m->type);
	buf_char(&text, ' ');
	buf_str(&text, m->options);
	const char *hidepid = os_mount_option(m->options, "hidepid"),
		   *subset = os_mount_option(m->options, "subset");
	out->value[0] = hidepid ? hidepid_of(hidepid) : 0;
	out->value[1] = subset && strncmp(subset, "pid", 3) == 0;
}

int probe_proc_mount(struct probe_answer *out)
{
	int r = os_mount_each(see_proc_mount, out);
	if (r < 0)
		return r;
	return out->text[0] != '\0' ? 0 : -ENOENT;
}

/* ---- of a child */

struct search {
	pid_t pid;
};

static int is_searched(void *with, pid_t child)
{
	return child == ((struct search *)with)->pid ? 1 : 0;
}

int probe_children(struct probe_answer *out)
{
	out->value[0] = os_proc_lists_children();
	struct search search = { .pid = probe_idle_child() };
	if (search.pid < 0)
		return search.pid;
	int r = os_proc_children(getpid(), getpid(), -1, is_searched, &search);
	probe_end_child(search.pid);
	if (r == 1)
		return 0;
	return r == 0 ? -ESRCH : r;
}

/* Can `name` of a child be read to its end?  Bytes of the beginning, -errno. */
static ssize_t read_of_child(const char *name, char *bytes, size_t n)
{
	pid_t pid = probe_idle_child();
	if (pid < 0)
		return pid;
	AUTO_FD int fd = os_proc_open(pid, name);
	ssize_t got = fd < 0 ? fd : os_fd_pread(fd, bytes, n, 0);
	probe_end_child(pid);
	return got;
}

int probe_statm(struct probe_answer *out)
{
	char bytes[128];
	ssize_t n = read_of_child("statm", bytes, sizeof(bytes));
	if (n < 0)
		return (int)n;
	int r = procfs_parse_statm(bytes, (size_t)n, &out->value[0]);
	return r == 0 && out->value[0] == 0 ? -EBADMSG : r;
}

int probe_environ(struct probe_answer *out)
{
	(void)out;
	char byte;
	ssize_t n = read_of_child("environ", &byte, 1); /* 0: a process without any */
	return n < 0 ? (int)n : 0;
}

int probe_pss(struct probe_answer *out)
{
	(void)out;
	char byte;
	ssize_t n = read_of_child("smaps_rollup", &byte, 1);
	if (n < 0)
		return (int)n;
	return n == 1 ? 0 : -EBADMSG;
}

int probe_load(struct probe_answer *out)
{
	struct proc_load load;
	int r = os_proc_load(&load);
	if (r < 0)
		return r;
	out->value[0] = load.last_pid;
	return load.last_pid != 0 ? 0 : -EBADMSG;
}

/* ---- control groups */

int probe_cgroup(struct probe_answer *out)
{
	struct os_cgroup_mount at;

	int r = os_cgroup_find(&at);
	out->value[0] = at.has_v1;
	struct buf path;
	buf_init(&path, out->text, sizeof(out->text));
	buf_str(&path, at.own);
	return r;
}

static uint64_t namespace_inode(const char *name)
{
	struct stat st;
	BUF(path, 64);
	buf_str(&path, "/proc/self/ns/");
	buf_str(&path, name);
	return stat(path.at, &st) < 0 ? 0 : st.st_ino;
}

int probe_delegation(struct probe_answer *out)
{
	struct os_cgroup_mount at;
	BUF(path, OS_CGROUP_PATH_MAX + 16);

	int r = os_cgroup_find(&at);
	if (r < 0)
		return r;
	if (!os_cgroup_is_delegated(&at))
		return -EPERM;
	if (faccessat(AT_FDCWD, at.own, W_OK | X_OK, AT_EACCESS) < 0)
		return -errno;
	buf_str(&path, at.own);
	buf_str(&path, "/cgroup.kill");
	out->value[0] = faccessat(AT_FDCWD, path.at, W_OK, AT_EACCESS) == 0; /* not in the root; 5.14 */
	return 0;
}

/* ---- of this process */

/* Number behind "KEY:" of /proc/self/status; `otherwise`. */
static uint64_t status_number(const char *bytes, const char *key, uint64_t otherwise)
{
	size_t n = strlen(key);
	for (const char *at = bytes; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, key, n) == 0 && at[n] == ':')
			return strtoull(at + n + 1, NULL, 10);
	}
	return otherwise;
}

int probe_seccomp(struct probe_answer *out)
{
	char bytes[4096];
	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

	out->value[1] = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
	if (os_file_read_at(OS_CWD, "/proc/self/status", bytes, sizeof(bytes)) > 0) {
		uint64_t seen = status_number(bytes, "Seccomp", mode < 0 ? 0 : (uint64_t)mode);
		if (mode <= 0 && seen <= 2) /* a filter may deny prctl, too */
			mode = (int)seen;
		out->value[0] = status_number(bytes, "Seccomp_filters", mode == 2); /* 5.9 */
	}
	return mode < 0 ? -errno : mode;
}

static int is_not_first(const char *name, uint64_t first, struct probe_answer *out)
{
	out->value[0] = namespace_inode(name);
	if (out->value[0] == 0)
		return -ENOENT;
	return out->value[0] != first;
}

int probe_pid_ns(struct probe_answer *out)
{
	out->value[1] = getpid() == 1;
	return is_not_first("pid", FIRST_PID_NS, out);
}

int probe_user_ns(struct probe_answer *out)
{
	return is_not_first("user", FIRST_USER_NS, out);
}

int probe_time_ns(struct probe_answer *out)
{
	return is_not_first("time", FIRST_TIME_NS, out);
}
