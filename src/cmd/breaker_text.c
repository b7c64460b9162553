/* Breakers for people: a table of all, the whole of one. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/breaker.h"
#include "run/circuit_plan.h"
#include "run/circuit_say.h"
#include "ui/table.h"

#define NAME_COLUMNS 24 /* of a name on a terminal */
#define ID_BYTES     8
#define LABEL        14 /* columns of what stands before a line */

static enum table_mark mark_of(enum circuit_state state)
{
	return state == CIRCUIT_OPEN ? TABLE_BAD : state == CIRCUIT_HALF_OPEN ? TABLE_WARN : TABLE_PLAIN;
}

/* Written by what run/circuit_say has escaped already. */
static void show(struct buf *out, const struct buf *text)
{
	term_show(out, text->at, text->len, 0);
}

/* ---- list */

enum { CELL_JOB, CELL_STATE, CELL_SINCE, CELL_NEXT, CELL_COUNTED, CELL_WHY };

/* clang-format off */
static const struct table_column table_columns[] = {
	[CELL_JOB]     = { "job",        false, false },
	[CELL_STATE]   = { "state",      false, false },
	[CELL_SINCE]   = { "for",        true,  false },
	[CELL_NEXT]    = { "next trial", false, false },
	[CELL_COUNTED] = { "failures",   true,  false },
	[CELL_WHY]     = { "why",        false, false },
};
/* clang-format on */

struct table *breaker_table_new(const struct term *term)
{
	return table_new(term, table_columns, COUNT_OF(table_columns));
}

static void put_when(struct buf *out, const struct shown_breaker *job)
{
	const struct circuit *c = &job->breaker->circuit;

	if (c->wait_ns == CIRCUIT_NEVER) {
		buf_str(out, "by hand");
	} else if (c->wait_ns == 0) {
		buf_str(out, "now");
	} else {
		circuit_say_when(out, c->wait_ns, job->now_wall_ns);
	}
}

void breaker_table_add(struct table *table, const struct term *term, const struct shown_breaker *job)
{
	const struct circuit *c = &job->breaker->circuit;
	struct table_row *row = table_add(table, NULL);
	enum circuit_state state = circuit_state(c);
	BUF(cell, 1024);
	BUF(why, 512);

	term_escape(&cell, job->name, strlen(job->name), term->columns > 0 ? NAME_COLUMNS : 0);
	table_set(table, row, CELL_JOB, cell.at, TABLE_STRONG);
	table_set(table, row, CELL_STATE, job->is_damaged ? "damaged" : circuit_state_name(state),
		  job->is_damaged ? TABLE_BAD : mark_of(state));
	buf_clear(&cell);
	buf_u64(&cell, c->failed_count);
	table_set(table, row, CELL_COUNTED, cell.at, TABLE_PLAIN);
	uint32_t used_up = attempts_used_up(&job->breaker->attempts);
	if (!c->is_open && used_up > 0) {
		buf_clear(&cell);
		buf_str(&cell, "attempts used up: ");
		buf_u64(&cell, used_up);
		buf_str(&cell, used_up == 1 ? " task" : " tasks");
		table_set(table, row, CELL_WHY, cell.at, TABLE_PLAIN);
	}
	if (!c->is_open)
		return;
	buf_clear(&cell);
	num_format_duration(&cell, c->open_ns);
	table_set(table, row, CELL_SINCE, cell.at, TABLE_PLAIN);
	buf_clear(&cell);
	put_when(&cell, job);
	table_set(table, row, CELL_NEXT, cell.at, TABLE_PLAIN);
	buf_clear(&cell);
	circuit_say_why(&why, c);
	show(&cell, &why);
	table_set(table, row, CELL_WHY, cell.at, TABLE_PLAIN);
}

/* ---- show */

static void put_label(struct buf *out, const char *label)
{
	size_t from = out->len;

	buf_str(out, label);
	do
		buf_char(out, ' ');
	while (out->len < from + LABEL && !out->cut);
}

