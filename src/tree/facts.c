#include "tree/facts.h"

#include <errno.h>
#include <string.h>

#include "codec/procfs.h"
#include "core/detect.h"
#include "os/proc.h"
#include "tree/measure.h"

#define PAGE_BYTES 4096

void facts_memory(struct member *m)
{
	struct sample *s = &m->sample;

	s->depth = m->depth;
	s->known &= ~(uint32_t)SAMPLE_MEMORY;
	if (m->rss_pages == 0) /* it is exiting */
		return;
	s->rss_bytes = m->rss_pages * PAGE_BYTES;
	s->known |= SAMPLE_MEMORY;
}

/* Each reads one fact: 0, or why it is not known. */

static int read_stat(int task_fd, struct sample *s)
{
	struct proc_stat stat;
	char bytes[1024];

	ssize_t n = os_proc_read_beside(task_fd, "stat", bytes, sizeof(bytes));
	int r = n < 0 ? (int)n : procfs_parse_stat(bytes, (size_t)n, &stat);
	if (r < 0)
		return r;
	measure_take_stat(s, &stat);
	return 0;
}

/* The limit changes next to never: asked again when the number of files has changed, or is near it. */
static int read_files(int task_fd, struct sample *s)
{
	char bytes[4096];
	uint64_t soft;

	int files = os_proc_files_beside(task_fd);
	if (files < 0)
		return files;
	bool is_same = s->known & SAMPLE_FDS && s->fds == (uint32_t)files;
	s->fds = (uint32_t)files;
	if (s->fds_max != 0 && is_same && s->fds < s->fds_max / 2)
		return 0;
	ssize_t n = os_proc_read_beside(task_fd, "limits", bytes, sizeof(bytes));
	int r = n < 0 ? (int)n : procfs_parse_file_limit(bytes, (size_t)n, &soft);
	if (r < 0)
		return r;
	s->fds_max = soft > UINT32_MAX ? UINT32_MAX : (uint32_t)soft;
	return 0;
}

static int read_signals(int task_fd, struct sample *s)
{
	struct proc_status status;
	char bytes[4096];

	ssize_t n = os_proc_read_beside(task_fd, "status", bytes, sizeof(bytes));
	int r = n < 0 ? (int)n : procfs_parse_status(bytes, (size_t)n, &status);
	if (r < 0)
		return r;
	s->pending = status.pending_signals | status.shared_signals;
	s->blocked = status.blocked_signals;
	s->caught = status.caught_signals;
	return 0;
}

/* "0" is said of one that runs, and to who may not know: believed of one that runs alone. */
static int read_wchan(int task_fd, struct sample *s)
{
	char bytes[512], name[PROC_WCHAN_MAX];

	ssize_t n = os_proc_read_beside(task_fd, "wchan", bytes, sizeof(bytes));
	int r = n < 0 ? (int)n : procfs_parse_wchan(bytes, (size_t)n, name);
	if (r < 0)
		return r;
	if (r == 0 && !(s->known & SAMPLE_STAT && s->state == 'R'))
		return -EACCES;
	memcpy(s->wchan, name, sizeof(name));
	return 0;
}

static int read_program(int task_fd, struct sample *s)
{
	char path[4096];

	ssize_t n = os_proc_program_beside(task_fd, path, sizeof(path));
	if (n <= 0)
		return n < 0 ? (int)n : -ESRCH; /* a kernel thread has none */
	s->program = detect_program(path, (size_t)n);
	return 0;
}

/* In this order: the state is asked for before where it sleeps. */
static const struct {
	uint32_t fact;
	int (*read)(int task_fd, struct sample *s);
} readers[] = {
	{ SAMPLE_STAT, read_stat },   { SAMPLE_FDS, read_files },       { SAMPLE_SIGNALS, read_signals },
	{ SAMPLE_WCHAN, read_wchan }, { SAMPLE_PROGRAM, read_program },
};

int facts_read(struct member *m, uint32_t wanted)
{
	struct sample *s = &m->sample;

	facts_memory(m);
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!(wanted & readers[i].fact))
			continue;
		int r = m->task_fd < 0 ? -EBADF : readers[i].read(m->task_fd, s);
		if (r == -ESRCH && readers[i].fact == SAMPLE_STAT)
			return -ESRCH;
		s->known = r < 0 ? s->known & ~readers[i].fact : s->known | readers[i].fact;
	}
	return 0;
}

struct member *facts_parent(const struct tree *tree, const struct member *m)
{
	struct member *parent = m->orphaned_ns == 0 && m->ppid > 0 ? tree_find(tree, m->ppid) : NULL;

	/* Its number may be another's by now. */
	return parent && parent->sample.serial == m->sample.parent ? parent : NULL;
}

uint64_t facts_orphaned_ns(const struct tree *tree, const struct member *m)
{
	for (unsigned above = 0; m && above <= UINT16_MAX; above++) {
		if (m->orphaned_ns != 0)
			return m->orphaned_ns;
		m = facts_parent(tree, m);
	}
	return 0;
}
