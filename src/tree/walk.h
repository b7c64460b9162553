/* One look at the tree: who is new, who is gone, how much memory. */
#ifndef SG_TREE_WALK_H
#define SG_TREE_WALK_H

#include "tree/tree.h"

enum walk {
	/* For the rules: memory and what `tree->wants` asks for; children only if the kernel has given out a
	   PID since the last walk, as else nothing was born.  Kept short. */
	WALK_LOOK,
	WALK_WHOLE, /* every list of children, threads too; memory */
	WALK_SWEEP, /* the same without memory: for an end, who is there is all that counts */
	WALK_AGAIN, /* the same, if the kernel has given out a PID since the last walk */
};

/* Walk from the root and the seeds.  Returns births.  Allocates nothing. */
uint64_t tree_walk(struct tree *tree, uint64_t now_ns, enum walk how);

/* Members that are alive now, by their handles (zombies are not). */
uint32_t tree_count_alive(struct tree *tree);

#endif
