/* A role as the configuration file has it: the way back of conf/signature.c. */
#include "conf/signature.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/signal_name.h"

typedef void format_number(struct buf *out, uint64_t value);

/* Exactly, in the largest unit that is whole. */
static void format_size(struct buf *out, uint64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < (int)sizeof(units) - 1) {
		bytes /= 1024;
		unit++;
	}
	buf_u64(out, bytes);
	if (unit >= 0)
		buf_char(out, units[unit]);
}

static void format_duration(struct buf *out, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { NS_PER_S, "s" }, { NS_PER_MS, "ms" }, { NS_PER_US, "us" }, { 1, "ns" } };
	unsigned i = 0;

	while (ns % units[i].ns != 0)
		i++;
	buf_u64(out, ns / units[i].ns);
	buf_str(out, units[i].name);
}

static void put_band(struct buf *out, const char *fact, const struct band *band, format_number *format)
{
	if (band->low == 0 && band->high == UINT64_MAX)
		return;
	buf_char(out, ' ');
	buf_str(out, fact);
	buf_char(out, '=');
	if (band->low > 0 || band->high == 0)
		format(out, band->low);
	if (band->high == band->low)
		return;
	buf_char(out, '-');
	if (band->high != UINT64_MAX)
		format(out, band->high);
}

static void put_word(struct buf *out, const char *fact, const char *text)
{
	if (text[0] == '\0')
		return;
	buf_char(out, ' ');
	buf_str(out, fact);
	buf_char(out, '=');
	escape_word(out, text, strlen(text), 0);
}

static void put_caught(struct buf *out, const struct signature_role *r)
{
	bool is_first = true;

	for (int n = 1; n <= SIGNAL_LAST; n++) {
		uint64_t bit = 1ULL << (n - 1);
		if (!((r->caught | r->ignored) & bit))
			continue;
		buf_str(out, is_first ? " caught=" : ",");
		buf_str(out, r->ignored & bit ? "!" : "");
		signal_format(out, n);
		is_first = false;
	}
}

void signature_format_role(struct buf *out, const struct signature *s, uint32_t i)
{
	const struct signature_role *r = &s->role[i];

	escape_word(out, r->name, strlen(r->name), 0);
	put_word(out, "comm", r->comm);
	put_word(out, "exe", r->exe);
	if (r->parent >= 0)
		put_word(out, "parent", s->role[r->parent].name);
	put_band(out, "memory", &r->memory_bytes, format_size);
	put_band(out, "threads", &r->threads, buf_u64);
	put_band(out, "fds", &r->fds, buf_u64);
	put_caught(out, r);
	put_word(out, "wchan", r->wchan);
	put_band(out, "lived", &r->lived_ns, format_duration);
	if (r->count > 1) {
		buf_str(out, " count=");
		buf_u64(out, r->count);
	}
}
