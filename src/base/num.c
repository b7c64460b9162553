#include "base/num.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"

#define NS_PER_MIN      (60 * NS_PER_S)
#define NS_PER_HOUR     (60 * NS_PER_MIN)
#define NS_PER_DAY      (24 * NS_PER_HOUR)
#define NS_PER_WEEK     (7 * NS_PER_DAY)
#define DURATION_MAX_NS (36525 * NS_PER_DAY) /* 100 years */

#define SIZE_STEP    1024ULL
#define TENTHS_BELOW 100 /* units: 99.9M, but 100M */

struct unit {
	const char *name;
	uint64_t ns;
};

/* Larger first: the order in which they are written, too. */
static const struct unit units[] = {
	{ "w", NS_PER_WEEK }, { "d", NS_PER_DAY }, { "h", NS_PER_HOUR }, { "m", NS_PER_MIN },
	{ "s", NS_PER_S },    { "ms", NS_PER_MS }, { "us", NS_PER_US },  { "ns", 1 },
};

/* Each SIZE_STEP times the one before. */
static const char size_letters[5] = { 'K', 'M', 'G', 'T', 'P' };

/* A number as it was written; its fraction stays text until the unit is known, so that nothing is lost. */
struct decimal {
	uint64_t whole;
	bool is_beyond;       /* `whole` did not fit: it is UINT64_MAX */
	const char *fraction; /* digits behind the point */
	size_t fraction_n;    /* 0 = no point */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* The digits at `text` as a number that saturates; returns the first byte behind them. */
static const char *take_digits(const char *text, struct decimal *d)
{
	d->whole = 0;
	d->is_beyond = false;
	for (; is_digit(*text); text++) {
		uint64_t digit = (uint64_t)(*text - '0');
		if (__builtin_mul_overflow(d->whole, 10U, &d->whole) ||
		    __builtin_add_overflow(d->whole, digit, &d->whole))
			d->is_beyond = true;
	}
	if (d->is_beyond)
		d->whole = UINT64_MAX;
	return text;
}

/* `12` or `1.5` at `text`; returns the first byte behind it, NULL if there is no number. */
static const char *take_decimal(const char *text, struct decimal *d)
{
	const char *at = take_digits(text, d);
	d->fraction = NULL;
	d->fraction_n = 0;
	if (at == text)
		return NULL;
	if (*at != '.')
		return at;

	d->fraction = ++at;
	while (is_digit(*at))
		at++;
	d->fraction_n = (size_t)(at - d->fraction);
	return d->fraction_n > 0 ? at : NULL;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* `d` times `unit`, rounded down; UINT64_MAX if it does not fit.  `unit` <= UINT64_MAX / 10. */
static uint64_t scale(const struct decimal *d, uint64_t unit)
{
	uint64_t value;
	if (d->is_beyond || __builtin_mul_overflow(d->whole, unit, &value))
		return UINT64_MAX;
	/* From the last digit: each step is exact but for its floor, and floors of floors add up to one. */
	uint64_t part = 0;
	for (size_t i = d->fraction_n; i > 0; i--)
		part = (part + (uint64_t)(d->fraction[i - 1] - '0') * unit) / 10;
	return add_saturated(value, part);
}

int num_parse_u64(const char *text, uint64_t max, uint64_t *out_value)
{
	struct decimal d;
	const char *end = take_digits(text, &d);
	if (end == text || *end != '\0')
		return -EINVAL;
	if (d.is_beyond || d.whole > max)
		return -ERANGE;
	*out_value = d.whole;
	return 0;
}

int num_parse_micro(const char *text, uint64_t *out_micro)
{
	struct decimal d;
	const char *end = take_decimal(text, &d);
	if (!end || *end != '\0')
		return -EINVAL;
	uint64_t micro = scale(&d, NUM_MICRO);
	if (micro == UINT64_MAX)
		return -ERANGE;
	*out_micro = micro;
	return 0;
}

void num_format_micro(struct buf *out, uint64_t micro)
{
	uint64_t rest = micro % NUM_MICRO;
	unsigned digits = 6;

	buf_u64(out, micro / NUM_MICRO);
	if (rest == 0)
		return;
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	buf_char(out, '.');
	buf_pad(out, rest, digits);
}

/* The row of the unit at `*at`, from row `from` on; COUNT_OF(units) if none.  Moves `*at` behind it. */
static size_t take_unit(const char **at, size_t from)
{
	const char *name = *at;
	size_t n = 0;
	while (is_lower(name[n]))
		n++;
	for (size_t i = from; i < COUNT_OF(units); i++) {
		if (strlen(units[i].name) == n && memcmp(units[i].name, name, n) == 0) {
			*at += n;
			return i;
		}
	}
	return COUNT_OF(units);
}

/* All of `text` as number, unit, number, unit and so on; saturates. */
static int sum_of_parts(const char *text, uint64_t *out_ns)
{
	uint64_t sum = 0;
	size_t next = 0; /* units before this row are used up */
	struct decimal d;
	for (const char *at = text; *at != '\0';) {
		at = take_decimal(at, &d);
		if (!at)
			return -EINVAL;
		size_t row = take_unit(&at, next);
		if (row == COUNT_OF(units))
			return -EINVAL;
		if (d.fraction_n > 0 && *at != '\0')
			return -EINVAL;
		sum = add_saturated(sum, scale(&d, units[row].ns));
		next = row + 1;
	}
	*out_ns = sum;
	return 0;
}

int num_parse_duration(const char *text, uint64_t *out_ns)
{
	uint64_t ns;
	struct decimal d;
	if (strcmp(text, "none") == 0) {
		*out_ns = NUM_NONE;
		return 0;
	}
	const char *end = take_decimal(text, &d);
	if (!end)
		return -EINVAL;
	if (*end == '\0')
		ns = scale(&d, NS_PER_S);
	else if (sum_of_parts(text, &ns) < 0)
		return -EINVAL;
	if (ns > DURATION_MAX_NS)
		return -ERANGE;
	*out_ns = ns;
	return 0;
}

static char upper(char c)
{
	if (is_lower(c))
		c = (char)(c - 'a' + 'A');
	return c;
}

/* The factor of ``, `B`, `K`, `KB`, `KiB`, `M` and so on, in either case; 0 = none of them. */
static uint64_t factor_of(const char *suffix)
{
	uint64_t factor = 1;
	for (size_t i = 0; i < sizeof(size_letters); i++) {
		factor *= SIZE_STEP;
		if (upper(suffix[0]) != size_letters[i])
			continue;
		suffix++;
		if (upper(suffix[0]) == 'I' && upper(suffix[1]) == 'B')
			suffix++;
		if (upper(suffix[0]) == 'B')
			suffix++;
		return *suffix == '\0' ? factor : 0;
	}
	if (upper(suffix[0]) == 'B')
		suffix++;
	return *suffix == '\0' ? 1 : 0;
}

int num_parse_size(const char *text, uint64_t *out_bytes)
{
	struct decimal d;
	if (strcmp(text, "none") == 0) {
		*out_bytes = NUM_NONE;
		return 0;
	}
	const char *end = take_decimal(text, &d);
	uint64_t factor = end ? factor_of(end) : 0;
	if (factor == 0 || (factor == 1 && d.fraction_n > 0))
		return -EINVAL;
	uint64_t bytes = scale(&d, factor);
	if (bytes == UINT64_MAX) /* too large, or a number that would mean "none" */
		return -ERANGE;
	*out_bytes = bytes;
	return 0;
}

/* `value` in `unit`, rounded down, with one decimal if it is not 0. */
static void put_tenths(struct buf *out, uint64_t value, uint64_t unit)
{
	uint64_t tenth = value % unit * 10 / unit;
	buf_u64(out, value / unit);
	if (tenth > 0) {
		buf_char(out, '.');
		buf_u64(out, tenth);
	}
}

/* Two neighbours: 4m12s; the second is left out when it is 0. */
static void put_pair(struct buf *out, uint64_t ns, const struct unit *large)
{
	const struct unit *small = large + 1;
	uint64_t rest = ns % large->ns / small->ns;
	buf_u64(out, ns / large->ns);
	buf_str(out, large->name);
	if (rest > 0) {
		buf_u64(out, rest);
		buf_str(out, small->name);
	}
}

void num_format_duration(struct buf *out, uint64_t ns)
{
	if (ns == NUM_NONE) {
		buf_str(out, "none");
		return;
	}
	if (ns == 0) {
		buf_str(out, "0s");
		return;
	}
	const struct unit *unit = &units[1]; /* weeks are read, not written */
	while (ns < unit->ns)
		unit++;
	if (unit->ns >= NS_PER_MIN) {
		put_pair(out, ns, unit);
		return;
	}
	if (unit->ns == NS_PER_S || ns < 10 * unit->ns)
		put_tenths(out, ns, unit->ns);
	else
		buf_u64(out, ns / unit->ns);
	buf_str(out, unit->name);
}

void num_format_size(struct buf *out, uint64_t bytes)
{
	if (bytes == NUM_NONE) {
		buf_str(out, "none");
		return;
	}
	uint64_t factor = 1;
	size_t steps = 0;
	for (; steps < sizeof(size_letters) && bytes / factor >= SIZE_STEP; steps++)
		factor *= SIZE_STEP;
	if (bytes / factor < TENTHS_BELOW)
		put_tenths(out, bytes, factor);
	else
		buf_u64(out, bytes / factor);
	if (steps > 0)
		buf_char(out, size_letters[steps - 1]);
}
