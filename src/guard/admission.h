/*
 * --expect-mem, --reserve-mem, --min-free, --max-pressure: a run starts only if there is room for it.  What
 * it expects of the memory is claimed by its record, which is written before the admission lock is let go:
 * two starts never count on the same bytes.
 *
 * Who waits for memory stands at a gate (guard/gate): one at a time looks for room, and newcomers pass
 * nobody.
 */
#ifndef SG_GUARD_ADMISSION_H
#define SG_GUARD_ADMISSION_H

#include <stdint.h>

struct explain;
struct run;

/* What this run may need: as --expect-mem says, else (auto) by the last runs of the job; 0 = nothing is
 * known. */
uint64_t admission_expected(const struct run *run);

/*
 * Where a start may wait: until there is room.  Nothing is held then but the
 * gate, which keeps others from taking it.  0; else the exit status, told and
 * recorded.
 */
int admission_wait(struct run *run);
/*
 * The last step before the record is written: 0, and with --expect-mem the
 * admission lock is held until admission_leave.  Else as above.
 */
int admission_enter(struct run *run);
void admission_leave(struct run *run);

/* --dry-run, explain: by the same looks, none of the locks. */
void admission_explain(struct run *run, struct explain *e);

#endif
