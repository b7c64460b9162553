/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/proc.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_the_namespaces_of_proc),
		cmocka_unit_test(is_not_fooled_by_the_namespace_for_children),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
