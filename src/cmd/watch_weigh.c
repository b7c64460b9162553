/* The shares of memory that run/judge.h asks for, as guard/weigh.c, but asked and answered at once. */
#include <signal.h>

#include "base/num.h"
#include "cmd/watch_tree.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/pipe.h"
#include "os/wait.h"
#include "run/reader.h"

#define WEIGH_MAX        128  /* members asked for at a time: the largest */
#define WEIGH_TIMEOUT_MS 1000 /* reading 1 GiB takes 20 ms; nothing else is looked at meanwhile */
#define END_MS           100  /* what a KILL takes, unless it has to wait for a read that never ends */

static void end_reader(pid_t pid)
{
	struct os_child child;

	(void)os_child_signal(pid, -1, SIGKILL); /* unreaped: it is the reader */
	for (unsigned ms = 0; ms < END_MS && os_wait_try(pid, &child) == 0; ms++)
		os_clock_sleep_ms(1);
}

static void read_shares(const struct reader_process *list, uint32_t n, struct reader_shares *shares)
{
	uint64_t until_ns = os_clock_boot_ns() + WEIGH_TIMEOUT_MS * NS_PER_MS;
	struct reader_memory word;
	int out = -1;

	pid_t pid = reader_begin_memory(list, n, WEIGH_TIMEOUT_MS, &out);
	if (pid < 0)
		return;
	AUTO_FD int fd = out;
	while (os_clock_boot_ns() < until_ns &&
	       os_pipe_read(fd, &word, sizeof(word), WEIGH_TIMEOUT_MS) == (ssize_t)sizeof(word))
		reader_add(shares, &word);
	end_reader(pid);
}

void weigh(void *with)
{
	struct outside *o = with;
	static struct reader_process list[WEIGH_MAX];
	struct reader_shares shares = { 0 };

	uint32_t n = judge_choose(&o->judge, list, WEIGH_MAX);
	if (n > 0)
		read_shares(list, n, &shares);
	judge_weighed(&o->judge, &shares, o->now_ns);
}
