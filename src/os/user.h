/* Users, as far as the guard must know of them: where one's home is. */
#ifndef SG_OS_USER_H
#define SG_OS_USER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Home directory of `uid`: by /etc/passwd, else by the name service, which the
 * program user-home asks (it loads libraries, and may wait for a server: 5 s at
 * most).  0, -ENOENT.
 */
int os_user_home(uid_t uid, char *out, size_t n);
/* The same by /etc/passwd alone. */
int os_user_home_local(uid_t uid, char *out, size_t n);

#endif
