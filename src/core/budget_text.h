/*
 * Budgets over runs as lines of the file breaker/NAME.  Pure.
 *
 *   budget KEY PER LIMIT OPEN   one budget: nanoseconds, millionths, nanoseconds
 *   used AGE AMOUNT             of it, the oldest first: nanoseconds, millionths
 */
#ifndef SG_CORE_BUDGET_TEXT_H
#define SG_CORE_BUDGET_TEXT_H

#include <stddef.h>

#include "core/budget.h"

struct buf;

#define BUDGET_TEXT_MAX (BUDGETS_MAX * (110 + BUDGET_POINTS * 48))

/* Those that are in use, or asked for. */
void budget_text_format(struct buf *out, const struct budgets *b);
/* One line, without its newline. 1: it was one of these; 0: of another kind; -EBADMSG. */
int budget_text_parse(struct budgets *b, const char *line, size_t n);

#endif
