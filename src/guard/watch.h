/* The rules of a run, asked at each look of the warden's. */
#ifndef SG_GUARD_WATCH_H
#define SG_GUARD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/overrun.h"
#include "run/judge.h"

struct buf;
struct history_start;
struct job;
struct warden;

struct watch {
	struct judge judge;
	uint64_t last_ns;       /* of the look before; 0 = none yet */
	struct overrun overrun; /* of the end, or of what was thawed */
	bool is_frozen;         /* for a limit */
	bool is_asking;         /* front, since asking_ns, for shares of memory */
	uint64_t asking_ns;
};

/* Once, before the first look. */
void watch_init(struct warden *w);
/* After a walk: what is found is told, and may begin the end. */
void watch_look(struct warden *w);
/* The first signal of the end is sent, to so many: the limits hold on in its grace. */
void watch_end(struct warden *w, uint64_t procs);
/* The tree is thawed: what it was frozen for may stay as it is, but not grow on. */
void watch_thawed(struct warden *w);
/* Front's answer to what watch_look() has asked. */
void watch_weighed(struct warden *w, const struct reader_shares *shares);
/* The period that the rules need where it would be `period_ns`. */
uint64_t watch_period(const struct watch *watch, uint64_t period_ns);

/* What nobody has asked for: told, and nothing more. */
void watch_flag(struct warden *w, struct finding *finding);

/* What the kernel is to hold of them by itself, where it can: threads of the whole tree; LIMIT_NONE =
 * nothing.
 */
uint64_t watch_cap(const struct job *job);

/* The limits of the run, for its start line. */
void watch_list(const struct job *job, struct history_start *start);

/* --require-limits: is there one that cannot be held here?  True: `why` says which and why not. */
bool watch_cannot(const struct job *job, struct buf *why);

#endif
