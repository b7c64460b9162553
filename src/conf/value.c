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
#include "base/signal_name.h"
#include "conf/columns.h"
#include "conf/job.h"
#include "conf/limit_value.h"
#include "conf/options.h"
#include "conf/retry_value.h"
#include "conf/room_value.h"
#include "conf/statuses_value.h"
#include "conf/value_kinds.h"
#include "conf/words.h"
#include "conf/yield_value.h"
#include "core/counters.h"
#include "core/detect.h"

#define RUN_ID_MAX         64
#define INTERVAL_MIN_NS    NS_PER_MS
#define INTERVAL_MAX_NS    (3600 * NS_PER_S)
#define COUNTER_MAX        9
#define TAIL_MIN_BYTES     256
#define TAIL_MAX_BYTES     8192 /* a history line holds it, each byte escaped */
#define TAIL_DEFAULT_BYTES 4096
#define SIGNAL_TEXT_MAX    16 /* "SIGRTMAX-30" and room */

void *value_field(const struct option_row *row, struct job *job)
{
	return (char *)job + row->at;
}

int value_refuse(struct buf *why, const char *reason)
{
	buf_str(why, reason);
	return -EINVAL;
}

bool value_is_none(const char *text)
{
	return strcmp(text, "none") == 0;
}

/* A letter of ASCII, a digit, or one of `more`; isalnum() reads the locale. */
static bool is_plain(char c, const char *more)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(more, c));
}

size_t value_plain_length(const char *text, const char *more)
{
	size_t n = 0;
	while (is_plain(text[n], more))
		n++;
	return n;
}

static int parse_flag(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	bool is_no = text && strcmp(text, "no") == 0;
	if (text && !is_no && strcmp(text, "yes") != 0)
		return value_refuse(why, "write yes or no");
	*(bool *)value_field(row, job) = !is_no;
	return 0;
}

/* Each source counts for itself: -v is 1, whatever a file says. */
static int parse_counter(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t count = job->verbose_alone + 1;
	if (text && num_parse_u64(text, COUNTER_MAX, &count) < 0)
		return value_refuse(why, "write 0 to 9");
	*(uint32_t *)value_field(row, job) = job->verbose_alone = (uint32_t)count;
	return 0;
}

static int parse_text(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	if (!*text)
		return value_refuse(why, "empty: leave the option out, or say what it is");
	*(const char **)value_field(row, job) = text;
	return 0;
}

static int parse_name(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	char file[ESCAPE_NAME_MAX + 1];
	if (escape_name(text, file) == -ENAMETOOLONG)
		return value_refuse(why,
				    "too long: at most 200 bytes, of which each other than A-Z a-z 0-9 _ - "
				    "counts three");
	return parse_text(row, text, job, why);
}

static int parse_run_id(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	size_t n = value_plain_length(text, "_-");
	if (n == 0 || n > RUN_ID_MAX || text[n])
		return value_refuse(why, "not a run id: write 1 to 64 of A-Z a-z 0-9 _ -");
	return parse_text(row, text, job, why);
}

static int parse_places(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t n;
	if (num_parse_u64(text, JOB_QUEUE_MAX, &n) < 0 || n == 0)
		return value_refuse(why, "not a number of places: write 1 to 1000");
	*(uint32_t *)value_field(row, job) = (uint32_t)n;
	return 0;
}

static int parse_slots(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t n = 0;
	if (strcmp(text, "auto") == 0)
		n = JOB_SLOTS_AUTO;
	else if (!value_is_none(text) && (num_parse_u64(text, JOB_SLOTS_MAX, &n) < 0 || n == 0))
		return value_refuse(why, "not a number of slots: write 1 to 256, auto or none");
	*(uint32_t *)value_field(row, job) = (uint32_t)n;
	return 0;
}

/* A duration; "none" is `none_ns`, and what to write instead of 0 says `zero_cure`. */
int value_duration(const char *text, uint64_t none_ns, const char *zero_cure, uint64_t *out_ns,
		   struct buf *why)
{
	if (value_is_none(text)) {
		*out_ns = none_ns;
		return 0;
	}
	uint64_t ns;
	int r = num_parse_duration(text, &ns);
	if (r == -ERANGE)
		return value_refuse(why, "more than 100 years: use none");
	if (r < 0)
		return value_refuse(why, "not a duration: write 90, 1.5m, 1h30m, 2d or none");
	if (ns == 0)
		return value_refuse(why, zero_cure);
	*out_ns = ns;
	return 0;
}

