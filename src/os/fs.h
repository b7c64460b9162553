/* What a place in the file system is good for: asked by writing, without leaving anything. */
#ifndef SG_OS_FS_H
#define SG_OS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OS_FS_PATH_MAX 512

struct os_fs {
	char at[OS_FS_PATH_MAX]; /* the path, or the nearest directory above it that is there */
	bool is_there;           /* it is the path itself */
	int err;          /* 0, or why `at` cannot be looked at (positive errno); then nothing below holds */
	char kind[24];    /* ext4, tmpfs, ...; 0x... where we know no name */
	bool is_remote;   /* as os_file_is_remote */
	bool is_volatile; /* in memory: gone with the next boot */
	bool is_overlay;  /* mostly a container's own layer: gone with it */
	uint64_t free_bytes;      /* for us */
	uint64_t free_inodes;     /* UINT64_MAX: the file system has no such limit */
	int make_err;             /* a file can be made (0) or positive errno */
	int write_err, flock_err; /* it can take 4 KiB, and be locked; not asked where it cannot be made: 0 */
};

/* Look at `path`; nothing is made that could be seen.  0, -ENAMETOOLONG. */
int os_fs_look(const char *path, struct os_fs *out);

#endif
