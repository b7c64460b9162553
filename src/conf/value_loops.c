/* Options of what opens the breaker. */
#include "conf/value_kinds.h"

#include "conf/job.h"
#include "conf/loop_value.h"

int value_rate(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return loop_rate_parse(text, value_field(row, job), why);
}

int value_streak(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return loop_streak_parse(text, value_field(row, job), why);
}

int value_span(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return loop_time_parse(text, value_field(row, job), why);
}

int value_jitter(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return loop_jitter_parse(text, value_field(row, job), why);
}

int value_uptime(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	int r = value_duration(text, 0, "none", value_field(row, job), why);
	if (r == 0)
		job->classes.min_uptime_ns = job->circuit.min_uptime_ns;
	return r;
}

/* A class is given once in each source; one of higher rank replaces it. */
static int see_class(uint32_t *seen, enum failure class, struct buf *why)
{
	if (*seen & 1U << class)
		return value_refuse(why, "this class was given before: give each class once");
	*seen |= 1U << class;
	return 0;
}

int value_backoff(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct circuit_steps steps;
	enum failure class;

	(void)row;
	int r = loop_backoff_parse(text, &class, &steps, why);
	if (r == 0)
		r = see_class(&job->backoff_seen, class, why);
	if (r == 0)
		job->circuit.backoff[class] = steps;
	return r;
}

int value_class(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct statuses set;
	enum failure class;

	(void)row;
	int r = loop_class_parse(text, &class, &set, why);
	if (r == 0)
		r = see_class(&job->class_seen, class, why);
	if (r < 0)
		return r;
	job->classes.list[class] = set;
	job->classes.listed |= 1U << class; /* a list without an end fits none */
	return 0;
}
