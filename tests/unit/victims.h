/* Trees of real processes for unit tests: made by fork, bounded by the test's own life, reaped by it. */
#ifndef SG_UNIT_VICTIMS_H
#define SG_UNIT_VICTIMS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* One set of victims.  Each says a byte into `ready` when it stands, and ends when `life` is closed. */
static struct nest {
	int ready[2], life[2], orders[2];
	bool is_open;
} nest;

static inline void nest_open(void)
{
	nest.is_open = true;
	assert_int_equal(pipe2(nest.ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(nest.life, O_CLOEXEC), 0);
	assert_int_equal(pipe2(nest.orders, O_CLOEXEC), 0);
}

/* Whoever is left ends; all that come to us are reaped. */
static inline void nest_close(void)
{
	close(nest.life[1]);
	close(nest.life[0]);
	close(nest.ready[0]);
	close(nest.ready[1]);
	close(nest.orders[0]);
	close(nest.orders[1]);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
	nest.is_open = false;
}

/* In a victim: here it stands, and here it ends. */
static inline void stand(void)
{
	char byte;
	(void)!write(nest.ready[1], "", 1);
	while (read(nest.life[0], &byte, 1) != 0)
		;
	_exit(0);
}

typedef void victim_body(int arg);

static inline void victim_run(victim_body *body, int arg)
{
	if (nest.life[1] >= 0) {
		close(nest.life[1]); /* the test's alone */
		close(nest.orders[1]);
		nest.life[1] = -1;
	}
	body(arg);
	_exit(0);
}

static inline pid_t victim(victim_body *body, int arg)
{
	pid_t pid = fork();
	if (pid == 0)
		victim_run(body, arg);
	return pid;
}

/* The same with that very number, which is free or just becoming so (5.5, and a privilege); -errno. */
static inline pid_t victim_with_pid(pid_t pid, victim_body *body, int arg)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uint64_t)(uintptr_t)&pid,
				   .set_tid_size = 1 };
	long r = -1;
	for (int i = 0; i < 2000 && r < 0; i++) {
		r = syscall(SYS_clone3, &args, sizeof(args));
		if (r == 0)
			victim_run(body, arg);
		if (r < 0 && errno != EEXIST)
			break;
		if (r < 0)
			(void)poll(NULL, 0, 1);
	}
	return r < 0 ? -errno : (pid_t)r;
}

static inline void wait_ready(size_t count)
{
	char bytes[256];
	struct pollfd p = { .fd = nest.ready[0], .events = POLLIN };
	while (count > 0) {
		if (poll(&p, 1, 20000) <= 0)
			fail_msg("%zu victims have not come up", count);
		ssize_t n = read(nest.ready[0], bytes, count < sizeof(bytes) ? count : sizeof(bytes));
		assert_true(n > 0);
		count -= (size_t)n;
	}
}

/* ---- shapes: how many say that they stand */

/* 1 */
static inline void body_stand(int arg)
{
	(void)arg;
	stand();
}

/* n + 1: n children. */
static inline void body_wide(int n)
{
	for (int i = 0; i < n; i++)
		(void)victim(body_stand, 0);
	stand();
}

/* n: each the child of the one before. */
static inline void body_deep(int n)
{
	if (n > 1)
		(void)victim(body_deep, n - 1);
	stand();
}

/* 3n + 1: n children with two each. */
static inline void body_two_levels(int n)
{
	for (int i = 0; i < n; i++)
		(void)victim(body_wide, 2);
	stand();
}

static inline void *thread_with_child(void *at)
{
	(void)victim(body_stand, 0);
	if (at)
		stand(); /* ends all of its process, when it ends */
	return NULL;
}

/* 2n + 1: n threads that live, with a child each. */
static inline void body_threads(int n)
{
	pthread_t thread;
	for (int i = 0; i < n; i++)
		(void)pthread_create(&thread, NULL, thread_with_child, &nest);
	stand();
}

/* n + 1: children of threads that are gone. */
static inline void body_threads_gone(int n)
{
	pthread_t thread;
	for (int i = 0; i < n; i++) {
		(void)pthread_create(&thread, NULL, thread_with_child, NULL);
		(void)pthread_join(thread, NULL);
	}
	stand();
}

/* 2: the first thread has ended, another lives and has a child. */
static inline void body_leader_gone(int arg)
{
	pthread_t thread;
	(void)arg;
	(void)pthread_create(&thread, NULL, thread_with_child, &nest);
	(void)syscall(SYS_exit, 0); /* of this thread alone */
}

/* n + 1: n daemons, whose parents are gone. */
static inline void body_daemon_parent(int arg)
{
	(void)arg;
	(void)victim(body_stand, 0);
}
static inline void body_daemons(int n)
{
	for (int i = 0; i < n; i++)
		(void)waitpid(victim(body_daemon_parent, 0), NULL, 0);
	stand();
}

/* A new process each millisecond, 3,000 at most; says nothing but its own byte. */
static inline void body_quiet(int arg)
{
	char byte;
	(void)arg;
	while (read(nest.life[0], &byte, 1) != 0)
		;
}
static inline void body_breed(int arg)
{
	(void)arg;
	(void)!write(nest.ready[1], "", 1);
	for (int i = 0; i < 3000; i++) {
		(void)victim(body_quiet, 0);
		(void)poll(NULL, 0, 1);
	}
	stand();
}

/* n + 1: children in a folder of memory each, and its own. */
static inline void body_memory(int megabytes)
{
	size_t n = (size_t)megabytes << 20;
	char *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	(void)at;
	stand();
}

/* Says a byte for each TERM, and lives. */
static inline void on_term(int sig)
{
	(void)sig;
	(void)!write(nest.ready[1], "", 1);
}
static inline void body_term(int children)
{
	const struct sigaction act = { .sa_handler = on_term, .sa_flags = SA_RESTART };
	(void)sigaction(SIGTERM, &act, NULL);
	for (int i = 0; i < children; i++)
		(void)victim(body_term, 0);
	stand();
}

/* A parent that reaps at once, and makes the children that it is ordered: by number, 0 = any. */
static inline void body_server(int first)
{
	pid_t pid;
	(void)signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < first; i++)
		(void)victim(body_stand, 0);
	(void)!write(nest.ready[1], "", 1);
	while (read(nest.orders[0], &pid, sizeof(pid)) == (ssize_t)sizeof(pid))
		if (pid == 0 ? victim(body_stand, 0) < 0 : victim_with_pid(pid, body_stand, 0) < 0)
			(void)!write(nest.ready[1], "", 1); /* so that nobody waits for it */
}

#endif
