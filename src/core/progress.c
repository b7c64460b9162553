#include "core/progress.h"

#define NEVER UINT64_MAX

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? NEVER : sum;
}

static bool is_starting(const struct progress *p)
{
	return p->start_due_ns != NEVER && p->ready_at_ns == 0;
}

void progress_begin(struct progress *p, uint64_t now_ns, const struct progress_signs *at)
{
	p->ready_at_ns = 0;
	p->start_due_ns = add(now_ns, p->start_ns);
	p->life_ns = p->beat_at_ns = now_ns;
	p->looked_ns = p->io_looked_ns = 0;
	p->written = PROGRESS_UNKNOWN;
	p->period_ns = p->beat_ns;
	p->cpu_spent_ns = 0;
	p->last = *at;
	p->held = 0;
	p->held_ns = 0;
}

bool progress_is_asked(const struct progress *p)
{
	return p->start_ns != NEVER || p->idle_ns != NEVER || p->beat_ns != NEVER;
}

void progress_ready(struct progress *p, uint64_t now_ns)
{
	if (p->ready_at_ns != 0)
		return;
	bool was_starting = is_starting(p);
	p->ready_at_ns = now_ns;
	if (was_starting) /* the others begin now */
		p->life_ns = p->beat_at_ns = now_ns;
}

void progress_beat(struct progress *p, uint64_t now_ns)
{
	p->beat_at_ns = now_ns;
}

void progress_set_period(struct progress *p, uint64_t period_ns)
{
	p->period_ns = period_ns < p->beat_ns ? period_ns : p->beat_ns;
}

void progress_extend(struct progress *p, uint64_t now_ns, uint64_t by_ns)
{
	uint64_t due_ns = add(now_ns, by_ns);
	if (is_starting(p) && due_ns > p->start_due_ns)
		p->start_due_ns = due_ns == NEVER ? NEVER - 1 : due_ns;
}

void progress_trigger(struct progress *p)
{
	if (p->beat_ns != NEVER && !is_starting(p))
		p->period_ns = 0;
}

void progress_hold(struct progress *p, enum progress_holder who, uint64_t now_ns)
{
	if (p->held == 0)
		p->held_ns = now_ns;
	p->held |= (uint32_t)who;
}

void progress_go_on(struct progress *p, enum progress_holder who, uint64_t now_ns)
{
	bool was_held = p->held != 0;

	p->held &= ~(uint32_t)who;
	if (!was_held || p->held != 0 || now_ns <= p->held_ns)
		return;
	uint64_t stood_ns = now_ns - p->held_ns;
	if (is_starting(p))
		p->start_due_ns = add(p->start_due_ns, stood_ns);
	p->life_ns = add(p->life_ns, stood_ns);
	p->beat_at_ns = add(p->beat_at_ns, stood_ns);
}

/* Has it risen?  What was not known before says nothing of since when. */
static bool has_risen(uint64_t now, uint64_t before)
{
	return now != PROGRESS_UNKNOWN && before != PROGRESS_UNKNOWN && now > before;
}

static bool has_worked(struct progress *p, uint64_t now_ns, uint64_t cpu_ns)
{
	if (has_risen(cpu_ns, p->last.cpu_ns))
		p->cpu_spent_ns = add(p->cpu_spent_ns, cpu_ns - p->last.cpu_ns);
	uint64_t share_ns = (now_ns > p->life_ns ? now_ns - p->life_ns : 0) / PROGRESS_CPU_SHARE;
	return p->cpu_spent_ns >= PROGRESS_CPU_LEAST_NS && p->cpu_spent_ns >= share_ns;
}

static void keep(uint64_t *last, uint64_t now)
{
	if (now != PROGRESS_UNKNOWN)
		*last = now;
}

void progress_look(struct progress *p, uint64_t now_ns, const struct progress_signs *signs)
{
	bool is_output = has_risen(signs->output_bytes, p->last.output_bytes);
	bool is_alive = has_worked(p, now_ns, signs->cpu_ns) || is_output ||
			has_risen(signs->io_bytes, p->last.io_bytes);

	keep(&p->last.output_bytes, signs->output_bytes);
	keep(&p->last.cpu_ns, signs->cpu_ns);
	keep(&p->last.io_bytes, signs->io_bytes);
	p->looked_ns = now_ns;
	if (is_alive) {
		p->life_ns = now_ns;
		p->cpu_spent_ns = 0;
	}
	if (is_output && p->is_ready_by_output)
		progress_ready(p, now_ns);
}

/* The first deadline of those that run, and whose it is. */
static enum progress_clock first(const struct progress *p, uint64_t *out_due_ns)
{
	*out_due_ns = NEVER;
	if (p->held != 0)
		return PROGRESS_NONE;
	if (is_starting(p)) {
		*out_due_ns = p->start_due_ns;
		return PROGRESS_START;
	}
	uint64_t idle_ns = add(p->life_ns, p->idle_ns), beat_ns = add(p->beat_at_ns, p->period_ns);
	*out_due_ns = idle_ns <= beat_ns ? idle_ns : beat_ns;
	if (*out_due_ns == NEVER)
		return PROGRESS_NONE;
	return idle_ns <= beat_ns ? PROGRESS_IDLE : PROGRESS_BEAT;
}

void progress_io(struct progress *p, uint64_t now_ns, uint64_t written, uint64_t io_bytes)
{
	bool is_output = p->is_output_written && has_risen(written, p->written);

	if (is_output || has_risen(written, p->written) || has_risen(io_bytes, p->last.io_bytes)) {
		p->life_ns = now_ns;
		p->cpu_spent_ns = 0;
	}
	keep(&p->written, written);
	keep(&p->last.io_bytes, io_bytes);
	p->io_looked_ns = now_ns;
	if (is_output && p->is_ready_by_output)
		progress_ready(p, now_ns);
}

/* Has this clock been judged by all there is to know? */
static bool is_io_known(const struct progress *p, enum progress_clock clock, uint64_t due_ns)
{
	if (!p->needs_io || clock == PROGRESS_BEAT || (clock == PROGRESS_START && !p->is_ready_by_output))
		return true;
	return p->io_looked_ns >= due_ns;
}

bool progress_wants_io(const struct progress *p, uint64_t now_ns)
{
	uint64_t due_ns;
	enum progress_clock clock = first(p, &due_ns);

	return clock != PROGRESS_NONE && now_ns >= due_ns && !is_io_known(p, clock, due_ns);
}

bool progress_wants_look(const struct progress *p, uint64_t now_ns)
{
	uint64_t due_ns;
	enum progress_clock clock = first(p, &due_ns);

	return clock != PROGRESS_NONE && now_ns >= due_ns && p->looked_ns < due_ns;
}

enum progress_clock progress_due(const struct progress *p, uint64_t now_ns)
{
	uint64_t due_ns;
	enum progress_clock clock = first(p, &due_ns);

	return now_ns >= due_ns && p->looked_ns >= due_ns && is_io_known(p, clock, due_ns) ? clock
											   : PROGRESS_NONE;
}

uint64_t progress_next(const struct progress *p)
{
	uint64_t due_ns;

	(void)first(p, &due_ns);
	return due_ns;
}
