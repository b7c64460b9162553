#include "core/batch.h"

#include <string.h>

#include "base/num.h"

/* clang-format off */
const struct batch_rule_row batch_rules[RULE_COUNT] = {
	[RULE_NONE]         = { "none",         false, false, "" },
	[RULE_ONLY_PREFIX]  = { "only-prefix",  true,  false, "begins with none of the prefixes" },
	[RULE_SKIP_PREFIX]  = { "skip-prefix",  true,  false, "begins with a prefix that is left out" },
	[RULE_SAME_FAILURE] = { "same-failure", true,  true,  "equal failures, and nothing ok between" },
	[RULE_MAX_TIMEOUTS] = { "max-timeouts", true,  true,  "timeouts" },
	[RULE_MAX_ATTEMPTS] = { "max-attempts", true,  false, "all attempts were made" },
	[RULE_MAX_RUNS]     = { "max-runs",     true,  false, "so many were started" },
	[RULE_TOTAL]        = { "total",        true,  true,  "the time is over" },
	[RULE_CANARY]       = { "canary",       true,  true,  "one of the first items failed" },
	[RULE_ZERO_YIELD]   = { "zero-yield",   true,  true,  "items in a row brought nothing" },
	[RULE_REFUSED]      = { "refused",      false, true,  "the guard did not start it" },
	[RULE_ASKED]        = { "asked",        false, true,  "somebody asked for the end" },
};
/* clang-format on */

enum batch_rule batch_rule_find(const char *name, size_t n)
{
	for (unsigned i = 0; i < RULE_COUNT; i++)
		if (strlen(batch_rules[i].name) == n && memcmp(batch_rules[i].name, name, n) == 0)
			return (enum batch_rule)i;
	return RULE_NONE;
}

void batch_init(struct batch *b)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct batch_item *item = &b->items[i];
		*item = (struct batch_item){ .text = item->text, .n = item->n, .family = item->family };
		item->last.yield = BATCH_YIELD_UNKNOWN;
	}
	b->running = 0;
	b->stop = RULE_NONE;
	batch_sit(b, true);
}

static void forget(struct batch *b)
{
	for (uint32_t i = 0; i < b->family_count; i++) {
		struct batch_family *family = &b->families[i];
		*family = (struct batch_family){ .name = family->name, .n = family->n };
	}
	b->started = b->dealt = b->ok = b->failed = b->skipped = b->stopped = 0;
	b->zero_streak = 0;
	b->took_ns = 0;
	b->took_count = 0;
	b->stop = RULE_NONE;
}

static bool has_attempts(const struct batch *b, const struct batch_item *item)
{
	return item->attempts < (b->brakes.max_attempts > 0 ? b->brakes.max_attempts : 1);
}

/* So that a brake need not look at all items. */
static void link_families(struct batch *b)
{
	for (uint32_t i = 0; i < b->family_count; i++)
		b->families[i].first = 0;
	for (uint32_t i = b->count; i-- > 0;) {
		struct batch_family *family = &b->families[b->items[i].family];
		b->items[i].next = family->first;
		family->first = i + 1;
	}
}

void batch_sit(struct batch *b, bool is_fresh)
{
	if (is_fresh)
		forget(b);
	link_families(b);
	if (b->stop == RULE_ASKED)
		b->stop = RULE_NONE;
	b->waiting = b->cursor = b->round = 0;
	for (uint32_t i = 0; i < b->count; i++) {
		struct batch_item *item = &b->items[i];
		item->is_of_sitting &= !is_fresh;
		bool is_by_prefix = item->rule == RULE_SKIP_PREFIX || item->rule == RULE_ONLY_PREFIX;
		bool waits = item->state == BATCH_WAITS || item->state == BATCH_STOPPED ||
			     (item->state == BATCH_SKIPPED && (is_fresh || is_by_prefix)) ||
			     (item->state == BATCH_FAILED && has_attempts(b, item));
		if (!waits)
			continue;
		item->state = BATCH_WAITS;
		item->rule = RULE_NONE;
		item->is_canary = item->is_told = false;
		b->waiting++;
	}
}

static void skip(struct batch *b, struct batch_item *item, enum batch_rule rule)
{
	item->state = BATCH_SKIPPED;
	item->rule = rule;
	b->waiting--;
}

void batch_skip(struct batch *b, uint32_t item, enum batch_rule rule)
{
	if (b->items[item].state == BATCH_WAITS)
		skip(b, &b->items[item], rule);
}

void batch_stop(struct batch *b, enum batch_rule rule)
{
	if (b->stop == RULE_NONE)
		b->stop = rule;
}

