/*
 * Preloaded: a kernel, or a mount of /proc, that has some files not.
 *
 *   SG_ABSENT=WORD,...  children: /proc/PID/task/TID/children
 *                       cgroup: /proc/PID/cgroup, and all below /sys/fs/cgroup
 *   SG_EVENTS=DIR       and one whose control groups count: pids.events and memory.events of any group are
 *                       the files of that name in DIR
 *
 * In spawnguard and its commands alone: what a test itself reads stays there.
 *
 * What deny cannot do: a filter of system calls does not see names.
 */
#include "shim.h"

#include <errno.h>
#include <stdarg.h>

static bool no_children, no_cgroup;
static const char *events;

__attribute__((constructor)) static void start(void)
{
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = '\0';
	const char *absent = strstr(exe, "/spawnguard") ? getenv("SG_ABSENT") : NULL;
	no_children = absent && strstr(absent, "children");
	no_cgroup = absent && strstr(absent, "cgroup");
	events = strstr(exe, "/spawnguard") ? getenv("SG_EVENTS") : NULL;
}

static bool ends_with(const char *path, const char *name)
{
	size_t n = strlen(path), m = strlen(name);
	return n >= m && memcmp(path + n - m, name, m) == 0;
}

static bool is_absent(const char *path)
{
	bool is_absent = (no_children && ends_with(path, "/children")) ||
			 (no_cgroup && (strncmp(path, "/sys/fs/cgroup", 14) == 0 ||
					(strncmp(path, "/proc/", 6) == 0 && ends_with(path, "/cgroup"))));
	if (is_absent)
		errno = ENOENT;
	return is_absent;
}

/* Where to find it: `path`, or a name in `room`. */
static const char *place_of(const char *path, char room[4096])
{
	if (!events || (strcmp(path, "pids.events") != 0 && strcmp(path, "memory.events") != 0))
		return path;
	(void)snprintf(room, 4096, "%s/%s", events, path);
	return room;
}

/* Of those that exist, as many arguments as the kernel could read. */
#define WRAP_OPEN(name, params, ...)                   \
	int name params                                \
	{                                              \
		static __typeof__(&name) real;         \
		if (!real)                             \
			real = REAL(name);             \
		if (is_absent(path))                   \
			return -1;                     \
		mode_t mode = 0;                       \
		if (flags & (O_CREAT | __O_TMPFILE)) { \
			va_list args;                  \
			va_start(args, flags);         \
			mode = va_arg(args, mode_t);   \
			va_end(args);                  \
		}                                      \
		char room[4096];                       \
		path = place_of(path, room);           \
		return real(__VA_ARGS__, mode);        \
	}
WRAP_OPEN(open, (const char *path, int flags, ...), path, flags)
WRAP_OPEN(open64, (const char *path, int flags, ...), path, flags)
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), dir, path, flags)
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), dir, path, flags)

int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

int __openat_2(int dir, const char *path, int flags)
{
	return openat(dir, path, flags);
}
