#include "report/past.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "report/backward.h"
#include "report/past_parse.h"

#define KEY_MAX 1400 /* a name of 200 bytes, each a control character, as JSON has it */

void past_run_release(struct past_run *run)
{
	free(run->log);
	free(run->tail);
	free(run->command);
	*run = (struct past_run){ 0 };
}

static bool is_text(const struct history_text *text, const char *want)
{
	size_t n = strlen(want);
	return text->n == n && memcmp(text->at, want, n) == 0;
}

/* ---- one run */

struct search {
	struct past_months *months;
	const char *what;
	struct past_run run;
	bool found, is_whole; /* a candidate; its id is `what` itself */
	bool several;
};

static int look_for_run(void *with, const struct backward_line *line)
{
	struct search *s = with;
	const struct history_text *id = &line->peek.run_id;
	size_t n = strlen(s->what);

	if (id->n < n || id->n > RUN_ID_MAX || memcmp(id->at, s->what, n) != 0)
		return 0;
	bool is_start = is_text(&line->peek.event, "start");
	if (!is_start && !is_text(&line->peek.event, "end"))
		return 0;
	bool is_whole = id->n == n;
	if (s->found && s->is_whole && !is_whole)
		return 0;
	bool is_other = s->found && !is_text(id, s->run.run_id);
	if (is_other && !is_whole) {
		s->several = true;
		return 0;
	}
	if (is_other)
		past_run_release(&s->run);
	if (past_parse(&s->run, line) < 0) {
		s->months->damaged++;
		s->found = s->found && !is_other;
		return 0;
	}
	if (s->months->wants_tail && !is_start) {
		free(s->run.tail);
		s->run.tail = past_parse_tail(line);
	}
	s->found = true;
	s->is_whole = is_whole;
	/* Its start is before all of its ends: nothing of it is further back. */
	return is_whole && is_start ? 1 : 0;
}

int past_find(struct past_months *months, const char *what, struct past_run *out_run)
{
	struct search s = { .months = months, .what = what };

	int r = backward_each(months->keep_fd, months->owner, look_for_run, &s, &months->damaged);
	if (r >= 0)
		r = !s.found ? -ENOENT : s.several && !s.is_whole ? -EEXIST : 0;
	if (r < 0) {
		past_run_release(&s.run);
		return r;
	}
	*out_run = s.run;
	return 0;
}

/* ---- jobs */

struct gathering {
	struct past_months *months;
	struct past_jobs *jobs;
	char only[KEY_MAX]; /* as it stands in the lines */
};

static void job_release(struct past_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		past_run_release(&job->run[i]);
	free(job->run);
	if (job->start)
		past_run_release(job->start);
	free(job->start);
	*job = (struct past_job){ 0 };
}

void past_jobs_release(struct past_jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		job_release(&jobs->job[i]);
	free(jobs->job);
	json_decref(jobs->index);
	jobs->job = NULL;
	jobs->index = NULL;
	jobs->count = 0;
}

