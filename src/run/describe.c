#include "run/describe.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/signal_name.h"
#include "codec/json_write.h"
#include "codec/record.h"
#include "run/find.h"
#include "run/recovery.h"
#include "spawnguard/exit.h"

/* Of escaped text: each character is one. */
static size_t count_columns(const struct buf *text)
{
	size_t columns = 0;
	for (size_t i = 0; i < text->len; i++)
		columns += (text->at[i] & 0xc0) != 0x80;
	return columns;
}

void describe_command(struct buf *out, const struct record_head *head, size_t columns)
{
	BUF(word, 4 * sizeof(head->command) + 4); /* the longest: $'\x1b\x1b...' */
	size_t left = columns ? columns : SIZE_MAX;

	for (size_t at = 0; at < head->command_len;) {
		size_t n = strnlen(head->command + at, head->command_len - at);
		if (at > 0 && left > 0) {
			buf_char(out, ' ');
			left--;
		}
		if (left == 0) {
			buf_str(out, "...");
			return;
		}
		buf_clear(&word);
		escape_word(&word, head->command + at, n, 0);
		escape_word(out, head->command + at, n, left);
		size_t width = count_columns(&word);
		if (width > left)
			return;
		left -= width;
		at += n + 1;
	}
}

void describe_end(struct buf *out, const char *outcome, int exit_code)
{
	escape_text(out, outcome, strlen(outcome), 20);
	buf_str(out, ", status ");
	buf_i64(out, exit_code);
	bool is_signal = strcmp(outcome, SG_OUTCOME_SIGNALED) == 0 || strcmp(outcome, SG_OUTCOME_KILLED) == 0;
	if (!is_signal || exit_code <= 128 || exit_code > 128 + SIGNAL_LAST)
		return;
	buf_str(out, " (");
	signal_format(out, exit_code - 128);
	buf_char(out, ')');
}

void describe_listed(struct buf *out, const struct recovery *r)
{
	for (uint32_t i = 0; i < r->listed_count; i++) {
		buf_str(out, i == 0 ? "; not touched, may be of it: pid " : ", ");
		buf_i64(out, r->listed[i]);
	}
}

void describe_json_listed(struct json *j, const struct recovery *r)
{
	json_open(j, "listed", '[');
	for (uint32_t i = 0; i < r->listed_count; i++)
		json_i64(j, NULL, r->listed[i]);
	json_close(j, ']');
}

const char *describe_state(const struct run_view *view)
{
	if (view->place == PLACE_ELSEWHERE)
		return "elsewhere";
	if (view->place == PLACE_OLD_BOOT || !view->is_guarded)
		return "lost";
	if (!view->has_warden && view->record.state.phase == PHASE_WAITING)
		return "waiting";
	if (!view->has_warden || view->record.state.phase == PHASE_ENDING)
		return "ending";
	return view->record.state.frozen_since_boot_ns != 0 ? "frozen" : "running";
}

const char *describe_frozen_rule(const struct run_view *view)
{
	bool is_frozen = strcmp(describe_state(view), "frozen") == 0;
	return is_frozen && view->record.state.frozen_rule[0] != '\0' ? view->record.state.frozen_rule : NULL;
}

uint64_t describe_frozen_left_ns(const struct run_view *view, uint64_t now_boot_ns)
{
	uint64_t until_ns = view->record.state.frozen_until_boot_ns;
	return until_ns == NUM_NONE ? NUM_NONE : until_ns > now_boot_ns ? until_ns - now_boot_ns : 0;
}

void describe_frozen(struct buf *out, const struct run_view *view, uint64_t now_boot_ns)
{
	const char *rule = describe_frozen_rule(view);
	uint64_t left_ns = describe_frozen_left_ns(view, now_boot_ns);

	if (!rule)
		return;
	buf_str(out, "frozen for ");
	escape_text(out, rule, strlen(rule), 0);
	if (left_ns == NUM_NONE)
		return;
	buf_str(out, ", to be ended in ");
	num_format_duration(out, left_ns);
}

uint64_t describe_age_ns(const struct run_view *view, uint64_t now_boot_ns)
{
	uint64_t start_ns = view->record.head.started_boot_ns;
	return view->place == PLACE_HERE && now_boot_ns > start_ns ? now_boot_ns - start_ns : 0;
}

uint64_t describe_counted_ns(const struct run_view *view, uint64_t now_boot_ns)
{
	uint64_t age_ns = describe_age_ns(view, now_boot_ns);
	uint64_t since_ns = view->record.state.frozen_since_boot_ns;
	uint64_t frozen_ns = view->record.state.figures.frozen_ns;

	if (since_ns != 0 && now_boot_ns > since_ns)
		frozen_ns += now_boot_ns - since_ns;
	return age_ns > frozen_ns ? age_ns - frozen_ns : 0;
}
