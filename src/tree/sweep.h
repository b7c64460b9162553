/* Signals to a whole tree: the TERM round, the STOP sweep, the KILL sweep. */
#ifndef SG_TREE_SWEEP_H
#define SG_TREE_SWEEP_H

#include "tree/tree.h"

struct sweep_result {
	uint32_t signalled; /* members that got it */
	uint32_t fresh;     /* of these, those met for the first time */
	uint32_t killed;    /* KILL sweep: members that got KILL for the first time */
	uint32_t unasked;   /* of these, that had not got the first signal */
	uint32_t refused;   /* answered EPERM */
	uint32_t alive;     /* members that are not yet dead */
	uint32_t moving;    /* freeze: members that were not stopped, or may not have been met */
	uint32_t late;  /* freeze: of those that live, not stopped yet: in the kernel's hands, or refused */
	bool only_dead; /* KILL sweep: every member left is dead, and not yet reaped by who has to */
};

/*
 * Walk, then `sig` and CONT to every member once.  Nested guards get it
 * alone: what is below them is theirs to end.  `job_only`: to the job.
 */
struct sweep_result sweep_term(struct tree *tree, uint64_t now_ns, int sig, bool job_only);
/* Walk, then STOP to every member that has not got it: a stopped tree cannot grow. */
struct sweep_result sweep_stop(struct tree *tree, uint64_t now_ns);
/* Walk, then KILL to every member that lives. */
struct sweep_result sweep_kill(struct tree *tree, uint64_t now_ns);

/*
 * Walk, then STOP to every member that is not stopped.  Who is found stopped
 * at first sight is marked as such; who was continued since loses the mark.
 * What is below a nested guard is that one's to stop.
 */
struct sweep_result sweep_freeze(struct tree *tree, uint64_t now_ns);
/* CONT to those that a freeze has stopped, the last found first: whoever watches its children finds them at
 * work. */
struct sweep_result sweep_thaw(struct tree *tree);

#endif
