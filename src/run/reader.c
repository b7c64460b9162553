#include "run/reader.h"

#include <errno.h>

#include "base/buf.h"
#include "base/num.h"
#include "codec/procfs.h"
#include "conf/hook_variable.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/read_apart.h"
#include "spawnguard/exit.h"

#define READ_TIMEOUT_MS 3000 /* a read takes microseconds: only what blocks for ever reaches it */
#define READ_SHORT_MS   100  /* of those behind such a one, who may be as many as they like */
#define EXEC_NAP_MAX_MS 512  /* 1 + 2 + 4 ...: a second in all; it takes one that has the processor 0.1 ms */
#define EXEC_SHORT_MS   32   /* the same, behind others that took long */
#define FORK_NAP_MAX_MS 4    /* each process there is costs that much at the limit of processes */

/* How long a reader may sleep. */
static int asleep_ms(const struct reader_patience *p)
{
	return p->waited_ms + READ_SHORT_MS < READ_TIMEOUT_MS ? (int)(READ_TIMEOUT_MS - p->waited_ms)
							      : READ_SHORT_MS;
}

static uint32_t nap_max_ms(const struct reader_patience *p)
{
	return p->waited_ms < READ_TIMEOUT_MS ? EXEC_NAP_MAX_MS : EXEC_SHORT_MS;
}

/*
 * Nothing was read of it.  An exec gives up the old memory before the new has
 * its environment, an end gives up all of it: that is no process without one.
 */
static int judge_nothing(pid_t pid)
{
	struct proc_stat stat;
	struct proc_environ place;

	if (os_proc_stat(pid, &stat) < 0 || (stat.flags & PROC_EXITING))
		return -ESRCH;
	if ((stat.flags & PROC_KERNEL) || os_proc_environ(pid, &place) < 0)
		return 0;
	return place.start != 0 && place.start == place.end ? 0 : -EAGAIN;
}

/* The environment is of the process, not of the thread that leads it. */
struct thread_search {
	const struct reader_patience *patience;
	pid_t leader;
	const struct buf *word;
	int answer;
};

static int find_in_thread(void *with, const char *name)
{
	struct thread_search *s = with;
	BUF(path, 64);

	buf_str(&path, "/proc/");
	buf_u64(&path, (uint64_t)s->leader);
	buf_str(&path, "/task/");
	buf_str(&path, name);
	buf_str(&path, "/environ");
	int r = os_read_apart_find_soon(path.at, s->word->at, s->word->len, asleep_ms(s->patience),
					READ_TIMEOUT_MS);
	/* Those of the leader, and of one that ends now. */
	if (r != -ENODATA && r != -ENOENT && r != -ESRCH && r != -EACCES)
		s->answer = r;
	return s->answer != -ESRCH;
}

/* The leader has ended before the others: what none of them tells is of nobody any more. */
static int find_in_threads(const struct reader_patience *p, pid_t pid, const struct buf *word)
{
	struct thread_search s = { .patience = p, .leader = pid, .word = word, .answer = -ESRCH };
	AUTO_FD int task = os_proc_open(pid, "task");

	if (task >= 0)
		(void)os_dir_each(task, find_in_thread, &s); /* what was read of it stands */
	return s.answer;
}

static bool is_zombie(pid_t pid)
{
	struct proc_stat stat;
	return os_proc_stat(pid, &stat) < 0 || stat.state == 'Z';
}

static bool has_only_threads(pid_t pid)
{
	struct proc_stat stat;
	return os_proc_stat(pid, &stat) == 0 && stat.state == 'Z' && !procfs_has_ended(&stat);
}

static int find(const struct reader_patience *p, pid_t pid, const char *path, const struct buf *word)
{
	for (uint32_t nap_ms = 1;; nap_ms *= 2) {
		int r = os_read_apart_find_soon(path, word->at, word->len, asleep_ms(p), READ_TIMEOUT_MS);
		if (r == -ENOENT)
			return -ESRCH;
		/* Once its first thread has ended its own file is root's to open. */
		bool is_nothing = r == -ENODATA || r == -ESRCH || (r == -EACCES && is_zombie(pid));
		if (is_nothing && has_only_threads(pid))
			r = find_in_threads(p, pid, word);
		else if (is_nothing)
			r = judge_nothing(pid);
		uint32_t max_ms = r == -EAGAIN ? nap_max_ms(p) : r == -ENOMEM ? FORK_NAP_MAX_MS : 0;
		if (nap_ms > max_ms)
			return r;
		os_clock_sleep_ms(nap_ms);
	}
}

