/* spawnguard breaker: the breakers of jobs, shown, opened, reset, or told that a trial is due. */
#include "cmd/breaker.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "codec/history.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/say.h"
#include "os/self.h"
#include "report/past.h"
#include "run/circuit_say.h"
#include "spawnguard/exit.h"
#include "store/history.h"
#include "ui/table.h"

#define WAIT_MS    5000         /* for others that write: each takes a fraction of a millisecond */
#define TEXT_BYTES (256 * 1024) /* one job with the end of its stderr, and many tasks */

struct breakers {
	struct cmd cmd;
	struct term term;
	struct buf out;
	struct json json;
	struct table *table; /* owned; NULL: in lines, or JSON */
	bool is_json;
	size_t shown;
	int error;              /* of the output */
	int exit;               /* of what went wrong with one of several; 0 = nothing */
	uint64_t until_wall_ns; /* of open; 0 = none */
	struct breaker breaker; /* of the job at hand */
	uint64_t now_wall_ns;   /* when it was looked at */
	uint32_t forgotten;     /* attempts, by reset */
};

/* What is done with each of the jobs that are meant. */
struct verb {
	const char *word;
	int (*each)(struct breakers *b, const char *name); /* 0, or the exit status, said */
	bool wants_job, changes;
	bool wants_all; /* with --prefix: also those that have no breaker yet */
};

static void flush(struct breakers *b)
{
	int r = os_write_whole(1, b->out.at, b->out.len);
	if (r < 0 && b->error == 0)
		b->error = r;
	buf_clear(&b->out);
}

static int say_fail(const struct fail *fail, const char *next)
{
	BUF(line, 1024);
	cmd_put_fail(&line, fail);
	buf_str(&line, next);
	cmd_say(&line);
	return SG_EXIT_GUARD;
}

/* ---- looking */

/* 0; -ENOENT: there is none; -errno. */
static int read_one(struct breakers *b, const char *name, bool *out_is_damaged)
{
	struct breaker_time now = breaker_now();

	*out_is_damaged = false;
	memset(&b->breaker, 0, sizeof(b->breaker));
	if (b->cmd.dir.keep_fd < 0)
		return -ENOENT;
	int r = breaker_read(b->cmd.dir.keep_fd, name, os_self_uid(), &now, &b->breaker);
	*out_is_damaged = r == -EBADMSG;
	return r == -EBADMSG ? 0 : r == -EINVAL || r == -ENAMETOOLONG ? -ENOENT : r;
}

static int complain(const char *name, int err)
{
	struct fail fail = { 0 };
	(void)fail_set(&fail, -err, "read the breaker of", name);
	return say_fail(&fail, "; see: spawnguard doctor");
}

/* A budget alone is no breaker. */
static bool is_known(const struct breaker *breaker)
{
	const struct circuit *c = &breaker->circuit;
	return c->is_open || c->failed_count > 0 || c->ring_count > 0 || breaker->attempts.count > 0;
}

static void show(struct breakers *b, const struct shown_breaker *job)
{
	if (b->is_json)
		breaker_json_job(&b->json, job);
	else if (b->table)
		breaker_table_add(b->table, &b->term, job);
	else
		breaker_put_job(&b->out, &b->term, job);
	b->shown++;
	flush(b);
}

static int list_one(struct breakers *b, const char *name)
{
	struct shown_breaker job = { .name = name,
				     .breaker = &b->breaker,
				     .now_wall_ns = os_clock_wall_ns() };

	int r = read_one(b, name, &job.is_damaged);
	if (r < 0 && r != -ENOENT)
		return complain(name, r);
	if (r == 0 && (job.is_damaged || is_known(&b->breaker)))
		show(b, &job);
	return 0;
}

static const struct circuit_end *last_failure(const struct circuit *c)
{
	for (uint32_t i = c->ring_count; i-- > 0;)
		if (c->ring[i].failure >= FAILURE_FIRST)
			return &c->ring[i];
	return NULL;
}

