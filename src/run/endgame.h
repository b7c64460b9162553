/* The end of a tree whose guards are dead, or of our own children in a takeover: one blocking loop. */
#ifndef SG_RUN_ENDGAME_H
#define SG_RUN_ENDGAME_H

#include <stdbool.h>
#include <stdint.h>

#include "run/nested.h"
#include "tree/kill.h"

struct endgame {
	struct tree *tree; /* borrowed */
	uint64_t grace_ns;
	int signal;
	/* Of a tree whose members are our children: reaps, and says whether all are gone. NULL: ask the
	 * handles. */
	bool (*reap)(void *with);
	void *with;
	/* Guards within, asked to end what is theirs; NULL: everybody gets the first signal. */
	struct nested *nested;
	const struct statedir *dir;
	const char *run_id;
	struct killer killer;   /* .best */
	uint32_t ended, killed; /* out: members that were signalled; of these, by KILL */
	enum kill_rung rung;    /* out: what ended it */
};

/* Returns the number of survivors (0: the tree is gone).  Bounded by grace + 10 s. */
uint32_t endgame_run(struct endgame *e);

#endif
