/* Without lists of children: members found by what every process of /proc says of its parent. */
#ifndef SG_TREE_SCAN_H
#define SG_TREE_SCAN_H

#include "tree/tree.h"

/*
 * Give `each` every process whose parent is a member, with the parent's
 * position in the table; again until one round has met none, or `each` has
 * enough (not 0: it is returned).  Members that are met are listed.
 */
int scan_all(struct tree *tree, int (*each)(void *with, size_t parent, pid_t child), void *with);

#endif
