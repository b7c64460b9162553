#include "os/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "os/fd.h"
#include "os/file.h"

#define TRY_BYTES 4096 /* what a record begins with */

/* clang-format off */
static const struct {
	unsigned long magic; /* statfs(2) */
	const char *name;
	bool is_volatile;
} kinds[] = {
	{ 0xef53UL,     "ext4",      false },
	{ 0x58465342UL, "xfs",       false },
	{ 0x9123683eUL, "btrfs",     false },
	{ 0x2fc12fc1UL, "zfs",       false },
	{ 0xf2f52010UL, "f2fs",      false },
	{ 0xca451a4eUL, "bcachefs",  false },
	{ 0x794c7630UL, "overlayfs", false },
	{ 0x01021994UL, "tmpfs",     true },
	{ 0x858458f6UL, "ramfs",     true },
	{ 0x4d44UL,     "vfat",      false },
	{ 0x73717368UL, "squashfs",  false },
	{ 0x6969UL,     "nfs",       false },
	{ 0xff534d42UL, "cifs",      false },
	{ 0xfe534d42UL, "smb2",      false },
	{ 0x01021997UL, "9p",        false },
	{ 0x65735546UL, "fuse",      false },
	{ 0x00c36400UL, "ceph",      false },
	{ 0x9fa0UL,     "proc",      true },
	{ 0x62656572UL, "sysfs",     true },
};
/* clang-format on */

static void name_kind(struct os_fs *fs, unsigned long magic)
{
	struct buf kind;

	buf_init(&kind, fs->kind, sizeof(fs->kind));
	fs->is_overlay = magic == 0x794c7630UL;
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].magic != magic)
			continue;
		buf_str(&kind, kinds[i].name);
		fs->is_volatile = kinds[i].is_volatile;
		return;
	}
	buf_str(&kind, "0x");
	buf_hex(&kind, magic, 1);
}

static void measure(struct os_fs *fs, int dir)
{
	struct statfs kind;
	struct statvfs room;

	if (fstatfs(dir, &kind) == 0)
		name_kind(fs, (unsigned long)kind.f_type & 0xffffffffUL);
	fs->is_remote = os_file_is_remote(dir) > 0;
	if (fstatvfs(dir, &room) < 0)
		return;
	fs->free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
	fs->free_inodes = room.f_files == 0 ? UINT64_MAX : room.f_favail;
}

/* No name, so nobody can see it, and it is gone with its descriptor. */
static int make_nameless(int dir)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd < 0 ? -errno : fd;
	/* A file system without O_TMPFILE: what its modes and mount say. */
	return faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) < 0 ? -errno : -EOPNOTSUPP;
}

static void try_file(struct os_fs *fs, int dir)
{
	static const char bytes[TRY_BYTES];
	/* Theirs alone: no mode says so. */
	bool is_of_kernel = strcmp(fs->kind, "proc") == 0 || strcmp(fs->kind, "sysfs") == 0;
	AUTO_FD int fd = is_of_kernel ? -EPERM : make_nameless(dir);

	if (fd == -EOPNOTSUPP) /* could be, but is not tried */
		return;
	if (fd < 0) {
		fs->make_err = -fd;
		return;
	}
	fs->write_err = -os_fd_pwrite(fd, bytes, sizeof(bytes), 0);
	fs->flock_err = flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
}

int os_fs_look(const char *path, struct os_fs *out)
{
	struct buf at;

	*out = (struct os_fs){ .is_there = true };
	buf_init(&at, out->at, sizeof(out->at));
	buf_str(&at, path);
	if (at.cut)
		return -ENAMETOOLONG;
	for (;;) {
		/* The place itself may be no link; what leads to it may. */
		AUTO_FD int dir = out->is_there ? os_open_at(OS_CWD, out->at, O_RDONLY | O_DIRECTORY, 0)
						: os_open_user(out->at, O_RDONLY | O_DIRECTORY, 0);
		if (dir >= 0) {
			measure(out, dir);
			try_file(out, dir);
			return 0;
		}
		char *slash = strrchr(out->at, '/');
		if (dir != -ENOENT || strcmp(out->at, "/") == 0 || strcmp(out->at, ".") == 0) {
			out->err = -dir;
			return 0;
		}
		out->is_there = false;
		if (!slash) { /* relative: from where we are */
			buf_clear(&at);
			buf_char(&at, '.');
		} else {
			buf_truncate(&at, slash == out->at ? 1 : (size_t)(slash - out->at));
		}
	}
}
