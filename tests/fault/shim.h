/* What the preloaded shims share: which program they are for, and a line in a log that disturbs nobody. */
#ifndef SG_TESTS_SHIM_H
#define SG_TESTS_SHIM_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The C library's own `name`, through a pointer of the right type. */
#define REAL(name) ((__typeof__(&name))shim_real(#name))

static inline void *shim_real(const char *name)
{
	void *at = dlsym(RTLD_NEXT, name);
	if (!at)
		abort();
	return at;
}

/* Is this the program named by variable `name` (default: spawnguard)?  The job must not be disturbed. */
static inline bool shim_is_for_us(const char *name)
{
	const char *want = getenv(name);
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return false;
	exe[n] = '\0';
	const char *slash = strrchr(exe, '/');
	return strcmp(slash ? slash + 1 : exe, want ? want : "spawnguard") == 0;
}

/* Memory that a fork shares: a count goes over front and warden. */
static inline void *shim_shared(size_t n)
{
	void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

static inline char *shim_put_text(char *at, const char *text)
{
	size_t n = strlen(text);
	memcpy(at, text, n);
	return at + n;
}

static inline char *shim_put_number(char *at, uint64_t number)
{
	char digits[20];
	unsigned n = 0;
	do
		digits[n++] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (n > 0)
		*at++ = digits[--n];
	return at;
}

/* Append one line to the file `path` through `call`, the real syscall(2): neither counted nor failed. */
static inline void shim_log(__typeof__(&syscall) call, const char *path, const char *line, size_t n)
{
	long fd = call(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return;
	(void)call(SYS_write, fd, line, n);
	(void)call(SYS_close, fd);
}

#endif
