/* --isolate: the job in a PID namespace, with a first process of ours that ends when we do. */
#ifndef SG_GUARD_ISOLATE_H
#define SG_GUARD_ISOLATE_H

#include "os/namespace.h"

struct buf;
struct run;

struct isolation {
	struct os_ns ns;
	int link;      /* owned: to the first process; -1 = none */
	bool is_ready; /* the first process goes with the warden */
	pid_t job;     /* as the warden counts */
};

void isolate_init(struct isolation *in);

/* In the warden: make the namespace and its first process.  0; -errno: run->world_failed says of what. */
int isolate_open(struct run *run);

/* As os_spawn; the job's process is the warden's child, and lives in there. */
pid_t isolate_spawn(struct run *run, int (*body)(void *with), void *with, int *out_pidfd, int *out_errno);

/* In the job's process, once it is on record. 0; -errno, as above. */
int isolate_enter(struct run *run);

/* A child of the warden's has been reaped: was it the last in there, the first process ends. */
void isolate_reaped(struct run *run);

/* No job: nothing is left of it. */
void isolate_undo(struct run *run);

/* Lines for --dry-run. */
void isolate_explain(struct buf *out, const struct run *run);

#endif
