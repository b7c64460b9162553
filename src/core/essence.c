#include "core/essence.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"

#define CODE_DIGITS 5 /* of a number that is what happened: ERROR 1045, os error 110 */
#define WORD_MAX    12

/* What has been written, as far as it matters for what follows. */
struct writer {
	struct buf *out;
	char word[WORD_MAX]; /* the last word; empty = a number, or a longer one */
	size_t word_end;     /* where it ends in `out` */
	bool is_last;        /* nothing stands behind this token */
	bool is_counted;     /* the last token was a number: "3 attempts" is as "1 attempt" */
};

/* --- characters and lists ------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Bytes beyond ASCII are letters: text of any language stays. */
static bool is_letter(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (unsigned char)c >= 0x80;
}

static bool is_hex(char c)
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* `list`: words with a space before and behind each. */
static bool is_listed(const char *list, const char *word, size_t n)
{
	char key[WORD_MAX + 2];

	if (n == 0 || n > WORD_MAX - 1)
		return false;
	key[0] = ' ';
	for (size_t i = 0; i < n; i++)
		key[i + 1] = lower(word[i]);
	key[n + 1] = ' ';
	key[n + 2] = '\0';
	return !memchr(word, ' ', n) && strstr(list, key);
}

/* clang-format off */
static const char units[] = " ns us ms s sec secs second seconds m min mins minute minutes h hr hrs hour hours d day days w "
	"b k kb kib mb mib g gb gib t tb tib byte bytes hz khz mhz ghz x th st nd rd px c ";
static const char months[] = " jan feb mar apr may jun jul aug sep oct nov dec january february march april june july august "
	"september october november december ";
static const char weekdays[] = " mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday ";
static const char zones[] = " utc gmt cet cest est edt cst cdt pst pdt bst ist jst am pm z ";
static const char sources[] = " py pyx js mjs cjs ts tsx jsx java kt scala groovy c h cc cpp cxx hpp go rs rb pl pm php sh bash "
	"zsh lua cs fs swift cmake mk ex exs erl hs ml sql r jl ";
static const char data[] = " csv tsv json jsonl ndjson txt log dat db sqlite gz xz zst zip tar tgz xml parquet tmp out pid "
	"lock part bak png jpg pdf ";
static const char tells_code[] = " errno code status http signal error ";
/* clang-format on */

/* --- what a token is ------------------------------------------------------------------------------------ */

/* 2026-11-22T03:05:01.123Z, 12:30, 10.0.0.1:8080, 87%, 3/50, +0200, #17 */
static bool is_figure(const char *t, size_t n)
{
	size_t i = 0;

	while (i < n && is_one_of(t[i], "+-#~.@"))
		i++;
	if (i == n || !is_digit(t[i]))
		return false;
	for (; i < n; i++)
		if (!is_digit(t[i]) && !is_one_of(t[i], "-+:./%_,*TZtz"))
			return false;
	return true;
}

/* 1.5s, 120ms, 1h02m, 3GiB, 12kB/s */
static bool is_amount(const char *t, size_t n)
{
	size_t i = 0, start;

	if (n > 2 && t[n - 2] == '/' && t[n - 1] == 's')
		n -= 2;
	while (i < n && is_one_of(t[i], "+-~"))
		i++;
	while (i < n) {
		start = i;
		while (i < n && (is_digit(t[i]) || t[i] == '.'))
			i++;
		if (i == start)
			return false;
		start = i;
		while (i < n && is_letter(t[i]))
			i++;
		if (!is_listed(units, t + start, i - start))
			return false;
	}
	return n > 0;
}

