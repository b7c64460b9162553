#include "guard/alive.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "codec/notify.h"
#include "core/counters.h"
#include "guard/flag.h"
#include "guard/flow.h"
#include "guard/notify.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "guard/warden.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/link.h"
#include "os/read_apart.h"
#include "os/self.h"
#include "spawnguard/exit.h"

#define READ_EVERY_NS  NS_PER_S /* what takes a process to read */
#define READ_SELDOM_NS (30 * NS_PER_S)
#define ANSWER_NS      (5 * NS_PER_S)

bool alive_is_wanted(const struct job *job)
{
	return notify_is_wanted(job) || job->start_timeout_ns != NUM_NONE || job->idle_timeout_ns != NUM_NONE;
}

/* --- in front ------------------------------------------------------------------------------------------- */

static bool is_ready_by_output(const struct job *job)
{
	return job->start_timeout_ns != NUM_NONE && !job->notify && !job->ready_file;
}

static int refuse(const char *what, const char *why, const char *next)
{
	BUF(line, 512);

	buf_str(&line, "not started: ");
	buf_str(&line, what);
	buf_str(&line, why);
	buf_str(&line, next);
	voice_error(&line);
	return SG_EXIT_GUARD;
}

static int find_ready_file(struct run *run)
{
	struct alive_places *p = &run->places;
	static char ready_file[4096];
	const char *name = run->job->ready_file;
	struct buf path;

	if (!name)
		return 0;
	buf_init(&path, ready_file, sizeof(ready_file));
	if (name[0] != '/') {
		char cwd[2048];
		os_working_dir(cwd, sizeof(cwd));
		buf_str(&path, cwd);
		buf_char(&path, '/');
	}
	buf_str(&path, name);
	if (path.cut)
		return refuse("--ready-file", ": its path is too long", "; give a shorter one");
	/* One of an earlier run says nothing: it must come anew, or be changed. */
	p->ready_file = ready_file;
	p->ready_was_there = os_file_id_at(OS_CWD, p->ready_file, &p->ready_was) == 0;
	return 0;
}

int alive_prepare(struct run *run)
{
	struct proc_io io;

	if (!alive_is_wanted(run->job))
		return 0;
	if (is_ready_by_output(run->job) && run->flow.file[0] < 0 && os_read_own_io(&io) < 0)
		return refuse(
			"--start-timeout",
			": no output can be seen: neither stdout nor stderr is a regular file, and /proc "
			"does not tell what is written",
			"; give --ready-file or --notify, or keep the output with --output or --detach");
	return find_ready_file(run);
}

/* --- in the warden -------------------------------------------------------------------------------------- */

/* Output is seen by what the whole tree writes, whatever that is: there is no better way. */
static bool is_read_output(const struct run *run)
{
	return is_ready_by_output(run->job) && !(run->flow.is_seen[0] && run->flow.is_seen[1]);
}

void alive_note_job(struct run *run)
{
	run->job_written = PROGRESS_UNKNOWN;
	if (is_read_output(run) || io_is_counted(run->job))
		io_note_job(run);
}

void alive_begin(struct warden *w)
{
	struct run *run = w->run;
	const struct job *job = run->job;
	struct progress *p = &w->clocks;

	*p = (struct progress){ .start_ns = job->start_timeout_ns,
				.idle_ns = job->idle_timeout_ns,
				.beat_ns = job->heartbeat_ns,
				.is_ready_by_output = is_ready_by_output(job) };
	if (!alive_is_wanted(job)) {
		struct progress_signs none = { 0 };
		progress_begin(p, 0, &none);
		return;
	}
	p->is_output_written = is_read_output(run);
	p->needs_io = job->idle_timeout_ns != NUM_NONE || is_read_output(run);
	struct progress_signs at = { .output_bytes = flow_size(&run->flow),
				     .cpu_ns = 0,
				     .io_bytes = PROGRESS_UNKNOWN };
	progress_begin(p, w->facts.now_ns, &at);
}

