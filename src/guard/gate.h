/*
 * Waiting in the order of coming for something that is no lock of its own: a free slot, room in memory.  Who
 * has the gate is the next; behind it one stands at its door, the others in line before that, all in
 * flock(2). Gate and door change hands at different moments, so that one of them is held at any time at which
 * somebody waits: a newcomer that finds both free passes nobody.
 */
#ifndef SG_GUARD_GATE_H
#define SG_GUARD_GATE_H

struct fail;
struct run;
struct waiting;

enum gate { GATE_SLOT, GATE_ROOM };

/* Does nobody wait?  0; -EWOULDBLOCK: somebody does; -errno with `fail`. */
int gate_pass(const struct run *run, enum gate gate, struct fail *fail);
/* In turn.  Owned descriptor; else as waiting_take. */
int gate_take(struct waiting *w, enum gate gate, struct fail *fail);

#endif
