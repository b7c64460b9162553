/* Progress: one line for each item, and on a terminal a bar below them. */
#include <string.h>

#include "cmd/batch.h"

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "os/say.h"
#include "spawnguard/exit.h"

#define ITEM_COLUMNS    60
#define SUMMARY_COLUMNS 80
#define BAR_COLUMNS     20
#define NS_PER_MIN      (60 * NS_PER_S)

void put_item(struct buf *out, const struct batch_item *item, size_t columns)
{
	escape_word(out, item->text, item->n, columns);
}

void put_yield(struct buf *out, uint64_t yield, bool is_micro)
{
	if (is_micro)
		num_format_micro(out, yield);
	else
		buf_u64(out, yield);
}

/* "12 (4.2/min)" */
static void put_rate(struct buf *out, const struct batch_end *end)
{
	double unit = end->is_micro ? 1e6 : 1;
	double rate =
		end->took_ns == 0 ? 0 : (double)end->yield / unit * (double)NS_PER_MIN / (double)end->took_ns;
	uint64_t tenths = rate < 1e15 ? (uint64_t)(rate * 10 + 0.5) : 0;

	buf_str(out, " yield ");
	put_yield(out, end->yield, end->is_micro);
	buf_str(out, " (");
	buf_u64(out, tenths / 10);
	if (tenths < 1000) {
		buf_char(out, '.');
		buf_u64(out, tenths % 10);
	}
	buf_str(out, "/min)");
}

/* "1m02s": in columns as far as it goes. */
static void put_took(struct buf *line, uint64_t ns)
{
	uint64_t seconds = ns / NS_PER_S;
	bool is_long = seconds >= 3600;

	if (seconds < 60) {
		num_format_duration(line, ns);
		return;
	}
	buf_u64(line, is_long ? seconds / 3600 : seconds / 60);
	buf_char(line, is_long ? 'h' : 'm');
	buf_pad(line, is_long ? seconds / 60 % 60 : seconds % 60, 2);
	buf_char(line, is_long ? 'm' : 's');
}

static void put_head(struct buf *line, struct work *w, const char *tag)
{
	buf_char(line, '[');
	buf_u64(line, ++w->told);
	buf_char(line, '/');
	buf_u64(line, batch_expected(&w->batch));
	buf_str(line, "] ");
	buf_str(line, tag);
	buf_char(line, ' ');
}

void tell_bar_gone(struct work *w)
{
	if (w->has_bar)
		os_print(2, "\r\033[K", 4);
	w->has_bar = false;
}

void tell_line(struct work *w, const struct buf *line)
{
	BUF(whole, 2048);

	if (w->cmd.job.quiet)
		return;
	tell_bar_gone(w);
	buf_mem(&whole, line->at, line->len < sizeof(whole_bytes) - 2 ? line->len : sizeof(whole_bytes) - 2);
	buf_char(&whole, '\n');
	os_print(2, whole.at, whole.len);
}

/* "exit 1: KeyError: 'x'" */
static void put_failure(struct buf *line, const struct batch_end *end, const struct item_end *told)
{
	buf_char(line, ' ');
	if (end->came_to == CAME_TIMEOUT) {
		buf_str(line, "timeout");
	} else if (told->exit_signal > 0) {
		buf_str(line, "signal ");
		buf_i64(line, told->exit_signal);
	} else if (told->refused_for[0] != '\0') {
		buf_str(line, "not started: ");
		escape_text(line, told->refused_for, strlen(told->refused_for), 40);
	} else {
		buf_str(line, "exit ");
		buf_i64(line, told->exit_code >= 0 ? told->exit_code : told->exit_status);
	}
	if (!end->summary || told->tail_n == 0)
		return;
	buf_str(line, ": ");
	escape_text(line, end->summary, strlen(end->summary), SUMMARY_COLUMNS);
}

static void put_stop(struct buf *line, const struct work *w, const struct batch_end *end,
		     const struct item_end *told)
{
	if (end->came_to == CAME_REFUSED) {
		buf_str(line, " not started");
		if (told->refused_for[0] != '\0') {
			buf_str(line, ": ");
			escape_text(line, told->refused_for, strlen(told->refused_for), 40);
		}
	} else {
		buf_str(line, w->batch.stop == RULE_TOTAL ? " the time is over" : " ended by request");
	}
	buf_str(line, "; waits for --resume");
}

static void put_eta(struct buf *line, const struct work *w, uint64_t passed_ns)
{
	uint64_t eta_ns = batch_eta(&w->batch, passed_ns);

	if (eta_ns == NUM_NONE || w->batch.dealt == batch_expected(&w->batch))
		return;
	buf_str(line, " eta ");
	if (eta_ns >= 10 * NS_PER_MIN && eta_ns < 60 * NS_PER_MIN) { /* it is not known so well */
		buf_u64(line, eta_ns / NS_PER_MIN);
		buf_char(line, 'm');
		return;
	}
	put_took(line, eta_ns < NS_PER_S ? eta_ns : eta_ns - eta_ns % NS_PER_S);
}