static int parse_duration(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return value_duration(text, NUM_NONE, "0 is refused: use none", value_field(row, job), why);
}

static int parse_grace(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return value_duration(text, 0, "0 is refused: use none", value_field(row, job), why);
}

/* "none" is the opposite of what a 0 here was meant to be. */
static int parse_wait(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	int r = value_duration(text ? text : "none", NUM_NONE,
			       "0 is refused: use --no-wait, or none to wait for ever", value_field(row, job),
			       why);
	if (r == 0 && job->on_conflict != CONFLICT_QUEUE) /* that is a way to wait too */
		job->on_conflict = CONFLICT_WAIT;
	return r;
}

static int parse_no_wait(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	(void)text; /* takes none */
	(void)why;
	*(enum on_conflict *)value_field(row, job) = CONFLICT_FAIL;
	return 0;
}

static int parse_interval(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t ns;
	int r = value_duration(text, NUM_NONE, "0 is refused: use none", &ns, why);
	if (r < 0)
		return r;
	if (ns != NUM_NONE && (ns < INTERVAL_MIN_NS || ns > INTERVAL_MAX_NS))
		return value_refuse(why, "out of range: write 1ms to 1h, or none");
	*(uint64_t *)value_field(row, job) = ns;
	return 0;
}

static int parse_signal(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	if (signal_parse(text, value_field(row, job)) < 0)
		return value_refuse(why, "not a signal: write TERM, 15 or RTMIN+1");
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
		return value_refuse(why, " is not a signal: write names with commas between, INT,USR1");
	}
	if (signal == SIGKILL || signal == SIGSTOP) {
		signal_format(why, signal);
		return value_refuse(why, " cannot be caught: leave it out");
	}
	if (signal == SIGCHLD || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
		signal_format(why, signal);
		return value_refuse(why,
				    " belongs to job control and the guard's own children: leave it out");
	}
	return signal;
}

static int parse_signals(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t set = 0;
	const char *item = value_is_none(text) ? NULL : text;
	while (item) {
		const char *comma = strchr(item, ',');
		int signal = read_list_signal(item, comma ? (size_t)(comma - item) : strlen(item), why);
		if (signal < 0)
			return signal;
		set |= UINT64_C(1) << (signal - 1);
		item = comma ? comma + 1 : NULL;
	}
	*(uint64_t *)value_field(row, job) = set;
	return 0;
}

static int parse_status(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t status;
	if (num_parse_u64(text, UINT8_MAX, &status) < 0)
		return value_refuse(why, "not an exit status: write 0 to 255");
	*(uint8_t *)value_field(row, job) = (uint8_t)status;
	return 0;
}

static int parse_fd(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t fd;
	if (value_is_none(text)) {
		*(int *)value_field(row, job) = -1;
		return 0;
	}
	if (num_parse_u64(text, INT_MAX, &fd) < 0)
		return value_refuse(why, "not a file descriptor: write the number of an open one, or none");
	*(int *)value_field(row, job) = (int)fd;
	return 0;
}

static int parse_word(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	for (unsigned i = 0; row->words[i]; i++) {
		if (text ? strcmp(row->words[i], text) != 0 : i != 1)
			continue;
		*(unsigned *)value_field(row, job) = i; /* the enums start at 0 */
		return 0;
	}
	buf_str(why, "unknown word: write one of ");
	for (unsigned i = 0; row->words[i]; i++) {
		buf_str(why, i ? "|" : "");
		buf_str(why, row->words[i]);
	}
	return -EINVAL;
}

static int parse_words(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct words words;
	int r = words_check(text, &words);
	if (r < 0)
		return value_refuse(why, words.error);
	return parse_text(row, text, job, why);
}

static int parse_names(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return retry_value_names(text, value_field(row, job), why);
}

static int parse_times(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return retry_value_times(text, value_field(row, job), why);
}

static int parse_classes(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return retry_value_classes(text, value_field(row, job), why);
}

#define NO_SIZE "not a size: write 4096, 512K, 1.5G or none"

