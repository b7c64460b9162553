/* Who has the job's lock: from the info file beside it and the holder's record. */
#ifndef SG_GUARD_HOLDER_H
#define SG_GUARD_HOLDER_H

#include <stdbool.h>

#include "codec/lockinfo.h"
#include "store/record.h"

struct buf;
struct run;

/* Any part may be missing. */
struct holder {
	struct lockinfo info;
	struct record record; /* as read; its descriptor is closed */
	bool has_record;
	bool is_elsewhere; /* in another PID or time namespace: its number and times mean nothing here */
};

void holder_find(const struct run *run, struct holder *h);
/* Refused in the very moment in which the holder starts, we wait for its name; at most 200 ms. */
void holder_await(const struct run *run, struct holder *h);

/* ", pid 4711, 3h12m, run 7f3c9e12: ./collect.sh --all"; no names of one that is elsewhere. */
void holder_format(struct buf *line, const struct holder *h);

/* It is the run around this one, or one around that. */
bool holder_is_ancestor(const struct run *run, const struct holder *h);

#endif
