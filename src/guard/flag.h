/* What a rule has found, told: to the history, to the hook, to people. */
#ifndef SG_GUARD_FLAG_H
#define SG_GUARD_FLAG_H

#include "codec/history.h"
#include "core/finding.h"

struct buf;
struct pair_message;
struct run;

enum flag_action {
	FLAG_ONLY, /* history and hook */
	FLAG_WARN, /* and one line for people */
	FLAG_KILL, /* the run is ended for it, and its end says so */
	FLAG_ACTION_COUNT
};

/* By the warden; `link` to front. */
void flag_raise(struct run *run, int link, const struct finding *finding, enum flag_action action);
/* What came of it at front. */
void flag_hear(struct run *run, const struct pair_message *message);

/* As the history has it; `f` is borrowed. */
struct history_flag flag_line(const struct run *run, const struct finding *f, enum flag_action action);

#endif
