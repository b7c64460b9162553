#include "conf/loop_value.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "conf/statuses_value.h"

#define NUMBER_MAX 32
#define STEP_MAX   64

static int refuse(struct buf *why, const char *text)
{
	buf_str(why, text);
	return -EINVAL;
}

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

/* A duration that is one: 0 and "none" are not. */
static bool read_time(const char *text, uint64_t *out_ns)
{
	return num_parse_duration(text, out_ns) == 0 && *out_ns > 0 && *out_ns != NUM_NONE;
}

/* What stands before "/", as a text of its own; what stands behind it. NULL: there is none, or it is too
 * long. */
static const char *divide(const char *text, char first[static NUMBER_MAX])
{
	size_t n = strcspn(text, "/");

	if (text[n] == '\0' || n >= NUMBER_MAX)
		return NULL;
	memcpy(first, text, n);
	first[n] = '\0';
	return text + n + 1;
}

int loop_rate_parse(const char *text, struct circuit_rate *out_rate, struct buf *why)
{
	struct circuit_rate rate = { 0 };
	char number[NUMBER_MAX];
	uint64_t count = 0;

	if (!is_none(text)) {
		const char *per = divide(text, number);
		if (!per || num_parse_u64(number, CIRCUIT_RATE_MAX, &count) < 0 || count == 0 ||
		    !read_time(per, &rate.per_ns))
			return refuse(why, "not a number within a time: write 3/10m, at most 100/D, or none");
	}
	rate.count = (uint32_t)count;
	*out_rate = rate;
	return 0;
}

int loop_streak_parse(const char *text, uint32_t *out_count, struct buf *why)
{
	uint64_t count = 0;

	if (!is_none(text) && (num_parse_u64(text, CIRCUIT_STREAK_MAX, &count) < 0 || count == 0))
		return refuse(why, "not a number of runs in a row: write 1 to 1000, or none");
	*out_count = (uint32_t)count;
	return 0;
}

int loop_time_parse(const char *text, struct circuit_time *out_time, struct buf *why)
{
	struct circuit_time time = { 0 };
	char limit[NUMBER_MAX];

	if (!is_none(text)) {
		const char *per = divide(text, limit);
		if (!per || !read_time(limit, &time.limit_ns) || !read_time(per, &time.per_ns))
			return refuse(why, "not a time within a time: write 1h/1d, or none");
	}
	*out_time = time;
	return 0;
}

int loop_jitter_parse(const char *text, uint64_t *out_ppm, struct buf *why)
{
	BUF(number, NUMBER_MAX);
	uint64_t micro;

	if (is_none(text)) {
		*out_ppm = CIRCUIT_NO_JITTER;
		return 0;
	}
	size_t n = strlen(text);
	buf_mem(&number, text, n > 1 && text[n - 1] == '%' ? n - 1 : n);
	if (number.cut || num_parse_micro(number.at, &micro) < 0 || micro < 100 || micro > 100 * NUM_MICRO)
		return refuse(why, "not a part of a wait: write 10%, at most 100%, or none");
	*out_ppm = micro / 100;
	return 0;
}

/* The class before "=", and what stands behind it; NULL with the reason in `why`. */
static const char *read_class(const char *text, enum failure *out_class, struct buf *why)
{
	size_t n = strcspn(text, "=");

	for (uint32_t i = FAILURE_FIRST; text[n] == '=' && i < FAILURE_COUNT; i++) {
		const char *name = failure_name((enum failure)i);
		if (strlen(name) != n || memcmp(name, text, n) != 0)
			continue;
		*out_class = (enum failure)i;
		return text + n + 1;
	}
	escape_word(why, text, n, 40);
	buf_str(why, " is no class with a list: write CLASS=LIST, with startup, failure, timeout, limit, "
		     "environment, quota, killed, lost or unknown");
	return NULL;
}

int loop_backoff_parse(const char *text, enum failure *out_class, struct circuit_steps *out_steps,
		       struct buf *why)
{
	struct circuit_steps steps = { 0 };
	char step[STEP_MAX];
	enum failure class;

	const char *item = read_class(text, &class, why);
	if (!item)
		return -EINVAL;
	if (is_none(item))
		item = NULL;
	while (item) {
		size_t n = strcspn(item, ",");
		memcpy(step, item, n < sizeof(step) ? n : 0);
		step[n < sizeof(step) ? n : 0] = '\0';
		if (steps.count == CIRCUIT_STEPS_MAX)
			return refuse(why, "more than 16 waits: the last one repeats, leave the others out");
		if (!read_time(step, &steps.ns[steps.count++])) {
			escape_word(why, item, n, 40);
			return refuse(why, " is no wait: write CLASS=D,D,..., as startup=5m,10m,20m");
		}
		item = item[n] ? item + n + 1 : NULL;
	}
	*out_class = class;
	*out_steps = steps;
	return 0;
}

int loop_class_parse(const char *text, enum failure *out_class, struct statuses *out_set, struct buf *why)
{
	struct statuses set = { 0 };
	enum failure class;

	const char *list = read_class(text, &class, why);
	if (!list || (!is_none(list) && statuses_value_parse(list, &set, why) < 0))
		return -EINVAL;
	*out_class = class;
	*out_set = set;
	return 0;
}