/* 0x7ffc…, fe80::1, 00:1a:2b:3c:4d:5e, an UUID */
static bool is_address(const char *t, size_t n)
{
	size_t hex = 0, colons = 0, dashes = 0;

	if (n > 2 && t[0] == '0' && lower(t[1]) == 'x') {
		for (size_t i = 2; i < n; i++)
			if (!is_hex(t[i]) && t[i] != '-')
				return false;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_hex(t[i]))
			hex++;
		else if (t[i] == ':')
			colons++;
		else if (t[i] == '-')
			dashes++;
		else if (t[i] != '.' && t[i] != '/')
			return false;
	}
	return (colons >= 2 && dashes == 0 && hex > 0) || (dashes == 4 && hex == 32 && colons == 0);
}

int essence_is_number(const char *text, size_t n)
{
	return is_figure(text, n) || is_amount(text, n) || is_address(text, n);
}

/* An id of letters and digits: a1b2c3, 9f8e7d6c5b4a, 01HQXW5P7R8ZYFG9K3VNB2D4CE.  Words like utf8, x509,
 * sha256 are none. */
static bool is_id(const char *w, size_t n)
{
	size_t digits = 0, turns = 0;
	bool is_all_hex = true;

	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)w[i] >= 0x80)
			return false;
		digits += is_digit(w[i]);
		is_all_hex = is_all_hex && is_hex(w[i]);
		turns += i > 0 && is_digit(w[i]) != is_digit(w[i - 1]);
	}
	if (is_all_hex && (n >= 8 || (n >= 4 && (digits >= 2 || is_digit(w[0])))))
		return true;
	return digits > 0 && ((n >= 8 && turns >= 3) || (n >= 16 && digits >= 2));
}

static size_t base_of(const char *t, size_t n)
{
	size_t from = n;

	while (from > 0 && t[from - 1] != '/' && t[from - 1] != '\\')
		from--;
	return from;
}

static bool has_ending(const char *list, const char *t, size_t n)
{
	const char *dot = memrchr(t, '.', n);

	return dot && dot > t && is_listed(list, dot + 1, n - (size_t)(dot + 1 - t));
}

/* Begins it as a path does that is not relative to something unsaid? */
static bool is_rooted(const char *t, size_t n)
{
	if (n >= 2 && t[0] == '/' && t[1] != '/' && t[1] != '*')
		return true;
	if (n >= 2 && t[0] == '~' && t[1] == '/')
		return true;
	if (n >= 3 && t[0] == '.' && (t[1] == '/' || (t[1] == '.' && t[2] == '/')))
		return true;
	return n >= 3 && is_letter(t[0]) && t[1] == ':' && (t[2] == '\\' || t[2] == '/');
}