static int parse_bytes(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t bytes;
	if (num_parse_size(text, &bytes) < 0)
		return value_refuse(why, NO_SIZE);
	if (bytes == 0)
		return value_refuse(why, "0 is refused: use none");
	*(uint64_t *)value_field(row, job) = bytes;
	return 0;
}

static int parse_expect(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t bytes = 0;
	if (strcmp(text, "auto") == 0)
		*(uint64_t *)value_field(row, job) = JOB_EXPECT_AUTO;
	else if (num_parse_size(text, &bytes) == 0 && bytes == JOB_EXPECT_AUTO)
		return value_refuse(why, NO_SIZE); /* it would be taken for auto */
	else
		return parse_bytes(row, text, job, why);
	return 0;
}

static int parse_min_free(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	const char *at = text;
	struct min_free item;
	if (value_is_none(text)) {
		*(const char **)value_field(row, job) = NULL;
		return 0;
	}
	int r;
	while ((r = min_free_next(&at, &item, why)) > 0)
		;
	return r < 0 ? r : parse_text(row, text, job, why);
}

static int parse_pressure(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct max_pressure max;
	int r = value_is_none(text) ? 0 : max_pressure_parse(text, &max, why);
	if (r < 0)
		return r;
	*(const char **)value_field(row, job) = value_is_none(text) ? NULL : text;
	return 0;
}

static int parse_tail(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t bytes = TAIL_DEFAULT_BYTES;
	if (text && value_is_none(text))
		bytes = 0;
	else if (text &&
		 (num_parse_size(text, &bytes) < 0 || bytes < TAIL_MIN_BYTES || bytes > TAIL_MAX_BYTES))
		return value_refuse(why, "write a size from 256 to 8K, or none");
	*(uint64_t *)value_field(row, job) = bytes;
	return 0;
}

static int parse_lines(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t lines = 0;
	if (!value_is_none(text) && (num_parse_u64(text, UINT32_MAX, &lines) < 0 || lines == 0))
		return value_refuse(why, "write a number of lines, 1 or more, or none");
	*(uint32_t *)value_field(row, job) = (uint32_t)lines;
	return 0;
}

static int parse_number(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	uint64_t number = 0;
	if (!value_is_none(text) && (num_parse_u64(text, UINT32_MAX, &number) < 0 || number == 0))
		return value_refuse(why, "write a number, 1 or more, or none");
	*(uint32_t *)value_field(row, job) = (uint32_t)number;
	return 0;
}

static int parse_prefix(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct job_prefixes *prefixes = value_field(row, job);

	if (text[0] == '\0')
		return value_refuse(why, "empty: every item begins so");
	if (prefixes->count == JOB_PREFIX_MAX)
		return value_refuse(why, "one prefix too many: at most 16");
	prefixes->at[prefixes->count++] = text;
	return 0;
}

static int parse_statuses(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return statuses_value_parse(text, value_field(row, job), why);
}

static int parse_columns(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return columns_parse(text, value_field(row, job), why);
}

/* The detector whose name is the `n` bytes; -EINVAL. */
static int find_detector(const char *name, size_t n)
{
	for (int i = 0; i < DETECT_COUNT; i++)
		if (strlen(detect_rows[i].name) == n && memcmp(detect_rows[i].name, name, n) == 0)
			return i;
	return -EINVAL;
}

/* "fds,zombies": these; "-busy,-spike": all but these. */
static int parse_detect(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	bool is_all = strcmp(text, "all") == 0;
	uint32_t set = is_all || text[0] == '-' ? DETECT_ALL : 0;
	const char *item = is_all || value_is_none(text) ? NULL : text;

	while (item) {
		bool is_out = *item == '-';
		const char *name = item + is_out, *comma = strchr(name, ',');
		size_t n = comma ? (size_t)(comma - name) : strlen(name);
		int id = find_detector(name, n);
		if (id < 0) {
			escape_word(why, name, n, 40);
			return value_refuse(why,
					    " is no detector: write all, none, or names with commas between, "
					    "see spawnguard-run(1)");
		}
		set = is_out ? set & ~(1U << id) : set | 1U << id;
		item = comma ? comma + 1 : NULL;
	}
	*(uint32_t *)value_field(row, job) = set;
	return 0;
}

