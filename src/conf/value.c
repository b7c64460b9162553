#include "conf/value.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "conf/job.h"
#include "conf/options.h"
#include "conf/signal_name.h"

#define RUN_ID_MAX      64
#define TAG_KEY_MAX     64
#define TAG_VALUE_MAX   256
#define INTERVAL_MIN_NS NS_PER_MS
#define INTERVAL_MAX_NS (3600 * NS_PER_S)
#define SIGNAL_TEXT_MAX 16 /* "SIGRTMAX-30" and room */

static void *field_of(const struct option_row *row, struct job *job)
{
	return (char *)job + row->at;
}

static int refuse(struct buf *why, const char *reason)
{
	buf_str(why, reason);
	return -EINVAL;
}

static bool is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

/* A letter of ASCII, a digit, or one of `more`; isalnum() reads the locale. */
static bool is_plain(char c, const char *more)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(more, c));
}

static size_t plain_length(const char *text, const char *more)
{
	size_t n = 0;
	while (is_plain(text[n], more))
		n++;
	return n;
}

static int parse_flag(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	(void)text; /* takes none */
	(void)why;
	*(bool *)field_of(row, job) = true;
	return 0;
}

static int parse_counter(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	(void)text; /* takes none */
	(void)why;
	++*(uint32_t *)field_of(row, job);
	return 0;
}

static int parse_text(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	if (!*text)
		return refuse(why, "empty: leave the option out, or say what it is");
	*(const char **)field_of(row, job) = text;
	return 0;
}

static int parse_name(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	char file[ESCAPE_NAME_MAX + 1];
	if (escape_name(text, file) == -ENAMETOOLONG)
		return refuse(why, "too long: at most 200 bytes, of which each other than A-Z a-z 0-9 _ - "
				   "counts three");
	return parse_text(row, text, job, why);
}

static int parse_run_id(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	size_t n = plain_length(text, "_-");
	if (n == 0 || n > RUN_ID_MAX || text[n])
		return refuse(why, "not a run id: write 1 to 64 of A-Z a-z 0-9 _ -");
	return parse_text(row, text, job, why);
}

/* "K=V": key as a key of history lines, value any bytes. */
static int parse_tag(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	const char **tag = field_of(row, job);
	size_t key = plain_length(text, "_.-");
	if (key == 0 || key > TAG_KEY_MAX || text[key] != '=')
		return refuse(why, "not a tag: write KEY=VALUE, the key 1 to 64 of A-Z a-z 0-9 _ . -");
	if (strlen(text + key + 1) > TAG_VALUE_MAX)
		return refuse(why, "the value is longer than 256 bytes: shorten it");
	for (uint32_t i = 0; i < job->tag_count; i++) {
		if (strncmp(tag[i], text, key + 1) == 0)
			return refuse(why, "this key was given before: give each key once");
	}
	if (job->tag_count == JOB_TAGS_MAX)
		return refuse(why, "one tag too many: at most 16");
	tag[job->tag_count++] = text;
	return 0;
}

/* A duration; "none" is `none_ns`, and what to write instead of 0 says `zero_cure`. */
static int read_duration(const char *text, uint64_t none_ns, const char *zero_cure, uint64_t *out_ns,
			 struct buf *why)
{
	if (is_none(text)) {
		*out_ns = none_ns;
		return 0;
	}
	uint64_t ns;
	int r = num_parse_duration(text, &ns);
	if (r == -ERANGE)
		return refuse(why, "more than 100 years: use none");
	if (r < 0)
		return refuse(why, "not a duration: write 90, 1.5m, 1h30m, 2d or none");
	if (ns == 0)
		return refuse(why, zero_cure);
	*out_ns = ns;
	return 0;
}

static int parse_duration(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return read_duration(text, NUM_NONE, "0 is refused: use none", field_of(row, job), why);
}

static int parse_grace(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return read_duration(text, 0, "0 is refused: use none", field_of(row, job), why);
}

/* "none" is the opposite of what a 0 here was meant to be. */
static int parse_wait(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	int r = read_duration(text ? text : "none", NUM_NONE,
			      "0 is refused: use --no-wait, or none to wait for ever", field_of(row, job),
			      why);
	if (r == 0)
		job->on_conflict = CONFLICT_WAIT;
	return r;
}

static int parse_no_wait(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	(void)text; /* takes none */
	(void)why;
	*(enum on_conflict *)field_of(row, job) = CONFLICT_FAIL;
	return 0;
}

