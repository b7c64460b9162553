#include "guard/isolate.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "guard/run.h"
#include "guard/watch.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/link.h"
#include "os/pidfd.h"
#include "os/poll.h"
#include "os/self.h"
#include "os/signal.h"
#include "os/spawn.h"
#include "os/wait.h"

void isolate_init(struct isolation *in)
{
	in->ns.fd = in->link = -1;
}

/* --- the first process ---------------------------------------------------------------------------------- */

#define READY_TRIES 100 /* with 1 ms between */

/* true: there is no orphan left in here, but perhaps children of the warden's. */
static bool reap_all(void)
{
	struct os_child child;
	int r;

	while ((r = os_wait_any(&child)) > 0)
		;
	return r == -ECHILD;
}

/* Nothing is in the way of the first word but want of memory, which passes; false: the warden has ended. */
static bool say_ready(int link)
{
	for (unsigned i = 0; i < READY_TRIES; i++) {
		int r = os_link_send(link, "", 1);
		if (r != -ENOBUFS && r != -ENOMEM)
			return r >= 0;
		os_clock_sleep_ms(1);
	}
	return false;
}

/*
 * PID 1 of the job's namespace: orphans come to it.  It takes no signal (all
 * are blocked, and from within none could end it), and ends when nobody else is
 * left, or by KILL: the warden's, or the kernel's when the warden has ended.
 */
static _Noreturn void live(int link, bool new_session)
{
	os_signal_with_parent(SIGKILL);
	/* Had the warden ended before it could take us with it, its line is closed.  From here on the job
	 * may be exec'ed. */
	if (!say_ready(link))
		_exit(1);
	/* Parent of nobody in the terminal's foreground: ^C and ^Z are for the job. */
	if (!new_session)
		(void)os_leave_group(false);
	os_fd_close_others(&link, 1);
	(void)os_chdir_root();
	(void)os_drop_privileges(false);
	int signals = os_signalfd_open(OS_SIG(SIGCHLD));
	if (signals < 0)
		_exit(1);
	struct os_poll set[2] = { { .fd = link, .wants = OS_POLL_IN },
				  { .fd = signals, .wants = OS_POLL_IN } };
	for (bool had_others = false;;) {
		struct os_signal s;
		char byte;
		ssize_t n;
		(void)os_poll(set, 2, -1);
		while (os_signalfd_read(signals, &s) > 0)
			;
		while ((n = os_link_receive(link, &byte, 1)) > 0)
			had_others = true;
		if (n == 0 || (reap_all() && had_others && os_ns_is_empty()))
			_exit(0);
	}
}

/* --- the warden ----------------------------------------------------------------------------------------- */

int isolate_open(struct run *run)
{
	struct isolation *in = &run->isolation;
	int ends[2];

	run->world_failed = WORLD_NAMESPACE;
	int r = os_link_open(ends);
	if (r < 0)
		return r;
	in->link = ends[0];
	pid_t pid = os_ns_fork(&in->ns);
	if (pid == 0) {
		os_fd_close(&in->link);
		live(ends[1], run->new_session);
	}
	os_fd_close(&ends[1]);
	r = pid < 0 ? pid : 0;
	if (r == 0)
		run->world_failed = WORLD_NONE;
	else
		isolate_undo(run);
	return r;
}

pid_t isolate_spawn(struct run *run, int (*body)(void *with), void *with, int *out_pidfd, int *out_errno)
{
	struct isolation *in = &run->isolation;

	pid_t pid = os_ns_spawn(&in->ns, body, with, &in->job, out_errno);
	if (pid < 0)
		run->world_failed = WORLD_NAMESPACE;
	else
		*out_pidfd = os_pidfd_open_or_proc(pid); /* unreaped child */
	return pid;
}

void isolate_reaped(struct run *run)
{
	if (run->isolation.link >= 0)
		(void)os_link_send(run->isolation.link, "", 1); /* full of the same word, or it has ended */
}

void isolate_undo(struct run *run)
{
	struct isolation *in = &run->isolation;
	struct os_child child;

	if (in->ns.init > 0) {
		(void)os_child_signal(in->ns.init, in->ns.fd, SIGKILL);
		(void)os_wait_pid(in->ns.init, &child);
		in->ns.init = 0;
	}
	os_fd_close(&in->ns.fd);
	os_fd_close(&in->link);
}

/* --- the job -------------------------------------------------------------------------------------------- */

/* By now it is, as a rule: nobody has slept for it. */
static int wait_until_ready(struct isolation *in)
{
	struct os_poll set = { .fd = in->link, .wants = OS_POLL_IN };
	char byte;
	ssize_t n = in->is_ready ? 1 : os_link_receive(in->link, &byte, 1);

	while (n == -EAGAIN)
		n = os_poll(&set, 1, -1) < 0 ? -ENOMEM : os_link_receive(in->link, &byte, 1);
	in->is_ready = n > 0;
	return n > 0 ? 0 : n < 0 ? (int)n : -ESRCH;
}

int isolate_enter(struct run *run)
{
	int r = os_ns_mount_proc();

	if (r < 0)
		run->world_failed = WORLD_PROC;
	else if ((r = os_ns_give_rights(&run->isolation.ns)) < 0 ||
		 (r = wait_until_ready(&run->isolation)) < 0)
		run->world_failed = WORLD_NAMESPACE;
	uint64_t cap = watch_cap(run->job);
	if (r == 0 && cap != LIMIT_NONE)
		(void)os_ns_cap(&run->isolation.ns, cap + 1); /* the first process is in there too */
	return r;
}

void isolate_explain(struct buf *out, const struct run *run)
{
	if (run->job->isolate)
		buf_str(out, "\nisolate: in a PID namespace of its own, with a /proc of its own");
}