static int show_one(struct breakers *b, const char *name)
{
	struct past_months months = { .keep_fd = b->cmd.dir.keep_fd,
				      .owner = os_self_uid(),
				      .wants_tail = true };
	struct shown_breaker job = { .name = name,
				     .breaker = &b->breaker,
				     .now_wall_ns = os_clock_wall_ns() };
	struct past_run run = { 0 };

	int r = read_one(b, name, &job.is_damaged);
	if (r < 0 && r != -ENOENT)
		return complain(name, r);
	if (r == -ENOENT)
		return 0;
	const struct circuit_end *failure = last_failure(&b->breaker.circuit);
	bool has_run = failure && past_find(&months, failure->run_id, &run) == 0;
	if (has_run) {
		job.tail = run.tail;
		job.tail_run = run.run_id;
	}
	if (!b->is_json && b->shown > 0)
		buf_char(&b->out, '\n');
	show(b, &job);
	if (has_run)
		past_run_release(&run);
	return 0;
}

/* ---- changing */

/* Under the lock: what stands there; a damaged file is put aside. */
static int read_locked(struct breakers *b, const char *name, const struct breaker_time *now,
		       struct fail *fail)
{
	BUF(line, 512);

	int r = breaker_read(b->cmd.dir.keep_fd, name, os_self_uid(), now, &b->breaker);
	if (r == -ENOENT)
		return 0;
	if (r != -EBADMSG)
		return r < 0 ? fail_set(fail, -r, "read the breaker of", name) : 0;
	r = breaker_quarantine(b->cmd.dir.keep_fd, name, fail);
	if (r < 0)
		return r;
	buf_str(&line, "warning: ");
	escape_text(&line, name, strlen(name), 60);
	buf_str(&line, ": its file in breaker/ was damaged: put aside as .bad; what was counted is not known "
		       "any more");
	cmd_say(&line);
	return 0;
}

static void write_line(const struct breakers *b, const char *name, enum circuit_state was, const char *what)
{
	const struct circuit *c = &b->breaker.circuit;
	BUF(line, 2048);
	BUF(text, 512);

	if (circuit_state(c) == CIRCUIT_OPEN)
		circuit_say_why(&text, c);
	else
		buf_str(&text, what);
	struct history_breaker event = {
		.wall_ns = os_clock_wall_ns(),
		.job = name,
		.run_id = "",
		.from = circuit_state_name(was),
		.to = circuit_state_name(circuit_state(c)),
		.rule = c->is_open ? circuit_rule_name(c->rule) : NULL,
		.text = text.at,
		.wait_ns = c->is_open ? c->wait_ns : 0,
		.by = "breaker",
	};
	history_format_breaker(&line, &event);
	AUTO_FD int fd = history_open(b->cmd.dir.keep_fd, event.wall_ns);
	if (fd >= 0)
		(void)history_append(fd, &line); /* the state itself stands in breaker/NAME */
}

/* "task phase-7: 3 attempts forgotten", and behind the state of a whole job. */
static void put_forgotten(struct buf *out, uint32_t count, const char *task)
{
	if (count == 0)
		return;
	if (task) {
		buf_str(out, "task ");
		term_escape(out, task, strlen(task), 0);
	}
	buf_str(out, task ? ": " : ", ");
	buf_u64(out, count);
	buf_str(out, count == 1 ? " attempt forgotten" : " attempts forgotten");
}

/* Read, changed, written, told: all of it under the lock.  `how` returns false where there is nothing to
 * change. */
static int change(struct breakers *b, const char *name, bool (*how)(struct breakers *b, const char *name),
		  const char *what)
{
	struct fail fail = { 0 };

	AUTO_FD int lock = breaker_lock(&b->cmd.dir, name, WAIT_MS, &fail);
	if (lock == -EWOULDBLOCK)
		(void)fail_set(&fail, EBUSY, "lock the breaker of", name);
	if (lock < 0)
		return say_fail(&fail, "; nothing was changed; try again, or see: spawnguard doctor");
	struct breaker_time now = breaker_now();
	b->now_wall_ns = now.wall_ns;
	int r = read_locked(b, name, &now, &fail);
	if (r < 0)
		return say_fail(&fail, "; nothing was changed; see: spawnguard doctor");
	enum circuit_state was = circuit_state(&b->breaker.circuit);
	if (!how(b, name))
		return 0;
	if (breaker_write(b->cmd.dir.keep_fd, name, &now, &b->breaker, &fail) < 0)
		return say_fail(&fail, "; nothing was changed; see: spawnguard doctor");
	write_line(b, name, was, what);
	struct shown_breaker job = { .name = name, .breaker = &b->breaker, .now_wall_ns = now.wall_ns };
	b->shown++;
	if (b->is_json) {
		breaker_json_job(&b->json, &job);
	} else {
		term_escape(&b->out, name, strlen(name), 0);
		buf_str(&b->out, ": ");
		if (!b->cmd.job.reset_task)
			breaker_put_state(&b->out, &job);
		put_forgotten(&b->out, b->forgotten, b->cmd.job.reset_task);
		buf_char(&b->out, '\n');
	}
	flush(b);
	return 0;
}

