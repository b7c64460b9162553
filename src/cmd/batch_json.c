/* What came of a batch as JSON, and what --dry-run says: doc/batch.md. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/batch.h"

#include "base/auto.h"
#include "base/buf.h"
#include "base/num.h"
#include "codec/json_write.h"
#include "core/batch_sum.h"
#include "core/fingerprint.h"
#include "os/say.h"
#include "spawnguard/exit.h"

#define TEXT_BYTES  (2U << 20) /* one object with an item of 128 KiB, each byte of which takes six */
#define FLUSH_BYTES (64U << 10)

struct writing {
	struct buf out;
	struct json json;
	int error;
};

static void flush(struct writing *to)
{
	int r = os_write_whole(1, to->out.at, to->out.len);

	if (r < 0 && to->error == 0)
		to->error = r;
	buf_clear(&to->out);
}

static void flush_if_full(struct writing *to)
{
	if (to->out.len > FLUSH_BYTES)
		flush(to);
}

/* 4.25; not below zero. */
static void put_number(struct json *j, const char *key, double value)
{
	json_micro(j, key, value < 1e12 ? (uint64_t)(value * 1e6 + 0.5) : (uint64_t)1e18);
}

static void put_item_text(struct json *j, const char *key, const struct batch_item *item)
{
	json_bytes(j, key, item->text, item->n);
}

static void put_print(struct json *j, uint64_t print, const char *summary)
{
	BUF(text, FINGERPRINT_TEXT_MAX);

	fingerprint_format(&text, print);
	json_str(j, "fingerprint", text.at);
	if (summary)
		json_bytes(j, "summary", summary, strlen(summary));
}

static void put_states(struct json *j, const struct work *w, const struct batch_sum *sum)
{
	json_str(j, "session", w->id);
	json_bytes(j, "job", w->name, strlen(w->name));
	json_u64(j, "items", sum->count);
	json_u64(j, "ran", sum->ran);
	json_u64(j, "ok", sum->state[BATCH_OK]);
	json_u64(j, "failed", sum->state[BATCH_FAILED]);
	json_u64(j, "running", sum->state[BATCH_RUNS]);
	json_u64(j, "left", sum->left);
	json_u64(j, "left_out", sum->rule[RULE_SKIP_PREFIX] + sum->rule[RULE_ONLY_PREFIX]);
	json_u64(j, "transient", sum->transient);
	json_u64(j, "timeouts", sum->timeouts);
	json_str(j, "stopped_by", w->batch.stop == RULE_NONE ? NULL : batch_rules[w->batch.stop].name);
}

