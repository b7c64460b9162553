/* What the benchmark programs share: options, guard prefixes, launching and
 * finding processes, statistics, output.  Header only, one program per file. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
extern char **environ;

static bool json, verbose;
static char tmp[200];    /* scratch directory of this run */
static char bin[4096];   /* where the built programs are */
static double limit = 2; /* what {t} in a prefix stands for */

static void cleanup(void);

static _Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(2);
}

static UNUSED double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static UNUSED void sleep_us(double us)
{
	struct timespec t = { us / 1e6, fmod(us, 1e6) * 1e3 };

	nanosleep(&t, NULL);
}

/* ---- statistics ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static UNUSED double quantile(const double *v, size_t n, double q)
{
	double *s = malloc((n + 1) * sizeof *s), r;

	memcpy(s, v, n * sizeof *s);
	qsort(s, n, sizeof *s, by_value);
	r = n ? s[(size_t)(q * (n - 1) + 0.5)] : NAN;
	free(s);
	return r;
}

/* 95 % interval of median(a)/median(b); rounds are drawn as pairs, so that
 * noise which hit a whole round cancels. */
static UNUSED void bootstrap(const double *a, const double *b, size_t n, double *lo, double *hi)
{
	enum { DRAWS = 500 };
	double r[DRAWS], *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);

	for (int d = 0; d < DRAWS; d++) {
		for (size_t i = 0; i < n; i++) {
			size_t k = random() % n;

			x[i] = a[k];
			y[i] = b[k];
		}
		r[d] = quantile(x, n, .5) / quantile(y, n, .5);
	}
	*lo = quantile(r, DRAWS, .025);
	*hi = quantile(r, DRAWS, .975);
	free(x);
	free(y);
}

/* ---- output: one aligned table, or one JSON object per line ---- */

static const char *bench_name;
static char head[1024], line[1024];
static bool head_done;
static int label_width = 12;

static UNUSED void row(const char *label)
{
	if (json)
		snprintf(line, sizeof line, "{\"bench\":\"%s\",\"prefix\":\"%s\"", bench_name, label);
	else
		snprintf(line, sizeof line, "%-*s", label_width, label);
	snprintf(head, sizeof head, "%-*s", label_width, "prefix");
}

static UNUSED __attribute__((format(printf, 2, 3))) void col(const char *key, const char *fmt, ...)
{
	char v[100], *end;
	size_t l = strlen(line), h = strlen(head);
	int width = 2 + (strlen(key) > 7 ? (int)strlen(key) : 7);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v, sizeof v, fmt, ap);
	va_end(ap);
	if (strstr(v, "nan") || strstr(v, "inf"))
		strcpy(v, "-");
	strtod(v, &end);
	if (!json)
		snprintf(line + l, sizeof line - l, "%*s", width, v);
	else if (*end == '\0' && end != v)
		snprintf(line + l, sizeof line - l, ",\"%s\":%s", key, v);
	else if (!strcmp(v, "-"))
		snprintf(line + l, sizeof line - l, ",\"%s\":null", key);
	else
		snprintf(line + l, sizeof line - l, ",\"%s\":\"%s\"", key, v);
	snprintf(head + h, sizeof head - h, "%*s", width, key);
}

static UNUSED void row_end(void)
{
	if (json)
		strcat(line, "}");
	else if (!head_done)
		puts(head);
	head_done = true;
	puts(line);
	fflush(stdout);
}

/* ---- options and prefixes ---- */

struct opt {
	const char *name;
	double *num;
	const char **str;
	const char *help;
};

struct prefix {
	const char *text, *label;
	char *argv[64];
	int argc;
	bool timed; /* the text has {t} */
};

static void substitute(const char *s, char *out, size_t size)
{
	size_t n = 0;

	for (; *s && n + 1 < size;) {
		if (!strncmp(s, "{tmp}", 5)) {
			n += snprintf(out + n, size - n, "%s", tmp);
			s += 5;
		} else if (!strncmp(s, "{bin}", 5)) {
			n += snprintf(out + n, size - n, "%s", bin);
			s += 5;
		} else if (!strncmp(s, "{t}", 3)) {
			n += snprintf(out + n, size - n, "%g", limit);
			s += 3;
		} else {
			out[n++] = *s++;
		}
	}
	out[n < size ? n : size - 1] = '\0';
}

