/* Reading a file that may block for ever, in a child that is given up after a while. */
#ifndef SG_OS_READ_APART_H
#define SG_OS_READ_APART_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Is `word` (n bytes) one of the NUL-terminated entries of the file `path`?
 * Looked for by a child that holds nothing but one pipe, may use next to
 * nothing, and ends by itself some seconds later.  1, 0, -ENODATA (there is
 * not one byte in it), -ETIMEDOUT (the child is killed and, if it is stuck,
 * left to whoever reaps), -errno.
 */
int os_read_apart_find(const char *path, const char *word, size_t n, int timeout_ms);

#endif
