/* What is asked of a member now and then, and not at each look, read into its sample. */
#ifndef SG_TREE_FACTS_H
#define SG_TREE_FACTS_H

#include "tree/tree.h"

/* Its memory, as the walk has read it. */
void facts_memory(struct member *m);

/*
 * The facts `wanted` (enum sample_known).  What cannot be had is unknown
 * afterwards.  0, -ESRCH: it has been waited for.
 */
int facts_read(struct member *m, uint32_t wanted);

/* Its parent, as long as that is of the tree; NULL. */
struct member *facts_parent(const struct tree *tree, const struct member *m);
/* Since when its parent, or one above it, is gone; 0 = it is not. */
uint64_t facts_orphaned_ns(const struct tree *tree, const struct member *m);

#endif
