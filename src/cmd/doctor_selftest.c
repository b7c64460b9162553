/* doctor --selftest: a small real tree through lock, kill, limit and record, in a state directory of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "cmd/doctor.h"
#include "codec/history.h"
#include "codec/json_write.h"
#include "os/child.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/link.h"
#include "os/pipe.h"
#include "os/say.h"
#include "os/self.h"
#include "os/signal.h"
#include "os/spawn.h"
#include "spawnguard/exit.h"

#define PLACE           "selftest" /* below the state directory */
#define STEP_TIMEOUT_MS 20000      /* a step takes a fraction of a second: only what hangs reaches it */
#define TURN_TIMEOUT_MS 20000      /* another self-test in the same place */
#define VICTIM_LIFE_MS  60000      /* where even the guard is gone, nothing stays for ever */
#define VICTIMS         3
#define HISTORY_BYTES   (64 * 1024)
#define KILLED_RUN      "selftest-kill"
#define TIMED_RUN       "selftest-limit"

struct selftest {
	char **env;
	const char *wrapper, *self; /* borrowed: bin/spawnguard, this program */
	char place[768];            /* state directory of the test */
	int place_fd, parent_fd;    /* owned; borrowed */
	pid_t run;                  /* of the step "start", 0 = none */
	int run_alive;              /* owned: end of a pipe whose other end the whole tree holds; -1 */
	struct buf why;             /* of the step that failed */
	char why_bytes[512];
};

/* ---- the victim */

static void say_ready(int fd)
{
	(void)os_fd_write(fd, "r", 1);
	os_clock_sleep_ms(VICTIM_LIFE_MS);
}

/* A child in a session of its own, and a daemon that only KILL ends: what kill(-PGRP) never reaches. */
int selftest_victim(const char *fd_text)
{
	uint64_t fd;

	if (num_parse_u64(fd_text, 4096, &fd) < 0)
		return EXIT_USAGE;
	if (os_fork() == 0) {
		(void)os_leave_group(true);
		if (os_fork() == 0) {
			os_signal_ignore(SIGTERM);
			say_ready((int)fd);
			return 0;
		}
		return 0; /* its parent: so it is the guard's child now */
	}
	if (os_fork() == 0)
		(void)os_leave_group(true);
	say_ready((int)fd);
	return 0;
}

/* ---- running */

/* spawnguard `words`; pid, -errno. */
static pid_t start(struct selftest *t, const char *const *words, int out, int pass)
{
	const char *argv[24] = { t->wrapper, words[0], "--config=none", "--state-dir", t->place };
	size_t n = 5;

	for (size_t i = 1; words[i] && n + 1 < COUNT_OF(argv); i++)
		argv[n++] = words[i];
	argv[n] = NULL;
	return os_child_start((char *const *)argv, t->env, out, pass);
}

/* What it said, into why: one line. */
static void put_said(struct selftest *t, int out)
{
	char said[256];

	if (out < 0 || os_file_read_fd(out, said, sizeof(said)) <= 0)
		return;
	said[strcspn(said, "\n")] = '\0';
	buf_str(&t->why, ": ");
	finding_foreign(&t->why, said);
}

static bool expect(struct selftest *t, const char *what, int status, int want, int out)
{
	int code = (status & 0x7f) != 0 ? 128 + (status & 0x7f) : (status >> 8) & 0xff;

	if (code == want)
		return true;
	buf_str(&t->why, what);
	buf_str(&t->why, " ended with ");
	buf_i64(&t->why, code);
	buf_str(&t->why, ", not ");
	buf_i64(&t->why, want);
	put_said(t, out);
	return false;
}

/* The end of `pid` with `want`, in time. */
static bool await(struct selftest *t, const char *what, pid_t pid, int want, int out)
{
	int status;

	if (pid < 0) {
		finding_error(&t->why, what, pid);
		return false;
	}
	int r = os_child_wait(pid, STEP_TIMEOUT_MS, &status);
	if (r == 0)
		return expect(t, what, status, want, out);
	os_child_end(pid);
	finding_error(&t->why, what, r);
	return false;
}

static bool run_words(struct selftest *t, const char *what, const char *const *words, int want)
{
	AUTO_FD int out = os_child_output();
	return await(t, what, start(t, words, out, -1), want, out);
}

