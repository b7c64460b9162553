/* --open-on: does the end of what the job wrote say that it is out of its quota, and until when? */
#ifndef SG_GUARD_OPEN_ON_H
#define SG_GUARD_OPEN_ON_H

#include <stdbool.h>
#include <stdint.h>

struct job;
struct run;

/* Can the expressions be understood, and is the end of stderr kept for them?  0, or the exit status: said. */
int open_on_check(const struct job *job);

struct open_on_answer {
	bool has_matched;
	uint64_t wait_ns; /* until then: given, or found in what matched; 0 = no date that is still to come */
};

/*
 * Once the tree is gone and what it wrote is in hand (tail_collect): looked for
 * by a disposable child, for at most a second of CPU time.  What it cannot tell
 * has not matched: said.  Front and warden have one answer.
 */
struct open_on_answer open_on_ask(const struct run *run);

#endif
