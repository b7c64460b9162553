/* The questions of os/probe.h, by what they ask: the kernel's calls, /proc, the machine. */
#ifndef SG_OS_PROBE_ASK_H
#define SG_OS_PROBE_ASK_H

#include <stddef.h>
#include <sys/types.h>

#include "os/probe.h"

/* A child that only waits to be ended; pid, -errno. */
pid_t probe_idle_child(void);
void probe_end_child(pid_t pid);
/* Decimal at the start of `path`; -errno, -EBADMSG. */
int probe_number_in(const char *path, long *out_number);

/* probe_calls.c */
int probe_fork(struct probe_answer *out);
int probe_spawn(struct probe_answer *out);
int probe_subreaper(struct probe_answer *out);
int probe_signalfd(struct probe_answer *out);
int probe_epoll(struct probe_answer *out);
int probe_timerfd(struct probe_answer *out);
int probe_socketpair(struct probe_answer *out);
int probe_lock(struct probe_answer *out);
int probe_pidfd(struct probe_answer *out);
int probe_pidfd_signal(struct probe_answer *out);
int probe_pidfs(struct probe_answer *out);
int probe_perf(struct probe_answer *out);
int probe_psi(struct probe_answer *out);
int probe_userns(struct probe_answer *out);
int probe_fifo(struct probe_answer *out);
int probe_limit_processes(struct probe_answer *out);
int probe_limit_files(struct probe_answer *out);
int probe_limit_locked(struct probe_answer *out);

/* probe_proc.c */
int probe_proc(struct probe_answer *out);
int probe_proc_mount(struct probe_answer *out);
int probe_children(struct probe_answer *out);
int probe_statm(struct probe_answer *out);
int probe_load(struct probe_answer *out);
int probe_environ(struct probe_answer *out);
int probe_pss(struct probe_answer *out);
int probe_cgroup(struct probe_answer *out);
int probe_delegation(struct probe_answer *out);
int probe_seccomp(struct probe_answer *out);
int probe_pid_ns(struct probe_answer *out);
int probe_user_ns(struct probe_answer *out);
int probe_time_ns(struct probe_answer *out);

/* probe_host.c */
int probe_autogroup(struct probe_answer *out);
int probe_kernel(struct probe_answer *out);
int probe_boot_id(struct probe_answer *out);
int probe_machine_id(struct probe_answer *out);
int probe_clock(struct probe_answer *out);
int probe_ptrace_scope(struct probe_answer *out);
int probe_logout(struct probe_answer *out);
int probe_libc(struct probe_answer *out);
int probe_smartcols(struct probe_answer *out);
int probe_jansson(struct probe_answer *out);

#endif
