/* What the rules ask for of a member, read into its sample. */
#ifndef SG_TREE_MEASURE_H
#define SG_TREE_MEASURE_H

#include "codec/procfs.h"
#include "tree/tree.h"

/* What was read of one member, into its sample. */
void measure_take_stat(struct sample *sample, const struct proc_stat *stat);

/*
 * Its only thread has not run since it was last asked, so nothing that its
 * stat tells of it has changed, nor the number of its files: to use CPU time,
 * to wait for a child, to make a thread, to open a file, it runs.  Nor does its
 * memory, but for what others do to it (process_vm_writev, the kernel's own
 * housekeeping).  That is told at a third of the price of its stat.  False
 * where no rule asks for more than memory: then it would cost what it saves.
 */
bool measure_has_rested(struct tree *tree, struct member *m);

/* The facts of `tree->wants` that a look reads each time, after its memory was read.  0, -ESRCH: it has been
 * waited for. */
int measure_member(struct tree *tree, struct member *m, bool is_resting);

#endif
