/*
 * user-home UID: prints the home directory by the name service.  A program of its
 * own, started where /etc/passwd does not know the user: the wrapper is linked
 * statically, and what the name service loads has no place in a guard.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	char *end;

	if (argc != 2)
		return 2;
	errno = 0;
	const unsigned long uid = strtoul(argv[1], &end, 10);
	if (errno != 0 || *end != '\0' || end == argv[1] || (uid_t)uid != uid)
		return 2;
	const struct passwd *user = getpwuid((uid_t)uid);
	if (!user)
		return 1;
	(void)fputs(user->pw_dir, stdout);
	return fflush(stdout) == 0 ? 0 : 125;
}
