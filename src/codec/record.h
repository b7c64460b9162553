/*
 * The run record: what `ps`, `kill`, `reap` and the next start believe of a run, also after KILL of its
 * guards.
 *
 *   0     struct record_head    who, when, limits: written once by front before the warden is forked
 *   2048  struct record_state   current figures; rewritten in place
 *   2560  struct record_slot[]  one per live member, rewritten when a member takes a free slot
 *
 * Each part carries its own check, so that a torn write spoils one part only.
 * The checks of state and slots depend on the run id: a file is used again for
 * another run (creating one costs more than renaming it), and what the earlier
 * run left in it must not be believed.
 * Native byte order: a record is read on the boot that wrote it, or only closed.
 */
#ifndef SG_CODEC_RECORD_H
#define SG_CODEC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_ID_MAX     64 /* bytes, without the NUL */
#define RECORD_VERSION 5U

/* Names one process for ever on this boot; 0 in a field = unknown. */
struct proc_id {
	int32_t pid;
	uint32_t spare;
	uint64_t start_ticks; /* clock ticks since boot, of the recorded time namespace */
	uint64_t pidfs_ino;   /* inode of its pidfd; never repeats within a boot (6.9) */
};

/* Where a process identity means something. */
struct host_id {
	char boot_id[40]; /* text of /proc/sys/kernel/random/boot_id; "" = unknown */
	uint64_t pid_ns, time_ns;
};

enum record_flags {
	RECORD_NO_LOCK = 1U << 0,
	RECORD_SHARED = 1U << 1,
	RECORD_FRONT_IS_INIT = 1U << 2, /* front was PID 1: its namespace went with it */
	RECORD_TERM_JOB = 1U << 3,
	RECORD_FRONT_HAD_CHILDREN = 1U << 4,
	RECORD_LOG_OWN = 1U << 5,       /* `log` is of the state directory, no file of the user's */
	RECORD_LOG_IF_FAILED = 1U << 6, /* ... and is removed after a run that was ok */
	RECORD_ISOLATED = 1U << 7,      /* the tree has a PID namespace of its own */
	RECORD_TRIAL = 1U << 8,         /* the breaker was open: the one that may try */
	RECORD_FORCED = 1U << 9,        /* ... or started all the same */
};

struct record_head {
	uint32_t magic, version;
	uint32_t check; /* over the rest, with this field 0 */
	uint32_t flags;
	char run_id[RUN_ID_MAX + 8];
	char parent_run_id[RUN_ID_MAX + 8]; /* "" = none */
	char job[208];                      /* the name as given */
	char task[64], step[64];            /* cut */
	struct host_id host;
	struct proc_id front;
	uint64_t started_boot_ns, started_wall_ns;
	uint64_t timeout_ns, kill_after_ns; /* UINT64_MAX = none */
	int32_t signal;
	uint32_t uid;
	uint32_t leftovers;    /* enum leftovers of conf/job.h */
	uint32_t command_len;  /* bytes of `command`: arguments, each with its NUL; the last may be cut */
	uint64_t command_full; /* bytes before the cut */
	char command[640];
	char cwd[256];
	char identity[8];        /* rung: "pidfs", "pidfd", "procfd", "weak" */
	char log[256];           /* absolute path of the file with the job's output; "" = none */
	uint64_t cgroup_ino;     /* of the run's own control group; 0 = none, or not made yet */
	char cgroup[160];        /* where it was made: its name is spawnguard-RUNID */
	uint64_t expected_bytes; /* of memory: its claim until it has as much; 0 = none */
	uint16_t slot, slots;    /* which of how many by --slots; 0 = none */
	char spare[4];
};

