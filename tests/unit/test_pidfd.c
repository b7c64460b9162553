/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "os/fd.h"
#include "os/mount.h"
#include "os/pidfd.h"
#include "os/sched.h"

/* ---- numbers that are nobody's, or everybody's */

/* kill(2) takes 0 for our group, -1 for all that we may signal and -N for group N; 1 is never a member. */
static const pid_t no_member[] = { 1, 0, -1, -2, INT32_MIN };

static void a_number_below_two_is_never_opened_and_never_signalled(void **state)
{
	(void)state;
	/* Of a child: what goes wrong must not reach who runs the tests. */
	pid_t child = fork();
	if (child == 0) {
		int bad = setpgid(0, 0) < 0 ? 1 : 0;
		for (size_t i = 0; i < COUNT_OF(no_member); i++) {
			bad += os_pidfd_open(no_member[i]) != -ESRCH;
			bad += os_child_signal(no_member[i], -1, 0) != -ESRCH;
			bad += no_member[i] == 0 && os_child_signal(0, -1, SIGTERM) != -ESRCH;
			bad += no_member[i] != 0 && os_sched_raise(no_member[i], NULL) != -ESRCH;
		}
		_exit(bad);
	}
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_child_is_signalled_by_handle_or_by_number(void **state)
{
	(void)state;
	for (int by_handle = 0; by_handle < 2; by_handle++) {
		pid_t child = fork();
		if (child == 0)
			for (;;)
				pause();
		AUTO_FD int fd = by_handle ? os_pidfd_open(child) : -1;
		assert_int_equal(os_child_signal(child, fd, SIGKILL), 0);
		int status = 0;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

static void a_child_that_was_waited_for_is_gone(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	AUTO_FD int fd = os_pidfd_open(child);
	assert_true(fd >= 0);
	assert_int_equal(os_pidfd_wait(fd, -1), 1);
	assert_true(os_pidfd_is_dead(fd)); /* a zombie has ended */
	assert_int_equal(os_child_signal(child, fd, 0), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(os_pidfd_is_dead(fd));
	assert_int_equal(os_child_signal(child, fd, SIGKILL), -ESRCH); /* not by its number, which is free */
	assert_int_equal(os_child_signal(INT32_MAX, -1, SIGKILL), -ESRCH);
}

static void ring(int sig)
{
	(void)sig;
}

static void a_wait_goes_on_after_a_signal(void **state)
{
	const struct sigaction act = { .sa_handler = ring };
	const struct itimerval soon = { { 0, 5000 }, { 0, 5000 } }, never = { 0 };
	(void)state;
	AUTO_FD int self = os_pidfd_open_self();
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	pid_t child = fork();
	if (child == 0) { /* timers are not inherited */
		(void)poll(NULL, 0, 50);
		_exit(0);
	}
	AUTO_FD int fd = os_pidfd_open(child);
	assert_int_equal(os_pidfd_wait(fd, -1), 1);
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(os_pidfd_wait(self, 0), 0);
	assert_int_equal(os_pidfd_wait(-1, 1), 0); /* nobody: only the time */
}

static void what_is_no_handle_tells_of_no_end(void **state)
{
	int fds[2];
	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(close(fds[0]) | close(fds[1]), 0);
	assert_false(os_pidfd_is_dead(fds[0])); /* POLLNVAL */
	assert_int_equal(os_pidfd_inode(fds[0]), 0);
	assert_true(os_pidfd_signal(fds[0], 0) < 0);
}

/* ---- without pidfds */

/* From now on, in this process, there are none. 0, -1. */
static int take_pidfds_away(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { COUNT_OF(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* How many things are not as they are to be; 77: no filter here. */
static int hold_by_proc(void)
{
	siginfo_t info;
	int bad = 0;

	if (take_pidfds_away() < 0)
		return 77;
	pid_t child = fork();
	if (child == 0)
		for (;;)
			pause();
	bad += os_pidfd_open(child) != -ENOSYS;
	AUTO_FD int fd = os_pidfd_open_or_proc(child);
	for (size_t i = 0; i < COUNT_OF(no_member); i++)
		bad += os_pidfd_open_or_proc(no_member[i]) != -ESRCH;
	bad += fd < 0 || !os_pidfd_is_proc(fd) || os_pidfd_inode(fd) != 0;
	uint64_t began_ms = now_ms();
	bad += os_pidfd_is_dead(fd) || os_pidfd_wait(fd, 30) != 0 || now_ms() - began_ms < 30;
	bad += os_pidfd_signal(fd, 0) != 0 || os_pidfd_signal(fd, SIGKILL) != 0;
	bad += os_pidfd_wait(fd, -1) != 1;
	/* Not yet waited for: it has ended all the same. */
	bad += waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0 || !os_pidfd_is_dead(fd) ||
	       os_pidfd_signal(fd, 0) != 0;
	bad += waitpid(child, NULL, 0) != child || !os_pidfd_is_dead(fd) || os_pidfd_signal(fd, 0) != -ESRCH;
	bad += os_pidfd_open_or_proc(child) != -ESRCH;
	/* Without a descriptor for its file. */
	const struct rlimit none = { 0, 0 };
	bad += setrlimit(RLIMIT_NOFILE, &none) < 0 || !os_pidfd_is_dead(fd);
	return bad;
}

static void a_directory_of_proc_does_what_a_pidfd_does(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0)
		_exit(hold_by_proc());
	int status = -1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
	/* Here nothing was learned of it. */
	AUTO_FD int fd = os_pidfd_open_or_proc(getpid());
	assert_true(fd >= 0 && !os_pidfd_is_proc(fd) && !os_pidfd_is_proc(-1));
}

/* ---- scheduling */

/* In a child: 0 as said, 1 not, 77 not allowed here. */
static int raise_and_give_back(int policy)
{
	const struct sched_param none = { 0 };
	int had = -1;

	if (sched_setscheduler(0, policy, &none) < 0)
		return 1;
	int r = os_sched_raise(0, &had);
	if (r == -EPERM)
		return os_sched_is_realtime() ? 1 : 77;
	if (r < 0 || had != policy || !os_sched_is_realtime())
		return 1;
	os_sched_give_back(had);
	return (sched_getscheduler(0) & ~SCHED_RESET_ON_FORK) == policy && !os_sched_is_realtime() ? 0 : 1;
}

static void what_was_raised_is_given_back_as_it_was(void **state)
{
	static const int policies[] = { SCHED_OTHER, SCHED_BATCH };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(policies); i++) {
		pid_t child = fork();
		if (child == 0)
			_exit(raise_and_give_back(policies[i]));
		int status = -1;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
	}
}

/* ---- mounts */

static void an_option_is_found_by_its_whole_name(void **state)
{
	static const struct {
		const char *rule, *options, *key, *want;
	} rows[] = {
		{ "alone", "rw,freezer", "freezer", "" },
		{ "among others", "rw,cpu,freezer,cpuacct", "freezer", ",cpuacct" },
		{ "with a value", "rw,hidepid=2,gid=5", "hidepid", "2,gid=5" },
		{ "a longer name is another", "rw,freezer2", "freezer", NULL },
		{ "the end of a name is another", "rw,xfreezer", "freezer", NULL },
		{ "none", "rw", "freezer", NULL },
		{ "empty", "", "freezer", NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *got = os_mount_option(rows[i].options, rows[i].key);
		if ((got != NULL) != (rows[i].want != NULL) || (got && strcmp(got, rows[i].want) != 0))
			fail_msg("%s: %s", rows[i].rule, got ? got : "NULL");
	}
}

struct seen {
	unsigned count;
	bool has_root, has_proc;
};

static void see(void *with, const struct os_mount *m)
{
	struct seen *seen = with;
	seen->count++;
	seen->has_root |= strcmp(m->point, "/") == 0;
	seen->has_proc |= strcmp(m->point, "/proc") == 0 && strcmp(m->type, "proc") == 0;
	assert_true(m->root[0] == '/' || strchr(m->root, ':')); /* of nsfs: "net:[4026531840]" */
}

static void our_own_mounts_are_listed(void **state)
{
	struct seen seen = { 0 };
	(void)state;
	assert_int_equal(os_mount_each(see, &seen), 0);
	assert_true(seen.count >= 2 && seen.has_root && seen.has_proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_below_two_is_never_opened_and_never_signalled),
		cmocka_unit_test(a_child_is_signalled_by_handle_or_by_number),
		cmocka_unit_test(a_child_that_was_waited_for_is_gone),
		cmocka_unit_test(a_wait_goes_on_after_a_signal),
		cmocka_unit_test(what_is_no_handle_tells_of_no_end),
		cmocka_unit_test(a_directory_of_proc_does_what_a_pidfd_does),
		cmocka_unit_test(what_was_raised_is_given_back_as_it_was),
		cmocka_unit_test(an_option_is_found_by_its_whole_name),
		cmocka_unit_test(our_own_mounts_are_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
