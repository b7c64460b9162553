/* What the terminal and the locale can show. */
#ifndef SG_OS_TERMINAL_H
#define SG_OS_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Columns of the terminal `fd`; 80 where it does not know, 0 where it is no terminal. */
size_t os_terminal_columns(int fd);

/* Take the locale of the environment for characters.  Is it UTF-8? */
bool os_locale_is_utf8(void);

/*
 * Columns that the first character of `at` (n >= 1 bytes) takes in this
 * locale, and its bytes; -1: it is none, or does not print (then one byte).
 */
int os_char_columns(const char *at, size_t n, size_t *out_bytes);

#endif