/* "and/or", "input/output" and "tcp/ip" are words. */
static bool is_path(const char *t, size_t n)
{
	size_t slashes = 0, digits = 0;

	if (is_rooted(t, n) || has_ending(data, t, n))
		return true;
	for (size_t i = 0; i < n; i++) {
		slashes += t[i] == '/' || t[i] == '\\';
		digits += is_digit(t[i]);
	}
	if (slashes == 0 || (n > 5 && strncasecmp(t, "http/", 5) == 0))
		return false;
	size_t base = base_of(t, n);
	return slashes >= 2 || digits > 0 || memchr(t + base, '.', n - base);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void forget_word(struct writer *w)
{
	w->word[0] = '\0';
	w->is_counted = false;
}

/* One for a whole list of them, and for the parts of a date. */
static void put_zero(struct writer *w)
{
	struct buf *out = w->out;
	size_t k = out->len;
	bool has_space = false, has_comma = false;

	while (k > 0 && is_one_of(out->at[k - 1], "-:./_+, ")) {
		has_space = has_space || out->at[k - 1] == ' ';
		has_comma = has_comma || out->at[k - 1] == ',';
		k--;
	}
	if (k > 0 && out->at[k - 1] == '0' && (!has_space || has_comma))
		buf_truncate(out, k);
	else
		buf_char(out, '0');
}

static bool is_code(const struct writer *w, size_t digits)
{
	const char *between = w->out->at + w->word_end;

	if (digits > CODE_DIGITS || !is_listed(tells_code, w->word, strlen(w->word)))
		return false;
	/* "error: 404" is one; "error: 12 rows were not read" tells of rows. */
	return w->is_last || strcmp(w->word, "error") != 0 ||
	       !memchr(between, ':', w->out->len - w->word_end);
}

static void put_number(struct writer *w, const char *t, size_t n)
{
	size_t sign = n > 1 && t[0] == '-';
	bool is_plain = n > sign;

	for (size_t i = sign; i < n; i++)
		is_plain = is_plain && is_digit(t[i]);
	if (is_plain && is_code(w, n - sign))
		buf_mem(w->out, t + sign, n - sign);
	else
		put_zero(w);
	forget_word(w);
	w->is_counted = true;
}

/* Letters and digits. */
static void put_word(struct writer *w, const char *t, size_t n)
{
	bool is_all_digits = true, is_number = false;
	bool is_hex_number = n > 2 && t[0] == '0' && lower(t[1]) == 'x';

	for (size_t i = 0; i < n; i++)
		is_all_digits = is_all_digits && is_digit(t[i]);
	if (is_all_digits) {
		put_number(w, t, n);
		return;
	}
	if (strcmp(w->word, "error") == 0 && n <= 8 && is_digit(t[n - 1]) && is_code(w, 1)) {
		for (size_t i = 0; i < n; i++) /* error[E0308], error TS2304 */
			buf_char(w->out, lower(t[i]));
		forget_word(w);
		return;
	}
	if (is_hex_number || is_id(t, n)) {
		put_number(w, t, n);
		return;
	}
	if (w->is_counted && n > 3 && lower(t[n - 1]) == 's' && lower(t[n - 2]) != 's')
		n--;
	forget_word(w);
	for (size_t i = 0; i < n; i++) {
		if (is_digit(t[i]) && is_number)
			continue;
		is_number = is_digit(t[i]);
		buf_char(w->out, is_number ? '0' : lower(t[i]));
	}
	for (size_t i = 0; n < WORD_MAX && i <= n; i++)
		w->word[i] = i < n ? lower(t[i]) : '\0';
	w->word_end = w->out->len;
}

static void put_words(struct writer *w, const char *t, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t start = i;
		while (i < n && (is_digit(t[i]) || is_letter(t[i])))
			i++;
		if (i > start)
			put_word(w, t + start, i - start);
		else
			buf_char(w->out, t[i++]);
	}
}

static void put_path(struct writer *w, const char *t, size_t n)
{
	static const char *const passing[] = { "/tmp/", "/var/tmp/", "/dev/shm/", "/run/" };
	/* src/main.rs:4:37, C:\jobs\collect.rb:12:in */
	const char *place = n > 2 ? memchr(t + 2, ':', n - 2) : NULL;
	size_t whole = n;

	n = place ? (size_t)(place - t) : n;
	size_t base = base_of(t, n);
	bool is_source = has_ending(sources, t + base, n - base);
	for (size_t i = 0; i < COUNT_OF(passing); i++)
		is_source = is_source &&
			    (n < strlen(passing[i]) || memcmp(t, passing[i], strlen(passing[i])) != 0);
	if (is_source)
		put_words(w, t + base, n - base);
	else
		buf_char(w->out, '/');
	forget_word(w);
	put_words(w, t + n, whole - n);
	forget_word(w);
}

static void put_url(struct writer *w, const char *t, size_t n)
{
	const char *host = (const char *)memmem(t, n, "://", 3) + 3, *end = t + n;
	const char *stop = host, *user = NULL;

	for (; stop < end && !is_one_of(*stop, "/?#"); stop++)
		if (*stop == '@')
			user = stop;
	if (user)
		host = user + 1;
	for (end = host; end < stop && *end != ':';)
		end++;
	put_words(w, t, (size_t)((const char *)memmem(t, n, "://", 3) - t));
	buf_str(w->out, "://");
	if (is_figure(host, (size_t)(end - host)))
		put_zero(w);
	else
		put_words(w, host, (size_t)(end - host));
	forget_word(w);
}

