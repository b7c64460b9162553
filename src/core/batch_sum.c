#include "core/batch_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/num.h"

#define MOST(part, all) (2 * (uint64_t)(part) >= (all)) /* half of them or more */
#define FEW             3                               /* fewer say nothing of the others */

/* --- figures -------------------------------------------------------------------------------------------- */

static int compare_rates(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static int compare_prints(const void *a, const void *b)
{
	const struct sum_print *x = a, *y = b;
	if (x->print != y->print)
		return x->print < y->print ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static void take_reason(struct batch_sum *sum, const char *reason)
{
	for (unsigned i = 0; i < SUM_REASONS; i++) {
		if (sum->reasons[i].count > 0 && strcmp(sum->reasons[i].reason, reason) != 0)
			continue;
		sum->reasons[i].reason = reason;
		sum->reasons[i].count++;
		return;
	}
}

static void take_yield(struct batch_sum *sum, const struct batch_end *last, uint32_t i, double *rates)
{
	double unit = last->is_micro ? 1e6 : 1, value = (double)last->yield / unit;
	double minutes = (double)last->took_ns / (60e9);

	rates[sum->measured++] = minutes > 0 ? value / minutes : 0;
	sum->is_micro |= last->is_micro;
	sum->total += value;
	if (last->yield > 0) {
		sum->with_yield++;
		return;
	}
	if (sum->first_zero == sum->count)
		sum->first_zero = i;
	take_reason(sum, last->reason ? last->reason : "unknown");
}

static void take_family(struct family_sum *f, const struct batch_item *item)
{
	f->count++;
	f->ok += item->state == BATCH_OK;
	f->failed += item->state == BATCH_FAILED;
	f->skipped += item->state == BATCH_SKIPPED;
	f->transient += item->state == BATCH_OK && item->failures > 0;
	if (item->failures == 0)
		return;
	if (f->failures == 0) {
		f->print = item->failed_print;
		f->summary = item->failed_summary;
		f->has_same_print = true;
	}
	f->failures += item->failures;
	f->has_same_print &= item->failed_print == f->print && !item->prints_differ;
}

/* Equal ones put together, the most frequent first. */
static void rank_prints(struct batch_sum *sum, struct sum_print *prints, uint32_t n)
{
	qsort(prints, n, sizeof(*prints), compare_prints);
	for (uint32_t i = 0; i < n;) {
		struct sum_print one = prints[i];
		uint32_t next = i;
		while (next < n && prints[next].print == one.print)
			next++;
		one.count = next - i;
		i = next;
		sum->kinds++;
		for (unsigned at = 0; at < SUM_PRINTS; at++) {
			struct sum_print *place = &sum->prints[at];
			bool goes_before = one.count > place->count ||
					   (one.count == place->count && one.first < place->first);
			if (!goes_before)
				continue;
			struct sum_print moved = *place;
			*place = one;
			one = moved;
		}
	}
}

int batch_sum(const struct batch *b, struct batch_sum *out_sum, struct family_sum *families)
{
	AUTO_FREE double *rates = calloc((size_t)b->count + 1, sizeof(*rates));
	AUTO_FREE struct sum_print *prints = calloc((size_t)b->count + 1, sizeof(*prints));
	struct batch_sum sum = { .count = b->count, .first_zero = b->count };
	uint32_t failed = 0;

	if (!rates || !prints)
		return -ENOMEM;
	memset(families, 0, b->family_count * sizeof(*families));
	for (uint32_t i = 0; i < b->count; i++) {
		const struct batch_item *item = &b->items[i];
		bool has_failed = item->failures > 0 && item->state != BATCH_OK;
		sum.state[item->state]++;
		sum.rule[item->rule] += item->state == BATCH_SKIPPED;
		sum.ran += item->attempts > 0;
		sum.transient += item->state == BATCH_OK && item->failures > 0;
		sum.timeouts += has_failed && item->last.came_to == CAME_TIMEOUT;
		sum.left += item->state == BATCH_WAITS || item->state == BATCH_RUNS ||
			    item->state == BATCH_STOPPED ||
			    (item->state == BATCH_SKIPPED && batch_rules[item->rule].is_brake);
		if (has_failed)
			prints[failed++] =
				(struct sum_print){ item->failed_print, 1, i, item->failed_summary };
		if (item->attempts > 0 && item->last.yield != BATCH_YIELD_UNKNOWN)
			take_yield(&sum, &item->last, i, rates);
		take_family(&families[item->family], item);
	}
	qsort(rates, sum.measured, sizeof(*rates), compare_rates);
	if (sum.measured > 0) {
		uint32_t middle = sum.measured / 2;
		sum.median_rate = sum.measured % 2 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
		sum.p90_rate = rates[((uint64_t)sum.measured * 9 + 9) / 10 - 1];
	}
	rank_prints(&sum, prints, failed);
	*out_sum = sum;
	return 0;
}

/* --- advice --------------------------------------------------------------------------------------------- */

/* The beginning that all items with that failure have in common, of one family; how many these are. */
static uint32_t common_prefix(const struct batch *b, const struct sum_print *print, uint32_t *out_alike)
{
	const struct batch_item *first = &b->items[print->first];
	uint32_t n = first->n, others = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct batch_item *item = &b->items[i];
		bool is_alike = item->state != BATCH_OK && item->failures > 0 &&
				item->failed_print == print->print && item->family == first->family;
		if (!is_alike || i == print->first)
			continue;
		others++;
		uint32_t same = 0;
		while (same < n && same < item->n && item->text[same] == first->text[same])
			same++;
		n = same;
	}
	/* Where the name of the family begins its items, that is what people know. */
	const struct batch_family *family = &b->families[first->family];
	if (family->n > 0 && family->n < n && memcmp(first->text, family->name, family->n) == 0)
		n = family->n;
	*out_alike = others + 1;
	return others > 0 || family->n > 0 ? n : 0;
}

/* It would leave out what has not failed so: that waits, of other families, or that is ok. */
static bool is_too_wide(const struct batch *b, const struct sum_print *print, uint32_t n)
{
	const struct batch_item *first = &b->items[print->first];

	for (uint32_t i = 0; i < b->count; i++) {
		const struct batch_item *item = &b->items[i];
		if (item->n < n || memcmp(item->text, first->text, n) != 0)
			continue;
		bool is_by_prefix = item->rule == RULE_SKIP_PREFIX || item->rule == RULE_ONLY_PREFIX;
		if (item->state == BATCH_OK || (item->family != first->family && !is_by_prefix))
			return true;
	}
	return false;
}

static void advise_of_print(const struct batch *b, const struct batch_sum *sum, const struct sum_print *print,
			    struct batch_hint *hints, unsigned *n)
{
	uint32_t failed = sum->state[BATCH_FAILED];
	uint32_t alike = 0, prefix = common_prefix(b, print, &alike);

	if (print->count < 2 || 3 * (uint64_t)print->count < failed || *n == HINTS_MAX)
		return;
	bool skips = prefix > 0 && !is_too_wide(b, print, prefix);
	hints[(*n)++] = (struct batch_hint){
		.advice = skips ? ADVICE_SKIP_PREFIX : ADVICE_LOOK,
		.item = print->first,
		.of = skips ? alike : print->count,
		.prefix_n = skips ? prefix : 0,
	};
}

unsigned batch_advise(const struct batch *b, const struct batch_sum *sum, struct batch_hint *out_hints)
{
	uint32_t failed = sum->state[BATCH_FAILED], zero = sum->measured - sum->with_yield;
	uint32_t alike = sum->prints[0].count + sum->prints[1].count;
	unsigned n = 0;

	if (b->stop == RULE_REFUSED)
		out_hints[n++] = (struct batch_hint){ .advice = ADVICE_REFUSED, .item = b->striker };
	if (zero >= FEW && MOST(zero, sum->measured))
		out_hints[n++] = (struct batch_hint){ .advice = ADVICE_CHECK_YIELD,
						      .item = sum->first_zero,
						      .of = zero };
	if (failed > 0 && MOST(sum->timeouts, failed))
		out_hints[n++] = (struct batch_hint){ .advice = ADVICE_MORE_TIME,
						      .of = sum->timeouts,
						      .number = b->brakes.max_attempts + 1 };
	else if (failed >= 2 && MOST(alike, failed))
		for (unsigned i = 0; i < 2; i++)
			advise_of_print(b, sum, &sum->prints[i], out_hints, &n);
	if (n == 0 && failed > 0)
		out_hints[n++] = (struct batch_hint){ .advice = ADVICE_AGAIN,
						      .of = failed,
						      .number = b->brakes.max_attempts + 1 };
	if (sum->left == 0 || b->stop == RULE_REFUSED || n == HINTS_MAX)
		return n;
	if (n == 0 && b->brakes.max_runs > 0 && b->stop == RULE_NONE)
		out_hints[n++] = (struct batch_hint){ .advice = ADVICE_LARGER,
						      .of = sum->left,
						      .number = 2 * b->brakes.max_runs };
	else
		out_hints[n++] = (struct batch_hint){ .advice = ADVICE_RESUME, .of = sum->left };
	return n;
}
