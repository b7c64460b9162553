/* What a rule has to say of a tree, with what makes one believe it.  A plain value. */
#ifndef SG_CORE_FINDING_H
#define SG_CORE_FINDING_H

#include <stdint.h>

struct buf;

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_CRITICAL, SEVERITY_COUNT };
/* Stable names: "info", "warning", "critical". */
const char *severity_name(enum severity severity);

/* A member as evidence. */
struct witness {
	int32_t pid; /* 0 = none */
	char comm[16];
	uint64_t value; /* its part, in the unit of the finding */
};
#define FINDING_WITNESSES 3

struct finding {
	const char *rule; /* stable name: "max-procs", "zombies"; borrowed, constant */
	enum severity severity;
	char text[200];            /* for people, escaped, no full stop: "14 processes, limit 12" */
	uint64_t value, bound;     /* in the unit of the rule; UINT64_MAX = it has none */
	uint64_t per_ns;           /* within this time; 0 = no matter when */
	uint64_t since_ns, now_ns; /* BOOTTIME: when it was first so; of the look that says it */
	uint64_t period_ns;        /* between the looks */
	const char *rung;          /* how it was measured: "walk", "perf"; borrowed, constant */
	struct witness witness[FINDING_WITNESSES]; /* the largest first */
};

/* "max-procs: 14 processes, limit 12; most: sh (4711), sh (4712)" */
void finding_format(struct buf *out, const struct finding *finding);

/* `value` into the list, if it is among the largest; equal ones keep their places. */
void witness_add(struct witness list[FINDING_WITNESSES], int32_t pid, const char comm[16], uint64_t value);

#endif
