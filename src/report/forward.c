#include "report/forward.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/utc.h"
#include "os/fd.h"
#include "os/file.h"

#define CHUNK (16 * HISTORY_LINE_MAX) /* no line of ours is that long */

static int take_name(void *with, const char *name)
{
	struct forward *f = with;
	size_t at = f->count;

	if (!backward_is_month(name))
		return 0;
	while (at > 0 && strcmp(f->month[at - 1].name, name) > 0)
		at--;
	if (at > 0 && strcmp(f->month[at - 1].name, name) == 0)
		return 0;
	if (f->count == FORWARD_FILES) { /* the oldest makes room */
		if (at == 0)
			return 0;
		memmove(f->month, f->month + 1, (--at) * sizeof(f->month[0]));
	} else {
		memmove(f->month + at + 1, f->month + at, (f->count++ - at) * sizeof(f->month[0]));
	}
	f->month[at] = (struct forward_month){ 0 };
	memcpy(f->month[at].name, name, BACKWARD_NAME_MAX);
	return 0;
}

int forward_open_directory(const struct forward *f)
{
	return os_open_at(f->keep_fd, "history", O_RDONLY | O_DIRECTORY, 0);
}

/* Owned descriptor and size; -ENOENT also for what is none of ours. */
static int open_month(const struct forward *f, int dir, const char *name, uint64_t *out_size)
{
	struct os_file_id id;

	AUTO_FD int fd = os_open_at(dir, name, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	if (os_file_id(fd, &id) < 0 || !id.is_single_regular || id.uid != f->owner)
		return -ENOENT;
	*out_size = id.size;
	return os_fd_steal(&fd);
}

int forward_begin(struct forward *f, int keep_fd, uid_t owner)
{
	*f = (struct forward){ .keep_fd = keep_fd, .owner = owner };

	AUTO_FD int dir = forward_open_directory(f);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	int r = os_dir_each(dir, take_name, f);
	for (size_t i = 0; i < f->count; i++) {
		uint64_t size;
		AUTO_FD int fd = open_month(f, dir, f->month[i].name, &size);
		if (fd >= 0)
			f->month[i].at = f->month[i].fresh = size;
	}
	return r;
}

void forward_rewind(struct forward *f, uint64_t wall_ns)
{
	struct utc t = utc_from_wall(wall_ns);
	BUF(name, 32);

	buf_pad(&name, (uint64_t)t.year, 4);
	buf_char(&name, '-');
	buf_pad(&name, t.month, 2);
	for (size_t i = 0; i < f->count; i++)
		if (strncmp(f->month[i].name, name.at, name.len) >= 0)
			f->month[i].at = 0;
}

struct reading {
	void (*each)(void *with, const struct backward_line *line, bool is_old);
	void *with;
	uint64_t *damaged;
};

static void give(const struct reading *r, const char *at, size_t n, bool is_old)
{
	struct backward_line line = { .at = at, .n = n };

	if (n == 0)
		return; /* between two lines */
	if (history_line_peek(at, n, &line.peek))
		r->each(r->with, &line, is_old);
	else
		(*r->damaged)++;
}

static int read_month(struct forward_month *m, int fd, const struct reading *r, char *bytes)
{
	for (;;) {
		ssize_t got = os_fd_pread(fd, bytes, CHUNK, m->at);
		if (got <= 0)
			return (int)got;
		const char *at = bytes, *end = bytes + got;
		for (const char *nl; (nl = memchr(at, '\n', (size_t)(end - at))); at = nl + 1)
			give(r, at, (size_t)(nl - at), m->at + (uint64_t)(at - bytes) < m->fresh);
		if (at == bytes && got < CHUNK)
			return 0; /* a line that is being written */
		m->at += at == bytes ? (uint64_t)got : (uint64_t)(at - bytes);
	}
}

int forward_read(struct forward *f, void (*each)(void *with, const struct backward_line *line, bool is_old),
		 void *with)
{
	struct reading reading = { .each = each, .with = with, .damaged = &f->damaged };

	AUTO_FD int dir = forward_open_directory(f);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	int r = os_dir_each(dir, take_name, f);
	AUTO_FREE char *bytes = malloc(CHUNK);
	if (r < 0 || !bytes)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < f->count && r == 0; i++) {
		struct forward_month *m = &f->month[i];
		uint64_t size;
		AUTO_FD int fd = open_month(f, dir, m->name, &size);
		if (fd < 0 || size == m->at)
			continue;
		if (size < m->at) /* cut: what comes from now on */
			m->at = m->fresh = size;
		r = read_month(m, fd, &reading, bytes);
	}
	return r;
}
