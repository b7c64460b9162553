/*
 * The breaker of a job as lines of the file breaker/NAME.  Pure.  Times are nanoseconds; PRINT is - where
 * there is none; TEXT has blanks, controls and % as %XX.  What is zero has no line.
 *
 *   rules UPTIME N D N D SAME ZERO D LIMIT OPEN_ON PPM RESET    as last asked for
 *   backoff CLASS STEP ...
 *   open WAIT FULL SINCE                        it is open
 *   why RULE CLASS COUNT SPAN MIXED PRINT       and why, now or the last time
 *   reason TEXT
 *   level CLASS N
 *   failed AGO CLASS                            the oldest first
 *   healthy SINCE
 *   same COUNT PRINT
 *   summary TEXT
 *   zero COUNT
 *   time D SINCE
 *   spent AGO AMOUNT                            of it, the oldest first
 *   end RUN CLASS START YIELD AGO TOOK PEAK PRINT    the oldest first
 */
#ifndef SG_CORE_CIRCUIT_TEXT_H
#define SG_CORE_CIRCUIT_TEXT_H

#include <stddef.h>

#include "core/circuit.h"

struct buf;

#define CIRCUIT_TEXT_MAX 20000

void circuit_text_format(struct buf *out, const struct circuit *c);
/* One line, without its newline. 1: it was one of these; 0: of another kind; -EBADMSG. */
int circuit_text_parse(struct circuit *c, const char *line, size_t n);

#endif
