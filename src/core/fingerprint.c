#include "core/fingerprint.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/signal_name.h"
#include "core/essence.h"

#define LINE_MAX    512 /* bytes of a line that are looked at */
#define ESSENCE_MAX 320
#define ERRORS_MAX  3
#define PLAIN_MAX   2

enum kind {
	KIND_BLANK,
	KIND_CARET,  /* points into the line before */
	KIND_SOURCE, /* the job's own text, quoted */
	KIND_FRAME,  /* of a stack */
	KIND_NOISE,
	KIND_PLAIN,
	KIND_ERROR,
	KIND_ROUTINE, /* goroutine 1 [running]: */
	KIND_FILE,    /* Python's frame, which stands before what it is of */
};

struct line {
	enum kind kind;
	bool is_indented;
	size_t n; /* without what it begins and ends with of white space */
	char at[LINE_MAX];
};

struct essence {
	size_t n;
	char at[ESSENCE_MAX];
};

struct essences {
	unsigned count;
	struct essence line[ERRORS_MAX];
};

struct scan {
	struct essences errors, plain;
	struct essence frame; /* where the last error is from */
	struct essence file;  /* Python's, of the exception to come */
	bool has_frame, is_own_file;
	bool is_python, is_go;  /* within frames of that kind */
	bool is_error_next;     /* "panicked at src/main.rs:4:5:" says why on the line behind it */
	bool has_error;         /* an error that may still get its frame */
	struct line held;       /* what a line is also says the next one */
	char said[LINE_MAX];    /* the last error, as it was written */
	char mumbled[LINE_MAX]; /* the last plain line */
};

/* --- lines ---------------------------------------------------------------------------------------------- */

static bool begins(const struct line *line, const char *with)
{
	size_t n = strlen(with);

	return line->n >= n && strncasecmp(line->at, with, n) == 0;
}

static bool holds(const char *lowered, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(lowered, words[i]))
			return true;
	return false;
}

/* clang-format off */
static const char *const error_words[] = {
	"error", "exception", "panic", "fatal", "fail", "cannot", "can't", "can not", "could not", "couldn't", "unable", "not found",
	"no such", "denied", "refused", "undefined", "unresolved", "assert", "abort", "segmentation", "fault", "killed", "timed out",
	"timeout", "invalid", "illegal", "missing", "unknown", "unexpected", "unrecognized", "unsupported", "uncaught", "unhandled",
	"corrupt", "overflow", "out of memory", "exhausted", "exceeded", "quota", "limit reached", "no space", "too many",
	"not permitted", "not allowed", "forbidden", "unauthorized", "expired", "violation", "broken pipe", "reset by", "unreachable",
	"deadlock", "critical", "rejected", "terminated", "interrupt", "mismatch", "not exist", "n't exist", "already", "in use",
	"unbound", "required", "double free", "no rule", "no module", "not a ", "is not ", "bad ",
};
/* With one of these a line is none, whatever else it says. */
static const char *const calm_words[] = {
	"0 error", "no error", "without error", "0 fail", "warning", "[warn", " warn ", "warn:", "deprecat", "[info", " info ",
	"info:", "[debug", " debug ", "debug:", "[trace", " trace ", "notice:",
};
static const char *const loud_words[] = { "error:", "fatal", " error ", "[error", "exception:" };
/* Beginnings of lines that go with any failure. */
static const char *const noise[] = {
	"traceback (most recent", "during handling of", "the above exception was", "stack trace:", "stack backtrace:",
	"note: run with", "note: some details", "exit status ", "[signal ", "node.js v", "[previous line repeated", "shadow bytes",
	"hint: some problems are local",
};
/* ... and say no more than that there was one. */
static const char *const general[] = {
	"error: could not compile", "error: aborting due to", "compilation terminated", "some errors have detailed", "for more information about this error",
	"npm err! code ", "npm err! a complete log", "collect2: error: ld returned", "ninja: build stopped", "+ ",
	"make: leaving", "make: entering", "warning: build failed", "error: process completed", "failures!", "error: aborting",
};
/* Functions of the machinery, not of the job: their frame says less than the next. */
static const char *const machinery[] = {
	"java.", "javax.", "jdk.", "sun.", "java.base/", "java.sql/", "node:", "internal/", "runtime.", "panic(", "testing.", "__", "raise ", "abort ",
	"gsignal", "std::", "core::", "system.", "async node:", "kotlin.", "scala.", "org.junit.",
};
/* Where these strike is chance. */
static const char *const anywhere[] = {
	"recursion", "stackoverflow", "stack overflow", "stack size exceeded", "memory", "bad_alloc", "interrupt",
};
/* clang-format on */

