#include "store/breaker.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/word.h"
#include "core/attempts_text.h"
#include "core/budget_text.h"
#include "core/circuit_text.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/proc.h"
#include "store/lock.h"
#include "store/statedir.h"

#define DIRECTORY "breaker"
#define LOCKS     "locks/breaker"
#define TEXT_BASE (BUDGET_TEXT_MAX + CIRCUIT_TEXT_MAX + 4096)
#define TEXT_MAX  (TEXT_BASE + ATTEMPTS_TEXT_MAX)
#define USUAL_MAX 8192 /* what a reader needs no memory for */
#define AGAIN_MS  2

/* "DIRECTORY/NAME" and a suffix that no encoded name has. 0, -EINVAL, -ENAMETOOLONG. */
static int path_of(struct buf *path, const char *directory, const char *job, const char *suffix)
{
	char name[ESCAPE_NAME_MAX + 1];

	int r = escape_name(job, name);
	if (r < 0)
		return r;
	buf_str(path, directory);
	buf_char(path, '/');
	buf_str(path, name);
	buf_str(path, suffix);
	return path->cut ? -ENAMETOOLONG : 0;
}

static int need_directory(int dirfd, const char *name, struct fail *fail)
{
	struct os_file_id id;

	int r = os_mkdir_at(dirfd, name, 0700);
	if (r == 0 || r == -EEXIST)
		r = os_file_id_at(dirfd, name, &id);
	if (r == 0 && !id.is_own_private_dir)
		r = -EPERM;
	return r < 0 ? fail_set(fail, -r, "make directory", name) : 0;
}

/* Before there is one: a start does not look for what nobody has made. */
static void tell_that_it_is(const struct statedir *dir, const char *job)
{
	char path[LOCK_PATH_MAX];
	struct lockinfo info;

	if (lock_path(job, path) < 0)
		return;
	AUTO_FD int fd = lockinfo_open(dir->run_fd, path, true);
	if (fd >= 0 && lockinfo_read(fd, &info) == 0 && !info.has_breaker)
		(void)lockinfo_write_breaker(fd, true);
}

int breaker_lock(const struct statedir *dir, const char *job, uint32_t wait_ms, struct fail *fail)
{
	BUF(path, LOCK_PATH_MAX);

	int r = path_of(&path, LOCKS, job, "");
	if (r < 0)
		return fail_set(fail, -r, "lock", job);
	r = lock_try(dir->run_fd, path.at, false, fail);
	if (r == -ENOENT && (r = need_directory(dir->run_fd, LOCKS, fail)) == 0)
		r = lock_try(dir->run_fd, path.at, false, fail);
	for (uint32_t waited = 0; r == -EWOULDBLOCK && waited < wait_ms; waited += AGAIN_MS) {
		os_clock_sleep_ms(AGAIN_MS);
		r = lock_try(dir->run_fd, path.at, false, fail);
	}
	if (r >= 0)
		tell_that_it_is(dir, job);
	return r;
}

struct breaker_time breaker_now_on(const struct host_id *here)
{
	struct breaker_time now = { .time_namespace = here->time_ns,
				    .boot_ns = os_clock_boot_ns(),
				    .wall_ns = os_clock_wall_ns() };

	memcpy(now.boot_id, here->boot_id, sizeof(now.boot_id));
	return now;
}

struct breaker_time breaker_now(void)
{
	struct host_id here;

	os_host_id(-1, &here);
	return breaker_now_on(&here);
}

/* "inputs PATHS FACTS". 1, 0: of another kind, -EBADMSG. */
static int parse_inputs(struct breaker_inputs *out, const char *line, size_t n)
{
	const char *at = line, *end = line + n;
	char word[8];

	if (!word_take(&at, end, word, sizeof(word)) || strcmp(word, "inputs") != 0)
		return 0;
	return word_take_u64(&at, end, &out->paths) && word_take_u64(&at, end, &out->facts) && at == end
		       ? 1
		       : -EBADMSG;
}

static int parse(const char *text, size_t n, const struct breaker_time *now, struct breaker *out)
{
	struct breaker_time then;
	struct breaker_lines lines;
	const char *line;

	int r = breaker_parse(text, n, &then, &lines);
	while (r >= 0 && (line = breaker_next_line(&lines, &n)))
		if ((r = budget_text_parse(&out->budgets, line, n)) == 0 &&
		    (r = circuit_text_parse(&out->circuit, line, n)) == 0 &&
		    (r = attempts_text_parse(&out->attempts, line, n)) == 0)
			r = parse_inputs(&out->inputs, line, n);
	if (r < 0)
		return r;
	uint64_t passed_ns = breaker_passed(&then, now);
	budgets_pass(&out->budgets, passed_ns);
	circuit_pass(&out->circuit, passed_ns);
	attempts_pass(&out->attempts, passed_ns);
	out->is_of_other_boot = !breaker_is_same_boot(&then, now);
	return 0;
}

