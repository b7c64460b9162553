/* What a run's end is to the breaker of its job: counted once, by whoever closes the run (run/close). */
#ifndef SG_RUN_TOLL_H
#define SG_RUN_TOLL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/circuit.h"
#include "core/failure.h"
#include "store/breaker.h"

struct close_run;

/* What the options of the run want; all zero: of a run whose options nobody knows any more. */
struct toll_wants {
	const struct host_id *here;          /* borrowed: this machine and boot; NULL = it is asked */
	const struct circuit_rules *rules;   /* borrowed; NULL = as the breaker has them of an earlier run */
	const struct failure_rules *classes; /* borrowed; NULL = the default table */
	struct breaker_inputs inputs;        /* program and input (--watch-input); all zero = not known */
	bool is_clean;                       /* nothing was counted, and nobody can have counted since */
	bool tells;                          /* whoever counts it tells --on-flag, where the run has one */
	bool wants_ring;                     /* each end is kept, for what the next start learns of it */
	bool has_matched, not_ready;         /* as struct failure_facts has them */
	bool has_attempts;                   /* the start was counted as an attempt ... */
	const char *task;                    /* ... of this task; borrowed, "" = of the job */
	uint64_t until_ns; /* with has_matched: how long; CIRCUIT_NEVER = by its steps; 0 without */
};

struct toll {
	struct toll_wants wants;
	/* what it came to */
	enum failure failure;
	struct circuit_change change;
	char print[CIRCUIT_PRINT_MAX + 1]; /* "" = none */
	bool is_bare;                      /* the print is of how it ended alone */
	char summary[CIRCUIT_SUMMARY_MAX + 1];
	bool was_damaged; /* its file was put aside */
	int err;          /* it could not be written: -errno */
};

/* Its class and, of a failure, its fingerprint: by the figures, the verdict and the tail of `c`.  Counts
 * nothing. */
void toll_name(struct close_run *c);

/*
 * Counted, if it changes anything: in `c->toll`, by the figures, the verdict and
 * the tail of `c`.  A second time, by whoever else closes it, changes nothing.
 */
void toll_take(struct close_run *c);

/* Nothing is counted and nothing is open: an end that is well changes nothing. */
bool toll_is_clean(const struct circuit *circuit);

/* The breaker as it stood after the last toll_take of this process that has changed it; borrowed. */
const struct circuit *toll_circuit(void);

#endif
