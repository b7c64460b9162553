/* One look at the tree: who is new, who is gone, how much memory. */
#ifndef SG_TREE_WALK_H
#define SG_TREE_WALK_H

#include "tree/tree.h"

/*
 * Walk from the root and the seeds.  With `quick`: if the kernel has given
 * out no PID since the last walk, nothing was born, and only memory is read.
 * Else every children file is read; threads are looked for too.  Returns
 * births.  Allocates nothing.
 */
uint64_t tree_walk(struct tree *tree, uint64_t now_ns, bool quick);

/* Members that are alive now, by their handles (zombies are not). */
uint32_t tree_count_alive(struct tree *tree);

#endif
