/*
 * Storms: trees that grow while they are being ended, and members that do not die where they stand.
 *
 * A storm bounds itself: no more of it live at a time than there are places, and each death frees one, so
 * that it goes on for as long as one of it lives (and VICTIM_BIRTHS_MAX allows).
 */
#include "victim.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLACES_MAX 1000
#define RESERVED   (-1)
#define FULL_US    5000 /* look again for a place: the storm must not be all that the machine does */

struct storm {
	atomic_int arrived;
	int places;
	atomic_int place[PLACES_MAX]; /* pid of who lives there */
};
static struct storm *storm;
static atomic_int *own_place;

static void storm_open(const char *places)
{
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm == MAP_FAILED)
		life_broken("mmap");
	storm->places = places ? life_number(places) : 100;
	if (storm->places < 1 || storm->places > PLACES_MAX)
		life_broken("places");
}

/* As many as that are there. */
static void wait_arrived(int count)
{
	while (atomic_load(&storm->arrived) < count)
		life_nap_us(2000);
}

static void ignore_signals(void)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE };
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		signal(sigs[i], SIG_IGN);
}

/* A place whose holder is dead; NULL: no room at this moment. */
static atomic_int *take_place(void)
{
	static unsigned at;

	if (at == 0)
		at = (unsigned)getpid();
	for (int tries = 0; tries < 16; tries++) {
		at = at * 1103515245u + 12345u;
		atomic_int *place = &storm->place[(at >> 8) % (unsigned)storm->places];
		int holder = atomic_load(place);
		bool is_free = holder == 0 || (holder > 1 && kill(holder, 0) < 0 && errno == ESRCH);
		if (is_free && atomic_compare_exchange_strong(place, &holder, RESERVED))
			return place;
	}
	return NULL;
}

/* fork() into a place; -1 with a nap where there is no room. */
static pid_t storm_fork(void)
{
	static unsigned fulls;
	atomic_int *place = take_place();

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (!place) {
		life_nap_us(FULL_US);
		/* Full, it is still a storm: some make room for others. */
		if (own_place && ++fulls % 8 == (unsigned)getpid() % 8)
			_exit(0);
		return -1;
	}
	pid_t pid = life_fork();
	if (pid == 0) {
		own_place = place;
		atomic_store(place, getpid());
		atomic_fetch_add(&storm->arrived, 1);
	}
	return pid;
}

static int storm_stands(bool leave)
{
	wait_arrived(storm->places * 3 / 4);
	return life_ready(leave);
}

/* Each makes others. */
static int shape_bomb_exp(int argc, char **argv, bool leave)
{
	storm_open(argc > 1 ? argv[1] : NULL);
	if (life_fork() == 0) {
		ignore_signals();
		for (;;)
			(void)storm_fork();
	}
	return storm_stands(leave);
}

/* One makes all. */
static int shape_bomb_linear(int argc, char **argv, bool leave)
{
	storm_open(argc > 1 ? argv[1] : NULL);
	if (life_fork() == 0) {
		ignore_signals();
		for (;;)
			if (storm_fork() == 0) {
				life_nap_us(6 * FULL_US);
				_exit(0);
			}
	}
	return storm_stands(leave);
}

/* Each makes others by double forks, in sessions of their own. */
static int shape_bomb_daemon(int argc, char **argv, bool leave)
{
	storm_open(argc > 1 ? argv[1] : NULL);
	if (life_fork() == 0) {
		ignore_signals();
		for (;;) {
			if (storm_fork() != 0)
				continue;
			setsid();
			atomic_store(own_place, RESERVED);
			if (life_fork() != 0)
				_exit(0);
			atomic_store(own_place, getpid());
		}
	}
	return storm_stands(leave);
}

/* Many hoppers: each always alive, under a new pid and session each millisecond. */
static int shape_hoppers(int argc, char **argv, bool leave)
{
	int count = life_number(argc > 1 ? argv[1] : "8");

	storm_open(NULL);
	for (int i = 0; i < count; i++) {
		if (life_fork() != 0)
			continue;
		ignore_signals();
		atomic_fetch_add(&storm->arrived, 1);
		for (;;) {
			life_nap_us(1000);
			if (life_fork() != 0)
				_exit(0);
			setsid();
		}
	}
	wait_arrived(count);
	return life_ready(leave);
}

