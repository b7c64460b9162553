/* The password database. */
#ifndef SG_OS_USERS_H
#define SG_OS_USERS_H

#include <stddef.h>
#include <sys/types.h>

/* Each entry that can be listed: `each` returns 0 to go on.  0, or what `each` returned. */
int os_users_each(int (*each)(void *with, uid_t uid, const char *name, const char *home), void *with);

/* The name of `uid` (foreign text), or its number. */
void os_user_name(uid_t uid, char *out, size_t n);

#endif
