/* A control group of the test's own, version 2, where we may have one. */
#ifndef SG_UNIT_GROUP_H
#define SG_UNIT_GROUP_H

#include <stdbool.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/cgroup.h"
#include "os/clock.h"
#include "os/fd.h"

struct own {
	struct os_cgroup_mount at;
	int parent, dir;
	uint64_t ino;
	char name[96];
};

/* False: not here. */
static inline bool own_open_as(struct own *own, const char *name)
{
	struct buf text;

	if (os_cgroup_find(&own->at) < 0)
		return false;
	own->parent = os_cgroup_open(own->at.point);
	buf_init(&text, own->name, sizeof(own->name));
	buf_str(&text, name);
	own->dir = own->parent < 0 ? -1 : os_cgroup_make(own->parent, own->name, &own->ino);
	if (own->dir < 0)
		os_fd_close(&own->parent);
	return own->dir >= 0;
}

/* Nobody else's: in a PID namespace numbers are small, and a test that was aborted has left its group there.
 */
static inline void own_name(struct buf *name)
{
	buf_str(name, "sg-unit-");
	buf_u64(name, (uint64_t)getpid());
	buf_char(name, '-');
	buf_u64(name, os_clock_boot_ns());
}

static inline bool own_open(struct own *own)
{
	BUF(name, 64);
	own_name(&name);
	return own_open_as(own, name.at);
}

static inline void own_close(struct own *own)
{
	os_fd_close(&own->dir);
	assert_int_equal(os_cgroup_remove(own->parent, own->name), 0);
	os_fd_close(&own->parent);
}

#endif
