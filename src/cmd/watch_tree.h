/* A tree that nobody guards, seen from outside. */
#ifndef SG_CMD_WATCH_TREE_H
#define SG_CMD_WATCH_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/watch.h"
#include "core/detect.h"
#include "core/lineage.h"
#include "core/signature.h"
#include "core/written.h"
#include "run/judge.h"
#include "tree/tree.h"

struct outside {
	struct watch *w;
	struct watch_who who;
	char comm[16];
	struct tree tree;
	struct proc_id first; /* the process that was named */
	int handle;           /* owned: of it, to be waited for; -1 = it is gone, or cannot be waited for */
	struct lineage lineage;
	uint64_t scan_ns, scanned_pid; /* when /proc is searched next; the last PID given out by then */
	uint64_t now_ns, last_ns, period_ns;
	uint64_t met_before; /* members that were there at the first look */
	uint64_t seen_ns;    /* when a birth was seen last */
	uint64_t look_pid;   /* the last PID given out, at the look before */
	uint64_t ended_ns;   /* CPU time of those that are gone and whose parent is not of the tree */
	uint32_t alive;
	bool counts_io, has_io; /* what it writes is added up; something is */
	uint64_t io_ns;         /* when it is read next */
	struct written_count written;
	/* what is asked */
	struct judge judge;
	bool counts;
	struct births births;
	struct detector detector;
	struct matcher matcher;
	uint32_t needs, orphan_needs;
	uint64_t facts_ns; /* when facts are read next */
	size_t at;         /* whose come next */
};

/* Of the tree, and not we ourselves, who may be below what we watch. */
bool outside_has(const struct outside *o, const struct member *m);

/* watch_rules.c: what run would have said. */
void rules_init(struct outside *o);
/* After the first walk: what was before is not of this watch. */
void rules_begin(struct outside *o);
void rules_look(struct outside *o);
/* What was not told yet. */
void rules_end(struct outside *o);
/* The period that they need where it would be `period_ns`. */
uint64_t rules_period(const struct outside *o, uint64_t period_ns);

/* watch_io.c */
void io_look(struct outside *o);
void io_parted(struct outside *o, struct member *m);
/* So far; UINT64_MAX = it is not counted, or nothing could be read. */
uint64_t io_written(const struct outside *o);

/* watch_weigh.c: the way to the shares of memory of struct judge. */
void weigh(void *with);

#endif
