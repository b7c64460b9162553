/* A job in lines, or jobs as the rows of a table. */
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "base/utc.h"
#include "cmd/status.h"
#include "os/clock.h"
#include "os/users.h"
#include "run/circuit_plan.h"
#include "run/circuit_say.h"
#include "spawnguard/exit.h"
#include "ui/table.h"

#define NAME_COLUMNS 24 /* of a name on a terminal */
#define ID_BYTES     8

/* clang-format off */
static const struct {
	const char *outcome, *utf8, *ascii;
} marks[] = {
	{ SG_OUTCOME_OK,          "\xe2\x9c\x93", "." },
	{ SG_OUTCOME_FAILED,      "\xe2\x9c\x97", "F" },
	{ SG_OUTCOME_SIGNALED,    "S",            "S" },
	{ SG_OUTCOME_TIMEOUT,     "T",            "T" },
	{ SG_OUTCOME_LIMIT,       "M",            "M" },
	{ SG_OUTCOME_KILLED,      "K",            "K" },
	{ SG_OUTCOME_REPLACED,    "R",            "R" },
	{ SG_OUTCOME_SURVIVORS,   "!",            "!" },
	{ SG_OUTCOME_GUARD_ERROR, "E",            "E" },
	{ SG_OUTCOME_LOST,        "L",            "L" },
};
/* clang-format on */

static size_t mark_of(const char *outcome)
{
	size_t i = 0;
	while (i < COUNT_OF(marks) && strcmp(marks[i].outcome, outcome) != 0)
		i++;
	return i;
}

static const char *mark_text(const struct term *term, size_t mark)
{
	if (mark == COUNT_OF(marks))
		return "?";
	return term->is_utf8 ? marks[mark].utf8 : marks[mark].ascii;
}

static void put_name(struct buf *out, const char *name)
{
	term_escape(out, name, strlen(name), 0);
}

static void put_since(struct buf *out, uint64_t wall_ns)
{
	uint64_t now_ns = os_clock_wall_ns();
	num_format_duration(out, now_ns > wall_ns ? now_ns - wall_ns : 0);
	buf_str(out, " ago");
}

static void put_ago(struct buf *out, uint64_t wall_ns)
{
	utc_format(out, wall_ns);
	buf_str(out, " (");
	put_since(out, wall_ns);
	buf_char(out, ')');
}

static void put_live(struct buf *out, const struct live *l)
{
	buf_str(out, l->state);
	buf_str(out, " for ");
	num_format_duration(out, l->age_ns);
	buf_str(out, ", run ");
	buf_mem(out, l->head.run_id, strnlen(l->head.run_id, 8));
	buf_str(out, ", pid ");
	buf_i64(out, l->head.front.pid);
	buf_str(out, ", processes ");
	buf_u64(out, l->procs);
	buf_str(out, ", ");
	num_format_size(out, l->rss_bytes);
	buf_str(out, l->frozen[0] != '\0' ? "; " : "");
	buf_str(out, l->frozen);
	if (!status_is_well(l))
		buf_str(out, " (its guards are dead: spawnguard reap ends what is left)");
}

static void put_sender(struct buf *out, const struct past_run *run)
{
	if (run->sender_pid <= 0)
		return;
	buf_str(out, " by ");
	put_name(out, run->sender_comm[0] != '\0' ? run->sender_comm : "?");
	buf_str(out, "[");
	buf_i64(out, run->sender_pid);
	buf_str(out, "] of uid ");
	buf_i64(out, run->sender_uid);
}

static void put_cause(struct buf *out, const struct past_run *run)
{
	put_name(out, run->cause);
	put_sender(out, run);
}

