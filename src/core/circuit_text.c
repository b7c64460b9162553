#include "core/circuit_text.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "base/word.h"

#define WORD_MAX 11

/* No pointers: they would be relocated at each start of the program. */
enum kind {
	RULES,
	BACKOFF,
	OPEN,
	UNTOLD,
	WHY,
	REASON,
	LEVEL,
	FAILED,
	HEALTHY,
	SAME,
	SUMMARY,
	ZERO,
	TIME,
	SPENT,
	END
};
static const char kinds[][WORD_MAX + 1] = { "rules",   "backoff", "open",   "untold",  "why",
					    "reason",  "level",   "failed", "healthy", "same",
					    "summary", "zero",    "time",   "spent",   "end" };
static_assert(COUNT_OF(kinds) == END + 1, "each kind has its word");

/* --- out ------------------------------------------------------------------------------------------------ */

static void put_word(struct buf *out, const char *word)
{
	buf_char(out, ' ');
	buf_str(out, word);
}

static void put_number(struct buf *out, uint64_t value)
{
	buf_char(out, ' ');
	buf_u64(out, value);
}

static void put_print(struct buf *out, const char *print)
{
	put_word(out, print[0] == '\0' ? "-" : print);
}

static void put_line(struct buf *out, enum kind kind)
{
	buf_str(out, kinds[kind]);
}

static void put_text(struct buf *out, enum kind kind, const char *text)
{
	if (text[0] == '\0')
		return;
	put_line(out, kind);
	buf_char(out, ' ');
	word_put_text(out, text);
	buf_char(out, '\n');
}

static void put_rules(struct buf *out, const struct circuit_rules *r)
{
	if (circuit_rules_are_set(r)) {
		const uint64_t numbers[] = {
			r->min_uptime_ns,   r->failures.count, r->failures.per_ns, r->timeouts.count,
			r->timeouts.per_ns, r->same_failure,   r->zero_yield,      r->time.per_ns,
			r->time.limit_ns,   r->has_open_on,    r->jitter_ppm,      r->reset_after_ns,
		};
		put_line(out, RULES);
		for (size_t i = 0; i < COUNT_OF(numbers); i++)
			put_number(out, numbers[i]);
		buf_char(out, '\n');
	}
	for (uint32_t i = 0; i < FAILURE_COUNT; i++) {
		const struct circuit_steps *steps = &r->backoff[i];
		if (steps->count == 0)
			continue;
		put_line(out, BACKOFF);
		put_word(out, failure_name((enum failure)i));
		for (uint32_t k = 0; k < steps->count; k++)
			put_number(out, steps->ns[k]);
		buf_char(out, '\n');
	}
}

static void put_why(struct buf *out, const struct circuit *c)
{
	if (c->is_open) {
		put_line(out, OPEN);
		put_number(out, c->wait_ns);
		put_number(out, c->full_ns);
		put_number(out, c->open_ns);
		buf_char(out, '\n');
	}
	if (c->is_untold) {
		put_line(out, UNTOLD);
		buf_char(out, '\n');
	}
	if (c->rule == CIRCUIT_RULE_NONE)
		return;
	put_line(out, WHY);
	put_word(out, circuit_rule_name(c->rule));
	put_word(out, failure_name(c->failure));
	put_number(out, c->count);
	put_number(out, c->span_ns);
	put_number(out, c->is_mixed);
	put_print(out, c->print);
	buf_char(out, '\n');
	put_text(out, REASON, c->reason);
}

static void put_pair(struct buf *out, enum kind kind, uint64_t a, uint64_t b)
{
	put_line(out, kind);
	put_number(out, a);
	put_number(out, b);
	buf_char(out, '\n');
}

