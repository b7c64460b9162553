/* The texts of what opens the breaker of a job, and for how long. */
#ifndef SG_CONF_LOOP_VALUE_H
#define SG_CONF_LOOP_VALUE_H

#include <stdint.h>

#include "core/circuit.h"

struct buf;

/* Each: 0, or -EINVAL with the reason and the cure in `why`, and nothing written. */

/* "3/10m": so many within a time; "none": count 0. */
int loop_rate_parse(const char *text, struct circuit_rate *out_rate, struct buf *why);
/* "2": so many in a row; "none": 0. */
int loop_streak_parse(const char *text, uint32_t *out_count, struct buf *why);
/* "1h/1d": so long within a time; "none": limit 0. */
int loop_time_parse(const char *text, struct circuit_time *out_time, struct buf *why);
/* "10%" or "10", "2.5%": millionths of one; "none": CIRCUIT_NO_JITTER. */
int loop_jitter_parse(const char *text, uint64_t *out_ppm, struct buf *why);
/* "startup=5m,10m,20m": a class and its waits; "startup=none": those that are built in. */
int loop_backoff_parse(const char *text, enum failure *out_class, struct circuit_steps *out_steps,
		       struct buf *why);
/* "quota=75,80-89,USR1": a class and the ends that are of it; "quota=none": no end is, *out_set empty. */
int loop_class_parse(const char *text, enum failure *out_class, struct statuses *out_set, struct buf *why);

#endif
