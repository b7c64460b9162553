#include "conf/ini.h"

#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "conf/suggest.h"
#include "core/signature.h"

#define SHOWN_COLUMNS 40 /* of foreign text in a message */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool starts_with_bom(const char *text, size_t n)
{
	return n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
}

/* A line without its end, and without the blanks around it. */
struct line {
	char *at;
	size_t n;
	size_t whole; /* with the blanks */
};

/* The line at *at, which goes behind it. False: there is none before `end`. */
static bool next_line(const struct ini *ini, size_t *at, size_t end, struct line *out)
{
	if (*at >= end)
		return false;
	char *start = ini->text + *at;
	char *stop = memchr(start, '\n', end - *at);
	size_t n = stop ? (size_t)(stop - start) : end - *at;

	*at += n + 1;
	if (n > 0 && start[n - 1] == '\r')
		n--;
	*out = (struct line){ .at = start, .n = n, .whole = n };
	for (; out->n > 0 && is_blank(*out->at); out->n--)
		out->at++;
	while (out->n > 0 && is_blank(out->at[out->n - 1]))
		out->n--;
	return true;
}

static bool is_silent(const struct line *line)
{
	return line->n == 0 || *line->at == '#' || *line->at == ';';
}

/* ---- sections */

struct scan {
	struct ini *ini;
	const struct ini_teller *teller;
	uint32_t line;
	int result;
	bool was_homeless; /* keys before any section: told once */
	bool is_over;
};

static void complain(struct scan *scan, const char *what)
{
	BUF(text, INI_WHAT_MAX);
	buf_str(&text, what);
	scan->result = -EINVAL;
	scan->is_over = !scan->teller->tell(scan->teller->with, scan->line, &text);
}

/* "[jobs x]": which of the kinds was meant. */
static void complain_kind(struct scan *scan, const char *head, size_t n)
{
	BUF(what, INI_WHAT_MAX);
	size_t word = 0;
	while (word < n && !is_blank(head[word]))
		word++;
	buf_str(&what, "unknown section [");
	escape_text(&what, head, n, SHOWN_COLUMNS);
	buf_char(&what, ']');
	if (suggest_rank(head, word, "defaults") < SUGGEST_FAR)
		buf_str(&what, ", did you mean [defaults]?");
	else if (word < n && suggest_rank(head, word, "job") < SUGGEST_FAR)
		buf_str(&what, ", did you mean [job NAME]?");
	else if (word < n && suggest_rank(head, word, "signature") < SUGGEST_FAR)
		buf_str(&what, ", did you mean [signature NAME]?");
	else
		buf_str(&what, ": write [defaults], [job NAME] or [signature NAME]");
	complain(scan, what.at);
}

static struct ini_section *add_section(struct scan *scan)
{
	struct ini *ini = scan->ini;
	if (ini->count == INI_SECTIONS_MAX) {
		complain(scan, "one section too many: at most 4096 in a file");
		scan->is_over = true;
		return NULL;
	}
	if (ini->count == ini->room) {
		uint32_t room = ini->room ? ini->room * 4 : 64;
		struct ini_section *grown = reallocarray(ini->section, room, sizeof(*grown));
		if (!grown) {
			scan->result = -ENOMEM;
			scan->is_over = true;
			return NULL;
		}
		ini->section = grown;
		ini->room = room;
	}
	ini->section[ini->count] = (struct ini_section){ .name = "", .line = scan->line };
	return &ini->section[ini->count++];
}

static void complain_of(struct scan *scan, const char *before, const char *whose, const char *behind)
{
	BUF(what, INI_WHAT_MAX);
	buf_str(&what, before);
	buf_str(&what, whose);
	buf_str(&what, behind);
	complain(scan, what.at);
}

