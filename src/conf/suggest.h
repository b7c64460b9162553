/* What a misspelt word was probably meant to be: for options and subcommands. */
#ifndef SG_CONF_SUGGEST_H
#define SG_CONF_SUGGEST_H

#include <stddef.h>

#define SUGGEST_WORD_MAX 32       /* longer words are never near */
#define SUGGEST_FAR      SIZE_MAX /* not near at all */

/*
 * How near `given` (n bytes, no NUL needed) is to `name`, less is nearer:
 * the number of letters added, left out, changed or swapped with their
 * neighbour, if that is within a third of the longer word.  A given word that
 * only begins `name` (two letters or more) is behind all those.
 */
size_t suggest_rank(const char *given, size_t n, const char *name);

#endif
