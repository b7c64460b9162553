#include "core/limit.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"

#define BIT(id) (1U << (id))

/* clang-format off */
const struct limit_row limit_rows[] = {
	[LIMIT_PROCS]      = { "max-procs",      UNIT_NUMBER,   "processes" },
	[LIMIT_THREADS]    = { "max-threads",    UNIT_NUMBER,   "threads" },
	[LIMIT_DEPTH]      = { "max-depth",      UNIT_NUMBER,   "generations" },
	[LIMIT_SPAWN_RATE] = { "max-spawn-rate", UNIT_RATE,     "births" },
	[LIMIT_RSS]        = { "max-rss",        UNIT_BYTES,    "memory of one process" },
	[LIMIT_TREE_MEM]   = { "max-tree-mem",   UNIT_BYTES,    "memory" },
	[LIMIT_GROWTH]     = { "max-growth",     UNIT_GROWTH,   "growth" },
	[LIMIT_CPU]        = { "max-cpu",        UNIT_CPU_TIME, "CPU time" },
	[LIMIT_FDS]        = { "max-fds",        UNIT_NUMBER,   "open files of one process" },
	[LIMIT_IO]         = { "max-io",         UNIT_BYTES,    "written" },
	[LIMIT_OUTPUT]     = { "max-output",     UNIT_BYTES,    "output" },
};
/* clang-format on */
static_assert(COUNT_OF(limit_rows) == LIMIT_COUNT, "one row for each limit");
static_assert(LIMIT_COUNT <= 32, "a bit for each limit");

static const struct limit_value *bound_of(const struct limits *l, enum limit_id id, unsigned hard)
{
	return hard ? &l->bound[id].hard : &l->bound[id].soft;
}

bool limits_are_set(const struct limit_bound bound[LIMIT_COUNT])
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		if (bound[i].soft.at != LIMIT_NONE || bound[i].hard.at != LIMIT_NONE)
			return true;
	return false;
}

uint64_t limits_cap(const struct limit_bound bound[LIMIT_COUNT])
{
	uint64_t threads = bound[LIMIT_THREADS].hard.at, procs = bound[LIMIT_PROCS].hard.at;

	if (threads != LIMIT_NONE)
		return threads + 1;
	return procs <= UINT32_MAX ? procs * LIMIT_STORM_FACTOR + LIMIT_STORM_SPARE : LIMIT_NONE;
}

/* --- measuring ------------------------------------------------------------------------------------------ */

void limits_begin(struct limits *l, const struct look *look)
{
	l->look = *look;
	l->known = 0;
	l->cpu_ns = look->ended_ns;
	memset(l->value, 0, sizeof(l->value));
	memset(l->witness, 0, sizeof(l->witness));
}

static void testify(struct limits *l, enum limit_id id, const struct sample *s, uint64_t value)
{
	witness_add(l->witness[id], s->pid, s->comm, value);
}

static void add_sum(struct limits *l, enum limit_id id, const struct sample *s, uint64_t value)
{
	l->value[id] += value;
	l->known |= BIT(id);
	testify(l, id, s, value);
}

static void add_most(struct limits *l, enum limit_id id, const struct sample *s, uint64_t value)
{
	if (value > l->value[id])
		l->value[id] = value;
	l->known |= BIT(id);
	testify(l, id, s, value);
}

void limits_member(struct limits *l, const struct sample *s)
{
	l->value[LIMIT_PROCS]++;
	l->known |= BIT(LIMIT_PROCS);
	if (s->children > 0) /* what runs away is what has children */
		testify(l, LIMIT_PROCS, s, s->children);
	add_most(l, LIMIT_DEPTH, s, s->depth);
	if (s->known & SAMPLE_MEMORY) {
		add_most(l, LIMIT_RSS, s, s->rss_bytes);
		add_sum(l, LIMIT_TREE_MEM, s, s->rss_bytes);
	}
	if (s->known & SAMPLE_STAT) {
		add_sum(l, LIMIT_THREADS, s, s->threads);
		l->cpu_ns += s->cpu_ns + s->waited_ns;
		l->known |= BIT(LIMIT_CPU);
		testify(l, LIMIT_CPU, s, s->cpu_ns + s->waited_ns);
	}
	if (s->known & SAMPLE_FDS)
		add_most(l, LIMIT_FDS, s, s->fds);
	if (s->known & SAMPLE_WRITTEN)
		testify(l, LIMIT_IO, s, s->written_bytes);
}

void limits_parent(struct limits *l, int32_t pid, const char comm[16], uint64_t children)
{
	witness_add(l->witness[LIMIT_SPAWN_RATE], pid, comm, children);
}

/* --- judging -------------------------------------------------------------------------------------------- */

/* The longest time that a bound of this limit looks back. */
static uint64_t span_of(const struct limits *l, enum limit_id id)
{
	uint64_t soft_ns = l->bound[id].soft.per_ns, hard_ns = l->bound[id].hard.per_ns;
	return soft_ns > hard_ns ? soft_ns : hard_ns;
}

static void look_back(struct limits *l)
{
	if (l->births.count == 0)
		window_add(&l->births, l->start_ns, 0, 0);
	window_add(&l->births, l->look.now_ns, l->look.births, span_of(l, LIMIT_SPAWN_RATE));
	l->known |= BIT(LIMIT_SPAWN_RATE);
	if (l->cpu.count == 0)
		window_add(&l->cpu, l->start_ns, 0, 0);
	if (l->known & BIT(LIMIT_CPU))
		window_add(&l->cpu, l->look.now_ns, l->cpu_ns, span_of(l, LIMIT_CPU));
	if (l->look.output_bytes != UINT64_MAX) {
		l->value[LIMIT_OUTPUT] = l->look.output_bytes;
		l->known |= BIT(LIMIT_OUTPUT);
	}
	if (l->look.written_bytes != UINT64_MAX) {
		l->value[LIMIT_IO] = l->look.written_bytes;
		l->known |= BIT(LIMIT_IO);
	}
}

