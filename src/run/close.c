#include "run/close.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/utc.h"
#include "core/births.h"
#include "core/ending.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/proc.h"
#include "store/history.h"
#include "store/record.h"
#include "tree/hold.h"
#include "tree/tree.h"

bool close_keeps_log(const struct record_head *head, enum end_cause cause, enum outcome outcome)
{
	if (!(head->flags & RECORD_LOG_OWN))
		return head->log[0] != '\0';
	if (cause == CAUSE_NOT_STARTED) /* why not was said: nothing can be in it */
		return false;
	return !(head->flags & RECORD_LOG_IF_FAILED && outcome == OUTCOME_OK);
}

static struct history_end end_of(const struct close_run *c)
{
	return (struct history_end){
		.head = c->head,
		.figures = &c->state->figures,
		.outcome = outcome_name(c->verdict.outcome),
		.cause = cause_name((enum end_cause)c->state->figures.cause),
		.exit_code = c->verdict.exit_code,
		.kill_rung = c->state->figures.kill_rung == KILL_NOT
				     ? NULL
				     : kill_rung_name((enum kill_rung)c->state->figures.kill_rung),
		.births_rung = births_rung_name((enum births_rung)c->state->figures.births_rung),
		.by = c->by,
		.process = c->process,
		.process_count = c->process_count,
		.detail = c->detail,
		.limit = c->limit,
		.log = close_keeps_log(c->head, (enum end_cause)c->state->figures.cause, c->verdict.outcome)
			       ? c->head->log
			       : NULL,
		.tail = c->has_tail ? &c->tail : NULL,
		.told = c->has_told ? &c->told : NULL,
		.yield = c->has_yield ? &c->yield : NULL,
		.goes_on = c->goes_on,
		.retry_in_ns = c->retry_in_ns,
		.failure = c->goes_on ? failure_name(c->retry_for) : NULL,
		.failure_class = c->toll.failure >= FAILURE_FIRST ? failure_name(c->toll.failure) : NULL,
		.fingerprint = c->toll.print,
		.failure_text = c->toll.summary,
	};
}

/* What the machine was like when it went wrong. */
static void add_load(struct history_end *end)
{
	static const char *const resource[3] = { "cpu", "memory", "io" };
	struct proc_load load;

	if (os_proc_load(&load) < 0)
		return;
	end->has_load = true;
	end->load1_centi = load.load1_centi;
	for (unsigned i = 0; i < 3; i++)
		if (os_proc_pressure(resource[i], &end->pressure_centi[i]) < 0)
			end->pressure_centi[i] = UINT32_MAX;
}

static bool is_same_month(uint64_t a_wall_ns, uint64_t b_wall_ns)
{
	struct utc a = utc_from_wall(a_wall_ns), b = utc_from_wall(b_wall_ns);
	return a.year == b.year && a.month == b.month;
}

static int append_end(const struct close_run *c)
{
	struct history_end end = end_of(c);
	const struct run_figures *f = &c->state->figures;
	BUF(line, HISTORY_LINE_MAX);

	if (c->may_be_told && history_has(c->dir->keep_fd, f->ended_wall_ns, "end", c->head->run_id) == 1)
		return 0;
	if (c->verdict.outcome != OUTCOME_OK)
		add_load(&end);
	history_format_end(&line, &end);
	AUTO_FD int own = -1;
	int fd = c->history_fd;
	if (fd < 0 || !is_same_month(c->head->started_wall_ns, f->ended_wall_ns))
		fd = own = history_open(c->dir->keep_fd, f->ended_wall_ns);
	return fd < 0 ? fd : history_append(fd, &line);
}

int close_run(struct close_run *c)
{
	struct run_figures *f = &c->state->figures;

	f->outcome = c->verdict.outcome;
	f->exit_code = c->verdict.exit_code;
	if (f->ended_boot_ns == 0)
		f->ended_boot_ns = os_clock_boot_ns();
	f->ended_wall_ns = os_clock_wall_ns();
	if (c->state->frozen_since_boot_ns != 0) { /* its guard died: nobody has thawed it */
		uint64_t since_ns = c->state->frozen_since_boot_ns;
		f->frozen_ns += f->ended_boot_ns > since_ns ? f->ended_boot_ns - since_ns : 0;
		c->state->frozen_since_boot_ns = 0;
	}
	if (!c->goes_on)
		toll_take(c); /* before the end is on paper: killed between, the next to look closes and
				 counts it */
	int first = append_end(c);
	if (c->record_fd < 0)
		return first;
	if (!c->keep_record)
		c->state->phase = c->goes_on ? PHASE_WAITING : PHASE_CLOSED;
	int r = record_write_state(c->record_fd, c->state, record_seed(c->head->run_id));
	/* Of one that ended by itself front keeps the file for the next run, once it has read the end in it.
	 */
	int gone = c->keep_record || c->goes_on || record_is_handed_on(f)
			   ? 0
			   : record_remove(c->dir->run_fd, c->head->run_id);
	return first < 0 ? first : r < 0 ? r : gone;
}

void close_format_status(struct buf *out, const struct close_run *c)
{
	struct history_end end = end_of(c);
	history_format_status(out, &end);
}

void close_name_members(struct close_run *c, struct tree *tree)
{
	FOR_EACH_MEMBER (tree, m) {
		struct proc_status status;
		if (c->process_count == HISTORY_PROCESS_MAX)
			return;
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT | MEMBER_DEAD) || hold_is_dead(tree, m))
			continue;
		struct history_process *p = &c->process[c->process_count++];
		*p = (struct history_process){ .pid = m->id.pid, .state = '?' };
		memcpy(p->comm, m->comm, sizeof(p->comm));
		if (os_proc_status(m->id.pid, &status) == 0) {
			p->uid = status.euid;
			p->state = status.state;
		}
	}
}
