/* The warden's own state, shared by the files it is written in: warden.c (its life, turn by turn), events.c
 * (what it is told), end.c (ticks and end of the tree). */
#ifndef SG_GUARD_WARDEN_H
#define SG_GUARD_WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/ending.h"
#include "core/progress.h"
#include "guard/census.h"
#include "guard/freeze.h"
#include "guard/io.h"
#include "guard/pair.h"
#include "guard/pressure.h"
#include "guard/report.h"
#include "guard/run.h"
#include "guard/sight.h"
#include "guard/watch.h"
#include "run/journal.h"
#include "run/nested.h"
#include "tree/kill.h"
#include "tree/tree.h"

/* What each run needs stands first and close together, what it may need behind it: a page is paid for when it
 * is touched. */
struct warden {
	struct run *run;
	int link, signals, timer, epoll;
	pid_t job;
	int job_fd; /* pidfd until the tree takes it */
	int start_errno;
	bool has_tree, is_empty, leaves;
	bool has_more;   /* children to wait for, at once */
	bool had_job;    /* the tree was made while the job lived */
	bool is_stopped; /* the job, as far as wait(2) told */
	uint32_t stops;  /* of the job by the terminal, so far */
	uint64_t deadline_ns, tick_ns, period_ns, ending_wake_ns, timer_ns;
	struct journal journal;
	struct ending ending;
	struct ending_facts facts;
	struct killer killer;
	uint64_t io_next_ns;    /* not asked for the clocks before that again */
	struct progress clocks; /* of --start-timeout, --idle-timeout, --heartbeat */
	struct census census;
	struct run_report report;
	struct freeze freeze; /* of which these are the first words */
	struct nested nested;
	struct io_watch io;
	struct watch watch;
	struct sight sight;
	struct pressure_watch pressure;
	uint64_t told_rss_bytes; /* in the record, for who asks for room */
	struct tree tree;
};

/* What wakes it: tags of its epoll set. */
enum warden_source {
	FROM_LINK,
	FROM_SIGNALS,
	FROM_TIMER,
	FROM_PARENT,
	FROM_BIRTHS,
	FROM_NOTIFY,
	FROM_PRESSURE_CPU,
	FROM_PRESSURE_MEMORY
};

static inline struct run_figures *warden_figures(struct warden *w)
{
	return &w->run->state.figures;
}

/* What whoever is ended is given, unless somebody has said otherwise. */
static inline uint64_t warden_grace(const struct warden *w)
{
	return w->run->job->kill_after_ns;
}

/* The tree, made at the first tick or the first end: a job that is over sooner does not pay for it. */
void warden_need_tree(struct warden *w);
/* What the last walk has found, into the figures of the run. */
void warden_keep_figures(struct warden *w);
/* One look at the tree. */
void warden_tick(struct warden *w);

/* Front has killed `count` processes (0: it did not count) the way the kernel does, in an end that has begun.
 */
void warden_is_struck(struct warden *w, uint32_t count);
/* The run is to end; `sender`: who asked, NULL = nobody. */
void warden_begin_end(struct warden *w, enum end_cause cause, uint64_t grace_ns,
		      const struct pair_sender *sender);
/* Told, and what is to be done about it begun. */
struct finding;
enum flag_action;
void warden_raise(struct warden *w, const struct finding *finding, enum flag_action action);
/* One step of the end. */
void warden_act(struct warden *w, enum ending_action action);

#endif
