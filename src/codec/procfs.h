/* What the kernel writes in /proc, understood.  No field is trusted; what does not parse is -EBADMSG. */
#ifndef SG_CODEC_PROCFS_H
#define SG_CODEC_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_COMM_MAX 64 /* with the NUL; kernel threads exceed the 15 bytes of a task's own name */

#define PROC_EXITING    0x00000004U /* PF_EXITING: what it had is being given back */
#define PROC_KERNEL     0x00200000U /* PF_KTHREAD */
#define PROC_UNEXECUTED 0x00000040U /* PF_FORKNOEXEC: it has executed nothing since its fork */

/* /proc/PID/stat: parsed from the last ')', because the name may hold ") R 1". */
struct proc_stat {
	pid_t pid, ppid, pgrp, sid; /* but pid: 0 = not of this PID namespace, -1 = being reaped */
	char state;                 /* R S D Z T t X I */
	char comm[PROC_COMM_MAX];
	uint64_t flags;              /* of the kernel's task: PROC_EXITING, PROC_KERNEL, others */
	uint64_t child_minor_faults; /* cminflt: moves with every reaped child */
	uint64_t user_ticks, system_ticks;
	uint64_t waited_ticks; /* both, of the children that it has waited for */
	uint64_t threads;
	uint64_t start_ticks; /* clock ticks since boot, of this time namespace */
};
int procfs_parse_stat(const char *bytes, size_t n, struct proc_stat *out_stat);
/* A zombie has ended, unless threads of it go on. */
bool procfs_has_ended(const struct proc_stat *stat);

/* Where its environment lies, of the same file; both 0 = none yet, or it is not told. -EBADMSG before 3.5. */
struct proc_environ {
	uint64_t start, end;
};
int procfs_parse_environ(const char *bytes, size_t n, struct proc_environ *out_environ);

/* /proc/PID/io: bytes given to write(2) and its like, and bytes that storage has read or will write. */
struct proc_io {
	uint64_t written, stored;
};
int procfs_parse_io(const char *bytes, size_t n, struct proc_io *out_io);

/* /proc/PID/statm: resident pages; 0 while a process exits. */
int procfs_parse_statm(const char *bytes, size_t n, uint64_t *out_rss_pages);

/* /proc/PID/schedstat: how long its first thread has run, ever; 0: a kernel that does not count it, too. */
int procfs_parse_schedstat(const char *bytes, size_t n, uint64_t *out_ran_ns);

/* /proc/PID/smaps_rollup: what is resident, and its share of that: a page of N processes counts 1/N. */
struct proc_memory {
	uint64_t rss_bytes, pss_bytes;
};
int procfs_parse_memory(const char *bytes, size_t n, struct proc_memory *out_memory);

/*
 * /proc/PID/task/TID/children, fed piece by piece; a number may be split
 * between pieces.  Pids <= 1 and numbers that are no pid are passed over.
 */
struct proc_children {
	uint64_t value;
	bool inside; /* within a number */
	bool broken; /* met something that is neither digit nor blank: the rest is not believed */
};
/*
 * Take the next pids out of [*at, end): advances *at, writes at most `cap`
 * pids, returns how many; call again while it returns `cap`.  With `at` ==
 * NULL: the end of the file, gives the number still held, if any.
 */
size_t procfs_feed_children(struct proc_children *c, const char **at, const char *end, pid_t *out,
			    size_t cap);

/* /proc/PID/status: only what is asked for somewhere. */
struct proc_status {
	char state;
	pid_t tgid, ppid;
	uid_t uid, euid;
	uint64_t threads;
	/* bit N-1 = signal N */
	uint64_t pending_signals; /* SigPnd: sent to this thread */
	uint64_t shared_signals;  /* ShdPnd: sent to the process */
	uint64_t blocked_signals; /* SigBlk */
	uint64_t caught_signals;  /* SigCgt */
	uint64_t effective_caps;  /* CapEff */
};
int procfs_parse_status(const char *bytes, size_t n, struct proc_status *out_status);

/* /proc/PID/limits: the soft limit of open files, of processes and threads; UINT64_MAX = unlimited. */
int procfs_parse_file_limit(const char *bytes, size_t n, uint64_t *out_soft);
int procfs_parse_task_limit(const char *bytes, size_t n, uint64_t *out_soft);

/*
 * /proc/PID/wchan: where it sleeps in the kernel, cut to what fits.  1; 0 for
 * "0", which is said of one that runs, and to who may not know: `out` is
 * empty then.
 */
#define PROC_WCHAN_MAX 32 /* with the NUL */
int procfs_parse_wchan(const char *bytes, size_t n, char out_name[PROC_WCHAN_MAX]);

/* A line "KEY NUMBER" of a file of such lines: pids.events, memory.events. 0, -EBADMSG: it is not there. */
int procfs_parse_event(const char *bytes, size_t n, const char *key, uint64_t *out_count);

/* /proc/meminfo, or its first lines: MemTotal and MemAvailable (3.14). 0, -EBADMSG. */
int procfs_parse_meminfo(const char *bytes, size_t n, uint64_t *out_total, uint64_t *out_available);

/* /proc/loadavg */
struct proc_load {
	uint32_t load1_centi; /* 1.25 = 125 */
	uint64_t running, total;
	uint64_t last_pid; /* of this PID namespace: moves with every birth, threads included */
};
int procfs_parse_load(const char *bytes, size_t n, struct proc_load *out_load);

/* /proc/pressure/X: avg10 of the line "some", in hundredths of a percent. */
int procfs_parse_pressure(const char *bytes, size_t n, uint32_t *out_centi_pct);

#endif
