#include "guard/weigh.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/num.h"
#include "guard/pair.h"
#include "guard/run.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/pidfd.h"
#include "os/pipe.h"
#include "os/wait.h"

#define END_MS 100 /* what a KILL takes, unless it has to wait for a read that never ends */

/* The kernel takes the KILL when the read that it may be stuck in ends: it is reaped whenever that is. */
static void end_reader(struct weigh *w)
{
	if (w->pid != 0)
		(void)os_child_signal(w->pid, -1, SIGKILL); /* unreaped: it is the reader */
	os_fd_close(&w->fd);
	w->is_open = false;
}

void weigh_begin(struct run *run, const struct pair_message *m)
{
	struct weigh *w = &run->weigh;
	const struct weigh_question *q = &m->question;

	if (w->is_open)
		end_reader(w);
	if (w->pid != 0) /* stuck: one of them is enough */
		return;
	memset(&w->answer, 0, sizeof(w->answer));
	w->asked_n = q->n < WEIGH_MAX ? q->n : WEIGH_MAX;
	w->fd = -1;
	pid_t pid = reader_begin_memory(q->process, w->asked_n, WEIGH_TIMEOUT_MS, &w->fd);
	if (pid < 0)
		return; /* the warden has a time limit of its own */
	w->pid = pid;
	w->is_open = true;
	w->deadline_ns = os_clock_boot_ns() + WEIGH_TIMEOUT_MS * NS_PER_MS;
}

/* True: there is no more to come. */
static bool take_words(struct weigh *w)
{
	struct reader_memory word;

	for (;;) {
		ssize_t n = os_pipe_read(w->fd, &word, sizeof(word), 0);
		if (n == -ETIMEDOUT)
			return false;
		if (n != (ssize_t)sizeof(word))
			return true;
		reader_add(&w->answer, &word);
	}
}

static void answer(struct weigh *w, int link)
{
	struct pair_message m;

	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_WEIGHED;
	m.answer = w->answer;
	(void)os_link_send(link, &m, PAIR_HEAD_BYTES + sizeof(m.answer));
}

int weigh_look(struct run *run, int link)
{
	struct weigh *w = &run->weigh;

	if (!w->is_open)
		return -1;
	bool is_over = take_words(w);
	uint64_t now_ns = os_clock_boot_ns();
	if (!is_over && now_ns < w->deadline_ns)
		return (int)((w->deadline_ns - now_ns) / NS_PER_MS) + 1;
	answer(w, link);
	end_reader(w);
	return -1;
}

void weigh_end(struct run *run)
{
	struct weigh *w = &run->weigh;
	struct os_child child;

	if (w->pid == 0)
		return;
	end_reader(w);
	for (unsigned ms = 0; ms < END_MS && os_wait_try(w->pid, &child) == 0; ms++)
		os_clock_sleep_ms(1);
	w->pid = 0;
}

void weigh_reaped(struct run *run, pid_t pid)
{
	if (run->weigh.pid == pid)
		run->weigh.pid = 0;
}

bool weigh_has(const struct run *run, pid_t pid)
{
	return run->weigh.pid != 0 && run->weigh.pid == pid;
}

int weigh_fd(const struct run *run)
{
	return run->weigh.is_open ? run->weigh.fd : -1;
}
