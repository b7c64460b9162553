/*
 * Does a job get on?  The clocks of --start-timeout, --idle-timeout and --heartbeat.  Pure: the caller looks,
 * is told things, and asks what is due.
 *
 * Until the job is ready only the start clock runs, if there is one.  While somebody has stopped the job, all
 * three stand still.
 */
#ifndef SG_CORE_PROGRESS_H
#define SG_CORE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_clock { PROGRESS_NONE, PROGRESS_START, PROGRESS_IDLE, PROGRESS_BEAT, PROGRESS_COUNT };

/* Less CPU time than this since the last sign of life is none: a loop that only waits takes some too. */
#define PROGRESS_CPU_LEAST_NS (50ULL * 1000000)
#define PROGRESS_CPU_SHARE    100 /* ... nor less than this part of the time: 1 % of a core */

/* Who has stopped it. */
enum progress_holder { HELD_BY_FREEZE = 1U << 0, HELD_BY_STOP = 1U << 1 };

#define PROGRESS_UNKNOWN UINT64_MAX

/* What the whole tree has done so far; PROGRESS_UNKNOWN = not known at this look. */
struct progress_signs {
	uint64_t output_bytes;
	uint64_t cpu_ns; /* may fall: of who is gone unseen */
	uint64_t io_bytes;
};

struct progress {
	uint64_t start_ns, idle_ns, beat_ns; /* what is allowed; UINT64_MAX = any time */
	bool is_ready_by_output;
	bool is_output_written; /* what is written counts as output: no file tells of all of it */
	bool needs_io;          /* what was written and stored is told apart, by progress_io */
	/* inside */
	uint64_t ready_at_ns; /* 0 = not yet */
	uint64_t start_due_ns;
	uint64_t life_ns, beat_at_ns; /* the last sign, the last beat */
	uint64_t looked_ns, io_looked_ns;
	uint64_t period_ns;    /* of the heartbeat: what the job asks for, beat_ns at most */
	uint64_t cpu_spent_ns; /* since life_ns */
	struct progress_signs last;
	uint32_t held; /* enum progress_holder */
	uint64_t held_ns;
	uint64_t written; /* at the last progress_io; PROGRESS_UNKNOWN = not yet */
};

/* start_ns, idle_ns, beat_ns and is_ready_by_output are set; `at` is where it stands before the job's first
 * instruction. */
void progress_begin(struct progress *p, uint64_t now_ns, const struct progress_signs *at);
/* Is any of the three asked for? */
bool progress_is_asked(const struct progress *p);

/* The job says so, or shows it. */
void progress_ready(struct progress *p, uint64_t now_ns);
void progress_beat(struct progress *p, uint64_t now_ns);
/* It asks for a shorter heartbeat; a longer one than was allowed is not given. */
void progress_set_period(struct progress *p, uint64_t period_ns);
/* Its start takes this long from now on, at least. */
void progress_extend(struct progress *p, uint64_t now_ns, uint64_t by_ns);
/* It asks to be taken for hung.  Without --heartbeat: nothing. */
void progress_trigger(struct progress *p);

void progress_hold(struct progress *p, enum progress_holder who, uint64_t now_ns);
void progress_go_on(struct progress *p, enum progress_holder who, uint64_t now_ns);

/* One look. */
void progress_look(struct progress *p, uint64_t now_ns, const struct progress_signs *signs);
/*
 * The same of what takes a while to find out.
 */
void progress_io(struct progress *p, uint64_t now_ns, uint64_t written, uint64_t io_bytes);
/* A deadline has come, and nobody has looked since. */
bool progress_wants_look(const struct progress *p, uint64_t now_ns);
bool progress_wants_io(const struct progress *p, uint64_t now_ns);
/* Which clock has run out: never before a look has been taken at or after its deadline. */
enum progress_clock progress_due(const struct progress *p, uint64_t now_ns);
/* When to ask again; UINT64_MAX = nothing runs. */
uint64_t progress_next(const struct progress *p);

#endif
