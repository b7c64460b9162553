/* The items of a batch: lines of bytes, and families of them. */
#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/hash.h"
#include "os/pipe.h"
#include "spawnguard/exit.h"

int words_add(struct words_list *list, const char *before, const char *word)
{
	if (list->count + 2 > list->room) {
		size_t room = list->room ? 2 * list->room : 32;
		char **at = realloc(list->at, room * sizeof(*at));
		if (!at)
			return -ENOMEM;
		list->at = at;
		list->room = room;
	}
	size_t first = strlen(before), second = strlen(word);
	char *both = malloc(first + second + 1);
	if (!both)
		return -ENOMEM;
	memcpy(both, before, first);
	memcpy(both + first, word, second + 1);
	list->at[list->count++] = both;
	list->at[list->count] = NULL;
	return 0;
}

void words_release(struct words_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->at[i]);
	free(list->at);
	*list = (struct words_list){ 0 };
}

int items_add(struct work *w, const char *text, size_t n)
{
	struct batch *b = &w->batch;

	if (n > ITEM_MAX_BYTES || b->count == UINT32_MAX)
		return -E2BIG;
	if ((b->count & (b->count - 1)) == 0) { /* a power of two, or none yet: twice as many */
		size_t room = b->count ? 2 * (size_t)b->count : 1;
		struct batch_item *items = reallocarray(b->items, room, sizeof(*items));
		if (!items)
			return -ENOMEM;
		b->items = items;
	}
	b->items[b->count] = (struct batch_item){ .text = text, .n = (uint32_t)n };
	b->items[b->count].last.yield = BATCH_YIELD_UNKNOWN;
	b->count++;
	return 0;
}

void items_release(struct work *w)
{
	free(w->batch.items);
	for (uint32_t i = 0; i < w->batch.family_count; i++)
		free((char *)(uintptr_t)w->batch.families[i].name);
	free(w->batch.families);
	free(w->text);
	free(w->more_text);
}

/* --- lines ---------------------------------------------------------------------------------------------- */

static int say_of_items(const char *from, const char *what)
{
	BUF(line, 512);

	buf_str(&line, "cannot read the items of ");
	escape_word(&line, from, strlen(from), 200);
	buf_str(&line, ": ");
	buf_str(&line, what);
	cmd_say(&line);
	return EXIT_USAGE;
}

