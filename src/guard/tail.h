/*
 * --tail: the end of the job's stderr for the record.  A pump, child of front,
 * stands between the job and the caller's stderr; where that is a regular file
 * there is none, and the file's end is read afterwards.
 */
#ifndef SG_GUARD_TAIL_H
#define SG_GUARD_TAIL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct history_tail;
struct job;
struct run;
struct tail_shared;

struct tail {
	struct tail_shared *shared; /* with the pump, and between front and warden; NULL = nothing is kept */
	pid_t pump;                 /* 0 = none, or reaped */
	/* owned, -1 = none */
	int word;    /* to the pump; both guards have it, its end of file is the pump's end */
	int job_end; /* becomes the job's stderr; front and warden close it as soon as the job has it */
	int file;    /* stderr's regular file, to be read */
	uint64_t file_from;
};

void tail_init(struct tail *tail);

/* Can it be done with the other options?  0, or the exit status: said. */
int tail_check(const struct job *job);

/* Is there anything to be kept, for the record or for what is asked of it (--open-on, --same-failure)? */
bool tail_is_wanted(const struct job *job);
/* What the pump has got of stderr so far; false: there is none. */
bool tail_passed(const struct run *run, uint64_t *out_bytes);

/* In front, before the fork of the warden.  Where it cannot be, the job runs without: said. */
void tail_open(struct run *run);
/* In front, after it. */
void tail_let_job_have_it(struct run *run);
/* In front: an attempt is over, the next opens it again. */
void tail_renew(struct run *run);
/* In the job, before its exec.  Async-signal-safe. 0, -errno. */
int tail_give(const struct run *run);

/* The tree is gone: have what it wrote in hand.  By the warden, or by front after it; more than once does
 * nothing more. */
void tail_collect(struct run *run);
/* What was collected; false: nothing is kept.  Borrowed from `run`. */
bool tail_bytes(const struct run *run, const char **out_bytes, size_t *out_n);
/* What --open-on has come to, between front and warden; NULL: nothing is kept. */
struct tail_match {
	uint32_t is_known, has_matched;
	uint64_t wait_ns; /* when it was looked for */
};
struct tail_match *tail_match(const struct run *run);
/* The same for the record. */
bool tail_get(const struct run *run, struct history_tail *out_tail);

/* A child of front has ended: was it the pump? */
void tail_reaped(struct run *run, pid_t pid);

/*
 * The run is over: until the reader of stderr has taken all, `signals` (of
 * front) brings one that ends, or the parent of --with-parent has ended.  A reader that takes nothing for a
 * second is waited for only if `is_patient`; else the pump stays, or is ended with what it holds if
 * `is_last`.
 */
void tail_wait(struct run *run, int signals, bool is_patient, bool is_last);

#endif