static bool open_it(struct breakers *b, const char *name)
{
	uint64_t now_ns = b->now_wall_ns;
	uint64_t for_ns = b->until_wall_ns > now_ns            ? b->until_wall_ns - now_ns
			  : b->cmd.job.open_for_ns == NUM_NONE ? CIRCUIT_NEVER
							       : b->cmd.job.open_for_ns;

	(void)name;
	(void)circuit_open(&b->breaker.circuit, for_ns, b->cmd.job.reason);
	return true;
}

static int open_one(struct breakers *b, const char *name)
{
	return change(b, name, open_it, "opened by hand");
}

static bool reset_it(struct breakers *b, const char *name)
{
	(void)name;
	if (!is_known(&b->breaker))
		return false;
	(void)circuit_reset(&b->breaker.circuit);
	b->forgotten = b->breaker.attempts.count;
	b->breaker.attempts.count = b->breaker.attempts.task_count = 0;
	return true;
}

/* Of one task alone, what --max-attempts has counted. */
static bool reset_task(struct breakers *b, const char *name)
{
	const char *task = b->cmd.job.reset_task;
	BUF(line, 1024);

	b->forgotten = attempts_forget(&b->breaker.attempts, task);
	if (b->forgotten > 0 || b->cmd.job.prefix)
		return b->forgotten > 0;
	escape_text(&line, name, strlen(name), 60);
	buf_str(&line, ": no attempt of task ");
	escape_word(&line, task, strlen(task), 60);
	buf_str(&line, " is counted; see: spawnguard breaker show ");
	escape_word(&line, name, strlen(name), 0);
	cmd_say(&line);
	b->exit = EXIT_NOTHING;
	return false;
}

static int reset_one(struct breakers *b, const char *name)
{
	return b->cmd.job.reset_task ? change(b, name, reset_task, "task reset by hand")
				     : change(b, name, reset_it, "closed by hand");
}

static bool try_it(struct breakers *b, const char *name)
{
	BUF(line, 512);

	if (b->breaker.circuit.is_open) {
		circuit_allow_trial(&b->breaker.circuit);
		return true;
	}
	escape_text(&line, name, strlen(name), 60);
	buf_str(&line, ": its breaker is closed: there is nothing to try, the job may start; see: spawnguard "
		       "explain ");
	escape_word(&line, name, strlen(name), 60);
	cmd_say(&line);
	b->exit = EXIT_NOTHING;
	return false;
}

static int try_one(struct breakers *b, const char *name)
{
	return change(b, name, try_it, "a trial is due");
}

/* ---- all of it */

/* clang-format off */
static const struct verb verbs[] = {
	{ "list",  list_one,  false, false, false },
	{ "show",  show_one,  true,  false, false },
	{ "open",  open_one,  true,  true,  true },
	{ "reset", reset_one, true,  true,  false },
	{ "trial", try_one,   true,  true,  false },
};
/* clang-format on */

static const struct verb *find_verb(const char *word)
{
	for (size_t i = 0; word && i < COUNT_OF(verbs); i++)
		if (strcmp(verbs[i].word, word) == 0)
			return &verbs[i];
	return NULL;
}

static int refuse_words(const char *word)
{
	if (!word)
		return cmd_say_exit("breaker needs to be told what to do: list, show, open, reset or trial",
				    NULL, "", EXIT_USAGE);
	return cmd_say_exit("breaker: what is ", word, "? Write list, show, open, reset or trial",
			    EXIT_USAGE);
}

