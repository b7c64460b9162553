/* What a job can see of the world it was started in, and which signals reach it. */
#include "victim.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static void put_hex(FILE *out, const char *key, const char *bytes)
{
	fprintf(out, "%s=%zu:", key, strlen(bytes));
	for (const unsigned char *c = (const unsigned char *)bytes; *c; c++)
		fprintf(out, "%02x", *c);
	fputc('\n', out);
}

static void put_link(FILE *out, const char *key, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	fprintf(out, "%s=%s%s\n", key, n < 0 ? "errno:" : "", n < 0 ? strerror(errno) : target);
}

/* Lines of a /proc file; with `wanted` only those that begin with one of its names. */
static void put_file(FILE *out, const char *key, const char *path, const char *const *wanted)
{
	FILE *in = fopen(path, "re");
	char line[1024];
	if (!in)
		fprintf(out, "%s=errno:%s\n", key, strerror(errno));
	while (in && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		size_t name = strcspn(line, ":");
		bool take = !wanted;
		for (size_t i = 0; wanted && wanted[i]; i++)
			take = take || (strlen(wanted[i]) == name && memcmp(line, wanted[i], name) == 0);
		if (take)
			fprintf(out, "%s.%s\n", key, line);
	}
	if (in)
		fclose(in);
}

static void put_world(FILE *out, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		char key[32];
		(void)snprintf(key, sizeof(key), "argv.%d", i);
		put_hex(out, key, argv[i]);
	}
	fprintf(out, "argc=%d\n", argc);
	int count = 0;
	for (char **e = environ; *e; e++) {
		char key[32];
		if (strncmp(*e, "SPAWNGUARD_", 11) == 0)
			continue;
		(void)snprintf(key, sizeof(key), "environ.%d", count++);
		put_hex(out, key, *e);
	}
	put_link(out, "cwd", "/proc/self/cwd");
	put_link(out, "root", "/proc/self/root");
	put_link(out, "exe", "/proc/self/exe");
	put_file(out, "comm", "/proc/self/comm", NULL);
	mode_t mask = umask(0);
	umask(mask);
	fprintf(out, "umask=%04o\n", (unsigned)mask);
	fprintf(out, "secure-exec=%lu\n", getauxval(AT_SECURE));
}

static void put_fds(FILE *out)
{
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		life_broken("/proc/self/fd");
	for (struct dirent *e; (e = readdir(dir));) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		int fd = life_number(e->d_name);
		if (fd == dirfd(dir))
			continue;
		char key[32], path[64];
		struct stat st = { 0 };
		(void)snprintf(key, sizeof(key), "fd.%d", fd);
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		put_link(out, key, path);
		fstat(fd, &st);
		fprintf(out, "%s.flags=fd:%d fl:%o tty:%d at:%lld ino:%ju mode:%o\n", key, fcntl(fd, F_GETFD),
			(unsigned)fcntl(fd, F_GETFL), isatty(fd),
			S_ISREG(st.st_mode) ? (long long)lseek(fd, 0, SEEK_CUR) : 0LL, (uintmax_t)st.st_ino,
			(unsigned)st.st_mode);
	}
	closedir(dir);
}

static void put_limits(FILE *out)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;
		if (getrlimit((__rlimit_resource_t)i, &limit) == 0)
			fprintf(out, "rlimit.%d=%ju:%ju\n", i, (uintmax_t)limit.rlim_cur,
				(uintmax_t)limit.rlim_max);
	}
	static const int timers[] = { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };
	for (int i = 0; i < 3; i++) {
		struct itimerval value;
		getitimer((__itimer_which_t)timers[i], &value);
		fprintf(out, "itimer.%d=%s\n", i,
			value.it_value.tv_sec || value.it_value.tv_usec ? "armed" : "off");
	}
}

static void put_rights(FILE *out)
{
	static const char *const status[] = {
		"Uid",
		"Gid",
		"Groups",
		"CapInh",
		"CapPrm",
		"CapEff",
		"CapBnd",
		"CapAmb",
		"NoNewPrivs",
		"Seccomp",
		"Seccomp_filters",
		"SigPnd",
		"ShdPnd",
		"SigBlk",
		"SigIgn",
		"SigCgt",
		"Threads",
		"Cpus_allowed",
		"Mems_allowed",
		"Speculation_Store_Bypass",
		"SpeculationIndirectBranch",
		"THP_enabled",
		"TracerPid",
		NULL,
	};
	static const char *const spaces[] = {
		"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children",
		"user",   "uts"
	};
	put_file(out, "status", "/proc/self/status", status);
	put_file(out, "cgroup", "/proc/self/cgroup", NULL);
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		char key[64], path[64];
		(void)snprintf(key, sizeof(key), "ns.%s", spaces[i]);
		(void)snprintf(path, sizeof(path), "/proc/self/ns/%s", spaces[i]);
		put_link(out, key, path);
	}
	fprintf(out, "securebits=%d\n", prctl(PR_GET_SECUREBITS));
	fprintf(out, "keepcaps=%d\n", prctl(PR_GET_KEEPCAPS));
	fprintf(out, "dumpable=%d\n", prctl(PR_GET_DUMPABLE));
	fprintf(out, "personality=%x\n", (unsigned)personality(0xffffffff));
	put_file(out, "loginuid", "/proc/self/loginuid", NULL);
	put_file(out, "coredump_filter", "/proc/self/coredump_filter", NULL);
}

