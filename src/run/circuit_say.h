/* A breaker in words: the same in the refusal, at its opening, and from breaker, status and explain. */
#ifndef SG_RUN_CIRCUIT_SAY_H
#define SG_RUN_CIRCUIT_SAY_H

#include <stdint.h>

struct buf;
struct circuit;

/* Why it is open: "3 startup failures in 2m (same: "AttributeError: ...")".  Escaped. */
void circuit_say_why(struct buf *out, const struct circuit *circuit);
/* "in 4m12s at 14:05". */
void circuit_say_when(struct buf *out, uint64_t wait_ns, uint64_t now_wall_ns);
/* What is next: "next trial in 4m12s at 14:05", "a trial is due", "closed by hand only". */
void circuit_say_next(struct buf *out, const struct circuit *circuit, uint64_t now_wall_ns);

#endif