/* What only some of them take. */
static int check_options(struct breakers *b, const struct verb *verb)
{
	const struct job *job = &b->cmd.job;
	bool opens = verb->each == open_one;

	if (!opens && (job->until || job->open_for_ns != NUM_NONE || job->reason))
		return cmd_say_exit(
			"--until, --for and --reason belong to breaker open: leave them out, or write it",
			NULL, "", EXIT_USAGE);
	if (job->reset_task && verb->each != reset_one)
		return cmd_say_exit("--task belongs to breaker reset: leave it out, or write it", NULL, "",
				    EXIT_USAGE);
	if (job->until && job->open_for_ns != NUM_NONE)
		return cmd_say_exit("--until with --for: how long is it to be open? Leave one of them out",
				    NULL, "", EXIT_USAGE);
	if (!job->until)
		return 0;
	uint64_t now_ns = os_clock_wall_ns();
	if (breaker_date_parse(job->until, now_ns, &b->until_wall_ns) < 0)
		return cmd_say_exit("--until=", job->until,
				    " is no date: write 2026-12-01, '2026-12-01 14:05', 14:05, or a time "
				    "with Z or +02:00",
				    EXIT_USAGE);
	if (b->until_wall_ns <= now_ns)
		return cmd_say_exit("--until=", job->until, " is over: give a date that is to come",
				    EXIT_USAGE);
	return 0;
}

static int say_nothing(const struct breakers *b, const struct verb *verb, const char *name)
{
	BUF(line, 512);

	if (b->is_json)
		return EXIT_NOTHING;
	if (!name) {
		buf_str(&line, "no job has failed, and no breaker is open");
	} else if (b->cmd.job.prefix) {
		buf_str(&line, "no job is known whose name begins with ");
		escape_word(&line, name, strlen(name), 60);
		buf_str(&line, ": nothing was ");
		buf_str(&line, verb->changes ? "changed" : "found");
		buf_str(&line, "; see: spawnguard status");
	} else {
		buf_str(&line, "nothing is known of the breaker of ");
		escape_word(&line, name, strlen(name), 60);
		buf_str(&line, ": no run of it has failed; see: spawnguard breaker list");
	}
	cmd_say(&line);
	return EXIT_NOTHING;
}

static void begin(struct breakers *b, const struct verb *verb)
{
	if (b->is_json) {
		json_init(&b->json, &b->out);
		json_open(&b->json, NULL, '{');
		json_u64(&b->json, "schema", 1);
		json_open(&b->json, "jobs", '[');
	} else if (verb->each == list_one) {
		b->table = breaker_table_new(&b->term);
	}
}

static void end(struct breakers *b)
{
	AUTO_FREE char *text = NULL;

	if (b->is_json) {
		json_close(&b->json, ']');
		json_close(&b->json, '}');
		buf_char(&b->out, '\n');
		flush(b);
	}
	if (b->table && b->shown > 0) {
		b->error = table_format(b->table, &text);
		if (b->error == 0)
			b->error = os_write_whole(1, text, strlen(text));
	}
	table_free(b->table);
}

static int do_it(struct breakers *b, const struct verb *verb)
{
	struct breaker_names names = { 0 };
	const char *name = b->cmd.rest[1];

	int r = breaker_names_find(&names, &b->cmd, name, b->cmd.job.prefix, verb->wants_all);
	begin(b, verb);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		int code = verb->each(b, names.at[i]);
		b->exit = code > b->exit ? code : b->exit;
	}
	breaker_names_release(&names);
	end(b);
	if (r < 0)
		return cmd_fail("cannot look at the breakers", r);
	if (b->error < 0)
		return cmd_fail_to_write(b->error);
	if (b->exit > 0)
		return b->exit;
	return b->shown == 0 ? say_nothing(b, verb, name) : 0;
}

int main(int argc, char **argv)
{
	static struct breakers b = { .cmd = { .name = "breaker", .command = FOR_BREAKER, .words_max = 2 } };

	(void)argc;
	const struct verb *verb = find_verb(*cmd_sort_words(argv + 1, FOR_BREAKER));
	int code = verb && verb->changes ? cmd_start(&b.cmd, argv) : cmd_start_looking(&b.cmd, argv);
	if (code >= 0)
		return code;
	if (!verb)
		return refuse_words(b.cmd.rest[0]);
	if (verb->wants_job && !b.cmd.rest[1])
		return cmd_say_exit("breaker ", verb->word, ": of which job? See: spawnguard breaker list",
				    EXIT_USAGE);
	if (!verb->wants_job && b.cmd.rest[1])
		return cmd_say_exit("breaker list shows all of them: of one, breaker show ", b.cmd.rest[1],
				    "", EXIT_USAGE);
	if ((code = check_options(&b, verb)) != 0)
		return code;
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	if (!text)
		return cmd_fail("cannot look at the breakers", -ENOMEM);
	buf_init(&b.out, text, TEXT_BYTES);
	b.is_json = b.cmd.job.json;
	cmd_term(&b.cmd, &b.term);
	return do_it(&b, verb);
}