static bool begins_with_one(const struct line *line, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (begins(line, list[i]))
			return true;
	return false;
}

/* "make[2]: *** [Makefile:12: all] Error 2" comes last, and of any cause. */
static bool is_of_make(const struct line *line)
{
	const char *stars = memmem(line->at, line->n, ": *** [", 7);

	return stars && memmem(stars, line->n - (size_t)(stars - line->at), "] Error ", 8);
}

static size_t digits_at(const struct line *line, size_t from)
{
	size_t i = from;

	while (i < line->n && line->at[i] >= '0' && line->at[i] <= '9')
		i++;
	return i - from;
}

static bool is_made_of(const struct line *line, const char *set)
{
	return strspn(line->at, set) == line->n;
}

/* Frames, and what is quoted, whoever wrote it. */
static enum kind kind_of_frame(const struct line *line)
{
	size_t digits = digits_at(line, 0);

	if (is_made_of(line, "^~|- "))
		return KIND_CARET;
	if (begins(line, "File \"") && memmem(line->at, line->n, "\", line ", 8))
		return KIND_FILE;
	if (begins(line, "goroutine ") && line->at[line->n - 1] == ':')
		return KIND_ROUTINE;
	if (line->is_indented && (begins(line, "at ") || begins(line, "from ") || begins(line, "... ")))
		return KIND_FRAME;
	if (line->at[0] == '#' && digits_at(line, 1) > 0)
		return KIND_FRAME;
	if (digits > 0 && line->is_indented && digits < line->n && line->at[digits] == ':')
		return KIND_FRAME; /* Rust: "   4: main::read" */
	while (digits < line->n && line->at[digits] == ' ')
		digits++;
	if (digits < line->n && line->at[digits] == '|')
		return KIND_SOURCE; /* gcc, rustc: "    5 |   foo();" */
	return KIND_PLAIN;
}

static enum kind kind_of(const struct line *line)
{
	char lowered[LINE_MAX];