/* "LABEL=words of a command"; '…' and "…" keep blanks; {tmp} {bin} {t} expand. */
static struct prefix parse_prefix(const char *arg)
{
	struct prefix p = { .text = arg, .label = arg };
	char text[4096], word[4096], quote = 0;
	size_t n = strcspn(arg, " =");
	bool open = false;

	if (arg[n] == '=') {
		p.label = strndup(arg, n);
		arg += n + 1;
	}
	p.timed = strstr(arg, "{t}");
	substitute(arg, text, sizeof text);
	n = 0;
	for (const char *s = text;; s++) {
		if (*s && (quote ? *s == quote : *s == '\'' || *s == '"')) {
			quote = quote ? 0 : *s;
			open = true;
		} else if (*s && (quote || !isspace((unsigned char)*s))) {
			word[n++] = *s;
			open = true;
		} else if (open) {
			word[n] = '\0';
			if (p.argc == 40)
				die("prefix too long: %s", arg);
			p.argv[p.argc++] = strdup(word);
			n = 0;
			open = false;
		}
		if (!*s)
			break;
	}
	if ((int)strlen(p.label) > label_width)
		label_width = strlen(p.label) > 40 ? 40 : strlen(p.label);
	return p;
}

static void finish(int sig)
{
	(void)sig;
	exit(130); /* runs cleanup() */
}

