/* Births of the tree, counted by the best way that works here, where a rule or the user asks for it. */
#ifndef SG_GUARD_CENSUS_H
#define SG_GUARD_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/births.h"
#include "os/perf.h"

struct job;
struct warden;

struct census {
	struct births births; /* rung BIRTHS_NONE: nobody asks */
	struct os_perf perf;
	uint64_t last_ns; /* of the last record */
	/* What the machine gives out: of two looks, a busy period or more before this one. */
	struct census_pid {
		uint64_t at_ns, pid; /* pid 0 = unknown */
	} last_pid[2];
	uint64_t total;      /* at the last look */
	uint64_t seen_ns;    /* of the last look that saw a birth */
	bool is_passed;      /* a record has passed a bound: judge at once */
	uint32_t idle_wakes; /* in a row that brought nothing */
};

void census_init(struct census *census);
/* Before the job is born: nothing that follows is missed. */
void census_open(struct warden *w);
/* The tree is made. */
void census_attach(struct warden *w);
/* The kernel has records for us. */
void census_wake(struct warden *w);
/* Around a look at the tree; the second gives the births since the last one, at least. */
void census_begin_look(struct warden *w);
uint64_t census_end_look(struct warden *w, uint64_t met);
/* When to look again after a period with so many births. */
uint64_t census_period(struct warden *w, uint64_t births);
/* The warden has waited for a child of its own. */
void census_reaped(struct warden *w, pid_t pid);
/* The run is to end: nothing wakes us for births any more. */
void census_rest(struct warden *w);
/* What has come of it so far, into the figures of the run. */
void census_keep_figures(struct warden *w);

#endif
