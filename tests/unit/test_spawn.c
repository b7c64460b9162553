/* layer: os */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/auto.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/read_apart.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "scratch.h"

#define NOBODY 65534

static char *const no_env[] = { NULL };

static int count_fds(void)
{
	int count = 0;
	DIR *fds = opendir("/proc/self/fd");
	while (fds && readdir(fds))
		count++;
	closedir(fds);
	return count;
}

/* ---- os_spawn */

struct program {
	const char *path;
	char *const *argv;
	int before_exec; /* written by the child, in our memory */
};

static int exec_program(void *with)
{
	struct program *p = with;
	p->before_exec = 4711;
	return os_exec(p->path, p->argv, no_env);
}

static void a_spawned_child_runs_its_program(void **state)
{
	(void)state;
	static char sh[] = "sh", c[] = "-c", script[] = "exit 7";
	char *const argv[] = { sh, c, script, NULL };
	struct program p = { .path = "/bin/sh", .argv = argv };
	struct os_child child;
	int pidfd = -1, err = -1, before = count_fds();

	pid_t pid = os_spawn(exec_program, &p, &pidfd, &err);
	assert_true(pid > 0);
	assert_int_equal(err, 0);
	assert_int_equal(p.before_exec, 4711);
	assert_true(pidfd >= 0);
	assert_int_equal(fcntl(pidfd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(os_pidfd_wait(pidfd, 10000), 1);
	assert_true(os_pidfd_is_dead(pidfd));
	assert_int_equal(os_wait_pid(pid, &child), 0);
	assert_int_equal(child.pid, pid);
	assert_true(child.has_ended);
	assert_int_equal(child.status, 7 << 8);
	assert_int_equal(os_pidfd_signal(pidfd, 0), -ESRCH);
	os_fd_close(&pidfd);
	assert_int_equal(count_fds(), before);
}

/* The handle is of this child: a signal by it reaches it. */
static void its_handle_signals_it(void **state)
{
	(void)state;
	static char sleep_name[] = "sleep", secs[] = "1000";
	char *const argv[] = { sleep_name, secs, NULL };
	struct program p = { .path = "/bin/sleep", .argv = argv };
	struct os_child child;
	int pidfd = -1, err = -1;

	pid_t pid = os_spawn(exec_program, &p, &pidfd, &err);
	assert_int_equal(err, 0);
	assert_false(os_pidfd_is_dead(pidfd));
	assert_int_equal(os_pidfd_signal(pidfd, SIGTERM), 0);
	assert_int_equal(os_wait_pid(pid, &child), 0);
	assert_int_equal(child.status, SIGTERM);
	os_fd_close(&pidfd);
}

static int return_number(void *with)
{
	return *(const int *)with;
}

static void what_fails_before_the_exec_is_told(void **state)
{
	(void)state;
	const int numbers[] = { -ENOENT, -EACCES, -EPERM, -E2BIG, -ENOEXEC, -4095 };
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		int number = numbers[i], pidfd = -1, err = -1;
		struct os_child child;
		pid_t pid = os_spawn(return_number, &number, &pidfd, &err);
		assert_true(pid > 0);
		assert_int_equal(err, -number);
		assert_true(pidfd >= 0);
		assert_int_equal(os_pidfd_wait(pidfd, 10000), 1);
		assert_int_equal(os_wait_pid(pid, &child), 0);
		assert_int_equal(child.status, 127 << 8);
		os_fd_close(&pidfd);
	}
}

static void what_exec_answers_is_told(void **state)
{
	(void)state;
	struct scratch s;
	char path[256];
	scratch_make(&s);
	/* clang-format off */
	static const struct {
		const char *rule, *name, *text;
		unsigned mode;
		int err;
	} rows[] = {
		{ "a file that is missing",         "missing", NULL,                      0,    ENOENT },
		{ "a directory",                    "",        NULL,                      0,    EACCES },
		{ "a file without the right to it", "plain",   "#!/bin/sh\n",             0600, EACCES },
		{ "a format that nobody knows",     "text",    "exit 0\n",                0700, ENOEXEC },
		{ "an empty file",                  "empty",   "",                        0700, ENOEXEC },
		{ "an interpreter that is missing", "script",  "#!/missing/interpreter\n", 0700, ENOENT },
		{ "below a file",                   "text/x",  NULL,                      0,    ENOTDIR },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].text) {
			scratch_write(&s, rows[i].name, rows[i].text, strlen(rows[i].text));
			assert_int_equal(fchmodat(s.fd, rows[i].name, rows[i].mode, 0), 0);
		}
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(path, sizeof(path), "%s/%s", s.path, rows[i].name);
		char *const argv[] = { path, NULL };
		struct program p = { .path = path, .argv = argv };
		struct os_child child;
		int pidfd = -1, err = -1;
		pid_t pid = os_spawn(exec_program, &p, &pidfd, &err);
		assert_true(pid > 0);
		if (err != rows[i].err)
			fail_msg("%s: %d", rows[i].rule, err);
		assert_int_equal(os_wait_pid(pid, &child), 0);
		os_fd_close(&pidfd);
	}
	scratch_remove(&s);
}