/* "[job NAME]", "[signature NAME]": `whose` is "job" or "signature". */
static void read_named_head(struct scan *scan, enum ini_kind kind, const char *whose, char *name, size_t n)
{
	char file[ESCAPE_NAME_MAX + 1];
	BUF(what, INI_WHAT_MAX);

	for (; n > 0 && is_blank(*name); n--)
		name++;
	if (n == 0) {
		buf_char(&what, '[');
		buf_str(&what, whose);
		buf_str(&what, "] without a name: write [");
		complain_of(scan, what.at, whose, " NAME]");
	} else if (memchr(name, ']', n)) {
		complain_of(scan, "] within the name of a ", whose,
			    ", or something behind it: choose another name, a comment has a line of its own");
	} else if (*name == '"' || *name == '\'') {
		complain_of(scan, "quotes in a section: write the name of a ", whose, " without them");
	} else if (kind == INI_SIGNATURE && n > SIGNATURE_NAME_MAX) {
		complain(scan, "the name of a signature is too long: at most 40 bytes");
	} else {
		name[n] = '\0'; /* where ] or a blank was */
		if (escape_name(name, file) < 0) {
			complain(scan, "the name of a job is too long: at most 200 bytes, of which each "
				       "other than A-Z a-z 0-9 _ - counts three");
			return;
		}
		struct ini_section *section = add_section(scan);
		if (!section)
			return;
		section->kind = kind;
		section->name = name;
	}
}

static bool is_head_of(const char *head, size_t n, const char *word)
{
	size_t word_n = strlen(word);
	return n >= word_n && memcmp(head, word, word_n) == 0 && (n == word_n || is_blank(head[word_n]));
}

/* "[...", which ends the section before it, whatever it is. */
static void read_head(struct scan *scan, const struct line *line)
{
	char *head = line->at + 1;
	size_t n = line->n - 1;

	if (n == 0 || head[n - 1] != ']') {
		complain(scan, memchr(head, ']', n) ? "something behind the ] of a section: a comment has a "
						      "line of its own"
						    : "a section without its ]: close it");
		return;
	}
	for (n--; n > 0 && is_blank(*head); n--)
		head++;
	while (n > 0 && is_blank(head[n - 1]))
		n--;
	if (n == strlen("defaults") && memcmp(head, "defaults", n) == 0)
		(void)add_section(scan); /* the first kind, without a name */
	else if (is_head_of(head, n, "job"))
		read_named_head(scan, INI_JOB, "job", head + 3, n - 3);
	else if (is_head_of(head, n, "signature"))
		read_named_head(scan, INI_SIGNATURE, "signature", head + 9, n - 9);
	else
		complain_kind(scan, head, n);
}

static bool is_sound(struct scan *scan, const struct line *line)
{
	if (memchr(line->at, '\0', line->n)) {
		complain(scan, "a NUL byte: this is no text; save it as UTF-8");
		return false;
	}
	if (line->whole > INI_LINE_MAX) {
		BUF(what, INI_WHAT_MAX);
		buf_str(&what, "a line of ");
		buf_u64(&what, line->whole);
		buf_str(&what, " bytes: shorten it to 199, or move what it does to a script");
		complain(scan, what.at);
		return false;
	}
	return true;
}

int ini_open(struct ini *ini, char *text, size_t n, const struct ini_teller *teller)
{
	struct scan scan = { .ini = ini, .teller = teller };
	struct ini_section *open = NULL;
	size_t at = starts_with_bom(text, n) ? 3 : 0;
	size_t began = at;
	struct line line;

	*ini = (struct ini){ .text = text, .n = n };
	text[n] = '\0';
	for (; !scan.is_over && next_line(ini, &at, n, &line); began = at) {
		scan.line++;
		if (!is_sound(&scan, &line) || is_silent(&line))
			continue;
		if (*line.at != '[') {
			if (!scan.was_homeless && ini->count == 0 && !open && scan.result == 0)
				complain(&scan,
					 "a key before any section: write [defaults] or [job NAME] above it");
			scan.was_homeless = true;
			continue;
		}
		if (open)
			open->end = began;
		uint32_t before = ini->count;
		read_head(&scan, &line);
		open = ini->count > before ? &ini->section[before] : NULL;
		if (open)
			open->at = open->end = at < n ? at : n;
	}
	if (open)
		open->end = n;
	return scan.result;
}

void ini_release(struct ini *ini)
{
	free(ini->section);
	*ini = (struct ini){ 0 };
}

/* ---- pairs */