static void put_end(struct buf *out, const struct past_run *run)
{
	put_name(out, run->outcome);
	buf_str(out, ", status ");
	buf_i64(out, run->exit_status);
	if (strcmp(run->cause, "none") != 0) {
		buf_str(out, ", ended for: ");
		put_cause(out, run);
	}
	buf_str(out, ", ");
	put_ago(out, run->ended_wall_ns);
	buf_str(out, ", took ");
	num_format_duration(out, run->wall_ns);
	buf_str(out, ", run ");
	term_escape(out, run->run_id, strnlen(run->run_id, ID_BYTES), 0);
}

/* The oldest first: the newest stands at the end, where time goes. */
static void put_strip(const struct term *term, struct buf *out, const struct past_job *job)
{
	for (size_t i = job->count; i-- > 0;)
		buf_str(out, mark_text(term, mark_of(job->run[i].outcome)));
}

static void put_legend(const struct term *term, struct buf *out, const struct past_job *job)
{
	for (size_t m = 0; m < COUNT_OF(marks); m++) {
		bool occurs = false;
		for (size_t i = 0; i < job->count; i++)
			occurs = occurs || mark_of(job->run[i].outcome) == m;
		if (!occurs)
			continue;
		buf_str(out, "  ");
		buf_str(out, mark_text(term, m));
		buf_char(out, ' ');
		buf_str(out, marks[m].outcome);
	}
}

static void put_limits(struct buf *out, uint64_t timeout_ns, uint64_t kill_after_ns, const struct live *live)
{
	buf_str(out, "limits     timeout ");
	num_format_duration(out, timeout_ns);
	if (live && timeout_ns != NUM_NONE) {
		buf_str(out, " (");
		num_format_duration(out, timeout_ns > live->counted_ns ? timeout_ns - live->counted_ns : 0);
		buf_str(out, " left)");
	}
	buf_str(out, ", kill after ");
	num_format_duration(out, kill_after_ns);
	buf_char(out, '\n');
}

static void put_in(struct buf *out, const char *what, uint64_t ns)
{
	buf_str(out, what);
	num_format_duration(out, ns);
	buf_str(out, ", at ");
	utc_format(out, os_clock_wall_ns() + ns);
}

static void put_budget(struct buf *out, const struct budget *b)
{
	uint64_t used = budget_used(b);

	buf_str(out, "budget     ");
	put_name(out, b->key);
	buf_char(out, ' ');
	num_format_micro(out, used);
	buf_str(out, " of ");
	num_format_micro(out, b->limit);
	buf_str(out, " within ");
	num_format_duration(out, b->per_ns);
	if (used >= b->limit)
		put_in(out, ": used up; room again in ", budget_room_in(b, b->limit));
	else if (used > 0)
		put_in(out, "; less again in ", budget_room_in(b, used));
	buf_char(out, '\n');
}

/* Why it is not started, and when it will be; or how near it is to that. */
static void put_breaker(struct buf *out, const struct circuit *c)
{
	BUF(text, 512);

	if (c->is_open) {
		circuit_say_why(&text, c);
		buf_str(&text, "; ");
		circuit_say_next(&text, c, os_clock_wall_ns());
		buf_str(out, "breaker    ");
		buf_str(out, circuit_state_name(circuit_state(c)));
		buf_str(out, ": ");
		term_show(out, text.at, text.len, 0);
		buf_char(out, '\n');
		return;
	}
	bool is_told = false;
	for (unsigned i = 0; i < CIRCUIT_RULE_COUNT; i++) {
		buf_clear(&text);
		if (circuit_gauge(c, (enum circuit_rule)i).used == 0 ||
		    !circuit_plan_gauge(&text, c, (enum circuit_rule)i))
			continue;
		buf_str(out, "breaker    closed; ");
		buf_str(out, circuit_rule_name((enum circuit_rule)i));
		buf_char(out, ' ');
		buf_mem(out, text.at, text.len);
		buf_char(out, '\n');
		is_told = true;
	}
	if (is_told || c->failed_count == 0)
		return;
	buf_str(out, "breaker    closed; failures counted: ");
	buf_u64(out, c->failed_count);
	buf_char(out, '\n');
}

