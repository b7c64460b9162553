/* What one run was asked to do, complete after conf/argv.h has read the command line. */
#ifndef SG_CONF_JOB_H
#define SG_CONF_JOB_H

#include <stdbool.h>
#include <stdint.h>

#define JOB_TAGS_MAX   16 /* --tag K=V */
#define JOB_END_ON_MAX 64 /* bit N-1 of end_on: signal N ends the run */

enum on_conflict { CONFLICT_FAIL, CONFLICT_SKIP, CONFLICT_WAIT, CONFLICT_COUNT };
enum term_to { TERM_TREE, TERM_JOB, TERM_COUNT };
enum leftovers { LEFTOVERS_END, LEFTOVERS_WAIT, LEFTOVERS_LEAVE, LEFTOVERS_COUNT };
enum session { SESSION_AUTO, SESSION_KEEP, SESSION_NEW, SESSION_COUNT };

struct job {
	/* name, lock */
	const char *name; /* borrowed from argv; NULL: named after the command */
	enum on_conflict on_conflict;
	uint64_t wait_ns;      /* with CONFLICT_WAIT; NUM_NONE = for ever */
	uint64_t complain_ns;  /* say that we wait after this long; NUM_NONE = never */
	uint8_t conflict_exit; /* exit status of a conflict */
	bool no_lock, shared;
	const char *lock_file; /* borrowed; NULL = none */
	/* time, end */
	uint64_t timeout_ns;    /* NUM_NONE = none */
	uint64_t kill_after_ns; /* 0 ("none") = KILL follows TERM at once */
	uint64_t grace_ns;      /* --kill-after of the command kill; NUM_NONE = as the run asked */
	int signal;             /* the first signal of an end */
	enum term_to term;
	uint64_t end_on; /* signals that end the run, besides TERM */
	enum leftovers leftovers;
	/* the job's world */
	enum session session;
	/* record */
	const char *run_id;      /* borrowed; NULL = generated */
	const char *task, *step; /* borrowed; NULL = none */
	const char *tag[JOB_TAGS_MAX];
	uint32_t tag_count;
	int status_fd;           /* -1 = none */
	const char *status_file; /* borrowed; NULL = none */
	bool stats;
	/* general */
	const char *state_dir; /* borrowed; NULL = by the ladder of store/statedir.h */
	uint64_t interval_ns;  /* 0 = adaptive; NUM_NONE = members unobserved */
	bool dry_run, quiet, json, help, version;
	uint32_t verbose;
	/* the command: borrowed argv, NULL-terminated; NULL if none was given */
	char **command;
};

#endif
