/* What a breaker waits for and how near its rules are, in words and as JSON: the same from breaker, status
 * and explain. */
#ifndef SG_RUN_CIRCUIT_PLAN_H
#define SG_RUN_CIRCUIT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/circuit.h"

struct buf;
struct json;

/* "5m, 10m, then 20m each": from the n-th on, without the jitter. */
void circuit_plan_steps(struct buf *out, const struct circuit_rules *rules, enum failure failure, uint32_t n);
/* Has that rule something to tell, and what: "2 of 3 within 10m; less in 4m12s". */
bool circuit_plan_gauge(struct buf *out, const struct circuit *circuit, enum circuit_rule rule);
/* What opens it first, when the next run fails: "the next startup failure opens it for 5m"; nothing is
 * written where no rule is that near. */
void circuit_plan_nearest(struct buf *out, const struct circuit *circuit);

/* Members of an object: state, why, next trial, rules, back-off. */
void circuit_plan_json(struct json *j, const struct circuit *circuit, uint64_t now_wall_ns);

#endif
