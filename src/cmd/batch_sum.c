/* What came of a batch, for people, with the command that goes on from there; and what --dry-run says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "core/batch_sum.h"
#include "os/say.h"

#define ITEM_COLUMNS    60
#define SUMMARY_COLUMNS 100
#define FAMILIES_MAX    20 /* that are told */

static void put_count(struct buf *line, uint32_t n, const char *of)
{
	buf_u64(line, n);
	buf_char(line, ' ');
	buf_str(line, of);
}

static void end_line(struct buf *line, int fd)
{
	buf_char(line, '\n');
	os_print(fd, line->at, line->len);
	buf_clear(line);
}

/* 4.2 */
static void put_tenths(struct buf *line, double value)
{
	uint64_t tenths = value < 1e17 ? (uint64_t)(value * 10 + 0.5) : UINT64_MAX;

	buf_u64(line, tenths / 10);
	if (tenths % 10 != 0) {
		buf_char(line, '.');
		buf_u64(line, tenths % 10);
	}
}

static void put_states(struct buf *line, const struct work *w, const struct batch_sum *sum)
{
	uint32_t by_prefix = sum->rule[RULE_SKIP_PREFIX] + sum->rule[RULE_ONLY_PREFIX];

	buf_str(line, "session ");
	buf_str(line, w->id);
	buf_str(line, ": ");
	put_count(line, sum->count, sum->count == 1 ? "item, " : "items, ");
	put_count(line, sum->state[BATCH_OK], "ok");
	if (sum->transient > 0) {
		buf_str(line, " (");
		put_count(line, sum->transient, "after a failure)");
	}
	buf_str(line, ", ");
	put_count(line, sum->state[BATCH_FAILED], "failed, ");
	put_count(line, sum->left, "left");
	if (by_prefix > 0) {
		buf_str(line, ", ");
		put_count(line, by_prefix, "left out");
	}
	if (w->batch.stop != RULE_NONE) {
		buf_str(line, "; stopped: ");
		buf_str(line, batch_rules[w->batch.stop].text);
	}
}

static void print_yield(const struct batch_sum *sum, int fd)
{
	BUF(line, 1024);

	if (sum->measured == 0)
		return;
	buf_str(&line, "yield: ");
	put_tenths(&line, 100.0 * sum->with_yield / sum->measured);
	buf_str(&line, " % of ");
	put_count(&line, sum->measured, sum->measured == 1 ? "item, " : "items, ");
	put_tenths(&line, sum->total);
	buf_str(&line, " in all, per minute median ");
	put_tenths(&line, sum->median_rate);
	buf_str(&line, ", p90 ");
	put_tenths(&line, sum->p90_rate);
	end_line(&line, fd);
	if (sum->with_yield == sum->measured)
		return;
	buf_str(&line, "no yield:");
	for (unsigned i = 0; i < SUM_REASONS && sum->reasons[i].count > 0; i++) {
		buf_str(&line, i > 0 ? ", " : " ");
		put_count(&line, sum->reasons[i].count, sum->reasons[i].reason);
	}
	end_line(&line, fd);
}

static void print_failures(const struct work *w, const struct batch_sum *sum, int fd)
{
	BUF(line, 1024);

	for (unsigned i = 0; i < SUM_PRINTS && sum->prints[i].count > 0; i++) {
		const struct sum_print *print = &sum->prints[i];
		buf_str(&line, "failure: ");
		put_count(&line, print->count, print->count == 1 ? "item, " : "items, as ");
		put_item(&line, &w->batch.items[print->first], ITEM_COLUMNS);
		if (print->summary) {
			buf_str(&line, ": ");
			escape_text(&line, print->summary, strlen(print->summary), SUMMARY_COLUMNS);
		}
		end_line(&line, fd);
	}
	if (sum->kinds <= SUM_PRINTS)
		return;
	buf_str(&line, "failure: ");
	put_count(&line, sum->kinds - SUM_PRINTS, "other kinds");
	end_line(&line, fd);
}