/* In a process of its own: the limit of processes is reached. */
static void no_process_to_be_had_is_told(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		int number = -EIO, pidfd = 4711, err = 4711;
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(2);
		if (setrlimit(RLIMIT_NPROC, &none) < 0)
			_exit(3);
		if (os_spawn(return_number, &number, &pidfd, &err) != -EAGAIN || pidfd != 4711 || err != 4711)
			_exit(4);
		_exit(os_fork() == -EAGAIN ? 0 : 5);
	}
	assert_int_equal(scratch_reap(pid), 0);
}

static void many_in_a_row_leave_nothing_open(void **state)
{
	(void)state;
	int before = count_fds();
	for (int i = 0; i < 200; i++) {
		int number = -1 - i, pidfd = -1, err = -1;
		struct os_child child;
		pid_t pid = os_spawn(return_number, &number, &pidfd, &err);
		assert_int_equal(err, 1 + i);
		assert_int_equal(os_wait_pid(pid, &child), 0);
		os_fd_close(&pidfd);
	}
	assert_int_equal(count_fds(), before);
	assert_int_equal(os_has_children(), 0);
}

/* ---- os_exec_find */

#define A    "%1$s/a"
#define B    "%1$s/b"
#define LONG "%2$s" /* an element that does not fit */

/* clang-format off */
static const struct {
	const char *rule;
	const char *name, *path;
	int result;
	const char *found;
} find_rows[] = {
	{ "where it is first found",                 "both",    A ":" B,      0,        A "/both" },
	{ "in the order of the list",                "both",    B ":" A,      0,        B "/both" },
	{ "in the second",                           "only-b",  A ":" B,      0,        B "/only-b" },
	{ "a directory of that name is passed over", "only-b",  A "/dirs:" B, 0,        B "/only-b" },
	{ "not executable here, but there",          "plain-a", A ":" B,      0,        B "/plain-a" },
	{ "not executable anywhere",                 "plain",   A ":" B,      -EACCES,  NULL },
	{ "nothing but a directory",                 "dir",     A,            -EACCES,  NULL },
	{ "nowhere",                                 "missing", A ":" B,      -ENOENT,  NULL },
	{ "a link that leads nowhere",               "dangling", A,           -ENOENT,  NULL },
	{ "a link that leads there",                 "link",    A,            0,        A "/link" },
	{ "a folder of the list is missing",         "only-b",  "/missing:" B, 0,       B "/only-b" },
	{ "a file in the list",                      "only-b",  A "/both:" B, 0,        B "/only-b" },
	{ "an empty element is where we are",        "here",    ":" B,        0,        "here" },
	{ "an empty element at the end",             "here",    B ":",        0,        "here" },
	{ "an empty element in the middle",          "here",    B "::" A,     0,        "here" },
	{ "an empty list is where we are",           "here",    "",           0,        "here" },
	{ "not where we are unless it says so",      "here",    A ":" B,      -ENOENT,  NULL },
	{ "a name with a slash is taken as it is",   "./x/y",   A ":" B,      0,        "./x/y" },
	{ "also if nothing is there",                "/nothing", A,           0,        "/nothing" },
	{ "no name at all",                          "",        A ":" B,      -ENOENT,  NULL },
	{ "an element that is too long is skipped",  "only-b",  LONG ":" B,   0,        B "/only-b" },
	{ "no list: the usual places",               "sh",      NULL,         0,        "/bin/sh" },
};
/* clang-format on */

