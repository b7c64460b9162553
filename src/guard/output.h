/* --output, --detach, --log: the file behind the job's stdout and stderr, from its opening to its showing. */
#ifndef SG_GUARD_OUTPUT_H
#define SG_GUARD_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outcome.h"

struct buf;
struct run;

/* When front looks at the size of the file again. */
struct output_pace {
	uint64_t period_ns, next_ns; /* next_ns NUM_NONE: when `inotify` has news */
	int inotify;                 /* owned; -1 = none */
};

/* Does the job write to a file of ours instead of the caller's descriptors? */
bool output_is_wanted(const struct run *run);

/* Before the record is written, which names the file.  0, or the exit status: told. */
int output_prepare(struct run *run);
/* Nothing was started after all: no empty file stays. */
void output_withdraw(struct run *run);

/* In the child that becomes the job: both streams to the file. 0, -errno. */
int output_give_to_job(const struct run *run);

/* Keep the file to its bound, if it is time.  ms until the next look, -1: no look is needed. */
int output_look(struct run *run, struct output_pace *pace, bool has_news);

/* The run is over: show what --output=on-failure owes, keep or remove the file. */
void output_finish(struct run *run, const struct outcome_verdict *verdict);

/* For --dry-run: "\noutput:  ..." if the job's output goes to a file. */
void output_explain(struct buf *out, const struct run *run);

#endif
