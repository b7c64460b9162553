#include "guard/intent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "conf/argv.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/signature.h"
#include "conf/value.h"
#include "conf/words.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "run/settings.h"
#include "spawnguard/exit.h"

#define SHOWN_COLUMNS 60 /* of a foreign word in a message */

/* What is known while it is put together. */
struct intent {
	struct run *run;
	struct job *job;
	const struct surroundings *around;
	char **argv;
	char **rest;       /* of argv: behind the options */
	const char *named; /* the configured job that the first word names; NULL = a command follows -- */
	struct settings *settings;
	struct buf *why; /* the first problem of the files */
};

static int refuse(const struct buf *line)
{
	voice_error(line);
	return SG_EXIT_GUARD;
}

static void put_word(struct buf *line, const char *word)
{
	escape_word(line, word, strlen(word), SHOWN_COLUMNS);
}

static int no_memory(void)
{
	BUF(line, 128);
	buf_str(&line, "no memory to read the configuration; nothing was started");
	return refuse(&line);
}

/* A word where "-- COMMAND" was expected, and no job of that name. */
static int refuse_word(const struct intent *in)
{
	BUF(line, 512);
	const char *near = conf_suggest_job(&in->settings->conf, in->named);

	buf_str(&line, "unknown job ");
	put_word(&line, in->named);
	if (near) {
		buf_str(&line, ": did you mean ");
		put_word(&line, near);
		buf_str(&line, "?");
	} else {
		buf_str(&line, ": a command to run stands behind \"--\": spawnguard run [OPTIONS] -- ");
		put_word(&line, in->named);
	}
	return refuse(&line);
}

static int refuse_two_names(const struct intent *in)
{
	BUF(line, 512);
	buf_str(&line, "--name=");
	put_word(&line, in->job->name);
	buf_str(&line, " with the configured job ");
	put_word(&line, in->named);
	buf_str(&line, ": a configured job has its own name; leave --name out");
	return refuse(&line);
}

static int refuse_no_command(const struct intent *in)
{
	BUF(line, 512);
	buf_str(&line, "job ");
	put_word(&line, in->named);
	buf_str(&line, " has no command: add a line \"command = ...\" to [job ");
	escape_text(&line, in->named, strlen(in->named), SHOWN_COLUMNS);
	buf_str(&line, "], or give one: spawnguard run --name=");
	put_word(&line, in->named);
	buf_str(&line, " -- COMMAND");
	return refuse(&line);
}

/* Options alone: name, files and help are wanted before the rest. */
static int read_words(struct intent *in)
{
	BUF(why, ARGV_WHY_MAX);
	int dashes;

	argv_defaults(in->job);
	if (argv_read(in->argv, FOR_RUN, in->job, &in->rest, &dashes, &why) < 0)
		return refuse(&why);
	if (in->job->help || in->job->version)
		return 0;
	if (!*in->rest && !(in->around->is_question && in->job->name)) {
		buf_str(&why,
			in->around->is_question
				? "no job given: spawnguard explain [OPTIONS] JOB [-- COMMAND [ARG ...]]"
				: "no command given: spawnguard run [OPTIONS] -- COMMAND [ARG ...]");
		return refuse(&why);
	}
	in->named = dashes ? NULL : *in->rest;
	if (in->named && in->job->name && strcmp(in->named, in->job->name) != 0)
		return refuse_two_names(in);
	return 0;
}

static int open_settings(const struct intent *in)
{
	const char *named = in->job->config ? in->job->config : in->around->config;

	conf_init_first(&in->settings->conf, in->why);
	int r = settings_open(in->settings, named);
	if (r == -ENOMEM)
		return no_memory();
	return r < 0 ? refuse(in->why) : 0;
}

/* Whose section counts; a run without a name has that of its command, if anything is configured at all. */
static const char *job_name(struct intent *in)
{
	if (in->named || in->job->name)
		return in->named ? in->named : in->job->name;
	if (!conf_has_jobs(&in->settings->conf))
		return NULL;
	run_init(in->run, in->job, in->around, in->rest);
	run_find_program(in->run);
	return in->run->name;
}

