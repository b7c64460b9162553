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
