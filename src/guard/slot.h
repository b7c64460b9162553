/*
 * --slots: so many runs at once, of one name or of a group of names.  A slot is a kernel lock, held by front
 * and warden as the job's own is: it is free the instant both are gone, however they ended.
 *
 * Who waits stands at a gate (guard/gate): one at a time looks for a slot, and newcomers pass nobody.
 */
#ifndef SG_GUARD_SLOT_H
#define SG_GUARD_SLOT_H

#include <stdbool.h>
#include <stdint.h>

struct explain;
struct run;

/* Whose slots they are: the group's, or those of the job's name. */
const char *slot_group(const struct run *run);

/* One of them: run->slot_fd and run->slot, 0.  Else as conflict_take_locks. */
int slot_take(struct run *run);

/* The info file beside a slot's lock: owned descriptor, -errno. */
int slot_open_info(const struct run *run, uint32_t slot, bool make);

/* How many are held at this moment, by whom, and whether one would be had. */
void slot_explain(struct run *run, struct explain *e);

#endif
