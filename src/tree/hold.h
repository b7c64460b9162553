/* First sight of a process: pidfd first, then its facts, then proof that both are of one process. */
#ifndef SG_TREE_HOLD_H
#define SG_TREE_HOLD_H

#include "tree/tree.h"

/*
 * Make `pid`, listed as a child of `parent` (position in the table), a member.
 * 0; -ESRCH gone or not ours; -ENOMEM no room (tree->crowded).
 */
int hold_child(struct tree *tree, size_t parent, pid_t pid, uint64_t now_ns);

/* Open what is read at every walk; without room for it the member is known all the same. */
void hold_keep_files(struct tree *tree, struct member *m);

/* Signal a member through what is held of it. 0, -ESRCH, -EPERM, -errno. */
int hold_signal(struct tree *tree, struct member *m, int sig);

/* `err` says that there was no descriptor to be had. */
bool hold_is_starved(int err);

/* It has ended (zombies have). */
bool hold_is_dead(struct tree *tree, struct member *m);

/*
 * Owned handle (pidfd) of the very process that `id` names; -ESRCH if it is
 * gone; -EAGAIN if only number and start time agree.
 */
int hold_open_recorded(const struct proc_id *id);

#endif
