/*
 * Detectors: what is wrong with a member though it is over no limit.  Pure; one row and one function for
 * each.
 *
 * A member is judged when its facts were read anew, no more often than DETECT_APART_NS; "three in a row" are
 * three such samples of it.  What is not known is not judged, and ends no row of samples either way.
 */
#ifndef SG_CORE_DETECT_H
#define SG_CORE_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"
#include "core/sample.h"
#include "core/window.h"

enum detect_id {
	DETECT_ZOMBIE,
	DETECT_FDS,
	DETECT_STUCK,
	DETECT_BUSY,
	DETECT_SIGNAL,
	DETECT_SPIKE,
	DETECT_DRIFT,
	DETECT_CAP, /* of the tree, as the next one */
	DETECT_UNSEEN,
	DETECT_ORPHAN,   /* its parent is gone */
	DETECT_GROWTH,   /* core/growth.h judges it */
	DETECT_PRESSURE, /* core/pressure.h */
	DETECT_COUNT
};

#define DETECT_ALL ((1U << DETECT_COUNT) - 1)

/* Samples closer than this are one. */
#define DETECT_APART_NS (900ULL * 1000000)
/* One detector speaks once in this time, unless it has worse to tell; what it kept to itself is counted. */
#define DETECT_QUIET_NS (60ULL * 1000000000)

#define DETECT_FDS_PCT       80 /* of the soft limit: more is too many */
#define DETECT_FDS_CALM_PCT  70 /* below this it may be said again */
#define DETECT_BUSY_PCT      90 /* of one core */
#define DETECT_BUSY_NS       (5ULL * 1000000000)
#define DETECT_SPIKE_FACTOR  3
#define DETECT_SPIKE_BYTES   (512ULL << 20)
#define DETECT_WARM_NS       (10ULL * 1000000000) /* of a member: until then it is starting */
#define DETECT_UNSEEN_NS     (60ULL * 1000000000)
#define DETECT_UNSEEN_BIRTHS 1000

struct detect_row {
	const char *name;  /* "zombies": rule of the finding, word of --detect */
	uint32_t needs;    /* enum sample_known */
	const char *about; /* for the manual: no full stop */
};
extern const struct detect_row detect_rows[DETECT_COUNT];

/* What a member carries from sample to sample.  All zero at first. */
struct detect_state {
	uint64_t last_ns; /* of the sample judged last */
	uint32_t told[2]; /* bit i: detector i has spoken of it; at its first, at its second step */
	uint8_t zombie, stuck, busy, signal, spike, drift; /* samples in a row */
	uint8_t drifts;                                    /* programs it has been after its first */
	uint64_t zombie_ns, stuck_ns, signal_ns, spike_ns, drift_ns; /* of the first of them */
	uint64_t stuck_cpu_ns, stuck_at;                             /* where: a digest of its wait channel */
	uint64_t busy_ns, busy_cpu_ns;                               /* of the window */
	uint64_t waiting;                                            /* signals */
	uint64_t rss_high_bytes, spike_bytes;
	uint64_t program, program_ns, program_last_ns, next_program;
};

/* What the tree carries.  All zero at first, but for the first five. */
struct detector {
	uint32_t enabled; /* bit i: detector i */
	void (*found)(void *with, const struct finding *finding);
	void *with;
	uint64_t orphan_grace_ns; /* UINT64_MAX = none is told before the end */
	uint64_t start_ns; /* of the first birth; 0 = what was born before the first look is not counted */
	struct look look;
	uint64_t told_ns[DETECT_COUNT]; /* when it spoke last; 0 = never */
	uint8_t told_worst[DETECT_COUNT];
	uint32_t withheld[DETECT_COUNT]; /* since then */
	uint8_t full;                    /* looks in a row at which it had all processes it may have */
	bool is_full_told;
	uint64_t full_ns; /* of the first of them */
	struct window births, unseen;
};

/* What is asked of each member, if these are enabled: enum sample_known. */
uint32_t detect_needs(uint32_t enabled);

/* The look that is being taken. */
void detect_look(struct detector *d, const struct look *look);
/* One member, whose facts were read anew. */
void detect_member(struct detector *d, struct detect_state *state, const struct sample *sample);
/* One member whose parent is gone since `orphaned_ns`. */
void detect_orphan(struct detector *d, struct detect_state *state, const struct sample *sample,
		   uint64_t orphaned_ns);
/* Cap `what` ("processes (pids.max)") was hit `hits` times more than when it was asked last. */
void detect_cap(struct detector *d, const char *what, uint64_t hits, enum severity severity);
/* The tree has `tasks`, processes and threads, and nobody else counts for the limit of `max`: for who asks
 * once in DETECT_APART_NS, or less often. */
void detect_full(struct detector *d, uint64_t tasks, uint64_t max);
/* At the end of a look: of look->births so far the walk has met `seen`. */
void detect_births(struct detector *d, uint64_t seen);

/* As sample.program: the path of an executable, whether or not the file is still there. */
uint64_t detect_program(const char *path, uint64_t n);

#endif
