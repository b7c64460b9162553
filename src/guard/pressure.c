#include "guard/pressure.h"

#include <string.h>

#include "base/num.h"
#include "conf/job.h"
#include "core/detect.h"
#include "guard/warden.h"
#include "os/epoll.h"
#include "os/fd.h"
#include "os/proc.h"
#include "os/psi.h"
#include "tree/tree.h"

#define PAGE_BYTES 4096
/* So many wakes within one window each: a descriptor that hangs. */
#define RUSHES_MAX 16
/* Of nice(1): who asked for so much has let others go first. */
#define NICE_YIELDS 10

static const uint32_t tags[] = {
	[PRESSURE_CPU] = FROM_PRESSURE_CPU, [PRESSURE_MEMORY] = FROM_PRESSURE_MEMORY
};

/* Nobody waits any more: each look would go on reading the CPU time of every member. */
static void rest(struct warden *w)
{
	struct pressure_watch *p = &w->pressure;

	if (!p->asks_cpu || w->facts.now_ns - p->woken_ns[PRESSURE_CPU] <= PRESSURE_APART_NS)
		return;
	p->asks_cpu = false;
	w->tree.wants_awhile &= ~(uint32_t)SAMPLE_STAT;
}

void pressure_look(struct warden *w)
{
	struct pressure_watch *p = &w->pressure;

	rest(w);
	if (p->is_tried)
		return;
	p->is_tried = true;
	for (unsigned i = 0; i < PRESSURE_COUNT; i++) {
		const struct pressure_row *row = &pressure_rows[i];
		p->fd[i] = -1;
		if (!(w->run->job->detect & 1U << DETECT_PRESSURE))
			continue;
		p->fd[i] = os_psi_open(row->name, row->trigger_us, PRESSURE_WINDOW_US);
		if (p->fd[i] >= 0 && os_epoll_add_urgent(w->epoll, p->fd[i], tags[i]) < 0)
			os_fd_close(&p->fd[i]); /* it goes on without, as where the kernel has none */
	}
}

static bool is_counted(const struct member *m)
{
	return !(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD));
}

/* Its CPU time since the last wake, of all that the machine had to give. */
static void measure_cpu(struct warden *w, uint64_t since_ns, struct pressure_window *out, struct finding *f)
{
	struct pressure_watch *p = &w->pressure;
	const struct run_figures *figures = warden_figures(w);
	uint64_t total = figures->user_ns + figures->system_ns, was = p->cpu_ns;

	FOR_EACH_MEMBER (&w->tree, m) {
		if (!is_counted(m) || !(m->sample.known & SAMPLE_STAT))
			continue;
		total += m->sample.cpu_ns + m->sample.waited_ns;
		witness_add(f->witness, m->id.pid, m->sample.comm, m->sample.cpu_ns);
	}
	p->cpu_ns = total;
	if (!p->asks_cpu) { /* from now on; the first figure is no difference yet */
		p->asks_cpu = true;
		w->tree.wants_awhile |= SAMPLE_STAT;
		p->cpu_ns = 0;
	} else if (was != 0 && total > was) {
		out->part = total - was;
		out->whole = (out->now_ns - since_ns) * p->cpus;
	}
}

static void measure_memory(struct warden *w, struct pressure_window *out, struct finding *f)
{
	FOR_EACH_MEMBER (&w->tree, m)
		if (is_counted(m) && m->sample.known & SAMPLE_MEMORY)
			witness_add(f->witness, m->id.pid, m->sample.comm, m->sample.rss_bytes);
	out->part = w->tree.rss_pages * PAGE_BYTES;
	out->whole = w->pressure.memory_bytes;
}

void pressure_wake(struct warden *w, enum pressure_id id)
{
	struct pressure_watch *p = &w->pressure;
	struct pressure_window window = { .now_ns = w->facts.now_ns,
					  .is_yielding = id == PRESSURE_CPU &&
							 w->run->job->nice != JOB_INT_NONE &&
							 w->run->job->nice >= NICE_YIELDS };
	struct finding found, measured = { 0 };
	uint64_t since_ns = p->woken_ns[id];

	if (w->ending.stage != STAGE_IDLE || p->fd[id] < 0)
		return;
	p->rushes = window.now_ns - since_ns < PRESSURE_WINDOW_NS / 2 ? p->rushes + 1 : 0;
	if (p->rushes > RUSHES_MAX) {
		(void)os_epoll_remove(w->epoll, p->fd[id]);
		return;
	}
	p->woken_ns[id] = window.now_ns;
	if (freeze_stands(&w->freeze) || os_proc_pressure(pressure_rows[id].name, &window.centi_pct) < 0)
		return;
	if (p->cpus == 0) {
		p->cpus = os_machine_cpus();
		p->memory_bytes = os_machine_memory();
	}
	if (id == PRESSURE_CPU)
		measure_cpu(w, since_ns, &window, &measured);
	else
		measure_memory(w, &window, &measured);
	if (!pressure_judge(&p->state[id], id, &window, &found))
		return;
	found.rule = detect_rows[DETECT_PRESSURE].name;
	memcpy(found.witness, measured.witness, sizeof(found.witness));
	watch_flag(w, &found);
}
