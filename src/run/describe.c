#include "run/describe.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "codec/record.h"
#include "conf/signal_name.h"

void describe_command(struct buf *out, const struct record_head *head, size_t columns)
{
	BUF(command, 4 * sizeof(head->command));
	const char *at = head->command, *end = at + head->command_len;

	while (at < end) {
		size_t n = strnlen(at, (size_t)(end - at));
		if (command.len > 0)
			buf_char(&command, ' ');
		escape_word(&command, at, n, 0);
		at += n + 1;
	}
	escape_text(out, command.at, command.len, columns);
}

void describe_end(struct buf *out, enum outcome outcome, int exit_code)
{
	buf_str(out, outcome_name(outcome));
	buf_str(out, ", status ");
	buf_i64(out, exit_code);
	if (outcome != OUTCOME_SIGNALED && outcome != OUTCOME_KILLED)
		return;
	if (exit_code <= 128 || exit_code > 128 + SIGNAL_LAST)
		return;
	buf_str(out, " (");
	signal_format(out, exit_code - 128);
	buf_char(out, ')');
}
