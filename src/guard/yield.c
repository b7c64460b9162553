#include "guard/yield.h"

#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "conf/job.h"
#include "guard/flow.h"
#include "guard/io.h"
#include "guard/voice.h"
#include "guard/warden.h"
#include "os/pump.h"
#include "os/read_apart.h"
#include "os/self.h"
#include "spawnguard/exit.h"

/* --- in front ------------------------------------------------------------------------------------------- */

static int refuse(const char *why)
{
	BUF(line, 512);

	buf_str(&line, "not started: --yield: ");
	buf_str(&line, why);
	voice_error(&line);
	return SG_EXIT_GUARD;
}

static int find_file(struct run *run)
{
	static char path[4096];
	struct buf to;
	char cwd[2048];
	size_t n;

	const char *name = yield_value_name(&run->job->yield, &n);
	buf_init(&to, path, sizeof(path));
	if (name[0] != '/') {
		os_working_dir(cwd, sizeof(cwd));
		buf_str(&to, cwd);
		buf_char(&to, '/');
	}
	buf_mem(&to, name, n);
	if (to.cut)
		return refuse("the path of its file is too long; give a shorter one");
	run->yield.path = path;
	run->yield.was_there = os_file_id_at(OS_CWD, path, &run->yield.was) == 0;
	return 0;
}

int yield_prepare(struct run *run)
{
	enum yield_kind kind = run->job->yield.kind;
	struct proc_io io;

	if (kind == YIELD_NONE)
		return 0;
	if (!run->yield.told) /* else of an earlier attempt */
		run->yield.told = os_shared_new(sizeof(*run->yield.told));
	if (!run->yield.told)
		return refuse("no memory for it: leave it out to start without");
	run->yield.has_begun = run->yield.told->is_final = false;
	run->yield.told->written = YIELD_UNKNOWN;
	run->yield.floor.least = run->job->yield.least;
	run->yield.floor.per_ns = run->job->yield.per_ns;
	if ((kind == YIELD_LINES || kind == YIELD_BYTES) && !run->flow.is_seen[0])
		return refuse("stdout cannot be seen: it is no regular file; keep the output with --output "
			      "or --detach");
	if (kind == YIELD_LINES && !flow_count_lines(run))
		return refuse("the file that stdout is cannot be read; count its bytes with --yield=bytes");
	if (kind == YIELD_WRITTEN && os_read_own_io(&io) < 0)
		return refuse("/proc does not tell what is written; count what the job tells, with "
			      "--yield=counter:KEY");
	return kind == YIELD_FILE ? find_file(run) : 0;
}

/* --- what there is -------------------------------------------------------------------------------------- */

static uint64_t of_counter(const struct run *run)
{
	char key[COUNTERS_KEY_MAX + 1] = "";
	size_t n;

	const char *name = yield_value_name(&run->job->yield, &n);
	if (!run->notify.told)
		return YIELD_UNKNOWN;
	memcpy(key, name, n); /* parsed when it was read: it fits */
	const struct counter *c = counters_find(&run->notify.told->counters, key);
	return c && c->is_told ? c->value : 0;
}

/* One that was put in its place is all new. */
static uint64_t of_file(const struct yield *y)
{
	struct os_file_id id;

	if (os_file_id_at(OS_CWD, y->path, &id) < 0)
		return 0;
	if (!y->was_there || !os_is_same_file(&id, &y->was))
		return id.size;
	return id.size > y->was.size ? id.size - y->was.size : 0;
}

static uint64_t measure(struct run *run)
{
	switch (run->job->yield.kind) {
	case YIELD_COUNTER:
		return of_counter(run);
	case YIELD_FILE:
		return of_file(&run->yield);
	case YIELD_LINES:
		return run->flow.lines;
	case YIELD_BYTES:
		return run->flow.came[0];
	case YIELD_WRITTEN:
		return run->yield.told->written;
	case YIELD_NONE:
	case YIELD_COUNT:
		break;
	}
	return YIELD_UNKNOWN;
}

static const char *rung_of(enum yield_kind kind)
{
	return kind == YIELD_COUNTER ? "notify" : kind == YIELD_WRITTEN ? "io" : "files";
}

static void tell(struct warden *w, uint64_t gain, uint64_t since_ns)
{
	const struct yield_value *v = &w->run->job->yield;
	struct finding f;

	yield_describe(&w->run->yield.floor, v->kind, gain, &f);
	f.since_ns = since_ns;
	f.now_ns = w->facts.now_ns;
	f.period_ns = w->period_ns;
	f.rung = rung_of(v->kind);
	watch_flag(w, &f);
}

void yield_watch(struct warden *w)
{
	struct run *run = w->run;
	struct yield *y = &run->yield;
	uint64_t gain;

	if (run->job->yield.kind == YIELD_NONE || w->ending.stage != STAGE_IDLE)
		return;
	y->told->written = io_written(w);
	if (y->floor.per_ns == 0)
		return;
	uint64_t value = measure(run), since_ns = y->floor.since_ns;
	if (!y->has_begun) /* with the run: what came before the first look counts */
		yield_begin(&y->floor, attempt_began_ns(run), 0);
	else if (w->is_stopped)
		yield_begin(&y->floor, w->facts.now_ns, value);
	y->has_begun = true;
	if (yield_look(&y->floor, w->facts.now_ns, value, &gain))
		tell(w, gain, since_ns);
}

void yield_halted(struct warden *w)
{
	struct yield *y = &w->run->yield;

	if (w->run->job->yield.kind != YIELD_NONE && y->has_begun)
		yield_begin(&y->floor, w->facts.now_ns, measure(w->run));
}

void yield_finish(struct warden *w)
{
	if (w->run->job->yield.kind != YIELD_NONE)
		w->run->yield.told->written = io_written(w);
}

bool yield_get(struct run *run, const struct outcome_verdict *verdict, struct history_yield *out)
{
	const struct yield_value *v = &run->job->yield;

	struct yield_told *told = run->yield.told;

	if (!told)
		return false;
	if (!told->is_final) {
		flow_finish(run);
		told->value = measure(run);
		told->is_final = true;
	}
	uint64_t value = told->value;
	*out = (struct history_yield){
		.of = v->text,
		.of_n = v->length,
		.value = value,
		.is_micro = v->kind == YIELD_COUNTER,
		.reason = value == 0
				  ? yield_reason(verdict->outcome, (enum end_cause)run->state.figures.cause)
				  : NULL,
	};
	return true;
}