static bool is_full(const struct batch *b)
{
	return b->brakes.max_runs > 0 && b->started >= b->brakes.max_runs;
}

bool batch_is_out_of_time(const struct batch *b, uint64_t passed_ns)
{
	return passed_ns >= b->brakes.total_ns && (b->running > 0 || (b->waiting > 0 && !is_full(b)));
}

/* Those that were tried least come first, in their order. */
static bool find_waiting(struct batch *b, uint32_t *out_item)
{
	if (b->waiting == 0)
		return false;
	for (int pass = 0; pass < 2; pass++) {
		uint32_t least = UINT32_MAX;
		for (uint32_t i = b->cursor; i < b->count; i++) {
			const struct batch_item *item = &b->items[i];
			if (item->state != BATCH_WAITS)
				continue;
			if (item->attempts <= b->round) {
				b->cursor = i;
				*out_item = i;
				return true;
			}
		}
		for (uint32_t i = 0; i < b->count; i++)
			if (b->items[i].state == BATCH_WAITS && b->items[i].attempts < least)
				least = b->items[i].attempts;
		b->round = least;
		b->cursor = 0;
	}
	return false;
}

enum batch_next batch_next(struct batch *b, uint64_t passed_ns, uint32_t *out_item)
{
	if (batch_is_out_of_time(b, passed_ns))
		batch_stop(b, RULE_TOTAL);
	if (b->stop != RULE_NONE || is_full(b) || b->waiting == 0)
		return b->running > 0 ? NEXT_LATER : NEXT_NONE;
	bool is_canary = b->started < b->brakes.canary;
	/* Whoever comes behind the canaries waits for the last of them. */
	bool is_alone = b->brakes.canary > 0 && b->started <= b->brakes.canary;
	uint32_t jobs = is_alone || b->brakes.jobs == 0 ? 1 : b->brakes.jobs;
	if (b->running >= jobs)
		return NEXT_LATER;
	if (!find_waiting(b, out_item))
		return b->running > 0 ? NEXT_LATER : NEXT_NONE;
	b->items[*out_item].is_canary = is_canary;
	return NEXT_ITEM;
}

void batch_started(struct batch *b, uint32_t item)
{
	struct batch_item *it = &b->items[item];

	if (it->state == BATCH_WAITS)
		b->waiting--;
	it->is_canary = b->started < b->brakes.canary;
	it->state = BATCH_RUNS;
	it->rule = RULE_NONE;
	b->started++;
	b->running++;
}

/* Its equals of the same family so far, this one included. */
static uint32_t count_print(struct batch *b, struct batch_family *family, uint64_t print)
{
	unsigned at = 0;

	for (unsigned i = 0; i < BATCH_PRINTS; i++) {
		if (family->prints[i].count > 0 && family->prints[i].print == print) {
			at = i;
			break;
		}
		if (family->prints[i].met < family->prints[at].met)
			at = i;
	}
	if (family->prints[at].print != print)
		family->prints[at].count = 0;
	family->prints[at].print = print;
	family->prints[at].met = ++b->met;
	return ++family->prints[at].count;
}

static void stop_family(struct batch *b, uint32_t family, enum batch_rule rule, uint32_t striker)
{
	b->families[family].stopped_by = rule;
	b->families[family].striker = striker;
	for (uint32_t i = b->families[family].first; i > 0; i = b->items[i - 1].next) {
		struct batch_item *item = &b->items[i - 1];
		if (item->state != BATCH_WAITS)
			continue;
		skip(b, item, rule);
		if (item->attempts > 0) { /* it failed, and that is what counts */
			item->state = BATCH_FAILED;
			item->rule = RULE_NONE;
			continue;
		}
		b->skipped++;
		b->dealt++;
	}
}

static enum batch_rule brake_family(struct batch *b, uint32_t item, const struct batch_end *end)
{
	struct batch_family *family = &b->families[b->items[item].family];
	const struct batch_brakes *brakes = &b->brakes;
	uint32_t equal = count_print(b, family, end->print);

	family->timeouts += end->came_to == CAME_TIMEOUT;
	if (family->stopped_by != RULE_NONE)
		return RULE_NONE;
	if (brakes->max_timeouts > 0 && end->came_to == CAME_TIMEOUT &&
	    family->timeouts >= brakes->max_timeouts)
		stop_family(b, b->items[item].family, RULE_MAX_TIMEOUTS, item);
	else if (brakes->same_failure > 0 && equal >= brakes->same_failure)
		stop_family(b, b->items[item].family, RULE_SAME_FAILURE, item);
	return family->stopped_by;
}

