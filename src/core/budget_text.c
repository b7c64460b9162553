#include "core/budget_text.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/word.h"

void budget_text_format(struct buf *out, const struct budgets *b)
{
	for (uint32_t i = 0; i < b->count; i++) {
		const struct budget *k = &b->at[i];
		if (k->count == 0 && !k->is_asked)
			continue;
		buf_str(out, "budget ");
		buf_str(out, k->key);
		buf_char(out, ' ');
		buf_u64(out, k->per_ns);
		buf_char(out, ' ');
		buf_u64(out, k->limit);
		buf_char(out, ' ');
		buf_u64(out, k->open_ns);
		buf_char(out, '\n');
		for (uint32_t p = 0; p < k->count; p++) {
			buf_str(out, "used ");
			buf_u64(out, k->at[p].age_ns);
			buf_char(out, ' ');
			buf_u64(out, k->at[p].micro);
			buf_char(out, '\n');
		}
	}
}

static bool is_key(const char *key)
{
	for (; *key != '\0'; key++) {
		char c = *key;
		bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  c == '_' || c == '.' || c == '-';
		if (!ok)
			return false;
	}
	return true;
}

static int parse_budget(struct budgets *b, const char *at, const char *end)
{
	struct budget k = { 0 };

	if (!word_take(&at, end, k.key, sizeof(k.key)) || !is_key(k.key) ||
	    !word_take_u64(&at, end, &k.per_ns) || !word_take_u64(&at, end, &k.limit) ||
	    !word_take_u64(&at, end, &k.open_ns) || at != end || k.per_ns == 0 || b->count == BUDGETS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < b->count; i++)
		if (b->at[i].per_ns == k.per_ns && strcmp(b->at[i].key, k.key) == 0)
			return -EBADMSG;
	b->at[b->count++] = k;
	return 1;
}

static int parse_used(struct budgets *b, const char *at, const char *end)
{
	struct budget *k = b->count > 0 ? &b->at[b->count - 1] : NULL;
	struct budget_point p;

	if (!k || k->count == BUDGET_POINTS || !word_take_u64(&at, end, &p.age_ns) ||
	    !word_take_u64(&at, end, &p.micro) || at != end)
		return -EBADMSG;
	if (k->count > 0 && p.age_ns > k->at[k->count - 1].age_ns)
		return -EBADMSG;
	k->at[k->count++] = p;
	return 1;
}

int budget_text_parse(struct budgets *b, const char *line, size_t n)
{
	const char *at = line, *end = line + n;
	char word[8];

	if (!word_take(&at, end, word, sizeof(word)))
		return 0;
	if (strcmp(word, "budget") == 0)
		return parse_budget(b, at, end);
	return strcmp(word, "used") == 0 ? parse_used(b, at, end) : 0;
}
