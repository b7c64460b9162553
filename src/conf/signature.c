#include "conf/signature.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/signal_name.h"
#include "conf/suggest.h"
#include "conf/words.h"
#include "core/detect.h"

#define SHOWN_COLUMNS 60 /* of foreign text in a message */
#define WORDS_MAX     24 /* of a role */

enum key { KEY_ABOUT, KEY_MEANING, KEY_ACTION, KEY_ORPHANS, KEY_SIBLINGS, KEY_OFF, KEY_ROLE, KEY_COUNT };
static const char *const keys[] = { "about", "meaning", "action", "orphans", "siblings", "off", "role" };
static_assert(COUNT_OF(keys) == KEY_COUNT, "one word for each key");

/* One section on its way. */
struct reader {
	struct conf *conf;
	const struct conf_file *file;
	struct signature *signature;
	uint32_t line[KEY_COUNT]; /* where it stands; 0 = not yet */
	int result;
};

static int refuse(struct buf *why, const char *reason)
{
	buf_str(why, reason);
	return -EINVAL;
}

/* --- values --------------------------------------------------------------------------------------------- */

static int parse_word(const char *text, const char *const *words, unsigned *out, struct buf *why)
{
	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(words[i], text) != 0)
			continue;
		*out = i;
		return 0;
	}
	buf_str(why, "unknown word: write one of ");
	for (unsigned i = 0; words[i]; i++) {
		buf_str(why, i ? "|" : "");
		buf_str(why, words[i]);
	}
	return -EINVAL;
}

static int parse_flag(const char *text, bool *out, struct buf *why)
{
	bool is_yes = strcmp(text, "yes") == 0;

	if (!is_yes && strcmp(text, "no") != 0)
		return refuse(why, "neither yes nor no: write one of them");
	*out = is_yes;
	return 0;
}

static int parse_count(const char *text, uint64_t *out)
{
	return num_parse_u64(text, UINT32_MAX, out);
}

typedef int parse_number(const char *text, uint64_t *out);

/* One end of a band; an empty one is open. */
static int parse_end(const char *text, size_t n, parse_number *parse, uint64_t open, uint64_t *out)
{
	char word[32];

	if (n == 0) {
		*out = open;
		return 0;
	}
	if (n >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, n);
	word[n] = '\0';
	return parse(word, out) < 0 || *out == NUM_NONE ? -EINVAL : 0;
}

/* "2", "2-8", "-8", "2-" */
static int parse_band(const char *text, parse_number *parse, struct band *out)
{
	const char *dash = strchr(text, '-');
	size_t n = dash ? (size_t)(dash - text) : strlen(text);
	struct band band;

	if (parse_end(text, n, parse, 0, &band.low) < 0 || (n == 0 && !(dash && dash[1])))
		return -EINVAL;
	band.high = band.low;
	if (dash && parse_end(dash + 1, strlen(dash + 1), parse, UINT64_MAX, &band.high) < 0)
		return -EINVAL;
	if (band.high < band.low)
		return -EINVAL;
	*out = band;
	return 0;
}

static int parse_text(const char *text, char *out, size_t size)
{
	size_t n = strlen(text);

	if (n == 0 || n >= size)
		return -EINVAL;
	memcpy(out, text, n + 1);
	return 0;
}

/* "TERM,!INT": has a handler for TERM, and none for INT. */
static int parse_caught(const char *text, struct signature_role *role)
{
	role->caught = role->ignored = 0;
	for (const char *item = text; item;) {
		const char *comma = strchr(item, ',');
		bool has_none = *item == '!';
		char name[16];
		int signal;

		item += has_none;
		size_t n = comma ? (size_t)(comma - item) : strlen(item);
		if (n >= sizeof(name))
			return -EINVAL;
		memcpy(name, item, n);
		name[n] = '\0';
		if (signal_parse(name, &signal) < 0)
			return -EINVAL;
		*(has_none ? &role->ignored : &role->caught) |= 1ULL << (signal - 1);
		item = comma ? comma + 1 : NULL;
	}
	return role->caught & role->ignored ? -EINVAL : 0;
}

/* --- roles ---------------------------------------------------------------------------------------------- */

static int find_role(const struct signature *s, const char *name)
{
	for (uint32_t i = 0; i < s->role_count; i++)
		if (strcmp(s->role[i].name, name) == 0)
			return (int)i;
	return -1;
}