/* What it has brought. */
static enum batch_rule brake_yield(struct batch *b, uint32_t item, const struct batch_end *end)
{
	if (end->yield == BATCH_YIELD_UNKNOWN)
		return RULE_NONE;
	b->zero_streak = end->yield == 0 ? b->zero_streak + 1 : 0;
	if (b->brakes.zero_yield == 0 || b->zero_streak < b->brakes.zero_yield || b->stop != RULE_NONE)
		return RULE_NONE;
	b->striker = item;
	batch_stop(b, RULE_ZERO_YIELD);
	return RULE_ZERO_YIELD;
}

static void remember_failure(struct batch_item *item, const struct batch_end *end)
{
	if (item->failures++ > 0 && item->failed_print != end->print)
		item->prints_differ = true;
	item->failed_print = end->print;
	item->failed_summary = end->summary;
}

/* Nothing that counts: it did not run to an end of its own. */
static enum batch_rule take_back(struct batch *b, uint32_t item, const struct batch_end *end)
{
	b->items[item].state = BATCH_STOPPED;
	b->stopped++;
	if (end->came_to != CAME_REFUSED || b->stop != RULE_NONE)
		return RULE_NONE;
	b->striker = item;
	batch_stop(b, RULE_REFUSED);
	return RULE_REFUSED;
}

enum batch_rule batch_ended(struct batch *b, uint32_t item, const struct batch_end *end)
{
	struct batch_item *it = &b->items[item];
	struct batch_family *family = &b->families[it->family];

	b->running -= b->running > 0;
	b->dealt++;
	it->is_of_sitting = true;
	it->rule = RULE_NONE;
	it->is_told = false;
	if (end->came_to == CAME_STOPPED || end->came_to == CAME_REFUSED)
		return take_back(b, item, end);
	it->last = *end;
	it->attempts++;
	b->took_ns += end->took_ns;
	b->took_count++;
	if (end->came_to == CAME_OK) {
		it->state = BATCH_OK;
		b->ok++;
		memset(family->prints, 0, sizeof(family->prints));
		return brake_yield(b, item, end);
	}
	remember_failure(it, end);
	b->failed++;
	it->state = BATCH_FAILED;
	if (has_attempts(b, it) && family->stopped_by == RULE_NONE) {
		it->state = BATCH_WAITS;
		b->waiting++;
	}
	enum batch_rule of_family = brake_family(b, item, end);
	if (it->is_canary && b->stop == RULE_NONE) {
		b->striker = item;
		batch_stop(b, RULE_CANARY);
		return RULE_CANARY;
	}
	enum batch_rule of_yield = brake_yield(b, item, end);
	return of_yield != RULE_NONE ? of_yield : of_family;
}

uint32_t batch_tell_skipped(struct batch *b, uint32_t from)
{
	for (; from < b->count; from++) {
		struct batch_item *item = &b->items[from];
		if (item->state != BATCH_SKIPPED || item->is_told || !batch_rules[item->rule].is_brake)
			continue;
		item->is_told = true;
		break;
	}
	return from;
}

static uint32_t to_start(const struct batch *b)
{
	uint32_t room = UINT32_MAX;

	if (b->stop != RULE_NONE)
		return 0;
	if (b->brakes.max_runs > 0)
		room = b->started < b->brakes.max_runs ? b->brakes.max_runs - b->started : 0;
	return b->waiting < room ? b->waiting : room;
}

uint32_t batch_expected(const struct batch *b)
{
	return b->dealt + b->running + to_start(b);
}

uint64_t batch_eta(const struct batch *b, uint64_t passed_ns)
{
	uint32_t jobs = b->brakes.jobs > 0 ? b->brakes.jobs : 1;

	if (b->took_count == 0)
		return NUM_NONE;
	/* A running one is on average half through. */
	uint64_t halves = 2ULL * to_start(b) + b->running;
	uint64_t at_once = (uint64_t)to_start(b) + b->running;
	jobs = at_once > 0 && at_once < jobs ? (uint32_t)at_once : jobs;
	uint64_t mean_ns = b->took_ns / b->took_count;
	uint64_t left_ns = halves > 0 && mean_ns > UINT64_MAX / 2 / halves ? UINT64_MAX / 2
									   : halves * mean_ns / 2 / jobs;
	uint64_t room_ns = b->brakes.total_ns > passed_ns ? b->brakes.total_ns - passed_ns : 0;
	return left_ns < room_ns ? left_ns : room_ns;
}

int batch_exit_status(const struct batch *b)
{
	if (batch_rules[b->stop].is_brake || b->skipped > 0)
		return 3;
	for (uint32_t i = 0; i < b->count; i++)
		if (b->items[i].is_of_sitting && b->items[i].state != BATCH_OK)
			return 1;
	return 0;
}
