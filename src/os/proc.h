/* /proc/PID: never cmdline, environ or smaps in front or warden (they can block for ever). */
#ifndef SG_OS_PROC_H
#define SG_OS_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/procfs.h"
#include "codec/record.h"

/*
 * Is /proc the kernel's, and are the numbers in it those that we use?  What
 * another PID namespace has mounted there names strangers.  No answer is taken
 * for yes: then what is read of it fails by itself.
 */
bool os_proc_is_ours(void);

/* Kept descriptor of /proc/PID/NAME (NAME "task", "task/PID/children", "statm", "" for the directory);
 * -errno. */
int os_proc_open(pid_t pid, const char *name);

/* Has this kernel (and mount) lists of children?  Asked of ourselves; true where that cannot be told. */
bool os_proc_lists_children(void);

/* One read of /proc/PID/stat. 0, -ESRCH, -EMFILE, -EBADMSG, -errno. */
int os_proc_stat(pid_t pid, struct proc_stat *out_stat);
/* Where its environment lies, not what is in it. The same. */
int os_proc_environ(pid_t pid, struct proc_environ *out_environ);
/* The same of the process whose directory `dir` is. */
int os_proc_stat_at(int dir, struct proc_stat *out_stat);
/* Resident pages. 0, -ESRCH, -errno. */
int os_proc_rss(pid_t pid, uint64_t *out_pages);
int os_proc_status(pid_t pid, struct proc_status *out_status);
/* Load average and the last PID given out. 0, -errno. */
int os_proc_load(struct proc_load *out_load);
/* avg10 "some" of /proc/pressure/RESOURCE in hundredths of a percent; -errno. */
int os_proc_pressure(const char *resource, uint32_t *out_centi_pct);

/* Has `pid` the file `path` (of `dirfd`, links followed) open?  1, 0, -EACCES: not to be looked into, -errno.
 */
int os_proc_has_open(pid_t pid, int dirfd, const char *path);
/* Has it the file open that our `fd` is of?  As above. */
int os_proc_shares_open(pid_t pid, int fd);

/*
 * Beside a kept descriptor of the task directory, and so of that very process and no other.  Bytes of
 * /proc/PID/NAME; -ESRCH it is gone; -EACCES, -errno.
 */
ssize_t os_proc_read_beside(int task_fd, const char *name, char *bytes, size_t n);
/* The path of its executable, not ended by a NUL. Length, as above. */
ssize_t os_proc_program_beside(int task_fd, char *path, size_t n);
/* Descriptors that it has open. Number, as above. */
int os_proc_files_beside(int task_fd);

/* Threads of the process behind a descriptor of its task directory; 0 when it is gone, unknown
 * where that cannot be asked. */
#define OS_THREADS_UNKNOWN UINT64_MAX
uint64_t os_proc_threads(int task_fd);

/* pid, start time and pidfd inode of `pid`, which the caller knows not to be reused (itself, or an unreaped
 * child). */
int os_proc_identity(pid_t pid, int pidfd, struct proc_id *out_id);

/* Boot id and namespaces of this process (`self`: a pidfd of it, -1 = none); what cannot be read stays empty.
 */
void os_host_id(int self, struct host_id *out_host);

/*
 * The children of thread `tid` of `pid`, given to `each` one by one, by
 * `children_fd` (a kept descriptor), or by name if that is -1.  0, -errno;
 * what `each` returned if not 0.
 */
int os_proc_children(pid_t pid, pid_t tid, int children_fd, int (*each)(void *with, pid_t child), void *with);
/* The same for every thread of `pid`. */
int os_proc_children_of_threads(pid_t pid, int (*each)(void *with, pid_t child), void *with);

#endif
