#include "ui/term.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "os/terminal.h"

#define TEXT_MAX 8192 /* more than any record holds, every byte escaped */
#define DOTS     3

void term_init(struct term *term, enum term_color wish, const char *no_color, const char *force)
{
	term->columns = os_terminal_columns(1);
	term->is_utf8 = os_locale_is_utf8();
	term->is_colored = wish == TERM_COLOR_ALWAYS;
	if (wish != TERM_COLOR_AUTO || (no_color && no_color[0] != '\0'))
		return;
	bool is_forced = force && force[0] != '\0' && strcmp(force, "0") != 0;
	term->is_colored = is_forced || term->columns > 0;
}

/* What is shown as a whole or not at all: its bytes, and the columns it takes. */
struct unit {
	size_t bytes, columns;
	bool is_hex; /* each byte as \xHH */
};

static struct unit unit_at(const char *at, size_t n)
{
	struct unit unit = { .bytes = 1, .columns = 1 };

	if (at[0] == '\\') { /* \xHH, \n, \\ */
		unit.columns = unit.bytes = n >= 4 && at[1] == 'x' ? 4 : (n >= 2 ? 2 : 1);
		return unit;
	}
	int columns = os_char_columns(at, n, &unit.bytes);
	unit.is_hex = columns < 0;
	unit.columns = unit.is_hex ? 4 * unit.bytes : (size_t)columns;
	return unit;
}

static void put_unit(struct buf *out, const char *at, struct unit unit)
{
	if (!unit.is_hex) {
		buf_mem(out, at, unit.bytes);
		return;
	}
	for (size_t i = 0; i < unit.bytes; i++) {
		buf_str(out, "\\x");
		buf_hex(out, (unsigned char)at[i], 2);
	}
}

void term_show(struct buf *out, const char *text, size_t n, size_t columns)
{
	size_t width = 0, fits = 0; /* fits: bytes behind which there is room for dots */

	for (size_t at = 0; at < n;) {
		struct unit unit = unit_at(text + at, n - at);
		width += unit.columns;
		at += unit.bytes;
		if (width + DOTS <= columns)
			fits = at;
	}
	bool is_cut = columns > 0 && width > columns;
	size_t end = is_cut ? fits : n;
	for (size_t at = 0; at < end;) {
		struct unit unit = unit_at(text + at, n - at);
		put_unit(out, text + at, unit);
		at += unit.bytes;
	}
	if (is_cut)
		buf_str(out, "...");
}

void term_escape(struct buf *out, const void *bytes, size_t n, size_t columns)
{
	BUF(text, TEXT_MAX);
	escape_text(&text, bytes, n, 0);
	term_show(out, text.at, text.len, columns);
}