/* All that comes, owned, with a byte of room behind. 0, -errno. */
static int read_all(int fd, char **out_text, size_t *out_n)
{
	size_t n = 0, room = 64 * 1024;
	AUTO_FREE char *text = malloc(room);

	while (text) {
		if (n + 1 == room) {
			char *more = room < ITEMS_MAX_BYTES ? realloc(text, 2 * room) : NULL;
			if (!more)
				return room < ITEMS_MAX_BYTES ? -ENOMEM : -EFBIG;
			text = more;
			room *= 2;
		}
		ssize_t got = os_pipe_read(fd, text + n, room - n - 1, -1);
		if (got == -EAGAIN || got == -EINTR) /* somebody else took it: again */
			continue;
		if (got < 0)
			return (int)got;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (!text)
		return -ENOMEM;
	text[n] = '\0';
	*out_text = text;
	*out_n = n;
	text = NULL;
	return 0;
}

/* Have those of a session this text so often already?  They are in their order: `met` counts on. */
struct known {
	uint32_t *first, *next; /* by hash; position + 1 */
	size_t size;
};

static size_t place_of(const struct known *k, const char *text, size_t n)
{
	return hash_fnv(HASH_FNV_START, text, n) & (k->size - 1);
}

static int known_init(struct known *k, const struct batch *b)
{
	k->size = 16;
	while (k->size < b->count)
		k->size *= 2;
	k->first = calloc(k->size, sizeof(*k->first));
	k->next = calloc((size_t)b->count + 1, sizeof(*k->next));
	if (!k->first || !k->next)
		return -ENOMEM;
	for (uint32_t i = b->count; i-- > 0;) {
		size_t at = place_of(k, b->items[i].text, b->items[i].n);
		k->next[i] = k->first[at];
		k->first[at] = i + 1;
	}
	return 0;
}

/* The first that is left of this text is taken away. */
static bool known_take(struct known *k, const struct batch *b, const char *text, size_t n)
{
	for (uint32_t *at = &k->first[place_of(k, text, n)]; *at; at = &k->next[*at - 1]) {
		const struct batch_item *item = &b->items[*at - 1];
		if (item->n != n || memcmp(item->text, text, n) != 0)
			continue;
		*at = k->next[*at - 1];
		return true;
	}
	return false;
}

static int add_lines(struct work *w, char *text, size_t n, struct known *known)
{
	char *end = text + n;

	for (char *at = text; at < end;) {
		char *newline = memchr(at, '\n', (size_t)(end - at));
		char *stop = newline ? newline : end;
		size_t length = (size_t)(stop - at);
		*stop = '\0'; /* at the end there is a byte of room */
		if (strlen(at) != length)
			return -EILSEQ;
		int r = length > 0 && !known_take(known, &w->batch, at, length) ? items_add(w, at, length)
										: 0;
		if (r < 0)
			return r;
		at = stop + 1;
	}
	return 0;
}

int items_read(struct work *w, int fd, const char *from)
{
	char **text = w->text ? &w->more_text : &w->text;
	struct known known;
	size_t n = 0;

	int r = read_all(fd, text, &n);
	if (r == 0 && (r = known_init(&known, &w->batch)) == 0) {
		r = add_lines(w, *text, n, &known);
		free(known.first);
		free(known.next);
	}
	if (r == -EILSEQ)
		return say_of_items(from,
				    "there is a NUL byte in a line: no argument can hold it; take it out");
	if (r == -E2BIG)
		return say_of_items(from, "a line is longer than 128 KiB: no argument can be; shorten it");
	if (r == -EFBIG)
		return say_of_items(from, "more than 1 GiB: divide it");
	if (r < 0)
		return say_of_items(from, fail_text(-r));
	return -1;
}

int items_fit(struct work *w)
{
	size_t most = 0;

	for (uint32_t i = 0; i < w->batch.count; i++)
		most = w->batch.items[i].n > most ? w->batch.items[i].n : most;
	for (char *const *word = w->template; *word; word++) {
		size_t n = strlen(*word);
		for (const char *at = *word; (at = strstr(at, "{}")); at += 2)
			n += most - 2;
		if (n > ITEM_MAX_BYTES)
			return say_of_items(w->name,
					    "a word of the command would be longer than 128 KiB with "
					    "the longest: no argument can be; shorten it");
	}
	return -1;
}

/* --- families ------------------------------------------------------------------------------------------- */

struct families {
	struct batch *b;
	uint32_t *by_hash; /* position + 1 */
	size_t size;
};

static int grow(struct families *f)
{
	size_t size = f->size ? 2 * f->size : 64;
	while (size < 4 * (size_t)f->b->family_count)
		size *= 2;
	uint32_t *by_hash = calloc(size, sizeof(*by_hash));
	struct batch_family *families = reallocarray(f->b->families, size, sizeof(*families));

	if (families)
		f->b->families = families;
	if (!by_hash || !families) {
		free(by_hash);
		return -ENOMEM;
	}
	free(f->by_hash);
	f->by_hash = by_hash;
	f->size = size;
	for (uint32_t i = 0; i < f->b->family_count; i++) {
		const struct batch_family *family = &f->b->families[i];
		size_t at = hash_fnv(HASH_FNV_START, family->name, family->n) & (size - 1);
		while (by_hash[at])
			at = (at + 1) & (size - 1);
		by_hash[at] = i + 1;
	}
	return 0;
}

static int find_family(struct families *f, const char *name, size_t n, uint32_t *out)
{
	if (2 * (size_t)f->b->family_count >= f->size && grow(f) < 0)
		return -ENOMEM;
	size_t at = hash_fnv(HASH_FNV_START, name, n) & (f->size - 1);
	for (; f->by_hash[at]; at = (at + 1) & (f->size - 1)) {
		const struct batch_family *family = &f->b->families[f->by_hash[at] - 1];
		*out = f->by_hash[at] - 1;
		if (family->n == n && memcmp(family->name, name, n) == 0)
			return 0;
	}
	char *copy = strndup(name, n);
	if (!copy)
		return -ENOMEM;
	*out = f->b->family_count++;
	f->b->families[*out] = (struct batch_family){ .name = copy, .n = (uint32_t)n };
	f->by_hash[at] = *out + 1;
	return 0;
}

static int say_regex(const char *regex, const char *why)
{
	BUF(line, 512);

	buf_str(&line, "--family=");
	escape_word(&line, regex, strlen(regex), 100);
	buf_str(&line, ": ");
	escape_text(&line, why, strlen(why), 100);
	buf_str(&line, ": write an extended regular expression, as grep -E takes it");
	cmd_say(&line);
	return EXIT_USAGE;
}

static int sort_all(struct work *w, const regex_t *regex)
{
	struct families f = { .b = &w->batch };
	regmatch_t match[2];
	int r = 0;

	for (uint32_t i = 0; i < w->batch.count && r == 0; i++) {
		struct batch_item *item = &w->batch.items[i];
		const char *name = item->text;
		size_t n = 0;
		if (regex && regexec(regex, item->text, 2, match, 0) == 0) {
			const regmatch_t *m =
				regex->re_nsub > 0 && match[1].rm_so >= 0 ? &match[1] : &match[0];
			name += m->rm_so;
			n = (size_t)(m->rm_eo - m->rm_so);
		}
		r = find_family(&f, name, n, &item->family);
	}
	free(f.by_hash);
	return r;
}

int items_sort(struct work *w)
{
	const char *pattern = w->cmd.job.batch.family;
	char why[128];
	regex_t regex;

	int r = pattern ? regcomp(&regex, pattern, REG_EXTENDED) : 0;
	if (r != 0) {
		(void)regerror(r, &regex, why, sizeof(why));
		return say_regex(pattern, why);
	}
	r = sort_all(w, pattern ? &regex : NULL);
	if (pattern)
		regfree(&regex);
	return r < 0 ? cmd_fail("cannot keep the items in memory", r) : -1;
}

static bool begins_with_one(const struct batch_item *item, const struct job_prefixes *prefixes)
{
	for (uint32_t i = 0; i < prefixes->count; i++)
		if (strncmp(item->text, prefixes->at[i], strlen(prefixes->at[i])) == 0)
			return true;
	return false;
}

void items_choose(struct work *w)
{
	const struct job *job = &w->cmd.job;

	for (uint32_t i = 0; i < w->batch.count; i++) {
		const struct batch_item *item = &w->batch.items[i];
		if (begins_with_one(item, &job->batch.skip_prefix))
			batch_skip(&w->batch, i, RULE_SKIP_PREFIX);
		else if (job->batch.only_prefix.count > 0 && !begins_with_one(item, &job->batch.only_prefix))
			batch_skip(&w->batch, i, RULE_ONLY_PREFIX);
	}
}
