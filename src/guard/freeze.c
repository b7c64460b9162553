#include "guard/freeze.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "codec/history.h"
#include "core/overrun.h"
#include "guard/pair.h"
#include "guard/report.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "store/history.h"
#include "store/record.h"
#include "tree/sweep.h"
#include "tree/tree.h"
#include "tree/walk.h"

/* The run around this one may freeze it too: it goes on when neither wishes it to stand. */
static uint32_t asks_as(const struct run *run, const struct request *request)
{
	bool is_outer = request->by_run[0] != '\0' && strcmp(request->by_run, run->head.parent_run_id) == 0;
	return is_outer && strcmp(request->by_comm, NESTED_COMM) == 0 ? FROZEN_BY_OUTER : FROZEN_BY_USER;
}

static void write_state(struct run *run)
{
	if (run->record_fd >= 0)
		(void)record_write_state(run->record_fd, &run->state, run->seed);
}

static void write_line(const struct run *run, const struct request *request, uint64_t took_ns)
{
	BUF(line, 2048);
	struct history_freeze event = {
		.head = &run->head,
		.wall_ns = os_clock_wall_ns(),
		.is_over = took_ns != NUM_NONE,
		.took_ns = took_ns,
		.processes = run->state.frozen_procs,
		.late = run->state.frozen_late,
	};

	if (request) {
		event.sender_pid = request->by_pid;
		event.sender_uid = request->by_uid;
		event.sender_comm = request->by_comm;
		event.sender_run = request->by_run;
	}
	history_format_freeze(&line, &event);
	AUTO_FD int fd = history_open(run->dir.keep_fd, event.wall_ns);
	if (fd >= 0)
		(void)history_append(fd, &line); /* as with the start line, the run goes on without */
}

static void put_name(struct buf *line, const struct run *run)
{
	escape_text(line, run->name, strlen(run->name), 60);
	buf_str(line, ": ");
}

static void put_sender(struct buf *line, const struct run *run, const struct request *request)
{
	if (asks_as(run, request) == FROZEN_BY_OUTER) {
		buf_str(line, " with the run around it");
		return;
	}
	buf_str(line, " by pid ");
	buf_i64(line, request->by_pid);
	buf_str(line, ", uid ");
	buf_u64(line, request->by_uid);
}

static void note_wishes(const struct freeze *z, struct run *run)
{
	struct record_state *state = &run->state;
	bool is_limit = z->state.by & FROZEN_BY_LIMIT && run->limit.rule;
	size_t n = is_limit ? strnlen(run->limit.rule, sizeof(state->frozen_rule) - 1) : 0;

	state->frozen_by = z->state.by;
	state->frozen_until_boot_ns = is_limit ? z->state.until_ns : NUM_NONE;
	memset(state->frozen_rule, 0, sizeof(state->frozen_rule));
	if (is_limit)
		memcpy(state->frozen_rule, run->limit.rule, n);
}

/* It stood already, or still does: only who wishes it has changed. */
static void write_wishes(struct freeze *z, struct run *run)
{
	if (z->state.stage != FREEZING_HELD)
		return;
	note_wishes(z, run);
	write_state(run);
}

static void begin(struct freeze *z, struct run *run, struct tree *tree, uint64_t now_ns)
{
	const char *id = run->head.run_id;

	z->first = 0;
	(void)tree_walk(tree, now_ns, WALK_WHOLE);
	nested_mark(&z->nested, &run->dir, id, tree);
	nested_ask(&z->nested, &run->dir, id, REQUEST_FREEZE, NUM_NONE);
}

void freeze_limit(struct freeze *z, struct run *run, struct tree *tree, uint64_t now_ns)
{
	if (!freezing_begin_limit(&z->state, run->job->freeze_for_ns, now_ns))
		return;
	memset(&z->asked, 0, sizeof(z->asked));
	begin(z, run, tree, now_ns);
}

void freeze_let_job_go_on(struct freeze *z, struct tree *tree, pid_t job)
{
	struct member *m = tree_find(tree, job);

	if (m && m->flags & MEMBER_STOOD)
		m->flags = (m->flags & ~(uint32_t)MEMBER_STOOD) | MEMBER_FROZEN;
	freezing_hurry(&z->state, os_clock_boot_ns()); /* the shell's own word reached all of its group */
}

static void put_count(struct buf *line, const struct run *run)
{
	buf_str(line, ": ");
	buf_u64(line, run->state.frozen_procs);
	buf_str(line, run->state.frozen_procs == 1 ? " process" : " processes");
	if (run->state.frozen_late == 0)
		return;
	buf_str(line, ", ");
	buf_u64(line, run->state.frozen_late);
	buf_str(line, " not stopped yet");
}

static void put_run(struct buf *line, const char *verb, const struct run *run)
{
	buf_str(line, "spawnguard ");
	buf_str(line, verb);
	buf_char(line, ' ');
	escape_word(line, run->head.run_id, strlen(run->head.run_id), 60);
}

