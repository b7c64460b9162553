/* What one run was asked to do, complete after conf/argv.h has read the command line. */
#ifndef SG_CONF_JOB_H
#define SG_CONF_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/columns.h"
#include "conf/yield_value.h"
#include "core/circuit.h"
#include "core/ending.h"
#include "core/failure.h"
#include "core/limit.h"
#include "core/statuses.h"

#define JOB_TAGS_MAX    16        /* --tag K=V */
#define JOB_ENV_MAX     64        /* --env K=V */
#define JOB_BUDGETS_MAX 16        /* --budget K=LIMIT */
#define JOB_WATCH_MAX   16        /* --watch-input FILE */
#define JOB_OPEN_ON_MAX 8         /* --open-on REGEX[=UNTIL] */
#define JOB_QUEUE_MAX   1000      /* --queue-max */
#define JOB_PREFIX_MAX  16        /* --skip-prefix, --only-prefix */
#define JOB_SLOTS_MAX   256       /* --slots */
#define JOB_INT_NONE    INT32_MIN /* an int that nobody gave */
#define JOB_END_ON_MAX  64        /* bit N-1 of end_on: signal N ends the run */

#define JOB_SLOTS_AUTO  UINT32_MAX       /* --slots */
#define JOB_EXPECT_AUTO (UINT64_MAX - 1) /* --expect-mem */

enum on_conflict {
	CONFLICT_FAIL,
	CONFLICT_SKIP,
	CONFLICT_WAIT,
	CONFLICT_REPLACE,
	CONFLICT_QUEUE,
	CONFLICT_COUNT
};
enum term_to { TERM_TREE, TERM_JOB, TERM_COUNT };
enum leftovers { LEFTOVERS_END, LEFTOVERS_WAIT, LEFTOVERS_LEAVE, LEFTOVERS_COUNT };
enum session { SESSION_AUTO, SESSION_KEEP, SESSION_NEW, SESSION_COUNT };
enum output { OUTPUT_PASS, OUTPUT_ON_FAILURE, OUTPUT_NEVER, OUTPUT_COUNT };
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER, COLOR_COUNT };
enum record_command { COMMAND_FULL, COMMAND_NAME, COMMAND_HASH, COMMAND_COUNT };
enum on_limit { ON_LIMIT_WARN, ON_LIMIT_FLAG, ON_LIMIT_FREEZE, ON_LIMIT_KILL, ON_LIMIT_COUNT };
enum births_by { BIRTHS_BY_ANY, BIRTHS_BY_RECORDS, BIRTHS_BY_LOOKS, BIRTHS_BY_COUNT };
enum record_tail { TAIL_FULL, TAIL_PRINT, TAIL_NONE, TAIL_COUNT };
/* What --help shows; HELP_GROUP + N: group N of conf/options.h. */
enum help_text { HELP_NONE, HELP_SHORT, HELP_ALL, HELP_GROUP };

/* Facilities of syslog(3), in the order of their words. */
enum facility {
	FACILITY_NONE,
	FACILITY_USER,
	FACILITY_DAEMON,
	FACILITY_CRON,
	FACILITY_LOCAL0,
	FACILITY_COUNT = FACILITY_LOCAL0 + 8
};

/* Beginnings of items, in their order. */
struct job_prefixes {
	const char *at[JOB_PREFIX_MAX]; /* borrowed */
	uint32_t count;
};

/* Of spawnguard batch; a number that is 0 = none. */
struct job_batch {
	const char *items;   /* borrowed: a file, "-" = stdin; NULL = stdin, or the session's */
	const char *analyse; /* borrowed: session; NULL = none */
	const char *family;  /* borrowed: regular expression; NULL = all items are one family */
	struct job_prefixes skip_prefix, only_prefix;
	uint32_t jobs, max_runs, canary, same_failure, max_timeouts, zero_yield, max_attempts;
	uint64_t total_ns; /* NUM_NONE = none */
	bool resume;
};

