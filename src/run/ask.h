/* Asking the guard of a run: the request beside its record, and a signal through its verified handle. */
#ifndef SG_RUN_ASK_H
#define SG_RUN_ASK_H

#include "run/find.h"

/*
 * As run_view_open; of a run that is only starting, once its warden has put
 * its name into the record: whoever is asked must be there.
 */
int ask_open(const struct statedir *dir, const char *run_id, const struct host_id *here,
	     struct run_view *out_view);

/*
 * With `over`, in the place of one that was not taken yet.  0; -EEXIST:
 * another's request waits (its guard was reminded); -ESRCH: no warden lives;
 * -ENODATA: it cannot be told from a stranger here; -EPERM: it cannot be
 * signalled from here; -errno: the request cannot be written.
 */
int ask_guard(const struct statedir *dir, const struct run_view *view, struct request *request, bool over);

/* Who asks, as the run will tell it. */
struct request ask_request(enum request_verb verb, const char *comm, const char *by_run);

#endif
