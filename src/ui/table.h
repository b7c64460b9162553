/* Tables and trees on the terminal, by libsmartcols.  Cells are printable: what is foreign went through
 * term_escape. */
#ifndef SG_UI_TABLE_H
#define SG_UI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;
struct table_row; /* of its table */
struct term;

struct table_column {
	const char *name; /* borrowed; shown in capitals */
	bool is_right;
	bool is_tree; /* branches are drawn here; of one column */
};

enum table_mark { TABLE_PLAIN, TABLE_STRONG, TABLE_GOOD, TABLE_WARN, TABLE_BAD, TABLE_MARK_COUNT };

/* Owned; NULL = no memory.  On a terminal the last column, if it is text, is cut at the edge. */
struct table *table_new(const struct term *term, const struct table_column *column, size_t count);
void table_free(struct table *table);

/* A row below `parent` (NULL = none).  NULL: no memory, which table_format tells of. */
struct table_row *table_add(struct table *table, struct table_row *parent);
/* `text` is copied; "" = nothing.  `row` may be NULL. */
void table_set(struct table *table, struct table_row *row, size_t column, const char *text,
	       enum table_mark mark);

/* The whole as text, owned by the caller. 0, -ENOMEM. */
int table_format(struct table *table, char **out_text);

#endif
