#include "os/users.h"

#include <pwd.h>

#include "base/buf.h"

int os_users_each(int (*each)(void *with, uid_t uid, const char *name, const char *home), void *with)
{
	const struct passwd *pw;
	int r = 0;

	setpwent();
	while (r == 0 && (pw = getpwent()))
		r = each(with, pw->pw_uid, pw->pw_name, pw->pw_dir);
	endpwent();
	return r;
}

void os_user_name(uid_t uid, char *out, size_t n)
{
	struct buf text;
	const struct passwd *pw = getpwuid(uid);

	buf_init(&text, out, n);
	if (pw && pw->pw_name[0] != '\0')
		buf_str(&text, pw->pw_name);
	else
		buf_u64(&text, uid);
}
