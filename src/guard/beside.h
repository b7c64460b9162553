/* A command of the user's that front runs beside the job: in a session of its own, none of its tree. */
#ifndef SG_GUARD_BESIDE_H
#define SG_GUARD_BESIDE_H

#include <sys/types.h>

struct run;

/* The words of a command: one block, NULL behind the last; returned, NULL: no memory. */
char *const *beside_words(const char *command);

/*
 * Start it: its stdin is empty, its stdout our stderr (stdout is the job's).
 * Pid, and an owned handle in *out_pidfd (-1 before 5.2); or -errno, and what
 * could not be done, which ends in ": ".
 */
pid_t beside_start(const struct run *run, char *const *argv, char **env, int *out_pidfd,
		   const char **out_what);

#endif
