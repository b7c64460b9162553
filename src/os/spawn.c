#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"

#define SPAWN_STACK_BYTES 32768

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

pid_t os_spawn(int (*body)(void *with), void *with, int *out_pidfd, int *out_errno)
{
	static _Alignas(16) char stack[SPAWN_STACK_BYTES];
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
