/*
 * A line of output without what varies from run to run, so that two runs that
 * say the same thing of other values say the same bytes.  Pure.
 */
#ifndef SG_CORE_ESSENCE_H
#define SG_CORE_ESSENCE_H

#include <stddef.h>

struct buf;

/*
 * Lower-cased; dates, times, numbers, amounts with their unit, addresses and
 * ids are "0", a list of them too; a path is "/", but the base name of a
 * source file stays (what is code is no value, unless it lies in /tmp); of a
 * URL scheme and host stay.  The number behind "errno", "code", "status",
 * "http", "signal" and "error" stays: it is what happened.
 */
void essence_put(struct buf *out, const char *line, size_t n);

/* May `text` (n bytes) be a date, a time or another number, so that it says nothing to a reader? */
int essence_is_number(const char *text, size_t n);

#endif
