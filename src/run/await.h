/* Waiting for the end of a run that is not ours: by handles of its guards, or, where there are none, by news.
 */
#ifndef SG_RUN_AWAIT_H
#define SG_RUN_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/outcome.h"
#include "os/poll.h"
#include "run/find.h"

struct statedir;

enum await_state {
	AWAIT_RUNNING,
	AWAIT_TOLD, /* over: the record tells how */
	AWAIT_GONE, /* over: only the history can tell how; else it is lost */
};

struct await {
	const struct statedir *dir; /* borrowed */
	struct run_view view;       /* owned */
	int news;                   /* owned: of the record, where its guards cannot be held; -1 = none */
	uint64_t again_ns;          /* look again then, whatever happens; NUM_NONE = no need */
	uint64_t closed_ns;         /* when the record was found closed; 0 = not yet */
	bool is_new;
};

/* Begin to wait for `run_id`. 0, or what record_open returns. */
int await_open(struct await *a, const struct statedir *dir, const char *run_id, const struct host_id *here);
void await_close(struct await *a);

/* What wakes up whoever waits: two entries for os_poll. */
#define AWAIT_HANDLES 2
void await_handles(const struct await *a, struct os_poll *set);

/* How long os_poll may sleep; NUM_NONE: for ever. */
int await_ms(uint64_t until_ns);

/*
 * How does it stand?  To be asked again when a handle is ready, or at
 * again_ns.  The caller of the run has its status, and its lock is free, when
 * it is over (but for what it does afterwards: that is not waited for).
 */
enum await_state await_look(struct await *a);

/* With AWAIT_TOLD. */
struct await_end {
	enum outcome outcome;
	int exit_code;
	uint64_t wall_ns;
	bool keeps_log;
};
struct await_end await_end(const struct await *a);

#endif