/* The kernel's word: nobody holds the other end of `alive` any more. */
static bool is_gone(struct selftest *t, int alive)
{
	char byte;
	ssize_t n;

	while ((n = os_pipe_read(alive, &byte, 1, 0)) > 0)
		;
	if (n == 0)
		return true;
	buf_str(&t->why, "processes of the tree are left");
	return false;
}

/* A guarded victim; its pid. */
static pid_t start_victim(struct selftest *t, const char *const *options, int out, int *out_alive)
{
	const char *words[20] = { "run", "-N", "selftest", "-k", "100ms" };
	int ends[2];
	size_t n = 5;
	BUF(fd, 16);

	int r = os_pipe_open(ends);
	if (r < 0)
		return r;
	buf_i64(&fd, ends[1]);
	for (size_t i = 0; options[i]; i++)
		words[n++] = options[i];
	words[n++] = "--";
	words[n++] = t->self;
	words[n++] = SELFTEST_VICTIM;
	words[n++] = fd.at;
	pid_t pid = start(t, words, out, ends[1]);
	os_fd_close(&ends[1]);
	*out_alive = ends[0];
	return pid;
}

/* ---- the steps */

static bool step_start(struct selftest *t)
{
	static const char *const options[] = { "--run-id", KILLED_RUN, NULL };
	AUTO_FD int out = os_child_output();
	char byte;

	pid_t pid = start_victim(t, options, out, &t->run_alive);
	if (pid < 0) {
		finding_error(&t->why, "run", pid);
		return false;
	}
	t->run = pid;
	for (int i = 0; i < VICTIMS; i++) {
		ssize_t n = os_pipe_read(t->run_alive, &byte, 1, STEP_TIMEOUT_MS);
		if (n > 0)
			continue;
		if (n < 0)
			finding_error(&t->why, "a tree of three does not stand", (int)n);
		else
			buf_str(&t->why, "the run ended before its tree stood");
		put_said(t, out);
		return false;
	}
	return true;
}

static bool step_lock(struct selftest *t)
{
	static const char *const words[] = { "run", "-n", "-N", "selftest", "--", "/nonexistent", NULL };
	return run_words(t, "a second start", words, SG_EXIT_CONFLICT);
}

static bool step_kill(struct selftest *t)
{
	static const char *const words[] = { "kill", "selftest", NULL };
	int status;

	if (!run_words(t, "kill", words, 0))
		return false;
	int r = os_child_wait(t->run, STEP_TIMEOUT_MS, &status);
	if (r < 0) {
		finding_error(&t->why, "the killed run does not end", r);
		return false;
	}
	t->run = 0;
	return is_gone(t, t->run_alive);
}

static bool step_limit(struct selftest *t)
{
	static const char *const options[] = { "--run-id", TIMED_RUN, "-t", "200ms", NULL };
	AUTO_FD int out = os_child_output();
	AUTO_FD int alive = -1;

	pid_t pid = start_victim(t, options, out, &alive);
	return await(t, "a run with a timeout", pid, SG_EXIT_TIMEOUT, out) && is_gone(t, alive);
}

/* Lines of both runs, all whole. */
struct seen {
	int history_fd;
	unsigned start, end; /* bit 0: the killed one, bit 1: the timed one */
	bool is_damaged;
	char *bytes; /* HISTORY_BYTES, borrowed */
};

