/*
 * The rules of a run, asked of a tree at each look: by a guard of its own (guard/watch.c), by `watch` of one
 * that nobody guards (cmd/watch_rules.c).  What is done about it is up to these.
 */
#ifndef SG_RUN_JUDGE_H
#define SG_RUN_JUDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/births.h"
#include "core/confirm.h"
#include "core/finding.h"
#include "core/growth.h"
#include "core/limit.h"
#include "run/reader.h"

struct job;
struct member;
struct tree;

struct judge_ways {
	/* A limit is passed.  False: the tree is being ended, nothing more is to be said of it. */
	bool (*passed)(void *with, const struct limit_verdict *verdict, const struct finding *finding);
	/* Something is noticed for which nobody has set a limit. */
	void (*noticed)(void *with, const struct finding *finding);
	/* The shares of memory are wanted: judge_choose(), and judge_weighed() now or when they are there. */
	void (*weigh)(void *with);
};

/* A verdict about memory that waits for what is shared of it. */
struct judge_held {
	struct limit_verdict verdict; /* GRADE_OK = none */
	struct confirm confirm;
};

/* All zero at first. */
struct judge {
	const struct judge_ways *ways;
	void *with;            /* borrowed, as are the next two */
	const struct job *job; /* what is asked for */
	struct tree *tree;
	pid_t self;    /* we, where we may be below what we look at; 0 = we are not */
	int cgroup_fd; /* borrowed: of the run's own control group; -1 = none */
	bool has_limits;
	struct limits limits;
	struct growth growth;
	struct judge_held held[2][2]; /* --max-rss, --max-tree-mem; soft, hard */
	uint32_t chosen;              /* members that are weighed */
	uint64_t chosen_least;        /* the next largest, which is not; 0 = all are */
};

/* Once, before the first look. */
void judge_init(struct judge *j, const struct job *job, struct tree *tree);
/* Is that limit asked for? */
bool judge_has_limit(const struct job *job, enum limit_id id);
/* Alive, as far as is known, and of the tree: neither we nor who waits for its orphans. */
bool judge_has(const struct judge *j, const struct member *m);

/* A look, after the walk, in this order.  What its members come to; who begets most; what is passed. */
void judge_measure(struct judge *j, const struct look *look);
void judge_parents(struct judge *j, const struct births *births);
/* False: as passed() said. */
bool judge_limits(struct judge *j);
void judge_growth(struct judge *j, uint64_t now_ns, uint64_t period_ns);

/* What is found, with members as they are called now.  Told by passed(), by noticed(). */
void judge_describe(struct judge *j, const struct limit_verdict *v, uint64_t now_ns, const char *rung,
		    struct finding *out_finding);
bool judge_tell(struct judge *j, const struct limit_verdict *v, uint64_t now_ns, const char *rung);
void judge_notice(struct judge *j, struct finding *finding);

/* judge_memory.c: verdicts about memory are held until it is known how much of it is shared. */
bool judge_holds(struct judge *j, const struct limit_verdict *verdict);
void judge_confirm(struct judge *j, uint64_t now_ns);
/* The largest members, at most `max`; how many there are in `list`. */
uint32_t judge_choose(struct judge *j, struct reader_process *list, uint32_t max);
void judge_weighed(struct judge *j, const struct reader_shares *shares, uint64_t now_ns);

#endif
