/*
 * A PDEATHSIG would come when the thread ends that made us, not the process, and is lost where that may not
 * signal us: so the handle of the process is what counts, and the signal only wakes us out of flock(2).
 */
#include "guard/parent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "spawnguard/exit.h"

#define FIRST_PID_NS 0xeffffffcULL /* inode of the machine's own: PROC_PID_INIT_INO */

static int refuse(const char *why, int err)
{
	BUF(line, 512);

	buf_str(&line, "not started: --with-parent: ");
	buf_str(&line, why);
	if (err != 0) {
		buf_str(&line, ": ");
		buf_str(&line, fail_text(-err));
	}
	buf_str(&line, "; leave it out to start without");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

static void put_who(struct buf *line, const struct parent *p)
{
	if (p->who.comm[0] != '\0')
		escape_text(line, p->who.comm, strnlen(p->who.comm, sizeof(p->who.comm)), 0);
	else
		buf_str(line, "a process");
	buf_str(line, " (pid ");
	buf_i64(line, p->who.pid);
	buf_char(line, ')');
}

static int refuse_gone(const struct parent *p)
{
	BUF(line, 256);

	buf_str(&line, "not started: ");
	put_who(&line, p);
	buf_str(&line,
		", which started this guard, has ended (--with-parent): leave it out to start without");
	voice_error(&line);
	return SG_EXIT_GUARD;
}

/* PID 1 takes its namespace with it: nothing to watch, unless it has only inherited us. */
static int judge_init(void)
{
	struct host_id here;

	os_host_id(-1, &here);
	if (here.pid_ns != FIRST_PID_NS)
		return 0;
	return refuse("started by init, or by a process that has ended already", 0);
}

int parent_open(struct run *run)
{
	struct parent *p = &run->parent;
	struct proc_stat stat;
	struct proc_status status;

	if (!run->job->with_parent)
		return 0;
	p->who.pid = os_self_parent();
	if (p->who.pid == 0)
		return refuse(
			"what started this guard is outside of this PID namespace, and cannot be watched", 0);
	if (p->who.pid == 1)
		return judge_init();
	if (os_proc_stat(p->who.pid, &stat) == 0)
		memcpy(p->who.comm, stat.comm, sizeof(p->who.comm) - 1);
	if (os_proc_status(p->who.pid, &status) == 0)
		p->who.uid = status.uid;
	p->fd = os_pidfd_open(p->who.pid);
	/* Only now: the number was our parent's while the handle was opened, and so it is its handle. */
	if (os_self_parent() != p->who.pid || p->fd == -ESRCH)
		return refuse_gone(p);
	return p->fd < 0 ? refuse("the process that started this guard cannot be watched", p->fd) : 0;
}

bool parent_is_gone(const struct run *run)
{
	const struct parent *p = &run->parent;

	if (p->fd < 0)
		return false;
	/* We are handed on, and told by the signal, a moment before it counts as dead. */
	return os_pidfd_is_dead(p->fd) || (!run->job->detach && os_self_parent() != p->who.pid);
}

int parent_check(const struct run *run)
{
	return parent_is_gone(run) ? refuse_gone(&run->parent) : 0;
}

void parent_wake_us(const struct run *run, bool on)
{
	if (run->parent.fd < 0 || run->job->detach) /* detached, the process in between does */
		return;
	if (on)
		(void)os_alarm_prepare();
	os_signal_with_parent(on ? SIGALRM : 0);
}

void parent_explain(struct buf *out, const struct run *run)
{
	if (!run->job->with_parent)
		return;
	buf_str(out, "\nparent:  ends with ");
	put_who(out, &run->parent);
}
