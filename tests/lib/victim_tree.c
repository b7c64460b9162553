/* Tree shapes: the ways in which processes get away from those who started them. */
#include "victim.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESPAWN_MAX 200 /* births of a pair that revives itself */
#define HOP_US      1000

/* The first process must not go on before the last one is there: one byte per arrival. */
static int built[2] = { -1, -1 };

static void built_open(void)
{
	if (pipe2(built, O_CLOEXEC) < 0)
		life_broken("pipe2");
}

static void built_tell(void)
{
	if (write(built[1], "", 1) != 1)
		life_broken("tell");
}

static void built_wait(int count)
{
	char byte;
	while (count-- > 0)
		if (read(built[0], &byte, 1) != 1)
			life_broken("shape is not complete");
	close(built[0]);
	close(built[1]);
}

static void ignore_all(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE };
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], SIG_IGN);
}

static void arrive_and_stay(void)
{
	built_tell();
	life_stay();
}

/* Double fork in a new session, as daemon(3) and older servers do. */
static void daemonize(void (*then)(void))
{
	pid_t middle = life_fork();
	if (middle != 0) {
		waitpid(middle, NULL, 0);
		return;
	}
	setsid();
	if (life_fork() == 0)
		then();
	_exit(0);
}

static void daemon_body(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (chdir("/") < 0 || null < 0)
		life_broken("daemon");
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	arrive_and_stay();
}

static int shape_daemon(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	daemonize(daemon_body);
	built_wait(1);
	return life_ready(leave);
}

static void closed_body(void)
{
	built_tell();
	for (int fd = 0; fd < 4096; fd++)
		close(fd); /* its lock on VICTIM_ALIVE too: only the process list shows it */
	life_stay();
}

static int shape_closefrom(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	daemonize(closed_body);
	built_wait(1);
	return life_ready(leave);
}

/* No variable, no session, no parent, another program image: nothing is left to know it by. */
static void bare_body(void)
{
	char name[] = "victim", shape[] = "bare", fd[16];
	char *argv[] = { name, shape, fd, NULL }, *envp[] = { NULL };
	(void)snprintf(fd, sizeof(fd), "%d", built[1]);
	clearenv();
	fcntl(built[1], F_SETFD, 0);
	execve("/proc/self/exe", argv, envp);
	life_broken("exec itself");
}

static int shape_env_clear(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	daemonize(bare_body);
	built_wait(1);
	return life_ready(leave);
}

static int shape_bare(int argc, char **argv, bool leave)
{
	(void)leave;
	int fd = life_number(argc > 1 ? argv[1] : "");
	if (write(fd, "", 1) != 1)
		life_broken("tell");
	close(fd);
	life_stay();
}

static int shape_setsid(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	if (life_fork() == 0) {
		setsid();
		ignore_all();
		arrive_and_stay();
	}
	built_wait(1);
	return life_ready(leave);
}

static int shape_ignore_term(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	ignore_all();
	built_open();
	if (life_fork() == 0)
		arrive_and_stay();
	built_wait(1);
	return life_ready(leave);
}

/* A child that is no child of the job but its sibling. */
static int shape_clone_parent(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (pid < 0)
		life_broken("clone");
	if (pid == 0) {
		life_born();
		arrive_and_stay();
	}
	built_wait(1);
	return life_ready(leave);
}

static void *thread_body(void *unused)
{
	(void)unused;
	if (life_fork() == 0)
		arrive_and_stay();
	/* the fork's parent is this thread: it must outlive the leader */
	char state = 0;
	for (int i = 0; i < 10000 && state != 'Z'; i++) {
		char stat[256] = "";
		int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, stat, sizeof(stat) - 1) <= 0)
			life_broken("/proc/self/stat");
		close(fd);
		const char *name_end = strrchr(stat, ')');
		state = name_end ? name_end[2] : 0;
		life_nap_us(100);
	}
	built_tell();
	life_stay();
}

/* A zombie leader with a live thread, which has a child: seen only through task/TID/children. */
static int shape_thread(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	if (life_fork() == 0) {
		pthread_t thread;
		ignore_all();
		if (pthread_create(&thread, NULL, thread_body, NULL) != 0)
			life_broken("pthread_create");
		pthread_exit(NULL);
	}
	built_wait(2);
	return life_ready(leave);
}

static int shape_deep(int argc, char **argv, bool leave)
{
	int count = life_number(argc > 1 ? argv[1] : "100");
	built_open();
	if (life_fork() == 0) {
		for (built_tell(); --count > 0; built_tell())
			if (life_fork() != 0)
				life_stay();
		life_stay();
	}
	built_wait(count);
	return life_ready(leave);
}

