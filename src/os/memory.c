#include "os/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/num.h"
#include "codec/procfs.h"
#include "os/cgroup.h"
#include "os/fd.h"
#include "os/file.h"

/* One group's word: "max", or a number. */
static void limit_by(const char *path, struct os_memory *m)
{
	struct os_cgroup_memory used;
	char text[32];
	uint64_t max;

	AUTO_FD int dir = os_cgroup_open(path);
	if (dir < 0)
		return;
	ssize_t n = os_file_read_at(dir, "memory.max", text, sizeof(text));
	if (n < 0) /* the topmost has none */
		return;
	text[strcspn(text, "\n")] = '\0';
	if (num_parse_u64(text, UINT64_MAX, &max) < 0 || os_cgroup_memory(dir, &used) < 0)
		return;
	uint64_t has = used.own != UINT64_MAX ? used.own : used.charged;
	uint64_t left = max > has ? max - has : 0;
	if (max < m->total_bytes)
		m->total_bytes = max;
	if (left < m->available_bytes)
		m->available_bytes = left;
}

/* From our own group up to where they are mounted. */
static void limit_by_groups(struct os_memory *m)
{
	struct os_cgroup_mount at;

	if (os_cgroup_find(&at) < 0)
		return;
	size_t top = strlen(at.point);
	for (;;) {
		limit_by(at.own, m);
		char *slash = strrchr(at.own, '/');
		if (!slash || (size_t)(slash - at.own) < top)
			return;
		*slash = '\0';
	}
}

int os_memory(struct os_memory *out)
{
	char bytes[512]; /* both stand in its first lines */
	struct os_memory m;

	ssize_t n = os_file_read_at(OS_CWD, "/proc/meminfo", bytes, sizeof(bytes));
	if (n < 0)
		return (int)n;
	int r = procfs_parse_meminfo(bytes, (size_t)n, &m.total_bytes, &m.available_bytes);
	if (r < 0)
		return r;
	limit_by_groups(&m);
	*out = m;
	return 0;
}

int os_free_bytes(const char *dir, uint64_t *out_bytes)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return -errno;
	*out_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}