struct job {
	/* name, lock */
	const char *name; /* borrowed from argv; NULL: named after the command */
	enum on_conflict on_conflict;
	uint64_t wait_ns;      /* with CONFLICT_WAIT and CONFLICT_QUEUE; NUM_NONE = for ever */
	uint32_t queue_max;    /* places, 1 .. JOB_QUEUE_MAX */
	uint64_t complain_ns;  /* say that we wait after this long; NUM_NONE = never */
	uint8_t conflict_exit; /* exit status of a conflict */
	bool no_lock, shared;
	const char *lock_file; /* borrowed; NULL = none */
	uint32_t slots;        /* so many at once, 1 .. JOB_SLOTS_MAX, JOB_SLOTS_AUTO; 0 = no slots */
	const char *group;     /* borrowed; whose slots; NULL = those of the name */
	/* time, end */
	uint64_t timeout_ns;    /* NUM_NONE = none */
	uint64_t kill_after_ns; /* 0 ("none") = KILL follows TERM at once */
	uint64_t grace_ns;      /* --kill-after of the command kill; NUM_NONE = as the run asked */
	int signal;             /* the first signal of an end */
	enum term_to term;
	uint64_t end_on; /* signals that end the run, besides TERM */
	enum leftovers leftovers;
	enum kill_rung kill_rung; /* no better one is tried; KILL_NOT = the best there is */
	bool preserve_status;     /* the job's status, even where the timeout struck */
	bool with_parent;         /* end when the process that started front does */
	struct statuses success;
	uint64_t start_timeout_ns, idle_timeout_ns, heartbeat_ns; /* NUM_NONE = none */
	const char *ready_file;                                   /* borrowed; NULL = none */
	bool notify;                                              /* the job tells when it is ready */
	uint64_t splay_ns; /* start after a random part of this; NUM_NONE = at once */
	/* room */
	uint64_t expect_mem, reserve_mem;    /* bytes; NUM_NONE = none; of the first: JOB_EXPECT_AUTO */
	const char *min_free, *max_pressure; /* borrowed, as conf/room_value.h has them; NULL = none */
	/* limits */
	struct limit_bound limit[LIMIT_COUNT];
	enum on_limit on_limit;              /* what passing a hard one does */
	uint64_t freeze_for_ns;              /* with ON_LIMIT_FREEZE: ended then */
	const char *record_samples;          /* borrowed; NULL = none */
	bool require_limits;                 /* do not start where one cannot be held */
	uint32_t detect;                     /* bit i: detector i of core/detect.h */
	uint64_t orphan_grace_ns;            /* NUM_NONE = orphans are told at the end only */
	const struct signatures *signatures; /* borrowed */
	enum births_by births; /* how they are counted; BIRTHS_BY_ANY: only where a limit asks */
	const char *budget[JOB_BUDGETS_MAX]; /* borrowed, K=LIMIT */
	uint32_t budget_count, budget_layer; /* as tag_layer */
	struct yield_value yield;
	/* loops; what opens the breaker stands at the end */
	uint32_t backoff_seen, class_seen; /* bit of each class that the source at hand has given */
	uint32_t retry;                    /* attempts after the first; 0 = none */
	uint32_t retry_on;                 /* bit i: class i of core/failure.h */
	const char *require_env;           /* borrowed, names by conf/variables.h; NULL = none */
	const char *pre_check;             /* borrowed, words by conf/words.h; NULL = none */
	bool force;                        /* start though the breaker is open */
	bool has_loops; /* one of the group of loops was given: without, the end of this is not looked at */
	/* the job's world */
	enum session session;
	const char *chdir;             /* borrowed; NULL = stay */
	const char *env[JOB_ENV_MAX];  /* borrowed, K=V */
	uint32_t env_count, env_layer; /* as tag_layer */
	int umask;                     /* -1 = the caller's */
	int nice, oom_score_adj;       /* JOB_INT_NONE = the caller's */
	int ionice;                    /* as ioprio_set(2) takes it: class << 13 | level; -1 = the caller's */
	bool no_new_privs, drop_caps;
	const char *cgroup; /* borrowed; directory or "auto"; NULL or "none" = none of its own */
	bool isolate;       /* in a PID namespace of its own */
	enum output output;
	uint64_t tail_bytes; /* of stderr into the record; 0 = none */
	bool detach;
	const char *log;        /* borrowed; NULL = logs/RUNID of the state directory */
	uint64_t log_max_bytes; /* NUM_NONE = unlimited */
	/* record */
	const char *run_id;            /* borrowed; NULL = generated */
	const char *task, *step;       /* borrowed; NULL = none */
	const char *tag[JOB_TAGS_MAX]; /* borrowed, K=V */
	uint32_t tag_count,
		tag_layer; /* those before tag_layer are of a source of lower rank: may be replaced */
	enum record_command record_command;
	enum record_tail record_tail;
	const char *on_start, *on_flag, *on_finish; /* hooks, words by conf/words.h; NULL = none */
	uint64_t hook_timeout_ns;
	enum facility syslog;
	int status_fd;           /* -1 = none */
	const char *status_file; /* borrowed; NULL = none */
	bool stats;
	/* of the configuration file alone */
	const char *command_line; /* `command =` of [job NAME], words by conf/words.h; NULL = none */
	const char *like;         /* `like =` of [job NAME]: the job whose keys come before */
	/* other commands */
	struct columns columns; /* of ps */
	bool all_users;         /* of ps, status */
	bool all, any;          /* of wait */
	uint64_t patience_ns;   /* --timeout of wait; NUM_NONE = for ever */
	uint64_t for_ns;        /* of watch; NUM_NONE = to its end */
	bool follow;            /* of logs */
	uint32_t lines;         /* --tail of logs; 0 = all */
	enum color color;       /* of ps, status, doctor */
	bool selftest;          /* of doctor */
	const char *until;      /* of breaker, as all of these: borrowed; NULL = none */
	const char *reason;     /* the same */
	const char *reset_task; /* the same */
	uint64_t open_for_ns;   /* NUM_NONE = until it is reset */
	bool prefix;
	const char *samples; /* of explain: borrowed; NULL = none */
	struct job_batch batch;
	/* general */
	const char *config;    /* borrowed; NULL = the usual files; "none" = none */
	const char *state_dir; /* borrowed; NULL = by the ladder of store/statedir.h */
	uint64_t interval_ns;  /* 0 = adaptive; NUM_NONE = members unobserved */
	bool dry_run, quiet, json, version;
	unsigned help;                   /* enum help_text */
	uint32_t verbose, verbose_alone; /* of them how often -v stood alone in the source at hand */
	/* Large, and of few jobs: whoever asks for none of it does not touch its pages. */
	struct circuit_rules circuit;
	struct failure_rules classes;           /* min_uptime_ns as in `circuit` */
	struct circuit_rate attempts;           /* of a task; without has_loops not looked at */
	const char *watch_input[JOB_WATCH_MAX]; /* borrowed */
	const char *open_on[JOB_OPEN_ON_MAX];   /* borrowed; by conf/open_on_value.h */
	uint32_t open_on_count, open_on_layer;  /* as tag_layer */
	uint32_t watch_count, watch_layer;      /* as tag_layer */
	/* the command behind "--": borrowed argv, NULL-terminated; NULL if none was given */
	char **command;
};

#endif
