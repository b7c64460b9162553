/* The lines of history/YYYY-MM.jsonl, newest first: the newest file from its end, then the one before. */
#ifndef SG_REPORT_BACKWARD_H
#define SG_REPORT_BACKWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "codec/history_line.h"

#define BACKWARD_FILES 12 /* months that are looked at: the newest there are, whatever the clock says */

struct backward_line {
	const char *at; /* borrowed until `each` returns; without newlines */
	size_t n;
	struct history_peek peek; /* not yet checked: history_line_is_intact(at, n) */
};

/*
 * Each line that begins as one of ours; `each` returns 0 to go on.  `keep_fd`:
 * the directory that has history/; what in it does not belong to `owner`, or
 * is no plain file, is passed over.  0, what `each` returned, or -errno.
 * *damaged counts lines that begin otherwise, torn or foreign ones.
 */
int backward_each(int keep_fd, uid_t owner, int (*each)(void *with, const struct backward_line *line),
		  void *with, uint64_t *damaged);

/* A file of the history, by its name. */
#define BACKWARD_NAME_MAX sizeof("YYYY-MM.jsonl")
bool backward_is_month(const char *name);

#endif
