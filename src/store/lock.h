/* Lock files: flock on a 0600 file whose name is checked after the lock; never unlinked here. */
#ifndef SG_STORE_LOCK_H
#define SG_STORE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "codec/lockinfo.h"

struct fail;

#define LOCK_PATH_MAX 240

/* Of all starts that ask for room (guard/admission). */
#define LOCK_ADMISSION "locks/admission"
/* And of who waits for it: the gate, and its door. 0. */
int lock_admission_path(bool door, char *out);

/* "locks/job/" + the encoded name into `out` (LOCK_PATH_MAX bytes). 0, -EINVAL, -ENAMETOOLONG. */
int lock_path(const char *job, char *out);
/* The same in "locks/queue/": the queue's own lock (`place` 0), or a place in it. */
int lock_queue_path(const char *job, uint32_t place, char *out);
/* Make that directory, if it is not there. 0, -errno with `fail`. */
int lock_make_queue(int dirfd, struct fail *fail);

#define LOCK_SLOTS "locks/slot"
/* "locks/slot/GROUP/SLOT", and beside the directory the locks of who waits for the next that is free. */
#define LOCK_SLOT_GATE 0U
#define LOCK_SLOT_DOOR UINT32_MAX
int lock_slot_path(const char *group, uint32_t slot, char *out);
/* A place among those who wait for it. */
int lock_slot_place_path(const char *group, uint32_t place, char *out);
/* Make that directory, if it is not there. 0, -errno with `fail`. */
int lock_make_slots(int dirfd, const char *group, struct fail *fail);

/*
 * Take the lock file `path` in `dirfd` without waiting.  Returns an owned
 * descriptor (CLOEXEC) that holds the lock; -EWOULDBLOCK: held by another
 * (no `fail` filled: a conflict is an answer, not a failure).
 */
int lock_try(int dirfd, const char *path, bool shared, struct fail *fail);

/* The right to be the one trial of a job whose breaker is open: "locks/trial/" + its name, as above. */
int lock_try_trial(int dirfd, const char *job, struct fail *fail);

/*
 * The same, waiting.  -EINTR: a signal came (the deadline, or a question to
 * complain); call again to go on waiting.
 */
int lock_wait(int dirfd, const char *path, bool shared, struct fail *fail);

/*
 * For who tries one again and again: *fd is kept open between (-1: not yet open), so that it tells nobody
 * that it was closed.  0: *fd holds the lock; -EWOULDBLOCK; -errno with `fail`.
 */
int lock_try_kept(int dirfd, const char *path, int *fd, struct fail *fail);
/* The first step of that: opened, not tried.  Owned descriptor; -errno with `fail`. */
int lock_open_kept(int dirfd, const char *path, struct fail *fail);

/* Is it held at this moment?  For people: makes nothing, but a start that tries just now finds it held. */
bool lock_is_held(int dirfd, const char *path);

/*
 * A file of the user's choice, as flock(1) takes it: made if missing (0666 and
 * umask), a directory will do, links are followed.  Descriptor, -EWOULDBLOCK,
 * -EINTR (only with `wait`), -errno with `fail`.
 */
int lock_user_file(const char *path, bool shared, bool wait, struct fail *fail);

/* The info file beside the lock `path`: owned descriptor, -ENOENT only without `make`; -errno. */
int lockinfo_open(int dirfd, const char *path, bool make);
/* The same to look at, of `owner`. */
int lockinfo_look(int dirfd, const char *path, uid_t owner);
/* What it says; parts that are absent or damaged are zero. 0, -errno. */
int lockinfo_read(int fd, struct lockinfo *out_info);
int lockinfo_write_holder(int fd, struct lock_holder *holder);
int lockinfo_write_refusals(int fd, struct lock_refusals *refusals);
int lockinfo_write_scan(int fd, bool wants_scan);
int lockinfo_write_breaker(int fd, bool has_breaker);
int lockinfo_write_unkept(int fd, uint16_t unkept);

#endif
