/*
 * Who is of a tree that is seen from outside only, though its parent is gone.  Pure.
 *
 * A session is its leader and what was born of that since: setsid(2) begins one, and nobody else can join. So
 * whoever is in a session that a member leads, or led, is of the tree.  Its number stays taken for as long as
 * anybody is in it; so a session is known for as long as each look meets somebody of it.
 */
#ifndef SG_CORE_LINEAGE_H
#define SG_CORE_LINEAGE_H

#include <stdbool.h>
#include <stdint.h>

#define LINEAGE_MAX 256 /* sessions: of further ones only what is met below its parent is followed */

struct lineage {
	struct lineage_session {
		int32_t sid;
		uint64_t start_ticks; /* of its leader: nobody in it is older */
		uint32_t look;        /* that met somebody of it last */
	} session[LINEAGE_MAX];
	uint32_t count, look;
};

/* One look: begin, each member, then each that is not one, end. */
void lineage_begin(struct lineage *l);
void lineage_member(struct lineage *l, int32_t pid, int32_t sid, uint64_t start_ticks);
/* Is this one of the tree by its session? */
bool lineage_has(struct lineage *l, int32_t sid, uint64_t start_ticks);
void lineage_end(struct lineage *l);

#endif
