/* The mounts of this process, as /proc/self/mountinfo lists them. */
#ifndef SG_OS_MOUNT_H
#define SG_OS_MOUNT_H

#include <stddef.h>

struct os_mount {
	const char *root, *point, *type, *options; /* options: of the file system, not of the mount */
};

/* Every mount in its order: what comes later lies on top.  The texts hold until it returns.  0, -errno. */
int os_mount_each(void (*each)(void *with, const struct os_mount *m), void *with);

/* Value of `key` among options separated by commas: points behind the '=' (to the comma), or "" where it
 * stands alone; NULL. */
const char *os_mount_option(const char *options, const char *key);

#endif
