/* One line to stderr, in one write; what cannot be written is lost, never waited for or retried. */
#ifndef SG_OS_SAY_H
#define SG_OS_SAY_H

#include <stddef.h>

/* "spawnguard: " + text + newline. */
void os_say(const char *text, size_t n);
/* The same behind "<N>": where stderr is a stream of the journal, that is its priority. */
void os_say_with_priority(int priority, const char *text, size_t n);
/* As it is, to `fd`; what cannot be written is lost. */
void os_print(int fd, const char *text, size_t n);
/* The same. 0, -errno. */
int os_write_whole(int fd, const char *text, size_t n);

#endif
