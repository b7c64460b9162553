#include "run/circuit_plan.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/utc.h"
#include "codec/json_write.h"
#include "run/circuit_say.h"

void circuit_plan_steps(struct buf *out, const struct circuit_rules *rules, enum failure failure, uint32_t n)
{
	const struct circuit_steps *steps = circuit_steps_of(rules, failure);

	for (uint32_t i = n; i + 1 < steps->count; i++) {
		num_format_duration(out, steps->ns[i]);
		buf_str(out, ", ");
	}
	if (n + 1 < steps->count)
		buf_str(out, "then ");
	num_format_duration(out, steps->ns[steps->count - 1]);
	buf_str(out, " each");
}

static void put_amount(struct buf *out, enum circuit_rule rule, uint64_t amount)
{
	if (rule == CIRCUIT_RULE_TIME_BUDGET)
		num_format_duration(out, amount);
	else
		buf_u64(out, amount);
}

/* Such a rule counts nothing: one is enough. */
static bool is_at_once(enum circuit_rule rule)
{
	return rule == CIRCUIT_RULE_OPEN_ON || rule == CIRCUIT_RULE_ENVIRONMENT;
}

bool circuit_plan_gauge(struct buf *out, const struct circuit *circuit, enum circuit_rule rule)
{
	struct circuit_gauge g = circuit_gauge(circuit, rule);

	if (!g.is_set)
		return false;
	if (is_at_once(rule)) {
		buf_str(out, rule == CIRCUIT_RULE_OPEN_ON ? "the first match opens it"
							  : "the first such failure makes it wait");
		return true;
	}
	put_amount(out, rule, g.used);
	buf_str(out, " of ");
	put_amount(out, rule, g.limit);
	if (g.per_ns > 0) {
		buf_str(out, " within ");
		num_format_duration(out, g.per_ns);
	} else {
		buf_str(out, " in a row");
	}
	if (g.used > 0 && g.less_in_ns != CIRCUIT_NEVER) {
		buf_str(out, "; less in ");
		num_format_duration(out, g.less_in_ns);
	}
	return true;
}

void circuit_plan_nearest(struct buf *out, const struct circuit *circuit)
{
	for (unsigned i = CIRCUIT_RULE_MAX_FAILURES; i <= CIRCUIT_RULE_ZERO_YIELD; i++) {
		struct circuit_gauge g = circuit_gauge(circuit, (enum circuit_rule)i);
		if (!g.is_set || g.used + 1 < g.limit)
			continue;
		bool has_class = g.next_class >= FAILURE_FIRST && g.next_class < FAILURE_COUNT;
		enum failure failure = has_class ? g.next_class : FAILURE_FAILURE;
		buf_str(out, i == CIRCUIT_RULE_ZERO_YIELD     ? "the next run that brings nothing"
			     : i == CIRCUIT_RULE_SAME_FAILURE ? "the same failure once more"
							      : "the next ");
		if (i < CIRCUIT_RULE_SAME_FAILURE && has_class && failure != FAILURE_FAILURE) {
			buf_str(out, failure_name(failure));
			buf_char(out, ' ');
		}
		buf_str(out, i < CIRCUIT_RULE_SAME_FAILURE ? "failure opens it" : " opens it");
		if (has_class) {
			buf_str(out, " for ");
			num_format_duration(
				out, circuit_step(&circuit->rules, failure, circuit->level[failure], 0));
		}
		return;
	}
}

/* --- for programs ----------------------------------------------------------------------------------------
 */

static void json_amount(struct json *j, const char *key, enum circuit_rule rule, uint64_t amount)
{
	if (rule == CIRCUIT_RULE_TIME_BUDGET)
		json_seconds(j, key, amount, 3);
	else
		json_u64(j, key, amount);
}

static void json_rules(struct json *j, const struct circuit *c)
{
	json_open(j, "rules", '[');
	for (unsigned i = 0; i < CIRCUIT_RULE_COUNT; i++) {
		enum circuit_rule rule = (enum circuit_rule)i;
		struct circuit_gauge g = circuit_gauge(c, rule);
		if (!g.is_set)
			continue;
		json_open(j, NULL, '{');
		json_str(j, "rule", circuit_rule_name(rule));
		json_amount(j, "used", rule, g.used);
		json_amount(j, "limit", rule, g.limit);
		if (g.per_ns > 0)
			json_seconds(j, "per", g.per_ns, 3);
		if (g.used > 0 && g.less_in_ns != CIRCUIT_NEVER)
			json_seconds(j, "less_in", g.less_in_ns, 3);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void json_back_off(struct json *j, const struct circuit *c)
{
	json_open(j, "back_off", '[');
	for (unsigned i = FAILURE_FIRST; i < FAILURE_COUNT; i++) {
		const struct circuit_steps *steps = circuit_steps_of(&c->rules, (enum failure)i);
		uint32_t next = c->level[i] < steps->count ? c->level[i] : steps->count - 1;

		json_open(j, NULL, '{');
		json_str(j, "class", failure_name((enum failure)i));
		json_open(j, "steps", '[');
		for (uint32_t n = 0; n < steps->count; n++)
			json_seconds(j, NULL, steps->ns[n], 3);
		json_close(j, ']');
		json_u64(j, "next", next);
		json_close(j, '}');
	}
	json_close(j, ']');
	uint64_t jitter_ppm = c->rules.jitter_ppm == 0 ? CIRCUIT_JITTER_PPM : c->rules.jitter_ppm;
	json_micro(j, "jitter", jitter_ppm == CIRCUIT_NO_JITTER ? 0 : jitter_ppm);
	json_seconds(j, "reset_after", circuit_reset_after(&c->rules), 3);
}

static void json_trial(struct json *j, const struct circuit *c, uint64_t now_wall_ns)
{
	BUF(at, 40);

	if (c->wait_ns == CIRCUIT_NEVER) {
		json_null(j, "next_trial"); /* by hand only */
		return;
	}
	utc_format(&at, now_wall_ns + c->wait_ns);
	json_open(j, "next_trial", '{');
	json_seconds(j, "in", c->wait_ns, 3);
	json_str(j, "at", at.at);
	json_close(j, '}');
}

void circuit_plan_json(struct json *j, const struct circuit *c, uint64_t now_wall_ns)
{
	BUF(why, 512);

	json_str(j, "state", circuit_state_name(circuit_state(c)));
	if (c->is_open) {
		circuit_say_why(&why, c);
		json_seconds(j, "open_for", c->open_ns, 3);
		json_str(j, "rule", circuit_rule_name(c->rule));
		json_str(j, "class", failure_name(c->failure));
		json_u64(j, "failures", c->count);
		json_seconds(j, "within", c->span_ns, 3);
		json_bytes(j, "text", why.at, why.len);
		if (c->reason[0] != '\0')
			json_str(j, "reason", c->reason);
		json_trial(j, c, now_wall_ns);
	}
	if (c->summary[0] != '\0')
		json_str(j, "summary", c->summary);
	json_rules(j, c);
	json_back_off(j, c);
}
