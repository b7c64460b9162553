/* A program run for what it answers: its output in a file nobody else sees, its end waited for with a limit.
 */
#ifndef SG_OS_CHILD_H
#define SG_OS_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* Owned descriptor of a nameless file, to be read back; -errno. */
int os_child_output(void);

/*
 * argv[0] is its path.  stdin is /dev/null, stdout and stderr are `out` (-1: /dev/null), `pass` (-1: none)
 * keeps its number.  The signal mask is the caller's.  Pid, -errno; a failed exec ends it with 127.
 */
pid_t os_child_start(char *const *argv, char *const *env, int out, int pass);

/* Wait at most `timeout_ms` for its end.  0 and its wait status; -ETIMEDOUT: it still runs. */
int os_child_wait(pid_t pid, int timeout_ms, int *out_status);

/* KILL and wait: no child of ours is left. */
void os_child_end(pid_t pid);

#endif
