#include "ui/table.h"

#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ui/term.h"

struct table {
	struct libscols_table *scols; /* owned */
	int err;
};

static const char *const mark_color[TABLE_MARK_COUNT] = {
	NULL, "\033[1m", "\033[32m", "\033[33m", "\033[31m",
};

static void put_capitals(struct buf *out, const char *name)
{
	for (; *name; name++)
		buf_char(out, *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name);
}

static void add_columns(struct table *table, const struct term *term, const struct table_column *column,
			size_t count)
{
	for (size_t i = 0; i < count; i++) {
		BUF(title, 64);
		put_capitals(&title, column[i].name);
		int flags = column[i].is_right ? SCOLS_FL_RIGHT : 0;
		/* Another than the last would be cut although there is room (libsmartcols 2.38). */
		if (term->columns > 0 && i + 1 == count && !column[i].is_right)
			flags |= SCOLS_FL_TRUNC;
		if (column[i].is_tree)
			flags |= SCOLS_FL_TREE;
		if (!scols_table_new_column(table->scols, title.at, 0, flags))
			table->err = -ENOMEM;
	}
}

struct table *table_new(const struct term *term, const struct table_column *column, size_t count)
{
	struct table *table = calloc(1, sizeof(*table));
	if (table)
		table->scols = scols_new_table();
	if (!table || !table->scols) {
		free(table);
		return NULL;
	}
	/* Cells come escaped: libsmartcols would escape the backslashes once more. */
	(void)scols_table_enable_noencoding(table->scols, 1);
	(void)scols_table_enable_ascii(table->scols, !term->is_utf8);
	(void)scols_table_enable_colors(table->scols, term->is_colored);
	(void)scols_table_set_termforce(table->scols,
					term->columns > 0 ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	if (term->columns > 0)
		(void)scols_table_set_termwidth(table->scols, term->columns);
	add_columns(table, term, column, count);
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	scols_unref_table(table->scols);
	free(table);
}

struct table_row *table_add(struct table *table, struct table_row *parent)
{
	struct libscols_line *line = scols_table_new_line(table->scols, (struct libscols_line *)parent);
	if (!line)
		table->err = -ENOMEM;
	return (struct table_row *)line;
}

void table_set(struct table *table, struct table_row *row, size_t column, const char *text,
	       enum table_mark mark)
{
	struct libscols_line *line = (struct libscols_line *)row;

	if (!line || text[0] == '\0')
		return;
	if (scols_line_set_data(line, column, text) < 0)
		table->err = -ENOMEM;
	struct libscols_cell *cell = scols_line_get_cell(line, column);
	if (mark_color[mark] && (!cell || scols_cell_set_color(cell, mark_color[mark]) < 0))
		table->err = -ENOMEM;
}

/* Cells are padded, those at the end of a line too. */
static void strip(char *text)
{
	char *to = text, *end = text; /* of what is kept of the line */

	for (const char *from = text; *from; from++) {
		if (*from == '\n')
			to = end;
		*to++ = *from;
		if (*from != ' ')
			end = to;
	}
	*end = '\0';
}

int table_format(struct table *table, char **out_text)
{
	char *text = NULL;

	if (table->err < 0)
		return table->err;
	if (scols_print_table_to_string(table->scols, &text) < 0 || !text)
		return -ENOMEM;
	strip(text);
	size_t n = strlen(text); /* the last line comes without its newline */
	char *whole = n > 0 ? realloc(text, n + 2) : text;
	if (!whole) {
		free(text);
		return -ENOMEM;
	}
	if (n > 0)
		memcpy(whole + n, "\n", 2);
	*out_text = whole;
	return 0;
}
