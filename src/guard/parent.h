/* --with-parent: the run ends with the process that started it. */
#ifndef SG_GUARD_PARENT_H
#define SG_GUARD_PARENT_H

#include <stdbool.h>

#include "guard/pair.h"

struct buf;
struct run;

struct parent {
	int fd; /* owned: its handle, which is readable once all its threads have ended; -1 = not watched */
	struct pair_sender who;
};

/* Where it is asked for: take hold of the caller's process.  0; else the exit status, told. */
int parent_open(struct run *run);

/* It has ended, or never was: nothing may be started for it. */
bool parent_is_gone(const struct run *run);
/* The same, told: 0, or the exit status. */
int parent_check(const struct run *run);

/* While we block in a call: its end interrupts that call, as the alarm does. */
void parent_wake_us(const struct run *run, bool on);

/* --dry-run */
void parent_explain(struct buf *out, const struct run *run);

#endif
