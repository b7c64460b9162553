/* What the tree has written, as guard/io.c adds it up; read by a child that may hang. */
#include <string.h>

#include "base/num.h"
#include "cmd/watch_tree.h"
#include "codec/procfs.h"
#include "os/proc.h"
#include "os/read_apart.h"
#include "tree/facts.h"

#define READ_EVERY_NS NS_PER_S
#define READ_MS       200 /* a read takes 10 us a process; nothing else is looked at meanwhile */
#define PIDS_MAX      1024

struct asked {
	int32_t pid[PIDS_MAX];
	uint64_t serial[PIDS_MAX], written[PIDS_MAX];
	uint32_t n;
};

/* Who waited for it: of an orphan nobody whom we could ask, and so it stays counted. */
static struct written_state *heir_of(struct outside *o, const struct member *m)
{
	struct member *parent = facts_parent(&o->tree, m);

	while (parent && parent->written.is_gone)
		parent = facts_parent(&o->tree, m = parent);
	if (!parent && m->orphaned_ns == 0 && m->depth > 1)
		return NULL;
	return parent ? &parent->written : &o->written.guard;
}

void io_parted(struct outside *o, struct member *m)
{
	if (o->counts_io)
		written_gone(&o->written, &m->written, heir_of(o, m));
}

/* It may have gone after it was asked for and before it was read: then its number may be another's. */
static bool is_there(const struct member *m)
{
	return m->task_fd < 0 || os_proc_threads(m->task_fd) > 0;
}

static void take_one(struct outside *o, struct member *m, uint64_t bytes)
{
	written_begin(&m->written, 0);
	written_read(&o->written, &m->written, bytes);
	m->sample.written_bytes = bytes;
	m->sample.known |= SAMPLE_WRITTEN;
	o->has_io = true;
}

/* Both lists are in the order of first sight. */
static void count(struct outside *o, const struct asked *a)
{
	for (int reads = 0; reads < 2; reads++) {
		uint32_t i = 0;
		FOR_EACH_MEMBER (&o->tree, m) {
			while (i < a->n && a->serial[i] < m->sample.serial)
				i++;
			if (i == a->n)
				break;
			if (!outside_has(o, m) || a->serial[i] != m->sample.serial)
				continue;
			if (!reads && (a->written[i] == OS_IO_GONE || !is_there(m)))
				written_gone(&o->written, &m->written, heir_of(o, m));
			else if (reads && a->written[i] < OS_IO_GONE)
				take_one(o, m, a->written[i]);
		}
	}
	written_end(&o->written);
}

void io_look(struct outside *o)
{
	static struct asked a;
	struct proc_io sum;
	uint64_t after = a.n == PIDS_MAX ? a.serial[PIDS_MAX - 1] : 0; /* of a large tree, the next ones */

	if (!o->counts_io || o->now_ns < o->io_ns)
		return;
	o->io_ns = o->now_ns + READ_EVERY_NS;
	a.n = 0;
	FOR_EACH_MEMBER (&o->tree, m) {
		if (!outside_has(o, m) || m->sample.serial <= after || a.n == PIDS_MAX)
			continue;
		a.pid[a.n] = m->id.pid;
		a.serial[a.n++] = m->sample.serial;
	}
	if (a.n > 0 && os_read_apart_io(a.pid, a.n, READ_MS, a.written, &sum) > 0)
		count(o, &a);
}

uint64_t io_written(const struct outside *o)
{
	return o->has_io ? o->written.total : UINT64_MAX;
}
