#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "os/fd.h"
#include "os/file.h"

#define LOCK_DIR  "locks/job/"
#define QUEUE_DIR "locks/queue"
#define TRIAL_DIR "locks/trial"

/* Its name, encoded, in `dir`. 0, -errno. */
static int start_path(const char *job, const char *dir, char *out, struct buf *path)
{
	char name[ESCAPE_NAME_MAX + 1];

	int r = escape_name(job, name);
	if (r < 0)
		return r;
	buf_init(path, out, LOCK_PATH_MAX);
	buf_str(path, dir);
	buf_str(path, name);
	return 0;
}

int lock_path(const char *job, char *out)
{
	struct buf path;
	return start_path(job, LOCK_DIR, out, &path);
}

int lock_queue_path(const char *job, uint32_t place, char *out)
{
	struct buf path;

	int r = start_path(job, QUEUE_DIR "/", out, &path);
	if (r < 0)
		return r;
	if (place > 0) {
		buf_char(&path, '.'); /* in no encoded name */
		buf_u64(&path, place);
	}
	return 0;
}

int lock_admission_path(bool door, char *out)
{
	struct buf path;

	buf_init(&path, out, LOCK_PATH_MAX);
	buf_str(&path, door ? LOCK_ADMISSION ".door" : LOCK_ADMISSION ".gate");
	return 0;
}

int lock_slot_path(const char *group, uint32_t slot, char *out)
{
	struct buf path;

	int r = start_path(group, LOCK_SLOTS "/", out, &path);
	if (r < 0)
		return r;
	if (slot == LOCK_SLOT_GATE || slot == LOCK_SLOT_DOOR) {
		buf_str(&path, slot == LOCK_SLOT_GATE ? ".gate" : ".door"); /* in no encoded name */
		return 0;
	}
	buf_char(&path, '/');
	buf_u64(&path, slot);
	return 0;
}

int lock_slot_place_path(const char *group, uint32_t place, char *out)
{
	struct buf path;

	int r = start_path(group, LOCK_SLOTS "/", out, &path);
	if (r < 0)
		return r;
	buf_str(&path, ".place.");
	buf_u64(&path, place);
	return 0;
}

static int make_dir(int dirfd, const char *path, struct fail *fail)
{
	int r = os_mkdir_at(dirfd, path, 0700);
	return r < 0 && r != -EEXIST ? fail_set(fail, -r, "make directory", path) : 0;
}

int lock_make_slots(int dirfd, const char *group, struct fail *fail)
{
	char dir[LOCK_PATH_MAX];
	struct buf path;

	int r = start_path(group, LOCK_SLOTS "/", dir, &path);
	if (r < 0)
		return fail_set(fail, -r, "name the slots of", group);
	r = make_dir(dirfd, LOCK_SLOTS, fail);
	return r < 0 ? r : make_dir(dirfd, dir, fail);
}

int lock_make_queue(int dirfd, struct fail *fail)
{
	return make_dir(dirfd, QUEUE_DIR, fail);
}

