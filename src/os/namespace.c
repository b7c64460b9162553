#include "os/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/pidfd.h"

#define SPAWN_STACK_BYTES 32768
#define ENTRY_STACK_BYTES 16384
#define CAPABILITIES_MAX  64 /* the sets have no more bits */

/* --- the first process ---------------------------------------------------------------------------------- */

static void read_rights(struct os_ns_rights *rights)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	rights->bounding = 0;
	for (int cap = 0; cap < CAPABILITIES_MAX; cap++) {
		int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (r < 0) /* the kernel knows no more of them */
			break;
		rights->bounding |= r > 0 ? 1ULL << cap : 0;
	}
	(void)syscall(SYS_capget, &head, sets);
	rights->inheritable[0] = sets[0].inheritable;
	rights->inheritable[1] = sets[1].inheritable;
	rights->securebits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
}

static int write_whole(pid_t pid, const char *name, const struct buf *text)
{
	BUF(path, 64);

	buf_str(&path, "/proc/");
	buf_i64(&path, pid);
	buf_char(&path, '/');
	buf_str(&path, name);
	AUTO_FD int fd = open(path.at, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : os_fd_write(fd, text->at, text->len);
}

/* "1000 1000 1": the one line that its owner may write. */
static int map(pid_t pid, const char *name, uint32_t id)
{
	BUF(text, 64);

	buf_u64(&text, id);
	buf_char(&text, ' ');
	buf_u64(&text, id);
	buf_str(&text, " 1");
	return write_whole(pid, name, &text);
}

static int map_ids(pid_t pid)
{
	BUF(deny, 8);

	buf_str(&deny, "deny"); /* else a group that denies something could be left */
	int r = write_whole(pid, "setgroups", &deny);
	if (r == -ENOENT) /* before 3.19 */
		r = 0;
	if (r == 0)
		r = map(pid, "uid_map", geteuid());
	return r < 0 ? r : map(pid, "gid_map", getegid());
}

static pid_t fork_with(unsigned long flags, int *out_pidfd)
{
	long pid =
		syscall(SYS_clone, flags | CLONE_NEWPID | CLONE_PIDFD | SIGCHLD, NULL, out_pidfd, NULL, NULL);
	return pid < 0 ? -errno : (pid_t)pid;
}

static void take_back(struct os_ns *ns)
{
	(void)os_child_signal(ns->init, ns->fd, SIGKILL);
	(void)waitpid(ns->init, NULL, 0);
	os_fd_close(&ns->fd);
	ns->init = 0;
}

pid_t os_ns_fork(struct os_ns *ns)
{
	*ns = (struct os_ns){ .fd = -1 };
	ns->init = fork_with(0, &ns->fd);
	if (ns->init == -EPERM) {
		ns->has_users = true;
		read_rights(&ns->rights);
		ns->init = fork_with(CLONE_NEWUSER, &ns->fd);
	}
	if (ns->init <= 0) {
		pid_t r = ns->init;
		ns->fd = -1;
		ns->init = 0;
		return r;
	}
	int r = ns->has_users ? map_ids(ns->init) : 0;
	if (r < 0) {
		take_back(ns);
		return r;
	}
	return ns->init;
}

/* --- the others ----------------------------------------------------------------------------------------- */

struct entry {
	const struct os_ns *ns;
	int (*body)(void *with);
	void *with;
	pid_t *out_pid;
	int err; /* of `body` */
	int entry_err;
};

static int body_main(void *at)
{
	struct entry *e = at;
	e->err = -e->body(e->with);
	_exit(127);
}

/*
 * In between: who enters a PID namespace is not in it, its children are.  Ours
 * becomes our parent's child at once, and both share that one's memory.  Its
 * mounts are copied by its birth: entered later, it would lose its place.
 */
static int entry_main(void *at)
{
	static _Alignas(16) char stack[SPAWN_STACK_BYTES];
	struct entry *e = at;
	int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT | CLONE_PARENT_SETTID | CLONE_NEWNS | SIGCHLD;

	if (syscall(SYS_setns, e->ns->fd, CLONE_NEWPID | (e->ns->has_users ? CLONE_NEWUSER : 0)) < 0)
		e->entry_err = errno == EINVAL ? ENOSYS : errno; /* before 5.8 it takes no pidfd */
	else if (clone(body_main, stack + sizeof(stack), flags, e, e->out_pid) < 0)
		e->entry_err = errno;
	return 0; /* to clone(2)'s own end of a process: _exit would puzzle the sanitizer on each run */
}

pid_t os_ns_spawn(const struct os_ns *ns, int (*body)(void *with), void *with, pid_t *out_pid, int *out_errno)
{
	static _Alignas(16) char stack[ENTRY_STACK_BYTES];
	struct entry e = { .ns = ns, .body = body, .with = with, .out_pid = out_pid };

	*out_pid = 0;
	pid_t between = clone(entry_main, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &e);
	if (between < 0)
		return -errno;
	while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
		;
	if (e.entry_err != 0)
		return -e.entry_err;
	*out_errno = e.err;
	return *out_pid > 0 ? *out_pid : -ESRCH; /* killed in between */
}

bool os_ns_is_empty(void)
{
	/* From PID 1 this asks about everybody else in its namespace; nothing is sent. */
	return getpid() == 1 && kill(-1, 0) < 0 && errno == ESRCH;
}

int os_ns_mount_proc(void)
{
	/* Ours must not be seen by others; the mounts around it stay as they are. */
	if (mount(NULL, "/proc", NULL, MS_PRIVATE, NULL) < 0)
		return -errno;
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? -errno : 0;
}

int os_ns_give_rights(const struct os_ns *ns)
{
	const struct os_ns_rights *rights = &ns->rights;
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	if (!ns->has_users)
		return 0;
	if (rights->securebits > 0 && prctl(PR_SET_SECUREBITS, rights->securebits, 0, 0, 0) < 0)
		return -errno;
	if (syscall(SYS_capget, &head, sets) < 0)
		return -errno;
	sets[0].inheritable = rights->inheritable[0];
	sets[1].inheritable = rights->inheritable[1];
	if (syscall(SYS_capset, &head, sets) < 0)
		return -errno;
	for (int cap = 0; cap < CAPABILITIES_MAX; cap++)
		if (!(rights->bounding & 1ULL << cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return errno == EINVAL ? 0 : -errno; /* the kernel knows no more of them */
	return 0;
}

int os_ns_cap(const struct os_ns *ns, uint64_t threads)
{
	struct rlimit limit;

	if (!ns->has_users) /* all of this user's on the whole machine would count; root's not at all */
		return -ENOTSUP;
	if (getrlimit(RLIMIT_NPROC, &limit) < 0)
		return -errno;
	if (limit.rlim_cur > threads)
		limit.rlim_cur = threads;
	if (limit.rlim_max > threads)
		limit.rlim_max = threads;
	return setrlimit(RLIMIT_NPROC, &limit) < 0 ? -errno : 0;
}
