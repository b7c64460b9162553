/* --start-timeout, --idle-timeout, --heartbeat, --budget: does the job get on?  The warden's part: looks, and
 * what follows. */
#ifndef SG_GUARD_ALIVE_H
#define SG_GUARD_ALIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/progress.h"
#include "os/file.h"

struct buf;
struct job;
struct notify;
struct pair_message;
struct run;
struct warden;

/* Of a run, before the fork. */
struct alive_places {
	const char *ready_file; /* absolute, kept until the process ends; NULL = none */
	struct os_file_id ready_was;
	bool ready_was_there;
};

/* Is anything of this asked for? */
bool alive_is_wanted(const struct job *job);
/* In front: what is to be looked at.  0, or the exit status: said. */
int alive_prepare(struct run *run);

/* In the warden: the job is about to be made. */
void alive_begin(struct warden *w);
/* The tree is there: what each look is to read of its members. */
void alive_want(struct warden *w);
/* It was told something. */
void alive_told(struct warden *w, const struct notify *said);
/* Front has read what was asked of it. */
void alive_hear(struct warden *w, const struct pair_message *message);
/* In the job's process, last of all before its exec. */
void alive_note_job(struct run *run);
/* A part of each look at the tree. */
void alive_look(struct warden *w);
/* Is a deadline over?  Then the run is ended. */
void alive_strike(struct warden *w);
/* When that is to be asked again; NUM_NONE = never. */
uint64_t alive_next(const struct warden *w);

void alive_hold(struct warden *w, enum progress_holder who);
void alive_go_on(struct warden *w, enum progress_holder who);

#endif