static int parse_interval(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t ns;
	int r = read_duration(text, NUM_NONE, "0 is refused: use none", &ns, why);
	if (r < 0)
		return r;
	if (ns != NUM_NONE && (ns < INTERVAL_MIN_NS || ns > INTERVAL_MAX_NS))
		return refuse(why, "out of range: write 1ms to 1h, or none");
	*(uint64_t *)field_of(row, job) = ns;
	return 0;
}

static int parse_signal(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	if (signal_parse(text, field_of(row, job)) < 0)
		return refuse(why, "not a signal: write TERM, 15 or RTMIN+1");
	return 0;
}

/* One of a list, `n` bytes: its number, or -EINVAL. */
static int read_list_signal(const char *item, size_t n, struct buf *why)
{
	char name[SIGNAL_TEXT_MAX];
	int signal = 0;
	if (n < sizeof(name)) {
		memcpy(name, item, n);
		name[n] = '\0';
	}
	if (n >= sizeof(name) || signal_parse(name, &signal) < 0) {
		escape_word(why, item, n, SIGNAL_TEXT_MAX);
		return refuse(why, " is not a signal: write names with commas between, INT,USR1");
	}
	if (signal == SIGKILL || signal == SIGSTOP) {
		signal_format(why, signal);
		return refuse(why, " cannot be caught: leave it out");
	}
	if (signal == SIGCHLD || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
		signal_format(why, signal);
		return refuse(why, " belongs to job control and the guard's own children: leave it out");
	}
	return signal;
}

static int parse_signals(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t set = 0;
	const char *item = is_none(text) ? NULL : text;
	while (item) {
		const char *comma = strchr(item, ',');
		int signal = read_list_signal(item, comma ? (size_t)(comma - item) : strlen(item), why);
		if (signal < 0)
			return signal;
		set |= UINT64_C(1) << (signal - 1);
		item = comma ? comma + 1 : NULL;
	}
	*(uint64_t *)field_of(row, job) = set;
	return 0;
}

static int parse_status(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t status;
	if (num_parse_u64(text, UINT8_MAX, &status) < 0)
		return refuse(why, "not an exit status: write 0 to 255");
	*(uint8_t *)field_of(row, job) = (uint8_t)status;
	return 0;
}

static int parse_fd(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t fd;
	if (is_none(text)) {
		*(int *)field_of(row, job) = -1;
		return 0;
	}
	if (num_parse_u64(text, INT_MAX, &fd) < 0)
		return refuse(why, "not a file descriptor: write the number of an open one, or none");
	*(int *)field_of(row, job) = (int)fd;
	return 0;
}

static int parse_word(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	for (unsigned i = 0; row->words[i]; i++) {
		if (strcmp(row->words[i], text) != 0)
			continue;
		*(unsigned *)field_of(row, job) = i; /* the enums start at 0 */
		return 0;
	}
	buf_str(why, "unknown word: write one of ");
	return refuse(why, row->arg);
}

/* clang-format off */
static int (*const parsers[])(const struct option_row *row, const char *text, struct job *job, struct buf *why) = {
	[KIND_FLAG]     = parse_flag,
	[KIND_COUNTER]  = parse_counter,
	[KIND_TEXT]     = parse_text,
	[KIND_NAME]     = parse_name,
	[KIND_RUN_ID]   = parse_run_id,
	[KIND_TAG]      = parse_tag,
	[KIND_DURATION] = parse_duration,
	[KIND_GRACE]    = parse_grace,
	[KIND_WAIT]     = parse_wait,
	[KIND_NO_WAIT]  = parse_no_wait,
	[KIND_INTERVAL] = parse_interval,
	[KIND_SIGNAL]   = parse_signal,
	[KIND_SIGNALS]  = parse_signals,
	[KIND_STATUS]   = parse_status,
	[KIND_FD]       = parse_fd,
	[KIND_WORD]     = parse_word,
};
/* clang-format on */
static_assert(COUNT_OF(parsers) == KIND_COUNT, "one parser for each kind");

int value_parse(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return parsers[row->kind](row, text, job, why);
}

void value_default(const struct option_row *row, struct job *job)
{
	if (row->fallback) {
		BUF(why, 1);
		/* Not parse_wait: a default deadline does not make the run wait. */
		enum option_kind kind = row->kind == KIND_WAIT ? KIND_DURATION : row->kind;
		(void)parsers[kind](row, row->fallback, job, &why); /* test_options parses every fallback */
	} else if (row->kind == KIND_GRACE) {
		*(uint64_t *)field_of(row, job) = NUM_NONE; /* 0 would be a KILL at once */
	}
}
