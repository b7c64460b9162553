#include "tree/hold.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"

bool hold_is_starved(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

/* pidfd, or what stands for it here; learns the rung on the way. */
static int open_handle(struct tree *tree, pid_t pid)
{
	int fd = os_pidfd_open_or_proc(pid);
	if (os_pidfd_is_proc(fd))
		tree->rung = IDENTITY_PROCFD; /* before 5.3 */
	return fd;
}

/* Facts of the process that `handle` holds. 0, -ESRCH. */
static int read_facts(const struct tree *tree, pid_t pid, int handle, struct proc_stat *stat,
		      struct proc_id *id)
{
	int r = os_proc_stat(pid, stat);
	if (r < 0)
		return r;
	*id = (struct proc_id){ .pid = pid, .start_ticks = stat->start_ticks };
	if (tree->rung <= IDENTITY_PIDFD)
		id->pidfs_ino = os_pidfd_inode(handle);
	/* Still there: so the number has not changed hands, and the facts are its own. */
	r = os_pidfd_signal(handle, 0);
	return r == -ESRCH ? -ESRCH : 0;
}

/* `children_fd` is what opening a list of children gave. */
static void learn_lists(struct tree *tree, int children_fd)
{
	if (children_fd == -ENOENT && !tree->scans) /* it has ended; or there are none */
		tree->scans = !os_proc_lists_children();
}

/* All of them or none: half of them would be neither read as kept nor by name. */
void hold_keep_files(struct tree *tree, struct member *m)
{
	BUF(name, 48);

	if (tree->starved)
		return;
	m->task_fd = os_proc_open(m->id.pid, "task");
	buf_str(&name, "task/");
	buf_u64(&name, (uint64_t)m->id.pid);
	buf_str(&name, "/children");
	m->children_fd = os_proc_open(m->id.pid, name.at);
	m->statm_fd = os_proc_open(m->id.pid, "statm");
	learn_lists(tree, m->children_fd);
	if (hold_is_starved(m->task_fd) || hold_is_starved(m->children_fd) || hold_is_starved(m->statm_fd)) {
		tree->starved = true;
		os_fd_close(&m->task_fd);
		os_fd_close(&m->children_fd);
		os_fd_close(&m->statm_fd);
	}
}

static void fill(struct tree *tree, struct member *m, const struct proc_stat *stat, const struct proc_id *id,
		 uint64_t now_ns)
{
	m->id = *id;
	m->ppid = stat->ppid;
	m->sid = stat->sid;
	m->seen_boot_ns = now_ns;
	memcpy(m->comm, stat->comm, sizeof(m->comm) - 1);
	if (os_pidfd_is_proc(m->handle))
		tree->rung = IDENTITY_PROCFD;
	if (tree->rung <= IDENTITY_PIDFD && m->handle >= 0 &&
	    (tree->rung == IDENTITY_PIDFS) != (id->pidfs_ino != 0))
		tree->rung = id->pidfs_ino ? IDENTITY_PIDFS : IDENTITY_PIDFD;
	m->sample = (struct sample){
		.serial = ++tree->seen, .pid = id->pid, .depth = m->depth, .seen_ns = now_ns
	};
	memcpy(m->sample.comm, m->comm, sizeof(m->sample.comm));
}

/* The parent that /proc names must be of this tree: else the number went to a stranger since it was listed.
 */
static bool is_ours(const struct tree *tree, const struct proc_stat *stat)
{
	return tree_find(tree, stat->ppid) != NULL;
}

/* Descriptors ran out in the step that returned `r`, for the first time: true, the reserve is there for
 * another try. */
static bool give_in(struct tree *tree, int r)
{
	if (!hold_is_starved(r) || tree->starved)
		return false;
	/* From now on members are known without: the reserve is given up each time a descriptor is needed. */
	tree->starved = true;
	tree_give_reserve(tree);
	return true;
}

int hold_child(struct tree *tree, size_t parent, pid_t pid, uint64_t now_ns)
{
	struct proc_stat stat;
	struct proc_id id;

	if (!os_proc_is_ours())
		return -ESRCH;
	if (tree->starved)
		tree_give_reserve(tree);
	AUTO_FD int handle = open_handle(tree, pid);
	if (give_in(tree, handle))
		handle = open_handle(tree, pid);
	int r = handle < 0 ? -ESRCH : read_facts(tree, pid, handle, &stat, &id);
	if (give_in(tree, r))
		r = read_facts(tree, pid, handle, &stat, &id);
	if (tree->starved)
		os_fd_close(&handle);
	tree_take_reserve(tree);
	if (r < 0 || !is_ours(tree, &stat))
		return -ESRCH;
	struct member *m = tree_append(tree, pid);
	if (!m)
		return -ENOMEM;
	m->handle = os_fd_steal(&handle);
	fill(tree, m, &stat, &id, now_ns);
	m->depth = (uint16_t)(tree->member[parent].depth + 1U);
	m->sample.parent = tree->member[parent].sample.serial;
	tree->member[parent].sample.children++;
	if (pid == tree->init) {
		m->flags |= MEMBER_INIT;
		m->depth = 0; /* what comes to it as an orphan would else have come to the root */
		tree->seen--;
	}
	m->flags |= tree->member[parent].flags & (MEMBER_GUARD | MEMBER_GUARDED) ? MEMBER_GUARDED : 0U;
	if (m->depth > tree->peak_depth)
		tree->peak_depth = m->depth;
	hold_keep_files(tree, m);
	return 0;
}

void tree_add_job(struct tree *tree, pid_t pid, int pidfd, uint64_t now_ns)
{
	struct proc_stat stat = { .pid = pid, .ppid = -1, .comm = "(job)" };
	struct proc_id id = { .pid = pid };

	struct member *m = tree_append(tree, pid);
	assert(m); /* the table is empty before it */
	/* Our unreaped child: its number is its own until we wait for it, so nothing has to be proved. */
	m->handle = pidfd;
	if (pidfd >= 0)
		id.pidfs_ino = os_pidfd_inode(pidfd);
	fill(tree, m, &stat, &id, now_ns);
	m->depth = 1;
	m->flags |= MEMBER_JOB;
	tree->peak_depth = 1;
}

int tree_set_root(struct tree *tree, pid_t pid)
{
	BUF(name, 48);

	struct member *m = tree_append(tree, pid);
	if (!m)
		return -ENOMEM;
	m->flags |= MEMBER_ROOT;
	if (!os_proc_is_ours())
		return -ESRCH;
	buf_str(&name, "task/");
	buf_u64(&name, (uint64_t)pid);
	buf_str(&name, "/children");
	m->children_fd =
		os_proc_open(pid, name.at); /* a guard has one thread, and its memory is not the job's */
	learn_lists(tree, m->children_fd);
	return m->children_fd == -ENOENT && !tree->scans ? -ESRCH : 0;
}

/* As far as number and start time tell; what cannot be read, or was not recorded, says nothing against it. */
static int weak_answer(const struct proc_id *id)
{
	struct proc_stat stat;
	int r = os_proc_stat(id->pid, &stat);
	if (r == -ESRCH || (r == 0 && procfs_has_ended(&stat)))
		return -ESRCH;
	return r == 0 && id->start_ticks != 0 && stat.start_ticks != id->start_ticks ? -ESRCH : -EAGAIN;
}

int hold_open_recorded(const struct proc_id *id)
{
	AUTO_FD int fd = os_pidfd_open_or_proc(id->pid);
	if (fd == -ENOSYS || fd == -EPERM) /* no handle, and /proc is another's or does not show it */
		return -EAGAIN;
	if (fd < 0)
		return fd == -ESRCH || fd == -EINVAL ? -ESRCH : fd;
	uint64_t inode = os_pidfd_inode(fd);
	if (id->pidfs_ino != 0 && inode != 0)
		return inode == id->pidfs_ino ? os_fd_steal(&fd) : -ESRCH;
	return weak_answer(id);
}

/* 0 and the facts of one that lives; -ESRCH, -errno. */
static int read_seed(int handle, pid_t pid, struct proc_stat *stat)
{
	if (handle < 0)
		return handle;
	return os_pidfd_is_dead(handle) ? -ESRCH : os_proc_stat(pid, stat);
}

/* `handle` is taken; -1: it is only listed. */
static int append_seed(struct tree *tree, const struct record_slot *slot, const struct proc_stat *stat,
		       int handle)
{
	AUTO_FD int fd = handle;
	struct member *m = tree_append(tree, slot->id.pid);
	if (!m) {
		if (tree_prepare(tree) < 0)
			return -ENOMEM;
		m = tree_append(tree, slot->id.pid);
	}
	m->handle = os_fd_steal(&fd);
	fill(tree, m, stat, &slot->id, slot->seen_boot_ns);
	m->depth = slot->depth;
	m->flags |= MEMBER_SEED;
	hold_keep_files(tree, m);
	return 0;
}

int tree_add_seed(struct tree *tree, const struct record_slot *slot)
{
	struct proc_stat stat;

	if (tree_find(tree, slot->id.pid))
		return 0;
	if (tree->starved)
		tree_give_reserve(tree);
	AUTO_FD int fd = hold_open_recorded(&slot->id);
	if (give_in(tree, fd))
		fd = hold_open_recorded(&slot->id);
	int r = read_seed(fd, slot->id.pid, &stat);
	if (give_in(tree, r))
		r = read_seed(fd, slot->id.pid, &stat);
	if (tree->starved)
		os_fd_close(&fd);
	tree_take_reserve(tree);
	if (r < 0)
		return r;
	return append_seed(tree, slot, &stat, os_fd_steal(&fd));
}

int tree_add_listed(struct tree *tree, const struct record_slot *slot)
{
	struct proc_stat stat;
	int r = os_proc_stat(slot->id.pid, &stat);

	return r < 0 ? r : append_seed(tree, slot, &stat, -1);
}

int tree_add_held(struct tree *tree, const struct record_slot *slot, int handle)
{
	struct proc_stat stat;
	AUTO_FD int fd = handle;

	if (tree->starved) /* without its handle it would be known by its number again */
		return -EMFILE;
	int r = read_seed(fd, slot->id.pid, &stat);
	return r < 0 ? r : append_seed(tree, slot, &stat, os_fd_steal(&fd));
}

static bool is_same(const struct proc_id *a, const struct proc_id *b)
{
	if (a->pidfs_ino != 0 && b->pidfs_ino != 0)
		return a->pidfs_ino == b->pidfs_ino;
	return a->start_ticks == b->start_ticks;
}

/* A handle for the moment, of a member that keeps none: opened, then verified. -ESRCH, -errno. */
static int open_passing(struct tree *tree, const struct member *m)
{
	struct proc_stat stat;
	struct proc_id id;

	tree_give_reserve(tree);
	AUTO_FD int fd = open_handle(tree, m->id.pid);
	if (fd < 0)
		return fd;
	if (m->flags & MEMBER_JOB) /* unreaped child of ours */
		return os_fd_steal(&fd);
	int r = read_facts(tree, m->id.pid, fd, &stat, &id);
	if (r < 0)
		return r;
	return is_same(&id, &m->id) ? os_fd_steal(&fd) : -ESRCH;
}

/* No signals by descriptor here (before 5.1, or a filter's no): an unreaped child of ours has its number for
 * itself. */
static int signal_child(const struct member *m, int sig, int refused)
{
	struct proc_stat stat;
	if (os_proc_stat(m->id.pid, &stat) < 0 || stat.ppid != os_self_pid())
		return refused;
	return os_child_signal(m->id.pid, -1, sig);
}

int hold_signal(struct tree *tree, struct member *m, int sig)
{
	int r;

	if (m->flags & MEMBER_ROOT || m->id.pid <= 1)
		return -EINVAL;
	if (m->handle >= 0) {
		r = os_pidfd_signal(m->handle, sig);
	} else {
		AUTO_FD int fd = open_passing(tree, m);
		r = fd < 0 ? fd : os_pidfd_signal(fd, sig);
		os_fd_close(&fd);
		tree_take_reserve(tree);
	}
	return r == -ENOSYS || r == -EPERM || hold_is_starved(r) ? signal_child(m, sig, r) : r;
}

bool hold_is_dead(struct tree *tree, struct member *m)
{
	struct proc_stat stat;

	if (m->handle >= 0) {
		bool needs_file = tree->starved && os_pidfd_is_proc(m->handle);
		if (needs_file)
			tree_give_reserve(tree);
		bool is_dead = os_pidfd_is_dead(m->handle);
		if (needs_file)
			tree_take_reserve(tree);
		return is_dead;
	}
	int r = hold_signal(tree, m, 0);
	if (r == -ESRCH)
		return true;
	if (r != 0)
		return false;
	tree_give_reserve(tree);
	r = os_proc_stat(m->id.pid, &stat);
	tree_take_reserve(tree);
	return r == 0 && procfs_has_ended(&stat);
}
