/* The breaker of the job, asked before the start and told of the end; see core/circuit.h for what it decides.
 */
#ifndef SG_GUARD_CIRCUIT_H
#define SG_GUARD_CIRCUIT_H

#include <stdbool.h>
#include <stdint.h>

#include "run/toll.h"

struct explain;
struct lockinfo;
struct pair_message;
struct run;

/* What is known of breaker/NAME. */
enum circuit_file { CIRCUIT_FILE_UNKNOWN, CIRCUIT_FILE_ABSENT, CIRCUIT_FILE_CLEAN, CIRCUIT_FILE_COUNTS };

/* Of a run; all zero at first but its descriptor. */
struct circuit_run {
	int trial_fd;     /* owned: the right to be the trial, held to the end of the run; -1 = none */
	uint16_t unkept;  /* ends of earlier runs in a row that could not be written */
	uint8_t file;     /* enum circuit_file */
	bool has_attempt; /* this start was counted: guard/task */
	struct breaker_inputs inputs; /* as they were at the start */
	uint32_t throttle_s;          /* the end waits so long: nothing else can slow the next starts down */
};

/* What the info file beside the lock tells of it, for nothing. */
void circuit_take_info(struct run *run, const struct lockinfo *info);

/*
 * May it start?  With the job's lock in hand, and again after each wait.  0:
 * yes, as a trial or by --force where the head of the record says so.  Else
 * the exit status: told and recorded.
 */
int circuit_prepare(struct run *run);
/* About to wait, for whatever: one that would be refused now need not stand there.  0, or the exit status. */
int circuit_before_wait(struct run *run);
/* The same asked only. */
void circuit_explain(struct run *run, struct explain *e);

/* It is not started for a reason of its environment: that is counted, and uses up no attempt. */
void circuit_not_ready(struct run *run);

/* For the end of this run. */
struct toll_wants circuit_toll(const struct run *run);
/* ... and what is said of it once it is counted: `link` to front; -1: we are front. */
void circuit_tell(struct run *run, const struct toll *toll, int link);
/* A run whose guards were killed has been counted by this start: said. */
void circuit_tell_lost(struct run *run, const struct toll *toll);
/* In front: the warden's word that it has opened; a flag comes behind it. */
void circuit_hear(struct run *run, const struct pair_message *message);
/* In the warden, as the last of all: where an end could not be written, time passes before the next start. */
void circuit_throttle(const struct run *run, int link, int signals);

#endif
