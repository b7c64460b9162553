/* --cgroup: a control group of the job's own, made before the record is written and named in it. */
#ifndef SG_GUARD_CGROUP_H
#define SG_GUARD_CGROUP_H

struct run;

/* Make it, where it was asked for: run->cgroup_fd, and its place in the head.  0, or the exit status, told.
 */
int cgroup_make(struct run *run);
/* The start does not come about. */
void cgroup_withdraw(struct run *run);
/* Front of `run_id` was killed after it had made the group and before it wrote the record: it is empty. */
void cgroup_remove_unrecorded(const struct run *run, const char *run_id);

#endif
