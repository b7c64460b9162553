#include "report/backward.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "os/fd.h"
#include "os/file.h"

#define CHUNK    (256 * 1024)
#define LINE_MAX (4 * HISTORY_LINE_MAX) /* of a line that is cut by the border of a chunk */
#define NAME_LEN (BACKWARD_NAME_MAX - 1)

struct months {
	char name[BACKWARD_FILES][NAME_LEN + 1]; /* newest first */
	size_t count;
};

bool backward_is_month(const char *name)
{
	static const char form[] = "0000-00.jsonl";
	if (strlen(name) != NAME_LEN)
		return false;
	for (size_t i = 0; i < NAME_LEN; i++) {
		bool is_digit = name[i] >= '0' && name[i] <= '9';
		if (form[i] == '0' ? !is_digit : name[i] != form[i])
			return false;
	}
	return true;
}

static int collect(void *with, const char *name)
{
	struct months *m = with;
	size_t at = m->count;

	if (!backward_is_month(name))
		return 0;
	while (at > 0 && strcmp(m->name[at - 1], name) < 0)
		at--;
	if (at == BACKWARD_FILES)
		return 0;
	size_t last = m->count < BACKWARD_FILES ? m->count : BACKWARD_FILES - 1;
	memmove(m->name[at + 1], m->name[at], (last - at) * sizeof(m->name[0]));
	memcpy(m->name[at], name, NAME_LEN + 1);
	m->count = last + 1;
	return 0;
}

struct backward {
	int (*each)(void *with, const struct backward_line *line);
	void *with;
	uint64_t *damaged;
};

static int give(const struct backward *b, const char *at, size_t n)
{
	struct backward_line line = { .at = at, .n = n };
	if (n == 0)
		return 0; /* between two lines */
	if (history_line_peek(at, n, &line.peek))
		return b->each(b->with, &line);
	(*b->damaged)++;
	return 0;
}

/* Whole lines of [start, end) from the last to the first; what is left of it, the tail of a line, in *out_n.
 */
static int give_lines(const struct backward *b, const char *start, const char *end, bool is_first,
		      size_t *out_n)
{
	for (;;) {
		const char *nl = memrchr(start, '\n', (size_t)(end - start));
		if (!nl)
			break;
		int r = give(b, nl + 1, (size_t)(end - nl - 1));
		if (r != 0)
			return r;
		end = nl;
	}
	*out_n = is_first ? 0 : (size_t)(end - start);
	return is_first ? give(b, start, (size_t)(end - start)) : 0;
}

/* `bytes`: CHUNK + LINE_MAX.  A chunk ends at CHUNK; behind it the tail of the line that began in it. */
static int walk_file(const struct backward *b, int fd, uint64_t size, char *bytes)
{
	size_t tail = 0;

	while (size > 0) {
		size_t n = size < CHUNK ? (size_t)size : CHUNK;
		char *start = bytes + CHUNK - n;
		ssize_t got = os_fd_pread(fd, start, n, size - n);
		if (got != (ssize_t)n)
			return got < 0 ? (int)got : 0; /* cut meanwhile: what was there is gone */
		size -= n;
		int r = give_lines(b, start, bytes + CHUNK + tail, size == 0, &tail);
		if (r != 0)
			return r;
		if (tail > LINE_MAX) { /* no line of ours is that long */
			(*b->damaged)++;
			tail = 0;
		}
		memmove(bytes + CHUNK, start, tail);
	}
	return 0;
}

int backward_each(int keep_fd, uid_t owner, int (*each)(void *with, const struct backward_line *line),
		  void *with, uint64_t *damaged)
{
	struct backward b = { .each = each, .with = with, .damaged = damaged };
	struct months months = { .count = 0 };
	struct os_file_id id;

	AUTO_FD int dir = os_open_at(keep_fd, "history", O_RDONLY | O_DIRECTORY, 0);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	int r = os_dir_each(dir, collect, &months);
	AUTO_FREE char *bytes = malloc(CHUNK + LINE_MAX);
	if (r < 0 || !bytes)
		return r < 0 ? r : -ENOMEM;
	for (size_t i = 0; i < months.count && r == 0; i++) {
		AUTO_FD int fd = os_open_at(dir, months.name[i], O_RDONLY, 0);
		/* A link, a FIFO, a file of somebody else: not the history. */
		if (fd >= 0 && os_file_id(fd, &id) == 0 && id.is_single_regular && id.uid == owner)
			r = walk_file(&b, fd, id.size, bytes);
	}
	return r;
}
