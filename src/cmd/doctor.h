/*
 * What doctor says: facts in, findings out.  The judges are pure, so that a machine nobody has can be judged
 * in a test.
 */
#ifndef SG_CMD_DOCTOR_H
#define SG_CMD_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "conf/resolve.h"
#include "os/probe.h"
#include "store/statedir.h"

struct cmd;

#define EXIT_DEGRADED     1
#define EXIT_CANNOT_GUARD 3

enum verdict { VERDICT_OK, VERDICT_NOTE, VERDICT_WEAK, VERDICT_BROKEN, VERDICT_COUNT };
extern const char *const verdict_name[VERDICT_COUNT];

struct machine {
	struct probe_answer probe[PROBE_COUNT];
	int state_err; /* of statedir_examine */
	struct statedir_report state;
	uid_t uid;                          /* effective */
	const char *version;                /* ours */
	int wrapper_err;                    /* of asking bin/spawnguard, negative errno */
	char wrapper_path[512];             /* foreign */
	uint32_t config_problems;           /* in all sections */
	bool config_refuses;                /* one of them refuses every start */
	char config_files[700];             /* those that are read, with blanks between; foreign */
	char config_problem[CONF_LINE_MAX]; /* the first; escaped */
	char wrapper[64];                   /* what it says its version is; foreign */
};

struct diagnosis {
	enum verdict verdict;
	const char *rung; /* of a ladder: the one that this version uses; NULL */
	struct buf what, why, todo;
	char what_bytes[1024], why_bytes[768], todo_bytes[384];
};

struct doctor_row {
	const char *name;
	bool is_ladder;
	void (*judge)(const struct machine *m, struct diagnosis *f);
};
extern const struct doctor_row doctor_rows[];
extern const size_t doctor_count;

/* What row `row` says of `m`. */
void doctor_judge(const struct doctor_row *row, const struct machine *m, struct diagnosis *out);
/* 0, EXIT_DEGRADED, EXIT_CANNOT_GUARD. */
int doctor_exit(enum verdict worst);

/* ---- for the judges: doctor_ladders.c, doctor_machine.c, doctor_state.c */

void finding_set(struct diagnosis *f, enum verdict verdict, const char *rung, const char *what);
/* Worse than it was; a better one is kept. */
void finding_worsen(struct diagnosis *f, enum verdict verdict);
/* Foreign text. */
void finding_foreign(struct buf *b, const char *text);
/* "pidfd_open: Operation not permitted": `err` either sign. */
void finding_error(struct buf *b, const char *what, int err);
/* `text` behind "; " if there is something already. */
void finding_add(struct buf *b, const char *text);

void judge_membership(const struct machine *m, struct diagnosis *f);
void judge_identity(const struct machine *m, struct diagnosis *f);
void judge_births(const struct machine *m, struct diagnosis *f);
void judge_cap(const struct machine *m, struct diagnosis *f);
void judge_kill(const struct machine *m, struct diagnosis *f);
void judge_memory(const struct machine *m, struct diagnosis *f);
void judge_ptrace_reads(const struct machine *m, struct diagnosis *f);
void judge_pressure(const struct machine *m, struct diagnosis *f);

void judge_version(const struct machine *m, struct diagnosis *f);
void judge_libraries(const struct machine *m, struct diagnosis *f);
void judge_kernel(const struct machine *m, struct diagnosis *f);
void judge_calls(const struct machine *m, struct diagnosis *f);
void judge_procfs(const struct machine *m, struct diagnosis *f);
void judge_pidfd(const struct machine *m, struct diagnosis *f);
void judge_cgroup(const struct machine *m, struct diagnosis *f);
void judge_perf(const struct machine *m, struct diagnosis *f);
void judge_psi(const struct machine *m, struct diagnosis *f);
void judge_scheduling(const struct machine *m, struct diagnosis *f);
void judge_limit_processes(const struct machine *m, struct diagnosis *f);
void judge_limit_files(const struct machine *m, struct diagnosis *f);
void judge_limit_locked(const struct machine *m, struct diagnosis *f);
void judge_clock(const struct machine *m, struct diagnosis *f);
void judge_boot_id(const struct machine *m, struct diagnosis *f);
void judge_machine_id(const struct machine *m, struct diagnosis *f);
void judge_pid_namespace(const struct machine *m, struct diagnosis *f);
void judge_user_namespace(const struct machine *m, struct diagnosis *f);
void judge_seccomp(const struct machine *m, struct diagnosis *f);
void judge_ptrace_scope(const struct machine *m, struct diagnosis *f);
void judge_logout(const struct machine *m, struct diagnosis *f);

void judge_config(const struct machine *m, struct diagnosis *f);
void judge_state(const struct machine *m, struct diagnosis *f);
void judge_history(const struct machine *m, struct diagnosis *f);
void judge_space(const struct machine *m, struct diagnosis *f);

/* --selftest: one line for each step; 0, EXIT_CANNOT_GUARD, or a usage or state failure. */
int selftest_main(struct cmd *cmd, char **argv, char **env, const char *wrapper);
/* The victim: `doctor @tree FD`, a job whose children leave its session. */
#define SELFTEST_VICTIM "@tree"
int selftest_victim(const char *fd);

#endif
