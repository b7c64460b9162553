/*
 * A command line in a configuration file or an option, taken apart into words:
 * blanks separate; '...' keeps all but '; "..." keeps all but ", \ and the
 * byte behind a \; \ outside of quotes keeps the next byte.  Nothing is
 * expanded: no variables, no patterns, no shell.
 */
#ifndef SG_CONF_WORDS_H
#define SG_CONF_WORDS_H

#include <stddef.h>

struct words {
	size_t count;
	size_t bytes;      /* of all words, each with its NUL */
	const char *error; /* why and what to write instead; NULL = none */
};

/* Count what is there.  0, -EINVAL with `error`: a quote without its end, a \ at the end, no word at all. */
int words_check(const char *text, struct words *out_words);

/*
 * The words of a text that words_check has passed: into `store` (`bytes` of
 * it), `argv` points there (`count` entries; no NULL is added).
 */
void words_split(const char *text, char *store, const char **argv);

#endif