static void put_yields(struct json *j, const struct batch_sum *sum)
{
	if (sum->measured == 0) {
		json_null(j, "yield");
		return;
	}
	json_open(j, "yield", '{');
	json_u64(j, "measured", sum->measured);
	json_u64(j, "with_yield", sum->with_yield);
	put_number(j, "with_yield_percent", 100.0 * sum->with_yield / sum->measured);
	put_number(j, "total", sum->total);
	put_number(j, "median_per_minute", sum->median_rate);
	put_number(j, "p90_per_minute", sum->p90_rate);
	json_open(j, "zero", '[');
	for (unsigned i = 0; i < SUM_REASONS && sum->reasons[i].count > 0; i++) {
		json_open(j, NULL, '{');
		json_str(j, "reason", sum->reasons[i].reason);
		json_u64(j, "count", sum->reasons[i].count);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static void put_failures(struct writing *to, const struct work *w, const struct batch_sum *sum)
{
	struct json *j = &to->json;

	json_u64(j, "failure_kinds", sum->kinds);
	json_open(j, "failures", '[');
	for (unsigned i = 0; i < SUM_PRINTS && sum->prints[i].count > 0; i++) {
		json_open(j, NULL, '{');
		put_print(j, sum->prints[i].print, sum->prints[i].summary);
		json_u64(j, "count", sum->prints[i].count);
		put_item_text(j, "item", &w->batch.items[sum->prints[i].first]);
		json_close(j, '}');
		flush_if_full(to);
	}
	json_close(j, ']');
}

/* Those in which something failed, all of them. */
static void put_families(struct writing *to, const struct work *w, const struct family_sum *families)
{
	struct json *j = &to->json;

	json_open(j, "families", '[');
	for (uint32_t i = 0; i < w->batch.family_count; i++) {
		const struct family_sum *f = &families[i];
		if (f->failures == 0)
			continue;
		json_open(j, NULL, '{');
		json_bytes(j, "name", w->batch.families[i].name, w->batch.families[i].n);
		json_u64(j, "items", f->count);
		json_u64(j, "ok", f->ok);
		json_u64(j, "failed", f->failed);
		json_u64(j, "skipped", f->skipped);
		json_u64(j, "transient", f->transient);
		json_u64(j, "failures", f->failures);
		json_bool(j, "same_print", f->has_same_print);
		if (f->has_same_print)
			put_print(j, f->print, f->summary);
		json_close(j, '}');
		flush_if_full(to);
	}
	json_close(j, ']');
}

static void put_advice(struct writing *to, const struct work *w, const struct batch_sum *sum)
{
	struct batch_hint hints[HINTS_MAX];
	struct json *j = &to->json;
	unsigned count = batch_advise(&w->batch, sum, hints);
	BUF(line, ADVICE_MAX);

	json_open(j, "advice", '[');
	for (unsigned i = 0; i < count; i++) {
		json_open(j, NULL, '{');
		json_str(j, "rule", advice_name(hints[i].advice));
		if (hints[i].of > 0)
			json_u64(j, "count", hints[i].of);
		buf_clear(&line);
		advice_put_why(&line, &hints[i]);
		json_bytes(j, "why", line.at, line.len);
		buf_clear(&line);
		advice_put_command(&line, w, &hints[i]);
		if (line.cut)
			json_null(j, "command");
		else
			json_bytes(j, "command", line.at, line.len);
		line.cut = false;
		json_close(j, '}');
		flush_if_full(to);
	}
	json_close(j, ']');
}

/* `bytes`: TEXT_BYTES. */
static void begin(struct writing *to, char *bytes)
{
	*to = (struct writing){ .error = 0 };
	buf_init(&to->out, bytes, TEXT_BYTES);
	json_init(&to->json, &to->out);
	json_open(&to->json, NULL, '{');
	json_u64(&to->json, "schema", 1);
}

static int end(struct writing *to)
{
	json_close(&to->json, '}');
	buf_char(&to->out, '\n');
	flush(to);
	return to->error < 0 ? cmd_fail_to_write(to->error) : 0;
}

int sum_json(struct work *w)
{
	AUTO_FREE struct family_sum *families = calloc((size_t)w->batch.family_count + 1, sizeof(*families));
	AUTO_FREE char *bytes = malloc(TEXT_BYTES);
	struct batch_sum sum;
	struct writing to;

	if (!families || !bytes || batch_sum(&w->batch, &sum, families) < 0)
		return cmd_fail("cannot keep the items in memory", -ENOMEM);
	begin(&to, bytes);
	put_states(&to.json, w, &sum);
	put_yields(&to.json, &sum);
	put_failures(&to, w, &sum);
	put_families(&to, w, families);
	put_advice(&to, w, &sum);
	return end(&to);
}

int sum_plan_json(struct work *w)
{
	AUTO_FREE char *bytes = malloc(TEXT_BYTES);
	uint32_t at = 0;
	struct writing to;

	if (!bytes)
		return cmd_fail("cannot keep the items in memory", -ENOMEM);
	begin(&to, bytes);
	json_open(&to.json, "items", '[');
	for (uint32_t i = 0; i < w->batch.count; i++) {
		const struct batch_item *item = &w->batch.items[i];
		json_open(&to.json, NULL, '{');
		put_item_text(&to.json, "item", item);
		json_str(&to.json, "plan", sum_plan_of(&w->batch, item, &at));
		if (item->state == BATCH_SKIPPED)
			json_str(&to.json, "rule", batch_rules[item->rule].name);
		json_close(&to.json, '}');
		flush_if_full(&to);
	}
	json_close(&to.json, ']');
	return end(&to);
}
