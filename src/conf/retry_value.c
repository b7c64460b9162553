#include "conf/retry_value.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "conf/variables.h"
#include "core/failure.h"

#define SHOWN_COLUMNS 40

static int refuse(struct buf *why, const char *reason)
{
	buf_str(why, reason);
	return -EINVAL;
}

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

int retry_value_times(const char *text, uint32_t *out_times, struct buf *why)
{
	uint64_t times = 0;

	if (!is_none(text) && (num_parse_u64(text, RETRY_MAX, &times) < 0 || times == 0))
		return refuse(why, "not a number of times: write 1 to 1000, or none");
	*out_times = (uint32_t)times;
	return 0;
}

/* The class of that name; FAILURE_COUNT: there is none. */
static enum failure find_class(const char *name, size_t n)
{
	for (uint32_t i = FAILURE_FIRST; i < FAILURE_COUNT; i++) {
		const char *known = failure_name((enum failure)i);
		if (strlen(known) == n && memcmp(known, name, n) == 0)
			return (enum failure)i;
	}
	return FAILURE_COUNT;
}

int retry_value_classes(const char *text, uint32_t *out_classes, struct buf *why)
{
	bool is_all = strcmp(text, "all") == 0;
	uint32_t classes = is_all ? (1U << FAILURE_COUNT) - (1U << FAILURE_FIRST) : 0;
	const char *item = is_all || is_none(text) ? NULL : text;

	while (item) {
		size_t n = strcspn(item, ",");
		enum failure failure = find_class(item, n);
		if (failure == FAILURE_COUNT) {
			escape_word(why, item, n, SHOWN_COLUMNS);
			buf_str(why, " is no class of failures: write all, none, or of these with commas "
				     "between:");
			for (uint32_t i = FAILURE_FIRST; i < FAILURE_COUNT; i++) {
				buf_char(why, ' ');
				buf_str(why, failure_name((enum failure)i));
			}
			return -EINVAL;
		}
		classes |= 1U << failure;
		item = item[n] ? item + n + 1 : NULL;
	}
	*out_classes = classes;
	return 0;
}

int retry_value_names(const char *text, const char **out_names, struct buf *why)
{
	int r = is_none(text) ? 0 : variables_check(text, why);

	if (r == 0)
		*out_names = is_none(text) ? NULL : text;
	return r;
}
