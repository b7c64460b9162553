/* Options that may come more than once. */
#include "conf/value_kinds.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "conf/budget_value.h"
#include "conf/job.h"
#include "conf/open_on_value.h"

#define TAG_KEY_MAX   64
#define TAG_VALUE_MAX 256

/* A list of K=V of which later sources replace what earlier ones said. */
struct pairs {
	const char **at;
	uint32_t *count;
	uint32_t layer; /* those from here on are of the source that is being read */
	uint32_t max;
};

static int add_pair(const struct pairs *pairs, const char *text, size_t key, const char *too_many,
		    struct buf *why)
{
	for (uint32_t i = 0; i < *pairs->count; i++) {
		if (strncmp(pairs->at[i], text, key + 1) != 0)
			continue;
		if (i >= pairs->layer)
			return value_refuse(why, "this key was given before: give each key once");
		pairs->at[i] = text;
		return 0;
	}
	if (*pairs->count == pairs->max)
		return value_refuse(why, too_many);
	pairs->at[(*pairs->count)++] = text;
	return 0;
}

/* "K=V": key as a key of history lines, value any bytes. */
int value_tag(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct pairs pairs = { value_field(row, job), &job->tag_count, job->tag_layer, JOB_TAGS_MAX };
	size_t key = value_plain_length(text, "_.-");
	if (key == 0 || key > TAG_KEY_MAX || text[key] != '=')
		return value_refuse(why, "not a tag: write KEY=VALUE, the key 1 to 64 of A-Z a-z 0-9 _ . -");
	if (strlen(text + key + 1) > TAG_VALUE_MAX)
		return value_refuse(why, "the value is longer than 256 bytes: shorten it");
	return add_pair(&pairs, text, key, "one tag too many: at most 16", why);
}

int value_budget(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct pairs pairs = { value_field(row, job), &job->budget_count, job->budget_layer,
			       JOB_BUDGETS_MAX };
	struct budget_value value;

	int r = budget_value_parse(text, &value, why);
	return r < 0 ? r : add_pair(&pairs, text, strlen(value.key), "one budget too many: at most 16", why);
}

int value_files(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct pairs pairs = { value_field(row, job), &job->watch_count, job->watch_layer, JOB_WATCH_MAX };

	if (text[0] == '\0')
		return value_refuse(why, "no file: write its path");
	if (job->watch_layer > 0) /* a source of higher rank says it all anew */
		job->watch_count = job->watch_layer = 0;
	pairs.layer = 0;
	return add_pair(&pairs, text, strlen(text), "one file too many: at most 16", why);
}

int value_open_on(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct pairs pairs = { value_field(row, job), &job->open_on_count, 0, JOB_OPEN_ON_MAX };
	struct open_on_value value;

	int r = open_on_parse(text, &value, why);
	if (r < 0)
		return r;
	if (job->open_on_layer > 0) /* a source of higher rank says it all anew */
		job->open_on_count = job->open_on_layer = 0;
	job->circuit.has_open_on = true;
	return add_pair(&pairs, text, strlen(text), "one expression too many: at most 8", why);
}

int value_env(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct pairs pairs = { value_field(row, job), &job->env_count, job->env_layer, JOB_ENV_MAX };
	size_t key = value_plain_length(text, "_");
	if (key == 0 || text[key] != '=' || (text[0] >= '0' && text[0] <= '9'))
		return value_refuse(why, "not a variable: write NAME=VALUE, the name of A-Z a-z 0-9 _");
	if (strncmp(text, "SPAWNGUARD_", 11) == 0)
		return value_refuse(why, "these names are the guard's own: choose another");
	return add_pair(&pairs, text, key, "one variable too many: at most 64", why);
}
