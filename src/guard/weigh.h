/*
 * The memory of members as the kernel shares it out, read for the warden, which may not look into them, by a
 * child of front's: it may block for ever, and neither of us does.
 */
#ifndef SG_GUARD_WEIGH_H
#define SG_GUARD_WEIGH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/reader.h"

#define WEIGH_MAX        128  /* members asked for at a time: the largest */
#define WEIGH_TIMEOUT_MS 2000 /* reading 1 GiB takes 20 ms */

/* The question, as it goes over the pair. */
struct weigh_question {
	uint32_t n;
	struct reader_process process[WEIGH_MAX];
};
struct pair_message;
struct run;

/* Of front; all zero at first. */
struct weigh {
	pid_t pid;        /* reader, not reaped yet; 0 = none */
	bool is_open;     /* the answer is not given yet: fd and what follows mean something */
	int fd;           /* owned */
	uint32_t asked_n; /* members not read yet, or never */
	uint64_t deadline_ns;
	struct reader_shares answer;
};

/* The warden has asked; an earlier question without an answer gets none. */
void weigh_begin(struct run *run, const struct pair_message *message);
/* Take what has been read; answer by `link` when all is, or it is too late.  ms until it is, -1: nothing to
 * do. */
int weigh_look(struct run *run, int link);

/* The run is over: nobody waits for an answer, and the reader is not to outlive us, unless it is stuck. */
void weigh_end(struct run *run);

/* A child of front has ended: was it the reader? */
void weigh_reaped(struct run *run, pid_t pid);
/* Is this one the reader? */
bool weigh_has(const struct run *run, pid_t pid);
/* To be waited for by poll(2); -1 = none. */
int weigh_fd(const struct run *run);

#endif