enum fact {
	FACT_COMM,
	FACT_EXE,
	FACT_PARENT,
	FACT_MEMORY,
	FACT_THREADS,
	FACT_FDS,
	FACT_CAUGHT,
	FACT_WCHAN,
	FACT_LIVED,
	FACT_COUNT_OF,
	FACT_COUNT
};

/* clang-format off */
static const struct {
	const char *name, *cure;
} facts[] = {
	[FACT_COMM]     = { "comm",    "write its name, up to 19 bytes, a * at its end stands for any more" },
	[FACT_EXE]      = { "exe",     "write the whole path of a program" },
	[FACT_PARENT]   = { "parent",  "write the name of a role in a line above" },
	[FACT_MEMORY]   = { "memory",  "write 512M-1G, -1G or 512M-" },
	[FACT_THREADS]  = { "threads", "write 2, 2-8, -8 or 2-" },
	[FACT_FDS]      = { "fds",     "write 20, 16-24, -24 or 16-" },
	[FACT_CAUGHT]   = { "caught",  "write TERM, or !TERM where there is to be no handler, with commas between" },
	[FACT_WCHAN]    = { "wchan",   "write a function of the kernel, a * at its end stands for any more" },
	[FACT_LIVED]    = { "lived",   "write 1s-10s, -10s or 1s-" },
	[FACT_COUNT_OF] = { "count",   "write 1 to 10000" },
};
/* clang-format on */
static_assert(COUNT_OF(facts) == FACT_COUNT, "one row for each fact");

static int take_fact(struct signature_role *role, const struct signature *s, enum fact fact, const char *text)
{
	uint64_t count;

	switch (fact) {
	case FACT_COMM:
		return parse_text(text, role->comm, sizeof(role->comm));
	case FACT_EXE:
		role->program = detect_program(text, strlen(text));
		memcpy(role->exe, "", 1);
		return text[0] == '/' ? parse_text(text, role->exe, sizeof(role->exe)) : -EINVAL;
	case FACT_PARENT:
		role->parent = (int8_t)find_role(s, text);
		return role->parent < 0 ? -EINVAL : 0;
	case FACT_MEMORY:
		return parse_band(text, num_parse_size, &role->memory_bytes);
	case FACT_THREADS:
		return parse_band(text, parse_count, &role->threads);
	case FACT_FDS:
		return parse_band(text, parse_count, &role->fds);
	case FACT_CAUGHT:
		return parse_caught(text, role);
	case FACT_WCHAN:
		return parse_text(text, role->wchan, sizeof(role->wchan));
	case FACT_LIVED:
		return parse_band(text, num_parse_duration, &role->lived_ns);
	default:
		if (num_parse_u64(text, 10000, &count) < 0 || count == 0)
			return -EINVAL;
		role->count = (uint32_t)count;
		return 0;
	}
}

static int refuse_fact(struct buf *why, const char *word, size_t n)
{
	const char *near = NULL;
	size_t least = SUGGEST_FAR;

	for (unsigned i = 0; i < FACT_COUNT; i++) {
		size_t rank = suggest_rank(word, n, facts[i].name);
		if (rank >= least)
			continue;
		least = rank;
		near = facts[i].name;
	}
	buf_str(why, "unknown fact ");
	escape_word(why, word, n, SHOWN_COLUMNS);
	buf_str(why, near ? ", did you mean " : ": see spawnguard-signatures(5)");
	buf_str(why, near ? near : "");
	buf_str(why, near ? "?" : "");
	return -EINVAL;
}

static int read_fact(struct signature_role *role, const struct signature *s, const char *word, uint32_t *seen,
		     struct buf *why)
{
	size_t n = strcspn(word, "=");
	unsigned i = 0;

	while (i < FACT_COUNT && (strlen(facts[i].name) != n || memcmp(facts[i].name, word, n) != 0))
		i++;
	if (i == FACT_COUNT || word[n] != '=')
		return refuse_fact(why, word, n);
	if (*seen & 1U << i) {
		buf_str(why, facts[i].name);
		return refuse(why, " stands in this role already: leave out one of them");
	}
	*seen |= 1U << i;
	if (take_fact(role, s, (enum fact)i, word + n + 1) == 0)
		return 0;
	escape_word(why, word, strlen(word), SHOWN_COLUMNS);
	buf_str(why, ": ");
	return refuse(why, facts[i].cure);
}

