/* The options of the job's world: applied in the job's process before its exec, all of them or no job. */
#ifndef SG_GUARD_WORLD_H
#define SG_GUARD_WORLD_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct job;

/* In the order in which they are taken: what needs a privilege before what gives it up. */
enum world_step {
	WORLD_NONE,
	WORLD_NAMESPACE, /* this and the next: guard/isolate.h */
	WORLD_PROC,
	WORLD_CHDIR,
	WORLD_UMASK,
	WORLD_NICE,
	WORLD_IONICE,
	WORLD_OOM,
	WORLD_NO_NEW_PRIVS,
	WORLD_DROP_CAPS,
	WORLD_CGROUP, /* of its birth: taken by os_spawn_into, or before all others */
	WORLD_COUNT
};

/* In the child, in its parent's memory.  0; or the first -errno, and which step that was. */
int world_enter(const struct job *job, enum world_step *out_failed);

/* "cannot set the niceness to -5: Permission denied" */
void world_format_failure(struct buf *line, const struct job *job, enum world_step failed, int err);
/* What to do about it. */
const char *world_cure(enum world_step failed, int err);

/* Is `entry` (K=V) of the caller's environment replaced by one of --env? */
bool world_replaces(const struct job *job, const char *entry);
/* Where commands are looked up: PATH of --env, else `path`. */
const char *world_path(const struct job *job, const char *path);
/* The directory the job starts in, as text; `cwd` is the caller's. */
void world_working_dir(const struct job *job, char *cwd, size_t n);

#endif
