#include "guard/beside.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "conf/words.h"
#include "guard/run.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/spawn.h"
#include "os/wait.h"

char *const *beside_words(const char *command)
{
	struct words words;

	if (words_check(command, &words) < 0) /* as when the option was read */
		return NULL;
	size_t heads = (words.count + 1) * sizeof(char *);
	const char **argv = malloc(heads + words.bytes);
	if (!argv)
		return NULL;
	words_split(command, (char *)argv + heads, argv);
	argv[words.count] = NULL;
	return (char *const *)(uintptr_t)argv; /* execve takes them so, and writes to none */
}

struct birth {
	const struct run *run;
	const char *program;
	char *const *argv;
	char **env;
};

/* Runs in the child, in front's memory, until the exec. */
static int become(void *with)
{
	static const int keep[] = { 0, 1, 2 };
	struct birth *b = with;

	int r = os_leave_group(true);
	if (r == 0)
		r = os_fd_put_null(0);
	if (r == 0)
		r = os_fd_put(2, 1); /* stdout is the job's */
	if (r == 0)
		r = os_fd_put(1, 2); /* and over exec, where the caller had it closed */
	if (r < 0)
		return r;
	os_fd_close_others(keep, COUNT_OF(keep));
	os_signals_give_back(&b->run->signals);
	return os_exec(b->program, b->argv, b->env);
}

pid_t beside_start(const struct run *run, char *const *argv, char **env, int *out_pidfd,
		   const char **out_what)
{
	struct birth b = { .run = run, .argv = argv, .env = env };
	char program[4096];
	struct os_child gone;
	int err = 0;

	*out_what = "cannot be executed: ";
	int r = os_exec_find(OS_CWD, argv[0], run->around->path, program, sizeof(program));
	if (r < 0)
		return r;
	b.program = program;
	pid_t pid = os_spawn(become, &b, out_pidfd, &err);
	if (pid < 0) {
		*out_what = "no process can be made for it: ";
		return pid;
	}
	if (err == 0)
		return pid;
	os_fd_close(out_pidfd);
	(void)os_wait_pid(pid, &gone);
	return err < 0 ? err : -err;
}
