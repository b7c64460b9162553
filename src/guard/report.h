/* What is said and written of a run's end, by warden or front. */
#ifndef SG_GUARD_REPORT_H
#define SG_GUARD_REPORT_H

#include "base/buf.h"
#include "guard/run.h"

struct tree;
struct nested;

struct run_report {
	struct run *run;             /* borrowed */
	const struct nested *nested; /* borrowed; NULL = none */
	char groups[512];            /* of signatures: what was ended and is known by sight */
	char ended[256];             /* the first others that were ended, for people */
	uint32_t ended_named, ended_count;
	char detail[256]; /* for the end line */
	struct history_flag limit;
	enum failure retry_for; /* it was an attempt that failed of this: another is to follow; else none */
	uint64_t retry_in_ns;
};

/* "sending TERM to 14 processes": only with --verbose. */
void report_step(const struct run_report *report, const char *what, uint32_t count);

/* Remember who is ended: the members with all of these flags. */
void report_name_ended(struct run_report *report, struct tree *tree, uint32_t flags);

/* What a run with these figures came to, by its options: the same from warden and front. */
struct outcome_verdict report_judge(const struct run *run, const struct run_figures *figures,
				    int start_errno);

/*
 * The run is over: verdict, lines for people, end line, record, nested
 * records, and word to front over `link` (-1: we are front).  `tree` may be NULL.
 */
void report_finish(struct run_report *report, struct tree *tree, int start_errno, int link);

/* The same, written by front (warden dead, or never made); returns what to tell the caller. */
struct outcome_verdict report_finish_by_front(struct run_report *report, struct tree *tree, int start_errno);

/* The run ends between two attempts, for that reason; `last`: what the last one came to. */
struct attempt_over;
struct outcome_verdict report_finish_between(struct run *run, const struct attempt_over *over,
					     const struct outcome_verdict *last);

/* A start and an end, for the system log alone. */
void report_log_start(const struct run *run);
void report_log_end(const struct run *run, const struct outcome_verdict *verdict);

/* --stats: one line. */
void report_stats(const struct run *run, const struct run_figures *figures);

#endif
