#include "os/signal.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"

static struct sigaction alarm_was; /* while waiting for a lock */

_Static_assert(sizeof(long) == sizeof(os_sigset) || __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "as the kernel has it");

static sigset_t set_of(os_sigset set)
{
	sigset_t s;
	sigemptyset(&s);
	memcpy(&s, &set, sizeof(set));
	return s;
}

static int change_mask(int how, os_sigset set, os_sigset *out_was)
{
#ifdef __GLIBC__
	const sigset_t mask = set_of(set);
	sigset_t was;
	if (sigprocmask(how, &mask, &was) < 0)
		return -errno;
	if (out_was)
		memcpy(out_was, &was, sizeof(*out_was));
	return 0;
#else /* musl's passes over 34, which it keeps for itself: glibc's first real-time signal, and our request \
       */
	return syscall(SYS_rt_sigprocmask, how, &set, out_was, sizeof(set)) < 0 ? -errno : 0;
#endif
}

/* Of any signal, as above.  Of what is told and set only the handler: none of ours, so none with a mask. */
static int change_action(int number, const struct sigaction *to, struct sigaction *out_was)
{
#ifdef __GLIBC__
	return sigaction(number, to, out_was);
#else
	struct {
		void (*handler)(int);
		unsigned long rest[8]; /* the kernel's has four words */
	} will = { .handler = to ? to->sa_handler : SIG_DFL }, was = { 0 };

	if (syscall(SYS_rt_sigaction, number, to ? &will : NULL, &was, sizeof(os_sigset)) < 0)
		return -1;
	if (out_was)
		out_was->sa_handler = was.handler;
	return 0;
#endif
}

/* musl's posix_spawn(3) sets again what its own sigprocmask(2) has told: without 32 to 34. */
int os_signals_spawn(pid_t *out_pid, const char *path, const posix_spawn_file_actions_t *files,
		     char *const *argv, char *const *env)
{
#ifdef __GLIBC__
	return posix_spawn(out_pid, path, files, NULL, argv, env);
#else
	os_sigset was = 0;
	int r = change_mask(SIG_BLOCK, 0, &was);
	if (r < 0)
		return -r;
	r = posix_spawn(out_pid, path, files, NULL, argv, env);
	(void)change_mask(SIG_SETMASK, was, NULL);
	return r;
#endif
}

int os_signals_take(struct os_signals *out_was)
{
	struct sigaction chld;

	int r = change_mask(SIG_SETMASK, OS_SIG_ALL, &out_was->mask);
	if (r < 0)
		return r;
	if (sigaction(SIGCHLD, NULL, &chld) < 0)
		return -errno;
	out_was->chld_ignored = (chld.sa_flags & SA_NOCLDWAIT) || chld.sa_handler == SIG_IGN;
	if (out_was->chld_ignored) {
		struct sigaction plain = { .sa_handler = SIG_DFL };
		if (sigaction(SIGCHLD, &plain, NULL) < 0)
			return -errno;
	}
	return 0;
}

void os_signals_give_back(const struct os_signals *was)
{
	if (was->chld_ignored) {
		struct sigaction ignore = { .sa_handler = SIG_IGN };
		(void)sigaction(SIGCHLD, &ignore, NULL);
	}
	(void)change_mask(SIG_SETMASK, was->mask, NULL);
}

void os_signals_block_but(os_sigset open)
{
	(void)change_mask(SIG_SETMASK, ~open, NULL); /* fails for no mask of ours */
}

/* Blocked, a signal waits though it is ignored: what nohup(1) has asked would come to nothing. */
os_sigset os_signals_hold(os_sigset set)
{
	for (int n = 1; n <= 64; n++)
		if (set & OS_SIG(n) && os_signal_is_ignored(n))
			set &= ~OS_SIG(n);
	(void)change_mask(SIG_BLOCK, set, NULL); /* fails for no mask of ours */
	return set;
}

int os_signalfd_open(os_sigset set)
{
	const sigset_t mask = set_of(set);
	int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int os_signalfd_read(int fd, struct os_signal *out_signal)
{
	struct signalfd_siginfo info;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	*out_signal = (struct os_signal){
		.number = (int)info.ssi_signo,
		.code = info.ssi_code,
		.pid = info.ssi_code <= 0 ? (pid_t)info.ssi_pid : 0,
		.uid = info.ssi_uid,
		.child_status = info.ssi_status,
	};
	return 1;
}

void os_signal_ignore(int number)
{
	(void)signal(number, SIG_IGN);
}

bool os_signal_is_ignored(int number)
{
	struct sigaction is;
	return change_action(number, NULL, &is) == 0 && is.sa_handler == SIG_IGN;
}

static void unblock_and_raise(int number)
{
	(void)kill(getpid(), number);
	(void)change_mask(SIG_UNBLOCK, OS_SIG(number), NULL);
	(void)change_mask(SIG_BLOCK, OS_SIG(number), NULL);
}

void os_signal_stop_self(int number)
{
	unblock_and_raise(number);
}

int os_signal_take_stop(void)
{
	const struct timespec at_once = { 0 };
	const sigset_t stops = set_of(OS_SIG(SIGTSTP) | OS_SIG(SIGTTIN) | OS_SIG(SIGTTOU));
	int number = sigtimedwait(&stops, NULL, &at_once);
	return number > 0 ? number : 0;
}

bool os_signal_stop_waits(void)
{
	sigset_t waiting;

	return sigpending(&waiting) == 0 &&
	       (sigismember(&waiting, SIGTSTP) == 1 || sigismember(&waiting, SIGTTIN) == 1 ||
		sigismember(&waiting, SIGTTOU) == 1);
}

void os_signal_die(int number)
{
	struct sigaction plain = { .sa_handler = SIG_DFL };
	struct rlimit none = { 0 };

	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a core of ours would replace the job's */
	if (getrlimit(RLIMIT_CORE, &none) == 0) {
		none.rlim_cur = 0;
		(void)setrlimit(RLIMIT_CORE, &none);
	}
	(void)change_action(number, &plain, NULL);
	unblock_and_raise(number);
}

/* Whoever sent it, once: it may have struck just before the call it is to end. */
static void ring_on(int number)
{
	(void)number;
	os_alarm_go_on();
}

void os_signals_open_for_wait(const struct os_signals *was)
{
	struct sigaction interrupt = { .sa_handler = ring_on };

	(void)sigaction(SIGALRM, &interrupt, &alarm_was);
	(void)change_mask(SIG_SETMASK, was->mask & ~OS_SIG(SIGALRM), NULL);
}

void os_signals_close_after_wait(void)
{
	(void)change_mask(SIG_SETMASK, OS_SIG_ALL, NULL);
	(void)sigaction(SIGALRM, &alarm_was, NULL);
}
