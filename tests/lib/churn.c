/*
 * churn ALIVE BIRTHS: keeps ALIVE children alive, each for a few milliseconds, until standard input is at its
 * end and there were BIRTHS of them; then prints "births N hits M".  A hit is a child that did not end as it
 * meant to: somebody signalled a bystander.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FINE      42
#define ALIVE_MAX 1000
#define LIMIT_S   600 /* whoever forgets us */

static void live(unsigned number)
{
	const struct timespec life = { 0, 1000000L * (1 + number % 4) };
	(void)nanosleep(&life, NULL);
	_exit(FINE);
}

static int stdin_has_ended(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;
	return poll(&p, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) <= 0;
}

int main(int argc, char **argv)
{
	const int wanted = argc == 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	const unsigned long enough = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long births = 0, hits = 0;
	int alive = 0, is_over = 0, status;

	if (wanted <= 0 || wanted > ALIVE_MAX)
		return 2;
	(void)alarm(LIMIT_S);
	for (;;) {
		is_over = is_over || (births >= enough && stdin_has_ended());
		if (is_over && alive == 0)
			break;
		while (!is_over && alive < wanted) {
			const pid_t pid = fork();
			if (pid < 0)
				break; /* no number free for the moment */
			if (pid == 0)
				live((unsigned)births);
			births++;
			alive++;
		}
		if (alive == 0) {
			(void)usleep(1000);
			continue;
		}
		if (waitpid(-1, &status, 0) < 0) {
			if (errno == EINTR)
				continue;
			return 3;
		}
		alive--;
		hits += !WIFEXITED(status) || WEXITSTATUS(status) != FINE;
	}
	return printf("births %lu hits %lu\n", births, hits) < 0 || fflush(stdout) != 0;
}
