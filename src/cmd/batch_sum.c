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

/* --- advice --------------------------------------------------------------------------------------------- */

static void put_batch(struct buf *line, const struct work *w)
{
	buf_str(line, "spawnguard batch");
	if (w->cmd.job.state_dir) {
		buf_str(line, " --state-dir=");
		escape_word(line, w->cmd.job.state_dir, strlen(w->cmd.job.state_dir), 0);
	}
	buf_str(line, " -N ");
	escape_word(line, w->name, strlen(w->name), 0);
	buf_str(line, " --resume");
}

/* The command of one item by itself, with what it writes to be seen. */
static void put_run(struct buf *line, const struct work *w, const struct batch_item *item)
{
	bool has_hole = false;

	buf_str(line, "spawnguard run -v --stats --");
	for (char **word = w->template; *word; word++) {
		BUF(filled, 4096);
		for (const char *at = *word; *at;) {
			bool is_hole = strncmp(at, "{}", 2) == 0;
			buf_mem(&filled, is_hole ? item->text : at, is_hole ? item->n : 1);
			at += is_hole ? 2 : 1;
			has_hole |= is_hole;
		}
		buf_char(line, ' ');
		escape_word(line, filled.at, filled.len, 0);
	}
	if (!has_hole) {
		buf_char(line, ' ');
		escape_word(line, item->text, item->n, 0);
	}
}

static void put_why(struct buf *line, const struct batch_hint *hint)
{
	static const char *const why[ADVICE_COUNT] = {
		[ADVICE_CHECK_YIELD] = "brought nothing: see by one of them whether it is collected",
		[ADVICE_SKIP_PREFIX] = "failed of one thing: leave such out until it is mended",
		[ADVICE_LOOK] = "failed of one thing: see one of them",
		[ADVICE_MORE_TIME] = "out of time: try again with twice as much",
		[ADVICE_AGAIN] = "failed, not all of one thing: try again",
		[ADVICE_REFUSED] = "the guard did not start it: see why",
		[ADVICE_LARGER] = "left, and all went well: the next batch may be larger",
		[ADVICE_RESUME] = "left: go on",
	};

	buf_str(line, "next: ");
	if (hint->of > 0) {
		buf_u64(line, hint->of);
		buf_str(line, hint->of == 1 ? " item " : " items ");
	}
	buf_str(line, why[hint->advice]);
	buf_str(line, ":\n    ");
}

static void put_hint(struct buf *line, const struct work *w, const struct batch_hint *hint)
{
	const struct batch_item *item = hint->item < w->batch.count ? &w->batch.items[hint->item] : NULL;
	uint64_t timeout_ns = w->cmd.job.timeout_ns;

	put_why(line, hint);
	switch (hint->advice) {
	case ADVICE_CHECK_YIELD:
	case ADVICE_LOOK:
		put_run(line, w, item);
		return;
	case ADVICE_REFUSED:
		buf_str(line, "spawnguard status ");
		escape_word(line, w->name, strlen(w->name), 0);
		return;
	default:
		break;
	}
	put_batch(line, w);
	if (hint->advice == ADVICE_SKIP_PREFIX) {
		buf_str(line, " --skip-prefix ");
		escape_word(line, item->text, hint->prefix_n, 0);
	} else if (hint->advice == ADVICE_MORE_TIME) {
		buf_str(line, " --max-attempts ");
		buf_u64(line, hint->number);
		if (timeout_ns != NUM_NONE) {
			buf_str(line, " --timeout ");
			num_format_duration(line, 2 * timeout_ns);
		}
	} else if (hint->advice == ADVICE_AGAIN) {
		buf_str(line, " --max-attempts ");
		buf_u64(line, hint->number);
	} else if (hint->advice == ADVICE_LARGER) {
		buf_str(line, " --max-runs ");
		buf_u64(line, hint->number);
	}
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
	for (unsigned i = 0; i < count; i++) {
		put_hint(&line, w, &hints[i]);
		end_line(&line, fd);
	}
	free(families);
}

/* --- what would be done --------------------------------------------------------------------------------- */

void sum_plan(struct work *w)
{
	struct batch *b = &w->batch;
	uint32_t room = b->brakes.max_runs > 0 ? b->brakes.max_runs : UINT32_MAX, at = 0;
	BUF(line, 1024);

	for (uint32_t i = 0; i < b->count; i++) {
		const struct batch_item *item = &b->items[i];
		if (item->state == BATCH_OK || item->state == BATCH_FAILED) {
			buf_str(&line, "done  ");
			put_item(&line, item, ITEM_COLUMNS);
			buf_str(&line,
				item->state == BATCH_OK ? ": ok" : ": failed, and has no attempt left");
		} else if (item->state == BATCH_SKIPPED) {
			buf_str(&line, "skip  ");
			put_item(&line, item, ITEM_COLUMNS);
			buf_str(&line, ": ");
			buf_str(&line, batch_rules[item->rule].text);
			buf_str(&line, " (--");
			buf_str(&line, batch_rules[item->rule].name);
			buf_char(&line, ')');
		} else if (at < room) {
			at++;
			buf_str(&line, at <= b->brakes.canary ? "alone " : "run   ");
			put_item(&line, item, ITEM_COLUMNS);
		} else {
			buf_str(&line, "later ");
			put_item(&line, item, ITEM_COLUMNS);
			buf_str(&line, ": as many as --max-runs allows come before it");
		}
		end_line(&line, 1);
	}
}
