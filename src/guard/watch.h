/* The rules of a run, asked at each look of the warden's. */
#ifndef SG_GUARD_WATCH_H
#define SG_GUARD_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/confirm.h"
#include "core/growth.h"
#include "core/limit.h"
#include "core/overrun.h"

struct buf;
struct history_start;
struct job;
struct tree;
struct warden;

struct weigh_answer;

/* A verdict about memory that waits for what is shared of it. */
struct watch_held {
	struct limit_verdict verdict; /* GRADE_OK = none */
	struct confirm confirm;
};

struct watch {
	bool has_limits;
	struct limits limits;
	uint64_t last_ns; /* of the look before; 0 = none yet */
	struct growth growth;
	struct overrun overrun;       /* of the end, or of what was thawed */
	bool is_frozen;               /* for a limit */
	struct watch_held held[2][2]; /* --max-rss, --max-tree-mem; soft, hard */
	bool is_asking;               /* front, since asking_ns, for asked_n members */
	uint64_t asking_ns;
	uint32_t asked_n;
	uint64_t asked_least; /* the next largest, which was not asked for; 0 = all were */
};

/* Once, before the first look. */
void watch_init(struct watch *watch, const struct job *job, struct tree *tree);
/* After a walk: what is found is told, and may begin the end. */
void watch_look(struct warden *w);
/* The first signal of the end is sent, to so many: the limits hold on in its grace. */
void watch_end(struct warden *w, uint64_t procs);
/* The tree is thawed: what it was frozen for may stay as it is, but not grow on. */
void watch_thawed(struct warden *w);
/* Front's answer to what watch_look() has asked. */
void watch_weighed(struct warden *w, const struct weigh_answer *answer);
/* The period that the rules need where it would be `period_ns`. */
uint64_t watch_period(const struct watch *watch, uint64_t period_ns);

/* inside: watch.c and watch_memory.c */
void watch_tell(struct warden *w, const struct limit_verdict *verdict, const char *rung);
/* What nobody has asked for: told, and nothing more. */
void watch_flag(struct warden *w, struct finding *finding);
/* A verdict about memory: held until it is confirmed. */
bool watch_holds(struct warden *w, const struct limit_verdict *verdict);
void watch_confirm(struct warden *w);
void watch_growth(struct warden *w, uint64_t period_ns);

/* The limits of the run, for its start line. */
void watch_list(const struct job *job, struct history_start *start);

/* --require-limits: is there one that cannot be held here?  True: `why` says which and why not. */
bool watch_cannot(const struct job *job, struct buf *why);

#endif
