/*
 * Of the build for gcov: counts of those that end without exit(), as most processes of a guard do.  Linked
 * with
 * --wrap=_exit,--wrap=os_signal_die.  A process that gets KILL from somebody else still leaves none.
 */
#include <dlfcn.h>
#include <gcov.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
void __real_os_signal_die(int number) __attribute__((weak)); /* programs without the layer link this, too */
void __wrap_os_signal_die(int number);

/* Of tests/fault/failnth.c, where it is preloaded. */
static void pause_faults(bool is_paused)
{
	void (*pause)(bool) = (void (*)(bool))dlsym(RTLD_DEFAULT, "failnth_pause");

	if (pause)
		pause(is_paused);
}

/* As much as there may be; how much that is. */
static rlim_t raise_limit(__rlimit_resource_t resource)
{
	struct rlimit limit = { 0 };

	(void)getrlimit(resource, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(resource, &limit);
	return limit.rlim_max;
}

__attribute__((destructor)) static void flush(void)
{
	/* Who may write no file (a reader) would end by SIGXFSZ, not as it meant to. */
	if (raise_limit(RLIMIT_FSIZE) < 1 << 20)
		return;
	pause_faults(true);
	(void)raise_limit(RLIMIT_NOFILE);
	__gcov_dump();
	__gcov_reset(); /* after a vfork these are the parent's */
	pause_faults(false);
}

void __wrap__exit(int status)
{
	flush();
	__real__exit(status);
}

void __wrap_os_signal_die(int number)
{
	flush();
	__real_os_signal_die(number);
}