void status_put_job(struct buf *out, const struct term *term, const struct shown_job *job)
{
	const struct past_job *past = job->past;
	const struct live *newest = NULL;

	put_name(out, job->name);
	buf_char(out, '\n');
	for (size_t i = status_next_live(job, 0); i < job->live_count; i = status_next_live(job, i + 1)) {
		newest = &job->live[i];
		buf_str(out, "now        ");
		put_live(out, newest);
		buf_char(out, '\n');
	}
	if (past && past->count > 0) {
		buf_str(out, "last end   ");
		put_end(out, &past->run[0]);
		if (past->run[0].detail[0] != '\0') {
			buf_str(out, "\n           ");
			put_name(out, past->run[0].detail);
		}
		buf_char(out, '\n');
	}
	if (newest)
		put_limits(out, newest->head.timeout_ns, newest->head.kill_after_ns, newest);
	else if (past && past->start)
		put_limits(out, past->start->timeout_ns, past->start->kill_after_ns, NULL);
	if (past && past->count > 0) {
		buf_str(out, "outcomes   ");
		put_strip(term, out, past);
		put_legend(term, out, past);
		buf_char(out, '\n');
	}
	put_breaker(out, job->circuit);
	for (uint32_t i = 0; i < job->budgets->count; i++)
		put_budget(out, &job->budgets->at[i]);
	if (job->has_damage)
		buf_str(out, "budget     cannot be read: what keeps it is damaged, or not to be opened\n");
	if (job->refused > 0) {
		buf_str(out, "refused    ");
		buf_u64(out, job->refused);
		buf_str(out, job->refused == 1 ? " start since the last began\n"
					       : " starts since the last began\n");
	}
}

/* ---- as a table */

enum {
	CELL_USER,
	CELL_JOB,
	CELL_STATE,
	CELL_STATUS,
	CELL_WHEN,
	CELL_TOOK,
	CELL_RUN,
	CELL_OUTCOMES,
	CELL_NOTE
};

/* clang-format off */
static const struct table_column table_columns[] = {
	[CELL_USER]     = { "user",     false, false },
	[CELL_JOB]      = { "job",      false, false },
	[CELL_STATE]    = { "state",    false, false },
	[CELL_STATUS]   = { "status",   true,  false },
	[CELL_WHEN]     = { "when",     false, false },
	[CELL_TOOK]     = { "took",     true,  false },
	[CELL_RUN]      = { "run",      false, false },
	[CELL_OUTCOMES] = { "outcomes", false, false },
	[CELL_NOTE]     = { "note",     false, false },
};
/* clang-format on */

struct table *status_table_new(const struct term *term, bool has_users)
{
	size_t from = has_users ? CELL_USER : CELL_JOB;
	return table_new(term, table_columns + from, COUNT_OF(table_columns) - from);
}

/* A row that is being filled. */
struct filling {
	struct table *table;
	struct table_row *row;
	const struct term *term;
	size_t from; /* the first of table_columns that is shown */
};

static void set(const struct filling *f, size_t cell, const struct buf *text, enum table_mark mark)
{
	if (cell >= f->from)
		table_set(f->table, f->row, cell - f->from, text->at, mark);
}

