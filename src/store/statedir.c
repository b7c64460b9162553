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
#include "os/user.h"

#define ROOT_RUN  "/run/spawnguard"
#define ROOT_KEEP "/var/lib/spawnguard"

#define PART_IS_OPEN "use state directory (a part of it is not ours alone: chmod 700)"
#define NO_PART      "make or read a part of the state directory"
#define IS_REMOTE    "use state directory (a network file system: locks are not safe there)"

static const char *const run_names[] = { "locks", "locks/job", "runs" };
static const char *const keep_names[] = { "history" };

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

/* What forbids to use a directory with these facts, as `what` of a failure; NULL. */
static const char *objection(const struct os_file_id *id, uid_t owner)
{
	if (id->uid != owner)
		return "use state directory (it belongs to another user)";
	if (id->mode & 022)
		return "use state directory (others can write to it: chmod go-w)";
	return NULL;
}

/* Owned descriptor; -ENOENT with nothing said if it is not there, and is not to be made. */
static int open_base(const char *path, bool makes, struct fail *fail)
{
	struct os_file_id id;
	AUTO_FD int fd = os_open_at(OS_CWD, path, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -ENOENT && !makes)
		return fd;
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
	const char *bad = objection(&id, os_self_uid());
	return bad ? fail_set(fail, EPERM, bad, path) : os_fd_steal(&fd);
}

static int fail_part(struct fail *fail, int err, const char *what, const char *path, const char *name)
{
	BUF(part, FAIL_SUBJECT_MAX);
	buf_str(&part, path);
	buf_char(&part, '/');
	buf_str(&part, name);
	return fail_set(fail, err, what, part.at);
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
			return fail_part(fail, -r, NO_PART, path, names[i]);
		if (!id.is_own_private_dir)
			return fail_part(fail, EPERM, PART_IS_OPEN, path, names[i]);
	}
	return 0;
}

/* Both paths; nothing is open yet. */
static int name_both(struct statedir *dir, const char *run, const char *keep, struct fail *fail)
{
	struct buf path, kept;

	dir->run_fd = dir->keep_fd = -1;
	buf_init(&path, dir->path, sizeof(dir->path));
	buf_str(&path, run);
	buf_init(&kept, dir->keep_path, sizeof(dir->keep_path));
	buf_str(&kept, keep);
	return path.cut || kept.cut ? fail_set(fail, ENAMETOOLONG, "open state directory", run) : 0;
}

static int open_both(struct statedir *dir, const char *run, const char *keep, struct fail *fail)
{
	int r = name_both(dir, run, keep, fail);
	if (r < 0)
		return r;
	r = dir->run_fd = open_base(run, true, fail);
	if (r >= 0 && os_file_is_remote(dir->run_fd) > 0)
		r = fail_set(fail, ENOLCK, IS_REMOTE, run);
	if (r >= 0)
		r = need_dirs(dir->run_fd, run, run_names, COUNT_OF(run_names), fail);
	if (r >= 0)
		r = dir->keep_fd = strcmp(run, keep) == 0 ? dir->run_fd : open_base(keep, true, fail);
	if (r >= 0)
		r = need_dirs(dir->keep_fd, keep, keep_names, COUNT_OF(keep_names), fail);
	if (r < 0)
		statedir_close(dir);
	return r < 0 ? r : 0;
}

static bool is_private_dir_of(const struct os_file_id *id, uid_t owner)
{
	return (id->mode & 0170000U) == 0040000U && id->uid == owner && (id->mode & 077) == 0;
}

/* What is there of these parts must be private. */
static int check_dirs(int fd, const char *path, uid_t owner, const char *const *names, size_t n,
		      struct fail *fail)
{
	for (size_t i = 0; i < n; i++) {
		struct os_file_id id;
		int r = os_file_id_at(fd, names[i], &id);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return fail_part(fail, -r, NO_PART, path, names[i]);
		if (!is_private_dir_of(&id, owner))
			return fail_part(fail, EPERM, PART_IS_OPEN, path, names[i]);
	}
	return 0;
}

