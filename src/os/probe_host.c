/* Questions about the machine and its software. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/probe_ask.h"
#include "os/self.h"

int probe_number_in(const char *path, long *out_number)
{
	char line[64], *end;
	ssize_t n = os_first_line(path, line, sizeof(line));
	if (n < 0)
		return (int)n;
	long number = strtol(line, &end, 10);
	if (end == line || *end != '\0')
		return -EBADMSG;
	*out_number = number;
	return 0;
}

/* A small number that is the answer itself. */
static int answer_in(const char *path)
{
	long number = -1;
	int r = probe_number_in(path, &number);
	if (r < 0)
		return r;
	return number >= 0 && number <= 1000 ? (int)number : -EBADMSG;
}

int probe_autogroup(struct probe_answer *out)
{
	(void)out;
	return answer_in("/proc/sys/kernel/sched_autogroup_enabled");
}

int probe_ptrace_scope(struct probe_answer *out)
{
	(void)out;
	return answer_in("/proc/sys/kernel/yama/ptrace_scope");
}

int probe_kernel(struct probe_answer *out)
{
	struct utsname u;
	struct buf text;

	if (uname(&u) < 0)
		return -errno;
	buf_init(&text, out->text, sizeof(out->text));
	buf_str(&text, u.sysname);
	buf_char(&text, ' ');
	buf_str(&text, u.release);
	buf_char(&text, ' ');
	buf_str(&text, u.machine);
	return 0;
}

/* An id of hex digits and dashes, 32 of them at least; -EBADMSG. */
static int id_in(const char *path, struct probe_answer *out)
{
	ssize_t n = os_first_line(path, out->text, sizeof(out->text));
	if (n < 0)
		return (int)n;
	return n >= 32 && strspn(out->text, "0123456789abcdefABCDEF-") == (size_t)n ? 0 : -EBADMSG;
}

int probe_boot_id(struct probe_answer *out)
{
	return id_in("/proc/sys/kernel/random/boot_id", out);
}

int probe_machine_id(struct probe_answer *out)
{
	return id_in("/etc/machine-id", out);
}

int probe_clock(struct probe_answer *out)
{
	struct timespec t;

	out->value[0] = os_clock_boot_ns();
	if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
		return -errno;
	out->value[1] = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
	out->value[2] = os_clock_wall_ns();
	if (os_first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", out->text,
			  sizeof(out->text)) < 0)
		out->text[0] = '\0';
	return 0;
}

/* ---- what happens at logout: logind.conf(5) */

#define CONF_BYTES   (64 * 1024)
#define DROPINS_MAX  64
#define DROPIN_BYTES 64

struct logind {
	struct probe_answer *out;
	bool kills, keeps_root;
};

static bool is_yes(const char *value)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	for (size_t i = 0; i < COUNT_OF(yes); i++)
		if (strcasecmp(value, yes[i]) == 0)
			return true;
	return false;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = list; *at != '\0'; at += strcspn(at, " \t")) {
		at += strspn(at, " \t");
		if (strncmp(at, word, n) == 0 && (at[n] == '\0' || at[n] == ' ' || at[n] == '\t'))
			return true;
	}
	return false;
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t n = strlen(text);
	while (n > 0 && strchr(" \t\r", text[n - 1]))
		text[--n] = '\0';
	return text;
}

static void obey(struct logind *l, const char *path, char *line)
{
	struct buf file;
	char *equals = strchr(line, '=');

	if (!equals || line[0] == '#' || line[0] == ';')
		return;
	*equals = '\0';
	const char *key = trim(line), *value = trim(equals + 1);
	if (strcmp(key, "KillExcludeUsers") == 0)
		l->keeps_root = has_word(value, "root");
	if (strcmp(key, "KillUserProcesses") != 0)
		return;
	l->kills = is_yes(value);
	buf_init(&file, l->out->text, sizeof(l->out->text));
	buf_str(&file, path);
}