static struct filling begin_row(struct table *table, const struct term *term, bool has_users,
				const struct shown_job *job)
{
	struct filling f = { table, table_add(table, NULL), term, has_users ? CELL_USER : CELL_JOB };
	size_t columns = term->columns > 0 ? NAME_COLUMNS : 0;
	char user[64];
	BUF(cell, 1024);

	os_user_name(job->owner, user, sizeof(user));
	term_escape(&cell, user, strlen(user), columns);
	set(&f, CELL_USER, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	term_escape(&cell, job->name, strlen(job->name), columns);
	set(&f, CELL_JOB, &cell, TABLE_STRONG);
	return f;
}

static void fill_live(const struct filling *f, const struct live *l)
{
	BUF(cell, 256);

	buf_str(&cell, l->state);
	set(f, CELL_STATE, &cell, status_is_well(l) ? TABLE_GOOD : TABLE_BAD);
	buf_clear(&cell);
	buf_str(&cell, "for ");
	num_format_duration(&cell, l->age_ns);
	if (l->age_ns > 0)
		set(f, CELL_WHEN, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	buf_mem(&cell, l->head.run_id, strnlen(l->head.run_id, ID_BYTES));
	set(f, CELL_RUN, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	buf_str(&cell, "pid ");
	buf_i64(&cell, l->head.front.pid);
	buf_str(&cell, ", processes ");
	buf_u64(&cell, l->procs);
	buf_str(&cell, ", ");
	num_format_size(&cell, l->rss_bytes);
	buf_str(&cell, l->frozen[0] != '\0' ? "; " : "");
	buf_str(&cell, l->frozen);
	if (!status_is_well(l)) {
		buf_clear(&cell);
		buf_str(&cell, "its guards are dead: spawnguard reap ends what is left");
	}
	set(f, CELL_NOTE, &cell, TABLE_PLAIN);
}

/* Before all else: it does not start. */
static void put_open(struct buf *cell, const struct circuit *c)
{
	BUF(text, 160);

	if (!c->is_open)
		return;
	circuit_say_next(&text, c, os_clock_wall_ns());
	buf_str(cell, "breaker ");
	buf_str(cell, circuit_state_name(circuit_state(c)));
	buf_str(cell, ", ");
	term_show(cell, text.at, text.len, 0);
}

static void fill_end(const struct filling *f, const struct past_run *run, const struct circuit *circuit)
{
	bool is_ok = strcmp(run->outcome, SG_OUTCOME_OK) == 0;
	BUF(cell, 2048);

	put_name(&cell, run->outcome);
	set(f, CELL_STATE, &cell, is_ok ? TABLE_PLAIN : TABLE_BAD);
	buf_clear(&cell);
	buf_i64(&cell, run->exit_status);
	set(f, CELL_STATUS, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	put_since(&cell, run->ended_wall_ns);
	set(f, CELL_WHEN, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	num_format_duration(&cell, run->wall_ns);
	set(f, CELL_TOOK, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	term_escape(&cell, run->run_id, strnlen(run->run_id, ID_BYTES), 0);
	set(f, CELL_RUN, &cell, TABLE_PLAIN);
	buf_clear(&cell);
	put_open(&cell, circuit);
	if (strcmp(run->cause, "none") != 0) {
		buf_str(&cell, cell.len > 0 ? "; " : "");
		put_cause(&cell, run);
	}
	if (run->detail[0] != '\0') {
		buf_str(&cell, cell.len > 0 ? "; " : "");
		put_name(&cell, run->detail);
	}
	set(f, CELL_NOTE, &cell, TABLE_PLAIN);
}

void status_table_add(struct table *table, const struct term *term, bool has_users,
		      const struct shown_job *job)
{
	const struct past_job *past = job->past;
	struct filling f = begin_row(table, term, has_users, job);
	bool is_live = false;
	BUF(cell, 512);

	if (past && past->count > 0) {
		put_strip(term, &cell, past);
		set(&f, CELL_OUTCOMES, &cell, TABLE_PLAIN);
	}
	for (size_t i = status_next_live(job, 0); i < job->live_count; i = status_next_live(job, i + 1)) {
		if (is_live)
			f = begin_row(table, term, has_users, job);
		fill_live(&f, &job->live[i]);
		is_live = true;
	}
	if (is_live)
		return;
	if (past && past->count > 0) {
		fill_end(&f, &past->run[0], job->circuit);
		return;
	}
	buf_clear(&cell);
	put_open(&cell, job->circuit);
	buf_str(&cell, cell.len > 0 ? "; " : "");
	buf_str(&cell, past && past->start ? "started, and no end is known" : "only refused so far");
	set(&f, CELL_NOTE, &cell, TABLE_WARN);
}
