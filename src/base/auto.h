/* Ends memory at the end of its block: `AUTO_FREE char *text = NULL;`. */
#ifndef SG_BASE_AUTO_H
#define SG_BASE_AUTO_H

#include <stdlib.h>

static inline void auto_free(void *at)
{
	free(*(void **)at); /* keeps errno: glibc 2.33, musl 1.2.2 and later */
}
#define AUTO_FREE __attribute__((cleanup(auto_free)))

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

#endif