static void put_place(FILE *out)
{
	int number = -1, tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	fprintf(out, "sid=%d\npgrp=%d\n", getsid(0), getpgrp());
	fprintf(out, "session-leader=%d\ngroup-leader=%d\n", getsid(0) == getpid(), getpgrp() == getpid());
	fprintf(out, "terminal=%d\nforeground=%d\n", tty >= 0, tty >= 0 && tcgetpgrp(tty) == getpgrp());
	if (tty >= 0)
		close(tty);
	prctl(PR_GET_PDEATHSIG, &number);
	fprintf(out, "pdeathsig=%d\n", number);
	prctl(PR_GET_CHILD_SUBREAPER, &number);
	fprintf(out, "subreaper=%d\n", number);
}

static void put_schedule(FILE *out)
{
	struct sched_param param = { 0 };
	sched_getparam(0, &param);
	fprintf(out, "sched=%x priority=%d\n", (unsigned)sched_getscheduler(0), param.sched_priority);
	errno = 0;
	fprintf(out, "nice=%d\n", getpriority(PRIO_PROCESS, 0));
	fprintf(out, "ioprio=%ld\n", syscall(SYS_ioprio_get, 1, 0));
	fprintf(out, "timerslack=%d\n", prctl(PR_GET_TIMERSLACK));
	fprintf(out, "mce=%d\n", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	put_file(out, "oom_score_adj", "/proc/self/oom_score_adj", NULL);
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	fprintf(out, "cpus=");
	for (size_t i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus))
			fprintf(out, "%zu ", i);
	fputc('\n', out);
}

/* Collected in memory first: the report's own file must not be among the descriptors. */
static int shape_traits(int argc, char **argv, bool leave)
{
	(void)leave;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	if (argc < 2 || !out)
		life_broken("traits FILE");
	put_fds(out);
	put_world(out, argc, argv);
	put_limits(out);
	put_rights(out);
	put_place(out);
	put_schedule(out);
	if (fclose(out) != 0)
		life_broken("traits");
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		life_broken(argv[1]);
	free(text);
	return 0;
}

struct end_rule { /* SIG=STATUS[@MS]: MS after that signal, exit STATUS */
	int sig, status, after_ms;
};

static struct end_rule end_rule(const char *text)
{
	struct end_rule rule = { 0, 0, 0 };
	char copy[64];
	(void)snprintf(copy, sizeof(copy), "%s", text);
	char *status = strchr(copy, '='), *after = strchr(copy, '@');
	if (!status)
		life_broken(text);
	*status++ = '\0';
	if (after)
		*after++ = '\0';
	rule.sig = life_number(copy);
	rule.status = life_number(status);
	rule.after_ms = after ? life_number(after) : 0;
	return rule;
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One line per signal, until a rule ends it.  SIGALRM is caught here too, so the loop has a bound of its own.
 */
static int catch_loop(int log, const sigset_t *all, int rules, char **rule_text)
{
	uint64_t end_ms = now_ms() + VICTIM_LIFE_S * 1000;
	int status = VICTIM_BROKEN;
	bool ending = false;
	for (uint64_t now; (now = now_ms()) < end_ms;) {
		siginfo_t info;
		struct timespec left = { (time_t)((end_ms - now) / 1000),
					 (long)((end_ms - now) % 1000) * 1000000 };
		int sig = sigtimedwait(all, &info, &left);
		if (sig < 0 || sig == SIGCHLD)
			continue;
		life_line(log, "at=%d sig=%d code=%d pid=%d uid=%d value=%d", getpid(), sig, info.si_code,
			  info.si_pid, (int)info.si_uid, info.si_value.sival_int);
		for (int i = 0; i < rules && !ending; i++) {
			struct end_rule rule = end_rule(rule_text[i]);
			if (rule.sig != sig)
				continue;
			ending = true;
			status = rule.status;
			end_ms = now_ms() + (uint64_t)rule.after_ms;
		}
	}
	return status;
}

/* catch LOG CHILDREN [SIG=STATUS[@MS]]...: every signal that reaches this process and its children. */
static int shape_catch(int argc, char **argv, bool leave)
{
	(void)leave;
	if (argc < 3)
		life_broken("catch LOG CHILDREN");
	int log = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGCHLD)
			signal(sig, SIG_DFL); /* also what was ignored at start: the mask holds it anyway */
	for (int i = 0; log >= 0 && i < life_number(argv[2]); i++)
		if (life_fork() == 0) {
			life_line(log, "child at=%d", getpid());
			_exit(catch_loop(log, &all, argc - 3, argv + 3));
		}
	life_line(log, "ready at=%d", getpid());
	return catch_loop(log, &all, argc - 3, argv + 3);
}

/* clang-format off */
const struct shape fact_shapes[] = {
	{ "traits", "FILE [ARGS]",                         shape_traits, false },
	{ "catch",  "LOG CHILDREN [SIG=STATUS[@MS]] ...",  shape_catch,  true },
	{ NULL,     NULL,                                  NULL,         false },
};
/* clang-format on */
