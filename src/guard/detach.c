#include "guard/detach.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/fail.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/poll.h"
#include "os/say.h"
#include "os/self.h"
#include "os/signal.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "spawnguard/exit.h"

/* What the background says to the caller's process, once. */
struct word {
	int32_t exit_code;
	uint32_t has_started;
	char run_id[RUN_ID_MAX + 8];
};

static int to_caller = -1; /* owned: the background's end; -1 = told, or not detached */

static int fail_to(const char *what, int err)
{
	BUF(line, 256);

	buf_str(&line, "cannot ");
	buf_str(&line, what);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-err));
	buf_str(&line, "; nothing was started");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

/*
 * With the caller's signals in force: what ends us ends the start, of which
 * the background hears by our death.
 */
static int wait_for_word(struct run *run, pid_t background, int link)
{
	struct word word;
	struct os_child child;
	struct os_poll set[2] = { { .fd = link, .wants = OS_POLL_IN },
				  { .fd = run->parent.fd, .wants = OS_POLL_IN } };
	BUF(line, 128);

	os_signals_give_back(&run->signals);
	ssize_t n;
	while ((n = os_link_receive(link, &word, sizeof(word))) == -EAGAIN || n == -EINTR)
		if (os_poll(set, 2, -1) > 0 && set[1].ready && !set[0].ready)
			return parent_check(run); /* our death tells the background */
	if (n != (ssize_t)sizeof(word)) {
		buf_str(&line,
			"the guard in the background was killed before the job was started: start it again");
		voice_error(&line);
		return SG_EXIT_GUARD;
	}
	if (!word.has_started) {
		(void)os_wait_pid(background, &child); /* who starts it next meets no lock of ours */
		return word.exit_code;
	}
	buf_mem(&line, word.run_id, strnlen(word.run_id, sizeof(word.run_id)));
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
	return 0;
}

static void become_background(struct run *run, pid_t caller, int *out_exit)
{
	int r = os_leave_group(true);

	/* A caller who is killed while the lock is waited for, or the job made, wants no job. */
	os_signal_with_parent(SIGTERM);
	if (r == 0 && os_self_parent() != caller)
		r = -ESRCH;
	if (r == 0)
		r = os_fd_put_null(0);
	if (r ==
	    0) /* whoever reads our output waits for no more than the run's id, which the caller prints */
		r = os_fd_put_null(1);
	run->tells_start = true;
	*out_exit = r < 0 ? fail_to("go into the background", r) : 0;
}

int detach_fork(struct run *run, int *out_exit)
{
	int ends[2];
	pid_t caller = os_self_pid();

	int r = os_link_open(ends);
	pid_t pid = r < 0 ? r : os_fork();
	if (pid < 0) {
		*out_exit = fail_to("make a process for the background", pid);
		return 1;
	}
	if (pid > 0) {
		os_fd_close(&ends[1]);
		*out_exit = wait_for_word(run, pid, ends[0]);
		return 1;
	}
	os_fd_close(&ends[0]);
	to_caller = ends[1];
	become_background(run, caller, out_exit);
	if (*out_exit == 0)
		return 0;
	detach_tell_end(*out_exit);
	return 1;
}

static void tell(const struct word *word)
{
	(void)os_link_send(to_caller, word, sizeof(*word)); /* gone: then it does not wait */
	os_fd_close(&to_caller);
}

void detach_tell_started(const struct run *run)
{
	struct word word = { .has_started = 1 };

	if (to_caller < 0)
		return;
	os_signal_with_parent(0);
	memcpy(word.run_id, run->head.run_id, sizeof(word.run_id));
	(void)os_fd_put(run->output.fd, 2);
	tell(&word);
}

void detach_tell_end(int exit_code)
{
	struct word word = { .exit_code = exit_code };

	if (to_caller >= 0)
		tell(&word);
}
