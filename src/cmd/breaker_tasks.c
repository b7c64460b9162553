/* What --max-attempts has counted of the tasks of a job. */
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/utc.h"
#include "cmd/breaker.h"
#include "run/circuit_say.h"
#include "ui/table.h"

#define TASK_COLUMNS 40 /* of a name on a terminal */

enum { CELL_TASK, CELL_ATTEMPTS, CELL_WITHIN, CELL_NEXT };

/* clang-format off */
static const struct table_column columns[] = {
	[CELL_TASK]     = { "task",     false, false },
	[CELL_ATTEMPTS] = { "attempts", true,  false },
	[CELL_WITHIN]   = { "within",   true,  false },
	[CELL_NEXT]     = { "the next", false, false },
};
/* clang-format on */

static void put_name(struct buf *out, const struct attempts_task *task, size_t columns_max)
{
	if (task->name[0] == '\0')
		buf_str(out, "-");
	term_escape(out, task->name, strlen(task->name), columns_max);
	if (task->is_cut)
		buf_str(out, "...");
}

void breaker_put_tasks(struct buf *out, const struct term *term, const struct shown_breaker *job)
{
	const struct attempts *a = &job->breaker->attempts;

	if (a->task_count == 0)
		return;
	struct table *table = table_new(term, columns, COUNT_OF(columns));
	for (uint32_t i = 0; table && i < a->task_count; i++) {
		struct table_row *row = table_add(table, NULL);
		struct attempts_gauge g = attempts_gauge_of(a, i);
		enum table_mark mark = g.free_in_ns > 0 ? TABLE_BAD : TABLE_PLAIN;
		BUF(cell, 1024);
		put_name(&cell, &a->task[i], term->columns > 0 ? TASK_COLUMNS : 0);
		table_set(table, row, CELL_TASK, cell.at, TABLE_STRONG);
		buf_clear(&cell);
		buf_u64(&cell, g.used);
		buf_str(&cell, " of ");
		buf_u64(&cell, g.limit);
		table_set(table, row, CELL_ATTEMPTS, cell.at, mark);
		buf_clear(&cell);
		num_format_duration(&cell, g.per_ns);
		table_set(table, row, CELL_WITHIN, cell.at, TABLE_PLAIN);
		buf_clear(&cell);
		if (g.free_in_ns > 0)
			circuit_say_when(&cell, g.free_in_ns, job->now_wall_ns);
		else
			buf_str(&cell, "now");
		table_set(table, row, CELL_NEXT, cell.at, mark);
	}
	breaker_put_table(out, table);
}

void breaker_json_tasks(struct json *j, const struct shown_breaker *job)
{
	const struct attempts *a = &job->breaker->attempts;

	json_open(j, "tasks", '[');
	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct attempts_task *task = &a->task[i];
		struct attempts_gauge g = attempts_gauge_of(a, i);
		BUF(at, 40);
		json_open(j, NULL, '{');
		if (task->name[0] == '\0')
			json_null(j, "task");
		else
			json_bytes(j, "task", task->name, strlen(task->name));
		if (task->is_cut)
			json_bool(j, "cut", true);
		json_u64(j, "attempts", g.used);
		json_u64(j, "limit", g.limit);
		json_seconds(j, "per", g.per_ns, 3);
		json_bool(j, "used_up", g.free_in_ns > 0);
		json_seconds(j, "free_in", g.free_in_ns, 3);
		if (g.free_in_ns > 0) {
			utc_format(&at, job->now_wall_ns + g.free_in_ns);
			json_str(j, "free_at", at.at);
		}
		json_close(j, '}');
	}
	json_close(j, ']');
}
