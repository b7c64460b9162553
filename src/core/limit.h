/* Limits of a tree: is what one look has measured over a bound?  Pure. */
#ifndef SG_CORE_LIMIT_H
#define SG_CORE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"
#include "core/sample.h"
#include "core/window.h"

enum limit_id {
	LIMIT_PROCS,
	LIMIT_THREADS,
	LIMIT_DEPTH,
	LIMIT_SPAWN_RATE,
	LIMIT_RSS,      /* of the largest member */
	LIMIT_TREE_MEM, /* of all together */
	LIMIT_GROWTH,
	LIMIT_CPU,
	LIMIT_FDS, /* of the member with most */
	LIMIT_IO,
	LIMIT_OUTPUT,
	LIMIT_COUNT
};

enum limit_unit {
	UNIT_NUMBER,
	UNIT_BYTES,
	UNIT_RATE,     /* a number within a time: 50/10s */
	UNIT_GROWTH,   /* bytes within a time: 100M/10m */
	UNIT_CPU_TIME, /* 10m, or a share of one core over a time: 150%/30s */
};

struct buf;

#define LIMIT_NONE UINT64_MAX
/* Of a share of a core that names no time. */
#define LIMIT_CPU_WINDOW_NS (10ULL * 1000000000)

struct limit_value {
	uint64_t at;     /* in the unit of the row; LIMIT_NONE = off.  CPU time and shares of it: ns of CPU */
	uint64_t per_ns; /* within this; 0 = ever */
};

struct limit_bound {
	struct limit_value soft, hard;
};

struct limit_row {
	const char *name; /* "max-procs": the option and its key */
	enum limit_unit unit;
	const char *what; /* "processes": what the number counts, in messages */
};
extern const struct limit_row limit_rows[LIMIT_COUNT];

enum limit_grade { GRADE_OK, GRADE_SOFT, GRADE_HARD };

struct limit_verdict {
	enum limit_grade grade;
	enum limit_id id; /* meaningless when grade is GRADE_OK */
	uint64_t value;
	struct limit_value bound;
	uint64_t since_ns;                         /* of the first look at which it was over */
	uint64_t period_ns;                        /* between the looks */
	struct witness witness[FINDING_WITNESSES]; /* the largest first */
};

/* What is carried from look to look.  All zero at first, but for `bound`. */
struct limits {
	struct limit_bound bound[LIMIT_COUNT];
	struct look look;
	/* of the look that is being taken */
	uint64_t value[LIMIT_COUNT];
	uint32_t known; /* bit i: value[i] is measured */
	struct witness witness[LIMIT_COUNT][FINDING_WITNESSES];
	uint64_t cpu_ns;
	/* over time */
	uint64_t start_ns; /* of the run: what came before the first look counts */
	struct window births, cpu, written;
	uint64_t born, born_ns;            /* as limits_born heard last */
	uint64_t most_births[2];           /* soft, hard: between the looks, where it was passed */
	uint64_t since_ns[LIMIT_COUNT][2]; /* soft, hard: over since then; 0 = it is not */
	uint32_t told[2];                  /* bit i: a verdict was given, and it has not been below since */
};

#define LIMIT_STORM_FACTOR 8
#define LIMIT_STORM_SPARE  64

/*
 * The most threads that the kernel is to allow the tree, where it can: a cap
 * bounds a storm before a look can see it.  One more than `max-threads` allows,
 * so that a look sees it passed and gives the verdict; for `max-procs` alone,
 * as the kernel counts threads, LIMIT_STORM_FACTOR times and LIMIT_STORM_SPARE
 * more.  LIMIT_NONE: no hard bound asks for one.
 */
uint64_t limits_cap(const struct limit_bound bound[LIMIT_COUNT]);

/* Is any bound of `limits` set? */
bool limits_are_set(const struct limit_bound bound[LIMIT_COUNT]);

/*
 * One look: begin, each member, end.  The end gives one verdict, GRADE_OK if
 * nothing new is over: hard before soft, then the order of the table; each
 * bound speaks once until the value has been below it again.  Reaching a
 * bound is allowed, passing it is not.
 */
void limits_begin(struct limits *limits, const struct look *look);
void limits_member(struct limits *limits, const struct sample *sample);
struct limit_verdict limits_end(struct limits *limits);

/* Between the looks: births stand at `total` since `at_ns` (not before the last such). Is a bound passed? */
bool limits_born(struct limits *limits, uint64_t at_ns, uint64_t total);
/* Within a look: who begets most; `comm` "" = not known. */
void limits_parent(struct limits *limits, int32_t pid, const char comm[16], uint64_t children);

/* For people and for the history. `rung`: how it was measured. */
void limit_describe(const struct limit_verdict *verdict, uint64_t now_ns, const char *rung,
		    struct finding *out_finding);
/* "14 processes", "310M", "57 births within 10s" */
void limit_format(struct buf *out, enum limit_id id, uint64_t value, uint64_t per_ns);

#endif
