#include "store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/utc.h"
#include "codec/history.h"
#include "os/fd.h"
#include "os/file.h"

static void month_path(struct buf *path, uint64_t wall_ns, unsigned months_back)
{
	struct utc t = utc_from_wall(wall_ns);
	unsigned month = (unsigned)t.year * 12 + t.month - 1 - months_back;

	buf_str(path, "history/");
	buf_pad(path, month / 12, 4);
	buf_char(path, '-');
	buf_pad(path, month % 12 + 1, 2);
	buf_str(path, ".jsonl");
}

int history_open(int dirfd, uint64_t wall_ns)
{
	struct os_file_id id;
	BUF(path, 64);

	month_path(&path, wall_ns, 0);
	AUTO_FD int fd = os_open_at(dirfd, path.at, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd < 0)
		return fd;
	int r = os_file_id(fd, &id);
	if (r < 0)
		return r;
	return id.is_own_regular ? os_fd_steal(&fd) : -EPERM;
}

int history_append(int fd, const struct buf *line)
{
	if (line->cut)
		return -ENOSPC;
	return os_fd_write(fd, line->at, line->len);
}

/* What is looked for. */
struct wanted {
	bool (*is_it)(const char *line, size_t n, const void *with);
	const void *with;
};

/* The lines of `bytes`; how many bytes of it were whole lines in *out_used. */
static bool find_line(const char *bytes, size_t n, const struct wanted *wanted, size_t *out_used)
{
	const char *at = bytes, *end = bytes + n;

	for (const char *nl; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1)
		if (nl > at && wanted->is_it(at, (size_t)(nl - at), wanted->with))
			return true;
	*out_used = (size_t)(at - bytes);
	return false;
}

static int month_has(int dirfd, const char *path, const struct wanted *wanted)
{
	enum { CHUNK = 16 * HISTORY_LINE_MAX };
	size_t have = 0, used;

	AUTO_FD int fd = os_open_at(dirfd, path, O_RDONLY, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	AUTO_FREE char *bytes = malloc(CHUNK);
	if (!bytes)
		return -ENOMEM;
	for (uint64_t offset = 0;;) {
		ssize_t got = os_fd_pread(fd, bytes + have, CHUNK - have, offset);
		if (got <= 0)
			return (int)got;
		offset += (uint64_t)got;
		have += (size_t)got;
		if (find_line(bytes, have, wanted, &used))
			return 1;
		if (used == 0 && have == CHUNK)
			used = have; /* no line of ours is that long */
		have -= used;
		memmove(bytes, bytes + used, have);
	}
}

int history_find(int dirfd, uint64_t wall_ns, bool (*is_it)(const char *line, size_t n, const void *with),
		 const void *with)
{
	const struct wanted wanted = { is_it, with };

	for (unsigned back = 0; back < 2; back++) {
		BUF(path, 64);
		month_path(&path, wall_ns, back);
		int r = month_has(dirfd, path.at, &wanted);
		if (r != 0)
			return r;
	}
	return 0;
}

struct named {
	const char *event, *run_id;
};

static bool is_named(const char *line, size_t n, const void *with)
{
	const struct named *named = with;
	return history_line_is(line, n, named->event, named->run_id);
}

int history_has(int dirfd, uint64_t wall_ns, const char *event, const char *run_id)
{
	const struct named named = { event, run_id };
	return history_find(dirfd, wall_ns, is_named, &named);
}