static void make_programs(const struct scratch *s)
{
	/* clang-format off */
	static const struct {
		const char *name;
		unsigned mode;
	} files[] = {
		{ "a/both", 0700 }, { "b/both", 0700 }, { "b/only-b", 0700 }, { "a/plain-a", 0600 }, { "b/plain-a", 0700 },
		{ "a/plain", 0600 }, { "b/plain", 0600 }, { "here", 0700 },
	};
	/* clang-format on */
	scratch_mkdir(s, "a");
	scratch_mkdir(s, "b");
	scratch_mkdir(s, "a/dir");
	scratch_mkdir(s, "a/dirs");
	scratch_mkdir(s, "a/dirs/only-b");
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		scratch_write(s, files[i].name, "#!/bin/sh\n", 10);
		assert_int_equal(fchmodat(s->fd, files[i].name, files[i].mode, 0), 0);
	}
	assert_int_equal(symlinkat("nothing", s->fd, "a/dangling"), 0);
	assert_int_equal(symlinkat("both", s->fd, "a/link"), 0);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats stand in the table above */
static void expand(const char *format, const char *dir, const char *too_long, char *out, size_t n)
{
	snprintf(out, n, format, dir, too_long);
}
#pragma GCC diagnostic pop

static void finds_programs_as_execvp_does(void **state)
{
	(void)state;
	struct scratch s;
	char too_long[600], list[2048], want[512], out[512];
	char *was = getcwd(NULL, 0);
	scratch_make(&s);
	make_programs(&s);
	assert_non_null(was);
	assert_int_equal(fchdir(s.fd), 0);
	memset(too_long, 'x', sizeof(too_long) - 1);
	too_long[0] = '/';
	too_long[sizeof(too_long) - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(find_rows); i++) {
		const char *rule = find_rows[i].rule;
		expand(find_rows[i].path ? find_rows[i].path : "", s.path, too_long, list, sizeof(list));
		int r = os_exec_find(OS_CWD, find_rows[i].name, find_rows[i].path ? list : NULL, out,
				     sizeof(out));
		if (r != find_rows[i].result)
			fail_msg("%s: %d", rule, r);
		if (r < 0)
			continue;
		expand(find_rows[i].found, s.path, too_long, want, sizeof(want));
		if (strcmp(out, want) != 0 && !(find_rows[i].path == NULL && strcmp(out, "/usr/bin/sh") == 0))
			fail_msg("%s: %s", rule, out);
	}
	assert_int_equal(os_exec_find(OS_CWD, "/a/name/that/is/longer", NULL, out, 8), -ENAMETOOLONG);
	assert_int_equal(os_exec_find(OS_CWD, "/a/name", NULL, out, 8), 0); /* with its NUL it just fits */
	assert_int_equal(chdir(was), 0);
	/* With another place to start from: a relative directory of the list, and what is found, is of it. */
	assert_int_equal(os_exec_find(s.fd, "here", "/nowhere:", out, sizeof(out)), 0);
	assert_string_equal(out, "here");
	assert_int_equal(os_exec_find(OS_CWD, "here", "/nowhere:", out, sizeof(out)), -ENOENT);
	free(was);
	scratch_remove(&s);
}

/* Not for root: to whom every directory is open. */
static void a_closed_directory_is_no_wrong_name(void **state)
{
	(void)state;
	struct scratch s;
	char path[256], out[256];
	scratch_make(&s);
	scratch_mkdir(&s, "closed");
	scratch_write(&s, "closed/program", "#!/bin/sh\n", 10);
	assert_int_equal(fchmodat(s.fd, "closed/program", 0755, 0), 0);
	assert_int_equal(fchmodat(s.fd, "closed", 0, 0), 0);
	assert_int_equal(fchmod(s.fd, 0755), 0);
	snprintf(path, sizeof(path), "%s/closed", s.path);
	pid_t pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(2);
		_exit(os_exec_find(OS_CWD, "program", path, out, sizeof(out)) == -EACCES ? 0 : 1);
	}
	assert_int_equal(scratch_reap(pid), 0);
	assert_int_equal(fchmodat(s.fd, "closed", 0700, 0), 0);
	scratch_remove(&s);
}

