/* The warden's part of `spawnguard freeze` and `thaw`: the tree stands still, and says so on paper. */
#ifndef SG_GUARD_FREEZE_H
#define SG_GUARD_FREEZE_H

#include <sys/types.h>

#include "codec/request.h"
#include "core/freezing.h"
#include "run/nested.h"

struct run;
struct run_report;
struct tree;

struct freeze {
	struct freezing state;
	struct nested nested; /* guards within: they stop what is theirs, and their clocks */
	struct request asked; /* the last request: who asked */
	uint32_t first;       /* members at the first sweep */
};

static inline bool freeze_stands(const struct freeze *z)
{
	return z->state.stage != FREEZING_OFF;
}

/*
 * Take a request to freeze (the first sweep is due) or to thaw.  True: the
 * tree goes on, its clocks have stood still for *out_halted_ns.
 */
bool freeze_take(struct freeze *z, struct run *run, struct tree *tree, const struct request *request,
		 uint64_t now_ns, uint64_t *out_halted_ns);

/* It is over a limit: it is to stand for --freeze-for at most, or until somebody asks for something else. */
void freeze_limit(struct freeze *z, struct run *run, struct tree *tree, uint64_t now_ns);

/* Too late: whoever asks finds in the record that the run is ending. */
void freeze_refuse(struct run *run);

/* The run is ended: its tree must be able to take the signal. */
void freeze_give_up(struct freeze *z, struct run *run, struct tree *tree, uint64_t now_ns);

/* The shell has continued the job (fg) while it stands: it goes on with the others. */
void freeze_let_job_go_on(struct freeze *z, struct tree *tree, pid_t job);

/* One sweep, when freezing_is_due.  False: for a limit, and it grows faster than it can be stopped. */
bool freeze_look(struct freeze *z, const struct run_report *report, struct tree *tree, uint64_t now_ns);

#endif
