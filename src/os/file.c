#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/auto.h"
#include "os/fd.h"

_Static_assert(OS_CWD == AT_FDCWD, "as the kernel has it");
_Static_assert(OS_READ == O_RDONLY, "as the kernel has it");
_Static_assert(OS_WRITE_NEW == (O_WRONLY | O_CREAT | O_TRUNC), "as the kernel has it");
_Static_assert(OS_WRITE_END == (O_WRONLY | O_CREAT | O_APPEND), "as the kernel has it");
_Static_assert(OS_BOTH_END == (O_RDWR | O_CREAT | O_APPEND), "as the kernel has it");

int os_open_at(int dirfd, const char *name, int flags, unsigned mode)
{
	int fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);
	return fd < 0 ? -errno : fd;
}

int os_open_user(const char *path, int flags, unsigned mode)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode);
	return fd < 0 ? -errno : fd;
}

int os_open_place(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int os_flock_try(int fd, bool shared)
{
	return flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0 ? -errno : 0;
}

int os_flock_wait(int fd, bool shared)
{
	return flock(fd, shared ? LOCK_SH : LOCK_EX) < 0 ? -errno : 0;
}

static struct os_file_id id_of(const struct stat *st)
{
	static uid_t self = (uid_t)-1; /* does not change while we live */
	if (self == (uid_t)-1)
		self = geteuid();
	bool own = st->st_uid == self;
	return (struct os_file_id){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size > 0 ? (uint64_t)st->st_size : 0,
		.changed_wall_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000U + (uint64_t)st->st_ctim.tv_nsec,
		.is_regular = S_ISREG(st->st_mode),
		.is_single_regular = S_ISREG(st->st_mode) && st->st_nlink <= 1,
		.is_own_regular = S_ISREG(st->st_mode) && st->st_nlink <= 1 && own,
		.is_own_private_dir = S_ISDIR(st->st_mode) && own && (st->st_mode & 077) == 0,
		.mode = st->st_mode,
		.uid = st->st_uid,
	};
}

int os_file_id(int fd, struct os_file_id *out_id)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return -errno;
	*out_id = id_of(&st);
	return 0;
}

int os_file_id_at(int dirfd, const char *name, struct os_file_id *out_id)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*out_id = id_of(&st);
	return 0;
}

int os_file_id_user(int dirfd, const char *name, struct os_file_id *out_id)
{
	struct stat st;
	if (fstatat(dirfd, name, &st, 0) < 0)
		return -errno;
	*out_id = id_of(&st);
	return 0;
}

uint64_t os_file_write_place(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	struct stat st;

	if (flags >= 0 && flags & O_APPEND)
		return fstat(fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
	off_t at = lseek(fd, 0, SEEK_CUR);
	return at > 0 ? (uint64_t)at : 0;
}

int os_mkdir_at(int dirfd, const char *name, unsigned mode)
{
	return mkdirat(dirfd, name, mode) < 0 ? -errno : 0;
}

int os_unlink_at(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

int os_rmdir_at(int dirfd, const char *name)
{
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int os_rename_at(int dirfd, const char *from, const char *to)
{
	return renameat(dirfd, from, dirfd, to) < 0 ? -errno : 0;
}

int os_rename_new_at(int dirfd, const char *from, const char *to)
{
#ifdef __GLIBC__
	return renameat2(dirfd, from, dirfd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
#else
	return syscall(SYS_renameat2, dirfd, from, dirfd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
#endif
}

ssize_t os_file_read_fd(int fd, char *bytes, size_t n)
{
	size_t have = 0;
	while (have < n - 1) {
		ssize_t got = os_fd_pread(fd, bytes + have, n - 1 - have, have);
		if (got < 0)
			return got;
		if (got == 0)
			break;
		have += (size_t)got;
	}
	bytes[have] = '\0';
	return (ssize_t)have;
}

ssize_t os_file_read_at(int dirfd, const char *name, char *bytes, size_t n)
{
	AUTO_FD int fd = os_open_at(dirfd, name, O_RDONLY, 0);
	return fd < 0 ? fd : os_file_read_fd(fd, bytes, n);
}

int os_file_is_remote(int fd)
{
	/* statfs(2); the kernel's headers name only some of them */
	static const unsigned long remote[] = {
		0x6969UL /* NFS */,       0xff534d42UL /* CIFS */, 0xfe534d42UL /* SMB2 */,
		0x517bUL /* SMB */,       0x01021997UL /* 9P */,   0x65735546UL /* FUSE */,
		0x73757245UL /* CODA */,  0x5346414fUL /* AFS */,  0x00c36400UL /* CEPH */,
		0x7461636fUL /* OCFS2 */, 0x01161970UL /* GFS2 */, 0x0bd00bd0UL /* LUSTRE */,
	};
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	for (size_t i = 0; i < COUNT_OF(remote); i++)
		if (((unsigned long)fs.f_type & 0xffffffffUL) == remote[i])
			return 1;
	return 0;
}

struct dirent64_head {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

static int each_of(const char *bytes, size_t n, int (*each)(void *with, const char *name), void *with)
{
	for (size_t at = 0; at < n;) {
		const struct dirent64_head *d = (const void *)(bytes + at);
		bool is_dot = d->name[0] == '.' && (!d->name[1] || (d->name[1] == '.' && !d->name[2]));
		int r = is_dot ? 0 : each(with, d->name);
		if (r != 0)
			return r;
		at += d->reclen;
	}
	return 0;
}

int os_dir_each(int dirfd, int (*each)(void *with, const char *name), void *with)
{
	_Alignas(8) char bytes[4096];

	if (lseek(dirfd, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		long got = syscall(SYS_getdents64, dirfd, bytes, sizeof(bytes));
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		int r = each_of(bytes, (size_t)got, each, with);
		if (r != 0)
			return r;
	}
}
