/*
 * --on-conflict=queue: first in, first out, without a list that somebody would have to keep.  The queue is a
 * chain of lock files, place 1 next to the job.  Who stands at a place holds its lock and waits for the one
 * before it; a newcomer comes from the far end and cannot pass anybody.  The kernel frees the place of one
 * that is killed, and those behind it move up.  The queue's own lock lets one newcomer in at a time; a start
 * that replaces a run holds it meanwhile.
 */
#ifndef SG_GUARD_QUEUE_H
#define SG_GUARD_QUEUE_H

#include <stdbool.h>

struct fail;
struct run;

/* The main lock, in turn: owned descriptor; -EWOULDBLOCK: the deadline has passed, or the queue is full;
 * -EDEADLK: it would wait for the run around it; -errno with `fail`. */
int queue_take(struct run *run, bool *out_is_full, struct fail *fail);

/* Would one more have no place? */
bool queue_is_full(const struct run *run);

#endif
