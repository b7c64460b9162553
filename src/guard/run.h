/* One run, as front prepares it and the warden inherits it. */
#ifndef SG_GUARD_RUN_H
#define SG_GUARD_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/record.h"
#include "conf/job.h"
#include "core/finding.h"
#include "core/outcome.h"
#include "guard/alive.h"
#include "guard/attempt.h"
#include "guard/budget.h"
#include "guard/circuit.h"
#include "guard/flow.h"
#include "guard/hook.h"
#include "guard/isolate.h"
#include "guard/notify.h"
#include "guard/parent.h"
#include "guard/tail.h"
#include "guard/weigh.h"
#include "guard/world.h"
#include "guard/yield.h"
#include "os/signal.h"
#include "run/close.h"
#include "store/lock.h"
#include "store/logfile.h"
#include "store/statedir.h"

#define SNAPSHOT_MAX 64

struct tree;

/* What main read of the environment: facts and places, never options. */
struct surroundings {
	char **environ;
	const char *path;           /* PATH */
	const char *state_dir;      /* SPAWNGUARD_STATE_DIR */
	const char *config;         /* SPAWNGUARD_CONFIG */
	const char *service_dir;    /* STATE_DIRECTORY */
	const char *journal_stream; /* JOURNAL_STREAM: whether stderr is the journal's */
	const char *notify_socket;  /* NOTIFY_SOCKET: the service manager's */
	const char *parent_run_id;  /* SPAWNGUARD_RUN_ID: the run around this one */
	bool is_question;           /* explain: the job need not be configured, nor have a command */
};

struct run {
	const struct job *job; /* borrowed, as all pointers below */
	const struct surroundings *around;
	char **argv; /* of the job */
	char name[208];
	struct os_signals signals; /* as the caller had them */
	pid_t group;               /* the caller's process group */
	int stop_wanted;           /* ^Z before the job could take it: it gets it after its exec */
	bool has_terminal;
	bool new_session; /* job and warden leave the caller's session */
	bool tells_start; /* the warden says when the job has been exec'ed */
	/* owned descriptors, -1 = none */
	struct statedir dir;
	char lock_path[LOCK_PATH_MAX];
	int lock_fd, user_lock_fd, slot_fd, info_fd, record_fd, history_fd;
	int admission_fd, gate_fd; /* of guard/admission: until the record is written */
	uint32_t slot;             /* whose lock that is, 1 ...; with slot_fd */
	uint32_t slots;            /* so many there are, where that is asked */
	int samples_fd;            /* of --record-samples */
	int cgroup_fd;             /* the job's own control group */
	struct logfile output;     /* the file behind stdout and stderr; its fd -1: the caller's own */
	struct record_head head;
	struct record_state state;
	uint64_t seed; /* of the record's checks */
	/* children that front had before it began: not the job's */
	pid_t snapshot[SNAPSHOT_MAX];
	uint32_t snapshot_count;
	struct tail tail;
	struct hooks hooks;
	struct weigh weigh;
	struct isolation isolation;
	struct parent parent;
	struct finding limit; /* what the run is ended for; rule NULL = nothing */
	struct notify_socket notify;
	struct flow flow;
	struct yield yield;
	struct alive_places places;
	struct budget_keeping budget;
	struct circuit_run circuit;
	struct attempt attempt;
	uint64_t job_written;         /* by the job's process before its exec; told as world_failed is */
	struct tree *takeover;        /* front's, after the warden's death */
	enum world_step world_failed; /* told by the job's process, through the memory it shares */
	char program[4096];           /* what will be exec'ed; last: most of its pages are never touched */
};

void run_init(struct run *run, const struct job *job, const struct surroundings *around, char **argv);

/* What will be exec'ed, and the name of the job, which may come of it; run_start asks again, as a
 * configuration may have changed where to look. */
void run_find_program(struct run *run);

/*
 * Everything before the first fork: state, lock, recovery, record, start
 * line.  0: go on.  Else the run is over, told and recorded: *out_exit.
 */
int run_start(struct run *run, int *out_exit);

/* Children that front has now are not the job's. */
void run_take_snapshot(struct run *run);

/* --dry-run: what run_start would decide, printed. Exit status. */
int run_explain(struct run *run);

/* The job's environment: the caller's, --env and ours. Kept until the process ends; NULL: no memory. */
char **run_environment(const struct run *run);

/*
 * Make the job out of the calling process (the warden).  Its identity stands
 * in the record before its exec.  Pid, or -errno with *out_exec_errno = 0;
 * where exec failed the child is already gone, *out_exec_errno says why
 * (negative: it did not come to the exec, see world_failed).
 */
pid_t run_spawn_job(struct run *run, char **env, int *out_pidfd, int *out_exec_errno);

/* The two halves of the pair. */
void warden_main(struct run *run, char **env, int link);
int front_main(struct run *run);

/* Write the status object where the user asked for it. */
void run_put_status(const struct run *run, const struct close_run *c);
void run_put_refused_status(const struct run *run, const struct history_refused *refused, int exit_code);

#endif
