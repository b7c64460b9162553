/* What breaker knows of jobs, and how it is shown: as a table, in lines, as JSON. */
#ifndef SG_CMD_BREAKER_H
#define SG_CMD_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/json_write.h"
#include "store/breaker.h"
#include "ui/term.h"

struct buf;
struct cmd;
struct table;

/* The names of jobs, in their order, each once. */
struct breaker_names {
	char **at; /* owned, each */
	size_t count;
};

/*
 * The jobs that are meant: `what` alone, or (`is_prefix`) those whose names
 * begin so; NULL: all.  Known are those with a file in breaker/, and where
 * `wants_all` those that were ever started here or are configured.  0, -ENOMEM,
 * -errno.
 */
int breaker_names_find(struct breaker_names *names, const struct cmd *cmd, const char *what, bool is_prefix,
		       bool wants_all);
void breaker_names_release(struct breaker_names *names);

/* One job. */
struct shown_breaker {
	const char *name;              /* borrowed */
	const struct breaker *breaker; /* borrowed */
	bool is_damaged;               /* its file cannot be read: a start would assume one failure */
	uint64_t now_wall_ns;
	const char *tail; /* borrowed: end of stderr of its last failure; NULL = it was not kept */
	const char *tail_run;
};

/* In a row of its own.  NULL = no memory. */
struct table *breaker_table_new(const struct term *term);
void breaker_table_add(struct table *table, const struct term *term, const struct shown_breaker *job);
/* A table, behind an empty line, or nothing where there is no memory for it; `table` is freed. */
void breaker_put_table(struct buf *out, struct table *table);
/* In lines of its own. */
void breaker_put_job(struct buf *out, const struct term *term, const struct shown_breaker *job);
/* One line: how it stands. */
void breaker_put_state(struct buf *out, const struct shown_breaker *job);
/* What --max-attempts has counted: a table, a member of an object (doc/breaker.md). */
void breaker_put_tasks(struct buf *out, const struct term *term, const struct shown_breaker *job);
void breaker_json_tasks(struct json *j, const struct shown_breaker *job);
/* doc/breaker.md */
void breaker_json_job(struct json *j, const struct shown_breaker *job);

/* --until: "2026-12-01", "2026-12-01 14:05", "14:05" (the next one); here, or with Z or +02:00.  0, -EINVAL.
 */
int breaker_date_parse(const char *text, uint64_t now_wall_ns, uint64_t *out_wall_ns);

#endif