int statedir_check(int fd, const char *path, uid_t owner, struct fail *fail)
{
	struct os_file_id id;

	int r = os_file_id(fd, &id);
	if (r < 0)
		return fail_set(fail, -r, "check state directory", path);
	const char *bad = objection(&id, owner);
	if (bad)
		return fail_set(fail, EPERM, bad, path);
	r = check_dirs(fd, path, owner, run_names, COUNT_OF(run_names), fail);
	return r < 0 ? r : check_dirs(fd, path, owner, keep_names, COUNT_OF(keep_names), fail);
}

/* What there is of both; -ENOENT: nothing. */
static int look_at_both(struct statedir *dir, const char *run, const char *keep, struct fail *fail)
{
	uid_t self = os_self_uid();

	int r = name_both(dir, run, keep, fail);
	if (r < 0)
		return r;
	r = dir->run_fd = open_base(run, false, fail);
	if (r >= 0)
		r = check_dirs(dir->run_fd, run, self, run_names, COUNT_OF(run_names), fail);
	if (r >= 0 || r == -ENOENT)
		r = dir->keep_fd = strcmp(run, keep) == 0 ? dir->run_fd : open_base(keep, false, fail);
	if (r >= 0)
		r = check_dirs(dir->keep_fd, keep, self, keep_names, COUNT_OF(keep_names), fail);
	if (r < 0 && r != -ENOENT)
		statedir_close(dir);
	dir->keep_fd = dir->keep_fd < 0 ? -1 : dir->keep_fd;
	dir->run_fd = dir->run_fd < 0 ? -1 : dir->run_fd;
	return r == -ENOENT && dir->run_fd >= 0 ? 0 : r;
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

/*
 * Rung `n` of the ladder of places: where locks and records go, and what is kept. 1 there is such a place, 0
 * there is not, -ENOENT the ladder has ended.
 */
enum { RUNG_GIVEN, RUNG_ROOT, RUNG_MADE, RUNG_HOME, RUNG_SERVICE };
static int try_rung(unsigned n, const char *given, const char *service_dir, struct buf *run,
		    const char **out_keep)
{
	buf_clear(run);
	*out_keep = run->at;
	switch (n) {
	case RUNG_GIVEN:
		if (given)
			buf_str(run, given);
		return given != NULL;
	case RUNG_ROOT:
		buf_str(run, ROOT_RUN);
		*out_keep = ROOT_KEEP;
		return os_self_uid() == 0;
	case RUNG_MADE:
		buf_str(run, ROOT_KEEP "/user/");
		buf_u64(run, os_self_uid());
		return is_own_dir(run->at);
	case RUNG_HOME:
		return home_path(run) == 0;
	case RUNG_SERVICE:
		if (!service_dir || service_dir[0] != '/')
			return 0;
		buf_mem(run, service_dir, strcspn(service_dir, ":"));
		return 1;
	default:
		return -ENOENT;
	}
}

int statedir_open(struct statedir *dir, const char *given, const char *service_dir, struct fail *fail)
{
	BUF(path, 512);
	BUF(home, 512);
	const char *keep;

	for (unsigned n = 0;; n++) {
		int r = try_rung(n, given, service_dir, &path, &keep);
		if (r < 0)
			break;
		if (r == 0)
			continue;
		r = path.cut ? fail_set(fail, ENAMETOOLONG, "open state directory", path.at)
			     : open_both(dir, path.at, keep, fail);
		if (r == 0 || n != RUNG_HOME)
			return r;
		buf_str(&home, path.at); /* a service's own may do */
	}
	return fail_set(fail, ENOENT, "find a place for state (give one with --state-dir DIR)",
			home.len > 0 ? home.at : "no local home directory");
}

int statedir_look(struct statedir *dir, const char *given, const char *service_dir, struct fail *fail)
{
	BUF(path, 512);
	const char *keep;
	int of_home = 0;

	*dir = (struct statedir){ .run_fd = -1, .keep_fd = -1 };
	for (unsigned n = 0;; n++) {
		int r = try_rung(n, given, service_dir, &path, &keep);
		if (r < 0)
			return of_home; /* there is no place: so there is nothing in it */
		if (r == 0)
			continue;
		r = path.cut ? fail_set(fail, ENAMETOOLONG, "open state directory", path.at)
			     : look_at_both(dir, path.at, keep, fail);
		if (r == 0 || n != RUNG_HOME)
			return r == -ENOENT ? 0 : r;
		of_home = r == -ENOENT ? 0 : r; /* a service's own may have done */
	}
}

/* ---- the same, for doctor */

/* A directory that will be used as it is, or made. 0, -errno with side->fail. */
static int examine_base(struct statedir_side *side)
{
	struct os_file_id id;
	AUTO_FD int fd = os_open_at(OS_CWD, side->path, O_RDONLY | O_DIRECTORY, 0);

	side->is_there = fd != -ENOENT;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fail_set(&side->fail, -fd, "open state directory", side->path);
	int r = os_file_id(fd, &id);
	if (r < 0)
		return fail_set(&side->fail, -r, "check state directory", side->path);
	const char *bad = objection(&id, os_self_uid());
	return bad ? fail_set(&side->fail, EPERM, bad, side->path) : 0;
}

static int examine_parts(struct statedir_side *side, const char *const *names, size_t n)
{
	AUTO_FD int fd = os_open_at(OS_CWD, side->path, O_RDONLY | O_DIRECTORY, 0);

	for (size_t i = 0; fd >= 0 && i < n; i++) {
		struct os_file_id id;
		int r = os_file_id_at(fd, names[i], &id);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return fail_part(&side->fail, -r, NO_PART, side->path, names[i]);
		if (!id.is_own_private_dir)
			return fail_part(&side->fail, EPERM, PART_IS_OPEN, side->path, names[i]);
	}
	return 0;
}

/* `deepest`: the part that is written most. */
static void examine_side(struct statedir_side *side, const char *path, const char *const *names, size_t n,
			 const char *deepest)
{
	struct buf text;
	BUF(part, sizeof(side->path));

	*side = (struct statedir_side){ .is_there = false };
	buf_init(&text, side->path, sizeof(side->path));
	buf_str(&text, path);
	buf_str(&part, path);
	buf_char(&part, '/');
	buf_str(&part, deepest);
	if (text.cut || part.cut) {
		(void)fail_set(&side->fail, ENAMETOOLONG, "open state directory", path);
		return;
	}
	if (examine_base(side) < 0 || examine_parts(side, names, n) < 0)
		return; /* told by `fail` */
	(void)os_fs_look(part.at, &side->fs);
	if (side->fs.err != 0)
		(void)fail_set(&side->fail, side->fs.err, "open state directory", side->fs.at);
	else if (side->fs.make_err != 0)
		(void)fail_set(&side->fail, side->fs.make_err,
			       side->is_there ? "write in the state directory" : "make state directory",
			       side->path);
}

int statedir_examine(struct statedir_report *out, const char *given, const char *service_dir)
{
	static const char *const by[] = { "as given", "root's own", "made by root for this user",
					  "in the home directory", "the service's own" };
	BUF(path, 512);
	const char *keep;
	int found = -ENOENT;

	for (unsigned n = 0; n <= RUNG_SERVICE; n++) {
		if (try_rung(n, given, service_dir, &path, &keep) <= 0)
			continue;
		out->by = by[n];
		out->is_one = keep == path.at;
		examine_side(&out->run, path.at, run_names, COUNT_OF(run_names), "locks/job");
		examine_side(&out->keep, keep, keep_names, COUNT_OF(keep_names), "history");
		if (out->run.fail.err == 0 && out->run.fs.is_remote)
			(void)fail_set(&out->run.fail, ENOLCK, IS_REMOTE, path.at);
		found = 0;
		if (n != RUNG_HOME || out->run.fail.err == 0)
			return 0;
	}
	return found;
}

void statedir_close(struct statedir *dir)
{
	if (dir->keep_fd == dir->run_fd)
		dir->keep_fd = -1;
	os_fd_close(&dir->keep_fd);
	os_fd_close(&dir->run_fd);
}
