/*
 * How a tree is ended, step by step: (linger) - TERM round - grace - STOP sweep to fixpoint - KILL sweep -
 * gone or given up.  Pure: the caller walks, signals and reaps, and tells what it found.
 */
#ifndef SG_CORE_ENDING_H
#define SG_CORE_ENDING_H

#include <stdbool.h>
#include <stdint.h>

/* Leftovers of a finished job get this long to end by themselves: the `tee` of `exec > >(tee log)` has to
 * drain. */
#define ENDING_LINGER_NS (100ULL * 1000000)
/* A storm may never come to a fixpoint: KILL starts anyway. */
#define ENDING_STOP_NS (250ULL * 1000000)
/* From the first KILL: what is left then is a survivor. */
#define ENDING_KILL_NS (10ULL * 1000000000)
/* The same where every member left has refused the signal (another uid), or is dead and not ours to reap:
 * waiting helps less. */
#define ENDING_REFUSED_NS (2ULL * 1000000000)

/* Rounds without a pause while there is somebody new. */
#define ENDING_AT_ONCE 3

enum ending_stage {
	STAGE_IDLE,   /* no end is asked for */
	STAGE_LINGER, /* waiting without a signal */
	STAGE_TERM,   /* to send the first signal */
	STAGE_GRACE,
	STAGE_STOP,
	STAGE_KILL,
	STAGE_GONE, /* the tree is empty: proven */
	STAGE_GIVEN_UP,
	STAGE_COUNT
};

/* What ends a tree that does not end by itself, best first: tree/kill.h. */
enum kill_rung {
	KILL_NOT,      /* it did not come to that */
	KILL_CGROUP,   /* at once, by the kernel, with a control group of the run's own */
	KILL_ISOLATE,  /* the tree has a PID namespace of its own, which is ended */
	KILL_REALTIME, /* swept, by a process that is scheduled before the tree */
	KILL_SWEEP,
	KILL_COUNT
};
/* Stable names: "cgroup", "isolate", "realtime", "sweep"; "none", "unknown". */
const char *kill_rung_name(enum kill_rung rung);

enum ending_action { DO_NOTHING, DO_TERM, DO_STOP, DO_KILL, DO_FINISH };

struct ending {
	enum ending_stage stage;
	uint64_t grace_ns; /* 0 = KILL follows TERM at once; NUM_NONE is not allowed */
	uint64_t until_ns; /* of the stage */
	uint64_t killing_since_ns;
	uint32_t rounds;   /* of the stage */
	uint32_t restless; /* of these, those that met somebody new */
};

struct ending_facts {
	uint64_t now_ns;
	bool is_empty;    /* nothing of the tree is left */
	bool was_fresh;   /* the last sweep met members it had not signalled before */
	bool all_refused; /* every member left has answered EPERM */
	bool only_dead;   /* what is left has ended, but somebody else (who traces it) has still to reap it */
};

/* What to do now.  *out_wake_ns: when to ask again if nothing happens before; NUM_NONE = only then. */
enum ending_action ending_step(struct ending *e, const struct ending_facts *facts, uint64_t *out_wake_ns);

/* Ask for the end; an end under way is not slowed down.  `linger`: let it end by itself first. */
void ending_begin(struct ending *e, uint64_t now_ns, uint64_t grace_ns, bool linger);
/* No more grace. */
void ending_hurry(struct ending *e, uint64_t now_ns);

static inline bool ending_is_over(const struct ending *e)
{
	return e->stage == STAGE_GONE || e->stage == STAGE_GIVEN_UP;
}

#endif
