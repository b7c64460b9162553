/* Runs that have ended, out of the history: newest first, the first end of a run id counts. */
#ifndef SG_REPORT_PAST_H
#define SG_REPORT_PAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/record.h"

/* What is not known is 0, "" or NULL, and says so below where 0 means something. */
struct past_run {
	bool has_start, has_end; /* which of its lines were read */
	char run_id[RUN_ID_MAX + 8], parent_run_id[RUN_ID_MAX + 8];
	char job[208];
	/* of the end line */
	char outcome[16], cause[16], written_by[16];
	char detail[256];
	int exit_status; /* what the caller got; -1 = not known */
	int exit_code;   /* of the job itself; -1 = it did not exit */
	int signal;      /* that the job died of; 0 = none */
	uint64_t ended_wall_ns, wall_ns, user_ns, system_ns;
	uint64_t peak_rss_bytes, peak_procs, seen, ended, killed, left, survivors;
	int64_t sender_pid, sender_uid; /* who asked for the end; 0, -1 = nobody */
	char sender_comm[16], sender_run[RUN_ID_MAX + 8];
	/* of both */
	uint64_t started_wall_ns; /* without the start line: by the end and how long it took */
	char *tail;               /* owned, where wanted: end of its stderr; NULL = it was not kept */
	char *log;                /* owned: where its output is, or, before its end, goes; NULL = nowhere */
	/* of the start line; meaningful with has_start */
	char *command; /* owned: words as a shell would take them */
	int64_t front_pid, uid;
	uint64_t timeout_ns, kill_after_ns; /* NUM_NONE = none */
};
void past_run_release(struct past_run *run);

struct past_months {
	int keep_fd;     /* borrowed: the directory that has history/ */
	uid_t owner;     /* whose files are believed */
	bool wants_tail; /* by past_find: kilobytes */
	/* Filled: lines that could not be read, among those that were met and concern the question. */
	uint64_t damaged;
};

/*
 * The run of that id, or the only one whose id begins so (FIND_PREFIX_MIN is
 * the caller's business).  0: *out is to be released; has_end tells whether it
 * has ended.  -ENOENT; -EEXIST: several begin so; -errno.
 */
int past_find(struct past_months *months, const char *what, struct past_run *out_run);

/* A job as the history knows it. */
struct past_job {
	char job[208];
	struct past_run *run; /* owned: its last ends, newest first; has_start where the start line was met */
	size_t count;
	struct past_run *start; /* owned: its newest start line, NULL = none met */
	uint64_t refused;       /* starts refused since that */
};

/* What to collect: of one job, or of each; at most so many ends of each. */
struct past_jobs {
	const char *only; /* NULL = all */
	size_t max_runs, max_jobs;
	struct past_job *job; /* owned: in the order of their newest line */
	size_t count;
	bool cut;    /* there are more jobs than max_jobs */
	void *index; /* inside: names to positions */
};
/* 0 (also where nothing was found), -errno; to be released in any case. */
int past_jobs_read(struct past_months *months, struct past_jobs *jobs);
void past_jobs_release(struct past_jobs *jobs);

#endif
