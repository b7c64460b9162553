/* Facts about this process and this machine. */
#ifndef SG_OS_SELF_H
#define SG_OS_SELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

pid_t os_self_pid(void);
pid_t os_self_parent(void);
pid_t os_self_group(void);
uid_t os_self_uid(void); /* effective */

bool os_leads_session(void);
/* Is there a controlling terminal, whatever stdin is? */
bool os_has_terminal(void);
/* Is `fd` a terminal? */
bool os_is_terminal(int fd);

/* Random bytes; never fails (falls back to time and pid before the pool is ready). */
void os_random(void *bytes, size_t n);

/* Host name and working directory into `out`; "" where they cannot be told. */
void os_host_name(char *out, size_t n);
void os_working_dir(char *out, size_t n);
/* First line of a file, without its newline; length, or -errno. */
ssize_t os_first_line(const char *path, char *out, size_t n);

/* Directory of the running executable, without a slash at the end. 0, -errno. */
int os_self_dir(char *out, size_t n);

/*
 * This process' OOM score adjustment down to `score`; one that is lower stays.
 * 0, -EPERM: CAP_SYS_RESOURCE is missing (asked of root alone: of others it
 * costs no call), -EACCES: root of a user namespace, -errno.
 */
int os_lower_oom_score(int score);

/*
 * The end of our own privileges, after the job is forked: no new ones, no
 * core, no ptrace by others (root), capabilities: KILL for root that
 * `may_kill` and has it, none else.  0, or the first -errno (it goes on with
 * what it has).
 */
int os_drop_privileges(bool may_kill);

/* `sig` comes to us when our parent ends; 0 = no more.  A child of ours does not inherit it. */
void os_signal_with_parent(int sig);

/* Soft limit of open files up to the hard one. */
void os_raise_files(void);

#endif
