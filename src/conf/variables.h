/* Names of environment variables, with commas between: --require-env. */
#ifndef SG_CONF_VARIABLES_H
#define SG_CONF_VARIABLES_H

#include <stddef.h>

struct buf;

/* Is that such a list?  0, -EINVAL with what is wrong and what to write instead in `why`. */
int variables_check(const char *text, struct buf *why);

/* The next name of a list that was checked, and its length; NULL: no more.  `at` starts at the list. */
const char *variables_next(const char **at, size_t *out_n);

#endif
