/* The locks of a run: taken, waited for, or refused with the holder's name. */
#ifndef SG_GUARD_CONFLICT_H
#define SG_GUARD_CONFLICT_H

#include <stdbool.h>

struct explain;
struct holder;
struct run;

#define CONFLICT_SKIPPED (-1) /* --on-conflict=skip: not started, exit status 0 */

/* 0: they are held.  Else the exit status, told and recorded; or CONFLICT_SKIPPED. */
int conflict_take_locks(struct run *run);

/* "WHAT: nightly, pid 4711, ...; see: spawnguard ps nightly" */
void conflict_say(const struct run *run, const struct holder *h, const char *what, bool is_said);

/* Would they be had? */
void conflict_explain(struct run *run, struct explain *e);

#endif