/* Number `at` of the ring watches the next one, and makes it anew when it dies. */
static void ring_watch(int at)
{
	for (;;) {
		int next = (at + 1) % storm->places, watched = atomic_load(&storm->place[next]);
		life_await_end(watched);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!atomic_compare_exchange_strong(&storm->place[next], &watched, RESERVED))
			continue; /* made by somebody else */
		pid_t pid = life_fork();
		if (pid == 0) {
			setsid();
			atomic_store(&storm->place[next], getpid());
			at = next;
		}
		while (atomic_load(&storm->place[next]) == RESERVED)
			life_nap_us(100);
	}
}

static int shape_ring(int argc, char **argv, bool leave)
{
	storm_open(argc > 1 ? argv[1] : "150");
	for (int at = 0; at < storm->places; at++) {
		if (life_fork() != 0)
			continue;
		ignore_signals();
		atomic_store(&storm->place[at], getpid());
		atomic_fetch_add(&storm->arrived, 1);
		wait_arrived(storm->places);
		ring_watch(at);
	}
	wait_arrived(storm->places);
	return life_ready(leave);
}

/* Each starts the next one down, and again when it ends. */
static void supervise(int depth)
{
	for (;;) {
		pid_t pid = life_fork();
		if (pid == 0) {
			atomic_fetch_add(&storm->arrived, 1);
			if (depth-- == 0)
				life_stay();
		} else {
			waitpid(pid, NULL, 0);
		}
	}
}

static int shape_supervisors(int argc, char **argv, bool leave)
{
	int depth = life_number(argc > 1 ? argv[1] : "5");

	storm_open(NULL);
	if (life_fork() == 0) {
		ignore_signals();
		supervise(depth);
	}
	wait_arrived(depth + 1);
	return life_ready(leave);
}

/* Stop `pid` as a debugger does, and leave it there. */
static void trace(pid_t pid, bool also_at_exit)
{
	int options = also_at_exit ? PTRACE_O_TRACEEXIT : 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 ||
	    waitpid(pid, NULL, __WALL) != pid)
		life_broken("ptrace");
}

/* A member that a sibling keeps stopped; "exit": also on its way out. */
static int shape_traced(int argc, char **argv, bool leave)
{
	bool also_at_exit = argc > 1 && strcmp(argv[1], "exit") == 0;

	storm_open(NULL);
	pid_t traced = life_fork();
	if (traced == 0) {
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		atomic_fetch_add(&storm->arrived, 1);
		life_stay();
	}
	wait_arrived(1);
	if (life_fork() == 0) {
		ignore_signals();
		trace(traced, also_at_exit);
		atomic_fetch_add(&storm->arrived, 1);
		life_stay();
	}
	wait_arrived(2);
	return life_ready(leave);
}

/* Not of the tree: stops PID of it as a debugger does, until the pipe FD is closed. */
static int shape_tracer(int argc, char **argv, bool leave)
{
	(void)leave;
	if (argc < 3)
		life_broken("tracer: PID FD [exit]");
	char byte;
	alarm(VICTIM_LIFE_S);
	trace(life_number(argv[1]), argc > 3);
	life_line(STDOUT_FILENO, "traced");
	while (read(life_number(argv[2]), &byte, 1) > 0)
		;
	return 0;
}

/* A parent that sleeps in the kernel until its child has exec'ed, and one that it lent its memory to. */
static int shape_vfork(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	storm_open(NULL);
	if (life_fork() == 0) {
		ignore_signals();
		long pid = syscall(SYS_vfork);
		if (pid == 0) {
			atomic_fetch_add(&storm->arrived, 1);
			for (;;)
				pause();
		}
		life_stay();
	}
	wait_arrived(1);
	return life_ready(leave);
}

/* clang-format off */
const struct shape storm_shapes[] = {
	{ "bomb-exp",    "[PLACES]",      shape_bomb_exp,    true },
	{ "bomb-linear", "[PLACES]",      shape_bomb_linear, true },
	{ "bomb-daemon", "[PLACES]",      shape_bomb_daemon, true },
	{ "hoppers",     "[N]",           shape_hoppers,     true },
	{ "ring",        "[N]",           shape_ring,        true },
	{ "supervisors", "[DEPTH]",       shape_supervisors, true },
	{ "traced",      "[exit]",        shape_traced,      true },
	{ "tracer",      "PID FD [exit]", shape_tracer,      false },
	{ "vfork",       "",              shape_vfork,       true },
	{ NULL,          NULL,            NULL,              false },
};
/* clang-format on */
