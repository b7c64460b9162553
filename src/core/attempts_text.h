/*
 * Attempts of tasks as lines of the file breaker/NAME.  Pure.
 *
 *   task KEY LIMIT PER KEPT CUT =NAME   one task: digest of its name, number, nanoseconds, 0 or 1, its name
 *   try TASK AGE RUN                    of it (0: the first of those lines), the oldest first: nanoseconds,
 *                                       digest of the run's id
 */
#ifndef SG_CORE_ATTEMPTS_TEXT_H
#define SG_CORE_ATTEMPTS_TEXT_H

#include <stddef.h>

#include "core/attempts.h"

struct buf;

#define ATTEMPTS_TEXT_TASK (80 + 3 * ATTEMPTS_NAME_MAX)
#define ATTEMPTS_TEXT_ONE  52
#define ATTEMPTS_TEXT_MAX  (ATTEMPTS_TASKS * ATTEMPTS_TEXT_TASK + ATTEMPTS_KEPT * ATTEMPTS_TEXT_ONE)

/* What there has to be room for. */
size_t attempts_text_size(const struct attempts *a);
void attempts_text_format(struct buf *out, const struct attempts *a);
/* One line, without its newline. 1: it was one of these; 0: of another kind; -EBADMSG. */
int attempts_text_parse(struct attempts *a, const char *line, size_t n);

#endif
