#include "run/circuit_say.h"

#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "core/circuit.h"
#include "os/clock.h"

#define COLUMNS 80 /* of what a job has written */

static void put_foreign(struct buf *out, const char *text)
{
	buf_char(out, '"');
	escape_text(out, text, strlen(text), COLUMNS);
	buf_char(out, '"');
}

static void put_failures(struct buf *out, const struct circuit *c)
{
	buf_u64(out, c->count);
	buf_char(out, ' ');
	if (c->rule == CIRCUIT_RULE_MAX_TIMEOUTS) {
		buf_str(out, c->count == 1 ? "timeout" : "timeouts");
	} else {
		if (c->failure != FAILURE_FAILURE) {
			buf_str(out, failure_name(c->failure));
			buf_char(out, ' ');
		}
		buf_str(out, c->count == 1 ? "failure" : "failures");
	}
	if (c->count > 1) {
		buf_str(out, " in ");
		num_format_duration(out, c->span_ns);
	}
}

static void put_cause(struct buf *out, const struct circuit *c)
{
	switch (c->rule) {
	case CIRCUIT_RULE_HAND:
		buf_str(out, "opened by hand");
		break;
	case CIRCUIT_RULE_OPEN_ON:
		buf_str(out, "its stderr says so (--open-on)");
		break;
	case CIRCUIT_RULE_ZERO_YIELD:
		buf_u64(out, c->zero_count);
		buf_str(out, " runs in a row brought nothing");
		break;
	case CIRCUIT_RULE_TIME_BUDGET:
		buf_str(out, "its runs have used up ");
		num_format_duration(out, c->rules.time.limit_ns);
		buf_str(out, " within ");
		num_format_duration(out, c->rules.time.per_ns);
		break;
	case CIRCUIT_RULE_SAME_FAILURE:
		buf_str(out, "the same failure ");
		buf_u64(out, c->same_count);
		buf_str(out, " times in a row");
		break;
	default:
		put_failures(out, c);
	}
}

void circuit_say_why(struct buf *out, const struct circuit *c)
{
	put_cause(out, c);
	if (c->rule == CIRCUIT_RULE_HAND) {
		if (c->reason[0] != '\0') {
			buf_str(out, ": ");
			put_foreign(out, c->reason);
		}
	} else if (c->summary[0] != '\0' && c->rule != CIRCUIT_RULE_ZERO_YIELD &&
		   c->rule != CIRCUIT_RULE_TIME_BUDGET) {
		bool is_same = c->print[0] != '\0' && c->count > 1;
		buf_str(out, is_same ? " (same: " : c->count > 1 ? " (last: " : " (");
		put_foreign(out, c->summary);
		buf_char(out, ')');
	}
}

void circuit_say_when(struct buf *out, uint64_t wait_ns, uint64_t now_wall_ns)
{
	buf_str(out, "in ");
	num_format_duration(out, wait_ns);
	buf_str(out, " at ");
	os_clock_format_local(out, now_wall_ns + wait_ns, now_wall_ns);
}

void circuit_say_next(struct buf *out, const struct circuit *c, uint64_t now_wall_ns)
{
	if (c->wait_ns == CIRCUIT_NEVER) {
		buf_str(out, "no trial until somebody closes it");
	} else if (c->wait_ns == 0) {
		buf_str(out, "a trial is due");
	} else {
		buf_str(out, "next trial ");
		circuit_say_when(out, c->wait_ns, now_wall_ns);
	}
}
