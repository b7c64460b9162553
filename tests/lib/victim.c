#include "victim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Shared by the whole tree up to an exec: births are counted over all of it. */
static atomic_int *births;
static time_t end_s; /* CLOCK_BOOTTIME: children do not live longer than the first process would */
static int pids_fd = -1;

static time_t now_s(void)
{
	struct timespec now;
	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		life_broken("clock_gettime");
	return now.tv_sec;
}

void life_broken(const char *what)
{
	perror(what);
	_exit(VICTIM_BROKEN);
}

void life_nap_us(long us)
{
	struct timespec left = { us / 1000000, us % 1000000 * 1000 };
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static bool has_ended(pid_t pid)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *name_end = strrchr(text, ')');
	return !name_end || strchr("ZX", name_end[2]);
}

void life_await_end(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd >= 0) {
		struct pollfd death = { fd, POLLIN, 0 };
		poll(&death, 1, -1);
		close(fd);
		return;
	}
	while (errno == ENOSYS && !has_ended(pid)) {
		life_nap_us(500);
		errno = ENOSYS;
	}
}

void life_line(int fd, const char *format, ...)
{
	char line[512];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line) - 1)
		life_broken("line too long");
	line[n] = '\n';
	if (fd >= 0 && write(fd, line, (size_t)n + 1) != n + 1)
		life_broken("write line");
}

int life_number(const char *text)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > 1000000000)
		life_broken(text);
	return (int)value;
}

void life_born(void)
{
	time_t left = end_s - now_s();
	alarm(left > 0 ? (unsigned)left : 1);
	life_line(pids_fd, "%d", getpid());
}

pid_t life_fork(void)
{
	if (atomic_fetch_add(births, 1) >= VICTIM_BIRTHS_MAX)
		_exit(0);
	pid_t pid = fork();
	if (pid < 0)
		life_broken("fork");
	if (pid == 0)
		life_born();
	return pid;
}

int life_ready(bool leave)
{
	life_line(pids_fd, "ready");
	if (!leave)
		life_stay();
	return 0;
}

void life_stay(void)
{
	for (;;)
		pause();
}

/* Both descriptors stay open over fork and exec: that is what makes every member hold the lock. */
static void life_begin(void)
{
	unsigned left = alarm(0); /* survives exec: a victim that execs itself gains no time */
	end_s = now_s() + (left ? (time_t)left : VICTIM_LIFE_S);
	signal(SIGALRM, SIG_DFL);
	sigset_t alarm_only;
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);

	births = mmap(NULL, sizeof(*births), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (births == MAP_FAILED)
		life_broken("mmap");
	const char *alive = getenv("VICTIM_ALIVE");
	if (alive) {
		int fd = open(alive, O_RDWR | O_CREAT, 0666);
		if (fd < 0 || flock(fd, LOCK_SH) < 0)
			life_broken(alive);
	}
	const char *pids = getenv("VICTIM_PIDS");
	if (pids) {
		pids_fd = open(pids, O_WRONLY | O_APPEND | O_CREAT, 0666);
		if (pids_fd < 0)
			life_broken(pids);
	}
	life_born();
}

static int shape_exit(int argc, char **argv, bool leave)
{
	(void)leave;
	return life_number(argc > 1 ? argv[1] : "0");
}

static int shape_signal(int argc, char **argv, bool leave)
{
	(void)leave;
	int sig = life_number(argc > 1 ? argv[1] : "15");
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, sig);
	signal(sig, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
	return 0; /* not a signal that ends a process */
}

static int shape_sleep(int argc, char **argv, bool leave)
{
	(void)argc, (void)argv;
	return life_ready(leave);
}

static void wait_for_close(int fd)
{
	char byte;
	ssize_t n;
	do
		n = read(fd, &byte, 1);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		life_broken("read gate");
}

/* Ends when the other end of pipe FD is closed: the test says when, without a clock. */
static int shape_hold(int argc, char **argv, bool leave)
{
	if (argc < 2)
		life_broken("hold: no FD");
	life_ready(true);
	if (!leave)
		wait_for_close(life_number(argv[1]));
	return argc > 2 ? life_number(argv[2]) : 0;
}

/* Start many at one instant: all read the same pipe, the test closes its end. */
static int shape_gate(int argc, char **argv, bool leave)
{
	(void)leave;
	if (argc < 3)
		life_broken("gate: FD COMMAND");
	int fd = life_number(argv[1]);
	wait_for_close(fd);
	close(fd);
	execvp(argv[2], argv + 2);
	life_broken(argv[2]);
}

/*
 * A section that only one process may be in.  DIR/section is locked by the
 * kernel for as long as this process lives, so a killed holder leaves nothing
 * stale; who meets a holder writes "overlap" to DIR/log and exits VICTIM_BROKEN.
 */