static void put_counts(struct buf *out, const struct circuit *c)
{
	for (uint32_t i = 0; i < FAILURE_COUNT; i++) {
		if (c->level[i] == 0)
			continue;
		put_line(out, LEVEL);
		put_word(out, failure_name((enum failure)i));
		put_number(out, c->level[i]);
		buf_char(out, '\n');
	}
	for (uint32_t i = 0; i < c->failed_count; i++) {
		put_line(out, FAILED);
		put_number(out, c->failed[i].ago_ns);
		put_word(out, failure_name(c->failed[i].failure));
		buf_char(out, '\n');
	}
	if (c->is_healthy) {
		put_line(out, HEALTHY);
		put_number(out, c->healthy_ns);
		buf_char(out, '\n');
	}
	if (c->same_count > 0) {
		put_line(out, SAME);
		put_number(out, c->same_count);
		put_print(out, c->same_print);
		buf_char(out, '\n');
	}
	put_text(out, SUMMARY, c->summary);
	if (c->zero_count > 0) {
		put_line(out, ZERO);
		put_number(out, c->zero_count);
		buf_char(out, '\n');
	}
	if (c->time.count > 0)
		put_pair(out, TIME, c->time.per_ns, c->time.open_ns);
	for (uint32_t i = 0; i < c->time.count; i++)
		put_pair(out, SPENT, c->time.at[i].age_ns, c->time.at[i].micro);
}

static void put_end(struct buf *out, const struct circuit_end *end)
{
	put_line(out, END);
	put_print(out, end->run_id);
	put_word(out, failure_name(end->failure));
	put_number(out, end->start);
	put_number(out, end->yield);
	put_number(out, end->ago_ns);
	put_number(out, end->took_ns);
	put_number(out, end->peak_bytes);
	put_print(out, end->print);
	buf_char(out, '\n');
}

void circuit_text_format(struct buf *out, const struct circuit *c)
{
	put_rules(out, &c->rules);
	put_why(out, c);
	put_counts(out, c);
	for (uint32_t i = 0; i < c->ring_count; i++)
		put_end(out, &c->ring[i]);
}

/* --- in ------------------------------------------------------------------------------------------------- */

/* What is left of the line. */
struct rest {
	const char *at, *end;
};

static bool take(struct rest *r, uint64_t *out)
{
	return word_take_u64(&r->at, r->end, out);
}

static bool take_most(struct rest *r, uint64_t most, uint64_t *out)
{
	return take(r, out) && *out <= most;
}

