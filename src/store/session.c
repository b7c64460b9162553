#include "store/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/num.h"
#include "base/utc.h"
#include "os/fd.h"
#include "os/file.h"
#include "store/lock.h"
#include "store/statedir.h"

#define DIRECTORY "batch"
#define LOCKS     "locks/batch"
#define UNSEEN    ".new" /* behind an id: not complete yet */
#define PATH_MAX_ (sizeof(DIRECTORY) + SESSION_ID_MAX + sizeof(UNSEEN))
#define TEXT_MAX  (1ULL << 31)

static int need_directory(int dirfd, const char *name)
{
	struct os_file_id id;

	int r = os_mkdir_at(dirfd, name, 0700);
	if (r == 0 || r == -EEXIST)
		r = os_file_id_at(dirfd, name, &id);
	return r < 0 ? r : id.is_own_private_dir ? 0 : -EPERM;
}

int session_lock(const struct statedir *dir, const char *name, struct fail *fail)
{
	char encoded[ESCAPE_NAME_MAX + 1];
	BUF(path, LOCK_PATH_MAX);

	int r = escape_name(name, encoded);
	if (r < 0)
		return fail_set(fail, -r, "lock", name);
	buf_str(&path, LOCKS "/");
	buf_str(&path, encoded);
	r = need_directory(dir->run_fd, LOCKS);
	return r < 0 ? fail_set(fail, -r, "make directory", LOCKS)
		     : lock_try(dir->run_fd, path.at, false, fail);
}

const char *session_stamp(const char *id)
{
	const char *dot = strchr(id, '.'); /* no encoded name has one */
	return dot ? dot + 1 : "";
}

static void put_path(struct buf *path, const char *id, const char *behind)
{
	buf_str(path, DIRECTORY "/");
	buf_str(path, id);
	buf_str(path, behind);
}

/* "20261122-024500-123" */
static void put_stamp(struct buf *out, uint64_t wall_ns)
{
	struct utc t = utc_from_wall(wall_ns);

	buf_pad(out, (uint64_t)t.year, 4);
	buf_pad(out, t.month, 2);
	buf_pad(out, t.day, 2);
	buf_char(out, '-');
	buf_pad(out, t.hour, 2);
	buf_pad(out, t.minute, 2);
	buf_pad(out, t.second, 2);
	buf_char(out, '-');
	buf_pad(out, t.milli, 3);
}

int session_create(int keep_fd, const char *name, uint64_t wall_ns, char *out_id, struct fail *fail)
{
	char encoded[ESCAPE_NAME_MAX + 1];

	int r = escape_name(name, encoded);
	if (r == 0)
		r = need_directory(keep_fd, DIRECTORY);
	for (unsigned tries = 0; r == 0 && tries < 1000; tries++) {
		struct os_file_id there;
		struct buf id;
		BUF(path, PATH_MAX_);
		buf_init(&id, out_id, SESSION_ID_MAX);
		buf_str(&id, encoded);
		buf_char(&id, '.');
		put_stamp(&id, wall_ns + tries * NS_PER_MS);
		put_path(&path, out_id, "");
		if (os_file_id_at(keep_fd, path.at, &there) == 0)
			continue;
		buf_str(&path, UNSEEN);
		(void)os_unlink_at(keep_fd, path.at); /* of one that was killed: we have the lock */
		r = os_open_at(keep_fd, path.at, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0600);
		if (r >= 0)
			return r;
	}
	return fail_set(fail, r < 0 ? -r : EEXIST, "make the session of", name);
}

/* --- which there are ------------------------------------------------------------------------------------ */

struct look {
	const char *name; /* encoded */
	char newest[SESSION_ID_MAX], oldest[SESSION_ID_MAX];
	uint32_t count;
};

static int look_at(void *with, const char *file)
{
	struct look *l = with;
	size_t n = strlen(l->name), all = strlen(file);

	if (strncmp(file, l->name, n) != 0 || file[n] != '.' || all >= SESSION_ID_MAX ||
	    strchr(file + n + 1, '.'))
		return 0;
	l->count++;
	if (strcmp(file, l->newest) > 0)
		memcpy(l->newest, file, all + 1);
	if (l->oldest[0] == '\0' || strcmp(file, l->oldest) < 0)
		memcpy(l->oldest, file, all + 1);
	return 0;
}

static int look_for(int keep_fd, const char *encoded, struct look *out)
{
	*out = (struct look){ .name = encoded };
	AUTO_FD int dir = os_open_at(keep_fd, DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
	return dir < 0 ? dir : os_dir_each(dir, look_at, out);
}

int session_publish(int keep_fd, const char *id, struct fail *fail)
{
	char encoded[SESSION_ID_MAX] = "";
	struct look look;
	BUF(from, PATH_MAX_);
	BUF(to, PATH_MAX_);

	put_path(&from, id, UNSEEN);
	put_path(&to, id, "");
	int r = os_rename_at(keep_fd, from.at, to.at);
	if (r < 0)
		return fail_set(fail, -r, "write", to.at);
	memcpy(encoded, id, (size_t)(session_stamp(id) - id) - 1);
	while (look_for(keep_fd, encoded, &look) == 0 && look.count > SESSIONS_KEPT) {
		buf_clear(&to);
		put_path(&to, look.oldest, "");
		if (os_unlink_at(keep_fd, to.at) < 0)
			break; /* it is only not tidy */
	}
	return 0;
}

int session_find(int keep_fd, const char *what, char *out_id)
{
	char encoded[ESCAPE_NAME_MAX + 1];
	struct os_file_id there;
	struct look look;
	BUF(path, PATH_MAX_);

	if (session_stamp(what)[0] != '\0' && !strchr(what, '/') && strlen(what) < SESSION_ID_MAX) {
		put_path(&path, what, "");
		if (os_file_id_at(keep_fd, path.at, &there) == 0) {
			memcpy(out_id, what, strlen(what) + 1);
			return 0;
		}
	}
	int r = escape_name(what, encoded);
	if (r == 0)
		r = look_for(keep_fd, encoded, &look);
	if (r < 0)
		return r == -EINVAL || r == -ENAMETOOLONG ? -ENOENT : r;
	if (look.count == 0)
		return -ENOENT;
	memcpy(out_id, look.newest, sizeof(look.newest));
	return 0;
}

int session_read(int keep_fd, const char *id, uid_t owner, char **out_text, size_t *out_n)
{
	struct os_file_id file;
	BUF(path, PATH_MAX_);

	put_path(&path, id, "");
	AUTO_FD int fd = os_open_at(keep_fd, path.at, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	int r = os_file_id(fd, &file);
	if (r == 0 && (!file.is_single_regular || file.uid != owner))
		r = -EPERM;
	if (r == 0 && file.size > TEXT_MAX)
		r = -EFBIG;
	if (r < 0)
		return r;
	AUTO_FREE char *text = malloc(file.size + 1);
	if (!text)
		return -ENOMEM;
	size_t done = 0;
	while (done < file.size) {
		ssize_t n = os_fd_pread(fd, text + done, file.size - done, done);
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	text[done] = '\0';
	*out_text = text;
	*out_n = done;
	text = NULL;
	return 0;
}

int session_open(int keep_fd, const char *id)
{
	struct os_file_id file;
	BUF(path, PATH_MAX_);

	put_path(&path, id, "");
	AUTO_FD int fd = os_open_at(keep_fd, path.at, O_WRONLY | O_APPEND, 0);
	if (fd < 0)
		return fd;
	int r = os_file_id(fd, &file);
	return r < 0 ? r : file.is_own_regular ? os_fd_steal(&fd) : -EPERM;
}
