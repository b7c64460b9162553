/* What the tree has written and stored: only front may read it, and does so when asked, by a child that may
 * hang. */
#ifndef SG_GUARD_IO_H
#define SG_GUARD_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/procfs.h"
#include "core/written.h"
#include "os/read_apart.h"

#define IO_PIDS_MAX 1024 /* that are asked for at a time */
#define IO_UNKNOWN  OS_IO_UNKNOWN
#define IO_GONE     OS_IO_GONE

struct job;
struct member;
struct pair_message;
struct run;
struct warden;

/* The answer, in the order of the question. */
struct io_answer {
	struct proc_io sum;            /* of those that were read */
	uint64_t written[IO_PIDS_MAX]; /* of each; IO_UNKNOWN, IO_GONE */
};

/* Of the warden; all zero at first. */
struct io_watch {
	uint64_t asked_ns;            /* 0 = the last question has been answered */
	uint64_t next_ns;             /* not before that again, for the count */
	bool counts, has_count;       /* all is added up; something is */
	bool is_first;                /* the question was of the first members */
	uint32_t n;                   /* members asked for */
	uint64_t serial[IO_PIDS_MAX]; /* of these */
	uint64_t waited;              /* by our own children, when it was asked */
	struct written_count written;
};

/* Is what the tree writes to be added up? */
bool io_is_counted(const struct job *job);
/* In the job's process, before its exec: what it has written until then is not the job's. */
void io_note_job(struct run *run);

/* In the warden. The tree is there. */
void io_init(struct warden *w);
/* Ask for what is due, and for what is wanted now; false: nobody is there to be asked, or of whom. */
bool io_ask(struct warden *w, bool from_start);
/* A part of each look. */
void io_look(struct warden *w);
/* Front has answered. */
void io_hear(struct warden *w, const struct pair_message *message);
/* A member is dropped. */
void io_parted(struct warden *w, struct member *m);
/* So far; IO_UNKNOWN = it is not counted, or nothing was read yet. */
uint64_t io_written(const struct warden *w);
/* The tree is gone: what is known only since we have waited for the last of it. */
void io_finish(struct warden *w);

/* In front: read what it asks for, and answer by `link`. `n`: bytes of the question. */
void io_answer(const struct pair_message *asked, size_t n, int link);

#endif
