/*
 * What one look learns of the members of a tree: the shapes that every rule of this layer judges.  Whoever
 * takes the samples (tree/measure.c), reads them from a file, or makes them up in a test fills these; a value
 * whose bit is not set in `known` is not judged, and is never to be taken for 0.
 */
#ifndef SG_CORE_SAMPLE_H
#define SG_CORE_SAMPLE_H

#include <stdint.h>

enum sample_known {
	SAMPLE_MEMORY = 1U << 0,  /* rss_bytes; not while a member exits, when it reads 0 */
	SAMPLE_STAT = 1U << 1,    /* state, threads, cpu_ns, waited_ns, child_faults */
	SAMPLE_FDS = 1U << 2,     /* fds, fds_max */
	SAMPLE_SIGNALS = 1U << 3, /* caught, blocked, pending */
	SAMPLE_WCHAN = 1U << 4,
	SAMPLE_PROGRAM = 1U << 5,
	SAMPLE_WRITTEN = 1U << 6,
};

/* One member, as last seen. */
struct sample {
	uint64_t serial; /* 1, 2, ... in the order of first sight: no two members of a run share one */
	uint64_t parent; /* serial of the one it was first met below; 0 = the guard */
	uint64_t seen_ns;
	int32_t pid; /* for people: it may be another's later */
	uint16_t depth;
	uint32_t children; /* that were met below it so far */
	char state;        /* R S D Z T t X I */
	char comm[16];     /* a hint: anybody may call itself anything */
	uint32_t known;
	uint64_t rss_bytes;
	uint32_t threads;
	uint32_t fds, fds_max;             /* open; soft limit */
	uint64_t cpu_ns;                   /* its own so far */
	uint64_t waited_ns;                /* of its children that it has waited for */
	uint64_t child_faults;             /* minor faults of these: moves with each of them */
	uint64_t caught, blocked, pending; /* signal N: bit N-1 */
	char wchan[32];                    /* where it sleeps in the kernel; "" = it runs */
	uint64_t program;                  /* digest of its executable's path */
	uint64_t written_bytes; /* by write(2) and its like, with its children that it has waited for */
};

/* One look, beside its members. */
struct look {
	uint64_t now_ns, period_ns; /* BOOTTIME; since the look before, 0 = the first */
	uint64_t births;            /* so far, at least */
	uint64_t ended_ns;          /* CPU time of children that the guard itself has waited for */
	uint64_t output_bytes;      /* of files that the guard has opened for the job; UINT64_MAX = unknown */
	const char *births_rung;    /* "perf", "cgroup", "sampled" */
	uint64_t written_bytes; /* by all members there ever were, as far as it was seen; UINT64_MAX = unknown
				 */
};

#endif
