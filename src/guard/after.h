/* Front after the end of its run: what it still waits for, with the lock already free. */
#ifndef SG_GUARD_AFTER_H
#define SG_GUARD_AFTER_H

#include "core/outcome.h"

struct run;

/* The end is told and written down: let the lock go, then see to hooks and to what is on its way to stderr.
 */
void after_end(struct run *run, int signals, const struct outcome_verdict *verdict);

#endif