/* Kept as long as the process, as the texts of the files are. */
static int read_signatures(struct intent *in)
{
	if (!conf_has_signatures(&in->settings->conf))
		return 0;
	struct signatures *signatures = malloc(sizeof(*signatures));
	if (!signatures)
		return -ENOMEM;
	in->job->signatures = signatures;
	return conf_signatures(&in->settings->conf, signatures);
}

static int apply(struct intent *in)
{
	struct conf *conf = &in->settings->conf;
	struct job *job = in->job;
	int dashes;

	int r = conf_select(conf, job_name(in));
	argv_defaults(job);
	if (r == 0)
		r = conf_apply(conf, FOR_FILE, job);
	if (r == 0)
		r = read_signatures(in);
	if (r == -ENOMEM)
		return no_memory();
	if (r == 0) {
		if (in->around->state_dir)
			job->state_dir = in->around->state_dir;
		value_next_source(job);
		r = argv_read(in->argv, FOR_RUN, job, &in->rest, &dashes, in->why);
	}
	return r < 0 ? refuse(in->why) : 0;
}

/* The command of the file, with the words behind the name of the job. */
static int build_command(struct intent *in)
{
	struct words words;
	char **more = in->rest + 1;
	size_t count = 0;

	if (!in->job->command_line)
		return refuse_no_command(in);
	if (*more && strcmp(*more, "--") == 0)
		more++;
	while (more[count])
		count++;
	(void)words_check(in->job->command_line, &words);             /* it was, when it was read */
	char **argv = calloc(words.count + count + 1, sizeof(*argv)); /* both as long as the process */
	char *text = malloc(words.bytes);
	if (!argv || !text) {
		free(argv);
		free(text);
		return no_memory();
	}
	words_split(in->job->command_line, text, (const char **)argv);
	memcpy(argv + words.count, more, count * sizeof(*argv));
	in->job->name = in->named;
	in->job->command = in->rest = argv;
	return 0;
}

/* explain JOB [-- COMMAND]: as run --name=JOB -- COMMAND would have it. */
static int take_words(struct intent *in)
{
	BUF(line, 512);
	char **more = in->rest + 1;

	if (*more && strcmp(*more, "--") != 0) {
		buf_str(&line, "what is ");
		put_word(&line, *more);
		buf_str(&line, "? Options stand before the job, a command behind \"--\": "
			       "spawnguard explain [OPTIONS] JOB -- COMMAND");
		return refuse(&line);
	}
	in->job->name = in->named;
	in->rest = *more ? more + 1 : more;
	in->job->command = *in->rest ? in->rest : NULL;
	return 0;
}

int intent_read(struct run *run, struct job *job, const struct surroundings *around, char **argv)
{
	static struct settings settings; /* its texts are the job's */
	struct intent in = { .run = run, .job = job, .around = around, .argv = argv, .settings = &settings };
	bool is_known = true;
	BUF(why, CONF_LINE_MAX);

	in.why = &why;
	int code = read_words(&in);
	if (code != 0 || job->help || job->version)
		return code;
	if ((code = open_settings(&in)) != 0)
		return code;
	if (in.named && !conf_has_job(&settings.conf, in.named)) {
		if (!around->is_question)
			return refuse_word(&in);
		is_known = false;
	}
	if (settings.conf.file_count > 0 && (code = apply(&in)) != 0)
		return code;
	if (argv_check(job, &why) < 0) {
		if (settings.conf.file_count > 0)
			buf_str(&why,
				"; what the configuration says counts too, see: spawnguard config show");
		return refuse(&why);
	}
	bool has_command = is_known && (job->command_line || !around->is_question);
	if (in.named && (code = has_command ? build_command(&in) : take_words(&in)) != 0)
		return code;
	if (job->slots > 0 && !job->group && !job->no_lock) /* beside each other, never beside one alone */
		job->shared = true;
	run_init(run, job, around, in.rest);
	return 0;
}