bool limits_born(struct limits *l, uint64_t at_ns, uint64_t total)
{
	uint64_t span_ns = span_of(l, LIMIT_SPAWN_RATE);
	bool is_passed = false;

	if (l->births.count == 0)
		window_add(&l->births, l->start_ns, 0, 0);
	if (at_ns > l->born_ns + 1)
		window_add(&l->births, at_ns - 1, l->born, span_ns); /* where it stood until then */
	window_add(&l->births, at_ns, total, span_ns);
	l->born = total;
	l->born_ns = at_ns;
	for (unsigned hard = 0; hard < 2; hard++) {
		const struct limit_value *bound = bound_of(l, LIMIT_SPAWN_RATE, hard);
		uint64_t gain = window_gain(&l->births, at_ns, bound->per_ns);
		if (bound->at == LIMIT_NONE || gain <= bound->at)
			continue;
		if (gain > l->most_births[hard])
			l->most_births[hard] = gain;
		is_passed |= !(l->told[hard] & BIT(LIMIT_SPAWN_RATE));
	}
	return is_passed;
}

static uint64_t value_for(const struct limits *l, enum limit_id id, unsigned hard)
{
	const struct limit_value *bound = bound_of(l, id, hard);

	if (id == LIMIT_SPAWN_RATE) {
		uint64_t gain = window_gain(&l->births, l->look.now_ns, bound->per_ns);
		return gain > l->most_births[hard] ? gain : l->most_births[hard];
	}
	if (id == LIMIT_CPU)
		return bound->per_ns ? window_gain(&l->cpu, l->look.now_ns, bound->per_ns) : l->cpu_ns;
	return l->value[id];
}

/* Over its bound, and not told yet?  Keeps since when. */
static bool is_news(struct limits *l, enum limit_id id, unsigned hard)
{
	const struct limit_value *bound = bound_of(l, id, hard);

	if (bound->at == LIMIT_NONE || !(l->known & BIT(id)))
		return false;
	if (value_for(l, id, hard) <= bound->at) {
		l->since_ns[id][hard] = 0;
		l->told[hard] &= ~BIT(id);
		return false;
	}
	if (l->since_ns[id][hard] == 0)
		l->since_ns[id][hard] = l->look.now_ns;
	return !(l->told[hard] & BIT(id));
}

struct limit_verdict limits_end(struct limits *l)
{
	struct limit_verdict v = { .grade = GRADE_OK };

	look_back(l);
	for (int hard = 1; hard >= 0; hard--) {
		for (unsigned i = 0; i < LIMIT_COUNT; i++) {
			enum limit_id id = (enum limit_id)i;
			/* All of them: each has its own since. Equal grades: the earlier row keeps it, so
			 * reports are stable. */
			if (!is_news(l, id, (unsigned)hard) || v.grade != GRADE_OK)
				continue;
			v.grade = hard ? GRADE_HARD : GRADE_SOFT;
			v.id = id;
		}
	}
	if (v.grade == GRADE_OK) {
		memset(l->most_births, 0, sizeof(l->most_births));
		return v;
	}
	unsigned hard = v.grade == GRADE_HARD;
	v.bound = *bound_of(l, v.id, hard);
	v.value = value_for(l, v.id, hard);
	v.since_ns = l->since_ns[v.id][hard];
	v.period_ns = l->look.period_ns;
	memcpy(v.witness, l->witness[v.id], sizeof(v.witness));
	l->told[hard] |= BIT(v.id);
	return v;
}

/* --- telling -------------------------------------------------------------------------------------------- */

void limit_format(struct buf *out, enum limit_id id, uint64_t value, uint64_t per_ns)
{
	const struct limit_row *row = &limit_rows[id];

	if (row->unit == UNIT_CPU_TIME)
		num_format_duration(out, value);
	else if (row->unit == UNIT_BYTES || row->unit == UNIT_GROWTH)
		num_format_size(out, value);
	else
		buf_u64(out, value);
	buf_char(out, ' ');
	buf_str(out, row->what);
	if (per_ns != 0) {
		buf_str(out, " within ");
		num_format_duration(out, per_ns);
	}
}

static void put_bound(struct buf *out, const struct limit_verdict *v)
{
	enum limit_unit unit = limit_rows[v->id].unit;

	buf_str(out, v->grade == GRADE_HARD ? ", limit " : ", soft limit ");
	if (unit == UNIT_CPU_TIME)
		num_format_duration(out, v->bound.at);
	else if (unit == UNIT_BYTES || unit == UNIT_GROWTH)
		num_format_size(out, v->bound.at);
	else
		buf_u64(out, v->bound.at);
}

void limit_describe(const struct limit_verdict *v, uint64_t now_ns, const char *rung, struct finding *out)
{
	struct buf text;

	memset(out, 0, sizeof(*out));
	buf_init(&text, out->text, sizeof(out->text));
	limit_format(&text, v->id, v->value, v->bound.per_ns);
	put_bound(&text, v);
	out->rule = limit_rows[v->id].name;
	out->severity = v->grade == GRADE_HARD ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	out->value = v->value;
	out->bound = v->bound.at;
	out->per_ns = v->bound.per_ns;
	out->since_ns = v->since_ns;
	out->now_ns = now_ns;
	out->period_ns = v->period_ns;
	out->rung = rung;
	memcpy(out->witness, v->witness, sizeof(out->witness));
}