/* Places of budgets and attempts beyond their count are not looked at: pages that stay untouched. */
static void clear(struct breaker *b)
{
	b->budgets.count = b->attempts.count = b->attempts.task_count = 0;
	memset(&b->inputs, 0, sizeof(b->inputs));
	b->is_of_other_boot = false;
	memset(&b->circuit, 0, sizeof(b->circuit));
}

int breaker_read(int keep_fd, const char *job, uid_t owner, const struct breaker_time *now,
		 struct breaker *out_breaker)
{
	struct os_file_id id;
	BUF(path, LOCK_PATH_MAX);

	clear(out_breaker);
	int r = path_of(&path, DIRECTORY, job, "");
	if (r < 0)
		return r;
	AUTO_FD int fd = os_open_at(keep_fd, path.at, O_RDONLY, 0);
	if (fd < 0) /* a link, a directory, a socket in its place */
		return fd == -ELOOP || fd == -EISDIR || fd == -ENXIO ? -EBADMSG : fd;
	r = os_file_id(fd, &id);
	if (r == 0 && (!id.is_single_regular || id.uid != owner || id.size > TEXT_MAX))
		r = -EBADMSG;
	if (r < 0)
		return r;
	char usual[USUAL_MAX]; /* replaced as a whole, never written to: its size stays */
	AUTO_FREE char *large = id.size > USUAL_MAX ? malloc(id.size) : NULL;
	if (id.size > USUAL_MAX && !large)
		return -ENOMEM;
	char *text = large ? large : usual;
	ssize_t n = os_fd_pread(fd, text, id.size, 0);
	r = n < 0 ? (int)n : parse(text, (size_t)n, now, out_breaker);
	if (r < 0)
		clear(out_breaker);
	return r;
}

static int put(int keep_fd, const char *path, const char *temp, const struct buf *text)
{
	(void)os_unlink_at(keep_fd, temp); /* of one that was killed: we have the lock */
	AUTO_FD int fd = os_open_at(keep_fd, temp, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return fd;
	int r = os_fd_pwrite(fd, text->at, text->len, 0);
	if (r == 0)
		r = os_rename_at(keep_fd, temp, path);
	if (r < 0)
		(void)os_unlink_at(keep_fd, temp);
	return r;
}

int breaker_write(int keep_fd, const char *job, const struct breaker_time *now, const struct breaker *breaker,
		  struct fail *fail)
{
	const size_t size = TEXT_BASE + attempts_text_size(&breaker->attempts);
	AUTO_FREE char *bytes = malloc(size);
	BUF(path, LOCK_PATH_MAX);
	BUF(temp, LOCK_PATH_MAX);
	struct buf text;

	int r = path_of(&path, DIRECTORY, job, "");
	if (r == 0)
		r = path_of(&temp, DIRECTORY, job, ".new");
	if (r == 0 && !bytes)
		r = -ENOMEM;
	if (r < 0)
		return fail_set(fail, -r, "write", path.at);
	buf_init(&text, bytes, size);
	breaker_format_begin(&text, now);
	budget_text_format(&text, &breaker->budgets);
	circuit_text_format(&text, &breaker->circuit);
	attempts_text_format(&text, &breaker->attempts);
	if (breaker->inputs.paths != 0) {
		buf_str(&text, "inputs ");
		buf_u64(&text, breaker->inputs.paths);
		buf_char(&text, ' ');
		buf_u64(&text, breaker->inputs.facts);
		buf_char(&text, '\n');
	}
	breaker_format_end(&text);
	r = text.cut ? -EFBIG : put(keep_fd, path.at, temp.at, &text);
	if (r == -ENOENT) {
		r = need_directory(keep_fd, DIRECTORY, fail);
		if (r < 0)
			return r;
		r = put(keep_fd, path.at, temp.at, &text);
	}
	return r < 0 ? fail_set(fail, -r, "write", path.at) : 0;
}

int breaker_quarantine(int keep_fd, const char *job, struct fail *fail)
{
	BUF(from, LOCK_PATH_MAX);
	BUF(to, LOCK_PATH_MAX);

	int r = path_of(&from, DIRECTORY, job, "");
	if (r == 0)
		r = path_of(&to, DIRECTORY, job, ".bad");
	if (r == 0)
		r = os_rename_at(keep_fd, from.at, to.at);
	return r < 0 ? fail_set(fail, -r, "put aside", from.at) : 0;
}
