/*
 * Pressure (PSI): does this tree make the machine wait for CPU or memory?  Pure.
 *
 * The kernel says no more than that somebody waits, whoever it is.  It is the tree's only where the tree has
 * most of what is short, window after window; a machine that others load is no finding about this run.
 */
#ifndef SG_CORE_PRESSURE_H
#define SG_CORE_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/finding.h"

enum pressure_id { PRESSURE_CPU, PRESSURE_MEMORY, PRESSURE_COUNT };

/* The window of the kernel's trigger, the only one that any user may ask for. */
#define PRESSURE_WINDOW_US 2000000ULL
#define PRESSURE_WINDOW_NS (PRESSURE_WINDOW_US * 1000)
/* Windows further apart than this are of two rows. */
#define PRESSURE_APART_NS (3 * PRESSURE_WINDOW_NS)

struct pressure_row {
	const char *name;      /* file in /proc/pressure; in texts as `what` */
	const char *what;      /* "CPU", "memory" */
	uint64_t trigger_us;   /* somebody waits this long within a window: we are woken */
	uint32_t least_centi;  /* of avg10, in hundredths of a percent: less is not judged */
	uint32_t severe_centi; /* more is one grade worse; UINT32_MAX = never */
	uint32_t share_pct;    /* of the machine, that the tree has at least */
	uint64_t for_ns;       /* for this long without a gap */
	enum severity severity;
};
extern const struct pressure_row pressure_rows[PRESSURE_COUNT];

/* Of one resource.  All zero at first. */
struct pressure {
	uint64_t since_ns, last_ns; /* of the first and the last window of the row; 0 = none */
	uint32_t told;              /* 1 + the severity that was told; 0 = none */
};

/* A window was over the trigger. */
struct pressure_window {
	uint64_t now_ns;
	uint32_t centi_pct;   /* avg10 of "some" */
	uint64_t part, whole; /* what the tree has, and the machine, since the last one; whole 0 = unknown */
	bool is_yielding;     /* it lets others go first (nice): their waiting is none of its doing */
};

/* True: to be told, for the first time in this row or worse than before. */
bool pressure_judge(struct pressure *p, enum pressure_id id, const struct pressure_window *window,
		    struct finding *out_finding);

#endif
