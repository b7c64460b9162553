/*
 * Files by descriptor.  CLOEXEC, NOFOLLOW, NONBLOCK and NOCTTY are always added: no path of ours is a
 * symlink, and a FIFO or a terminal planted in its place must neither hang us nor become our own.
 */
#ifndef SG_OS_FILE_H
#define SG_OS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct os_file_id {
	uint64_t dev, ino, size;
	uint64_t changed_wall_ns; /* ctime */
	bool is_regular;
	bool is_single_regular; /* a regular file of one name, whoever owns it */
	bool is_own_regular; /* a regular file, at most one link (0: just removed), owned by our effective uid
			      */
	bool is_own_private_dir; /* a directory, owned by our effective uid, 0700 or less */
	uint32_t mode;
	uid_t uid;
};

/* `dirfd` for paths that are absolute or start at the working directory. */
#define OS_CWD (-100)

/* Flags of os_open_at and os_open_user: read; write anew what is there, or make it. */
#define OS_READ      0
#define OS_WRITE_NEW (01 | 0100 | 01000)
/* The same: write behind what is there, or make it. */
#define OS_WRITE_END (01 | 0100 | 02000)
#define OS_BOTH_END  (02 | 0100 | 02000)

/* Owned descriptor, or negative errno. */
int os_open_at(int dirfd, const char *name, int flags, unsigned mode);
/* The same for a path that a user gave: symlinks are followed, as flock(1) does. */
int os_open_user(const char *path, int flags, unsigned mode);
/* A directory as a place to start paths from: search permission suffices.  Owned descriptor, or -errno. */
int os_open_place(const char *path);

/* flock without waiting.  0, -EWOULDBLOCK (somebody holds it). */
int os_flock_try(int fd, bool shared);
/* flock that waits.  0, -EINTR (a signal came), -errno. */
int os_flock_wait(int fd, bool shared);

int os_file_id(int fd, struct os_file_id *out_id);
int os_file_id_at(int dirfd, const char *name, struct os_file_id *out_id);
/* The same of what a link leads to. */
int os_file_id_user(int dirfd, const char *name, struct os_file_id *out_id);

/* Where the next write to this regular file goes: its offset, or its end; 0 where that cannot be told. */
uint64_t os_file_write_place(int fd);

static inline bool os_is_same_file(const struct os_file_id *a, const struct os_file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

int os_mkdir_at(int dirfd, const char *name, unsigned mode);
int os_unlink_at(int dirfd, const char *name);
int os_rmdir_at(int dirfd, const char *name);
int os_rename_at(int dirfd, const char *from, const char *to);
/* Only where `to` does not exist: -EEXIST; -EINVAL where the file system cannot promise that. */
int os_rename_new_at(int dirfd, const char *from, const char *to);

/* Up to n - 1 bytes of a small file, NUL-terminated: read once, no special files waited for.  Length or
 * -errno. */
ssize_t os_file_read_at(int dirfd, const char *name, char *bytes, size_t n);
ssize_t os_file_read_fd(int fd, char *bytes, size_t n);

/* On a file system where flock is not the kernel's own (NFS, SMB, 9P, FUSE, ...).  1, 0, -errno. */
int os_file_is_remote(int fd);

/*
 * Names in a directory, "." and ".." left out: `each` returns 0 to go on.
 * 0, what `each` returned, or -errno.  Not for hot paths: getdents by 4 KiB.
 */
int os_dir_each(int dirfd, int (*each)(void *with, const char *name), void *with);

#endif
