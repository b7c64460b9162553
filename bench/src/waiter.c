/* waiter GROUP CMD…: the least that can end a job by cgroup.kill, as a yardstick for the kill ladder.  A
 * subreaper that starts CMD in the control group GROUP and waits for whoever dies, as one must beside a
 * storm (unreaped, the dead are in the storm's own way); at TERM it writes cgroup.kill and returns when
 * nobody is left.  Nobody is held, counted, recorded or looked for outside: not a guard. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_file(const char *group, const char *name)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", group, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

int main(int argc, char **argv)
{
	sigset_t both;

	if (argc < 3) {
		fprintf(stderr, "usage: waiter GROUP CMD...\n");
		return 2;
	}
	int procs = open_file(argv[1], "cgroup.procs"), kill_all = open_file(argv[1], "cgroup.kill");
	sigemptyset(&both);
	sigaddset(&both, SIGTERM);
	sigaddset(&both, SIGCHLD);
	sigprocmask(SIG_BLOCK, &both, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (fork() == 0) {
		setsid();
		sigprocmask(SIG_UNBLOCK, &both, NULL);
		if (write(procs, "0", 1) != 1)
			_exit(126);
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	while (sigwaitinfo(&both, NULL) != SIGTERM)
		while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
			;
	if (write(kill_all, "1", 1) != 1)
		return 2;
	while (waitpid(-1, NULL, __WALL) > 0)
		;
	return 0;
}
