#include "conf/statuses_value.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/signal_name.h"

#define TEXT_MAX 16 /* "SIGRTMAX-30" and room */

/* "3", "10-12" or "TERM", `n` bytes. */
static int add_status(struct statuses *set, const char *item, size_t n)
{
	char text[TEXT_MAX];
	uint64_t first, last;
	int signal;
	if (n == 0 || n >= sizeof(text))
		return -EINVAL;
	memcpy(text, item, n);
	text[n] = '\0';
	if (text[0] < '0' || text[0] > '9') {
		if (signal_parse(text, &signal) < 0)
			return -EINVAL;
		set->signals |= UINT64_C(1) << (signal - 1);
		return 0;
	}
	char *dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (num_parse_u64(text, UINT8_MAX, &first) < 0)
		return -EINVAL;
	last = first;
	if (dash && (num_parse_u64(dash + 1, UINT8_MAX, &last) < 0 || last < first))
		return -EINVAL;
	for (; first <= last; first++)
		set->code[first / 64] |= UINT64_C(1) << first % 64;
	return 0;
}

int statuses_value_parse(const char *text, struct statuses *out_set, struct buf *why)
{
	struct statuses set = { 0 };

	for (const char *item = text; item;) {
		size_t n = strcspn(item, ",");
		if (add_status(&set, item, n) < 0) {
			escape_word(why, item, n, TEXT_MAX);
			buf_str(why,
				" is no way to end: write 0 to 255, ranges and signals, as 0,3,10-12,TERM");
			return -EINVAL;
		}
		item = item[n] ? item + n + 1 : NULL;
	}
	*out_set = set;
	return 0;
}
