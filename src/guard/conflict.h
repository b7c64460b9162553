/* The locks of a run: taken, waited for, or refused with the holder's name. */
#ifndef SG_GUARD_CONFLICT_H
#define SG_GUARD_CONFLICT_H

struct run;

#define CONFLICT_SKIPPED (-1) /* --on-conflict=skip: not started, exit status 0 */

/* 0: they are held.  Else the exit status, told and recorded; or CONFLICT_SKIPPED. */
int conflict_take_locks(struct run *run);

/* --dry-run: would they be had?  Prints; exit status. */
int conflict_explain(struct run *run);

#endif