static int read_role(struct signature *s, const char *text, struct buf *why)
{
	char store[INI_LINE_MAX + 1];
	const char *word[WORDS_MAX];
	struct words words;
	uint32_t seen = 0;

	if (words_check(text, &words) < 0 || words.count < 2)
		return refuse(
			why,
			"a role is its name and what is to be seen of it, as: worker comm=node memory=100M-");
	if (words.count > WORDS_MAX || words.bytes > sizeof(store))
		return refuse(why, "too many words for a role: each fact is given once");
	words_split(text, store, word);
	if (strchr(word[0], '=') || strlen(word[0]) >= sizeof(s->role[0].name))
		return refuse(
			why,
			"the name of a role comes first, up to 23 bytes, as: worker comm=node memory=100M-");
	if (find_role(s, word[0]) >= 0)
		return refuse(why, "this role stands in a line above: give it another name");
	if (s->role_count == SIGNATURE_ROLES_MAX)
		return refuse(why, "one role too many: at most 6 in a signature");
	struct signature_role role = signature_role_any(word[0]);
	for (size_t i = 1; i < words.count; i++)
		if (read_fact(&role, s, word[i], &seen, why) < 0)
			return -EINVAL;
	s->role[s->role_count++] = role;
	return 0;
}

/* --- sections ------------------------------------------------------------------------------------------- */

static bool tell(void *with, uint32_t line, const struct buf *what)
{
	struct reader *r = with;

	r->result = -EINVAL;
	return r->conf->tell(r->conf->with, r->file->path, line, what);
}

static int read_value(struct reader *r, enum key key, const char *value, struct buf *why)
{
	struct signature *s = r->signature;
	unsigned word = 0;
	bool is_set = false;
	int result;

	switch (key) {
	case KEY_ABOUT:
		s->about = value;
		return 0;
	case KEY_MEANING:
		result = parse_word(value, meaning_words, &word, why);
		if (result == 0)
			s->meaning = (enum meaning)word;
		return result;
	case KEY_ACTION:
		result = parse_word(value, signature_action_words, &word, why);
		if (result == 0)
			s->action = (enum signature_action)word;
		return result;
	case KEY_ORPHANS:
		result = parse_flag(value, &is_set, why);
		s->any = !is_set;
		return result;
	case KEY_SIBLINGS:
		return parse_flag(value, &s->siblings, why);
	case KEY_OFF:
		return parse_flag(value, &s->is_off, why);
	default:
		if (r->line[KEY_ROLE] == 0) /* the first of this section: those before it are no more */
			s->role_count = 0;
		return read_role(s, value, why);
	}
}

static enum key find_key(const char *key)
{
	unsigned i = 0;

	while (i < KEY_COUNT && strcmp(keys[i], key) != 0)
		i++;
	return (enum key)i;
}

static bool refuse_key(struct reader *r, uint32_t line, const char *key)
{
	BUF(what, INI_WHAT_MAX);
	const char *near = NULL;
	size_t least = SUGGEST_FAR;

	for (unsigned i = 0; i < KEY_COUNT; i++) {
		size_t rank = suggest_rank(key, strlen(key), keys[i]);
		if (rank >= least)
			continue;
		least = rank;
		near = keys[i];
	}
	buf_str(&what, "unknown key ");
	escape_text(&what, key, strlen(key), SHOWN_COLUMNS);
	if (near) {
		buf_str(&what, " of a signature, did you mean ");
		buf_str(&what, near);
		buf_char(&what, '?');
	} else {
		buf_str(&what, " of a signature: see spawnguard-signatures(5)");
	}
	return tell(r, line, &what);
}

static bool take(void *with, uint32_t line, const char *key, const char *value)
{
	struct reader *r = with;
	enum key id = find_key(key);
	BUF(reason, INI_WHAT_MAX);
	BUF(what, INI_WHAT_MAX);

	if (id == KEY_COUNT)
		return refuse_key(r, line, key);
	if (r->line[id] != 0 && id != KEY_ROLE) {
		buf_str(&what, key);
		buf_str(&what, " stands in line ");
		buf_u64(&what, r->line[id]);
		buf_str(&what, " already: leave out one of them");
		return tell(r, line, &what);
	}
	int result = read_value(r, id, value, &reason);
	r->line[id] = line;
	if (result == 0)
		return true;
	buf_str(&what, key);
	buf_str(&what, " = ");
	escape_text(&what, value, strlen(value), SHOWN_COLUMNS);
	buf_str(&what, ": ");
	buf_str(&what, reason.at);
	return tell(r, line, &what);
}

