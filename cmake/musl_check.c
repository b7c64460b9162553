/* What the wrapper needs of musl beside what all have: run by cmake/musl.cmake. */
#include <ini.h>
#include <linux/sched.h>
#include <string.h>

#include "../src/conf/ini_ctype.c"

static int take(void *with, const char *section, const char *name, const char *value)
{
	(void)with;
	return strcmp(section, "job x") == 0 && strcmp(name, "a b") == 0 && strcmp(value, "c  d") == 0;
}

int main(void)
{
	_Static_assert(sizeof(struct clone_args) >= 88 && CLONE_INTO_CGROUP != 0, "headers of Linux 5.7");
	return ini_parse_string(" [job x] \n\v a b\t =\f c  d \r\n", take, NULL);
}
