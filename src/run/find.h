/* Runs by what people type: a job's name, a run id or the beginning of one. */
#ifndef SG_RUN_FIND_H
#define SG_RUN_FIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/record.h"
#include "store/record.h"
#include "store/statedir.h"

/* Where a record was written, seen from here. */
enum run_place {
	PLACE_HERE,      /* this boot, these namespaces: identities mean something */
	PLACE_OLD_BOOT,  /* nothing of it can be alive */
	PLACE_ELSEWHERE, /* another PID or time namespace: nothing can be verified */
};

/* `here`: of this process. */
enum run_place run_place_of(const struct host_id *there, const struct host_id *here);

struct tree;

struct run_view {
	struct record record; /* owned */
	enum run_place place;
	uid_t owner;                /* whose record, and guards, they are */
	int front, warden;          /* owned handles of the living, verified; -1 = dead or unknown */
	bool has_front, has_warden; /* it lives, as far as can be told without a handle */
	bool is_guarded;            /* one of them does */
};

/* Open and verify the record `run_id`. 0, or what record_open returns. */
int run_view_open(const struct statedir *dir, const char *run_id, const struct host_id *here,
		  struct run_view *out_view);
void run_view_close(struct run_view *view);
/* Read its state and look at its guards again; a state that cannot be read stays as it was. */
void run_view_refresh(struct run_view *view);

/* Its tree, seen from outside: below its warden; of a dead one, what is left of the recorded members. */
void run_view_walk(const struct run_view *view, struct tree *tree);

#define FIND_PREFIX_MIN 4

/*
 * Each run that `what` names (NULL: all): the job's name exactly, else a run
 * id or its beginning.  `each` borrows the view.  -ENOENT: none; -EEXIST: a
 * beginning that several share.  `each` returns 0 to go on.
 */
int find_runs(const struct statedir *dir, const char *what, int (*each)(void *with, struct run_view *view),
	      void *with);

/* The same, only to look, in the state of whoever it belongs to. */
struct find {
	const struct statedir *dir;
	uid_t owner;      /* whose records are believed, and whose guards */
	const char *what; /* NULL: all */
	int (*each)(void *with, struct run_view *view);
	void *with;
	/* Filled: records that cannot be read: damaged, or planted. */
	uint32_t passed_over;
};
/* As find_runs; runs that are over, and records that cannot be read, are passed over. */
int find_look(struct find *find);

/* `run_id` is `of` or one of the runs around it, as far as records tell. */
bool find_is_ancestor(const struct statedir *dir, const char *of, const char *run_id);
/* The guard of one of these has the file `path` (of `dirfd`) open, as far as we may look: so it holds its
 * lock. */
bool find_is_held_around(const struct statedir *dir, const char *of, int dirfd, const char *path);

#endif