static int see_month(void *with, const char *name)
{
	struct seen *s = with;
	char *rest = NULL;

	ssize_t n = os_file_read_at(s->history_fd, name, s->bytes, HISTORY_BYTES);
	if (n < 0)
		return (int)n;
	for (char *line = strtok_r(s->bytes, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		static const char *const id[] = { KILLED_RUN, TIMED_RUN };
		size_t len = strlen(line);
		if (!history_line_is_intact(line, len))
			s->is_damaged = true;
		for (unsigned i = 0; i < COUNT_OF(id); i++) {
			s->start |= (unsigned)history_line_is(line, len, "start", id[i]) << i;
			s->end |= (unsigned)history_line_is(line, len, "end", id[i]) << i;
		}
	}
	return 0;
}

static int find_record(void *with, const char *name)
{
	(void)with;
	return strchr(name, '.') ? 0 : 1; /* no run id has a dot */
}

static bool step_record(struct selftest *t)
{
	AUTO_FREE char *bytes = malloc(HISTORY_BYTES);
	AUTO_FD int history = os_open_at(t->place_fd, "history", O_RDONLY | O_DIRECTORY, 0);
	AUTO_FD int runs = os_open_at(t->place_fd, "runs", O_RDONLY | O_DIRECTORY, 0);
	struct seen seen = { .history_fd = history, .bytes = bytes };

	int r = !bytes ? -ENOMEM : history < 0 ? history : os_dir_each(history, see_month, &seen);
	if (r < 0)
		finding_error(&t->why, "the history cannot be read", r);
	else if (seen.is_damaged)
		buf_str(&t->why, "the history has damaged lines");
	else if (seen.start != 3 || seen.end != 3)
		buf_str(&t->why, "the history lacks the start or the end of a run");
	else if (runs < 0 || os_dir_each(runs, find_record, NULL) != 0)
		buf_str(&t->why, "a record of a run that has ended is still there");
	return t->why.len == 0;
}

/* clang-format off */
static const struct {
	const char *name, *what;
	bool (*run)(struct selftest *t);
} steps[] = {
	{ "start",  "a job, its child in another session, a daemon that ignores TERM", step_start },
	{ "lock",   "a second start is refused (75)",                                  step_lock },
	{ "kill",   "spawnguard kill ends all of them",                                step_kill },
	{ "limit",  "so does a timeout (124)",                                         step_limit },
	{ "record", "start and end of both stand in the history, undamaged",           step_record },
};
/* clang-format on */

/* ---- its place */

/* Of our own making: three levels at most. */
static int remove_entry(int dir, const char *name, unsigned levels);
struct removal {
	int dir;
	unsigned levels;
};

static int remove_inside(void *with, const char *name)
{
	struct removal *r = with;
	return remove_entry(r->dir, name, r->levels);
}

static int remove_entry(int dir, const char *name, unsigned levels)
{
	int r = os_unlink_at(dir, name);
	if (r != -EISDIR && r != -EPERM)
		return r == -ENOENT ? 0 : r;
	AUTO_FD int fd = levels > 0 ? os_open_at(dir, name, O_RDONLY | O_DIRECTORY, 0) : -ELOOP;
	if (fd < 0)
		return fd;
	struct removal inside = { .dir = fd, .levels = levels - 1 };
	r = os_dir_each(fd, remove_inside, &inside);
	return r < 0 ? r : os_rmdir_at(dir, name);
}

static int empty_place(struct selftest *t)
{
	struct removal inside = { .dir = t->place_fd, .levels = 3 };
	return os_dir_each(t->place_fd, remove_inside, &inside);
}

/* Held as long as the test runs, so that one does not take another's place away. 0, -errno. */
static int take_place(struct selftest *t)
{
	uint64_t end_ns = os_clock_boot_ns() + TURN_TIMEOUT_MS * NS_PER_MS;

	for (;;) {
		struct os_file_id held, named;
		int r = os_mkdir_at(t->parent_fd, PLACE, 0700);
		if (r < 0 && r != -EEXIST)
			return r;
		AUTO_FD int fd = os_open_at(t->parent_fd, PLACE, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 && fd != -ENOENT)
			return fd;
		r = fd < 0 ? -EWOULDBLOCK : os_flock_try(fd, false);
		if (r < 0 && r != -EWOULDBLOCK)
			return r;
		/* Removed meanwhile by the one that held it: a lock on a nameless directory holds nothing. */
		if (r == 0 && os_file_id(fd, &held) == 0 && os_file_id_at(t->parent_fd, PLACE, &named) == 0 &&
		    os_is_same_file(&held, &named)) {
			t->place_fd = os_fd_steal(&fd);
			return held.is_own_private_dir ? 0 : -EPERM;
		}
		if (os_clock_boot_ns() > end_ns)
			return -EBUSY;
		os_clock_sleep_ms(20);
	}
}

/* What a self-test that was killed left: its runs, then its files. */
static int clear_place(struct selftest *t)
{
	static const char *const words[] = { "reap", NULL };
	static const char *const kill[] = { "kill", "selftest", NULL };
	struct os_file_id id;
	int status;

	if (os_file_id_at(t->place_fd, "runs", &id) < 0)
		return empty_place(t);
	const char *const *each[] = { kill, words };
	for (size_t i = 0; i < COUNT_OF(each); i++) {
		pid_t pid = start(t, each[i], -1, -1);
		if (pid > 0 && os_child_wait(pid, STEP_TIMEOUT_MS, &status) < 0)
			os_child_end(pid);
	}
	return empty_place(t);
}

/* Nothing that was started stays, whatever failed. */
static void end_all(struct selftest *t)
{
	int status;

	if (t->run > 0 && os_child_wait(t->run, 0, &status) < 0) {
		(void)clear_place(t);
		if (os_child_wait(t->run, STEP_TIMEOUT_MS, &status) < 0)
			os_child_end(t->run);
	}
	os_fd_close(&t->run_alive);
	if (t->place_fd < 0)
		return;
	(void)empty_place(t);
	(void)os_rmdir_at(t->parent_fd, PLACE);
	os_fd_close(&t->place_fd);
}

/* ---- the whole */

static void put_step(struct selftest *t, struct json *j, size_t i, bool good, uint64_t ns)
{
	BUF(line, 2048);

	if (j->out) {
		json_open(j, NULL, '{');
		json_str(j, "name", steps[i].name);
		json_str(j, "verdict", verdict_name[good ? VERDICT_OK : VERDICT_BROKEN]);
		json_seconds(j, "seconds", ns, 3);
		json_str(j, "what", steps[i].what);
		if (!good)
			json_bytes(j, "why", t->why.at, t->why.len);
		json_close(j, '}');
		return;
	}
	buf_str(&line, good ? "ok      " : "broken  ");
	size_t at = line.len;
	buf_str(&line, steps[i].name);
	do
		buf_char(&line, ' ');
	while (line.len < at + 17);
	buf_str(&line, steps[i].what);
	if (!good) {
		buf_str(&line, "  (");
		buf_mem(&line, t->why.at, t->why.len);
		buf_char(&line, ')');
	}
	buf_str(&line, "  ");
	buf_u64(&line, ns / NS_PER_MS);
	buf_str(&line, " ms\n");
	os_print(1, line.at, line.len);
}

static bool run_steps(struct selftest *t, struct json *j)
{
	for (size_t i = 0; i < COUNT_OF(steps); i++) {
		uint64_t began_ns = os_clock_boot_ns();
		buf_clear(&t->why);
		bool good = steps[i].run(t);
		put_step(t, j, i, good, os_clock_boot_ns() - began_ns);
		if (!good)
			return false; /* the others stand on it */
	}
	return true;
}

static bool run_all(struct selftest *t, struct cmd *cmd)
{
	BUF(text, 4096);
	struct json j = { .out = NULL };

	if (cmd->job.json) {
		json_init(&j, &text);
		json_open(&j, NULL, '{');
		json_u64(&j, "schema", 1);
		json_str(&j, "version", SG_VERSION);
		json_open(&j, "selftest", '[');
	}
	bool good = run_steps(t, &j);
	if (cmd->job.json) {
		json_close(&j, ']');
		json_str(&j, "verdict", verdict_name[good ? VERDICT_OK : VERDICT_BROKEN]);
		json_i64(&j, "exit", good ? 0 : EXIT_CANNOT_GUARD);
		json_close(&j, '}');
		buf_char(&text, '\n');
		os_print(1, text.at, text.len);
	}
	return good;
}

int selftest_main(struct cmd *cmd, char **argv, char **env, const char *wrapper)
{
	char self[4096], dir[4096];
	struct selftest t = { .env = env, .wrapper = wrapper, .self = self, .place_fd = -1, .run_alive = -1 };
	struct buf place, program;
	bool good = false;

	if (cmd_configure(cmd, argv) >= 0 || cmd_open_state(cmd) >= 0)
		return EXIT_CANNOT_GUARD;
	t.parent_fd = cmd->dir.run_fd;
	buf_init(&t.why, t.why_bytes, sizeof(t.why_bytes));
	buf_init(&place, t.place, sizeof(t.place));
	buf_str(&place, cmd->dir.path);
	buf_str(&place, "/" PLACE);
	int r = os_self_dir(dir, sizeof(dir));
	buf_init(&program, self, sizeof(self));
	buf_str(&program, r == 0 ? dir : "");
	buf_str(&program, "/doctor");
	if (r == 0 && (place.cut || program.cut))
		r = -ENAMETOOLONG;
	if (r == 0)
		r = take_place(&t);
	if (r == 0)
		r = clear_place(&t);
	if (r == 0)
		good = run_all(&t, cmd);
	end_all(&t);
	if (r < 0) {
		BUF(line, 1024);
		finding_error(&line, "cannot use a state directory for the self-test", r);
		buf_str(&line, ": ");
		finding_foreign(&line, t.place);
		buf_str(&line, "; see: spawnguard doctor");
		cmd_say(&line);
	}
	return good ? 0 : EXIT_CANNOT_GUARD;
}
