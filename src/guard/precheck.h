/* --require-env, --pre-check: what must hold before a start.  What fails here is the environment's fault, and
 * not the job's. */
#ifndef SG_GUARD_PRECHECK_H
#define SG_GUARD_PRECHECK_H

struct explain;
struct run;

/* In front, with the lock, before anything is made.  0, or the exit status: said, recorded. */
int precheck_run(struct run *run);

/* The same, but the command is not run. */
void precheck_explain(struct run *run, struct explain *e);

#endif
