/* A run as rows of a table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/ps.h"
#include "run/describe.h"
#include "run/find.h"
#include "run/slot_of.h"
#include "ui/table.h"
#include "ui/term.h"

#define NAME_COLUMNS    24 /* of a name on a terminal, where it is not the last column */
#define COMMAND_COLUMNS 40 /* of a command there */
#define ID_BYTES        8
#define CELL_MAX        8192
#define LEVELS_MAX      24 /* what is deeper is drawn at this level: each level takes two columns */

struct row {
	struct table *table;
	const struct ps_style *style;
	const struct ps_run *run;
};

struct table *ps_table_new(const struct ps_style *style, const struct term *term)
{
	struct table_column column[COLUMN_COUNT];
	bool has_tree = false;

	for (uint32_t i = 0; i < style->columns.count; i++) {
		unsigned id = style->columns.at[i];
		bool is_tree = !has_tree && (id == COLUMN_COMM || id == COLUMN_COMMAND);
		has_tree = has_tree || is_tree;
		column[i] = (struct table_column){ column_rows[id].name, column_rows[id].is_right, is_tree };
	}
	return table_new(term, column, style->columns.count);
}

static void put_size(struct buf *cell, uint64_t bytes)
{
	if (bytes > 0)
		num_format_size(cell, bytes);
}

static void put_count(struct buf *cell, uint64_t count)
{
	if (count > 0)
		buf_u64(cell, count);
}

static size_t limit(const struct row *row, uint32_t at, size_t columns)
{
	return row->style->is_narrow && at + 1 < row->style->columns.count ? columns : 0;
}

static void put_name(const struct row *row, struct buf *cell, uint32_t at, const char *name)
{
	term_escape(cell, name, strlen(name), limit(row, at, NAME_COLUMNS));
}

static void put_id(const struct row *row, struct buf *cell, const char *id)
{
	buf_mem(cell, id, row->style->is_narrow ? strnlen(id, ID_BYTES) : strlen(id));
}

static void put_run_command(const struct row *row, struct buf *cell, uint32_t at)
{
	BUF(command, CELL_MAX / 2);
	describe_command(&command, &row->run->view->record.head, 0);
	term_show(cell, command.at, command.len, limit(row, at, COMMAND_COLUMNS));
}

/* "net/2 of 4" */
static void put_slot(const struct row *row, struct buf *cell, uint32_t at)
{
	const struct record_head *head = &row->run->view->record.head;
	BUF(group, ESCAPE_NAME_MAX + 1);

	if (head->slot == 0)
		return;
	slot_of(row->run->dir, row->run->owner, head, &group);
	put_name(row, cell, at, group.at);
	buf_char(cell, '/');
	buf_u64(cell, head->slot);
	buf_str(cell, " of ");
	buf_u64(cell, head->slots);
}

/* Of the run as a whole.  False: the column is of a process. */
static bool put_run_cell(const struct row *row, uint32_t at, struct buf *cell, enum table_mark *mark)
{
	const struct ps_run *run = row->run;
	const struct record_head *head = &run->view->record.head;
	bool has_timeout = head->timeout_ns != NUM_NONE && run->age_ns > 0;

	switch ((enum column)row->style->columns.at[at]) {
	case COLUMN_JOB:
		put_name(row, cell, at, head->job);
		*mark = TABLE_STRONG;
		return true;
	case COLUMN_RUN:
		put_id(row, cell, head->run_id);
		return true;
	case COLUMN_PARENT:
		put_id(row, cell, head->parent_run_id);
		return true;
	case COLUMN_USER:
		put_name(row, cell, at, ps_user(run->owner));
		return true;
	case COLUMN_STATE:
		buf_str(cell, run->state);
		if (describe_frozen_rule(run->view)) {
			buf_str(cell, " (");
			term_escape(cell, describe_frozen_rule(run->view),
				    strlen(describe_frozen_rule(run->view)), NAME_COLUMNS);
			buf_char(cell, ')');
		}
		*mark = strcmp(run->state, "running") == 0 ? TABLE_GOOD
			: strcmp(run->state, "lost") == 0  ? TABLE_BAD
							   : TABLE_WARN;
		return true;
	case COLUMN_AGE:
		if (run->age_ns > 0)
			num_format_duration(cell, run->age_ns);
		return true;
	case COLUMN_LEFT:
		if (has_timeout)
			num_format_duration(cell, head->timeout_ns > run->counted_ns
							  ? head->timeout_ns - run->counted_ns
							  : 0);
		return true;
	case COLUMN_PROCS:
		buf_u64(cell, run->count);
		return true;
	case COLUMN_THREADS:
		put_count(cell, run->threads);
		return true;
	case COLUMN_RSS:
		put_size(cell, run->rss_bytes);
		return true;
	case COLUMN_CPU:
		num_format_duration(cell, run->cpu_ns);
		return true;
	case COLUMN_SLOT:
		put_slot(row, cell, at);
		return true;
	case COLUMN_CLAIM:
		put_size(cell, head->expected_bytes);
		return true;
	case COLUMN_TASK:
		put_name(row, cell, at, head->task);
		return true;
	case COLUMN_STEP:
		put_name(row, cell, at, head->step);
		return true;
	case COLUMN_LOG:
		put_name(row, cell, at, head->log);
		return true;
	case COLUMN_COMMAND:
		put_run_command(row, cell, at);
		return true;
	default:
		return false;
	}
}

