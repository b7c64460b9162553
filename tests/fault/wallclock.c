/*
 * Preloaded: the wall clock of one program jumps when the test says so; no other clock does.
 *
 *   SG_WALL_FILE=FILE      eight bytes, native order: seconds to add to CLOCK_REALTIME from now on
 *   SG_WALL_PROGRAM=NAME   only in the program of that name (default: spawnguard)
 */
#include "shim.h"

#include <time.h>

static __typeof__(&clock_gettime) real_clock_gettime;
static const volatile int64_t *jump_s; /* NULL: not for us */

__attribute__((constructor)) static void start(void)
{
	real_clock_gettime = REAL(clock_gettime);
	const char *path = shim_is_for_us("SG_WALL_PROGRAM") ? getenv("SG_WALL_FILE") : NULL;
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *at = mmap(NULL, sizeof(*jump_s), PROT_READ, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		jump_s = at;
	close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	if (!real_clock_gettime) /* asked by a constructor before ours */
		real_clock_gettime = REAL(clock_gettime);
	int r = real_clock_gettime(clock, out);
	if (r == 0 && clock == CLOCK_REALTIME && jump_s)
		out->tv_sec += *jump_s;
	return r;
}
