#include "conf/budget_value.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"

#define KEY_BYTES  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define NUMBER_MAX 32 /* 13 digits, a point, and more decimals than count */

static int refuse(struct buf *why, const char *text)
{
	buf_str(why, text);
	return -EINVAL;
}

static int parse_number(const char *text, size_t n, uint64_t *out_micro, struct buf *why)
{
	BUF(number, NUMBER_MAX + 1);

	buf_mem(&number, text, n);
	int r = number.cut ? -EINVAL : num_parse_micro(number.at, out_micro);
	if (r == -ERANGE)
		return refuse(why, "more than can be counted: use none");
	if (r < 0)
		return refuse(why, "not a number: write KEY=1000, KEY=2.5 or KEY=none");
	return *out_micro == 0 ? refuse(why, "0 is refused: use none") : 0;
}

int budget_value_parse(const char *text, struct budget_value *out_value, struct buf *why)
{
	struct budget_value value = { .micro = NUM_NONE };
	size_t key = strspn(text, KEY_BYTES);

	if (key == 0 || key > COUNTERS_KEY_MAX || text[key] != '=')
		return refuse(why, "not a budget: write KEY=NUMBER, the key 1 to 32 of A-Z a-z 0-9 _ . -");
	memcpy(value.key, text, key);
	const char *number = text + key + 1, *slash = strchr(number, '/');
	size_t n = slash ? (size_t)(slash - number) : strlen(number);
	bool is_none = n == 4 && memcmp(number, "none", 4) == 0;
	if (!is_none && parse_number(number, n, &value.micro, why) < 0)
		return -EINVAL;
	if (slash && (is_none || num_parse_duration(slash + 1, &value.per_ns) < 0 || value.per_ns == 0 ||
		      value.per_ns == NUM_NONE))
		return refuse(why,
			      "no time within which runs count: write KEY=1000/1d, or KEY=1000 for one run");
	*out_value = value;
	return 0;
}
