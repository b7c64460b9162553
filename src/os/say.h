/* One line to stderr, in one write; what cannot be written is lost, never waited for or retried. */
#ifndef SG_OS_SAY_H
#define SG_OS_SAY_H

#include <stddef.h>

/* "spawnguard: " + text + newline. */
void os_say(const char *text, size_t n);
/* As it is, to `fd`. */
int os_print(int fd, const char *text, size_t n);

#endif