/* ---- os_wait */

/* A child that waits for the end of file on `*out_line`, then exits with `code`. */
static pid_t child_until_closed(int *out_line, int code)
{
	int line[2];
	char byte;
	assert_int_equal(pipe2(line, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(line[1]);
		while (read(line[0], &byte, 1) > 0)
			;
		_exit(code);
	}
	close(line[0]);
	*out_line = line[1];
	return pid;
}

static bool has_news(void *with)
{
	return os_wait_any(with) == 1;
}

static void waits_for_any_child(void **state)
{
	(void)state;
	struct os_child child;
	int line;
	assert_int_equal(os_wait_any(&child), -ECHILD);
	assert_int_equal(os_has_children(), 0);
	pid_t pid = child_until_closed(&line, 3);
	assert_int_equal(os_wait_any(&child), 0); /* lives, and has nothing to tell */
	assert_int_equal(os_has_children(), 1);
	close(line);
	assert_true(scratch_wait_until(has_news, &child));
	assert_int_equal(child.pid, pid);
	assert_int_equal(child.status, 3 << 8);
	assert_true(child.has_ended);
	assert_true(child.max_rss_bytes >= 4096 && child.max_rss_bytes < 1ULL << 40);
	assert_int_equal(os_wait_any(&child), -ECHILD);
	assert_int_equal(os_wait_pid(pid, &child), -ECHILD);
}

static void tells_a_stop_from_an_end(void **state)
{
	(void)state;
	struct os_child child;
	int line, sig = 0;
	pid_t pid = child_until_closed(&line, 0);
	assert_int_equal(os_wait_stopped(pid, &sig), 0);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_true(scratch_wait_until(has_news, &child));
	assert_int_equal(child.pid, pid);
	assert_false(child.has_ended);
	assert_true(WIFSTOPPED(child.status) && WSTOPSIG(child.status) == SIGSTOP);
	assert_int_equal(os_has_children(), 1);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_true(scratch_wait_until(has_news, &child));
	assert_false(child.has_ended);
	assert_true(WIFCONTINUED(child.status));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_true(scratch_wait_until(has_news, &child));
	assert_true(child.has_ended);
	assert_int_equal(child.status, SIGKILL);
	close(line);
}

struct stopped {
	pid_t pid;
	int sig;
};

static bool is_stopped(void *with)
{
	struct stopped *s = with;
	return os_wait_stopped(s->pid, &s->sig) == 1;
}

static void a_stop_is_told_once(void **state)
{
	(void)state;
	struct os_child child;
	int line;
	struct stopped s = { .pid = child_until_closed(&line, 0) };
	/* In a group of its own, whose parent group is ours: where ours is orphaned, the kernel drops the
	 * stop. */
	assert_int_equal(setpgid(s.pid, s.pid), 0);
	assert_int_equal(kill(s.pid, SIGTSTP), 0);
	assert_true(scratch_wait_until(is_stopped, &s));
	assert_int_equal(s.sig, SIGTSTP);
	assert_int_equal(os_wait_stopped(s.pid, &s.sig), 0);
	assert_int_equal(os_wait_any(&child), 0);
	assert_int_equal(kill(s.pid, SIGKILL), 0);
	assert_int_equal(os_wait_pid(s.pid, &child), 0);
	assert_int_equal(os_wait_stopped(s.pid, &s.sig), 0);
	close(line);
}

static void a_signal_does_not_end_the_wait(void **state)
{
	(void)state;
	struct os_child child;
	int line;
	pid_t pid = child_until_closed(&line, 5);
	pid_t self = getpid(), killer = fork();
	if (killer == 0) {
		for (int i = 0; i < 50; i++) {
			kill(self, SIGWINCH); /* ignored by default: caught below */
			(void)poll(NULL, 0, 1);
		}
		_exit(0);
	}
	close(line);
	struct os_child other;
	assert_int_equal(os_wait_pid(killer, &other), 0);
	assert_int_equal(os_wait_pid(pid, &child), 0);
	assert_int_equal(child.status, 5 << 8);
}

static void do_nothing(int sig)
{
	(void)sig;
}

/* In a process of its own, as it stays a subreaper. */
static int take_in_an_orphan(void)
{
	struct os_child child;
	int line[2];
	char byte;
	if (os_become_subreaper() < 0 || pipe2(line, O_CLOEXEC) < 0)
		return 2;
	pid_t parent = fork();
	if (parent == 0) {
		if (fork() == 0) {
			close(line[1]);
			_exit(read(line[0], &byte, 1) == 0 ? 9 : 1);
		}
		_exit(0);
	}
	close(line[0]);
	if (os_wait_pid(parent, &child) != 0 || os_has_children() != 1)
		return 3;
	if (os_wait_any(&child) != 0) /* the orphan is ours as soon as its parent is gone */
		return 4;
	close(line[1]);
	if (!scratch_wait_until(has_news, &child) || child.status != 9 << 8 || child.pid == parent)
		return 5;
	return os_wait_any(&child) == -ECHILD ? 0 : 6;
}

static void orphans_come_to_a_subreaper(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		_exit(take_in_an_orphan());
	assert_int_equal(scratch_reap(pid), 0);
}

/* ---- os_read_apart */

#define ENTRIES "PATH=/bin\0A=1\0\0SPAWNGUARD_RUN_ID=0123\0LAST=x"

/* clang-format off */
static const struct {
	const char *rule;
	const char *word;
	int result;
} word_rows[] = {
	{ "the first entry",            "PATH=/bin",              1 },
	{ "one in the middle",          "SPAWNGUARD_RUN_ID=0123", 1 },
	{ "the last entry",             "LAST=x",                 1 },
	{ "the beginning of one",       "SPAWNGUARD_RUN_ID=012",  0 },
	{ "more than one",              "SPAWNGUARD_RUN_ID=01234", 0 },
	{ "the end of one",             "RUN_ID=0123",            0 },
	{ "not there",                  "B=2",                    0 },
	{ "an entry that is empty",     "",                       1 },
};
/* clang-format on */

static void finds_whole_entries(void **state)
{
	(void)state;
	struct scratch s;
	char path[256];
	int before = count_fds();
	scratch_make(&s);
	scratch_write(&s, "environ", ENTRIES, sizeof(ENTRIES)); /* with the NUL of the last */
	snprintf(path, sizeof(path), "%s/environ", s.path);
	for (size_t i = 0; i < COUNT_OF(word_rows); i++) {
		int r = os_read_apart_find(path, word_rows[i].word, strlen(word_rows[i].word), 10000);
		if (r != word_rows[i].result)
			fail_msg("%s: %d", word_rows[i].rule, r);
	}
	scratch_write(&s, "environ", "", 0);
	assert_int_equal(os_read_apart_find(path, "A=1", 3, 10000), -ENODATA);
	scratch_remove(&s);
	assert_int_equal(count_fds(), before);
	assert_int_equal(os_has_children(), 0);
}

/* Wherever the border of what is read at once falls in the entry. */
static void finds_over_the_borders_of_its_reads(void **state)
{
	(void)state;
	struct scratch s;
	char path[256];
	char *bytes = malloc(3 * 65536);
	assert_non_null(bytes);
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/environ", s.path);
	for (size_t back = 0; back <= 6; back++) {
		size_t n = 2 * 65536 - back;
		memset(bytes, 'x', n - 1);
		bytes[n - 1] = '\0';
		memcpy(bytes + n, "RUN=1", 6);
		scratch_write(&s, "environ", bytes, n + 6);
		assert_int_equal(os_read_apart_find(path, "RUN=1", 5, 10000), 1);
		assert_int_equal(os_read_apart_find(path, "RUN=", 4, 10000), 0);
	}
	free(bytes);
	scratch_remove(&s);
}

static void what_cannot_be_opened_is_told(void **state)
{
	(void)state;
	struct scratch s;
	char path[256];
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/missing", s.path);
	assert_int_equal(os_read_apart_find(path, "x", 1, 10000), -ENOENT);
	assert_int_equal(os_read_apart_find(s.path, "x", 1, 10000), -EISDIR);
	snprintf(path, sizeof(path), "%s/link", s.path);
	assert_int_equal(symlink(path, path), 0);
	assert_int_equal(os_read_apart_find(path, "x", 1, 10000), -ELOOP);
	assert_int_equal(os_has_children(), 0);
	scratch_remove(&s);
}

static void reads_a_real_environment(void **state)
{
	(void)state;
	static char sleep_name[] = "sleep", secs[] = "1000", mark[] = "SPAWNGUARD_RUN_ID=0123";
	char path[64];
	pid_t pid = fork();
	if (pid == 0) {
		char *const argv[] = { sleep_name, secs, NULL }, *const env[] = { mark, NULL };
		(void)execve("/bin/sleep", argv, env);
		_exit(127);
	}
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	int r = 0; /* until its exec it has our environment, and then for a moment none */
	for (int i = 0; i < 10000 && (r == 0 || r == -ENODATA); i++)
		r = os_read_apart_find(path, mark, strlen(mark), 10000);
	assert_int_equal(r, 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(scratch_reap(pid), 128 + SIGKILL);
	r = os_read_apart_find(path, mark, strlen(mark), 10000);
	assert_true(r == -ENOENT || r == -ESRCH);
}

static bool has_no_children(void *with)
{
	struct os_child child;
	(void)with;
	return os_wait_any(&child) == -ECHILD;
}

static void what_blocks_is_given_up(void **state)
{
	(void)state;
	struct scratch s;
	char path[256];
	int before = count_fds();
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/fifo", s.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	uint64_t start_ns = scratch_now_ns();
	assert_int_equal(os_read_apart_find(path, "x", 1, 50), -ETIMEDOUT);
	uint64_t took_ns = scratch_now_ns() - start_ns;
	assert_true(took_ns >= 40000000U && took_ns < 10000000000U);
	assert_true(scratch_wait_until(has_no_children, NULL)); /* killed, whoever reaps it */
	assert_int_equal(os_read_apart_find_soon(path, "x", 1, 50, 600000), -ETIMEDOUT); /* it sleeps */
	assert_true(scratch_wait_until(has_no_children, NULL));
	assert_false(os_read_apart_has_left());
	scratch_remove(&s);
	assert_int_equal(count_fds(), before);
}

/* The reader hangs, its guard is killed: what the guard had open (a lock) is free all the same. */
static void a_reader_that_hangs_holds_nothing(void **state)
{
	(void)state;
	struct scratch s;
	char path[256], byte;
	int line[2];
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/fifo", s.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(pipe2(line, 0), 0);        /* even without CLOEXEC */
	assert_int_equal(os_become_subreaper(), 0); /* the reader comes to us then */
	pid_t guard = fork();
	if (guard == 0) {
		close(line[0]);
		(void)os_read_apart_find(path, "x", 1, 60000);
		_exit(0);
	}
	close(line[1]);
	/* Once somebody may write to it, the reader has it open. */
	int fifo = -1;
	for (uint64_t end_ns = scratch_now_ns() + 20000000000U; fifo < 0 && scratch_now_ns() < end_ns;)
		fifo = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fifo >= 0);
	assert_int_equal(kill(guard, SIGKILL), 0);
	assert_int_equal(scratch_reap(guard), 128 + SIGKILL);
	struct pollfd p = { .fd = line[0], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(read(line[0], &byte, 1), 0); /* the end of file: nobody has the other end */
	close(line[0]);
	close(fifo); /* lets the reader go */
	assert_true(scratch_wait_until(has_no_children, NULL));
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	scratch_remove(&s);
}

static void answer_and_stand(int out, const void *with)
{
	(void)!write(out, with, 1);
	(void)raise(SIGSTOP);
}

/* It has answered; somebody stops it before it ends. */
static void a_reader_that_is_stopped_is_not_waited_for(void **state)
{
	(void)state;
	char byte = '\0';
	int in = -1;
	pid_t reader = os_read_apart_begin(answer_and_stand, "a", 1000, &in);
	assert_true(reader > 0);
	assert_int_equal(os_read_apart_take(reader, in, &byte, 1, 1000), 0);
	assert_int_equal(byte, 'a');
	assert_int_equal(os_has_children(), 0);
	close(in);
}

static pid_t only_child_of(pid_t pid)
{
	char path[64], text[64] = { 0 };
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

/* The two numbers of a limit, as /proc/PID/limits shows them; "" = no such line. */
static void limit_of(pid_t pid, const char *name, char *out, size_t n)
{
	static char text[8192];
	char path[64], soft[32] = "", hard[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	const char *line = strstr(text, name);
	if (line)
		(void)sscanf(line + strlen(name), "%31s %31s", soft, hard);
	snprintf(out, n, "%s %s", soft, hard);
}

static int fds_of(pid_t pid)
{
	char path[64];
	int count = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *fds = opendir(path);
	while (fds && readdir(fds))
		count++;
	if (fds)
		closedir(fds);
	return count - 2;
}

/* clang-format off */
static const struct {
	const char *name, *want;
} bound_rows[] = {
	{ "Max core file size",  "0 0" },
	{ "Max file size",       "0 0" },
	{ "Max processes",       "0 0" },
	{ "Max open files",      "4 4" },
#ifndef __SANITIZE_ADDRESS__ /* which takes terabytes of them */
	{ "Max address space",   "67108864 67108864" },
#endif
	{ "Max cpu time",        "2 2" },
};
/* clang-format on */

static bool is_bounded(void *with)
{
	char is[80];
	limit_of(*(pid_t *)with, "Max cpu time", is, sizeof(is));
	return strcmp(is, "2 2") == 0;
}

/* Whoever started it is killed: it may use next to nothing, and ends by itself. */
static void a_reader_that_hangs_is_bounded(void **state)
{
	(void)state;
	struct scratch s;
	char path[256], is[80];
	int status;
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/fifo", s.path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(os_become_subreaper(), 0);
	pid_t guard = fork();
	if (guard == 0) {
		sigset_t all;
		sigfillset(&all); /* as in a guard */
		(void)sigprocmask(SIG_SETMASK, &all, NULL);
		(void)signal(SIGALRM, SIG_IGN);
		(void)os_read_apart_find(path, "x", 1, 500);
		_exit(0);
	}
	pid_t reader = 0;
	for (uint64_t end_ns = scratch_now_ns() + 20000000000U; reader == 0 && scratch_now_ns() < end_ns;)
		reader = only_child_of(guard);
	assert_true(reader > 0);
	assert_int_equal(kill(guard, SIGKILL), 0);
	assert_int_equal(scratch_reap(guard), 128 + SIGKILL);
	assert_true(scratch_wait_until(is_bounded, &reader));
	for (size_t i = 0; i < COUNT_OF(bound_rows); i++) {
		limit_of(reader, bound_rows[i].name, is, sizeof(is));
		if (strcmp(is, bound_rows[i].want) != 0)
			fail_msg("%s: %s, not %s", bound_rows[i].name, is, bound_rows[i].want);
	}
	assert_int_equal(fds_of(reader), 1);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	scratch_remove(&s);
}

int main(void)
{
	const struct sigaction act = { .sa_handler = do_nothing };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_spawned_child_runs_its_program),
		cmocka_unit_test(its_handle_signals_it),
		cmocka_unit_test(what_fails_before_the_exec_is_told),
		cmocka_unit_test(what_exec_answers_is_told),
		cmocka_unit_test(no_process_to_be_had_is_told),
		cmocka_unit_test(many_in_a_row_leave_nothing_open),
		cmocka_unit_test(finds_programs_as_execvp_does),
		cmocka_unit_test(a_closed_directory_is_no_wrong_name),
		cmocka_unit_test(waits_for_any_child),
		cmocka_unit_test(tells_a_stop_from_an_end),
		cmocka_unit_test(a_stop_is_told_once),
		cmocka_unit_test(a_signal_does_not_end_the_wait),
		cmocka_unit_test(orphans_come_to_a_subreaper),
		cmocka_unit_test(finds_whole_entries),
		cmocka_unit_test(finds_over_the_borders_of_its_reads),
		cmocka_unit_test(what_cannot_be_opened_is_told),
		cmocka_unit_test(reads_a_real_environment),
		cmocka_unit_test(what_blocks_is_given_up),
		cmocka_unit_test(a_reader_that_hangs_holds_nothing),
		cmocka_unit_test(a_reader_that_is_stopped_is_not_waited_for),
		cmocka_unit_test(a_reader_that_hangs_is_bounded),
	};
	(void)sigaction(SIGWINCH, &act, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
