/*
 * How many processes a tree has begotten so far, at least: out of the kernel's records, of what walks have
 * met, and of what parents' counts of minor faults tell about children that nobody has met.  Pure.
 *
 * Each kind of evidence is a lower bound of the same number, so the total is the
 * larger of what was told and what was seen.  Threads are no births.
 */
#ifndef SG_CORE_BIRTHS_H
#define SG_CORE_BIRTHS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/sample.h"

enum births_rung {
	BIRTHS_NONE,    /* nobody asks */
	BIRTHS_SAMPLED, /* at least so many */
	BIRTHS_TOLD,    /* by perf task records: all of them */
	BIRTHS_RUNG_COUNT
};
/* "perf", "sampled"; NULL: not counted. */
const char *births_rung_name(enum births_rung rung);

/* Who begets most: bounded, so never more than it has, at times less. */
#define BIRTHS_PARENTS 16
struct births_parent {
	int32_t pid;          /* 0 = free */
	uint32_t now, before; /* children in this span, in the one before */
};

struct births {
	enum births_rung rung;
	/* by records */
	uint64_t told, threads, ends; /* processes born, further threads, ends of either */
	uint64_t missed, lost;        /* records that were lost; births that must have been among them */
	/* by looks */
	uint64_t met, unseen; /* by walks; between them */
	uint64_t look;        /* number of the look that is being taken, 1 ... */
	uint64_t gone;        /* number of the last one that missed a member of unknown parent */
	uint64_t span_ns, turn_ns;
	struct births_parent parent[BIRTHS_PARENTS];
};

/* Of one member: what its child_faults have told.  All zero at first. */
struct births_trace {
	uint64_t faults;
	uint64_t moved; /* look at which they had moved, to be judged at the next; 0 = none */
	uint64_t gone;  /* last look that missed a child of it */
	bool has_faults;
};

/* `span_ns`: parents are counted over about this long. */
void births_init(struct births *b, enum births_rung rung, uint64_t span_ns);

/* So far, at least. */
uint64_t births_total(const struct births *b);

/* Records.  `parent` 0 = not known. */
void births_tell(struct births *b, int32_t parent, uint64_t at_ns);
void births_tell_thread(struct births *b);
void births_tell_end(struct births *b);
/* `records` of any kind were lost: as many as cannot have been ends, nor threads, are births. */
void births_tell_missed(struct births *b, uint64_t records);

/*
 * Looks.  Within one, in any order: who was met, who is gone, the samples; a
 * child that was met and is gone again explains why its parent's faults moved
 * in its own look, in the one before and in the one after, so a move is judged
 * at the next look: what nothing explains is one birth, at least.
 */
void births_begin_look(struct births *b, uint64_t now_ns);
void births_meet(struct births *b, int32_t parent);
/* A member has been waited for; `parent`: trace of its parent, NULL = not known. */
void births_miss(struct births *b, struct births_trace *parent);
void births_sample(struct births *b, struct births_trace *trace, const struct sample *sample);
/* The guard itself has waited for a process of the tree that no look had met. */
void births_find_orphan(struct births *b);

/* The `n` parents with most children lately, into `out`, most first; how many there are. */
unsigned births_top(const struct births *b, struct births_parent *out, unsigned n);
/* Of one of them: its children lately; 0 = not known. */
uint32_t births_of(const struct births *b, int32_t pid);

#endif
