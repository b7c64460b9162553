/* What the rules ask for of a member, read into its sample. */
#ifndef SG_TREE_MEASURE_H
#define SG_TREE_MEASURE_H

#include "codec/procfs.h"
#include "tree/tree.h"

/* What was read of one member, into its sample. */
void measure_take_stat(struct sample *sample, const struct proc_stat *stat);

/* The facts of `tree->wants` that a look reads each time, after its memory was read.  0, -ESRCH: it has been
 * waited for. */
int measure_member(struct tree *tree, struct member *m);

#endif