/* Reads the options, makes the scratch directory, parses the prefixes. */
static int setup(int argc, char **argv, const char *what, const struct opt *o, struct prefix **out)
{
	struct option lo[16] = { { "json", 0, 0, 1 }, { "verbose", 0, 0, 2 }, { "help", 0, 0, 3 } };
	int n = 0, c, i;
	ssize_t len;
	char *slash;

	bench_name = (slash = strrchr(argv[0], '/')) ? slash + 1 : argv[0];
	for (; o[n].name; n++)
		lo[n + 3] = (struct option){ o[n].name, required_argument, 0, n + 4 };
	while ((c = getopt_long(argc, argv, "", lo, NULL)) != -1) {
		char *end = "";

		if (c == 1)
			json = true;
		else if (c == 2)
			verbose = true;
		else if (c >= 4 && o[c - 4].str)
			*o[c - 4].str = optarg;
		else if (c >= 4)
			*o[c - 4].num = strtod(optarg, &end);
		if (c == 3 || c == '?' || *end) {
			fprintf(stderr, "usage: %s [options] [LABEL=]PREFIX...\n%s\n", bench_name, what);
			for (i = 0; i < n; i++) {
				fprintf(stderr, "  --%-10s %s", o[i].name, o[i].help);
				if (o[i].num)
					fprintf(stderr, " (%g)\n", *o[i].num);
				else
					fprintf(stderr, " (%s)\n", *o[i].str);
			}
			fprintf(stderr, "  --json       one JSON object per line\n  --verbose    do not hide "
					"what guards print\n");
			exit(c == 3 ? 0 : 2);
		}
	}
	len = readlink("/proc/self/exe", bin, sizeof bin - 1);
	bin[len > 0 ? len : 0] = '\0';
	if ((slash = strrchr(bin, '/')))
		*slash = '\0';
	snprintf(tmp, sizeof tmp, "%s/spawnguard-bench.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(tmp))
		die("%s: %s", tmp, strerror(errno));
	atexit(cleanup);
	signal(SIGINT, finish);
	signal(SIGTERM, finish);
	signal(SIGHUP, finish);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* whatever escapes a guard comes to us */
	*out = calloc(argc + 2, sizeof **out);
	for (n = 0, i = optind; i < argc; i++)
		(*out)[n++] = parse_prefix(argv[i]);
	return n;
}

/* ---- processes ---- */

struct run {
	char dir[256]; /* holds job (own copy), alive, ready, count, log */
	char job[300];
	dev_t dev;
	ino_t ino; /* of that copy: the mark every member carries */
	pid_t guard;
	double t0;
};

struct proc {
	pid_t pid, ppid;
	char state;
	unsigned long long start;
	bool member, ours; /* runs the job's copy; below us */
};

static pid_t spawn(char *const argv[])
{
	posix_spawnattr_t a;
	posix_spawn_file_actions_t f;
	sigset_t none;
	pid_t pid;
	int e;

	sigemptyset(&none);
	posix_spawnattr_init(&a);
	posix_spawnattr_setflags(&a, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&a, &none);
	posix_spawn_file_actions_init(&f);
	posix_spawn_file_actions_addopen(&f, 0, "/dev/null", O_RDONLY, 0);
	if (!verbose) {
		posix_spawn_file_actions_addopen(&f, 1, "/dev/null", O_WRONLY, 0);
		posix_spawn_file_actions_addopen(&f, 2, "/dev/null", O_WRONLY, 0);
	}
	e = posix_spawnp(&pid, argv[0], &f, &a, argv, environ);
	posix_spawnattr_destroy(&a);
	posix_spawn_file_actions_destroy(&f);
	if (e)
		die("%s: %s", argv[0], strerror(e));
	return pid;
}

/* Fresh directory with its own copy of the job program. */
static UNUSED void run_init(struct run *r)
{
	static int serial;
	char from[4200], buf[65536];
	struct stat st;
	ssize_t n;
	int in, out;

	memset(r, 0, sizeof *r);
	snprintf(r->dir, sizeof r->dir, "%s/r%d", tmp, serial++);
	snprintf(r->job, sizeof r->job, "%s/job", r->dir);
	snprintf(from, sizeof from, "%s/job", bin);
	mkdir(r->dir, 0755);
	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(r->job, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	if (in < 0 || out < 0)
		die("cannot copy %s", from);
	while ((n = read(in, buf, sizeof buf)) > 0)
		if (write(out, buf, n) != n)
			die("cannot copy %s", from);
	fstat(out, &st);
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	close(in);
	close(out);
}

/* PREFIX job DIR SHAPE ARGS… */
static UNUSED void run_start(struct run *r, const struct prefix *p, ...)
{
	char *argv[64];
	int n = 0;
	va_list ap;

	if (p)
		for (; n < p->argc; n++)
			argv[n] = p->argv[n];
	argv[n++] = r->job;
	argv[n++] = r->dir;
	va_start(ap, p);
	do
		argv[n] = va_arg(ap, char *);
	while (argv[n++]);
	va_end(ap);
	r->t0 = now_us();
	r->guard = spawn(argv);
}

/* Waits for a file of the job; not much longer once the guard has failed. */
static UNUSED bool file_wait(const struct run *r, const char *name, double us)
{
	double end = now_us() + us;
	char path[300];
	siginfo_t i;

	snprintf(path, sizeof path, "%s/%s", r->dir, name);
	for (; now_us() < end; sleep_us(500)) {
		if (!access(path, F_OK))
			return true;
		i.si_pid = 0;
		if (!waitid(P_PID, r->guard, &i, WEXITED | WNOHANG | WNOWAIT) && i.si_pid && i.si_status)
			end = fmin(end, now_us() + 5e5);
	}
	return false;
}

/* Sum over all threads (or of the file itself) of the number after KEY. */
static UNUSED double proc_num(pid_t pid, const char *file, const char *key, bool threads)
{
	char path[128], buf[4096];
	double sum = 0;
	DIR *d = NULL;
	struct dirent *e;

	if (threads) {
		snprintf(path, sizeof path, "/proc/%d/task", pid);
		if (!(d = opendir(path)))
			return 0;
	}
	do {
		FILE *f;

		if (d) {
			if (!(e = readdir(d)))
				break;
			if (!isdigit((unsigned char)e->d_name[0]))
				continue;
			snprintf(path, sizeof path, "/proc/%d/task/%.20s/%s", pid, e->d_name, file);
		} else {
			snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
		}
		if ((f = fopen(path, "re"))) {
			while (fgets(buf, sizeof buf, f))
				if (!strncmp(buf, key, strlen(key))) {
					sum += strtod(buf + strlen(key), NULL);
					break;
				}
			fclose(f);
		}
	} while (d);
	if (d)
		closedir(d);
	return sum;
}

static bool read_stat(pid_t pid, struct proc *p, double *child_us)
{
	char path[64], buf[1024], *s;
	unsigned long long cu = 0, cs = 0;
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if (!(f = fopen(path, "re")))
		return false;
	n = fread(buf, 1, sizeof buf - 1, f);
	fclose(f);
	buf[n] = '\0';
	if (!(s = strrchr(buf, ')')))
		return false;
	p->pid = pid;
	sscanf(s + 2, "%c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %llu",
	       &p->state, &p->ppid, &cu, &cs, &p->start);
	if (child_us)
		*child_us = (cu + cs) * 1e6 / sysconf(_SC_CLK_TCK);
	return true;
}

static bool is_member(const struct run *r, pid_t pid)
{
	char path[96];
	struct stat st;
	struct dirent *e;
	bool yes = false;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	if (!stat(path, &st))
		return st.st_dev == r->dev && st.st_ino == r->ino;
	snprintf(path, sizeof path, "/proc/%d/task", pid); /* dead leader, live thread */
	if (!(d = opendir(path)))
		return false;
	while (!yes && (e = readdir(d))) {
		snprintf(path, sizeof path, "/proc/%d/task/%.20s/exe", pid, e->d_name);
		yes = isdigit((unsigned char)e->d_name[0]) && !stat(path, &st) && st.st_dev == r->dev &&
		      st.st_ino == r->ino;
	}
	closedir(d);
	return yes;
}

static UNUSED struct proc *find(struct proc *v, size_t n, pid_t pid)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t m = (lo + hi) / 2;

		if (v[m].pid < pid)
			lo = m + 1;
		else
			hi = m;
	}
	return lo < n && v[lo].pid == pid ? &v[lo] : NULL;
}