void breaker_put_state(struct buf *out, const struct shown_breaker *job)
{
	const struct circuit *c = &job->breaker->circuit;
	BUF(text, 512);

	if (job->is_damaged) {
		buf_str(out, "its file is damaged: the next start puts it aside and assumes one failure");
		return;
	}
	buf_str(out, circuit_state_name(circuit_state(c)));
	if (!c->is_open) {
		if (c->failed_count > 0) {
			buf_str(out, ", failures counted: ");
			buf_u64(out, c->failed_count);
		}
		return;
	}
	buf_str(out, " for ");
	num_format_duration(out, c->open_ns);
	buf_str(out, ": ");
	circuit_say_why(&text, c);
	buf_str(&text, "; ");
	circuit_say_next(&text, c, job->now_wall_ns);
	show(out, &text);
}

static void put_rules(struct buf *out, const struct circuit *c)
{
	bool has_one = false;

	for (unsigned i = 0; i < CIRCUIT_RULE_COUNT; i++) {
		BUF(text, 256);
		if (!circuit_plan_gauge(&text, c, (enum circuit_rule)i))
			continue;
		has_one = true;
		put_label(out, circuit_rule_name((enum circuit_rule)i));
		buf_mem(out, text.at, text.len);
		buf_char(out, '\n');
	}
	if (!has_one) {
		put_label(out, "rules");
		buf_str(out, "none: nothing opens it but breaker open\n");
	}
	BUF(nearest, 256);
	circuit_plan_nearest(&nearest, c);
	if (nearest.len > 0 && !c->is_open) {
		put_label(out, "");
		buf_mem(out, nearest.at, nearest.len);
		buf_char(out, '\n');
	}
	put_label(out, "reset");
	buf_str(out, "after ");
	num_format_duration(out, circuit_reset_after(&c->rules));
	buf_str(out, " of health");
	if (c->is_healthy) {
		buf_str(out, "; the last good end was ");
		num_format_duration(out, c->healthy_ns);
		buf_str(out, " ago");
	}
	buf_char(out, '\n');
}

void breaker_put_table(struct buf *out, struct table *table)
{
	AUTO_FREE char *text = NULL;

	if (table && table_format(table, &text) == 0) {
		buf_char(out, '\n');
		buf_str(out, text);
	}
	table_free(table);
}

enum { END_AGO, END_CLASS, END_TOOK, END_RUN, END_START, END_PRINT };

/* clang-format off */
static const struct table_column end_columns[] = {
	[END_AGO]   = { "ended",       true,  false },
	[END_CLASS] = { "class",       false, false },
	[END_TOOK]  = { "took",        true,  false },
	[END_RUN]   = { "run",         false, false },
	[END_START] = { "start",       false, false },
	[END_PRINT] = { "fingerprint", false, false },
};
/* clang-format on */

static const char *name_of_start(enum circuit_start start)
{
	return start == CIRCUIT_START_TRIAL ? "trial" : start == CIRCUIT_START_FORCED ? "forced" : "";
}

