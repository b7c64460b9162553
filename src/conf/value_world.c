/* Options of the world that the job finds itself in. */
#include "conf/value_kinds.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"
#include "conf/job.h"

int value_mode(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	int mode = 0;
	size_t n = 0;
	while (n < 4 && text[n] >= '0' && text[n] <= '7')
		mode = mode * 8 + (text[n++] - '0');
	if (value_is_none(text))
		mode = -1;
	else if (n == 0 || text[n] || mode > 0777)
		return value_refuse(why, "not a mask: write it in octal, as 022 or 0077, or none");
	*(int *)value_field(row, job) = mode;
	return 0;
}

/* A whole number with its sign, `least` to `most`; "none". */
static int read_int(const char *text, int least, int most, int *out)
{
	bool is_negative = *text == '-';
	uint64_t size;
	if (value_is_none(text)) {
		*out = JOB_INT_NONE;
		return 0;
	}
	if (num_parse_u64(text + is_negative, (uint64_t)(is_negative ? -least : most), &size) < 0)
		return -EINVAL;
	*out = is_negative ? -(int)size : (int)size;
	return 0;
}

int value_nice(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	if (read_int(text, -20, 19, value_field(row, job)) < 0)
		return value_refuse(why, "not a niceness: write -20 to 19, or none");
	return 0;
}

int value_oom(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	if (read_int(text, -1000, 1000, value_field(row, job)) < 0)
		return value_refuse(why, "not an adjustment: write -1000 to 1000, or none");
	return 0;
}

/* As <linux/ioprio.h>: realtime 1, best-effort 2, idle 3; levels 0 to 7, 4 the middle. */
int value_ionice(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	static const char *const classes[] = { "none", "realtime", "best-effort", "idle" };
	int *field = value_field(row, job);
	size_t n = strcspn(text, ":");

	for (int i = 0; i < (int)COUNT_OF(classes); i++) {
		if (strlen(classes[i]) != n || memcmp(classes[i], text, n) != 0)
			continue;
		bool has_level = i == 1 || i == 2;
		int level = has_level ? 4 : 0;
		if (text[n]) {
			level = text[n + 1] - '0';
			if (!has_level || level < 0 || level > 7 || text[n + 2])
				break;
		}
		*field = i == 0 ? -1 : i << 13 | level;
		return 0;
	}
	return value_refuse(
		why, "not an I/O priority: write idle, best-effort, realtime, best-effort:0 to :7, or none");
}
