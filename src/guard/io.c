#include "guard/io.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/num.h"
#include "guard/alive.h"
#include "guard/pair.h"
#include "guard/warden.h"
#include "os/link.h"
#include "os/proc.h"
#include "os/read_apart.h"
#include "tree/facts.h"
#include "tree/tree.h"

#define READ_EVERY_NS NS_PER_S
#define ANSWER_NS     (5 * NS_PER_S)
#define READ_MS       200 /* a read takes 10 µs a process */

static_assert(IO_PIDS_MAX == PAIR_PIDS_MAX, "one answer for each");

bool io_is_counted(const struct job *job)
{
	const struct limit_bound *b = &job->limit[LIMIT_IO];

	return b->soft.at != LIMIT_NONE || b->hard.at != LIMIT_NONE || job->record_samples ||
	       job->yield.kind == YIELD_WRITTEN;
}

void io_note_job(struct run *run)
{
	struct proc_io io;

	run->job_written = os_read_own_io(&io) == 0 ? io.written : IO_UNKNOWN;
}

void io_init(struct warden *w)
{
	w->io.counts = io_is_counted(w->run->job);
}

/* Who waited for it; one of the tree may have adopted it, as a guard within does. */
static struct written_state *heir_of(struct warden *w, const struct member *m)
{
	struct member *parent = facts_parent(&w->tree, m);

	while (parent && parent->written.is_gone)
		parent = facts_parent(&w->tree, m = parent);
	if (!parent && m->orphaned_ns == 0 && m->depth > 1)
		return NULL;
	if (!parent && w->tree.init > 0)
		parent = tree_find(&w->tree, w->tree.init);
	return parent && !(parent->flags & MEMBER_ROOT) ? &parent->written : &w->io.written.guard;
}

/* What it had written when it became one of the tree: only the job has lived before, as a copy of us. */
static uint64_t before(const struct warden *w, const struct member *m)
{
	return m->flags & MEMBER_JOB && w->run->job_written != IO_UNKNOWN ? w->run->job_written : 0;
}

static void leave(struct warden *w, struct member *m)
{
	written_begin(&m->written, before(w, m));
	written_gone(&w->io.written, &m->written, heir_of(w, m));
}

void io_parted(struct warden *w, struct member *m)
{
	if (w->io.counts)
		leave(w, m);
}

/* It may have gone after it was asked for and before it was read: then its number may be another's. */
static bool is_there(const struct member *m)
{
	return m->task_fd < 0 || os_proc_threads(m->task_fd) > 0;
}

/* The first process of the job's own PID namespace waits for its orphans. */
static bool is_asked_for(const struct member *m)
{
	return !(m->flags & (MEMBER_ROOT | MEMBER_DEAD));
}

bool io_ask(struct warden *w, bool from_start)
{
	struct io_watch *io = &w->io;
	uint64_t after = from_start || io->n < IO_PIDS_MAX ? 0 : io->serial[io->n - 1];
	struct pair_message m;
	struct proc_io own;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_READ_IO;
	io->n = 0;
	io->is_first = after == 0;
	/* Whoever may become an heir is read first: what is between then and now is missed, not counted
	 * twice. */
	FOR_EACH_MEMBER (&w->tree, member)
		if (io->counts && member->flags & MEMBER_DEAD) /* waited for since the last walk */
			leave(w, member);
	if (io->counts)
		io->waited = os_read_waited_io(&own) == 0 ? own.written : IO_UNKNOWN;
	FOR_EACH_MEMBER (&w->tree, member) {
		if (!is_asked_for(member) || member->sample.serial <= after || io->n == IO_PIDS_MAX)
			continue;
		m.pid[io->n] = member->id.pid;
		io->serial[io->n++] = member->sample.serial;
	}
	io->next_ns = w->facts.now_ns + READ_EVERY_NS;
	if (io->n == 0 || os_link_send(w->link, &m, PAIR_HEAD_BYTES + io->n * sizeof(m.pid[0])) < 0)
		return false;
	io->asked_ns = w->facts.now_ns;
	return true;
}

void io_look(struct warden *w)
{
	struct io_watch *io = &w->io;

	if (!io->counts)
		return;
	if (io->asked_ns != 0 && w->facts.now_ns >= io->asked_ns + ANSWER_NS)
		io->asked_ns = 0; /* it does not come any more */
	if (io->asked_ns == 0 && w->facts.now_ns >= io->next_ns)
		(void)io_ask(w, false);
}

static void take_one(struct warden *w, struct member *m, uint64_t bytes)
{
	uint64_t first = before(w, m);

	written_begin(&m->written, first);
	written_read(&w->io.written, &m->written, bytes);
	m->sample.written_bytes = bytes > first ? bytes - first : 0;
	m->sample.known |= SAMPLE_WRITTEN;
	w->io.has_count = true;
}

/* Both lists are in the order of first sight. */
static void count(struct warden *w, const uint64_t *written)
{
	struct io_watch *io = &w->io;

	for (int reads = 0; reads < 2; reads++) {
		uint32_t i = 0;
		if (reads && io->waited != IO_UNKNOWN)
			written_read(&io->written, &io->written.guard, io->waited);
		FOR_EACH_MEMBER (&w->tree, m) {
			while (i < io->n && io->serial[i] < m->sample.serial)
				i++;
			if (i == io->n)
				break;
			if (!is_asked_for(m) || io->serial[i] != m->sample.serial)
				continue;
			if (!reads && (written[i] == IO_GONE || !is_there(m)))
				leave(w, m);
			else if (reads && written[i] < IO_GONE)
				take_one(w, m, written[i]);
		}
	}
	written_end(&io->written);
}

void io_hear(struct warden *w, const struct pair_message *m)
{
	w->io.asked_ns = 0;
	if (w->io.counts && m->number > 0)
		count(w, m->io.written);
	if (w->io.is_first)
		alive_hear(w, m);
}

uint64_t io_written(const struct warden *w)
{
	return w->io.has_count ? w->io.written.total : IO_UNKNOWN;
}

/* All that is not left alone has been waited for, with or without a walk since. */
void io_finish(struct warden *w)
{
	struct written_count *sum = &w->io.written;
	struct proc_io own;

	if (!io_is_counted(w->run->job) || os_read_waited_io(&own) < 0)
		return;
	if (!w->has_tree && w->run->job_written != IO_UNKNOWN) /* over before it was looked at */
		written_begin(&sum->guard, w->run->job_written);
	if (w->has_tree)
		FOR_EACH_MEMBER (&w->tree, m)
			if (!(m->flags & MEMBER_ROOT) &&
			    (m->flags & MEMBER_DEAD || m->task_fd < 0 || !is_there(m)))
				leave(w, m);
	written_read(sum, &sum->guard, own.written);
	w->io.has_count = true;
}

/* A process that is becoming another program makes whoever reads it wait: not for longer than nobody would
 * notice. */
void io_answer(const struct pair_message *asked, size_t n, int link)
{
	struct pair_message m;
	size_t count = n / sizeof(asked->pid[0]);

	memset(&m, 0, PAIR_HEAD_BYTES);
	memset(&m.io.sum, 0, sizeof(m.io.sum));
	m.kind = PAIR_IO;
	m.number = os_read_apart_io(asked->pid, count, READ_MS, m.io.written, &m.io.sum);
	if (m.number < 0)
		count = 0;
	(void)os_link_send(link, &m,
			   PAIR_HEAD_BYTES + offsetof(struct io_answer, written) +
				   count * sizeof(m.io.written[0]));
}
