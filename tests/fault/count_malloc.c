/*
 * Preloaded: counts what the event loop of one program allocates.
 *
 *   SG_MALLOC_LOG=FILE      at its end each process that waited appends "PID WAITS ALLOCATIONS LAST":
 *                           calls of epoll_wait, allocations between the first and the last of them,
 *                           and the wait (1, 2, ...) after which the last of these came
 *   SG_MALLOC_PROGRAM=NAME  only in the program of that name (default: spawnguard)
 */
#include "shim.h"

#include <sys/epoll.h>

/* glibc's own, so that dlsym() may allocate while we look for the others. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *old, size_t n);

static __typeof__(&epoll_wait) real_epoll_wait;
static __typeof__(&epoll_pwait2) real_epoll_pwait2;
static __typeof__(&fork) real_fork;

static const char *log_path;
static uint64_t waits, counted, last, pending;

__attribute__((constructor)) static void start(void)
{
	real_epoll_wait = REAL(epoll_wait);
	real_epoll_pwait2 = REAL(epoll_pwait2);
	real_fork = REAL(fork);
	if (shim_is_for_us("SG_MALLOC_PROGRAM"))
		log_path = getenv("SG_MALLOC_LOG");
}

void *malloc(size_t n)
{
	pending++;
	return __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
	pending++;
	return __libc_calloc(count, n);
}

void *realloc(void *old, size_t n)
{
	pending++;
	return __libc_realloc(old, n);
}

/* What came since the wait before this one belongs to the loop; what comes after the last one does not. */
static void next_wait(void)
{
	if (waits > 0 && pending > 0) {
		counted += pending;
		last = waits;
	}
	pending = 0;
	waits++;
}

int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
	next_wait();
	return real_epoll_wait(epoll, events, max, timeout_ms);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int max, const struct timespec *timeout,
		 const sigset_t *mask)
{
	next_wait();
	return real_epoll_pwait2(epoll, events, max, timeout, mask);
}

pid_t fork(void)
{
	pid_t pid = real_fork();
	if (pid == 0)
		waits = counted = last = pending = 0;
	return pid;
}

__attribute__((destructor)) static void report(void)
{
	if (!log_path || waits == 0)
		return;
	char line[128], *at = line;
	const uint64_t field[] = { (uint64_t)getpid(), waits, counted, last };
	for (size_t i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		at = shim_put_number(at, field[i]);
		*at++ = i + 1 < sizeof(field) / sizeof(field[0]) ? ' ' : '\n';
	}
	shim_log(REAL(syscall), log_path, line, (size_t)(at - line));
	waits = 0;
}

void _exit(int status)
{
	report();
	REAL(_exit)(status);
	__builtin_unreachable();
}
