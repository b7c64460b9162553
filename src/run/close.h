/* The end of a run on paper: end line, closed record, removed record; the same from warden, front, start and
 * reap. */
#ifndef SG_RUN_CLOSE_H
#define SG_RUN_CLOSE_H

#include <stdbool.h>

#include "codec/history.h"
#include "core/outcome.h"
#include "run/toll.h"
#include "store/statedir.h"

struct tree;

struct close_run {
	const struct statedir *dir;     /* borrowed */
	const struct record_head *head; /* borrowed */
	struct record_state *state;     /* borrowed; its figures are completed */
	int record_fd;                  /* borrowed; -1 = there is no record */
	int history_fd;                 /* borrowed, of the month of the start; -1 = opened here */
	struct outcome_verdict verdict;
	const char *by;
	const char *detail;               /* NULL = none */
	const struct history_flag *limit; /* borrowed: what ended the run; NULL = no limit */
	struct history_process process[HISTORY_PROCESS_MAX];
	uint32_t process_count;
	struct history_tail tail;
	bool has_tail;
	struct history_told told;
	bool has_told;
	struct history_yield yield;
	bool has_yield;
	/* of --retry: only an attempt is over, another follows */
	bool goes_on;
	uint64_t retry_in_ns;
	enum failure retry_for; /* why: its class */
	bool keep_record;       /* survivors: the next start has to try again */
	bool may_be_told;       /* a guard that was killed may have written the end line before */
	struct toll toll;       /* counted here, once */
};

/*
 * Write the end line, mark the record closed, remove it.  All of it is tried
 * whatever fails; 0, or the first -errno (the run's status does not change).
 */
int close_run(struct close_run *c);

/* Is the file with the job's output there after such an end? */
bool close_keeps_log(const struct record_head *head, enum end_cause cause, enum outcome outcome);

/* Name up to HISTORY_PROCESS_MAX living members of `tree`, for the end line. */
void close_name_members(struct close_run *c, struct tree *tree);

/* The end line's object without check, for --status-fd. */
void close_format_status(struct buf *out, const struct close_run *c);

#endif
