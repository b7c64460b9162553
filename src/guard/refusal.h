/* A start that was refused, on paper: in the status object, and in the history at most once a minute, with
 * how many there were. */
#ifndef SG_GUARD_REFUSAL_H
#define SG_GUARD_REFUSAL_H

#include <stdint.h>

struct run;

/* Who was not started, and by whose fault. */
struct refusal {
	const char *outcome, *reason; /* literals */
	const char *holder_run_id;    /* NULL = nobody's */
	int32_t holder_pid;
};

/* However many are refused at once, and whoever of them is killed at it: none is lost, none counts twice. */
void refusal_record(const struct run *run, const struct refusal *refusal, int exit_code);

#endif
