/* batch/NAME.STAMP: what a batch is to do and has done (codec/session), one file for each session. */
#ifndef SG_STORE_SESSION_H
#define SG_STORE_SESSION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/escape.h"

struct fail;
struct statedir;

#define SESSION_STAMP_MAX 24                                    /* "20261122-024500-123", with the NUL */
#define SESSION_ID_MAX    (ESCAPE_NAME_MAX + SESSION_STAMP_MAX) /* "drain.20261122-024500-123" */
#define SESSIONS_KEPT     30 /* of a name: older ones are removed when a new one begins */

/* One batch of a name at a time: an owned descriptor that holds the lock; -EWOULDBLOCK; -errno with `fail`.
 */
int session_lock(const struct statedir *dir, const char *name, struct fail *fail);

/*
 * A new file for `name`, not seen by others before session_publish: owned
 * descriptor, its id in `out_id`.  -errno with `fail`.
 */
int session_create(int keep_fd, const char *name, uint64_t wall_ns, char *out_id, struct fail *fail);
/* It is complete.  Old ones are removed. 0, -errno with `fail`. */
int session_publish(int keep_fd, const char *id, struct fail *fail);

/* Of an id or a name: the id of that session, or of the last one of that name. 0, -ENOENT, -errno. */
int session_find(int keep_fd, const char *what, char *out_id);

/* All of it, owned, with one byte of room behind; -EPERM: not `owner`'s. 0, -errno. */
int session_read(int keep_fd, const char *id, uid_t owner, char **out_text, size_t *out_n);

/* To write behind what is there: owned descriptor, -errno. */
int session_open(int keep_fd, const char *id);

/* The part of an id behind the name. */
const char *session_stamp(const char *id);

#endif