static int has_mark(const struct reader_patience *p, pid_t pid, const char *run_id)
{
	BUF(path, 40);
	BUF(word, 128);

	buf_str(&path, "/proc/");
	buf_u64(&path, (uint64_t)pid);
	buf_str(&path, "/environ");
	buf_str(&word, SG_ENV_RUN_ID "=");
	buf_str(&word, run_id);
	int r = find(p, pid, path.at, &word);
	/* A hook of the run, and what it left, are none of its tree: they say at what event they were born.
	 */
	for (unsigned i = 0; r == 1 && i < HOOK_COUNT; i++) {
		buf_clear(&word);
		buf_str(&word, hook_variables[VARIABLE_EVENT].name);
		buf_char(&word, '=');
		buf_str(&word, hook_event_name((enum hook_event)i));
		int found = find(p, pid, path.at, &word);
		if (found != 0)
			r = found == 1 ? 0 : found;
	}
	return r;
}

static bool is_stuck(const struct reader_patience *p, pid_t pid, uint64_t start_ticks)
{
	for (uint32_t i = 0; i < p->stuck_count; i++)
		if (p->stuck[i].pid == pid && p->stuck[i].start_ticks == start_ticks)
			return true;
	return false;
}

int reader_has_mark(struct reader_patience *p, pid_t pid, uint64_t start_ticks, const char *run_id)
{
	uint64_t began_ns = os_clock_boot_ns();

	if (start_ticks != 0 && is_stuck(p, pid, start_ticks))
		return -ETIMEDOUT;
	int r = has_mark(p, pid, run_id);
	if (r == -ETIMEDOUT || r == -EAGAIN)
		p->waited_ms += (uint32_t)((os_clock_boot_ns() - began_ns) / NS_PER_MS);
	if (r == -ETIMEDOUT && start_ticks != 0 && p->stuck_count < READER_STUCK_MAX) {
		p->stuck[p->stuck_count].pid = pid;
		p->stuck[p->stuck_count++].start_ticks = start_ticks;
	}
	return r;
}

/* --- memory --------------------------------------------------------------------------------------------- */

void reader_choose(struct reader_process *list, uint32_t *n, uint32_t max, uint64_t *least,
		   const struct reader_process *p)
{
	uint64_t bytes = p->rss_bytes;
	uint32_t at = *n;

	if (*n == max) {
		uint64_t last = list[max - 1].rss_bytes;
		uint64_t out = bytes > last ? last : bytes;
		*least = out > *least ? out : *least;
		if (bytes <= last)
			return;
		at--;
	} else {
		++*n;
	}
	for (; at > 0 && list[at - 1].rss_bytes < bytes; at--)
		list[at] = list[at - 1];
	list[at] = *p;
}

void reader_add(struct reader_shares *shares, const struct reader_memory *word)
{
	if (!word->is_read)
		return;
	shares->n++;
	shares->rss_bytes += word->asked_bytes;
	shares->pss_bytes += word->pss_bytes;
	witness_add(shares->most, word->pid, (const char[16]){ 0 }, word->pss_bytes);
}

struct list {
	const struct reader_process *process;
	uint32_t n;
};

/* The start is asked for last: what was read before is of the process that we mean, or of nobody. */
static bool read_memory(const struct reader_process *p, struct proc_memory *out_memory)
{
	char bytes[4096];
	struct proc_stat stat;

	AUTO_FD int fd = os_proc_open(p->pid, "smaps_rollup");
	if (fd < 0)
		return false;
	ssize_t n = os_fd_pread(fd, bytes, sizeof(bytes), 0);
	if (n <= 0 || procfs_parse_memory(bytes, (size_t)n, out_memory) < 0)
		return false;
	return p->start_ticks == 0 ||
	       (os_proc_stat(p->pid, &stat) == 0 && stat.start_ticks == p->start_ticks);
}

static void read_list(int out, const void *with)
{
	const struct list *list = with;

	for (uint32_t i = 0; i < list->n; i++) {
		struct proc_memory memory = { 0 };
		struct reader_memory word = { .pid = list->process[i].pid,
					      .asked_bytes = list->process[i].rss_bytes };
		word.is_read = read_memory(&list->process[i], &memory);
		word.pss_bytes = memory.pss_bytes;
		if (os_fd_write(out, &word, sizeof(word)) < 0)
			return;
	}
}

pid_t reader_begin_memory(const struct reader_process *process, uint32_t n, int timeout_ms, int *out_fd)
{
	const struct list list = { process, n };
	return os_read_apart_begin(read_list, &list, timeout_ms, out_fd);
}
