/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/world.h"

static uint64_t inode_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Asked by pidfd and by path, the namespaces are those that /proc shows. */
static void assert_namespaces_are_those_of_proc(void)
{
	AUTO_FD int self = os_pidfd_open_self();
	struct host_id by_pidfd, by_path;

	os_host_id(self, &by_pidfd);
	os_host_id(-1, &by_path);
	assert_int_equal(by_path.pid_ns, inode_of("/proc/self/ns/pid"));
	assert_int_equal(by_path.time_ns, inode_of("/proc/self/ns/time"));
	assert_int_equal(by_pidfd.pid_ns, by_path.pid_ns);
	assert_int_equal(by_pidfd.time_ns, by_path.time_ns);
	assert_string_equal(by_pidfd.boot_id, by_path.boot_id);
	assert_int_equal(strlen(by_path.boot_id), 36);
}

static void says_the_namespaces_of_proc(void **state)
{
	(void)state;
	assert_namespaces_are_those_of_proc();
}

/* A process whose children will live in another PID namespace is itself still in the old one. */
static void is_not_fooled_by_the_namespace_for_children(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) < 0)
			_exit(77);
		AUTO_FD int self = os_pidfd_open_self();
		struct host_id host;
		os_host_id(self, &host);
		_exit(host.pid_ns == inode_of("/proc/self/ns/pid") ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77) {
		print_message("no permission to make a PID namespace\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int read_number(const char *path)
{
	char text[32];
	ssize_t n = os_first_line(path, text, sizeof(text));
	assert_true(n > 0);
	return (int)strtol(text, NULL, 10);
}

/* Back to where it came from a score may be taken by anybody. */
static void raises_an_oom_score_and_lowers_it_back(void **state)
{
	(void)state;
	int before = read_number("/proc/self/oom_score_adj");
	pid_t pid = fork();
	if (pid == 0) {
		int raised = os_world_oom_score_adj(before + 1);
		int seen = read_number("/proc/self/oom_score_adj");
		int lowered = os_world_oom_score_adj(before);
		_exit(raised == 0 && seen == before + 1 && lowered == 0 &&
				      read_number("/proc/self/oom_score_adj") == before
			      ? 0
			      : 1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read_number("/proc/self/oom_score_adj"), before);
}

/* Where it may not, it says so and nothing has changed; where it may, a lower one than is asked for stays. */
static void lowers_a_score_only_where_it_may(void **state)
{
	(void)state;
	struct proc_status status;
	assert_int_equal(os_proc_status(getpid(), &status), 0);
	bool has_it = geteuid() == 0 && status.effective_caps >> CAP_SYS_RESOURCE & 1;
	int before = read_number("/proc/self/oom_score_adj");
	pid_t pid = fork();
	if (pid == 0) {
		int r = os_lower_oom_score(before + 1);
		int kept = read_number("/proc/self/oom_score_adj");
		int lower = before > -1000 ? os_lower_oom_score(before - 1) : 0;
		int after = read_number("/proc/self/oom_score_adj");
		if (!has_it)
			_exit(r == -EPERM && lower == -EPERM && kept == before && after == before ? 0 : 1);
		/* Root of a user namespace has it, and may not. */
		_exit(r == 0 && kept == before && (lower == -EACCES || after < before || before == -1000)
			      ? 0
			      : 2);
	}
	int result;
	assert_int_equal(waitpid(pid, &result, 0), pid);
	assert_int_equal(result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_the_namespaces_of_proc),
		cmocka_unit_test(is_not_fooled_by_the_namespace_for_children),
		cmocka_unit_test(raises_an_oom_score_and_lowers_it_back),
		cmocka_unit_test(lowers_a_score_only_where_it_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
