/* Lines of a text, to whoever understands some of them: what fuzz_budget, fuzz_circuit and fuzz_attempts
 * share. */
#ifndef SG_FUZZ_TEXT_LINES_H
#define SG_FUZZ_TEXT_LINES_H

#include <stddef.h>
#include <string.h>

/* One line into `to`: 1: it was one of these; 0: of another kind; < 0: it was none. */
typedef int text_lines_parser(void *to, const char *line, size_t n);

/* Each line up to the first that is none; how many were of these. */
static inline size_t text_lines_read(const char *text, size_t size, text_lines_parser *parse, void *to)
{
	const char *end = text + size;
	size_t taken = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((newline ? newline : end) - text);
		int r = parse(to, text, n);
		if (r < 0)
			break;
		taken += r == 1;
		text += n + (newline ? 1 : 0);
	}
	return taken;
}

#endif
