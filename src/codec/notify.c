#include "codec/notify.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"

#define NUMBER_MAX 32 /* bytes of a number: longer is none */

struct line {
	const char *name, *value;
	size_t name_n, value_n;
};

/* The next line of `*at`, without its newline; false at the end. */
static bool next_line(const char **at, const char *end, const char **out_line, size_t *out_n)
{
	if (*at >= end)
		return false;
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	*out_line = *at;
	*out_n = (size_t)((newline ? newline : end) - *at);
	*at = newline ? newline + 1 : end;
	return true;
}

static bool split(const char *text, size_t n, struct line *out)
{
	const char *eq = memchr(text, '=', n);
	if (!eq || eq == text)
		return false;
	*out = (struct line){ .name = text,
			      .name_n = (size_t)(eq - text),
			      .value = eq + 1,
			      .value_n = n - (size_t)(eq - text) - 1 };
	return true;
}

static bool is_text(const char *a, size_t n, const char *text)
{
	return strlen(text) == n && memcmp(a, text, n) == 0;
}

static int copy_number(const char *text, size_t n, char out[NUMBER_MAX])
{
	if (n == 0 || n >= NUMBER_MAX)
		return -EINVAL;
	memcpy(out, text, n);
	out[n] = '\0';
	return 0;
}

static int read_number(const struct line *line, uint64_t max, uint64_t *out)
{
	char text[NUMBER_MAX];
	int r = copy_number(line->value, line->value_n, text);
	return r < 0 ? r : num_parse_u64(text, max, out);
}

/* 0 means "none" to some senders, and a deadline that has passed to nobody: passed over. */
static int read_us(const struct line *line, uint64_t *out_ns)
{
	uint64_t us;
	int r = read_number(line, (NUM_NONE - 1) / NS_PER_US, &us);
	if (r < 0 || us == 0)
		return -EINVAL;
	*out_ns = us * NS_PER_US;
	return 0;
}

static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '.' || c == '-';
}

int notify_parse_counter(const char *text, size_t n, struct notify_counter *out)
{
	char number[NUMBER_MAX];
	size_t key = 0;

	while (key < n && is_key_char(text[key]))
		key++;
	if (key == 0 || key > NOTIFY_KEY_MAX)
		return -EINVAL;
	bool is_added = key < n && text[key] == '+';
	size_t at = key + is_added;
	if (at >= n || text[at] != '=')
		return -EINVAL;
	int r = copy_number(text + at + 1, n - at - 1, number);
	uint64_t micro = 0;
	if (r == 0)
		r = num_parse_micro(number, &micro);
	if (r < 0)
		return r;
	memset(out, 0, sizeof(*out));
	memcpy(out->key, text, key);
	out->micro = micro;
	out->is_added = is_added;
	return 0;
}

static bool take_counter(struct notify *out, const struct line *line)
{
	if (out->counter_count == NOTIFY_COUNTERS_MAX)
		return false;
	if (notify_parse_counter(line->value, line->value_n, &out->counter[out->counter_count]) < 0)
		return false;
	out->counter_count++;
	return true;
}

static bool is_one(const struct line *line)
{
	return is_text(line->value, line->value_n, "1");
}

/* clang-format off */
static const struct {
	const char *name;
	uint32_t said;
	bool is_passed_on;
} names[] = {
	{ "READY",               NOTIFY_READY,     true },
	{ "STATUS",              NOTIFY_STATUS,    true },
	{ "WATCHDOG",            NOTIFY_BEAT,      true },
	{ "WATCHDOG_USEC",       NOTIFY_PERIOD,    true },
	{ "EXTEND_TIMEOUT_USEC", NOTIFY_EXTEND,    true },
	{ "STOPPING",            NOTIFY_STOPPING,  true },
	{ "RELOADING",           NOTIFY_RELOADING, true },
	{ "MONOTONIC_USEC",      0,                true }, /* goes with RELOADING */
	{ "ERRNO",               NOTIFY_ERRNO,     true },
	{ "BARRIER",             NOTIFY_BARRIER,   false },
	{ "FDSTORE",             NOTIFY_STORE,     false },
	{ "FDSTOREREMOVE",       NOTIFY_STORE,     false },
	{ "FDNAME",              NOTIFY_STORE,     false },
};
/* clang-format on */

/* Row of that name, or COUNT_OF(names). */
static size_t find_name(const struct line *line)
{
	size_t i = 0;
	while (i < COUNT_OF(names) && !is_text(line->name, line->name_n, names[i].name))
		i++;
	return i;
}

/* What the line says, of enum notify_said; 0: nothing. */
static uint32_t take_named(struct notify *out, const struct line *line, uint32_t said)
{
	uint64_t number;

	switch (said) {
	case NOTIFY_STATUS:
		out->status = line->value;
		out->status_n = line->value_n;
		return said;
	case NOTIFY_BEAT:
		if (is_text(line->value, line->value_n, "trigger"))
			return NOTIFY_TRIGGER;
		return is_one(line) ? said : 0;
	case NOTIFY_PERIOD:
		return read_us(line, &out->period_ns) == 0 ? said : 0;
	case NOTIFY_EXTEND:
		return read_us(line, &out->extend_ns) == 0 ? said : 0;
	case NOTIFY_ERRNO:
		if (read_number(line, INT32_MAX, &number) < 0)
			return 0;
		out->err = (int32_t)number;
		return said;
	case NOTIFY_STORE:
		return said;
	default:
		return is_one(line) ? said : 0;
	}
}

int notify_parse(const char *bytes, size_t n, struct notify *out)
{
	const char *at = bytes, *text;
	size_t length;
	struct line line;

	if (n == 0 || n > NOTIFY_MAX || memchr(bytes, '\0', n))
		return -EBADMSG;
	memset(out, 0, sizeof(*out));
	while (next_line(&at, bytes + n, &text, &length)) {
		bool is_taken = false;
		if (length == 0)
			continue;
		if (split(text, length, &line)) {
			size_t row = find_name(&line);
			if (row < COUNT_OF(names)) {
				uint32_t said = take_named(out, &line, names[row].said);
				out->said |= said;
				is_taken = said != 0 || names[row].said == 0;
			} else if (is_text(line.name, line.name_n + 1, NOTIFY_COUNTER)) {
				is_taken = take_counter(out, &line);
			}
		}
		out->passed_over += !is_taken;
	}
	return 0;
}

size_t notify_format_passed_on(struct buf *out, const char *bytes, size_t n)
{
	const char *at = bytes, *text;
	size_t length, before = out->len;
	struct line line;

	if (n == 0 || n > NOTIFY_MAX || memchr(bytes, '\0', n))
		return 0;
	while (next_line(&at, bytes + n, &text, &length)) {
		if (length == 0 || !split(text, length, &line))
			continue;
		size_t row = find_name(&line);
		if (row == COUNT_OF(names) || !names[row].is_passed_on)
			continue;
		if (names[row].said == NOTIFY_BEAT && !is_one(&line))
			continue; /* its own supervisor judges that: the guard does */
		if (out->len > before)
			buf_char(out, '\n');
		buf_mem(out, text, length);
	}
	return out->len - before;
}
