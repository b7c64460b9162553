#include "run/cgroup.h"

#include <errno.h>

#include "base/buf.h"
#include "os/cgroup.h"
#include "os/fd.h"

void run_cgroup_name(struct buf *out, const char *run_id)
{
	buf_str(out, "spawnguard-");
	buf_str(out, run_id);
}

/* Where it was made, and there the one of that inode. 0, -errno. */
static int open_both(const struct record_head *head, int *out_parent, int *out_dir)
{
	uint64_t ino = 0;
	BUF(name, RUN_ID_MAX + 16);

	if (head->cgroup[0] == '\0' || head->cgroup_ino == 0)
		return -ENOENT;
	run_cgroup_name(&name, head->run_id);
	AUTO_FD int parent = os_cgroup_open(head->cgroup);
	if (parent < 0)
		return parent;
	AUTO_FD int dir = os_cgroup_reopen(parent, name.at, &ino);
	if (dir < 0)
		return dir;
	if (ino != head->cgroup_ino)
		return -ENOENT;
	*out_parent = os_fd_steal(&parent);
	*out_dir = os_fd_steal(&dir);
	return 0;
}

int run_cgroup_open(const struct record_head *head)
{
	AUTO_FD int parent = -1;
	int dir = -1;
	int r = open_both(head, &parent, &dir);
	return r < 0 ? r : dir;
}

int run_cgroup_remove(const struct record_head *head)
{
	AUTO_FD int parent = -1;
	AUTO_FD int dir = -1;
	BUF(name, RUN_ID_MAX + 16);

	int r = open_both(head, &parent, &dir);
	if (r < 0)
		return r;
	run_cgroup_name(&name, head->run_id);
	return os_cgroup_remove(parent, name.at);
}
