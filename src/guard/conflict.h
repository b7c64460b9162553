/* The locks of a run: taken, waited for, or refused with the holder's name. */
#ifndef SG_GUARD_CONFLICT_H
#define SG_GUARD_CONFLICT_H

#include <stdbool.h>

#include <stdint.h>

struct holder;
struct lock_refusals;
struct run;

#define CONFLICT_SKIPPED (-1) /* --on-conflict=skip: not started, exit status 0 */

/* 0: they are held.  Else the exit status, told and recorded; or CONFLICT_SKIPPED. */
int conflict_take_locks(struct run *run);

/* Who was not started, and by whose fault. */
struct refusal {
	const char *outcome, *reason; /* literals */
	const char *holder_run_id;    /* NULL = nobody's */
	int32_t holder_pid;
};
/* On paper: at most one line per job and minute, with the number since the last. */
void conflict_record(const struct run *run, struct lock_refusals *refusals, const struct refusal *refusal,
		     int exit_code);

/* "WHAT: nightly, pid 4711, ...; see: spawnguard ps nightly" */
void conflict_say(const struct run *run, const struct holder *h, const char *what, bool is_said);

/* --dry-run: would they be had?  Prints; exit status. */
int conflict_explain(struct run *run);

#endif
