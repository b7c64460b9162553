#include "conf/yield_value.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "core/counters.h"

#define KEY_BYTES  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
#define NUMBER_MAX 40

/* The longer form of two comes first. */
static const struct {
	enum yield_kind kind;
	const char *word;
	bool takes_name;
} kinds[] = {
	{ YIELD_COUNTER, "counter:", true }, { YIELD_FILE, "file:", true },
	{ YIELD_LINES, "lines", false },     { YIELD_BYTES, "bytes", false },
	{ YIELD_WRITTEN, "written", false },
};
static_assert(COUNT_OF(kinds) == YIELD_COUNT - 1, "one row for each enum yield_kind");

static int refuse(struct buf *why, const char *text)
{
	buf_str(why, text);
	return -EINVAL;
}

static int parse_least(enum yield_kind kind, const char *text, size_t n, uint64_t *out)
{
	BUF(number, NUMBER_MAX);

	buf_mem(&number, text, n);
	if (number.cut)
		return -EINVAL;
	if (kind == YIELD_COUNTER)
		return num_parse_micro(number.at, out);
	return kind == YIELD_LINES ? num_parse_u64(number.at, UINT64_MAX / 2, out)
				   : num_parse_size(number.at, out);
}

const char *yield_value_name(const struct yield_value *v, size_t *out_n)
{
	const char *colon = memchr(v->text, ':', v->length);

	*out_n = colon ? v->length - (size_t)(colon + 1 - v->text) : 0;
	return colon ? colon + 1 : "";
}

int yield_value_parse(const char *text, struct yield_value *out_value, struct buf *why)
{
	struct yield_value v = { .text = text, .length = strcspn(text, "=") };
	size_t n;

	if (strcmp(text, "none") == 0) {
		*out_value = (struct yield_value){ 0 };
		return 0;
	}
	for (size_t i = 0; i < COUNT_OF(kinds) && v.kind == YIELD_NONE; i++) {
		n = strlen(kinds[i].word);
		if (v.length >= n && memcmp(text, kinds[i].word, n) == 0 &&
		    kinds[i].takes_name == (v.length > n))
			v.kind = kinds[i].kind;
	}
	const char *name = yield_value_name(&v, &n);
	if (v.kind == YIELD_NONE ||
	    (v.kind == YIELD_COUNTER && (n > COUNTERS_KEY_MAX || strspn(name, KEY_BYTES) != n)))
		return refuse(why, "not a yield: write counter:KEY, file:PATH (no = in it), lines, bytes or "
				   "written, or none");
	if (text[v.length] == '=') {
		const char *least = text + v.length + 1, *slash = strchr(least, '/');
		if (!slash || parse_least(v.kind, least, (size_t)(slash - least), &v.least) < 0 ||
		    v.least == 0 || v.least == NUM_NONE || num_parse_duration(slash + 1, &v.per_ns) < 0 ||
		    v.per_ns == 0 || v.per_ns == NUM_NONE)
			return refuse(
				why,
				"not a floor: write so much within a time, as lines=10/1h or bytes=1M/1d");
	}
	*out_value = v;
	return 0;
}
