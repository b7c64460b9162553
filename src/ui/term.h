/* What stdout can show: columns, colours, characters. */
#ifndef SG_UI_TERM_H
#define SG_UI_TERM_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum term_color { TERM_COLOR_AUTO, TERM_COLOR_ALWAYS, TERM_COLOR_NEVER };

struct term {
	size_t columns; /* 0 = no terminal: lines are as long as they get */
	bool is_utf8, is_colored;
};

/*
 * Ask about stdout.  What was wished decides about colours; else `no_color`
 * (NO_COLOR, not empty), else `force` (CLICOLOR_FORCE, neither empty nor 0),
 * else whether it is a terminal.  NULL = not set.
 */
void term_init(struct term *term, enum term_color wish, const char *no_color, const char *force);

/*
 * Foreign bytes as text in one line: as escape_text, and what the locale
 * cannot show as \xHH too.  At most `columns` wide, then "..." within them;
 * 0 = no limit.
 */
void term_escape(struct buf *out, const void *bytes, size_t n, size_t columns);
/* The same of text that escape_text or escape_word wrote. */
void term_show(struct buf *out, const char *text, size_t n, size_t columns);

#endif
