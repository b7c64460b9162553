/* Processes that misbehave on purpose, and within bounds: the job's side of the end-to-end tests. */
#ifndef SG_TESTS_VICTIM_H
#define SG_TESTS_VICTIM_H

#include <stdbool.h>
#include <sys/types.h>

#define VICTIM_LIFE_S     60    /* every process ends by itself after this, by SIGALRM */
#define VICTIM_BIRTHS_MAX 20000 /* no shape makes more processes */
#define VICTIM_BROKEN     97    /* exit status: the victim itself could not do its part */

/* One shape: `argv` as main() got it, from the shape's own name on. */
struct shape {
	const char *name;
	const char *args;
	int (*run)(int argc, char **argv, bool leave);
	bool alive; /* is a member of the tree: takes part in VICTIM_ALIVE and VICTIM_PIDS */
};
extern const struct shape tree_shapes[], storm_shapes[], fact_shapes[],
	block_shapes[]; /* each ends with a row without name */

/* To be called first by every new process: its own alarm, its line in VICTIM_PIDS. */
void life_born(void);
/* fork() that keeps the bounds; the child has called life_born(). */
pid_t life_fork(void);
/* The shape stands: say so in VICTIM_PIDS; then end (`leave`) or stay until the alarm. */
int life_ready(bool leave);
/* Wait for signals until the alarm; never returns. */
__attribute__((noreturn)) void life_stay(void);
__attribute__((noreturn)) void life_broken(const char *what);
void life_nap_us(long us);
/* Until that process has ended, by its pidfd; where there are none (a test takes them away), by its state. */
void life_await_end(pid_t pid);
/* One whole line, one write, so that lines of many processes do not mix. */
void life_line(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Decimal, the whole text; ends the process when it is none. */
int life_number(const char *text);

#endif
