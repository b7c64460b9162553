#include "store/places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/num.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/self.h"
#include "os/users.h"

#define MADE_BY_ROOT "/var/lib/spawnguard/user"

struct visits {
	int (*each)(void *with, const struct place *place);
	void *with;
	struct os_file_id *seen; /* owned: directories that were given */
	size_t count;
	char machine[64]; /* "" = there is no machine id */
};

static int is_new(struct visits *v, int fd)
{
	struct os_file_id id;

	if (fd < 0 || os_file_id(fd, &id) < 0)
		return 1;
	for (size_t i = 0; i < v->count; i++)
		if (os_is_same_file(&v->seen[i], &id))
			return 0;
	struct os_file_id *more = reallocarray(v->seen, v->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	v->seen = more;
	v->seen[v->count++] = id;
	return 1;
}

static int give(struct visits *v, uid_t owner, const struct statedir *dir, const struct fail *fail)
{
	static const struct statedir nothing = { .run_fd = -1, .keep_fd = -1 };
	struct place place = { .owner = owner, .dir = fail ? nothing : *dir, .fail = fail };

	int r = fail ? 1 : is_new(v, dir->run_fd >= 0 ? dir->run_fd : dir->keep_fd);
	return r > 0 ? v->each(v->with, &place) : r;
}

static int visit_usual(struct visits *v)
{
	struct statedir dir;
	struct fail fail = { 0 };

	if (statedir_look(&dir, NULL, NULL, &fail) < 0)
		return give(v, os_self_uid(), NULL, &fail);
	int r = dir.run_fd >= 0 || dir.keep_fd >= 0 ? give(v, os_self_uid(), &dir, NULL) : 0;
	statedir_close(&dir);
	return r;
}

/* One directory for all of it; `opened` is taken. */
static int visit_opened(struct visits *v, uid_t owner, int opened, const char *path)
{
	struct statedir dir = { .run_fd = -1, .keep_fd = -1 };
	struct fail fail = { 0 };
	struct buf text;
	AUTO_FD int fd = opened;

	if (fd == -ENOENT)
		return 0;
	if (fd == -ELOOP || fd == -ENOTDIR)
		(void)fail_set(&fail, -fd, "look at a state directory (no link is followed to it)", path);
	else if (fd < 0)
		(void)fail_set(&fail, -fd, "open state directory", path);
	else
		(void)statedir_check(fd, path, owner, &fail);
	if (fail.err != 0)
		return give(v, owner, NULL, &fail);
	buf_init(&text, dir.path, sizeof(dir.path));
	buf_str(&text, path);
	memcpy(dir.keep_path, dir.path, sizeof(dir.path));
	dir.run_fd = dir.keep_fd = fd;
	return give(v, owner, &dir, NULL);
}

struct made {
	struct visits *v;
	int fd;
};

static int visit_made(void *with, const char *name)
{
	const struct made *m = with;
	uint64_t uid;
	BUF(path, 512);

	if (num_parse_u64(name, UINT32_MAX - 1, &uid) < 0)
		return 0;
	buf_str(&path, MADE_BY_ROOT "/");
	buf_str(&path, name);
	return visit_opened(m->v, (uid_t)uid, os_open_at(m->fd, name, O_RDONLY | O_DIRECTORY, 0), path.at);
}

static int visit_all_made(struct visits *v)
{
	AUTO_FD int fd = os_open_at(OS_CWD, MADE_BY_ROOT, O_RDONLY | O_DIRECTORY, 0);
	struct made made = { .v = v, .fd = fd };
	return fd < 0 ? 0 : os_dir_each(fd, visit_made, &made);
}

/* Step by step, so that no link on the way is followed: a user could have us look elsewhere. */
static int visit_home(void *with, uid_t uid, const char *name, const char *home)
{
	struct visits *v = with;
	const char *const steps[] = { ".local", "state", "spawnguard", v->machine };
	BUF(path, 512);

	(void)name;
	if (uid == os_self_uid() || home[0] != '/')
		return 0;
	AUTO_FD int at = os_open_place(home);
	if (at < 0 || os_file_is_remote(at) != 0)
		return 0; /* state is never there */
	buf_str(&path, home);
	for (size_t i = 0; i < COUNT_OF(steps) && steps[i][0] != '\0'; i++) {
		int next = os_open_at(at, steps[i], O_RDONLY | O_DIRECTORY, 0);
		os_fd_close(&at);
		at = next;
		buf_char(&path, '/');
		buf_str(&path, steps[i]);
		if (at < 0)
			break;
	}
	return visit_opened(v, uid, os_fd_steal(&at), path.at);
}

int places_each(const struct statedir *own, int (*each)(void *with, const struct place *place), void *with)
{
	struct visits v = { .each = each, .with = with };

	if (os_first_line("/etc/machine-id", v.machine, sizeof(v.machine)) < 0)
		v.machine[0] = '\0';
	int r = own->run_fd >= 0 || own->keep_fd >= 0 ? give(&v, os_self_uid(), own, NULL) : 0;
	if (r == 0)
		r = visit_usual(&v);
	if (r == 0)
		r = visit_all_made(&v);
	if (r == 0)
		r = os_users_each(visit_home, &v);
	free(v.seen);
	return r;
}
