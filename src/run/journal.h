/* Members of a tree into the slots of its record, so that the next start can end them if both guards die. */
#ifndef SG_RUN_JOURNAL_H
#define SG_RUN_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

struct tree;

struct journal {
	int fd; /* borrowed; -1 = there is no record */
	uint64_t seed;
	size_t next; /* first slot that was never used, or is free again */
};

/*
 * Write members that have no slot yet (at most RECORD_BURST in one write).
 * Where the slots have been used up by the dead, the living are packed anew.
 * Returns members that found no slot, or -errno.
 */
int64_t journal_write(struct journal *j, struct tree *tree);

#endif
