/*
 * What a tree has written, added up from what can be read of its processes now and then.  Pure.
 *
 * The kernel's count of a process has in it those that it has waited for: whoever dies leaves what it wrote
 * to whoever waits for it, if anybody does.  So a gain of the heir is what it wrote itself only where it is
 * more than what the dead one was seen to have written; and what nobody inherits stays counted as far as it
 * was seen.
 */
#ifndef SG_CORE_WRITTEN_H
#define SG_CORE_WRITTEN_H

#include <stdbool.h>
#include <stdint.h>

/* Of one process.  All zero: nothing is known of it. */
struct written_state {
	uint64_t seen;    /* as read last */
	uint64_t owed[2]; /* is counted, and will be read once more here: since the last round, since the one
			     before */
	bool is_gone;     /* it has an heir */
};

struct written_count {
	uint64_t total;
	struct written_state guard; /* the heir of orphans: their guard waits for them */
	uint64_t astray[2];         /* owed by who is not known: as owed above */
};

/* It had written that much when it became one of the tree. */
void written_begin(struct written_state *state, uint64_t bytes);

/*
 * A round: whoever is gone is named, then what was read of the others is told, those that were read first
 * before those that may have become their heirs since; written_end.  `heir` NULL: who waited for it is not
 * known.
 */
void written_gone(struct written_count *w, struct written_state *state, struct written_state *heir);
void written_read(struct written_count *w, struct written_state *state, uint64_t bytes);
void written_end(struct written_count *w);

/* A file that was of that size is of this one: what has come since.  A smaller one was emptied meanwhile. */
uint64_t written_growth(uint64_t size, uint64_t size_now);

#endif
