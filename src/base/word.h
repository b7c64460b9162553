/* Lines of words with one blank between: the text files of our own state. */
#ifndef SG_BASE_WORD_H
#define SG_BASE_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next word of [*at, end) into `out` (n bytes), which is passed over.  False: there is none that fits. */
bool word_take(const char **at, const char *end, char *out, size_t n);
/* The same of a plain decimal number. */
bool word_take_u64(const char **at, const char *end, uint64_t *out);

#endif
