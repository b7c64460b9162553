#include "codec/procfs.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"

/*
 * What is left of the bytes.  A step that does not find what it wants sets
 * `bad`, and a line is judged once, at its end.  No step passes `end`.
 */
struct cursor {
	const char *at, *end;
	bool bad;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void take_char(struct cursor *c, char wanted)
{
	if (c->at < c->end && *c->at == wanted)
		c->at++;
	else
		c->bad = true;
}

/* One or more digits. */
static uint64_t take_digits(struct cursor *c)
{
	uint64_t value = 0;
	const char *at = c->at;
	for (; at < c->end && is_digit(*at); at++) {
		if (__builtin_mul_overflow(value, 10U, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			c->bad = true;
	}
	if (at == c->at)
		c->bad = true;
	c->at = at;
	return value;
}

/* A number and the byte behind it: without that, digits may be missing. */
static uint64_t take_u64(struct cursor *c, char behind)
{
	uint64_t value = take_digits(c);
	take_char(c, behind);
	return value;
}

static uint64_t take_up_to(struct cursor *c, uint64_t max, char behind)
{
	uint64_t value = take_u64(c, behind);
	if (value > max)
		c->bad = true;
	return value;
}

/* 0 = outside of this PID namespace, -1 = the kernel could not look (a process that is being reaped). */
static pid_t take_pid(struct cursor *c, char behind)
{
	if (c->at < c->end && *c->at == '-') {
		c->at++;
		if (take_u64(c, behind) != 1)
			c->bad = true;
		return -1;
	}
	return (pid_t)take_up_to(c, INT_MAX, behind);
}

static char take_state(struct cursor *c)
{
	if (c->at < c->end && is_letter(*c->at))
		return *c->at++;
	c->bad = true;
	return '\0';
}

/* Where there are fewer, the step behind finds nothing and says so. */
static void skip_fields(struct cursor *c, unsigned count)
{
	const char *at = c->at;
	for (; count > 0 && at < c->end; at++) {
		if (*at == ' ')
			count--;
	}
	c->at = at;
}

/* "1.25" and the byte behind it, as 125. */
static uint32_t take_centi(struct cursor *c, char behind)
{
	uint64_t whole = take_up_to(c, (UINT32_MAX - 99) / 100, '.');
	const char *decimals = c->at;
	uint64_t centi = take_u64(c, behind);
	if (c->at - decimals != 3) /* two digits and `behind` */
		c->bad = true;
	return (uint32_t)(whole * 100 + centi);
}

/* Bytes of the name up to `end`; longer names are cut, as nothing but a future kernel has them. */
static void take_comm(struct cursor *c, const char *end, char comm[PROC_COMM_MAX])
{
	size_t n = (size_t)(end - c->at);
	if (n > PROC_COMM_MAX - 1)
		n = PROC_COMM_MAX - 1;
	memcpy(comm, c->at, n);
	comm[n] = '\0';
	c->at = end;
}

int procfs_parse_stat(const char *bytes, size_t n, struct proc_stat *out_stat)
{
	struct proc_stat stat;
	struct cursor c = { bytes, bytes + n, false };

	stat.pid = take_pid(&c, ' ');
	take_char(&c, '(');
	if (c.bad || stat.pid <= 0)
		return -EBADMSG;
	const char *name_end = memrchr(c.at, ')', (size_t)(c.end - c.at));
	if (!name_end)
		return -EBADMSG;
	take_comm(&c, name_end, stat.comm);
	take_char(&c, ')');
	take_char(&c, ' ');
	stat.state = take_state(&c);
	take_char(&c, ' ');
	stat.ppid = take_pid(&c, ' ');
	stat.pgrp = take_pid(&c, ' ');
	stat.sid = take_pid(&c, ' ');
	skip_fields(&c, 2); /* 7-8: tty_nr tpgid */
	stat.flags = take_u64(&c, ' ');
	skip_fields(&c, 1); /* 10: minflt */
	stat.child_minor_faults = take_u64(&c, ' ');
	skip_fields(&c, 2); /* 12-13: majflt cmajflt */
	stat.user_ticks = take_u64(&c, ' ');
	stat.system_ticks = take_u64(&c, ' ');
	stat.waited_ticks = take_u64(&c, ' ');
	if (__builtin_add_overflow(stat.waited_ticks, take_u64(&c, ' '), &stat.waited_ticks))
		c.bad = true;
	skip_fields(&c, 2); /* 18-19: priority nice */
	stat.threads = take_u64(&c, ' ');
	skip_fields(&c, 1); /* 21: itrealvalue */
	stat.start_ticks = take_u64(&c, ' ');
	if (c.bad)
		return -EBADMSG;
	*out_stat = stat;
	return 0;
}

bool procfs_has_ended(const struct proc_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

int procfs_parse_environ(const char *bytes, size_t n, struct proc_environ *out_environ)
{
	struct proc_environ found;
	const char *name_end = memrchr(bytes, ')', n);
	if (!name_end)
		return -EBADMSG;
	struct cursor c = { name_end + 1, bytes + n, false };

	take_char(&c, ' ');
	skip_fields(&c, 47); /* 3-49: to arg_end */
	found.start = take_u64(&c, ' ');
	found.end = take_u64(&c, ' ');
	if (c.bad)
		return -EBADMSG;
	*out_environ = found;
	return 0;
}

int procfs_parse_statm(const char *bytes, size_t n, uint64_t *out_rss_pages)
{
	struct cursor c = { bytes, bytes + n, false };
	(void)take_u64(&c, ' '); /* size: its digits are checked, its value is not asked for */
	uint64_t rss_pages = take_u64(&c, ' ');
	if (c.bad)
		return -EBADMSG;
	*out_rss_pages = rss_pages;
	return 0;
}

int procfs_parse_schedstat(const char *bytes, size_t n, uint64_t *out_ran_ns)
{
	struct cursor c = { bytes, bytes + n, false };
	uint64_t ran_ns = take_u64(&c, ' ');

	if (c.bad)
		return -EBADMSG;
	*out_ran_ns = ran_ns;
	return 0;
}

/* "Pss:            1234 kB" */
static bool take_kib(const char *line, const char *end, const char *key, uint64_t *out_bytes)
{
	size_t n = strlen(key);
	struct cursor c = { line + n, end, false };

	if ((size_t)(end - line) < n || memcmp(line, key, n) != 0)
		return false;
	while (c.at < end && *c.at == ' ')
		c.at++;
	uint64_t kib = take_u64(&c, ' ');
	take_char(&c, 'k');
	take_char(&c, 'B');
	return !c.bad && c.at == end && !__builtin_mul_overflow(kib, 1024U, out_bytes);
}

int procfs_parse_memory(const char *bytes, size_t n, struct proc_memory *out_memory)
{
	const char *end = bytes + n, *line_end;
	struct proc_memory memory;
	bool has_rss = false, has_pss = false;

	for (const char *line = bytes; line < end && !(has_rss && has_pss); line = line_end + 1) {
		line_end = memchr(line, '\n', (size_t)(end - line));
		if (!line_end)
			break; /* cut: its value is not believed */
		has_rss = has_rss || take_kib(line, line_end, "Rss:", &memory.rss_bytes);
		has_pss = has_pss || take_kib(line, line_end, "Pss:", &memory.pss_bytes);
	}
	if (!has_rss || !has_pss)
		return -EBADMSG;
	*out_memory = memory;
	return 0;
}

int procfs_parse_meminfo(const char *bytes, size_t n, uint64_t *out_total, uint64_t *out_available)
{
	const char *end = bytes + n, *line_end;
	bool has_total = false, has_available = false;
	uint64_t total, available;

	for (const char *line = bytes; line < end; line = line_end + 1) {
		line_end = memchr(line, '\n', (size_t)(end - line));
		if (!line_end)
			break; /* cut: its value is not believed */
		has_total = has_total || take_kib(line, line_end, "MemTotal:", &total);
		has_available = has_available || take_kib(line, line_end, "MemAvailable:", &available);
	}
	if (!has_total || !has_available)
		return -EBADMSG;
	*out_total = total;
	*out_available = available;
	return 0;
}

static bool is_child(uint64_t value)
{
	return value > 1 && value <= INT_MAX;
}

/* The end of the file ends the last number. */
static size_t finish_children(struct proc_children *c, pid_t *out, size_t cap)
{
	bool has_one = cap > 0 && c->inside && !c->broken && is_child(c->value);
	if (cap > 0)
		c->inside = false;
	if (has_one)
		*out = (pid_t)c->value;
	return has_one ? 1 : 0;
}

size_t procfs_feed_children(struct proc_children *c, const char **at, const char *end, pid_t *out, size_t cap)
{
	if (!at)
		return finish_children(c, out, cap);
	size_t count = 0;
	const char *next = *at;
	uint64_t value = c->inside ? c->value : 0; /* 0 is no child, so blanks need no state */
	for (; next < end && count < cap && !c->broken; next++) {
		if (is_digit(*next)) {
			if (value <= INT_MAX) /* beyond, it stays beyond: never wraps into a pid */
				value = value * 10 + (uint64_t)(*next - '0');
		} else if (*next == ' ' || *next == '\n') {
			if (is_child(value))
				out[count++] = (pid_t)value;
			value = 0;
		} else {
			c->broken = true;
		}
	}
	c->value = value;
	c->inside = value > 0;
	*at = c->broken ? end : next;
	return count;
}

/* Value of a digit as %016llx writes it, -1 for anything else. */
static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to 16 digits, then the end of the line, which must be there. */
static uint64_t take_hex_line(struct cursor *c)
{
	uint64_t value = 0;
	const char *at = c->at;
	for (; hex_value(*at) >= 0; at++) {
		if (value >> 60)
			c->bad = true;
		value = value << 4 | (uint64_t)hex_value(*at);
	}
	if (at == c->at)
		c->bad = true;
	c->at = at;
	take_char(c, '\n');
	return value;
}

static void take_state_line(struct cursor *c, struct proc_status *status)
{
	status->state = take_state(c);
	take_char(c, ' '); /* "S (sleeping)" */
}

static void take_tgid_line(struct cursor *c, struct proc_status *status)
{
	status->tgid = take_pid(c, '\n');
}

static void take_ppid_line(struct cursor *c, struct proc_status *status)
{
	status->ppid = take_pid(c, '\n');
}

/* Real, effective, saved, file system: two are asked for. */
static void take_uid_line(struct cursor *c, struct proc_status *status)
{
	status->uid = (uid_t)take_up_to(c, UINT32_MAX, '\t');
	status->euid = (uid_t)take_up_to(c, UINT32_MAX, '\t');
}

static void take_threads_line(struct cursor *c, struct proc_status *status)
{
	status->threads = take_u64(c, '\n');
}

static void take_pending_line(struct cursor *c, struct proc_status *status)
{
	status->pending_signals = take_hex_line(c);
}

static void take_shared_line(struct cursor *c, struct proc_status *status)
{
	status->shared_signals = take_hex_line(c);
}

static void take_blocked_line(struct cursor *c, struct proc_status *status)
{
	status->blocked_signals = take_hex_line(c);
}

static void take_caught_line(struct cursor *c, struct proc_status *status)
{
	status->caught_signals = take_hex_line(c);
}

static void take_caps_line(struct cursor *c, struct proc_status *status)
{
	status->effective_caps = take_hex_line(c);
}

struct status_row {
	char key[10];
	unsigned char key_n;
	void (*take)(struct cursor *c, struct proc_status *status);
};

/* clang-format off */
static const struct status_row status_rows[] = {
	{ "State:\t",   7, take_state_line },
	{ "Tgid:\t",    6, take_tgid_line },
	{ "PPid:\t",    6, take_ppid_line },
	{ "Uid:\t",     5, take_uid_line },
	{ "Threads:\t", 9, take_threads_line },
	{ "SigPnd:\t",  8, take_pending_line },
	{ "ShdPnd:\t",  8, take_shared_line },
	{ "SigBlk:\t",  8, take_blocked_line },
	{ "SigCgt:\t",  8, take_caught_line },
	{ "CapEff:\t",  8, take_caps_line },
};
/* clang-format on */
#define STATUS_ALL ((1U << COUNT_OF(status_rows)) - 1)

/* The row whose key the line of `n` bytes starts with; COUNT_OF(status_rows) if none. */
static unsigned status_row_at(const char *line, size_t n)
{
	unsigned i = 0;
	for (; i < COUNT_OF(status_rows); i++) {
		const struct status_row *row = &status_rows[i];
		if (line[0] == row->key[0] && n >= row->key_n && memcmp(line, row->key, row->key_n) == 0)
			break;
	}
	return i;
}

int procfs_parse_status(const char *bytes, size_t n, struct proc_status *out_status)
{
	struct proc_status status;
	const char *end = bytes + n;
	unsigned seen = 0;
	for (const char *line = bytes; line < end && seen != STATUS_ALL;) {
		const char *line_end = memchr(line, '\n', (size_t)(end - line));
		if (!line_end)
			break; /* cut: its value is not believed */
		unsigned row = status_row_at(line, (size_t)(line_end - line));
		if (row < COUNT_OF(status_rows)) {
			bool is_second = (seen >> row & 1) != 0; /* the kernel writes no line twice */
			struct cursor c = { line + status_rows[row].key_n, line_end + 1, is_second };
			status_rows[row].take(&c, &status);
			if (c.bad)
				return -EBADMSG;
			seen |= 1U << row;
		}
		line = line_end + 1;
	}
	if (seen != STATUS_ALL)
		return -EBADMSG;
	*out_status = status;
	return 0;
}

static int parse_limit(const char *bytes, size_t n, const char *key, uint64_t *out_soft)
{
	static const char unlimited[] = "unlimited ";
	const char *end = bytes + n, *line_end;
	size_t key_n = strlen(key);
	for (const char *line = bytes; line < end; line = line_end + 1) {
		line_end = memchr(line, '\n', (size_t)(end - line));
		if (!line_end)
			break; /* cut: its value is not believed */
		if ((size_t)(line_end - line) < key_n || memcmp(line, key, key_n) != 0)
			continue;
		struct cursor c = { line + key_n, line_end, false };
		while (c.at < c.end && *c.at == ' ')
			c.at++;
		bool is_unlimited = (size_t)(c.end - c.at) >= sizeof(unlimited) - 1 &&
				    memcmp(c.at, unlimited, sizeof(unlimited) - 1) == 0;
		uint64_t soft = is_unlimited ? UINT64_MAX : take_u64(&c, ' ');
		if (c.bad)
			return -EBADMSG;
		*out_soft = soft;
		return 0;
	}
	return -EBADMSG;
}

int procfs_parse_file_limit(const char *bytes, size_t n, uint64_t *out_soft)
{
	return parse_limit(bytes, n, "Max open files ", out_soft);
}

int procfs_parse_task_limit(const char *bytes, size_t n, uint64_t *out_soft)
{
	return parse_limit(bytes, n, "Max processes ", out_soft);
}

int procfs_parse_event(const char *bytes, size_t n, const char *key, uint64_t *out_count)
{
	const char *end = bytes + n, *line_end;
	size_t key_n = strlen(key);
	for (const char *line = bytes; line < end; line = line_end + 1) {
		line_end = memchr(line, '\n', (size_t)(end - line));
		if (!line_end)
			break; /* cut: its value is not believed */
		if ((size_t)(line_end - line) <= key_n || memcmp(line, key, key_n) != 0 || line[key_n] != ' ')
			continue;
		struct cursor c = { line + key_n + 1, line_end + 1, false };
		uint64_t count = take_u64(&c, '\n');
		if (c.bad)
			return -EBADMSG;
		*out_count = count;
		return 0;
	}
	return -EBADMSG;
}

static bool is_in_symbol(char c)
{
	return is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == '$';
}

int procfs_parse_wchan(const char *bytes, size_t n, char out_name[PROC_WCHAN_MAX])
{
	if (n == 0)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		if (!is_in_symbol(bytes[i]))
			return -EBADMSG;
	bool is_none = n == 1 && bytes[0] == '0';
	size_t kept = is_none ? 0 : n < PROC_WCHAN_MAX ? n : PROC_WCHAN_MAX - 1;
	memcpy(out_name, bytes, kept);
	memset(out_name + kept, 0, PROC_WCHAN_MAX - kept);
	return is_none ? 0 : 1;
}

int procfs_parse_load(const char *bytes, size_t n, struct proc_load *out_load)
{
	struct proc_load load;
	struct cursor c = { bytes, bytes + n, false };
	load.load1_centi = take_centi(&c, ' ');
	skip_fields(&c, 2); /* load over 5 and 15 minutes */
	load.running = take_u64(&c, '/');
	load.total = take_u64(&c, ' ');
	load.last_pid = take_u64(&c, '\n');
	if (c.bad)
		return -EBADMSG;
	*out_load = load;
	return 0;
}

int procfs_parse_pressure(const char *bytes, size_t n, uint32_t *out_centi_pct)
{
	static const char key[] = "some avg10=";
	struct cursor c = { bytes, bytes + n, false };
	if (n < sizeof(key) - 1 || memcmp(bytes, key, sizeof(key) - 1) != 0)
		return -EBADMSG; /* "some" is the first line of every resource, kernel/sched/psi.c */
	c.at += sizeof(key) - 1;
	uint32_t centi_pct = take_centi(&c, ' ');
	if (c.bad)
		return -EBADMSG;
	*out_centi_pct = centi_pct;
	return 0;
}

/* "NAME: NUMBER" of one line. */
static bool take_io(const char *line, size_t n, const char *name, uint64_t *out)
{
	char text[32];
	size_t length = strlen(name);

	if (n <= length || memcmp(line, name, length) != 0 || n - length >= sizeof(text))
		return false;
	memcpy(text, line + length, n - length);
	text[n - length] = '\0';
	return num_parse_u64(text, UINT64_MAX / 4, out) == 0;
}

int procfs_parse_io(const char *bytes, size_t n, struct proc_io *out_io)
{
	uint64_t written = 0, read_bytes = 0, write_bytes = 0;
	bool has_written = false, has_read = false, has_write = false;

	for (const char *at = bytes, *end = bytes + n; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		if (!newline)
			break; /* cut */
		size_t length = (size_t)(newline - at);
		has_written = take_io(at, length, "wchar: ", &written) || has_written;
		has_read = take_io(at, length, "read_bytes: ", &read_bytes) || has_read;
		has_write = take_io(at, length, "write_bytes: ", &write_bytes) || has_write;
		at = newline + 1;
	}
	if (!has_written || !has_read || !has_write)
		return -EBADMSG;
	*out_io = (struct proc_io){ .written = written, .stored = read_bytes + write_bytes };
	return 0;
}
