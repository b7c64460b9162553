/*
 * --max-attempts N/D: how often a task of the job (--task) is tried within a time.  Counted before the start,
 * under the lock of its breaker, so that however many start at once, no more than N do; run/toll says at the
 * end whether it was an attempt.
 */
#ifndef SG_GUARD_TASK_H
#define SG_GUARD_TASK_H

#include <stdbool.h>

#include "core/failure.h"

struct explain;
struct job;
struct run;

bool task_is_limited(const struct job *job);
/* "" = it has none. */
const char *task_name(const struct job *job);

/* In front, with the lock of the job: an attempt begins.  0, or the exit status: told and recorded. */
int task_prepare(struct run *run);
/* The start was refused for another reason: it was none. */
void task_withdraw(struct run *run);
/* Another one of the same run (--retry), after a failure of that class; no: said. */
bool task_allows_another(const struct run *run, enum failure failure);
/* The same asked only. */
void task_explain(struct run *run, struct explain *explain);

#endif
