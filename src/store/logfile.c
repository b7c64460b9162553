#include "store/logfile.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/fail.h"
#include "base/num.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/hole.h"

/* Holes are made of whole pages; the kernel would write zeros into what is left of one. */
#define PAGE_BYTES 4096ULL

void logfile_path(char *out, const char *run_id)
{
	struct buf path;

	buf_init(&path, out, LOGFILE_PATH_MAX);
	buf_str(&path, "logs/");
	buf_str(&path, run_id);
}

static int need_dir(int keep_fd)
{
	struct os_file_id id;

	int r = os_mkdir_at(keep_fd, "logs", 0700);
	if (r < 0 && r != -EEXIST)
		return r;
	r = os_file_id_at(keep_fd, "logs", &id);
	return r < 0 ? r : id.is_own_private_dir ? 0 : -EPERM;
}

static void begin(struct logfile *o, int *fd, const struct os_file_id *id, const struct logfile_want *want)
{
	(void)os_fd_set_blocking(*fd); /* the job gets it, and expects to wait */
	*o = (struct logfile){
		.fd = os_fd_steal(fd),
		.is_regular = id->is_regular,
		.from = id->is_regular ? id->size : 0,
		.size = id->size,
		.max_bytes = want->max_bytes,
	};
}

int logfile_open_own(struct logfile *o, int keep_fd, const char *run_id, const struct logfile_want *want,
		     struct fail *fail)
{
	struct os_file_id id;
	char path[LOGFILE_PATH_MAX];

	logfile_path(path, run_id);
	int r = need_dir(keep_fd);
	if (r < 0)
		return fail_set(fail, -r, "make the directory of logs", "logs");
	/* Of an earlier run of that id, long ago, our part stands behind. */
	AUTO_FD int fd = os_open_at(keep_fd, path, want->reads ? OS_BOTH_END : OS_WRITE_END, 0600);
	r = fd < 0 ? fd : os_file_id(fd, &id);
	if (r == 0 && !id.is_own_regular)
		r = -EPERM;
	if (r < 0)
		return fail_set(fail, -r, "open the file for the job's output", path);
	begin(o, &fd, &id, want);
	return 0;
}

int logfile_open_user(struct logfile *o, const char *path, const struct logfile_want *want, struct fail *fail)
{
	struct os_file_id id;

	AUTO_FD int fd = os_open_user(path, want->reads ? OS_BOTH_END : OS_WRITE_END, 0666);
	int r = fd < 0 ? fd : os_file_id(fd, &id);
	if (r < 0)
		return fail_set(fail, -r, "open the file for the job's output", path);
	begin(o, &fd, &id, want);
	o->is_user = true;
	return 0;
}

void logfile_close(struct logfile *o)
{
	os_fd_close(&o->fd);
}

bool logfile_is_bounded(const struct logfile *o)
{
	return o->fd >= 0 && o->is_regular && o->max_bytes != NUM_NONE;
}

/* The front cannot be freed alone. */
static void start_over(struct logfile *o)
{
	BUF(line, 160);

	if (os_file_truncate(o->fd, 0) < 0)
		return;
	o->from = o->freed = 0;
	buf_str(&line, "spawnguard: what stood here was more than ");
	num_format_size(&line, o->max_bytes);
	buf_str(&line, ", and is gone: this file system frees files only as a whole\n");
	(void)os_fd_write(o->fd, line.at, line.len);
	o->size = line.len;
}

uint64_t logfile_trim(struct logfile *o)
{
	struct os_file_id id;

	if (os_file_id(o->fd, &id) < 0)
		return 0;
	if (id.size < o->size) { /* the job, or its user, has cut it */
		o->size = 0;
		o->freed = o->freed < id.size ? o->freed : 0;
		o->from = o->from < id.size ? o->from : 0;
	}
	uint64_t grown = id.size - o->size;
	o->size = id.size;
	if (id.size <= o->max_bytes)
		return grown;
	uint64_t to = (id.size - o->max_bytes) / PAGE_BYTES * PAGE_BYTES;
	if (to <= o->freed)
		return grown;
	int r = os_hole_punch(o->fd, o->freed, to);
	if (r == 0)
		o->freed = to;
	else if (r == -EOPNOTSUPP || r == -ENOSYS)
		start_over(o);
	return grown;
}

int logfile_remove(int keep_fd, const char *run_id)
{
	char path[LOGFILE_PATH_MAX];

	logfile_path(path, run_id);
	return os_unlink_at(keep_fd, path);
}

/* --- reading it ------------------------------------------------------------------------------------------
 */

static bool is_own_path(const char *path, const char *own)
{
	size_t n = strlen(path), end = strlen(own);

	if (n < end || strcmp(path + n - end, own) != 0)
		return false;
	return n == end || path[n - end - 1] == '/';
}

static int open_to_read(int keep_fd, const char *run_id, const char *path)
{
	char own[LOGFILE_PATH_MAX];

	logfile_path(own, run_id);
	int fd = is_own_path(path, own) ? os_open_at(keep_fd, own, OS_READ, 0) : -ENOENT;
	return fd == -ENOENT && path[0] == '/' ? os_open_user(path, OS_READ, 0) : fd;
}

int logfile_open_to_read(int keep_fd, const char *run_id, const char *path)
{
	struct os_file_id id;

	AUTO_FD int fd = open_to_read(keep_fd, run_id, path);
	int r = fd < 0 ? fd : os_file_id(fd, &id);
	if (r == 0 && !id.is_regular)
		r = -EINVAL;
	return r < 0 ? r : os_fd_steal(&fd);
}

ssize_t logfile_read(int fd, uint64_t *at, void *bytes, size_t n)
{
	for (;;) {
		int64_t data = os_hole_next_data(fd, *at);
		if (data < 0)
			return data;
		if ((uint64_t)data < *at)
			return -ERANGE;
		*at = (uint64_t)data;
		ssize_t got = os_fd_pread(fd, bytes, n, *at);
		if (got <= 0)
			return got;
		if (os_hole_next_data(fd, *at) == data)
			return got; /* else it was freed meanwhile, and we may have read zeros */
	}
}

int logfile_find_tail(int fd, uint64_t lines, uint64_t *out_at)
{
	struct os_file_id id;
	char bytes[16384];
	uint64_t seen = 0;

	int r = os_file_id(fd, &id);
	int64_t first = r < 0 ? r : os_hole_next_data(fd, 0);
	if (first < 0)
		return (int)first;
	for (uint64_t at = id.size; at > (uint64_t)first;) {
		size_t n =
			at - (uint64_t)first < sizeof(bytes) ? (size_t)(at - (uint64_t)first) : sizeof(bytes);
		ssize_t got = os_fd_pread(fd, bytes, n, at - n);
		if (got < 0)
			return (int)got;
		for (size_t i = (size_t)got; i-- > 0;) {
			uint64_t next = at - n + i + 1;
			if (bytes[i] != '\n' || next == id.size || ++seen < lines)
				continue;
			*out_at = next;
			return 0;
		}
		at -= n;
	}
	*out_at = (uint64_t)first;
	return 0;
}
