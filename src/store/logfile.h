/*
 * The file behind a job's stdout and stderr: logs/RUNID of the state directory, or one that the user named.
 * The job writes to it through its own descriptor, always at the end; we only free what is too old at the
 * front.
 */
#ifndef SG_STORE_LOGFILE_H
#define SG_STORE_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct fail;

struct logfile {
	int fd;       /* owned, for appending; -1 = none */
	bool is_user; /* of the user's: never removed */
	bool is_regular;
	uint64_t from;      /* where this run's part begins */
	uint64_t max_bytes; /* that are kept at the end; NUM_NONE = all */
	uint64_t size;      /* at the last look */
	uint64_t freed;     /* everything before it has been given back */
};

struct logfile_want {
	uint64_t max_bytes;
	bool reads; /* we read it again through the same descriptor */
};

/* logs/RUNID, 0600. 0, -errno with `fail` filled. */
int logfile_open_own(struct logfile *o, int keep_fd, const char *run_id, const struct logfile_want *want,
		     struct fail *fail);
/* A file of the user's, made with 0666 and their umask. 0, -errno with `fail` filled. */
int logfile_open_user(struct logfile *o, const char *path, const struct logfile_want *want,
		      struct fail *fail);
void logfile_close(struct logfile *o);

/*
 * Free what stands before the last max_bytes.  Where the file system cannot,
 * all of it goes, and a line in the file says so.  Bytes by which it has grown
 * since the last look.
 */
uint64_t logfile_trim(struct logfile *o);

/* Is it the kind of file that has to be looked at? */
bool logfile_is_bounded(const struct logfile *o);

/* "logs/RUNID" */
#define LOGFILE_PATH_MAX 80
void logfile_path(char *out, const char *run_id);
int logfile_remove(int keep_fd, const char *run_id);

/* --- reading it, while it is written or afterwards --- */

/*
 * By the path that record and history tell.  The state directory may have
 * moved since: logs/RUNID is looked for in it first.  Owned descriptor;
 * -ENOENT; -EINVAL: nothing that can be read again; -errno.
 */
int logfile_open_to_read(int keep_fd, const char *run_id, const char *path);

/*
 * Some of what stands at *at, or, if that was given back, at the first byte
 * behind it that was not: *at then is its place.  Bytes, 0 at the end;
 * -ERANGE: the file has been cut before *at; -errno.
 */
ssize_t logfile_read(int fd, uint64_t *at, void *bytes, size_t n);

/* Where its last `lines` lines begin, as far as they have been kept.  0, -errno. */
int logfile_find_tail(int fd, uint64_t lines, uint64_t *out_at);

#endif