/* Part of a date or a time of day, by what stands beside it: "Nov 22", "Sun Nov 22", "03:12 PM". */
static bool is_of_date(const struct writer *w, const char *t, size_t n, const char *rest, size_t rest_n)
{
	size_t next = 0;

	if (w->is_counted && (is_listed(zones, t, n) || is_listed(months, t, n)))
		return true;
	while (next < rest_n && is_one_of(rest[next], " ,"))
		next++;
	bool is_before_number = next > 0 && next < rest_n && is_digit(rest[next]);
	if (is_before_number && (is_listed(months, t, n) || is_listed(weekdays, t, n)))
		return true;
	size_t end = next;
	while (end < rest_n && is_letter(rest[end]))
		end++;
	return is_listed(weekdays, t, n) && is_listed(months, rest + next, end - next);
}

static void put_token(struct writer *w, const char *t, size_t n, const char *rest, size_t rest_n)
{
	size_t whole = n;

	w->is_last = rest_n == 0;
	while (n > 0 && is_one_of(t[n - 1], ".:!?"))
		n--;
	if (n == 0) {
		buf_mem(w->out, t, whole);
		return;
	}
	if (n > 5 && strncasecmp(t, "http/", 5) == 0)
		put_word(w, t, 4); /* HTTP/1.1 404: the version is not what happened */
	else if (memmem(t, n, "://", 3))
		put_url(w, t, n);
	else if (essence_is_number(t, n))
		put_number(w, t, n);
	else if (is_path(t, n))
		put_path(w, t, n);
	else if (!is_of_date(w, t, n, rest, rest_n))
		put_words(w, t, n);
	if (n < whole && t[n] == ':')
		buf_char(w->out, ':');
}

/* A path may have spaces where it is quoted: its length with the quotes; 0 = none is quoted here. */
static size_t quoted_path(const char *t, size_t n)
{
	char close = t[0] == '`' ? '\'' : t[0];

	if (n < 3 || !is_rooted(t + 1, n - 1))
		return 0;
	const char *end = memchr(t + 1, close, n - 1);
	return end ? (size_t)(end + 1 - t) : 0;
}

#define QUOTES "'\"`"
#define BREAKS " \t" QUOTES "()[]{}<>,;=|"

static size_t token_length(const char *t, size_t n)
{
	size_t i = 0;
	bool is_place = is_rooted(t, n), is_url = false;

	for (; i < n; i++) {
		/* A '=' in /data/day=1/ does not end it, nor a ',' within a query. */
		bool is_inside = i + 1 < n && !is_one_of(t[i + 1], BREAKS) &&
				 ((is_place && t[i] == '=') || (is_url && is_one_of(t[i], "=,;")));
		if (is_one_of(t[i], BREAKS) && !is_inside)
			break;
		is_place = is_place || t[i] == '/';
		is_url = is_url || (i >= 2 && memcmp(t + i - 2, "://", 3) == 0);
	}
	return i;
}

void essence_put(struct buf *out, const char *line, size_t n)
{
	struct writer w = { .out = out };
	size_t i = 0, start = out->len;

	while (i < n) {
		char c = line[i];
		size_t length = is_one_of(c, QUOTES) ? quoted_path(line + i, n - i) : 0;
		if (length > 0) {
			buf_char(out, '\'');
			put_path(&w, line + i + 1, length - 2);
			buf_char(out, '\'');
		} else if (is_one_of(c, BREAKS) || c == '\0') {
			length = 1;
			if (c != ' ' && c != '\t' && c != '\0')
				buf_char(out, is_one_of(c, QUOTES) ? '\'' : c);
			else if (out->len > start && out->at[out->len - 1] != ' ')
				buf_char(out, ' ');
		} else {
			length = token_length(line + i, n - i);
			put_token(&w, line + i, length, line + i + length, n - i - length);
		}
		i += length;
	}
	while (out->len > start && out->at[out->len - 1] == ' ')
		buf_truncate(out, out->len - 1);
}
