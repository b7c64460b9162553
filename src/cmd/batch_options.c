/* The options of a batch: which are its own, which those of each run, which a session keeps. */
#include <errno.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/buf.h"
#include "conf/argv.h"
#include "conf/options.h"
#include "conf/value.h"
#include "spawnguard/exit.h"

/* Said of this call, not of the work. */
static const char *const of_call[] = {
	"name",    "items", "resume", "analyse", "state-dir", "config",
	"dry-run", "json",  "quiet",  "help",    "version",
};

static bool is_of_call(const struct option_row *row)
{
	for (size_t i = 0; i < sizeof(of_call) / sizeof(of_call[0]); i++)
		if (strcmp(of_call[i], row->name) == 0)
			return true;
	return false;
}

static bool goes_to_run(const struct option_row *row)
{
	bool is_place = strcmp(row->name, "state-dir") == 0 || strcmp(row->name, "config") == 0;

	return (row->commands & FOR_RUN) && (is_place || !is_of_call(row));
}

struct collecting {
	struct work *w;
	bool has_tail;
	int err;
};

static void hear(void *with, const struct option_row *row, const char *text)
{
	struct collecting *c = with;
	BUF(name, 64);

	buf_str(&name, "--");
	buf_str(&name, row->name);
	buf_str(&name, text ? "=" : "");
	c->has_tail |= strcmp(row->name, "tail") == 0;
	if (c->err == 0 && goes_to_run(row))
		c->err = words_add(&c->w->passed, name.at, text ? text : "");
	if (c->err == 0 && !is_of_call(row))
		c->err = words_add(&c->w->stored, name.at, text ? text : "");
}

int options_collect(struct work *w, char **argv)
{
	struct collecting c = { .w = w };

	words_release(&w->passed);
	words_release(&w->stored);
	argv_each(argv + 1, FOR_BATCH, hear, &c);
	if (c.err == 0 && !c.has_tail) /* what a failure is known by */
		c.err = words_add(&w->passed, "--tail", "");
	return c.err;
}

/* Of KEY=VALUE a key may be given once: what is said now replaces what the session said. */
struct replaced {
	const char *option; /* "--env=A=1" */
	bool is_said;
};

static void ask(void *with, const struct option_row *row, const char *text)
{
	struct replaced *r = with;
	size_t n = strlen(row->name);

	if (!text || (row->kind != KIND_ENV && row->kind != KIND_TAG && row->kind != KIND_BUDGET) ||
	    strncmp(r->option + 2, row->name, n) != 0 || r->option[2 + n] != '=')
		return;
	size_t key = strcspn(text, "=") + 1;
	r->is_said |= strncmp(r->option + 2 + n + 1, text, key) == 0;
}

static int add_words(struct words_list *to, char *const *words)
{
	int r = 0;

	for (; r == 0 && words && *words; words++)
		r = words_add(to, "", *words);
	return r;
}

/* As one command line: name, what the session said, what is said now, the template. */
static int join(struct work *w, char **argv, const struct words_list *said, const struct words_list *template)
{
	struct words_list *all = &w->merged;
	char **now = argv + 1;

	int r = words_add(all, "", argv[0]);
	for (size_t i = 0; r == 0 && i < said->count; i++) {
		struct replaced replaced = { .option = said->at[i] };
		argv_each(now, FOR_BATCH, ask, &replaced);
		if (!replaced.is_said)
			r = words_add(all, "", said->at[i]);
	}
	for (; r == 0 && *now && strcmp(*now, "--") != 0 && now != w->cmd.rest; now++)
		r = words_add(all, "", *now);
	if (r == 0)
		r = words_add(all, "", "--");
	return r == 0 ? add_words(all, w->cmd.job.command ? w->cmd.job.command : template->at) : r;
}

int options_merge(struct work *w, char **argv, const struct words_list *said,
		  const struct words_list *template)
{
	struct job *job = &w->cmd.job;
	char **rest;
	int dashes;
	BUF(why, CONF_LINE_MAX);

	int r = join(w, argv, said, template);
	if (r < 0)
		return cmd_fail("cannot keep the items in memory", r);
	argv_defaults(job);
	if (w->cmd.settings.conf.file_count > 0)
		r = conf_apply(&w->cmd.settings.conf, FOR_BATCH, job);
	value_next_source(job);
	if (r == 0)
		r = argv_parse(w->merged.at + 1, FOR_BATCH, job, &rest, &dashes, &why);
	if (r == 0)
		return -1;
	cmd_say(&why);
	return EXIT_USAGE;
}

void options_to_brakes(struct work *w)
{
	const struct job *job = &w->cmd.job;

	w->batch.brakes = (struct batch_brakes){
		.jobs = job->batch.jobs > 0 ? job->batch.jobs : 1,
		.max_runs = job->batch.max_runs,
		.canary = job->batch.canary,
		.same_failure = job->batch.same_failure,
		.max_timeouts = job->batch.max_timeouts,
		.zero_yield = job->batch.zero_yield,
		.max_attempts = job->batch.max_attempts > 0 ? job->batch.max_attempts : 1,
		.total_ns = job->batch.total_ns,
	};
}
