/* What a rule has found, told: to the history, to the hook, to people. */
#ifndef SG_GUARD_FLAG_H
#define SG_GUARD_FLAG_H

#include "codec/history.h"
#include "core/finding.h"

struct buf;
struct pair_message;
struct run;

enum on_limit;

enum flag_action {
	FLAG_ONLY,   /* history and hook */
	FLAG_WARN,   /* and one line for people */
	FLAG_FREEZE, /* the tree stands still for it, and says so; it may be ended for it */
	FLAG_KILL,   /* the run is ended for it, and its end says so */
	FLAG_ACTION_COUNT
};

/* What passing a hard limit does. */
enum flag_action flag_action_of(enum on_limit on_limit);

/* By the warden; `link` to front. */
void flag_raise(struct run *run, int link, const struct finding *finding, enum flag_action action);
/* What came of it at front. */
void flag_hear(struct run *run, const struct pair_message *message);

/* As the history has it; `f` is borrowed. */
struct history_flag flag_line(const struct run *run, const struct finding *f, enum flag_action action);

#endif