/* One section on its way through the library. */
struct feeder {
	const struct ini *ini;
	const struct ini_taker *taker;
	const struct ini_teller *teller;
	size_t at, end;
	uint32_t number; /* of the line that the library has */
	struct line line;
	bool is_owed; /* the library has not yet handed it back as a pair */
	bool is_over;
	int result;
};

static void refuse(struct feeder *feeder, const struct buf *what)
{
	feeder->result = -EINVAL;
	feeder->is_over = !feeder->teller->tell(feeder->teller->with, feeder->number, what);
}

/* A line that the library understands in one way only, which is ours. */
static bool is_pair(struct feeder *feeder, const struct line *line)
{
	BUF(what, INI_WHAT_MAX);
	size_t equals = 0;

	if (starts_with_bom(line->at, line->n)) { /* the library drops it before the first pair */
		buf_str(&what, "a byte order mark: leave it out here, or move it before the first line");
		refuse(feeder, &what);
		return false;
	}
	while (equals < line->n && line->at[equals] != '=' && line->at[equals] != ':')
		equals++;
	for (size_t i = 0; i < line->n; i++) {
		unsigned char c = (unsigned char)line->at[i];
		if ((c < ' ' && c != '\t') || c == 0x7f) {
			buf_str(&what, "a control byte, ");
			escape_text(&what, &c, 1, 0);
			buf_str(&what, ": leave it out");
			refuse(feeder, &what);
			return false;
		}
		if (c == ';' && i > 0 && is_blank(line->at[i - 1])) {
			buf_str(&what, "a blank and ; would begin a comment: write ; without a blank before "
				       "it, or \\; in a command; a comment has a line of its own");
			refuse(feeder, &what);
			return false;
		}
	}
	if (equals < line->n && equals > 0 && line->at[equals] == '=')
		return true;
	if (equals == line->n)
		buf_str(&what, "neither a section nor a key with its value: write KEY = VALUE");
	else if (line->at[equals] == ':')
		buf_str(&what, "a : where = belongs: write KEY = VALUE");
	else
		buf_str(&what, "no key before the =: write KEY = VALUE");
	refuse(feeder, &what);
	return false;
}

/* The library's next line, as fgets would give it. */
static char *feed(char *str, int num, void *stream)
{
	struct feeder *feeder = stream;
	struct line line;

	if (feeder->is_owed) { /* what is_pair says is tested against the library: here it was not so */
		BUF(what, INI_WHAT_MAX);
		buf_str(&what, "not understood: write KEY = VALUE");
		refuse(feeder, &what);
		feeder->is_owed = false;
	}
	while (!feeder->is_over && next_line(feeder->ini, &feeder->at, feeder->end, &line)) {
		feeder->number++;
		if (is_silent(&line) || line.whole > INI_LINE_MAX || memchr(line.at, '\0', line.n))
			continue; /* the latter two were told by ini_open */
		if (!is_pair(feeder, &line) || num <= 0 || line.n >= (size_t)num)
			continue;
		memcpy(str, line.at, line.n);
		str[line.n] = '\0';
		feeder->line = line;
		feeder->is_owed = true;
		return str;
	}
	return NULL;
}

/* The value is the end of its line: there, not in the library's own copy, it stays. */
static int take(void *user, const char *section, const char *name, const char *value)
{
	struct feeder *feeder = user;
	size_t n = strlen(value);
	char *end = feeder->line.at + feeder->line.n;

	(void)section; /* cut at 49 bytes */
	if (!feeder->is_owed || n > feeder->line.n || memcmp(end - n, value, n) != 0)
		return 1;
	feeder->is_owed = false;
	*end = '\0';
	if (!feeder->taker->take(feeder->taker->with, feeder->number, name, end - n)) {
		feeder->result = -EINVAL;
		feeder->is_over = true;
	}
	return 1;
}

int ini_read(const struct ini *ini, const struct ini_section *section, const struct ini_taker *taker,
	     const struct ini_teller *teller)
{
	struct feeder feeder = {
		.ini = ini,
		.taker = taker,
		.teller = teller,
		.at = section->at,
		.end = section->end,
		.number = section->line,
	};

	(void)ini_parse_stream(feed, &feeder, take, &feeder); /* what it cannot read is not fed to it */
	return feeder.result;
}