static void tell_frozen_for_limit(const struct run *run)
{
	BUF(line, PAIR_TEXT_MAX);

	put_name(&line, run);
	buf_str(&line, "limit passed: ");
	finding_format(&line, &run->limit);
	buf_str(&line, ": frozen");
	if (run->job->freeze_for_ns != NUM_NONE) {
		buf_str(&line, ", to be ended in ");
		num_format_duration(&line, run->job->freeze_for_ns);
	}
	put_count(&line, run);
	buf_str(&line, "; look: ");
	put_run(&line, "ps", run);
	buf_str(&line, ", then ");
	put_run(&line, "thaw", run);
	buf_str(&line, " or ");
	put_run(&line, "kill", run);
	voice_note(&line);
}

static void tell_frozen(const struct freeze *z, const struct run *run)
{
	BUF(line, PAIR_TEXT_MAX);

	if (z->state.by == FROZEN_BY_LIMIT) {
		tell_frozen_for_limit(run);
		return;
	}
	put_name(&line, run);
	buf_str(&line, "frozen");
	put_sender(&line, run, &z->asked);
	put_count(&line, run);
	buf_str(&line, "; see: spawnguard thaw ");
	escape_word(&line, run->name, strlen(run->name), 60);
	voice_note(&line);
}

/* It is born faster than it is stopped: it will not stand for a look. */
static bool outruns(const struct freeze *z, const struct sweep_result *swept)
{
	uint32_t most = z->state.stage == FREEZING_HELD ? z->first : 2 * z->first;
	return z->state.by == FROZEN_BY_LIMIT && swept->moving > 0 && swept->alive > most + OVERRUN_MORE;
}

bool freeze_look(struct freeze *z, const struct run_report *report, struct tree *tree, uint64_t now_ns)
{
	struct run *run = report->run;
	struct sweep_result swept = sweep_freeze(tree, now_ns);

	report_step(report, "stopping", swept.signalled);
	z->first = z->first == 0 ? swept.alive : z->first;
	bool is_settled = freezing_swept(&z->state, now_ns, swept.moving);
	if (run->state.frozen_since_boot_ns == 0 && outruns(z, &swept))
		return false;
	if (z->state.stage != FREEZING_HELD)
		return true;
	bool is_news = swept.late != run->state.frozen_late || swept.alive != run->state.frozen_procs;
	run->state.frozen_since_boot_ns = z->state.since_ns;
	note_wishes(z, run);
	run->state.frozen_procs = swept.alive;
	run->state.frozen_late = swept.late;
	if (is_settled || is_news)
		write_state(run);
	if (!is_settled)
		return true;
	write_line(run, &z->asked, NUM_NONE);
	tell_frozen(z, run);
	return true;
}

static void tell_thawed(const struct run *run, const struct request *request, uint64_t halted_ns)
{
	BUF(line, PAIR_TEXT_MAX);

	put_name(&line, run);
	buf_str(&line, "thawed");
	put_sender(&line, run, request);
	buf_str(&line, " after ");
	num_format_duration(&line, halted_ns);
	if (run->job->timeout_ns != NUM_NONE)
		buf_str(&line, ": its timeout is later by that much");
	voice_note(&line);
}

/* `request`: NULL, the run is ended. */
static bool end(struct freeze *z, struct run *run, struct tree *tree, const struct request *request,
		uint64_t now_ns, uint64_t *out_halted_ns)
{
	const char *id = run->head.run_id;
	bool was_told = z->state.stage == FREEZING_HELD;

	if (!freezing_end(&z->state, request ? asks_as(run, request) : FROZEN_BY_ALL, now_ns,
			  out_halted_ns)) {
		write_wishes(z, run);
		return false;
	}
	if (request) { /* else they are asked to end */
		nested_mark(&z->nested, &run->dir, id, tree);
		nested_ask(&z->nested, &run->dir, id, REQUEST_THAW, NUM_NONE);
	}
	(void)sweep_thaw(tree);
	run->state.figures.frozen_ns = z->state.before_ns;
	run->state.frozen_since_boot_ns = 0;
	note_wishes(z, run);
	write_state(run);
	if (!was_told)
		return true;
	write_line(run, request, *out_halted_ns);
	if (request)
		tell_thawed(run, request, *out_halted_ns);
	return true;
}

bool freeze_take(struct freeze *z, struct run *run, struct tree *tree, const struct request *request,
		 uint64_t now_ns, uint64_t *out_halted_ns)
{
	if (request->verb == REQUEST_THAW)
		return end(z, run, tree, request, now_ns, out_halted_ns);
	if (!freezing_begin(&z->state, asks_as(run, request), now_ns)) {
		write_wishes(z, run);
		return false;
	}
	z->asked = *request;
	begin(z, run, tree, now_ns);
	return false;
}

void freeze_refuse(struct run *run)
{
	write_state(run);
}

void freeze_give_up(struct freeze *z, struct run *run, struct tree *tree, uint64_t now_ns)
{
	uint64_t halted_ns;
	(void)end(z, run, tree, NULL, now_ns, &halted_ns);
}
