#include "tree/measure.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "codec/procfs.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/proc.h"
#include "tree/facts.h"
#include "tree/hold.h"

#define TICK_NS (10 * NS_PER_MS) /* USER_HZ is 100 wherever Linux runs */

/* Of a kept file, opened when it is first asked for; -1 = it cannot be had. */
static int kept(struct tree *tree, struct member *m, int *fd, const char *name)
{
	if (*fd == -1 && !tree->starved) {
		*fd = os_proc_open(m->id.pid, name);
		tree->starved = tree->starved || hold_is_starved(*fd);
		if (*fd < 0)
			*fd = -2; /* once: what is refused stays so */
	}
	return *fd;
}

void measure_take_stat(struct sample *s, const struct proc_stat *stat)
{
	s->state = stat->state;
	memcpy(s->comm, stat->comm, sizeof(s->comm) - 1);
	s->threads = (uint32_t)stat->threads;
	s->cpu_ns = (stat->user_ticks + stat->system_ticks) * TICK_NS;
	s->waited_ns = stat->waited_ticks * TICK_NS;
	s->child_faults = stat->child_minor_faults;
}

/* How long it has run, ever; 0 = not known. */
static uint64_t read_ran(struct tree *tree, struct member *m)
{
	char bytes[128];
	uint64_t ran_ns;

	int fd = kept(tree, m, &m->ran_fd, "schedstat");
	ssize_t n = fd < 0 ? fd : os_fd_pread(fd, bytes, sizeof(bytes), 0);
	return n > 0 && procfs_parse_schedstat(bytes, (size_t)n, &ran_ns) == 0 ? ran_ns : 0;
}

bool measure_has_rested(struct tree *tree, struct member *m)
{
	uint64_t was_ns = m->ran_ns;

	if (!((tree->wants | tree->wants_awhile) & SAMPLE_STAT))
		return false;
	m->ran_ns = read_ran(tree, m);
	return was_ns != 0 && m->ran_ns == was_ns && m->sample.known & SAMPLE_STAT && m->sample.threads == 1;
}

static int read_stat(struct tree *tree, struct member *m)
{
	struct sample *s = &m->sample;
	struct proc_stat stat;
	char bytes[1024];

	int fd = kept(tree, m, &m->stat_fd, "stat");
	ssize_t n = fd < 0 ? fd : os_fd_pread(fd, bytes, sizeof(bytes), 0);
	if (n < 0 || procfs_parse_stat(bytes, (size_t)n, &stat) < 0) {
		s->known &= ~(uint32_t)SAMPLE_STAT;
		return n == -ESRCH ? -ESRCH : 0;
	}
	measure_take_stat(s, &stat);
	s->known |= SAMPLE_STAT;
	return 0;
}

/* The size of the directory is the number of its entries (6.2); before, it is 0. */
static void count_files(struct tree *tree, struct member *m)
{
	struct os_file_id id;

	int fd = kept(tree, m, &m->files_fd, "fd");
	if (fd >= 0 && os_file_id(fd, &id) == 0 && id.size > 0) {
		m->sample.fds = (uint32_t)id.size;
		m->sample.known |= SAMPLE_FDS;
	} else {
		m->sample.known &= ~(uint32_t)SAMPLE_FDS;
	}
}

int measure_member(struct tree *tree, struct member *m, bool is_resting)
{
	uint32_t wants = tree->wants | tree->wants_awhile;

	facts_memory(m);
	if (wants & SAMPLE_FDS && !(is_resting && m->sample.known & SAMPLE_FDS && m->files_fd >= 0))
		count_files(tree, m);
	if (is_resting)
		return 0;
	return wants & SAMPLE_STAT ? read_stat(tree, m) : 0;
}
