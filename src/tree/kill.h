/*
 * The last part of an end, by the best rung of the ladder that works here: stop what lives, then KILL until
 * nothing does.  Each rung is a file kill_NAME.c and a row in kill.c; enum kill_rung (core/ending.h) is their
 * rank.
 */
#ifndef SG_TREE_KILL_H
#define SG_TREE_KILL_H

#include "core/ending.h"
#include "tree/sweep.h"

struct killer {
	enum kill_rung best; /* asked for: no rung above it is tried */
	int cgroup;          /* borrowed: directory of the run's own group; 0 or -1: none */
	/* Asks somebody with more privileges to give us real time; may come true later.  NULL: nobody. */
	int (*ask)(void *with);
	void *with;
	pid_t init;     /* of the tree's own PID namespace, our unreaped child; 0 = none */
	int init_fd;    /* borrowed: pidfd of it */
	bool is_struck; /* somebody else has just killed all the kernel's way, and they are counted */
	/* inside */
	enum kill_rung rung; /* that ends the tree; KILL_NOT: not begun */
	int policy;          /* of the scheduler, before we were raised */
	bool is_raised, was_raised, was_realtime;
	bool has_killed;  /* all that were known have got KILL once */
	uint32_t storm;   /* rounds in a row that met somebody new */
	bool has_struck;  /* it came to more than the first signal */
	uint32_t grouped; /* killed by the group, and not yet told */
	uint32_t quiet;   /* rounds of KILL in a row that met nobody new */
};

/* Is its group, if it has one, empty? */
bool killer_is_empty(const struct killer *k);
/* Choose the rung: at the first signal already, as who has to end a storm may not get to its next step. */
void killer_begin(struct killer *k);
/* Does the kernel end all of it at once, whoever is known? */
bool killer_is_kernel(const struct killer *k);
/* The first signal is sent; `at_once`: KILL follows without grace. */
void killer_asked(struct killer *k, bool at_once);
/* One step; what it met. */
struct sweep_result killer_stop(struct killer *k, struct tree *tree, uint64_t now_ns);
struct sweep_result killer_kill(struct killer *k, struct tree *tree, uint64_t now_ns);
/* No more steps: what was taken is given back.  The rung that it came to; KILL_NOT: the first signal was
 * enough. */
enum kill_rung killer_finish(struct killer *k);

/* One rung. */
struct kill_way {
	/* 0: it works here, and is taken; -errno. */
	int (*take)(struct killer *k);
	/* After the first signal; NULL: nothing to do. */
	void (*asked)(struct killer *k, bool at_once);
	struct sweep_result (*stop)(struct killer *k, struct tree *tree, uint64_t now_ns);
	struct sweep_result (*kill)(struct killer *k, struct tree *tree, uint64_t now_ns);
	/* Gives back what was taken; the rung that it really was. */
	enum kill_rung (*leave)(struct killer *k);
};
extern const struct kill_way kill_cgroup, kill_isolate, kill_realtime, kill_sweep;

#endif