static void put_process_cell(const struct row *row, uint32_t at, const struct ps_process *p, struct buf *cell,
			     enum table_mark *mark)
{
	switch ((enum column)row->style->columns.at[at]) {
	case COLUMN_USER:
		if (p->has_uid)
			put_name(row, cell, at, ps_user(p->uid));
		break;
	case COLUMN_PID:
		put_count(cell, (uint64_t)p->pid);
		break;
	case COLUMN_PPID:
		put_count(cell, (uint64_t)p->ppid);
		break;
	case COLUMN_KIND:
		buf_str(cell, ps_kind_name[p->kind]);
		break;
	case COLUMN_STATE:
		if (p->has_stat)
			buf_char(cell, p->state);
		break;
	case COLUMN_AGE:
		if (p->has_stat)
			num_format_duration(cell, p->age_ns);
		break;
	case COLUMN_THREADS:
		put_count(cell, p->threads);
		break;
	case COLUMN_RSS:
		put_size(cell, p->rss_bytes);
		break;
	case COLUMN_CPU:
		if (p->has_stat)
			num_format_duration(cell, p->cpu_ns);
		break;
	case COLUMN_DEPTH:
		put_count(cell, p->depth);
		break;
	case COLUMN_LEFTOVER:
		buf_str(cell, p->is_leftover ? "yes" : "");
		*mark = TABLE_WARN;
		break;
	case COLUMN_MARKS:
		buf_str(cell, p->marks ? p->marks : "");
		*mark = p->marks && strcmp(p->marks, "lost") == 0 ? TABLE_WARN : TABLE_PLAIN;
		break;
	case COLUMN_COMM:
	case COLUMN_COMMAND:
		term_escape(cell, p->comm, strnlen(p->comm, sizeof(p->comm)), limit(row, at, NAME_COLUMNS));
		*mark = p->is_leftover ? TABLE_WARN : TABLE_PLAIN;
		break;
	default:
		break;
	}
}

/* `is_run`: the row of front, which stands for the run. */
static struct table_row *add_row(const struct row *row, struct table_row *parent, const struct ps_process *p,
				 bool is_run)
{
	struct table_row *line = table_add(row->table, parent);

	for (uint32_t i = 0; i < row->style->columns.count; i++) {
		enum table_mark mark = TABLE_PLAIN;
		BUF(cell, CELL_MAX);
		if (!is_run || !put_run_cell(row, i, &cell, &mark))
			put_process_cell(row, i, p, &cell, &mark);
		table_set(row->table, line, i, cell.at, mark);
	}
	return line;
}

/* Where a member hangs. */
struct twig {
	struct table_row *row, *above; /* NULL = not there yet */
	unsigned level;
};

struct pid_at {
	pid_t pid;
	size_t at;
};

static int compare_pids(const void *a, const void *b)
{
	const struct pid_at *x = a, *y = b;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Into out_parent[i] the place of the parent of member i; run->count: it is no member. 0, -ENOMEM. */
static int find_parents(const struct ps_run *run, size_t *out_parent)
{
	AUTO_FREE struct pid_at *sorted = calloc(run->count + 1, sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < run->count; i++)
		sorted[i] = (struct pid_at){ run->member[i].pid, i };
	qsort(sorted, run->count, sizeof(*sorted), compare_pids);
	for (size_t i = 0; i < run->count; i++) {
		struct pid_at wanted = { .pid = run->member[i].ppid };
		const struct pid_at *found =
			bsearch(&wanted, sorted, run->count, sizeof(*sorted), compare_pids);
		out_parent[i] = found ? found->at : run->count;
	}
	return 0;
}

/* Rows of those whose parent has one, or is no member (`is_last`: of all that are left).  How many. */
static size_t add_some(const struct row *row, struct table_row *root, struct twig *twig, const size_t *parent,
		       bool is_last)
{
	size_t added = 0;

	for (size_t i = 0; i < row->run->count; i++) {
		const struct twig *up = parent[i] < row->run->count ? &twig[parent[i]] : NULL;
		if (twig[i].row || (up && !up->row && !is_last))
			continue;
		bool hangs = up && up->row;
		bool is_deep = hangs && up->level >= LEVELS_MAX;
		twig[i].above = is_deep ? up->above : hangs ? up->row : root;
		twig[i].level = is_deep ? up->level : hangs ? up->level + 1 : 1;
		twig[i].row = add_row(row, twig[i].above, &row->run->member[i], false);
		added += twig[i].row ? 1 : 0;
	}
	return added;
}

int ps_table_add(struct table *table, const struct ps_style *style, const struct ps_run *run)
{
	struct row row = { table, style, run };
	AUTO_FREE struct twig *twig = calloc(run->count + 1, sizeof(*twig));
	AUTO_FREE size_t *parent = calloc(run->count + 1, sizeof(*parent));

	if (!twig || !parent || find_parents(run, parent) < 0)
		return -ENOMEM;
	struct table_row *root = add_row(&row, NULL, &run->front, true);
	if (run->warden.pid > 0)
		root = add_row(&row, root, &run->warden, false);
	while (add_some(&row, root, twig, parent, false) > 0)
		;
	(void)add_some(&row, root, twig, parent, true); /* a circle of parents: numbers changed hands */
	return 0;
}
