/* Which slot a run has: the record knows its number, the info files beside the locks whose it is. */
#ifndef SG_RUN_SLOT_OF_H
#define SG_RUN_SLOT_OF_H

#include <sys/types.h>

#include "codec/record.h"
#include "store/statedir.h"

struct buf;

/*
 * The group of the slot that the run `head` of `owner` in `dir` has, as it
 * was given, behind what `out` holds; nothing: it has none, or the slot names
 * another run by now.
 */
void slot_of(const struct statedir *dir, uid_t owner, const struct record_head *head, struct buf *out);

#endif
