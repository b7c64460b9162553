/* runs/RUNID: making, reading, closing and listing run records; and the request file beside one. */
#ifndef SG_STORE_RECORD_H
#define SG_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "codec/record.h"
#include "codec/request.h"

struct fail;

/* Slots that are read of one record: more members than that are found as descendants of these. */
#define RECORD_SLOTS_MAX 4096

/*
 * Make runs/RUNID with its head, sealed here, out of the spare file that the
 * last run left if there is one.  Owned descriptor (read and write); -EEXIST:
 * the id is in use.
 */
int record_create(int dirfd, struct record_head *head, struct fail *fail);

/* Write the state alone, or state and the `n` slots from the first on in one write (n <= RECORD_BURST). */
#define RECORD_BURST 256
int record_write_state(int fd, struct record_state *state, uint64_t seed);
int record_write_first(int fd, struct record_state *state, struct record_slot *job, uint64_t seed);
/* Slots [from, from + n), n <= RECORD_BURST, in one write. */
int record_write_slots(int fd, struct record_slot *slots, size_t from, size_t n, uint64_t seed);

/* A record as read.  `fd` is kept open: it tells the end even when the name is gone. */
struct record {
	int fd;        /* owned */
	uint64_t seed; /* of its checks */
	struct record_head head;
	struct record_state state;
};

/* 0; -ENOENT; -ENODATA (its run has not begun, or was killed before it began); -EBADMSG (damaged); -EPERM
 * (planted). */
int record_open(int dirfd, const char *run_id, struct record *out_record);
/* The same of a record that belongs to `owner`, to look at only. */
int record_look(int dirfd, const char *run_id, uid_t owner, struct record *out_record);
void record_close(struct record *record);
/* Read the state again. 0, -EBADMSG, -errno. */
int record_refresh(struct record *record);
/* Up to `max` valid slots (free and damaged ones left out).  Number, -errno. */
ssize_t record_read_slots(const struct record *record, struct record_slot *out, size_t max);

int record_remove(int dirfd, const char *run_id);
/* The same, but its file is kept for the next run.  Not where somebody may still read this one's end in it.
 */
int record_recycle(int dirfd, const char *run_id);
/* Out of the way as RUNID.bad: looked at by people only. */
int record_quarantine(int dirfd, const char *run_id);

/* Each run id in runs/ (records, not requests); see os_dir_each. */
int record_each(int dirfd, int (*each)(void *with, const char *run_id), void *with);

/* The file of a run that was killed before it had written a word, a minute ago or more: removed.  1, 0. */
int record_remove_unwritten(int dirfd, const char *run_id, uint64_t wall_ns);

/* The directory runs/, to watch.  Owned descriptor, -errno. */
int record_open_dir(int dirfd);

/* Is there a record of that id (any state)? */
bool record_exists(int dirfd, const char *run_id);

/* Beside the record of a run that lives: where its job tells how it is. */
#define RECORD_SOCKET ".notify"
void record_remove_socket(int dirfd, const char *run_id);

/* Leave a request for the guard of `run_id` (temp + rename). 0, -errno. */
int request_write(int dirfd, const char *run_id, struct request *request);
/* The same, but another's request is not taken away: -EEXIST. */
int request_offer(int dirfd, const char *run_id, struct request *request);
bool request_waits(int dirfd, const char *run_id);
/* Take it: read and removed. 0, -ENOENT, -EBADMSG, -errno. */
int request_take(int dirfd, const char *run_id, struct request *out_request);
void request_remove(int dirfd, const char *run_id);

#endif