static void put_family(struct buf *line, const struct family_sum *f)
{
	put_count(line, f->ok, "ok, ");
	put_count(line, f->failed, "failed");
	if (f->skipped > 0) {
		buf_str(line, ", ");
		put_count(line, f->skipped, "skipped");
	}
	if (f->transient > 0) {
		buf_str(line, "; transient: ");
		put_count(line, f->transient, "failed, later ok");
	}
	if (f->failures > 1) {
		buf_str(line, f->has_same_print ? "; the same failure each time" : "; failures that differ");
		if (f->has_same_print && f->summary) {
			buf_str(line, ": ");
			escape_text(line, f->summary, strlen(f->summary), SUMMARY_COLUMNS);
		}
	}
}

/* Those in which something failed. */
static void print_families(const struct work *w, const struct family_sum *families, int fd)
{
	uint32_t told = 0, more = 0;
	BUF(line, 1024);

	for (uint32_t i = 0; i < w->batch.family_count; i++) {
		const struct batch_family *family = &w->batch.families[i];
		if (families[i].failures == 0)
			continue;
		if (told++ >= FAMILIES_MAX) {
			more++;
			continue;
		}
		buf_str(&line, "family ");
		if (family->n > 0)
			escape_word(&line, family->name, family->n, ITEM_COLUMNS);
		else
			buf_str(&line,
				w->cmd.job.batch.family ? "(of all that it does not match)" : "(of all)");
		buf_str(&line, ": ");
		put_family(&line, &families[i]);
		end_line(&line, fd);
	}
	if (more == 0)
		return;
	buf_str(&line, "family: ");
	put_count(&line, more, "more in which something failed");
	end_line(&line, fd);
}

static void print_hint(const struct work *w, const struct batch_hint *hint, int fd)
{
	BUF(line, ADVICE_MAX);

	buf_str(&line, "next: ");
	advice_put_why(&line, hint);
	buf_str(&line, ":\n    ");
	size_t at = line.len;
	advice_put_command(&line, w, hint);
	if (line.cut) {
		buf_truncate(&line, at);
		line.cut = false;
		buf_str(&line, "(its command is too long to be shown)");
	}
	end_line(&line, fd);
}

void sum_print(struct work *w, int fd)
{
	struct family_sum *families = calloc((size_t)w->batch.family_count + 1, sizeof(*families));
	struct batch_hint hints[HINTS_MAX];
	struct batch_sum sum;
	BUF(line, 8192);

	if (!families || batch_sum(&w->batch, &sum, families) < 0) {
		(void)cmd_fail("cannot keep the items in memory", -ENOMEM);
		free(families);
		return;
	}
	put_states(&line, w, &sum);
	end_line(&line, fd);
	print_yield(&sum, fd);
	print_failures(w, &sum, fd);
	print_families(w, families, fd);
	unsigned count = batch_advise(&w->batch, &sum, hints);
	for (unsigned i = 0; i < count; i++)
		print_hint(w, &hints[i], fd);
	free(families);
}

/* --- what would be done --------------------------------------------------------------------------------- */

const char *sum_plan_of(const struct batch *b, const struct batch_item *item, uint32_t *at)
{
	if (item->state == BATCH_OK || item->state == BATCH_FAILED)
		return "done";
	if (item->state == BATCH_SKIPPED)
		return "skip";
	if (b->brakes.max_runs > 0 && *at >= b->brakes.max_runs)
		return "later";
	return ++*at <= b->brakes.canary ? "alone" : "run";
}

static void put_plan(struct buf *line, const struct batch_item *item, const char *plan)
{
	size_t at = line->len;

	buf_str(line, plan);
	do
		buf_char(line, ' ');
	while (line->len < at + 6);
	put_item(line, item, ITEM_COLUMNS);
	if (item->state == BATCH_OK) {
		buf_str(line, ": ok");
	} else if (item->state == BATCH_FAILED) {
		buf_str(line, ": failed, and has no attempt left");
	} else if (item->state == BATCH_SKIPPED) {
		buf_str(line, ": ");
		buf_str(line, batch_rules[item->rule].text);
		buf_str(line, " (--");
		buf_str(line, batch_rules[item->rule].name);
		buf_char(line, ')');
	} else if (plan[0] == 'l') {
		buf_str(line, ": as many as --max-runs allows come before it");
	}
}

void sum_plan(struct work *w)
{
	uint32_t at = 0;
	BUF(line, 1024);

	for (uint32_t i = 0; i < w->batch.count; i++) {
		const struct batch_item *item = &w->batch.items[i];
		put_plan(&line, item, sum_plan_of(&w->batch, item, &at));
		end_line(&line, 1);
	}
}
