#include "store/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/fail.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/self.h"

#define ROOT_RUN  "/run/spawnguard"
#define ROOT_KEEP "/var/lib/spawnguard"

/* mkdir -p, 0700 each; existing parts are left as they are.  /var/lib/spawnguard lets users pass to their
 * own. */
static int make_path(const char *path)
{
	BUF(part, 512);
	int r = 0;

	for (const char *at = path; *at != '\0';) {
		size_t n = strcspn(at + 1, "/") + 1;
		buf_mem(&part, at, n);
		at += n;
		if (part.cut)
			return -ENAMETOOLONG;
		if (strcmp(part.at, "/") != 0)
			r = os_mkdir_at(OS_CWD, part.at, strcmp(part.at, ROOT_KEEP) == 0 ? 0711 : 0700);
	}
	return r == -EEXIST ? 0 : r;
}

static int open_base(const char *path, struct fail *fail)
{
	struct os_file_id id;
	AUTO_FD int fd = os_open_at(OS_CWD, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -ENOENT) {
		int r = make_path(path);
		if (r < 0)
			return fail_set(fail, -r, "make state directory", path);
		fd = os_open_at(OS_CWD, path, O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return fail_set(fail, -fd, "open state directory", path);
	int r = os_file_id(fd, &id);
	if (r < 0)
		return fail_set(fail, -r, "check state directory", path);
	if (id.uid != os_self_uid())
		return fail_set(fail, EPERM, "use state directory (it belongs to another user)", path);
	if (id.mode & 022)
		return fail_set(fail, EPERM, "use state directory (others can write to it: chmod go-w)",
				path);
	return os_fd_steal(&fd);
}

static int need_dirs(int fd, const char *path, const char *const *names, size_t n, struct fail *fail)
{
	for (size_t i = 0; i < n; i++) {
		struct os_file_id id;
		int r = os_file_id_at(fd, names[i], &id);
		if (r == -ENOENT) {
			r = os_mkdir_at(fd, names[i], 0700);
			if (r == 0 || r == -EEXIST)
				r = os_file_id_at(fd, names[i], &id);
		}
		if (r < 0)
			return fail_set(fail, -r, names[i], path);
		if (!id.is_own_private_dir)
			return fail_set(fail, EPERM,
					"use state directory (a part of it is not ours alone: chmod 700)",
					names[i]);
	}
	return 0;
}

static int open_both(struct statedir *dir, const char *run, const char *keep, struct fail *fail)
{
	static const char *const run_names[] = { "locks", "locks/job", "runs" };
	static const char *const keep_names[] = { "history" };
	struct buf path, kept;

	dir->run_fd = dir->keep_fd = -1;
	buf_init(&path, dir->path, sizeof(dir->path));
	buf_str(&path, run);
	buf_init(&kept, dir->keep_path, sizeof(dir->keep_path));
	buf_str(&kept, keep);
	if (path.cut || kept.cut)
		return fail_set(fail, ENAMETOOLONG, "open state directory", run);
	int r = dir->run_fd = open_base(run, fail);
	if (r >= 0 && os_file_is_remote(dir->run_fd) > 0)
		r = fail_set(fail, ENOLCK,
			     "use state directory (a network file system: locks are not safe there)", run);
	if (r >= 0)
		r = need_dirs(dir->run_fd, run, run_names, COUNT_OF(run_names), fail);
	if (r >= 0)
		r = dir->keep_fd = strcmp(run, keep) == 0 ? dir->run_fd : open_base(keep, fail);
	if (r >= 0)
		r = need_dirs(dir->keep_fd, keep, keep_names, COUNT_OF(keep_names), fail);
	if (r < 0)
		statedir_close(dir);
	return r < 0 ? r : 0;
}

static bool is_own_dir(const char *path)
{
	struct os_file_id id;
	return os_file_id_at(OS_CWD, path, &id) == 0 && id.is_own_private_dir;
}

/* HOME/.local/state/spawnguard/<machine-id>; 0, -ENOENT. */
static int home_path(struct buf *path)
{
	char home[256], machine[64];

	if (os_user_home(os_self_uid(), home, sizeof(home)) < 0)
		return -ENOENT;
	AUTO_FD int fd = os_open_at(OS_CWD, home, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0 || os_file_is_remote(fd) != 0)
		return -ENOENT;
	buf_str(path, home);
	buf_str(path, "/.local/state/spawnguard");
	if (os_first_line("/etc/machine-id", machine, sizeof(machine)) > 0) {
		buf_char(path, '/');
		buf_str(path, machine);
	}
	return path->cut ? -ENOENT : 0;
}

int statedir_open(struct statedir *dir, const char *given, const char *service_dir, struct fail *fail)
{
	BUF(path, 512);

	if (given)
		return open_both(dir, given, given, fail);
	if (os_self_uid() == 0)
		return open_both(dir, ROOT_RUN, ROOT_KEEP, fail);
	buf_str(&path, ROOT_KEEP "/user/");
	buf_u64(&path, os_self_uid());
	if (is_own_dir(path.at))
		return open_both(dir, path.at, path.at, fail);
	buf_clear(&path);
	if (home_path(&path) == 0 && open_both(dir, path.at, path.at, fail) == 0)
		return 0;
	if (service_dir && service_dir[0] == '/') {
		buf_clear(&path);
		buf_mem(&path, service_dir, strcspn(service_dir, ":"));
		return open_both(dir, path.at, path.at, fail);
	}
	return fail_set(fail, ENOENT, "find a place for state (give one with --state-dir DIR)",
			path.len > 0 ? path.at : "no local home directory");
}

void statedir_close(struct statedir *dir)
{
	if (dir->keep_fd == dir->run_fd)
		dir->keep_fd = -1;
	os_fd_close(&dir->keep_fd);
	os_fd_close(&dir->run_fd);
}