static void put_ends(struct buf *out, const struct term *term, const struct circuit *c)
{
	struct table *table = table_new(term, end_columns, COUNT_OF(end_columns));

	for (uint32_t i = c->ring_count; table && i-- > 0;) {
		const struct circuit_end *end = &c->ring[i];
		struct table_row *row = table_add(table, NULL);
		enum table_mark mark = end->failure >= FAILURE_FIRST ? TABLE_BAD : TABLE_PLAIN;
		BUF(cell, 160);
		num_format_duration(&cell, end->ago_ns);
		buf_str(&cell, " ago");
		table_set(table, row, END_AGO, cell.at, TABLE_PLAIN);
		table_set(table, row, END_CLASS,
			  end->failure == FAILURE_NONE ? "ok" : failure_name(end->failure), mark);
		buf_clear(&cell);
		num_format_duration(&cell, end->took_ns);
		table_set(table, row, END_TOOK, cell.at, TABLE_PLAIN);
		buf_clear(&cell);
		term_escape(&cell, end->run_id, strnlen(end->run_id, ID_BYTES), 0);
		table_set(table, row, END_RUN, cell.at, TABLE_PLAIN);
		table_set(table, row, END_START, name_of_start(end->start), TABLE_PLAIN);
		buf_clear(&cell);
		term_escape(&cell, end->print, strlen(end->print), 0);
		table_set(table, row, END_PRINT, cell.at, TABLE_PLAIN);
	}
	if (c->ring_count > 0)
		breaker_put_table(out, table);
	else
		table_free(table);
}

enum { STEP_CLASS, STEP_WAITS, STEP_NEXT };

/* clang-format off */
static const struct table_column step_columns[] = {
	[STEP_CLASS] = { "class",         false, false },
	[STEP_WAITS] = { "waits",         false, false },
	[STEP_NEXT]  = { "next from now", false, false },
};
/* clang-format on */

static void put_schedule(struct buf *out, const struct term *term, const struct circuit *c)
{
	struct table *table = table_new(term, step_columns, COUNT_OF(step_columns));

	for (unsigned i = FAILURE_FIRST; table && i < FAILURE_COUNT; i++) {
		enum failure failure = (enum failure)i;
		struct table_row *row = table_add(table, NULL);
		bool is_at_work = c->is_open && c->failure == failure;
		BUF(cell, 512);
		table_set(table, row, STEP_CLASS, failure_name(failure),
			  is_at_work ? TABLE_STRONG : TABLE_PLAIN);
		circuit_plan_steps(&cell, &c->rules, failure, 0);
		table_set(table, row, STEP_WAITS, cell.at, TABLE_PLAIN);
		buf_clear(&cell);
		uint32_t count = circuit_steps_of(&c->rules, failure)->count;
		circuit_plan_steps(&cell, &c->rules, failure, c->level[i] < count ? c->level[i] : count - 1);
		table_set(table, row, STEP_NEXT, cell.at, TABLE_PLAIN);
	}
	breaker_put_table(out, table);
}

/* As it was written, but for what a terminal would obey. */
static void put_tail(struct buf *out, const char *tail)
{
	for (const char *line = tail; *line;) {
		const char *end = strchrnul(line, '\n');
		buf_str(out, "  ");
		term_escape(out, line, (size_t)(end - line), 0);
		buf_char(out, '\n');
		line = *end ? end + 1 : end;
	}
}

void breaker_put_job(struct buf *out, const struct term *term, const struct shown_breaker *job)
{
	const struct circuit *c = &job->breaker->circuit;

	term_escape(out, job->name, strlen(job->name), 0);
	buf_char(out, '\n');
	put_label(out, "state");
	breaker_put_state(out, job);
	buf_char(out, '\n');
	if (job->is_damaged)
		return;
	if (c->is_open && c->rule != CIRCUIT_RULE_HAND) {
		put_label(out, "opened by");
		buf_str(out, circuit_rule_name(c->rule));
		buf_str(out, ", class ");
		buf_str(out, failure_name(c->failure));
		buf_char(out, '\n');
	}
	put_rules(out, c);
	if (c->summary[0] != '\0') {
		put_label(out, "last failure");
		term_escape(out, c->summary, strlen(c->summary), 0);
		buf_char(out, '\n');
	}
	breaker_put_tasks(out, term, job);
	put_ends(out, term, c);
	put_schedule(out, term, c);
	if (!job->tail)
		return;
	buf_str(out, "\nend of stderr of run ");
	term_escape(out, job->tail_run, strnlen(job->tail_run, ID_BYTES), 0);
	buf_str(out, ":\n");
	put_tail(out, job->tail);
}
