/* Members that do not die of their KILL because a freezer holds them. */
#ifndef SG_TREE_THAW_H
#define SG_TREE_THAW_H

#include "tree/tree.h"

/* Let go of those that have got KILL and are frozen by version 1's freezer. How many were. */
uint32_t thaw_killed(struct tree *tree);

#endif