/* Rows and fields of limits are in the order of core/limit.h. */
static int parse_limit(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	struct limit_bound *field = value_field(row, job);
	return limit_value_parse((enum limit_id)(field - job->limit), text, field, why);
}

static int parse_yield(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	return yield_value_parse(text, value_field(row, job), why);
}

/* clang-format off */
static value_parser *const parsers[] = {
	[KIND_FLAG]     = parse_flag,
	[KIND_COUNTER]  = parse_counter,
	[KIND_TEXT]     = parse_text,
	[KIND_NAME]     = parse_name,
	[KIND_RUN_ID]   = parse_run_id,
	[KIND_OPEN_ON]  = value_open_on,
	[KIND_FILES]    = value_files,
	[KIND_BUDGET]   = value_budget,
	[KIND_TAG]      = value_tag,
	[KIND_DURATION] = parse_duration,
	[KIND_GRACE]    = parse_grace,
	[KIND_PLACES]   = parse_places,
	[KIND_SLOTS]    = parse_slots,
	[KIND_WAIT]     = parse_wait,
	[KIND_NO_WAIT]  = parse_no_wait,
	[KIND_INTERVAL] = parse_interval,
	[KIND_SIGNAL]   = parse_signal,
	[KIND_SIGNALS]  = parse_signals,
	[KIND_STATUS]   = parse_status,
	[KIND_FD]       = parse_fd,
	[KIND_WORD]     = parse_word,
	[KIND_WORDS]    = parse_words,
	[KIND_NAMES]    = parse_names,
	[KIND_TIMES]    = parse_times,
	[KIND_CLASSES]  = parse_classes,
	[KIND_ENV]      = value_env,
	[KIND_BYTES]    = parse_bytes,
	[KIND_EXPECT]   = parse_expect,
	[KIND_MIN_FREE] = parse_min_free,
	[KIND_PRESSURE] = parse_pressure,
	[KIND_TAIL]     = parse_tail,
	[KIND_LINES]    = parse_lines,
	[KIND_MODE]     = value_mode,
	[KIND_NICE]     = value_nice,
	[KIND_OOM]      = value_oom,
	[KIND_IONICE]   = value_ionice,
	[KIND_STATUSES] = parse_statuses,
	[KIND_COLUMNS]  = parse_columns,
	[KIND_LIMIT]    = parse_limit,
	[KIND_DETECT]   = parse_detect,
	[KIND_YIELD]    = parse_yield,
	[KIND_NUMBER]   = parse_number,
	[KIND_PREFIX]   = parse_prefix,
	[KIND_UPTIME]   = value_uptime,
	[KIND_RATE]     = value_rate,
	[KIND_STREAK]   = value_streak,
	[KIND_SPAN]     = value_span,
	[KIND_BACKOFF]  = value_backoff,
	[KIND_CLASS]    = value_class,
	[KIND_JITTER]   = value_jitter,
	[KIND_HELP]     = parse_word,
};
/* clang-format on */
static_assert(COUNT_OF(parsers) == KIND_COUNT, "one parser for each kind");

int value_parse(const struct option_row *row, const char *text, struct job *job, struct buf *why)
{
	int r = parsers[row->kind](row, text, job, why);
	if (r == 0 && row->group == GROUP_LOOPS)
		job->has_loops = true;
	return r;
}

void value_next_source(struct job *job)
{
	job->tag_layer = job->tag_count;
	job->env_layer = job->env_count;
	job->budget_layer = job->budget_count;
	job->watch_layer = job->watch_count;
	job->backoff_seen = job->class_seen = 0;
	job->open_on_layer = job->open_on_count;
	job->verbose_alone = 0;
}

void value_default(const struct option_row *row, struct job *job)
{
	if (row->fallback) {
		BUF(why, 1);
		/* Not parse_wait: a default deadline does not make the run wait. */
		enum option_kind kind = row->kind == KIND_WAIT ? KIND_DURATION : row->kind;
		(void)parsers[kind](row, row->fallback, job, &why); /* test_options parses every fallback */
	} else if (row->kind == KIND_GRACE) {
		*(uint64_t *)value_field(row, job) = NUM_NONE; /* 0 would be a KILL at once */
	}
}