/* What a run came to; also sent from warden to front and printed as the status object. */
struct run_figures {
	uint32_t outcome;   /* enum outcome of core/outcome.h */
	uint32_t cause;     /* enum end_cause of core/outcome.h */
	int32_t job_status; /* of wait(2); meaningful with has_status */
	uint16_t has_status;
	uint16_t was_over;                     /* the job had ended by itself before `cause` */
	uint32_t seen, peak_procs, peak_depth; /* members: at least */
	uint32_t ended, killed;                /* members that were signalled to end; of these, by KILL */
	uint32_t survivors, left_alone;
	int32_t sender_pid; /* who asked for the end, as the kernel tells; 0 = nobody */
	uint32_t sender_uid;
	char sender_comm[16];
	char by_run[RUN_ID_MAX + 8]; /* run on whose behalf it was asked; "" = none */
	uint64_t peak_rss_bytes, freed_bytes;
	uint64_t user_ns, system_ns;
	uint64_t ended_boot_ns, ended_wall_ns;
	uint64_t ticks;
	uint64_t lost_recorded;
	uint64_t frozen_ns;       /* how long it stood still, all times together; of those that are over */
	int32_t exit_code;        /* what the caller got, or would have */
	uint32_t kill_rung;       /* enum kill_rung of core/ending.h */
	uint32_t births_rung;     /* enum births_rung of core/births.h */
	uint32_t attempt;         /* of --retry, from 1; 0 = there is but one */
	uint64_t births;          /* at least; meaningless where nobody asked */
	uint64_t births_missed;   /* records of births and ends that were lost */
	uint64_t period_ns;       /* between the last looks; 0 = there were none */
	uint64_t attempt_boot_ns; /* with `attempt`: when it began */
};

/*
 * Is the end told by the record itself, which front then hands on for the
 * next run?  Not where somebody else may read it (an end by request), nor
 * where front may have been killed with the job (kill -9 of their group).
 */
bool record_is_handed_on(const struct run_figures *figures);

/* PHASE_WAITING: an attempt has ended, front waits before the next; no warden is there. */
enum record_phase { PHASE_STARTING, PHASE_RUNNING, PHASE_ENDING, PHASE_CLOSED, PHASE_WAITING, PHASE_COUNT };

struct record_state {
	uint32_t check; /* over the rest, with this field 0 */
	uint32_t phase;
	struct proc_id warden;
	int32_t job_pid;
	uint32_t procs;
	uint64_t rss_bytes;
	uint64_t overflow;             /* members that found no slot */
	uint64_t frozen_since_boot_ns; /* 0 = it is not frozen */
	uint32_t frozen_by;            /* enum freezing_by of core/freezing.h */
	uint32_t frozen_procs;         /* members that were stopped for it, or stood already */
	uint32_t frozen_late;          /* members that were not stopped yet when it was settled */
	uint64_t frozen_until_boot_ns; /* for a limit: it is ended then; UINT64_MAX = never */
	char frozen_rule[24];          /* that limit; "" = for none */
	int32_t init_pid;              /* first process of the run's own PID namespace; 0 = none */
	struct run_figures figures;
};

/* A member.  pid 0 = free. */
struct record_slot {
	uint32_t check; /* over the rest, with this field 0 */
	int32_t ppid;
	struct proc_id id;
	uint64_t seen_boot_ns;
	int32_t sid;
	uint16_t depth; /* 1 = the job */
	uint16_t flags;
	char comm[16]; /* a hint for people */
};

#define RECORD_STATE_AT 2048
#define RECORD_SLOTS_AT 2560
#define RECORD_MAGIC    0x4e524753U /* "SGRN" */

void record_head_seal(struct record_head *head);
/* True if the check holds and every text is terminated. */
bool record_head_is_valid(const struct record_head *head);
/* `seed`: record_seed() of the run that the part belongs to. */
uint64_t record_seed(const char *run_id);
void record_state_seal(struct record_state *state, uint64_t seed);
bool record_state_is_valid(const struct record_state *state, uint64_t seed);
void record_slot_seal(struct record_slot *slot, uint64_t seed);
bool record_slot_is_valid(const struct record_slot *slot, uint64_t seed);
/*
 * A whole record out of `n` bytes as read from disk; slots are judged one by one.  A state that is missing or
 * does not hold is PHASE_STARTING, its check 0.  0, -EBADMSG.
 */
int record_parse(const void *bytes, size_t n, struct record_head *out_head, struct record_state *out_state);
/* Slots that `n` bytes of a record hold. */
size_t record_slot_count(size_t n);

static inline size_t record_slot_at(size_t index)
{
	return RECORD_SLOTS_AT + index * sizeof(struct record_slot);
}

#endif
