/* Lines of words with one blank between: the text files of our own state. */
#ifndef SG_BASE_WORD_H
#define SG_BASE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* The next word of [*at, end) into `out` (n bytes), which is passed over.  False: there is none that fits. */
bool word_take(const char **at, const char *end, char *out, size_t n);
/* The same of a plain decimal number. */
bool word_take_u64(const char **at, const char *end, uint64_t *out);

/* Any text but "" as one word: blanks, controls, '%' and DEL as %XX (capitals). */
void word_put_text(struct buf *out, const char *text);
/* The way back, with zeros behind it in all of `out`. */
bool word_take_text(const char **at, const char *end, char *out, size_t n);

#endif
