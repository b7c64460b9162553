/* What is said of a breaker that has changed: a line, a flag, and what its hook is told. */
#ifndef SG_GUARD_CIRCUIT_TELL_H
#define SG_GUARD_CIRCUIT_TELL_H

#include "core/circuit.h"
#include "core/failure.h"

struct buf;
struct run;
struct toll;

/* "; spawnguard breaker show nightly | reset nightly" */
void circuit_put_commands(struct buf *line, const struct run *run);

/* It has opened: a flag, and first the facts of it for --on-flag.  `link` to front; -1: we are front. */
void circuit_flag(struct run *run, const struct circuit *circuit, enum failure failure, const char *print,
		  int link);

/* An end was counted, and this has come of it. */
void circuit_say_change(struct run *run, const struct toll *toll, int link);

#endif