/* Everything in /proc, by pid; r may be NULL (then nobody is a member).
 * What hangs under the fixture process is nobody's. */
static UNUSED size_t snapshot(const struct run *r, pid_t fixture, struct proc **out)
{
	size_t n = 0, size = 0;
	struct proc *v = NULL, *q;
	struct dirent *e;
	DIR *d = opendir("/proc");

	while (d && (e = readdir(d))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (n == size)
			v = realloc(v, (size = size * 2 + 256) * sizeof *v);
		memset(&v[n], 0, sizeof *v);
		if (!read_stat(atoi(e->d_name), &v[n], NULL))
			continue;
		v[n].member = r && is_member(r, v[n].pid);
		n++;
	}
	closedir(d);
	for (size_t i = 0; i < n; i++) { /* bounded: the picture may hold loops */
		q = &v[i];
		for (int depth = 0; q && depth < 10000; depth++) {
			if (q->ppid == getpid()) {
				v[i].ours = q->pid != fixture;
				break;
			}
			q = find(v, n, q->ppid);
		}
	}
	*out = v;
	return n;
}

/* Guard processes: below us, not the job's, not zombies. */
static UNUSED size_t guards(const struct run *r, pid_t fixture, pid_t *pid, size_t max)
{
	struct proc *v;
	size_t n = snapshot(r, fixture, &v), k = 0;

	for (size_t i = 0; i < n && k < max; i++)
		if (v[i].ours && !v[i].member && v[i].state != 'Z')
			pid[k++] = v[i].pid;
	free(v);
	return k;
}

static UNUSED size_t members(const struct run *r)
{
	struct proc *v;
	size_t n = snapshot(r, 0, &v), k = 0;

	for (size_t i = 0; i < n; i++)
		k += v[i].member;
	free(v);
	return k;
}

static bool same(const struct run *r, const struct proc *p)
{
	struct proc q;

	return p->member ? is_member(r, p->pid) : read_stat(p->pid, &q, NULL) && q.start == p->start;
}

static UNUSED void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
}

/* Ends members and, with all, everything below us but the fixture; through
 * pidfds whose owner was checked after opening. */
static UNUSED void sweep(const struct run *r, bool all, pid_t fixture)
{
	char path[300];
	int calm = 0;

	if (r) {
		snprintf(path, sizeof path, "%s/stop", r->dir);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	}
	for (double end = now_us() + 20e6; calm < 2 && now_us() < end;) {
		struct proc *v;
		size_t n = snapshot(r, fixture, &v), hit = 0;

		for (size_t i = 0; i < n; i++) {
			int fd;

			if (v[i].state == 'Z' && !v[i].member)
				continue;
			if (!v[i].member && !(all && v[i].ours))
				continue;
			hit++;
			if ((fd = syscall(SYS_pidfd_open, v[i].pid, 0)) < 0)
				continue;
			if (same(r, &v[i]))
				syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
			close(fd);
		}
		free(v);
		reap();
		calm = hit ? 0 : calm + 1;
		sleep_us(hit ? 2000 : 500);
	}
}

static UNUSED void remove_dir(const char *dir)
{
	char path[512];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (!lstat(path, &st) && S_ISDIR(st.st_mode))
			remove_dir(path);
		else
			unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}

/* Comma list of numbers. */
static UNUSED int numbers(const char *s, double *v, int max)
{
	int n = 0;

	for (char *end; *s && n < max; s = *end ? end + 1 : end)
		v[n++] = strtod(s, &end);
	return n;
}
