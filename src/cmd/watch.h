/* What the parts of `watch` share: what is told, what it comes to, and the one place where it sleeps. */
#ifndef SG_CMD_WATCH_H
#define SG_CMD_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/cmd.h"
#include "core/vigil.h"
#include "os/poll.h"

struct past_breaker;
struct past_flag;
struct past_run;

struct watch {
	struct cmd cmd;
	struct vigil vigil;
	int signals; /* owned: those that end the watching, not what is watched */
	uint64_t began_ns, until_ns;
	bool is_told_to_end, is_reader_gone;
	int write_err;
};

/* Who an event is of.  What is not known is NULL or 0. */
struct watch_who {
	const char *job, *run_id;
	int32_t pid;
	const char *comm;
};

/* --- watch_tell.c: one line each, and counted. */
void tell_start(struct watch *w, const struct watch_who *who, uint64_t wall_ns);
void tell_flag(struct watch *w, const struct watch_who *who, uint64_t wall_ns, const struct finding *finding);
void tell_end(struct watch *w, const struct watch_who *who, uint64_t wall_ns, const char *outcome, int status,
	      uint64_t took_ns);
/* `reason` "" = not known. */
void tell_refused(struct watch *w, const struct watch_who *who, uint64_t wall_ns, const char *reason,
		  uint64_t count);
void tell_breaker(struct watch *w, const struct watch_who *who, const struct past_breaker *event);
/* Beginning and end of the watching of a tree. */
void tell_tree(struct watch *w, const struct watch_who *who, bool is_gone);
/* The last line; `open` runs, or processes of the tree, go on. */
void tell_summary(struct watch *w, const struct watch_who *who, uint32_t open);

/* --- watch_runs.c, watch_tree.c: to the end of the watching.  -1, or an exit status that says why there was
 * none. */
int watch_job(struct watch *w, const char *job);
int watch_run(struct watch *w, const char *run_id, const char *job, uint64_t started_wall_ns);
int watch_tree(struct watch *w, int32_t pid);

/* --- watch_sleep.c: until `until_ns`, or a handle is ready; the first WATCH_HANDLES of `set` are ours.
 * False: the watching is over. */
#define WATCH_HANDLES 2
bool watch_sleep(struct watch *w, struct os_poll *set, size_t n, uint64_t until_ns);
bool watch_is_over(const struct watch *w);

#endif