static int shape_wide(int argc, char **argv, bool leave)
{
	int count = life_number(argc > 1 ? argv[1] : "300");
	built_open();
	for (int i = 0; i < count; i++)
		if (life_fork() == 0)
			arrive_and_stay();
	built_wait(count);
	return life_ready(leave);
}

/* One process at a time, each under a new pid for a millisecond only. */
static int shape_hopper(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	built_open();
	if (life_fork() == 0) {
		ignore_all();
		built_tell();
		for (;;) {
			life_nap_us(HOP_US);
			if (life_fork() != 0)
				_exit(0);
		}
	}
	built_wait(1);
	return life_ready(leave);
}

static int shape_stopped(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	pid_t pid = life_fork();
	if (pid == 0) {
		raise(SIGSTOP);
		life_stay();
	}
	if (waitpid(pid, NULL, WUNTRACED) != pid)
		life_broken("wait for the stop");
	return life_ready(leave);
}

/* Its parent cannot be stopped: it waits in the kernel until the child of its vfork is over. */
static int shape_vfork(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	if (life_fork() == 0) {
		if (vfork() == 0) {
			life_born();
			life_ready(false);
		}
		life_stay();
	}
	if (!leave)
		life_stay();
	return 0;
}

static int shape_zombies(int argc, char **argv, bool leave)
{
	int count = life_number(argc > 1 ? argv[1] : "20");
	for (int i = 0; i < count; i++) {
		siginfo_t info;
		pid_t pid = life_fork();
		if (pid == 0)
			_exit(0);
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	}
	return life_ready(leave);
}

struct pair {
	atomic_int pid[2];
	atomic_int births;
};

/* Waits for the death of the other and starts it anew. */
static void pair_side(struct pair *pair, int side)
{
	for (;;) {
		life_await_end(atomic_load(&pair->pid[!side]));
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (atomic_fetch_add(&pair->births, 1) >= RESPAWN_MAX)
			life_stay();
		pid_t pid = life_fork();
		if (pid == 0)
			side = !side;
		atomic_store(&pair->pid[side ^ (pid != 0)], pid ? pid : getpid());
	}
}

static int shape_respawn(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	struct pair *pair =
		mmap(NULL, sizeof(*pair), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pair == MAP_FAILED)
		life_broken("mmap");
	built_open();
	for (int side = 0; side < 2; side++) {
		if (life_fork() != 0)
			continue;
		ignore_all();
		setsid();
		atomic_store(&pair->pid[side], getpid());
		built_tell();
		while (atomic_load(&pair->pid[!side]) == 0)
			life_nap_us(100);
		pair_side(pair, side);
	}
	built_wait(2);
	return life_ready(leave);
}

/* Every member has a session (and so a scheduling group) of its own and makes more, up to BIRTHS in all. */
static int shape_bomb(int argc, char **argv, bool leave)
{
	int cap = life_number(argc > 1 ? argv[1] : "200");
	atomic_int *made =
		mmap(NULL, sizeof(*made), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		life_broken("mmap");
	built_open();
	if (life_fork() == 0) {
		setsid();
		ignore_all();
		built_tell();
		while (atomic_fetch_add(made, 1) < cap) {
			if (life_fork() == 0)
				setsid();
			life_nap_us(HOP_US);
		}
		life_stay();
	}
	built_wait(1);
	return life_ready(leave);
}

/* clang-format off */
const struct shape tree_shapes[] = {
	{ "daemon",       "",         shape_daemon,       true },
	{ "closefrom",    "",         shape_closefrom,    true },
	{ "env-clear",    "",         shape_env_clear,    true },
	{ "bare",         "FD",       shape_bare,         true },
	{ "setsid",       "",         shape_setsid,       true },
	{ "ignore-term",  "",         shape_ignore_term,  true },
	{ "clone-parent", "",         shape_clone_parent, true },
	{ "thread",       "",         shape_thread,       true },
	{ "deep",         "[N]",      shape_deep,         true },
	{ "wide",         "[N]",      shape_wide,         true },
	{ "hopper",       "",         shape_hopper,       true },
	{ "stopped",      "",         shape_stopped,      true },
	{ "vfork",        "",         shape_vfork,        true },
	{ "zombies",      "[N]",      shape_zombies,      true },
	{ "respawn",      "",         shape_respawn,      true },
	{ "bomb",         "[BIRTHS]", shape_bomb,         true },
	{ NULL,           NULL,       NULL,               false },
};
/* clang-format on */