static bool take_u32(struct rest *r, uint32_t most, uint32_t *out)
{
	uint64_t value;

	if (!take_most(r, most, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool take_bool(struct rest *r, bool *out)
{
	uint64_t value;

	if (!take_most(r, 1, &value))
		return false;
	*out = value == 1;
	return true;
}

static bool take_print(struct rest *r, char *out, size_t size)
{
	if (!word_take(&r->at, r->end, out, size))
		return false;
	size_t n = strcmp(out, "-") == 0 ? 0 : strlen(out);
	memset(out + n, 0, size - n);
	return true;
}

/* A class of another version is unknown. */
static bool take_class(struct rest *r, enum failure *out)
{
	char word[WORD_MAX + 1];

	if (!word_take(&r->at, r->end, word, sizeof(word)))
		return false;
	*out = failure_by_name(word, (uint32_t)strlen(word));
	return true;
}

static bool take_text(struct rest *r, char *out, size_t size)
{
	return word_take_text(&r->at, r->end, out, size);
}

static bool parse_rules(struct rest *r, struct circuit_rules *out)
{
	return take(r, &out->min_uptime_ns) && take_u32(r, CIRCUIT_RATE_MAX, &out->failures.count) &&
	       take(r, &out->failures.per_ns) && take_u32(r, CIRCUIT_RATE_MAX, &out->timeouts.count) &&
	       take(r, &out->timeouts.per_ns) && take_u32(r, CIRCUIT_STREAK_MAX, &out->same_failure) &&
	       take_u32(r, CIRCUIT_STREAK_MAX, &out->zero_yield) && take(r, &out->time.per_ns) &&
	       take(r, &out->time.limit_ns) && take_bool(r, &out->has_open_on) && take(r, &out->jitter_ppm) &&
	       (out->jitter_ppm <= NUM_MICRO || out->jitter_ppm == CIRCUIT_NO_JITTER) &&
	       take(r, &out->reset_after_ns);
}

static bool parse_backoff(struct rest *r, struct circuit_rules *out)
{
	struct circuit_steps steps = { 0 };
	enum failure failure;

	if (!take_class(r, &failure))
		return false;
	while (r->at != r->end && steps.count < CIRCUIT_STEPS_MAX) {
		if (!take(r, &steps.ns[steps.count]) || steps.ns[steps.count] == 0)
			return false;
		steps.count++;
	}
	out->backoff[failure] = steps;
	return steps.count > 0;
}

static bool parse_open(struct rest *r, struct circuit *c)
{
	c->is_open = true;
	return take(r, &c->wait_ns) && take(r, &c->full_ns) && take(r, &c->open_ns) &&
	       c->wait_ns <= c->full_ns;
}

static bool parse_why(struct rest *r, struct circuit *c)
{
	char word[16];

	if (!word_take(&r->at, r->end, word, sizeof(word)))
		return false;
	c->rule = circuit_rule_by_name(word, (uint32_t)strlen(word));
	return take_class(r, &c->failure) && take_u32(r, UINT32_MAX, &c->count) && take(r, &c->span_ns) &&
	       take_bool(r, &c->is_mixed) && take_print(r, c->print, sizeof(c->print));
}

static bool parse_level(struct rest *r, struct circuit *c)
{
	enum failure failure;

	return take_class(r, &failure) && take_u32(r, CIRCUIT_STEPS_MAX, &c->level[failure]);
}

static bool parse_failed(struct rest *r, struct circuit *c)
{
	struct circuit_failure failed;

	if (c->failed_count == CIRCUIT_RATE_MAX || !take(r, &failed.ago_ns) ||
	    !take_class(r, &failed.failure))
		return false;
	if (c->failed_count > 0 && failed.ago_ns > c->failed[c->failed_count - 1].ago_ns)
		return false;
	c->failed[c->failed_count++] = failed;
	return true;
}

static bool parse_spent(struct rest *r, struct budget *time)
{
	struct budget_point p;

	if (time->per_ns == 0 || time->count == BUDGET_POINTS || !take(r, &p.age_ns) || !take(r, &p.micro))
		return false;
	if (time->count > 0 && p.age_ns > time->at[time->count - 1].age_ns)
		return false;
	time->at[time->count++] = p;
	return true;
}

static bool parse_end(struct rest *r, struct circuit *c)
{
	struct circuit_end end = { 0 };
	uint64_t start, yield;

	if (c->ring_count == CIRCUIT_RING || !take_print(r, end.run_id, sizeof(end.run_id)) ||
	    !take_class(r, &end.failure) || !take_most(r, CIRCUIT_START_COUNT - 1, &start) ||
	    !take_most(r, CIRCUIT_YIELD_SOME, &yield) || !take(r, &end.ago_ns) || !take(r, &end.took_ns) ||
	    !take(r, &end.peak_bytes) || !take_print(r, end.print, sizeof(end.print)))
		return false;
	end.start = (enum circuit_start)start;
	end.yield = (enum circuit_yield)yield;
	c->ring[c->ring_count++] = end;
	return true;
}

static bool parse(enum kind kind, struct rest *r, struct circuit *c)
{
	switch (kind) {
	case RULES:
		return parse_rules(r, &c->rules);
	case BACKOFF:
		return parse_backoff(r, &c->rules);
	case OPEN:
		return parse_open(r, c);
	case UNTOLD:
		c->is_untold = true;
		return true;
	case WHY:
		return parse_why(r, c);
	case REASON:
		return take_text(r, c->reason, sizeof(c->reason));
	case LEVEL:
		return parse_level(r, c);
	case FAILED:
		return parse_failed(r, c);
	case HEALTHY:
		c->is_healthy = true;
		return take(r, &c->healthy_ns);
	case SAME:
		return take_u32(r, UINT32_MAX, &c->same_count) &&
		       take_print(r, c->same_print, sizeof(c->same_print));
	case SUMMARY:
		return take_text(r, c->summary, sizeof(c->summary));
	case ZERO:
		return take_u32(r, UINT32_MAX, &c->zero_count);
	case TIME:
		return take(r, &c->time.per_ns) && take(r, &c->time.open_ns) && c->time.per_ns > 0;
	case SPENT:
		return parse_spent(r, &c->time);
	default:
		return parse_end(r, c);
	}
}

int circuit_text_parse(struct circuit *c, const char *line, size_t n)
{
	struct rest r = { line, line + n };
	char word[WORD_MAX + 1];

	if (!word_take(&r.at, r.end, word, sizeof(word)))
		return 0;
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (strcmp(kinds[i], word) == 0)
			return parse((enum kind)i, &r, c) && r.at == r.end ? 1 : -EBADMSG;
	return 0;
}