void tell_end(struct work *w, uint32_t item, const struct batch_end *end, const struct item_end *told,
	      uint64_t passed_ns)
{
	bool is_stop = end->came_to == CAME_STOPPED || end->came_to == CAME_REFUSED;
	BUF(line, 1024);

	put_head(&line, w, end->came_to == CAME_OK ? "OK" : is_stop ? "STOP" : "FAIL");
	put_item(&line, &w->batch.items[item], ITEM_COLUMNS);
	buf_char(&line, ' ');
	put_took(&line, end->took_ns);
	if (is_stop)
		put_stop(&line, w, end, told);
	else if (end->came_to != CAME_OK)
		put_failure(&line, end, told);
	if (!is_stop && end->yield != BATCH_YIELD_UNKNOWN)
		put_rate(&line, end);
	put_eta(&line, w, passed_ns);
	tell_line(w, &line);
}

static void put_rule(struct buf *line, const struct batch *b, enum batch_rule rule)
{
	uint32_t number = rule == RULE_SAME_FAILURE   ? b->brakes.same_failure
			  : rule == RULE_MAX_TIMEOUTS ? b->brakes.max_timeouts
			  : rule == RULE_CANARY       ? b->brakes.canary
			  : rule == RULE_ZERO_YIELD   ? b->brakes.zero_yield
						      : 0;
	buf_str(line, batch_rules[rule].text);
	if (!batch_rules[rule].is_option)
		return;
	buf_str(line, " (--");
	buf_str(line, batch_rules[rule].name);
	if (number > 0) {
		buf_char(line, '=');
		buf_u64(line, number);
	}
	buf_char(line, ')');
}

static void put_family(struct buf *line, const struct batch_family *family)
{
	if (family->n == 0)
		return;
	buf_str(line, "family ");
	escape_word(line, family->name, family->n, ITEM_COLUMNS);
	buf_str(line, ": ");
}

void tell_skipped(struct work *w, uint32_t item)
{
	const struct batch_item *it = &w->batch.items[item];
	BUF(line, 1024);

	put_head(&line, w, "SKIP");
	put_item(&line, it, ITEM_COLUMNS);
	buf_char(&line, ' ');
	put_family(&line, &w->batch.families[it->family]);
	put_rule(&line, &w->batch, it->rule);
	tell_line(w, &line);
}

void tell_brake(struct work *w, uint32_t item, enum batch_rule rule)
{
	const struct batch_item *it = &w->batch.items[item];
	bool is_of_family = rule == RULE_SAME_FAILURE || rule == RULE_MAX_TIMEOUTS;
	BUF(line, 1024);

	buf_str(&line, "brake: ");
	if (is_of_family)
		put_family(&line, &w->batch.families[it->family]);
	put_rule(&line, &w->batch, rule);
	if (rule != RULE_TOTAL && rule != RULE_ASKED) {
		buf_str(&line, ", the last is ");
		put_item(&line, it, ITEM_COLUMNS);
	}
	if (rule == RULE_SAME_FAILURE && it->failed_summary) {
		buf_str(&line, ": ");
		escape_text(&line, it->failed_summary, strlen(it->failed_summary), SUMMARY_COLUMNS);
	}
	buf_str(&line, is_of_family ? "; the rest of them is skipped" : "; nothing more is started");
	tell_line(w, &line);
}

void tell_bar(struct work *w, uint64_t passed_ns)
{
	const struct batch *b = &w->batch;
	uint32_t all = batch_expected(b);
	uint32_t full = all > 0 ? (uint32_t)((uint64_t)b->dealt * BAR_COLUMNS / all) : 0;
	BUF(line, 512);

	if (w->columns == 0 || w->cmd.job.quiet)
		return;
	buf_char(&line, '[');
	for (uint32_t i = 0; i < BAR_COLUMNS; i++)
		buf_char(&line, i < full ? '=' : i == full ? '>' : ' ');
	buf_str(&line, "] ");
	buf_u64(&line, b->dealt);
	buf_char(&line, '/');
	buf_u64(&line, all);
	buf_str(&line, ", ok ");
	buf_u64(&line, b->ok);
	buf_str(&line, ", failed ");
	buf_u64(&line, b->failed);
	buf_str(&line, ", running ");
	buf_u64(&line, b->running);
	put_eta(&line, w, passed_ns);
	buf_truncate(&line, line.len < w->columns - 1 ? line.len : w->columns - 1);
	os_print(2, "\r", 1);
	os_print(2, line.at, line.len);
	os_print(2, "\033[K", 3);
	w->has_bar = true;
}
