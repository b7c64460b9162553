#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

#define SPAWN_STACK_BYTES 32768
#define INTO_CGROUP       0x200000000ULL /* CLONE_INTO_CGROUP, 5.7 */

pid_t os_fork(void)
{
	pid_t pid = fork();
	return pid < 0 ? -errno : pid;
}

struct child {
	int (*body)(void *with);
	void *with;
	int err;
};

static int child_main(void *at)
{
	struct child *c = at; /* shared with the parent: this is how it hears of a failure */
	c->err = -c->body(c->with);
	_exit(127);
}

static _Alignas(16) char stack[SPAWN_STACK_BYTES];

pid_t os_spawn(int (*body)(void *with), void *with, int *out_pidfd, int *out_errno)
{
	struct child c = { .body = body, .with = with };
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
	int pidfd = -1;

	pid_t pid = clone(child_main, stack + sizeof(stack), flags | CLONE_PIDFD, &c, &pidfd);
	if (pid < 0 && errno == EINVAL) /* before 5.2 */
		pid = clone(child_main, stack + sizeof(stack), flags, &c);
	if (pid < 0)
		return -errno;
	*out_pidfd = pidfd;
	*out_errno = c.err;
	return pid;
}

/* The kernel's struct clone_args as of 5.7; with `cgroup`. */
struct into_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	uint64_t set_tid, set_tid_size, cgroup;
};

/*
 * The C library has no clone3: the child comes back from the call with our
 * registers on a stack of its own, and must go on without returning.
 * Pid, or -errno.
 */
static long clone3_on_stack(struct into_args *args, int (*main)(void *), void *with)
{
#if defined(__x86_64__)
	register int (*fn)(void *) __asm__("r8") = main;
	register void *arg __asm__("r9") = with;
	long r = SYS_clone3;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "mov %%r9, %%rdi\n\t"
			 "call *%%r8\n\t"
			 "ud2\n"
			 "1:"
			 : "+a"(r)
			 : "D"(args), "S"(sizeof(*args)), "r"(fn), "r"(arg)
			 : "rcx", "r11", "cc", "memory");
	return r;
#elif defined(__aarch64__)
	register long r __asm__("x0") = (long)args;
	register size_t size __asm__("x1") = sizeof(*args);
	register int (*fn)(void *) __asm__("x2") = main;
	register void *arg __asm__("x3") = with;
	register long number __asm__("x8") = SYS_clone3;
	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, 0\n\t"
			 "mov x0, x3\n\t"
			 "blr x2\n\t"
			 "brk 1\n"
			 "1:"
			 : "+r"(r)
			 : "r"(size), "r"(fn), "r"(arg), "r"(number)
			 : "cc", "memory");
	return r;
#else
	(void)args, (void)main, (void)with;
	return -ENOSYS;
#endif
}

pid_t os_spawn_into(int cgroup, int (*body)(void *with), void *with, int *out_pidfd, int *out_errno)
{
	struct child c = { .body = body, .with = with };
	int pidfd = -1;
	struct into_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | INTO_CGROUP,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uintptr_t)stack,
		.stack_size = sizeof(stack),
		.cgroup = (uint64_t)cgroup,
	};

	long pid = clone3_on_stack(&args, child_main, &c);
	if (pid == -EINVAL || pid == -E2BIG || pid == -EPERM) /* EPERM: a filter's no */
		pid = -ENOSYS;
	if (pid < 0)
		return (pid_t)pid;
	*out_pidfd = pidfd;
	*out_errno = c.err;
	return (pid_t)pid;
}

int os_exec(const char *path, char *const *argv, char *const *env)
{
	(void)execve(path, argv, env);
	return -errno;
}

/* 0 executable file, -EACCES there but not for us, -ENOENT. */
static int try_path(int dirfd, const char *path)
{
	struct stat st;
	if (fstatat(dirfd, path, &st, 0) < 0)
		return errno == EACCES ? -EACCES : -ENOENT;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(dirfd, path, X_OK, AT_EACCESS) < 0 ? -EACCES : 0;
}

int os_exec_find(int dirfd, const char *name, const char *path_list, char *out, size_t n)
{
	struct buf path;

	buf_init(&path, out, n);
	if (name[0] == '\0')
		return -ENOENT;
	if (strchr(name, '/')) {
		buf_str(&path, name);
		return path.cut ? -ENAMETOOLONG : 0; /* exec itself gives the best answer */
	}
	if (!path_list)
		path_list = "/bin:/usr/bin";
	int worst = -ENOENT;
	for (const char *at = path_list;; at++) {
		size_t len = strcspn(at, ":");
		buf_clear(&path);
		path.cut = false;
		buf_mem(&path, at, len);
		if (len > 0)
			buf_char(&path, '/');
		buf_str(&path, name);
		int r = path.cut ? -ENAMETOOLONG : try_path(dirfd, out);
		if (r == 0)
			return 0;
		if (r == -EACCES)
			worst = -EACCES;
		at += len;
		if (*at == '\0')
			return worst;
	}
}

int os_chdir_root(void)
{
	return chdir("/") < 0 ? -errno : 0;
}

int os_leave_group(bool new_session)
{
	if (new_session)
		return setsid() < 0 ? -errno : 0;
	return setpgid(0, 0) < 0 ? -errno : 0;
}

int os_join_group(pid_t pgrp)
{
	return setpgid(0, pgrp) < 0 ? -errno : 0;
}
