/*
 * Jobs of bench/births.
 *   births storm RATE LIFE_MS FILE   one parent, RATE children a second (0: as fast as it goes) that live for LIFE_MS;
 *                                    FILE counts them, as they begin
 *   births forks N                   N children, one after the other: prints us of each, wall and CPU
 *   births carry K N                 the same under K perf task events on each processor
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BIRTHS_MAX 20000

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void nap_us(double us)
{
	struct timespec t = { (time_t)(us / 1e6), (long)((us - (long)(us / 1e6) * 1e6) * 1e3) };
	if (us > 0)
		nanosleep(&t, NULL);
}

static int storm(double rate, long life_ms, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(uint64_t)) < 0)
		return 2;
	volatile uint64_t *count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (count == MAP_FAILED)
		return 2;
	alarm(60);
	double next = now_us();
	while (*count < BIRTHS_MAX) {
		++*count;
		pid_t pid = fork();
		if (pid == 0) {
			alarm(60);
			if (life_ms > 0)
				nap_us(life_ms * 1e3);
			_exit(0);
		}
		if (life_ms == 0 && pid > 0)
			waitpid(pid, NULL, 0);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		next = rate > 0 ? next + 1e6 / rate : 0;
		if (next < now_us() - 1e6 / (rate > 0 ? rate : 1)) /* late: not to be made up for */
			next = now_us();
		if (rate > 0)
			nap_us(next - now_us());
	}
	return 0;
}

static double cpu_us(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* us of wall and CPU time of each */
static int forks(long n)
{
	double began = now_us();
	for (long i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	double wall = now_us() - began;
	return printf("%.2f %.2f\n", wall / n, (cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN)) / n) < 0;
}

static int carry(int k, long n)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE,
					.size = sizeof(attr),
					.config = PERF_COUNT_SW_DUMMY,
					.inherit = 1,
					.task = 1,
					.exclude_kernel = 1,
					.exclude_hv = 1 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	for (int cpu = 0; cpu < cpus; cpu++)
		for (int i = 0; i < k; i++)
			if (syscall(SYS_perf_event_open, &attr, 0, cpu, -1, 0) < 0)
				return perror("perf_event_open"), 1;
	pid_t pid = fork(); /* as the job: it inherits them */
	if (pid == 0) {
		int r = forks(n);
		fflush(stdout);
		_exit(r);
	}
	return waitpid(pid, NULL, 0) < 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "storm") == 0)
		return storm(atof(argv[2]), atol(argv[3]), argv[4]);
	if (argc == 3 && strcmp(argv[1], "forks") == 0)
		return forks(atol(argv[2]));
	if (argc == 4 && strcmp(argv[1], "carry") == 0)
		return carry(atoi(argv[2]), atol(argv[3]));
	fprintf(stderr, "births storm RATE LIFE_MS FILE | forks N | carry K N\n");
	return 2;
}