	if (line->n == 0)
		return KIND_BLANK;
	enum kind kind = kind_of_frame(line);
	if (kind != KIND_PLAIN)
		return kind;
	for (size_t i = 0; i <= line->n; i++) {
		char c = line->at[i];
		lowered[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (begins_with_one(line, noise, COUNT_OF(noise)) ||
	    (begins(line, "==") && strstr(lowered, "==abort")))
		return KIND_NOISE;
	if (begins_with_one(line, general, COUNT_OF(general)) || is_of_make(line))
		return KIND_PLAIN;
	if (holds(lowered, calm_words, COUNT_OF(calm_words)) &&
	    !holds(lowered, loud_words, COUNT_OF(loud_words)))
		return KIND_PLAIN;
	return holds(lowered, error_words, COUNT_OF(error_words)) ? KIND_ERROR : KIND_PLAIN;
}

/* Colours and titles: the length of an escape sequence at the beginning of `at`; 0 = none. */
static size_t escape_length(const char *at, size_t n)
{
	size_t i = 2;

	if (n < 2 || at[0] != '\x1b')
		return 0;
	if (at[1] == '[') {
		while (i < n && (at[i] < '@' || at[i] > '~'))
			i++;
		return i < n ? i + 1 : n;
	}
	if (at[1] != ']')
		return 2;
	while (i < n && at[i] != '\a' && at[i] != '\x1b')
		i++;
	return i < n && at[i] == '\a' ? i + 1 : i;
}

/* The line of `n` raw bytes: what a terminal would show at its end, without colours. */
static void line_read(struct line *line, const char *at, size_t n)
{
	size_t last = n;

	while (last > 0 && at[last - 1] == '\r')
		last--;
	n = last;
	const char *again = memrchr(at, '\r', n); /* a progress bar writes over itself */
	if (again) {
		n -= (size_t)(again + 1 - at);
		at = again + 1;
	}
	*line = (struct line){ .is_indented = n > 0 && (at[0] == ' ' || at[0] == '\t') };
	for (size_t i = 0, skip; i < n && line->n < LINE_MAX - 1; i += skip) {
		char c = (unsigned char)at[i] < ' ' || at[i] == 0x7f ? ' ' : at[i];
		skip = escape_length(at + i, n - i);
		if (skip > 0)
			continue;
		skip = 1;
		if (c != ' ' || line->n > 0)
			line->at[line->n++] = c;
	}
	while (line->n > 0 && line->at[line->n - 1] == ' ')
		line->n--;
	size_t depth = begins(line, "make[") ? 5 + digits_at(line, 5) + 1 : 0;
	if (depth > 6 && depth < line->n && line->at[depth - 1] == ']') { /* make[2]: is as make: */
		memmove(line->at + 4, line->at + depth, line->n - depth);
		line->n -= depth - 4;
	}
	line->at[line->n] = '\0';
	line->kind = kind_of(line);
}

/* --- what is kept of them ------------------------------------------------------------------------------- */

static void essence_of(struct essence *e, const char *at, size_t n)
{
	struct buf text;

	buf_init(&text, e->at, sizeof(e->at));
	essence_put(&text, at, n);
	e->n = text.len;
}

/* The last `max` that differ. */
static void keep(struct essences *all, unsigned max, const struct line *line)
{
	struct essence e;
	unsigned i = 0;

	essence_of(&e, line->at, line->n);
	while (i < all->count && (all->line[i].n != e.n || memcmp(all->line[i].at, e.at, e.n) != 0))
		i++;
	if (i == all->count && all->count == max)
		i = 0;
	if (i < all->count) {
		memmove(&all->line[i], &all->line[i + 1], (all->count - i - 1) * sizeof(e));
		all->count--;
	}
	all->line[all->count++] = e;
}

static void add_error(struct scan *s, const struct line *line)
{
	keep(&s->errors, ERRORS_MAX, line);
	memcpy(s->said, line->at, line->n + 1);
	s->frame.n = 0;
	s->has_frame = false;
	s->has_error = true;
	if (s->is_python) {
		s->frame = s->file;
		s->has_frame = true;
		s->file.n = 0;
		s->is_own_file = s->is_python = false;
	}
}

/* `at`: a frame from the name of its function on.  The first of the job's own is where it struck. */
static void add_frame(struct scan *s, const struct line *line, const char *at)
{
	const char *end = line->at + line->n, *paren = memchr(at, '(', (size_t)(end - at));
	struct line name = { .n = (size_t)(end - at) };

	if (!s->has_error || s->has_frame)
		return;
	memcpy(name.at, at, name.n);
	if (begins_with_one(&name, machinery, COUNT_OF(machinery)))
		return;
	/* java.base/java.util.List.get(…), github.com/acme/store.Open(…): no path of a file */
	if (paren && paren > at && *at != '/') {
		const char *slash = memrchr(at, '/', (size_t)(paren - at));
		if (slash)
			at = slash + 1;
	}
	essence_of(&s->frame, at, (size_t)(end - at));
	s->has_frame = true;
}

/* Python: the last frame before the exception, the job's own before a library's. */
static void add_file(struct scan *s, const struct line *line)
{
	static const char *const foreign[] = { "/lib/python", "-packages/", "<frozen", "\\lib\\" };
	bool is_own = !holds(line->at, foreign, COUNT_OF(foreign));

	if (!s->is_python) {
		s->file.n = 0;
		s->is_own_file = false;
	}
	s->is_python = true;
	if (!is_own && s->is_own_file)
		return;
	essence_of(&s->file, line->at + 4, line->n - 4);
	s->is_own_file = s->is_own_file || is_own;
}

static void settle(struct scan *s)
{
	const struct line *line = &s->held;

	if (line->kind == KIND_ERROR)
		add_error(s, line);
	else if (line->kind == KIND_PLAIN) {
		keep(&s->plain, PLAIN_MAX, line);
		memcpy(s->mumbled, line->at, line->n + 1);
	}
	s->held.kind = KIND_BLANK;
}

static void look_at_frame(struct scan *s, const struct line *line)
{
	const char *in = memmem(line->at, line->n, " in ", 4);

	if (s->held.kind == KIND_PLAIN && begins(line, "at "))
		s->held.kind = KIND_ERROR; /* whatever it is named, a stack follows it */
	settle(s);
	if (begins(line, "at ") && memchr(line->at, '(', line->n))
		add_frame(s, line, line->at + 3);
	else if (line->at[0] == '#' && in)
		add_frame(s, line, in + 4);
}

/* Within Go's stacks up to the next empty line: functions, and beneath each its place. */
static void look_at_go(struct scan *s, const struct line *line)
{
	if (line->kind == KIND_BLANK)
		s->is_go = false;
	else if (!line->is_indented && !begins(line, "created by "))
		add_frame(s, line, line->at);
}

static void look_at(struct scan *s, struct line *line)
{
	if (s->is_go) {
		look_at_go(s, line);
		return;
	}
	if (s->is_python && line->is_indented && line->kind != KIND_FILE)
		return; /* what stands in the source */
	if (s->is_python && line->kind == KIND_PLAIN)
		line->kind = KIND_ERROR; /* any name may be an exception's */
	if (s->is_error_next && line->kind == KIND_PLAIN)
		line->kind = KIND_ERROR;
	s->is_error_next = false;
	switch (line->kind) {
	case KIND_CARET:
		if (s->held.is_indented || s->held.kind == KIND_PLAIN || s->held.kind == KIND_ERROR)
			s->held.kind = KIND_BLANK; /* a line of the source */
		break;
	case KIND_FRAME:
		look_at_frame(s, line);
		break;
	case KIND_ROUTINE:
		settle(s);
		s->is_go = true;
		break;
	case KIND_FILE:
		settle(s);
		add_file(s, line);
		break;
	default:
		settle(s);
		s->held = *line;
		if (line->kind == KIND_ERROR && s->is_python)
			settle(s); /* its frame is known: it stood before */
		s->is_error_next = s->held.kind == KIND_ERROR &&
				   memmem(line->at, line->n, " panicked at ", 13) &&
				   line->at[line->n - 1] == ':';
	}
}

static void scan_text(struct scan *s, const char *at, size_t n, bool is_cut)
{
	const char *end = at + n;
	struct line line;

	if (is_cut) {
		const char *first = memchr(at, '\n', n);
		at = first && first + 1 < end ? first + 1 : at;
	}
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		stop = stop ? stop : end;
		line_read(&line, at, (size_t)(stop - at));
		look_at(s, &line);
		at = stop + 1;
	}
	settle(s);
}

/* --- how it ended --------------------------------------------------------------------------------------- */

/* Did the job end by itself?  Only then the last thing that it said is why. */
static bool is_own_end(const struct fingerprint_facts *f)
{
	return f->outcome == OUTCOME_OK || f->outcome == OUTCOME_FAILED || f->outcome == OUTCOME_SIGNALED;
}

/* "exit 3", "signal 11 (SEGV)"; "timeout": then what the job made of its end is chance */
static void put_end(struct buf *out, const struct fingerprint_facts *f)
{
	int sig = f->job_status & 0x7f;

	if (!is_own_end(f) || !f->has_status) {
		buf_str(out, outcome_name(f->outcome));
		return;
	}
	buf_str(out, sig != 0 ? "signal " : "exit ");
	buf_i64(out, sig != 0 ? sig : (f->job_status >> 8) & 0xff);
	if (sig != 0) {
		buf_str(out, " (");
		signal_format(out, sig);
		buf_char(out, ')');
	}
}

/* Dates and times that a log line begins with, and "Caused by:", say nothing here. */
static const char *without_prefix(const char *said)
{
	for (;;) {
		size_t n = strcspn(said, " ");
		size_t bare = n > 0 && said[0] == '[' ? 1 : 0;
		size_t shown = n > bare && said[n - 1] == ']' ? n - bare - 1 : n - bare;
		if (n == 0 || said[n] == '\0' || !essence_is_number(said + bare, shown))
			break;
		said += n + strspn(said + n, " ");
	}
	return strncmp(said, "Caused by: ", 11) == 0 ? said + 11 : said;
}

static void summarize(struct fingerprint *out, const char *said)
{
	struct buf text;

	said = without_prefix(said);
	size_t n = strlen(said), room = sizeof(out->summary) - 4;
	buf_init(&text, out->summary, sizeof(out->summary));
	bool is_cut = n > room;
	for (n = is_cut ? room : n; is_cut && n > 0 && ((unsigned char)said[n] & 0xc0) == 0x80;)
		n--; /* not half of a character */
	buf_mem(&text, said, n);
	buf_str(&text, is_cut ? "..." : "");
}

static bool is_anywhere(const struct essences *errors)
{
	if (errors->count == 0)
		return false;
	return holds(errors->line[errors->count - 1].at, anywhere, COUNT_OF(anywhere));
}

void fingerprint_make(struct fingerprint *out, const struct fingerprint_facts *facts)
{
	static const char version[] = "spawnguard fingerprint 1";
	struct scan scan = { .held = { .kind = KIND_BLANK } };
	BUF(end, 64);

	static_assert(FINGERPRINT_VERSION == 1, "it stands in the text that is hashed");
	put_end(&end, facts);
	if (facts->bytes)
		scan_text(&scan, facts->bytes, facts->count, facts->is_cut);
	const struct essences *kept =
		scan.errors.count > 0 || !is_own_end(facts) ? &scan.errors : &scan.plain;
	uint64_t lines = 0, hash = hash_fnv(HASH_FNV_START, version, sizeof(version));
	/* A sum: what two children write at the same time comes in any order. */
	for (unsigned i = 0; i < kept->count; i++)
		lines += hash_fnv(HASH_FNV_START, kept->line[i].at, kept->line[i].n);
	hash = hash_fnv(hash, end.at, end.len + 1);
	hash = hash_fnv(hash, &lines, sizeof(lines));
	if (kept == &scan.errors && !is_anywhere(kept))
		hash = hash_fnv(hash, scan.frame.at, scan.frame.n);
	out->print = hash != 0 ? hash : 1;
	out->is_bare = kept->count == 0;
	summarize(out, kept->count == 0 ? end.at : kept == &scan.errors ? scan.said : scan.mumbled);
}

/* --- text ----------------------------------------------------------------------------------------------- */

#define TEXT_HEAD "f1-"
#define HEX_MAX   16

void fingerprint_format(struct buf *out, uint64_t print)
{
	buf_str(out, TEXT_HEAD);
	buf_hex(out, print, HEX_MAX);
}

int fingerprint_parse(const char *text, size_t n, uint64_t *out_print)
{
	size_t head = strlen(TEXT_HEAD);
	uint64_t print = 0;

	if (n != head + HEX_MAX || memcmp(text, TEXT_HEAD, head) != 0)
		return -EINVAL;
	for (size_t i = head; i < n; i++) {
		char c = text[i];
		if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return -EINVAL;
		print = print << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	if (print == 0)
		return -EINVAL;
	*out_print = print;
	return 0;
}