/* The job of that name, known or new.  0 and *out_job NULL: not wanted; -ENOMEM. */
static int find_job(struct gathering *g, const struct history_text *name, struct past_job **out_job)
{
	struct past_jobs *jobs = g->jobs;
	BUF(key, KEY_MAX);

	*out_job = NULL;
	buf_mem(&key, name->at, name->n);
	if (key.cut || (jobs->only && strcmp(key.at, g->only) != 0))
		return 0;
	const json_t *known = json_object_get(jobs->index, key.at);
	if (known) {
		*out_job = &jobs->job[json_integer_value(known)];
		return 0;
	}
	jobs->cut = jobs->cut || jobs->count == jobs->max_jobs;
	if (jobs->count == jobs->max_jobs)
		return 0;
	if ((jobs->count & (jobs->count + 1)) == 0) { /* 0, 1, 3, 7, ...: room for the next power of two */
		struct past_job *more = reallocarray(jobs->job, 2 * jobs->count + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		jobs->job = more;
	}
	if (json_object_set_new(jobs->index, key.at, json_integer((json_int_t)jobs->count)) < 0)
		return -ENOMEM; /* or no UTF-8: no line of ours */
	*out_job = &jobs->job[jobs->count++];
	**out_job = (struct past_job){ 0 };
	return 0;
}

/* By a line that holds its check.  Without one there is no such job. */
static bool is_named(struct past_job *job, const struct backward_line *line)
{
	struct past_run run = { 0 };
	if (job->job[0] == '\0' && past_parse(&run, line) == 0)
		memcpy(job->job, run.job, sizeof(job->job));
	past_run_release(&run);
	return job->job[0] != '\0';
}

static void drop_nameless(struct past_jobs *jobs)
{
	size_t kept = 0;
	for (size_t i = 0; i < jobs->count; i++) {
		if (jobs->job[i].job[0] == '\0')
			job_release(&jobs->job[i]);
		else
			jobs->job[kept++] = jobs->job[i];
	}
	jobs->count = kept;
}

static struct past_run *find_run(const struct past_job *job, const struct history_text *run_id)
{
	for (size_t i = 0; i < job->count; i++)
		if (is_text(run_id, job->run[i].run_id))
			return &job->run[i];
	return NULL;
}

/* An end that is met later was written earlier: it is the one that counts, and its place is further back. */
static int take_end(struct gathering *g, struct past_job *job, const struct backward_line *line)
{
	struct past_run run = { 0 };
	struct past_run *known = find_run(job, &line->peek.run_id);

	if (known ? known->has_start : job->count == g->jobs->max_runs)
		return 0;
	if (past_parse(&run, line) < 0) {
		past_run_release(&run);
		g->months->damaged++;
		return 0;
	}
	if (known) {
		past_run_release(known);
		size_t behind = (size_t)(job->run + job->count - known) - 1;
		memmove(known, known + 1, behind * sizeof(*known));
		job->count--;
	} else {
		struct past_run *more = reallocarray(job->run, job->count + 1, sizeof(*more));
		if (!more) {
			past_run_release(&run);
			return -ENOMEM;
		}
		job->run = more;
	}
	job->run[job->count++] = run;
	return 0;
}

static bool is_complete(const struct past_jobs *jobs, const struct past_job *job)
{
	if (!jobs->only || job->count < jobs->max_runs || !job->start)
		return false;
	for (size_t i = 0; i < job->count; i++)
		if (!job->run[i].has_start)
			return false;
	return true;
}

static int take_start(struct gathering *g, struct past_job *job, const struct backward_line *line)
{
	struct past_run *known = find_run(job, &line->peek.run_id);

	if (!known && job->start)
		return 0;
	if (known && !known->has_start && past_parse(known, line) < 0)
		g->months->damaged++;
	if (!job->start) {
		struct past_run *start = calloc(1, sizeof(*start));
		if (!start)
			return -ENOMEM;
		if (past_parse(start, line) < 0) {
			g->months->damaged += known ? 0 : 1;
			free(start);
			return 0;
		}
		job->start = start;
	}
	return is_complete(g->jobs, job) ? 1 : 0;
}

static int take_refusals(struct gathering *g, struct past_job *job, const struct backward_line *line)
{
	uint64_t count;

	if (job->start)
		return 0; /* refused by an earlier run */
	if (past_parse_refusals(line, &count) < 0)
		g->months->damaged++;
	else
		job->refused += count;
	return 0;
}

static int gather(void *with, const struct backward_line *line)
{
	static const struct {
		const char *event;
		int (*take)(struct gathering *g, struct past_job *job, const struct backward_line *line);
	} events[] = { { "end", take_end }, { "start", take_start }, { "refused", take_refusals } };
	struct gathering *g = with;
	struct past_job *job;

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (!is_text(&line->peek.event, events[i].event))
			continue;
		int r = find_job(g, &line->peek.job, &job);
		if (r < 0 || !job)
			return r;
		if (is_named(job, line))
			return events[i].take(g, job, line);
		g->months->damaged++;
		return 0;
	}
	return 0; /* an event of a later version */
}

int past_jobs_read(struct past_months *months, struct past_jobs *jobs)
{
	struct gathering g = { .months = months, .jobs = jobs };
	struct buf only;

	jobs->index = json_object();
	if (!jobs->index)
		return -ENOMEM;
	buf_init(&only, g.only, sizeof(g.only));
	if (jobs->only)
		escape_json(&only, jobs->only, strlen(jobs->only));
	int r = backward_each(months->keep_fd, months->owner, gather, &g, &months->damaged);
	drop_nameless(jobs);
	return r < 0 ? r : 0;
}
