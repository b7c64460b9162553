#include "core/circuit.h"

#include <string.h>

#define EARLY_COUNT 3  /* of --min-uptime D alone: so many early ends ... */
#define EARLY_PER   10 /* ... within so many times D */

static uint64_t sum(uint64_t a, uint64_t b)
{
	return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static void put_text(char *to, size_t size, const char *text)
{
	size_t n = text ? strnlen(text, size - 1) : 0;

	memcpy(to, text ? text : "", n);
	memset(to + n, 0, size - n);
}

enum circuit_state circuit_state(const struct circuit *c)
{
	if (!c->is_open)
		return CIRCUIT_CLOSED;
	return c->wait_ns > 0 ? CIRCUIT_OPEN : CIRCUIT_HALF_OPEN;
}

/* --- what is carried out -------------------------------------------------------------------------------- */

static void forget_counts(struct circuit *c)
{
	c->failed_count = 0;
	c->zero_count = 0;
}

static void forget(struct circuit *c)
{
	forget_counts(c);
	memset(c->level, 0, sizeof(c->level));
	memset(c->same_print, 0, sizeof(c->same_print));
	memset(c->summary, 0, sizeof(c->summary));
	c->same_count = 0;
	c->is_healthy = false;
	c->healthy_ns = 0;
}

static void close_it(struct circuit *c)
{
	c->is_open = false;
	c->wait_ns = c->full_ns = c->open_ns = 0;
	c->is_untold = false;
}

static void open_for(struct circuit *c, uint64_t ns)
{
	c->is_open = true;
	c->wait_ns = c->full_ns = ns;
	c->open_ns = 0;
}

/* Carries out the row of this event; `ns` is for those that open it. */
static void apply(struct circuit *c, enum circuit_event event, uint64_t ns, struct circuit_change *change)
{
	enum circuit_state before = circuit_state(c);
	const struct circuit_row *row =
		&circuit_rows[(uint32_t)before * CIRCUIT_EVENT_COUNT + (uint32_t)event];

	switch (row->action) {
	case CIRCUIT_DO_OPEN:
	case CIRCUIT_DO_OPEN_FOR:
		open_for(c, ns);
		break;
	case CIRCUIT_DO_CLOSE:
		close_it(c);
		forget_counts(c);
		break;
	case CIRCUIT_DO_FORGET:
		close_it(c);
		forget(c);
		break;
	case CIRCUIT_DO_DUE:
		c->wait_ns = 0;
		break;
	default: /* what is counted was counted; what a start does is its caller's */
		break;
	}
	bool opens = row->action == CIRCUIT_DO_OPEN || row->action == CIRCUIT_DO_OPEN_FOR;
	change->opened |= opens && before == CIRCUIT_CLOSED;
	change->reopened |= opens && before != CIRCUIT_CLOSED;
	change->closed |= !c->is_open && before != CIRCUIT_CLOSED;
}

void circuit_pass(struct circuit *c, uint64_t ns)
{
	struct circuit_change change = { 0 };

	if (c->is_open) {
		c->open_ns = sum(c->open_ns, ns);
		if (c->wait_ns != CIRCUIT_NEVER)
			c->wait_ns -= ns < c->wait_ns ? ns : c->wait_ns;
	}
	for (uint32_t i = 0; i < c->failed_count; i++)
		c->failed[i].ago_ns = sum(c->failed[i].ago_ns, ns);
	for (uint32_t i = 0; i < c->ring_count; i++)
		c->ring[i].ago_ns = sum(c->ring[i].ago_ns, ns);
	budget_pass(&c->time, ns);
	if (!c->is_healthy)
		return;
	c->healthy_ns = sum(c->healthy_ns, ns);
	if (c->healthy_ns >= circuit_reset_after(&c->rules))
		apply(c, CIRCUIT_EVENT_HEALTHY, 0, &change);
}

enum circuit_answer circuit_ask(const struct circuit *c)
{
	uint32_t state = circuit_state(c);

	switch (circuit_rows[state * CIRCUIT_EVENT_COUNT + CIRCUIT_EVENT_START].action) {
	case CIRCUIT_DO_GO:
		return CIRCUIT_GO;
	case CIRCUIT_DO_TRIAL:
		return CIRCUIT_TRIAL;
	default:
		return CIRCUIT_REFUSE;
	}
}

bool circuit_wants(const struct circuit *c, enum failure failure)
{
	bool is_clean = !c->is_open && c->failed_count == 0 && c->same_count == 0 && c->zero_count == 0 &&
			!c->is_healthy;

	for (uint32_t i = 0; i < FAILURE_COUNT; i++)
		is_clean &= c->level[i] == 0;
	return failure >= FAILURE_FIRST || !is_clean || circuit_rules_are_set(&c->rules);
}

/* --- what is counted ------------------------------------------------------------------------------------ */

static bool is_known(const struct circuit *c, const char *run_id)
{
	for (uint32_t i = 0; i < c->ring_count; i++)
		if (run_id[0] != '\0' && strcmp(c->ring[i].run_id, run_id) == 0)
			return true;
	return false;
}

static void remember(struct circuit *c, const struct circuit_end *end)
{
	if (c->ring_count == CIRCUIT_RING)
		memmove(c->ring, c->ring + 1, --c->ring_count * sizeof(c->ring[0]));
	c->ring[c->ring_count] = *end;
	c->ring[c->ring_count++].ago_ns = 0;
}

static void count_failure(struct circuit *c, enum failure failure)
{
	if (c->failed_count == CIRCUIT_RATE_MAX)
		memmove(c->failed, c->failed + 1, --c->failed_count * sizeof(c->failed[0]));
	c->failed[c->failed_count++] = (struct circuit_failure){ 0, failure };
	c->is_healthy = false;
	c->healthy_ns = 0;
}

static void count_print(struct circuit *c, const struct circuit_end *end, struct circuit_change *change)
{
	if (end->print[0] == '\0') {
		c->same_count = 0;
	} else if (c->same_count > 0 && strcmp(c->same_print, end->print) == 0) {
		c->same_count += c->same_count < UINT32_MAX;
		for (uint32_t i = 0; i < c->ring_count; i++)
			if (c->ring[i].failure >= FAILURE_FIRST && strcmp(c->ring[i].print, end->print) == 0)
				put_text(change->same_as, sizeof(change->same_as), c->ring[i].run_id);
	} else {
		c->same_count = 1;
	}
	put_text(c->same_print, sizeof(c->same_print), end->print);
	change->same_in_row = c->same_count;
}

/* It has brought nothing although the job has to: no health, however it ended. */
static bool is_barren(const struct circuit *c, const struct circuit_end *end)
{
	return c->rules.zero_yield > 0 && end->yield == CIRCUIT_YIELD_NOTHING;
}

static void count(struct circuit *c, const struct circuit_end *end, const char *summary,
		  struct circuit_change *change)
{
	if (c->rules.time.limit_ns > 0) {
		if (c->time.per_ns != c->rules.time.per_ns)
			c->time.per_ns = c->rules.time.per_ns;
		budget_add(&c->time, end->took_ns);
	}
	if (end->failure == FAILURE_ENDED)
		return;
	if (end->yield != CIRCUIT_YIELD_UNKNOWN)
		c->zero_count = end->yield == CIRCUIT_YIELD_NOTHING ? c->zero_count + 1 : 0;
	if (end->failure >= FAILURE_FIRST) {
		count_print(c, end, change);
		count_failure(c, end->failure);
		put_text(c->summary, sizeof(c->summary), summary);
		return;
	}
	c->same_count = 0;
	if (!is_barren(c, end))
		c->is_healthy = true; /* for the longer, if it was before */
}

/* --- the rules ------------------------------------------------------------------------------------------ */

/* Failures within the rate: all that count, or of one class. *out_oldest: how old the oldest of them is. */
static uint32_t failures_within(const struct circuit *c, uint64_t per_ns, enum failure only,
				uint64_t *out_oldest_ns)
{
	uint32_t n = 0;

	*out_oldest_ns = 0;
	for (uint32_t i = c->failed_count; i-- > 0 && c->failed[i].ago_ns < per_ns;) {
		enum failure failure = c->failed[i].failure;
		if (only == FAILURE_COUNT ? !failure_counts(failure) : failure != only)
			continue;
		*out_oldest_ns = c->failed[i].ago_ns;
		n++;
	}
	return n;
}

/* What the rule looks at: failures of `only` (FAILURE_COUNT: all that count) within a time. */
static bool rate_of(const struct circuit *c, enum circuit_rule rule, struct circuit_rate *out_rate,
		    enum failure *out_only)
{
	const struct circuit_rules *r = &c->rules;

	*out_only = FAILURE_COUNT;
	*out_rate = r->failures;
	if (rule == CIRCUIT_RULE_MAX_TIMEOUTS) {
		*out_rate = r->timeouts;
		*out_only = FAILURE_TIMEOUT;
	} else if (rule == CIRCUIT_RULE_MIN_UPTIME) {
		*out_rate = (struct circuit_rate){ 0 };
		*out_only = FAILURE_STARTUP;
		if (r->min_uptime_ns > 0 && r->failures.count == 0)
			*out_rate = (struct circuit_rate){ EARLY_COUNT, r->min_uptime_ns };
		for (int i = 1; i < EARLY_PER; i++)
			out_rate->per_ns = sum(out_rate->per_ns, r->min_uptime_ns);
	}
	return out_rate->count > 0;
}

static bool is_environment_set(const struct circuit_rules *r)
{
	return r->failures.count > 0 || r->min_uptime_ns > 0 || r->backoff[FAILURE_ENVIRONMENT].count > 0;
}

struct circuit_gauge circuit_gauge(const struct circuit *c, enum circuit_rule rule)
{
	struct circuit_gauge g = { .less_in_ns = CIRCUIT_NEVER, .limit = 1 };
	const struct circuit_rules *r = &c->rules;
	struct circuit_rate rate;
	enum failure only;
	uint64_t oldest_ns;

	switch (rule) {
	case CIRCUIT_RULE_MAX_FAILURES:
	case CIRCUIT_RULE_MIN_UPTIME:
	case CIRCUIT_RULE_MAX_TIMEOUTS:
		g.is_set = rate_of(c, rule, &rate, &only);
		g.used = failures_within(c, rate.per_ns, only, &oldest_ns);
		g.limit = rate.count;
		g.per_ns = rate.per_ns;
		if (g.used > 0)
			g.less_in_ns = rate.per_ns - oldest_ns;
		g.next_class = only == FAILURE_COUNT ? FAILURE_NONE : only;
		break;
	case CIRCUIT_RULE_SAME_FAILURE:
		g.is_set = r->same_failure > 0;
		g.used = c->same_count;
		g.limit = r->same_failure;
		break;
	case CIRCUIT_RULE_ZERO_YIELD:
		g.is_set = r->zero_yield > 0;
		g.used = c->zero_count;
		g.limit = r->zero_yield;
		break;
	case CIRCUIT_RULE_TIME_BUDGET:
		g.is_set = r->time.limit_ns > 0;
		g.used = budget_used(&c->time);
		g.limit = r->time.limit_ns;
		g.per_ns = r->time.per_ns;
		g.less_in_ns = g.used > 0 ? budget_room_in(&c->time, g.used) : CIRCUIT_NEVER;
		g.next_class = FAILURE_QUOTA;
		break;
	case CIRCUIT_RULE_ENVIRONMENT:
		g.is_set = is_environment_set(r);
		g.next_class = FAILURE_ENVIRONMENT;
		break;
	case CIRCUIT_RULE_OPEN_ON:
		g.is_set = r->has_open_on;
		g.next_class = FAILURE_QUOTA;
		break;
	default:
		break;
	}
	return g;
}

/* Could this end be what reaches the rule?  Another end leaves it as it was. */
static bool is_about(const struct circuit *c, enum circuit_rule rule, const struct circuit_end *end,
		     uint64_t until_ns)
{
	switch (rule) {
	case CIRCUIT_RULE_OPEN_ON:
		return until_ns > 0 && end->failure != FAILURE_ENDED;
	case CIRCUIT_RULE_ENVIRONMENT:
		return end->failure == FAILURE_ENVIRONMENT && is_environment_set(&c->rules);
	case CIRCUIT_RULE_MAX_FAILURES:
		return failure_counts(end->failure);
	case CIRCUIT_RULE_MIN_UPTIME:
		return end->failure == FAILURE_STARTUP;
	case CIRCUIT_RULE_MAX_TIMEOUTS:
		return end->failure == FAILURE_TIMEOUT;
	case CIRCUIT_RULE_SAME_FAILURE:
		return end->failure >= FAILURE_FIRST;
	case CIRCUIT_RULE_ZERO_YIELD:
		return end->failure != FAILURE_ENDED && end->yield == CIRCUIT_YIELD_NOTHING;
	case CIRCUIT_RULE_TIME_BUDGET:
		return true;
	default:
		return false;
	}
}

static enum circuit_rule find_reached(const struct circuit *c, const struct circuit_end *end,
				      uint64_t until_ns)
{
	for (uint32_t i = 0; i < CIRCUIT_RULE_COUNT; i++) {
		enum circuit_rule rule = (enum circuit_rule)i;
		if (!is_about(c, rule, end, until_ns))
			continue;
		if (rule == CIRCUIT_RULE_OPEN_ON || rule == CIRCUIT_RULE_ENVIRONMENT)
			return rule;
		struct circuit_gauge g = circuit_gauge(c, rule);
		if (g.is_set && g.used >= g.limit)
			return rule;
	}
	return CIRCUIT_RULE_NONE;
}

/* --- ends ----------------------------------------------------------------------------------------------- */

/* What has opened it is a rule about failures, or one such is set: a failed trial takes the next step. */
static bool has_failure_rule(const struct circuit *c)
{
	return (c->rule >= CIRCUIT_RULE_ENVIRONMENT && c->rule <= CIRCUIT_RULE_ZERO_YIELD) ||
	       c->rules.failures.count > 0 || c->rules.min_uptime_ns > 0;
}

/* A run from before this opening decides nothing about it. */
static bool began_since(const struct circuit *c, const struct circuit_end *end)
{
	return end->took_ns <= c->open_ns;
}

static enum circuit_event event_of_trial(const struct circuit *c, const struct circuit_end *end,
					 enum circuit_rule reached)
{
	if (end->failure == FAILURE_ENDED)
		return CIRCUIT_EVENT_TRIAL_ENDED;
	if (end->failure < FAILURE_FIRST && !is_barren(c, end) && reached != CIRCUIT_RULE_OPEN_ON)
		return CIRCUIT_EVENT_TRIAL_OK;
	return has_failure_rule(c) || reached != CIRCUIT_RULE_NONE ? CIRCUIT_EVENT_TRIAL_FAILED
								   : CIRCUIT_EVENT_TRIAL_UNRULED;
}

static enum circuit_event event_of(const struct circuit *c, const struct circuit_end *end,
				   enum circuit_rule reached, uint64_t until_ns)
{
	bool is_good = end->failure == FAILURE_NONE && !is_barren(c, end);

	if (c->is_open && end->start == CIRCUIT_START_TRIAL && began_since(c, end))
		return event_of_trial(c, end, reached);
	if (c->is_open && end->start == CIRCUIT_START_FORCED && began_since(c, end) && is_good &&
	    c->rule != CIRCUIT_RULE_HAND && reached == CIRCUIT_RULE_NONE)
		return CIRCUIT_EVENT_FORCED_OK;
	/* While it is open, only a later date of --open-on changes for how long. */
	bool is_longer =
		reached == CIRCUIT_RULE_OPEN_ON && until_ns != CIRCUIT_NEVER && until_ns > c->wait_ns;
	if (c->is_open ? is_longer : reached != CIRCUIT_RULE_NONE)
		return CIRCUIT_EVENT_REACHED;
	if (end->failure == FAILURE_ENDED)
		return CIRCUIT_EVENT_ENDED;
	return end->failure >= FAILURE_FIRST ? CIRCUIT_EVENT_FAILED : CIRCUIT_EVENT_OK;
}

/* How many failures did it, in which time, and whether they are all alike. */
static void note_why(struct circuit *c, enum circuit_rule reached, const struct circuit_end *end)
{
	struct circuit_rate rate;
	enum failure only;

	if (reached == CIRCUIT_RULE_NONE) { /* a failed trial: one more */
		c->count += c->count < UINT32_MAX;
		c->span_ns = sum(c->span_ns, c->open_ns);
		c->is_mixed |= c->failure != end->failure;
	} else {
		c->rule = reached;
		c->count = 1;
		c->span_ns = 0;
		c->is_mixed = false;
	}
	if (reached == CIRCUIT_RULE_SAME_FAILURE)
		c->count = c->same_count;
	else if (reached == CIRCUIT_RULE_ZERO_YIELD)
		c->count = c->zero_count;
	else if (reached >= CIRCUIT_RULE_MAX_FAILURES && reached <= CIRCUIT_RULE_MAX_TIMEOUTS &&
		 rate_of(c, reached, &rate, &only))
		c->count = failures_within(c, rate.per_ns, only, &c->span_ns);
	c->failure = reached == CIRCUIT_RULE_TIME_BUDGET || reached == CIRCUIT_RULE_OPEN_ON ? FAILURE_QUOTA
		     : end->failure >= FAILURE_FIRST                                        ? end->failure
											    : FAILURE_FAILURE;
	for (uint32_t i = c->failed_count; reached == CIRCUIT_RULE_MAX_FAILURES && i-- > 0;)
		if (c->failed[i].ago_ns <= c->span_ns && failure_counts(c->failed[i].failure))
			c->is_mixed |= c->failed[i].failure != c->failure;
	put_text(c->print, sizeof(c->print), c->same_count >= c->count ? c->same_print : "");
	memset(c->reason, 0, sizeof(c->reason));
}

static uint64_t wait_of(struct circuit *c, enum circuit_rule reached, uint64_t until_ns, uint32_t random)
{
	if (reached == CIRCUIT_RULE_TIME_BUDGET)
		return budget_room_in(&c->time, c->rules.time.limit_ns);
	if (reached == CIRCUIT_RULE_OPEN_ON && until_ns != CIRCUIT_NEVER)
		return until_ns;
	uint32_t n = c->level[c->failure];
	c->level[c->failure] += n < CIRCUIT_STEPS_MAX;
	return circuit_step(&c->rules, c->failure, n, random);
}

/* A run that went on for --reset-after has shown health, however it ended then. */
static void credit_long_run(struct circuit *c, struct circuit_end *end, struct circuit_change *change)
{
	if (end->took_ns < circuit_reset_after(&c->rules) || end->failure == FAILURE_LOST)
		return;
	if (c->is_open && end->start == CIRCUIT_START_TRIAL && began_since(c, end))
		apply(c, CIRCUIT_EVENT_TRIAL_OK, 0, change);
	if (!c->is_open)
		apply(c, CIRCUIT_EVENT_HEALTHY, 0, change);
}

struct circuit_change circuit_end(struct circuit *c, const struct circuit_end *given, const char *summary,
				  uint64_t until_ns, uint32_t random)
{
	struct circuit_change change = { 0 };
	struct circuit_end end = *given;

	if (is_known(c, end.run_id))
		return change;
	change.is_new = true;
	credit_long_run(c, &end, &change);
	count(c, &end, summary, &change);
	remember(c, &end);
	enum circuit_rule reached = find_reached(c, &end, until_ns);
	enum circuit_event event = event_of(c, &end, reached, until_ns);
	if (event == CIRCUIT_EVENT_TRIAL_OK) {
		apply(c, event, 0, &change);
		if (reached != CIRCUIT_RULE_TIME_BUDGET)
			return change;
		event = CIRCUIT_EVENT_REACHED;
	}
	uint64_t ns = 0;
	if (event == CIRCUIT_EVENT_REACHED || event == CIRCUIT_EVENT_TRIAL_FAILED) {
		note_why(c, reached, &end);
		ns = wait_of(c, reached, until_ns, random);
	}
	apply(c, event, ns, &change);
	return change;
}

/* --- by hand -------------------------------------------------------------------------------------------- */

struct circuit_change circuit_open(struct circuit *c, uint64_t for_ns, const char *reason)
{
	struct circuit_change change = { .is_new = true };

	c->rule = CIRCUIT_RULE_HAND;
	c->failure = FAILURE_NONE;
	c->count = 0;
	c->span_ns = 0;
	c->is_mixed = false;
	memset(c->print, 0, sizeof(c->print));
	put_text(c->reason, sizeof(c->reason), reason);
	apply(c, CIRCUIT_EVENT_OPEN, for_ns, &change);
	return change;
}

struct circuit_change circuit_reset(struct circuit *c)
{
	struct circuit_change change = { .is_new = true };

	apply(c, CIRCUIT_EVENT_RESET, 0, &change);
	memset(&c->time, 0, sizeof(c->time));
	return change;
}

void circuit_allow_trial(struct circuit *c)
{
	struct circuit_change change = { 0 };

	apply(c, CIRCUIT_EVENT_TRIAL, 0, &change);
}

bool circuit_input_changed(struct circuit *c)
{
	struct circuit_change change = { 0 };

	if (circuit_state(c) != CIRCUIT_OPEN || c->rule == CIRCUIT_RULE_HAND ||
	    c->rule == CIRCUIT_RULE_OPEN_ON || c->rule == CIRCUIT_RULE_TIME_BUDGET)
		return false;
	apply(c, CIRCUIT_EVENT_INPUT, 0, &change);
	return true;
}

void circuit_assume_failure(struct circuit *c)
{
	count_failure(c, FAILURE_UNKNOWN);
}

uint64_t circuit_peak_p95(const struct circuit *c)
{
	uint64_t peak[CIRCUIT_RING];
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->ring_count; i++) { /* sorted in */
		uint64_t bytes = c->ring[i].peak_bytes;
		if (bytes == 0)
			continue;
		uint32_t at = n++;
		for (; at > 0 && peak[at - 1] > bytes; at--)
			peak[at] = peak[at - 1];
		peak[at] = bytes;
	}
	return n == 0 ? 0 : peak[(n * 95 + 99) / 100 - 1];
}
