/*
 * deny CALL=ERRNO... -- CMD...: run CMD without some system calls, as on an older kernel or in a container:
 * each CALL (name from the table, or number) fails with ERRNO (name or number), in CMD and all its children.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAIRS_MAX 64
#define USAGE     2

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "name the audit architecture of this machine here"
#endif

/* clang-format off */
#define CALL(name) { #name, SYS_##name }
/* clang-format on */

static const struct {
	const char *name;
	long number;
} calls[] = {
	CALL(bpf),
	CALL(capset),
	CALL(ioprio_set),
	CALL(setpriority),
	CALL(clone),
	CALL(clone3),
	CALL(close_range),
	CALL(epoll_create1),
	CALL(epoll_pwait2),
	CALL(faccessat2),
	CALL(fallocate),
	CALL(flock),
	CALL(fstatfs),
	CALL(fsync),
	CALL(ftruncate),
	CALL(getrandom),
	CALL(inotify_init1),
	CALL(ioctl),
	CALL(kill),
	CALL(memfd_create),
	CALL(mkdirat),
	CALL(mount),
	CALL(openat),
	CALL(openat2),
	CALL(perf_event_open),
	CALL(pidfd_getfd),
	CALL(pidfd_open),
	CALL(pidfd_send_signal),
	CALL(prctl),
	CALL(pread64),
	CALL(prlimit64),
	CALL(process_mrelease),
	CALL(ptrace),
	CALL(pwrite64),
	CALL(renameat2),
	CALL(sched_setscheduler),
	CALL(seccomp),
	CALL(setns),
	CALL(setpgid),
	CALL(setsid),
	CALL(signalfd4),
	CALL(socketpair),
	CALL(statx),
	CALL(timerfd_create),
	CALL(unlinkat),
	CALL(unshare),
	CALL(waitid),
#ifdef SYS_fork /* not on newer architectures */
	CALL(fork),
	CALL(vfork),
	CALL(epoll_create),
	CALL(rename),
	CALL(signalfd),
#endif
};

static void usage(const char *what, const char *subject)
{
	fprintf(stderr, "deny: %s: %s\nusage: deny CALL=ERRNO... -- CMD...; calls:", what, subject);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		fprintf(stderr, " %s", calls[i].name);
	fputc('\n', stderr);
	exit(USAGE);
}

/* Decimal up to `max`, or -1. */
static long number_of(const char *text, long max)
{
	char *end;
	long number = strtol(text, &end, 10);
	return end == text || *end != '\0' || number < 0 || number > max ? -1 : number;
}

static long call_of(const char *text)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(calls[i].name, text) == 0)
			return calls[i].number;
	return number_of(text, INT32_MAX);
}

static long errno_of(const char *text)
{
	for (int i = 1; i < 256; i++) {
		const char *name = strerrorname_np(i);
		if (name && strcmp(name, text) == 0)
			return i;
	}
	return number_of(text, 4095);
}

static size_t add(struct sock_filter *filter, size_t n, char *pair)
{
	char *equals = strchr(pair, '=');
	if (!equals)
		usage("CALL=ERRNO expected", pair);
	*equals = '\0';
	long call = call_of(pair), err = errno_of(equals + 1);
	if (call < 0)
		usage("unknown call", pair);
	if (err < 0)
		usage("unknown errno", equals + 1);
	filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err);
	return n;
}

int main(int argc, char **argv)
{
	struct sock_filter filter[5 + 2 * PAIRS_MAX] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OUR_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), /* 32-bit programs have other numbers */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	size_t n = 4;
	int at = 1;
	for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
		if (at > PAIRS_MAX)
			usage("too many", argv[at]);
		n = add(filter, n, argv[at]);
	}
	if (at == 1 || at + 1 >= argc)
		usage("nothing to deny, or no command behind --", at < argc ? argv[at] : "");
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

	/* Root keeps the right to gain privileges: only others need no_new_privs for a filter. */
	struct sock_fprog program = { (unsigned short)n, filter };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 &&
	    (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	     syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)) {
		perror("deny: set the filter");
		return USAGE;
	}
	execvp(argv[at + 1], argv + at + 1);
	perror(argv[at + 1]);
	return 127;
}