static void be_ready(struct warden *w)
{
	struct told *told = w->run->notify.told;

	if (told && told->ready_boot_ns == 0)
		told->ready_boot_ns = w->facts.now_ns;
	progress_ready(&w->clocks, w->facts.now_ns);
}

/* "tokens: 800 of 1000" */
static void describe(const struct counter *c, bool is_hard, uint64_t now_ns, struct finding *out)
{
	struct buf text;

	memset(out, 0, sizeof(*out));
	out->rule = "budget";
	out->severity = is_hard ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	buf_init(&text, out->text, sizeof(out->text));
	buf_str(&text, c->key);
	buf_str(&text, " stands at ");
	num_format_micro(&text, counter_stands_at(c));
	buf_str(&text, " of ");
	num_format_micro(&text, c->budget);
	if (c->per_ns > 0) {
		buf_str(&text, " within ");
		num_format_duration(&text, c->per_ns);
		out->per_ns = c->per_ns;
	}
	out->value = counter_stands_at(c) / NUM_MICRO;
	out->bound = c->budget / NUM_MICRO;
	out->since_ns = out->now_ns = now_ns;
	out->rung = "notify";
}

static void judge_budgets(struct warden *w)
{
	struct told *told = w->run->notify.told;
	const struct counter *found;
	struct finding finding;
	bool is_hard;

	budget_told(w->run, w->facts.now_ns);
	while (w->ending.stage == STAGE_IDLE && (found = counters_judge(&told->counters, &is_hard))) {
		enum flag_action action = is_hard ? flag_action_of(w->run->job->on_limit) : FLAG_WARN;
		describe(found, is_hard, w->facts.now_ns, &finding);
		warden_raise(w, &finding, action);
	}
}

void alive_told(struct warden *w, const struct notify *said)
{
	struct progress *p = &w->clocks;
	uint64_t now_ns = w->facts.now_ns;

	if (said->said & NOTIFY_READY)
		be_ready(w);
	if (said->said & NOTIFY_EXTEND)
		progress_extend(p, now_ns, said->extend_ns);
	if (said->said & NOTIFY_PERIOD)
		progress_set_period(p, said->period_ns);
	if (said->said & NOTIFY_BEAT)
		progress_beat(p, now_ns);
	if (said->said & NOTIFY_TRIGGER)
		progress_trigger(p);
	if (said->counter_count > 0)
		judge_budgets(w);
}

/* Often enough to be right by a twentieth; a fork each. */
static uint64_t read_period(const struct job *job)
{
	uint64_t part_ns = job->idle_timeout_ns / 20;

	if (job->idle_timeout_ns == NUM_NONE || part_ns < READ_EVERY_NS)
		return READ_EVERY_NS;
	return part_ns < READ_SELDOM_NS ? part_ns : READ_SELDOM_NS;
}

static void ask_io(struct warden *w)
{
	w->io_next_ns = w->facts.now_ns + read_period(w->run->job);
	if (!io_ask(w, true)) /* what is known must do */
		progress_io(&w->clocks, w->facts.now_ns, PROGRESS_UNKNOWN, PROGRESS_UNKNOWN);
}

void alive_hear(struct warden *w, const struct pair_message *m)
{
	struct progress *p = &w->clocks;
	bool is_known = m->number > 0;

	if (!progress_is_asked(p))
		return;
	if (p->written == PROGRESS_UNKNOWN) /* from its first byte on */
		p->written = w->run->job_written;
	bool was_ready = p->ready_at_ns != 0;
	progress_io(p, w->facts.now_ns, is_known ? m->io.sum.written : PROGRESS_UNKNOWN,
		    is_known ? m->io.sum.stored : PROGRESS_UNKNOWN);
	if (!was_ready && p->ready_at_ns != 0)
		be_ready(w);
}

static bool has_ready_file(const struct alive_places *p)
{
	struct os_file_id id;

	if (!p->ready_file || os_file_id_at(OS_CWD, p->ready_file, &id) < 0)
		return false;
	return !p->ready_was_there || !os_is_same_file(&id, &p->ready_was) ||
	       id.changed_wall_ns != p->ready_was.changed_wall_ns;
}

