#include "core/yield.h"

#include <string.h>

#include "base/buf.h"
#include "base/num.h"

const char *yield_reason(enum outcome outcome, enum end_cause cause)
{
	if (cause == CAUSE_NOT_STARTED)
		return "failed_before_start";
	switch (outcome) {
	case OUTCOME_OK:
		return "success_no_work";
	case OUTCOME_TIMEOUT:
		return "timeout";
	case OUTCOME_LIMIT:
		return "limit_hit";
	case OUTCOME_FAILED:
	case OUTCOME_SIGNALED:
		return "execution_error";
	default: /* somebody has ended it, or nobody knows */
		return "unknown";
	}
}

void yield_begin(struct yield_floor *f, uint64_t now_ns, uint64_t value)
{
	f->since_ns = now_ns;
	f->from = value;
}

bool yield_look(struct yield_floor *f, uint64_t now_ns, uint64_t value, uint64_t *out_gain)
{
	if (f->per_ns == 0 || value == YIELD_UNKNOWN || now_ns < f->since_ns ||
	    now_ns - f->since_ns < f->per_ns)
		return false;
	uint64_t gain = value > f->from ? value - f->from : 0;
	yield_begin(f, now_ns, value);
	if (gain >= f->least)
		return false;
	*out_gain = gain;
	return true;
}

static void put_value(struct buf *out, enum yield_kind kind, uint64_t value)
{
	if (kind == YIELD_COUNTER)
		num_format_micro(out, value);
	else if (kind == YIELD_LINES)
		buf_u64(out, value);
	else
		num_format_size(out, value);
}

void yield_describe(const struct yield_floor *f, enum yield_kind kind, uint64_t gain, struct finding *out)
{
	static const char *const of[] = {
		[YIELD_NONE] = "",        [YIELD_COUNTER] = " of its counter", [YIELD_FILE] = " of its file",
		[YIELD_LINES] = " lines", [YIELD_BYTES] = " of output",        [YIELD_WRITTEN] = " written",
	};
	uint64_t unit = kind == YIELD_COUNTER ? NUM_MICRO : 1;
	struct buf text;

	memset(out, 0, sizeof(*out));
	out->rule = "yield";
	out->severity = SEVERITY_WARNING;
	out->value = gain / unit;
	out->bound = f->least / unit;
	out->per_ns = f->per_ns;
	buf_init(&text, out->text, sizeof(out->text));
	put_value(&text, kind, gain);
	buf_str(&text, of[kind]);
	buf_str(&text, " within ");
	num_format_duration(&text, f->per_ns);
	buf_str(&text, ", at least ");
	put_value(&text, kind, f->least);
	buf_str(&text, " expected");
}