/* 0, -errno. */
static int read_conf(struct logind *l, const char *path)
{
	AUTO_FREE char *bytes = malloc(CONF_BYTES);
	char *rest = NULL;

	if (!bytes)
		return -ENOMEM;
	AUTO_FD int fd = os_open_user(path, 0, 0);
	ssize_t n = fd < 0 ? fd : os_file_read_fd(fd, bytes, CONF_BYTES);
	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		obey(l, path, trim(line));
	return 0;
}

/* Of a lower directory first: the same name in a higher one hides it. */
static const char *const conf_dir[] = { "/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd",
					"/etc/systemd" };

struct dropin {
	char name[DROPIN_BYTES];
	size_t dir;
};

static void add_dropin(struct dropin *list, size_t *count, const char *name, size_t dir)
{
	size_t at = 0, len = strlen(name);

	if (len < 6 || len >= DROPIN_BYTES || strcmp(name + len - 5, ".conf") != 0)
		return;
	while (at < *count && strcmp(list[at].name, name) < 0)
		at++;
	if (at < *count && strcmp(list[at].name, name) == 0) {
		list[at].dir = dir;
		return;
	}
	if (*count == DROPINS_MAX)
		return;
	memmove(&list[at + 1], &list[at], (*count - at) * sizeof(*list));
	memcpy(list[at].name, name, len + 1);
	list[at].dir = dir;
	(*count)++;
}

static void read_dropins(struct logind *l)
{
	static struct dropin list[DROPINS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < COUNT_OF(conf_dir); i++) {
		BUF(path, 128);
		buf_str(&path, conf_dir[i]);
		buf_str(&path, "/logind.conf.d");
		DIR *dir = opendir(path.at);
		for (struct dirent *entry; dir && (entry = readdir(dir));)
			add_dropin(list, &count, entry->d_name, i);
		if (dir)
			(void)closedir(dir);
	}
	for (size_t i = 0; i < count; i++) {
		BUF(path, 192);
		buf_str(&path, conf_dir[list[i].dir]);
		buf_str(&path, "/logind.conf.d/");
		buf_str(&path, list[i].name);
		(void)read_conf(l, path.at); /* a mask is a link to /dev/null: nothing in it */
	}
}

int probe_logout(struct probe_answer *out)
{
	struct logind l = { .out = out, .keeps_root = true };

	for (size_t i = COUNT_OF(conf_dir); i-- > 0;) {
		BUF(path, 128);
		buf_str(&path, conf_dir[i]);
		buf_str(&path, "/logind.conf");
		if (read_conf(&l, path.at) == 0)
			break; /* the highest alone counts */
	}
	read_dropins(&l);
	out->value[0] = !l.keeps_root;
	return l.kills;
}

/* ---- libraries */

static void set_text(struct probe_answer *out, const char *text)
{
	struct buf b;
	buf_init(&b, out->text, sizeof(out->text));
	buf_str(&b, text ? text : "");
}

int probe_libc(struct probe_answer *out)
{
	set_text(out, gnu_get_libc_version());
	return 0;
}

/* Loaded as its users load it, but here, where it may be missing. */
static void *load(const char *library, const char *symbol, struct probe_answer *out)
{
	void *at = NULL;
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	if (handle)
		at = dlsym(handle, symbol);
	if (!at)
		set_text(out, dlerror());
	return at;
}

int probe_smartcols(struct probe_answer *out)
{
	int (*version)(const char **name);
	const char *name = NULL;
	void *at = load("libsmartcols.so.1", "scols_get_library_version", out);

	if (!at)
		return -ENOENT;
	memcpy(&version, &at, sizeof(version)); /* C has no cast from an object to a function */
	(void)version(&name);
	set_text(out, name);
	return 0;
}

int probe_jansson(struct probe_answer *out)
{
	const char *(*version)(void);
	void *at = load("libjansson.so.4", "jansson_version_str", out);

	if (!at)
		return -ENOENT;
	memcpy(&version, &at, sizeof(version));
	set_text(out, version());
	return 0;
}
