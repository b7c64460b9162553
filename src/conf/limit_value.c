#include "conf/limit_value.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"

#define TEXT_MAX  64
#define SHARE_MAX 1000000 /* percent of a core: ten thousand cores */

static const char *cure_of(enum limit_unit unit)
{
	switch (unit) {
	case UNIT_NUMBER:
		return "a number: 200, soft and hard 150:200, soft alone 150:, or none";
	case UNIT_BYTES:
		return "a size: 512M, soft and hard 400M:512M, soft alone 400M:, or none";
	case UNIT_RATE:
		return "a number within a time: 50/10s, soft and hard 30/10s:50/10s, or none";
	case UNIT_GROWTH:
		return "a size within a time of 1s or more: 100M/10m, soft and hard 50M/10m:100M/10m, or "
		       "none";
	case UNIT_CPU_TIME:
		return "CPU time: 10m, or percent of a core over a time: 150%/30s, or none";
	}
	return "none";
}

/* A duration that is one; 0 and "none" are not. */
static int read_time(const char *text, uint64_t *out_ns)
{
	uint64_t ns;
	if (num_parse_duration(text, &ns) < 0 || ns == 0 || ns == NUM_NONE)
		return -EINVAL;
	*out_ns = ns;
	return 0;
}

/* "150%": as CPU time of a time to come. */
static int read_share(char *text, char *slash, struct limit_value *v)
{
	size_t n = strlen(text);
	uint64_t percent;

	v->per_ns = LIMIT_CPU_WINDOW_NS;
	if (slash && read_time(slash + 1, &v->per_ns) < 0)
		return -EINVAL;
	text[n - 1] = '\0';
	if (num_parse_u64(text, SHARE_MAX, &percent) < 0 || percent == 0)
		return -EINVAL;
	v->at = (uint64_t)((unsigned __int128)v->per_ns * percent / 100);
	return 0;
}

/* Changes `text`. */
static int read_value(enum limit_unit unit, char *text, struct limit_value *out)
{
	struct limit_value v = { 0 };
	char *slash = strchr(text, '/');
	int r;

	if (slash)
		*slash = '\0';
	size_t n = strlen(text);
	bool needs_time = unit == UNIT_RATE || unit == UNIT_GROWTH;
	if (unit == UNIT_CPU_TIME && n > 1 && text[n - 1] == '%') {
		r = read_share(text, slash, &v);
	} else {
		if (needs_time != (slash != NULL) || (slash && read_time(slash + 1, &v.per_ns) < 0))
			return -EINVAL;
		if (unit == UNIT_CPU_TIME)
			r = read_time(text, &v.at);
		else if (unit == UNIT_BYTES || unit == UNIT_GROWTH)
			r = num_parse_size(text, &v.at);
		else
			r = num_parse_u64(text, LIMIT_NONE / 2, &v.at);
	}
	if (unit == UNIT_GROWTH && v.per_ns < NS_PER_S) /* a tenth of it is the time between two looks */
		return -EINVAL;
	if (r < 0 || v.at == LIMIT_NONE)
		return -EINVAL;
	*out = v;
	return v.at == 0 ? -ERANGE : 0;
}

/* As rates, so that 10/1s is less than 50/10s is not asked: only bounds over the same time are compared. */
static bool is_upside_down(const struct limit_bound *b)
{
	return b->soft.at != LIMIT_NONE && b->hard.at != LIMIT_NONE && b->soft.per_ns == b->hard.per_ns &&
	       b->soft.at > b->hard.at;
}

static int refuse(struct buf *why, const char *reason, enum limit_unit unit)
{
	buf_str(why, reason);
	buf_str(why, cure_of(unit));
	return -EINVAL;
}

int limit_value_parse(enum limit_id id, const char *text, struct limit_bound *out, struct buf *why)
{
	enum limit_unit unit = limit_rows[id].unit;
	struct limit_bound b = { { LIMIT_NONE, 0 }, { LIMIT_NONE, 0 } };
	char copy[TEXT_MAX];
	int soft = 0, hard = 0;

	if (strcmp(text, "none") == 0) {
		*out = b;
		return 0;
	}
	if (strlen(text) >= sizeof(copy))
		return refuse(why, "not a limit: write ", unit);
	memcpy(copy, text, strlen(text) + 1);
	char *colon = strchr(copy, ':');
	if (colon)
		*colon = '\0';
	if (colon)
		soft = read_value(unit, copy, &b.soft);
	if (!colon || colon[1] != '\0')
		hard = read_value(unit, colon ? colon + 1 : copy, &b.hard);
	if (soft == -ERANGE || hard == -ERANGE)
		return refuse(why, "0 is refused: write none, or ", unit);
	if (soft < 0 || hard < 0)
		return refuse(why, "not a limit: write ", unit);
	if (is_upside_down(&b))
		return refuse(why, "the soft limit is above the hard one: write ", unit);
	*out = b;
	return 0;
}
