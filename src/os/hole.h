/* Files that grow at one end and are freed at the other: their space, not their offsets. */
#ifndef SG_OS_HOLE_H
#define SG_OS_HOLE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Free the space of [from, to); the file keeps its size, and reads as zeros
 * there.  0, -EOPNOTSUPP (this file system cannot), -errno.
 */
int os_hole_punch(int fd, uint64_t from, uint64_t to);

/* Where the first data at or behind `from` stands; the size of the file if there is none; -errno. */
int64_t os_hole_next_data(int fd, uint64_t from);

int os_file_truncate(int fd, uint64_t size);

/* Has its file system no block left for us? */
bool os_file_is_full(int fd);

#endif
