/* The control group of a run, as its record names it: by place, run id and inode; else it is not the run's.
 */
#ifndef SG_RUN_CGROUP_H
#define SG_RUN_CGROUP_H

#include "codec/record.h"

struct buf;

/* "spawnguard-RUNID" */
void run_cgroup_name(struct buf *out, const char *run_id);
/* Owned descriptor of the very group that was made for it; -ENOENT none, or it is gone; -errno. */
int run_cgroup_open(const struct record_head *head);
/* With all groups below it.  0; -ENOENT; -EBUSY somebody lives in it: it stays; -errno. */
int run_cgroup_remove(const struct record_head *head);

#endif