void alive_want(struct warden *w)
{
	if (w->clocks.idle_ns != NUM_NONE)
		w->tree.wants |= SAMPLE_STAT;
}

/* Of who lives, of whom these have waited for, and of whom we have. */
static uint64_t tree_cpu_ns(struct warden *w)
{
	const struct run_figures *f = warden_figures(w);
	uint64_t sum_ns = f->user_ns + f->system_ns;

	FOR_EACH_MEMBER (&w->tree, m)
		if (!(m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD)) && m->sample.known & SAMPLE_STAT)
			sum_ns += m->sample.cpu_ns + m->sample.waited_ns;
	return sum_ns;
}

void alive_look(struct warden *w)
{
	struct progress *p = &w->clocks;

	if (!progress_is_asked(p))
		return;
	struct progress_signs signs = {
		.output_bytes = flow_size(&w->run->flow),
		.cpu_ns = p->idle_ns == NUM_NONE ? PROGRESS_UNKNOWN : tree_cpu_ns(w),
		.io_bytes = PROGRESS_UNKNOWN,
	};
	bool was_ready = p->ready_at_ns != 0;
	progress_look(p, w->facts.now_ns, &signs);
	bool is_starting = !was_ready && p->start_ns != NUM_NONE;
	if (p->needs_io && w->io.asked_ns == 0 && w->facts.now_ns >= w->io_next_ns &&
	    (is_starting ? is_read_output(w->run) : p->idle_ns != NUM_NONE))
		ask_io(w);
	if (!was_ready && (p->ready_at_ns != 0 || has_ready_file(&w->run->places)))
		be_ready(w);
}

void alive_strike(struct warden *w)
{
	static const enum end_cause cause[PROGRESS_COUNT] = {
		[PROGRESS_START] = CAUSE_START_TIMEOUT,
		[PROGRESS_IDLE] = CAUSE_IDLE_TIMEOUT,
		[PROGRESS_BEAT] = CAUSE_HEARTBEAT,
	};

	if (w->ending.stage != STAGE_IDLE)
		return;
	if (w->facts.now_ns >= budget_next(w->run))
		judge_budgets(w);
	if (!progress_is_asked(&w->clocks))
		return;
	if (progress_wants_look(&w->clocks, w->facts.now_ns)) {
		notify_read(w); /* what waits to be read was told in time */
		warden_tick(w);
	}
	if (w->io.asked_ns != 0 && w->facts.now_ns >= w->io.asked_ns + ANSWER_NS) {
		w->io.asked_ns = 0;
		progress_io(&w->clocks, w->facts.now_ns, PROGRESS_UNKNOWN, PROGRESS_UNKNOWN);
	}
	if (w->io.asked_ns == 0 && progress_wants_io(&w->clocks, w->facts.now_ns))
		ask_io(w);
	enum progress_clock clock = progress_due(&w->clocks, w->facts.now_ns);
	if (clock != PROGRESS_NONE)
		warden_begin_end(w, cause[clock], w->run->job->kill_after_ns, NULL);
}

uint64_t alive_next(const struct warden *w)
{
	if (w->ending.stage != STAGE_IDLE)
		return NUM_NONE;
	uint64_t next_ns = progress_next(&w->clocks), keep_ns = budget_next(w->run);
	/* What front reads comes by itself, or not at all. */
	if (w->io.asked_ns != 0 && next_ns <= w->facts.now_ns)
		next_ns = w->io.asked_ns + ANSWER_NS;
	return keep_ns < next_ns ? keep_ns : next_ns;
}

void alive_hold(struct warden *w, enum progress_holder who)
{
	progress_hold(&w->clocks, who, w->facts.now_ns);
}

void alive_go_on(struct warden *w, enum progress_holder who)
{
	progress_go_on(&w->clocks, who, w->facts.now_ns);
}
