/* Runs whose guards were killed: their trees are ended and their records closed, by the next start, reap or
 * kill. */
#ifndef SG_RUN_RECOVERY_H
#define SG_RUN_RECOVERY_H

#include <stdbool.h>

#include "codec/history.h"
#include "run/find.h"
#include "run/toll.h"

#define RECOVERY_NAMED_MAX HISTORY_PROCESS_MAX

struct recovery {
	/* asked for */
	const struct statedir *dir; /* borrowed */
	const char *by;             /* "start", "reap", "kill": stands in the end line */
	bool holds_lock;            /* the caller has the job's lock: no guard of it can live */
	bool dry_run;
	uint64_t grace_ns; /* NUM_NONE: as the run was told */
	struct toll toll;  /* what its end wants, if anybody knows; and what it came to */
	/* found */
	char run_id[RUN_ID_MAX + 8];
	char job[208];
	bool is_guarded; /* a guard lives: nothing was done */
	bool is_damaged; /* the record could not be read and was put aside */
	bool is_old_boot, is_unverifiable;
	bool is_closed;    /* it had ended in order: only its record was left */
	bool is_looked_at; /* what it left was found and ended, or nothing could be; else a failure came
			      before */
	uint32_t members;  /* verified and alive, or what dry_run would end */
	uint32_t killed;   /* of these: after KILL */
	uint32_t survivors;
	uint64_t freed_bytes, took_ns;
	struct history_process process[RECOVERY_NAMED_MAX]; /* members of a dry run, or survivors */
	uint32_t process_count;
	int32_t listed[RECOVERY_NAMED_MAX]; /* only one mark says that they are of this run: not touched */
	uint32_t listed_count;
};

/*
 * What the dead run `run_id` left: ended, its record closed as lost.  0 done
 * (also: nothing to do); -ENOENT no such record; -EBUSY survivors: the record
 * stays; -errno.
 */
int recovery_run(struct recovery *r, const char *run_id);

#endif