/* Open, and one of ours. */
static int open_lock(int dirfd, const char *path, struct os_file_id *out_id, struct fail *fail)
{
	AUTO_FD int fd = os_open_at(dirfd, path, O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return fail_set(fail, -fd, "open lock file", path);
	int r = os_file_id(fd, out_id);
	if (r == 0 && !out_id->is_own_regular)
		r = -EPERM; /* planted: a link, a FIFO, another user's file */
	return r < 0 ? fail_set(fail, -r, "lock", path) : os_fd_steal(&fd);
}

/* The file may have been removed meanwhile: a lock on a nameless inode guards nothing.  1, 0, -errno. */
static int is_named(int dirfd, const char *path, const struct os_file_id *held, struct fail *fail)
{
	struct os_file_id named;

	int r = os_file_id_at(dirfd, path, &named);
	if (r < 0 && r != -ENOENT)
		return fail_set(fail, -r, "check lock file", path);
	return r == 0 && os_is_same_file(held, &named);
}

static int lock_at(int dirfd, const char *path, bool shared, bool wait, struct fail *fail)
{
	for (int round = 0; round < 100; round++) {
		struct os_file_id held;
		AUTO_FD int fd = open_lock(dirfd, path, &held, fail);
		if (fd < 0)
			return fd;
		int r = wait ? os_flock_wait(fd, shared) : os_flock_try(fd, shared);
		if (r == -EWOULDBLOCK || r == -EINTR)
			return r; /* an answer, not a failure: the caller names the holder */
		if (r < 0)
			return fail_set(fail, -r, "lock", path);
		r = is_named(dirfd, path, &held, fail);
		if (r != 0)
			return r < 0 ? r : os_fd_steal(&fd);
	}
	return fail_set(fail, EBUSY, "lock: removed as fast as made", path); /* not EAGAIN: that means held */
}

int lock_open_kept(int dirfd, const char *path, struct fail *fail)
{
	struct os_file_id id;
	return open_lock(dirfd, path, &id, fail);
}

bool lock_is_held(int dirfd, const char *path)
{
	AUTO_FD int fd = os_open_at(dirfd, path, O_RDWR, 0);
	return fd >= 0 && os_flock_try(fd, true) == -EWOULDBLOCK;
}

int lock_try_kept(int dirfd, const char *path, int *fd, struct fail *fail)
{
	struct os_file_id held;

	if (*fd < 0)
		*fd = open_lock(dirfd, path, &held, fail);
	if (*fd < 0)
		return *fd;
	int r = os_flock_try(*fd, false);
	if (r == -EWOULDBLOCK)
		return r;
	if (r == 0)
		r = os_file_id(*fd, &held);
	if (r < 0)
		return fail_set(fail, -r, "lock", path);
	r = is_named(dirfd, path, &held, fail);
	if (r > 0)
		return 0;
	os_fd_close(fd);
	return r < 0 ? r : -EWOULDBLOCK; /* the new one is opened at the next try */
}

int lock_try(int dirfd, const char *path, bool shared, struct fail *fail)
{
	return lock_at(dirfd, path, shared, false, fail);
}

int lock_try_trial(int dirfd, const char *job, struct fail *fail)
{
	char path[LOCK_PATH_MAX];
	struct buf at;

	int r = start_path(job, TRIAL_DIR "/", path, &at);
	if (r < 0)
		return fail_set(fail, -r, "name the trial of", job);
	r = lock_try(dirfd, path, false, fail);
	if (r == -ENOENT && (r = make_dir(dirfd, TRIAL_DIR, fail)) == 0)
		r = lock_try(dirfd, path, false, fail);
	return r;
}

int lock_wait(int dirfd, const char *path, bool shared, struct fail *fail)
{
	return lock_at(dirfd, path, shared, true, fail);
}

int lock_user_file(const char *path, bool shared, bool wait, struct fail *fail)
{
	AUTO_FD int fd = os_open_user(path, O_RDONLY | O_CREAT, 0666);
	if (fd == -EISDIR)
		fd = os_open_user(path, O_RDONLY, 0);
	if (fd < 0)
		return fail_set(fail, -fd, "open lock file", path);
	int r = wait ? os_flock_wait(fd, shared) : os_flock_try(fd, shared);
	if (r == -EWOULDBLOCK || r == -EINTR)
		return r;
	if (r < 0)
		return fail_set(fail, -r, "lock", path);
	return os_fd_steal(&fd);
}

int lockinfo_open(int dirfd, const char *path, bool make)
{
	struct os_file_id id;
	BUF(name, LOCK_PATH_MAX + 8);

	buf_str(&name, path);
	buf_str(&name, ".info");
	AUTO_FD int fd = os_open_at(dirfd, name.at, O_RDWR | (make ? O_CREAT : 0), 0600);
	if (fd < 0)
		return fd;
	int r = os_file_id(fd, &id);
	if (r < 0)
		return r;
	return id.is_own_regular ? os_fd_steal(&fd) : -EPERM;
}

int lockinfo_look(int dirfd, const char *path, uid_t owner)
{
	struct os_file_id id;
	BUF(name, LOCK_PATH_MAX + 8);

	buf_str(&name, path);
	buf_str(&name, ".info");
	AUTO_FD int fd = os_open_at(dirfd, name.at, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	int r = os_file_id(fd, &id);
	if (r < 0)
		return r;
	return id.is_single_regular && id.uid == owner ? os_fd_steal(&fd) : -EPERM;
}

int lockinfo_read(int fd, struct lockinfo *out_info)
{
	struct lockinfo info = { 0 };

	ssize_t n = os_fd_pread(fd, &info, sizeof(info), 0);
	if (n < 0)
		return (int)n;
	lockinfo_check(&info);
	*out_info = info;
	return 0;
}

int lockinfo_write_holder(int fd, struct lock_holder *holder)
{
	lock_holder_seal(holder);
	return os_fd_pwrite(fd, holder, sizeof(*holder), offsetof(struct lockinfo, holder));
}

int lockinfo_write_refusals(int fd, struct lock_refusals *refusals)
{
	lock_refusals_seal(refusals);
	return os_fd_pwrite(fd, refusals, sizeof(*refusals), offsetof(struct lockinfo, refusals));
}

int lockinfo_write_breaker(int fd, bool has_breaker)
{
	uint16_t value = has_breaker;
	return os_fd_pwrite(fd, &value, sizeof(value), offsetof(struct lockinfo, has_breaker));
}

int lockinfo_write_unkept(int fd, uint16_t unkept)
{
	return os_fd_pwrite(fd, &unkept, sizeof(unkept), offsetof(struct lockinfo, unkept));
}

int lockinfo_write_scan(int fd, bool wants_scan)
{
	uint32_t value = wants_scan;
	return os_fd_pwrite(fd, &value, sizeof(value), offsetof(struct lockinfo, wants_scan));
}