static const char *suggest(const struct signatures *all, const char *name)
{
	const char *near = NULL;
	size_t least = SUGGEST_FAR;

	for (uint32_t i = 0; i < all->count; i++) {
		size_t rank = suggest_rank(name, strlen(name), all->list[i].name);
		if (rank >= least)
			continue;
		least = rank;
		near = all->list[i].name;
	}
	return near;
}

/* A signature of nothing: it was to change one that is there, or has no role yet. */
static void refuse_empty(struct reader *r, uint32_t line, const struct signatures *all)
{
	BUF(what, INI_WHAT_MAX);
	const char *near = suggest(all, r->signature->name);

	buf_str(&what, "a signature without a role");
	if (near) {
		buf_str(&what, ", did you mean [signature ");
		escape_text(&what, near, strlen(near), SHOWN_COLUMNS);
		buf_str(&what, "]?");
	} else {
		buf_str(&what, ": give it one, as: role = worker comm=node memory=100M-");
	}
	(void)tell(r, line, &what);
}

static int read_section(struct conf *conf, const struct conf_file *file, const struct ini_section *section,
			struct signatures *all)
{
	struct signature fresh = { .name = section->name, .meaning = MEANING_INFO };
	struct reader r = { .conf = conf, .file = file };
	struct ini_teller teller = { tell, &r };
	struct ini_taker taker = { take, &r };
	struct signature *known = signatures_find(all, section->name);
	BUF(what, INI_WHAT_MAX);

	if (known)
		fresh = *known;
	r.signature = &fresh;
	for (const struct ini_section *other = file->ini.section; other < section; other++) {
		if (other->kind != INI_SIGNATURE || strcmp(other->name, section->name) != 0)
			continue;
		buf_str(&what, "this section stands in line ");
		buf_u64(&what, other->line);
		buf_str(&what, " already: put its keys there");
		(void)tell(&r, section->line, &what);
		return r.result;
	}
	(void)ini_read(&file->ini, section, &taker, &teller); /* r.result knows more */
	if (r.result == 0 && fresh.role_count == 0)
		refuse_empty(&r, section->line, all);
	if (r.result == 0 && !known && all->count == SIGNATURES_MAX) {
		buf_str(&what, "one signature too many: at most 16, with those built in");
		(void)tell(&r, section->line, &what);
	}
	if (r.result < 0)
		return r.result;
	if (!known) { /* before those built in: who names something knows it better */
		known = &all->list[all->count - SIGNATURES_BUILT_IN];
		memmove(known + 1, known, SIGNATURES_BUILT_IN * sizeof(*known));
		all->count++;
	}
	*known = fresh;
	return 0;
}

int conf_signatures(struct conf *conf, struct signatures *out)
{
	int result = 0;

	signatures_init(out);
	for (uint32_t f = 0; f < conf->file_count; f++) {
		const struct conf_file *file = &conf->file[f];
		for (uint32_t i = 0; i < file->ini.count; i++)
			if (file->ini.section[i].kind == INI_SIGNATURE &&
			    read_section(conf, file, &file->ini.section[i], out) < 0)
				result = -EINVAL;
	}
	return result;
}

bool conf_has_signatures(const struct conf *conf)
{
	for (uint32_t f = 0; f < conf->file_count; f++)
		for (uint32_t i = 0; i < conf->file[f].ini.count; i++)
			if (conf->file[f].ini.section[i].kind == INI_SIGNATURE)
				return true;
	return false;
}

const struct ini_section *conf_signature_origin(const struct conf *conf, const char *name,
						const char **out_file)
{
	const struct ini_section *found = NULL;

	for (uint32_t f = 0; f < conf->file_count; f++) {
		for (uint32_t i = 0; i < conf->file[f].ini.count; i++) {
			const struct ini_section *section = &conf->file[f].ini.section[i];
			if (section->kind != INI_SIGNATURE || strcmp(section->name, name) != 0)
				continue;
			found = section;
			*out_file = conf->file[f].path;
		}
	}
	return found;
}
