/* What the warden is told while it waits: by its children, by front, by requests and signals of others. */
#ifndef SG_GUARD_EVENTS_H
#define SG_GUARD_EVENTS_H

#include <stdbool.h>

struct warden;

/* Wait for those who are over; so many at once that what else there is to do has its turn. */
void events_reap(struct warden *w);
/* Read what front says; its end is the death of front. */
void events_read_link(struct warden *w);
/* Those that are for the warden itself: requests, and to end. */
void events_read_signals(struct warden *w);
/* --with-parent: the caller is gone, or (not told) perhaps. */
void events_parent_ended(struct warden *w, bool is_told);
/* A signal on to the job, unless it is over. */
void events_pass_on(struct warden *w, int sig);

#endif
