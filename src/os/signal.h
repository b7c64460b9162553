/* Signals: everything is blocked in front and warden, and read from a descriptor; dispositions stay the
 * caller's. */
#ifndef SG_OS_SIGNAL_H
#define SG_OS_SIGNAL_H

#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Kernel's view: bit N-1 = signal N. */
typedef uint64_t os_sigset;
#define OS_SIG(n)  (1ULL << ((n)-1))
#define OS_SIG_ALL UINT64_MAX

/* Of the control path: a request lies beside the record.  The first that is not the C library's own. */
#define OS_SIG_REQUEST 34

/* What the caller gave us and the job must find again. */
struct os_signals {
	os_sigset mask;    /* blocked at start */
	bool chld_ignored; /* SIGCHLD was ignored: waiting would not work, so it is not while we live */
};

/* Block all, remember in *out what was. 0, -errno. */
int os_signals_take(struct os_signals *out_was);
/* In a child, before exec: as it was. */
void os_signals_give_back(const struct os_signals *was);

/* posix_spawn(3) that leaves our mask as it is, and gives it to the child.  0, an errno. */
int os_signals_spawn(pid_t *out_pid, const char *path, const posix_spawn_file_actions_t *files,
		     char *const *argv, char *const *env);

/* Block all but `open`. */
void os_signals_block_but(os_sigset open);

/* Block those of `set` that are not ignored, and nothing else: the terminal's stops stay in force. Which. */
os_sigset os_signals_hold(os_sigset set);

struct os_signal {
	int number;
	int code;  /* > 0: the kernel sent it (a terminal); else a process did */
	pid_t pid; /* sender, 0 = unknown (another PID namespace) */
	uid_t uid;
	int child_status; /* of SIGCHLD */
};

/* Owned descriptor that the signals of `set` are read from; -errno. */
int os_signalfd_open(os_sigset set);
/* 1 and the next signal, 0 none waiting. */
int os_signalfd_read(int fd, struct os_signal *out_signal);

/* From here on, in this process and what it makes. */
void os_signal_ignore(int number);

/* Ignored since before we started (nohup): we never set it. */
bool os_signal_is_ignored(int number);

/*
 * Stop ourselves as `number` does (TSTP, TTIN, TTOU).  It would have no effect
 * in an orphaned group; ours is none while the job is in it: the job's parent
 * is the warden, of another group in the same session.  Blocked again only once
 * we run after the CONT: a ^Z in between stops us before the job.
 */
void os_signal_stop_self(int number);

/* A stop of the terminal (TSTP, TTIN, TTOU) that waits blocked in this process: taken out; 0 = none. */
int os_signal_take_stop(void);
/* Is there one?  A CONT takes it away. */
bool os_signal_stop_waits(void);

/* Die of `number` without a core file.  Returns only where that is discarded (PID 1). */
void os_signal_die(int number);

/* Let the caller's mask and an ALRM handler that does nothing be in force; undo gives all blocked back. */
void os_signals_open_for_wait(const struct os_signals *was);
void os_signals_close_after_wait(void);

#endif
