/* The columns of `spawnguard ps`: -o, --help and the manual page read this table. */
#ifndef SG_CONF_COLUMNS_H
#define SG_CONF_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

/* In the order of the table. */
enum column {
	COLUMN_JOB,
	COLUMN_RUN,
	COLUMN_PARENT,
	COLUMN_USER,
	COLUMN_PID,
	COLUMN_PPID,
	COLUMN_KIND,
	COLUMN_STATE,
	COLUMN_AGE,
	COLUMN_LEFT,
	COLUMN_PROCS,
	COLUMN_THREADS,
	COLUMN_RSS,
	COLUMN_CPU,
	COLUMN_SLOT,
	COLUMN_CLAIM,
	COLUMN_DEPTH,
	COLUMN_LEFTOVER,
	COLUMN_MARKS,
	COLUMN_TASK,
	COLUMN_STEP,
	COLUMN_LOG,
	COLUMN_COMM,
	COLUMN_COMMAND,
	COLUMN_COUNT
};

struct column_row {
	const char *name; /* as -o takes it; in capitals its title */
	bool is_right;    /* numbers end at the right */
	bool is_usual;    /* shown without -o */
	const char *help; /* one line, no full stop */
};
extern const struct column_row column_rows[COLUMN_COUNT];

/* Columns in the order in which they are shown, each once. */
struct columns {
	uint8_t at[COLUMN_COUNT];
	uint32_t count; /* 0 = nothing was asked for */
};

/* What is shown without -o; those of several users begin with whose they are. */
void columns_usual(struct columns *out_columns, bool has_users);

/*
 * "job,pid,rss"; "+user,cpu": besides the usual ones, before the last of
 * them.  0, or -EINVAL with the reason in `why`.
 */
int columns_parse(const char *text, struct columns *out_columns, struct buf *why);

/* "job, run, user": all that there are. */
void columns_list(struct buf *out);

#endif
