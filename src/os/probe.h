/*
 * What this machine allows, asked by trying: one row per question.
 *
 * Each question is put by a child of its own that is given up after a while: a
 * filter that kills, a mount that hangs or a limit that is reached costs one
 * answer, and nothing that a question changes outlives it.
 */
#ifndef SG_OS_PROBE_H
#define SG_OS_PROBE_H

#include <stdint.h>

enum probe_id {
	/* what the guard cannot do without */
	PROBE_FORK,
	PROBE_SPAWN, /* a child in our memory until its exec */
	PROBE_SUBREAPER,
	PROBE_SIGNALFD,
	PROBE_EPOLL,
	PROBE_TIMERFD,
	PROBE_SOCKETPAIR,
	PROBE_LOCK, /* flock, on a descriptor of no place in particular */
	/* processes */
	PROBE_PIDFD,        /* pidfd_open of a child */
	PROBE_PIDFD_SIGNAL, /* pidfd_send_signal by it, or by /proc/PID where there is none */
	PROBE_PIDFS,        /* it has an inode of its own */
	PROBE_PROC,         /* /proc/self/stat is ours. -EBADMSG: it is not, or is no text of the kernel's */
	PROBE_PROC_MOUNT,   /* text: options of /proc; value[0] hidepid, [1] 1 = subset=pid; -ENOENT */
	PROBE_CHILDREN, /* a child is found: in our task/TID/children (value[0] 1), or by its parent; -ESRCH
			   it is not */
	PROBE_STATM,    /* memory of a child */
	PROBE_LOAD,     /* the last PID in /proc/loadavg */
	PROBE_ENVIRON,  /* environ of a child of a child: ptrace-read */
	PROBE_PSS,      /* smaps_rollup of a child */
	PROBE_CGROUP,   /* text: directory of our cgroup2; value[0] 1 = version 1 is mounted; -ENOENT no 2 */
	PROBE_DELEGATION, /* that is ours to divide: value[0] 1 = cgroup.kill there. -EPERM not delegated,
			     -EACCES */
	PROBE_PERF,       /* perf task records; value[0] perf_event_paranoid + 2 (0: not known) */
	PROBE_PSI,        /* a pressure trigger; value[0] 1 = can at least be read */
	PROBE_USERNS,     /* a user and PID namespace of one's own */
	PROBE_FIFO,       /* SCHED_FIFO; value[0] RLIMIT_RTPRIO */
	PROBE_AUTOGROUP,  /* r 1 on, 0 off */
	/* limits: value[0] soft, [1] hard, UINT64_MAX = none */
	PROBE_LIMIT_PROCESSES,
	PROBE_LIMIT_FILES,
	PROBE_LIMIT_LOCKED,
	/* the machine */
	PROBE_KERNEL,       /* text: release, machine */
	PROBE_BOOT_ID,      /* text */
	PROBE_MACHINE_ID,   /* text */
	PROBE_CLOCK,        /* value[0] BOOTTIME, [1] MONOTONIC, [2] wall, ns; text: clock source */
	PROBE_PID_NS,       /* r 1: not the first one; value[0] inode, [1] 1 = we are its PID 1 */
	PROBE_USER_NS,      /* r 1: not the first one; value[0] inode */
	PROBE_TIME_NS,      /* r 1: not the first one; value[0] inode */
	PROBE_SECCOMP,      /* r: mode; value[0] filters, [1] 1 = no new privileges */
	PROBE_PTRACE_SCOPE, /* r: Yama's; -ENOENT no Yama */
	PROBE_LOGOUT,       /* r 1: KillUserProcesses=yes, 0 no; text: the file that says so, "" = by default;
			       value[0] 1 = root is not excepted */
	PROBE_LIBC,         /* text: version */
	PROBE_SMARTCOLS,    /* the same; -ENOENT it does not load, text: why */
	PROBE_JANSSON,
	PROBE_COUNT
};

#define PROBE_TEXT_MAX 256

struct probe_answer {
	int r; /* >= 0 yes, or a number; negative errno: no; -ETIMEDOUT: no answer, -ECANCELED: it was killed
		  for asking */
	uint64_t value[3];
	char text[PROBE_TEXT_MAX]; /* foreign: escape it */
};

enum probe_place {
	PROBE_APART,      /* by a child, or here where none is to be had */
	PROBE_HERE,       /* it is about this process */
	PROBE_ONLY_APART, /* it changes who asks: without a child -EAGAIN */
};

struct probe_row {
	const char *name;
	int (*ask)(struct probe_answer *out); /* its result becomes out->r */
	enum probe_place place;
};
extern const struct probe_row probe_rows[PROBE_COUNT];

/* Ask everything.  `answers` has PROBE_COUNT places. */
void os_probe_all(struct probe_answer *answers);

#endif