static int shape_overlap(int argc, char **argv, bool leave)
{
	if (argc < 2)
		life_broken("overlap: no DIR");
	int dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int log = openat(dir, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	int section = openat(dir, "section", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (log < 0 || section < 0)
		life_broken(argv[1]);
	if (flock(section, LOCK_EX | LOCK_NB) < 0) {
		life_line(log, "overlap %d", getpid());
		return VICTIM_BROKEN;
	}
	life_line(log, "in %d", getpid());
	if (argc > 2)
		shape_hold(argc - 1, argv + 1, leave);
	life_line(log, "out %d", getpid());
	return 0;
}

/* Members of runs before `run` that still hold their byte. */
static void tell_survivors(int members, int log, int run)
{
	struct flock held = { .l_whence = SEEK_SET };

	for (long at = 0; at < run; at = held.l_start + 1) {
		held.l_type = F_WRLCK;
		held.l_pid = 0; /* the kernel asks for it, and writes -1 */
		held.l_start = at;
		held.l_len = run - at;
		if (fcntl(members, F_OFD_GETLK, &held) < 0)
			life_broken("F_OFD_GETLK");
		if (held.l_type == F_UNLCK)
			return;
		life_line(log, "survivor %d %ld", run, (long)held.l_start);
	}
}

static void turn_children(void)
{
	pid_t middle = life_fork();
	if (middle == 0) {
		setsid();
		if (life_fork() == 0)
			life_stay();
		_exit(0);
	}
	waitpid(middle, NULL, 0);
	if (life_fork() == 0) {
		signal(SIGTERM, SIG_IGN);
		life_stay();
	}
	if (life_fork() == 0) {
		execl("/proc/self/exe", "victim", "sleep", (char *)NULL);
		life_broken("exec itself");
	}
}

/*
 * Run number RUN of one job: all its members hold byte RUN of DIR/members, as
 * the kernel sees it, and it looks for earlier ones.  Then, for MS, it is in
 * the section as above, with a daemon, a deaf one and another program beside
 * it: these stay.
 */
static int shape_turn(int argc, char **argv, bool leave)
{
	(void)leave;
	if (argc < 4)
		life_broken("turn: DIR RUN MS");
	int run = life_number(argv[2]);
	int dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int log = openat(dir, "log", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	int members = openat(dir, "members", O_RDWR | O_CREAT, 0666);
	struct flock mine = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = run, .l_len = 1 };
	if (log < 0 || members < 0 || fcntl(members, F_OFD_SETLK, &mine) < 0)
		life_broken(argv[1]);
	life_line(log, "in %d", run);
	tell_survivors(members, log, run);
	turn_children();
	int section = openat(dir, "section", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (section < 0)
		life_broken(argv[1]);
	if (flock(section, LOCK_EX | LOCK_NB) < 0) {
		life_line(log, "overlap %d", run);
		return VICTIM_BROKEN;
	}
	life_nap_us(1000L * life_number(argv[3]));
	return 0;
}

/* clang-format off */
static const struct shape plain_shapes[] = {
	{ "exit",    "N",              shape_exit,    false },
	{ "signal",  "N",              shape_signal,  false },
	{ "gate",    "FD COMMAND ...", shape_gate,    false },
	{ "sleep",   "",               shape_sleep,   true },
	{ "hold",    "FD [STATUS]",    shape_hold,    true },
	{ "overlap", "DIR [FD]",       shape_overlap, true },
	{ "turn",    "DIR RUN MS",     shape_turn,    true },
	{ NULL,      NULL,             NULL,          false },
};
/* clang-format on */

static const struct shape *const all_shapes[] = { plain_shapes, tree_shapes, storm_shapes, fact_shapes,
						  block_shapes };

static const struct shape *shape_find(const char *name)
{
	for (size_t i = 0; i < sizeof(all_shapes) / sizeof(all_shapes[0]); i++)
		for (const struct shape *s = all_shapes[i]; s->name; s++)
			if (strcmp(s->name, name) == 0)
				return s;
	return NULL;
}

int main(int argc, char **argv)
{
	/* -x: the first process ends as soon as the shape stands, and leaves the rest behind */
	bool leave = argc > 1 && strcmp(argv[1], "-x") == 0;
	int at = leave ? 2 : 1;
	const struct shape *shape = at < argc ? shape_find(argv[at]) : NULL;
	if (!shape) {
		fputs("usage: victim [-x] SHAPE [ARGS]\n", stderr);
		for (size_t i = 0; i < sizeof(all_shapes) / sizeof(all_shapes[0]); i++)
			for (const struct shape *s = all_shapes[i]; s->name; s++)
				fprintf(stderr, "  %s %s\n", s->name, s->args);
		return VICTIM_BROKEN;
	}
	if (shape->alive)
		life_begin();
	return shape->run(argc - at, argv + at, leave);
}
