#include "os/hole.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int os_hole_punch(int fd, uint64_t from, uint64_t to)
{
	int r;

	do
		r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
			      (off_t)(to - from));
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int64_t os_hole_next_data(int fd, uint64_t from)
{
	struct stat st;

	off_t at = lseek(fd, (off_t)from, SEEK_DATA);
	if (at >= 0)
		return at;
	if (errno == EINVAL) /* a file system without holes */
		return (int64_t)from;
	if (errno != ENXIO)
		return -errno;
	return fstat(fd, &st) < 0 ? -errno : st.st_size;
}

int os_file_truncate(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

bool os_file_is_full(int fd)
{
	struct statvfs fs;
	return fstatvfs(fd, &fs) == 0 && fs.f_blocks > 0 && fs.f_bavail == 0;
}
