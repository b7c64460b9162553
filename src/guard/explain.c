#include "guard/explain.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/utc.h"
#include "codec/json_write.h"
#include "core/circuit.h"
#include "guard/admission.h"
#include "guard/budget.h"
#include "guard/conflict.h"
#include "guard/output.h"
#include "guard/precheck.h"
#include "guard/run.h"
#include "guard/slot.h"
#include "guard/task.h"
#include "guard/watch.h"
#include "os/clock.h"
#include "os/say.h"
#include "run/circuit_plan.h"
#include "run/describe.h"

#define COMMAND_COLUMNS 60
#define NAME_COLUMN     14
#define TEXT_COLUMN     22 /* two blanks, the name, the verdict */
#define SCHEDULE_COLUMN 14
#define STEP_COLUMNS    8

static void ask_name(struct run *run, struct explain *e);
static void ask_limits(struct run *run, struct explain *e);
static void ask_counts(struct run *run, struct explain *e);

/* clang-format off */
static const struct {
	const char *word;  /* of a rule */
	const char *would; /* of the whole, in JSON */
	const char *start; /* of the whole, for people */
} verdicts[EXPLAIN_VERDICT_COUNT] = {
	[EXPLAIN_PASS]    = { "ok",      "start",   "would start: " },
	[EXPLAIN_NOTE]    = { "ok",      "start",   "would start: " },
	[EXPLAIN_WAIT]    = { "wait",    "wait",    "would wait: " },
	[EXPLAIN_REPLACE] = { "replace", "replace", "would end it and start in its place: " },
	[EXPLAIN_SKIP]    = { "skip",    "skip",    "would not start, and be content: " },
	[EXPLAIN_REFUSE]  = { "NO",      "refuse",  "would not start: " },
};

/* In the order of run_start. */
static void (*const rules[])(struct run *run, struct explain *e) = {
	ask_name,
	ask_limits,
	conflict_explain,
	slot_explain,
	circuit_explain,
	ask_counts,
	budget_explain,
	task_explain,
	precheck_explain,
	admission_explain,
};
/* clang-format on */

struct explain_rule *explain_add(struct explain *e, const char *name)
{
	assert(e->count < COUNT_OF(e->rule));
	struct explain_rule *rule = &e->rule[e->count++];
	rule->name = name;
	rule->verdict = EXPLAIN_PASS;
	rule->in_ns = NUM_NONE;
	buf_init(&rule->text, rule->text_bytes, sizeof(rule->text_bytes));
	buf_init(&rule->change, rule->change_bytes, sizeof(rule->change_bytes));
	return rule;
}

static void ask_name(struct run *run, struct explain *e)
{
	struct explain_rule *rule = explain_add(e, "name");

	escape_text(&rule->text, run->name, strlen(run->name), 0);
	if (!run->job->name) {
		rule->verdict = EXPLAIN_NOTE;
		buf_str(&rule->text,
			": made of the program and its arguments: with others it is another job");
		buf_str(&rule->change, "--name, which is the same whatever the arguments");
	}
}

/* --require-limits has been asked before: then nobody comes here. */
static void ask_limits(struct run *run, struct explain *e)
{
	BUF(why, 256);

	if (!watch_cannot(run->job, &why))
		return;
	struct explain_rule *rule = explain_add(e, "limits");
	rule->verdict = EXPLAIN_NOTE;
	buf_mem(&rule->text, why.at, why.len);
	buf_str(&rule->text, "; the run goes on without");
}

/* Each rule that could open the breaker, and how near it is: what it has opened, circuit_explain has told. */
static void ask_counts(struct run *run, struct explain *e)
{
	(void)run;
	for (unsigned i = 0; i < CIRCUIT_RULE_COUNT; i++) {
		BUF(text, 256);
		if (circuit_plan_gauge(&text, e->circuit, (enum circuit_rule)i))
			buf_mem(&explain_add(e, circuit_rule_name((enum circuit_rule)i))->text, text.at,
				text.len);
	}
}

/* A start stops at the first that refuses, or that says it is not to be; else it goes by the gravest. */
static const struct explain_rule *decides(const struct explain *e)
{
	const struct explain_rule *worst = &e->rule[0];

	for (uint32_t i = 0; i < e->count; i++) {
		const struct explain_rule *rule = &e->rule[i];
		if (rule->verdict >= EXPLAIN_SKIP)
			return rule;
		if (rule->verdict > worst->verdict)
			worst = rule;
	}
	return worst;
}

/* --- for people ------------------------------------------------------------------------------------------
 */

static void pad_to(struct buf *out, size_t from, size_t columns)
{
	do
		buf_char(out, ' ');
	while (out->len - from < columns && !out->cut);
}

static void put_facts(struct buf *out, const struct run *run)
{
	if (run->argv[0]) {
		buf_str(out, "\ncommand: ");
		describe_command(out, &run->head, COMMAND_COLUMNS);
		buf_str(out, "\nprogram: ");
		escape_text(out, run->program, strlen(run->program), 0);
	}
	buf_str(out, "\nstate:   ");
	escape_text(out, run->dir.path, strlen(run->dir.path), 0);
	buf_str(out, "\ntimeout: ");
	num_format_duration(out, run->job->timeout_ns);
	buf_str(out, ", kill after ");
	num_format_duration(out, run->job->kill_after_ns);
	output_explain(out, run);
	isolate_explain(out, run);
	if (run->job->splay_ns != NUM_NONE) {
		buf_str(out, "\nsplay:   started after a random time of at most ");
		num_format_duration(out, run->job->splay_ns);
	}
	parent_explain(out, run);
	hook_explain(out, run);
	attempt_explain(out, run);
	buf_char(out, '\n');
}

static void put_rule(struct buf *out, const struct explain_rule *rule)
{
	size_t from = out->len;

	buf_str(out, "  ");
	buf_str(out, rule->name);
	pad_to(out, from, 2 + NAME_COLUMN);
	buf_str(out, verdicts[rule->verdict].word);
	pad_to(out, from, TEXT_COLUMN + 2);
	buf_mem(out, rule->text.at, rule->text.len);
	buf_char(out, '\n');
	from = out->len;
	if (rule->change.len > 0) {
		pad_to(out, from, TEXT_COLUMN + 2);
		buf_str(out, "to change it: ");
		buf_mem(out, rule->change.at, rule->change.len);
		buf_char(out, '\n');
	}
	from = out->len;
	if (rule->in_ns != NUM_NONE) {
		pad_to(out, from, TEXT_COLUMN + 2);
		buf_str(out, "by itself: in ");
		num_format_duration(out, rule->in_ns);
		buf_str(out, ", at ");
		utc_format(out, os_clock_wall_ns() + rule->in_ns);
		buf_char(out, '\n');
	}
}

/* What comes after each failure of a class. */
static void put_schedule(struct buf *out, const struct circuit *c)
{
	if (!c->is_open && !circuit_rules_are_set(&c->rules))
		return; /* then nothing waits */
	buf_str(out, "waits, once the breaker opens for a class (+: where it stands):\n");
	for (unsigned i = FAILURE_FIRST; i < FAILURE_COUNT; i++) {
		const struct circuit_steps *steps = circuit_steps_of(&c->rules, (enum failure)i);
		uint32_t next = c->level[i] < steps->count ? c->level[i] : steps->count - 1;
		size_t from = out->len;
		buf_str(out, "  ");
		buf_str(out, failure_name((enum failure)i));
		pad_to(out, from, SCHEDULE_COLUMN);
		for (uint32_t n = 0; n < steps->count; n++) {
			size_t at = out->len;
			if (n == next && c->level[i] > 0)
				buf_char(out, '+');
			num_format_duration(out, steps->ns[n]);
			if (n + 1 == steps->count)
				buf_str(out, " each");
			else
				pad_to(out, at, STEP_COLUMNS);
		}
		buf_char(out, '\n');
	}
}

static void put_text(struct buf *out, const struct run *run, const struct explain *e)
{
	const struct explain_rule *one = decides(e);

	buf_str(out, verdicts[one->verdict].start);
	if (one->verdict >= EXPLAIN_WAIT)
		buf_mem(out, one->text.at, one->text.len);
	else
		escape_text(out, run->name, strlen(run->name), 0);
	put_facts(out, run);
	buf_str(out, "asked, in this order:\n");
	for (uint32_t i = 0; i < e->count; i++)
		put_rule(out, &e->rule[i]);
	put_schedule(out, e->circuit);
}

/* --- for programs ----------------------------------------------------------------------------------------
 */

static void json_duration(struct json *j, const char *key, uint64_t ns)
{
	if (ns == NUM_NONE)
		json_null(j, key);
	else
		json_seconds(j, key, ns, 3);
}

static void json_rule(struct json *j, const struct explain_rule *rule)
{
	BUF(at, 40);

	json_open(j, NULL, '{');
	json_str(j, "rule", rule->name);
	json_str(j, "verdict", rule->verdict <= EXPLAIN_NOTE ? "pass" : verdicts[rule->verdict].would);
	json_bytes(j, "text", rule->text.at, rule->text.len);
	if (rule->change.len > 0)
		json_bytes(j, "change", rule->change.at, rule->change.len);
	if (rule->in_ns != NUM_NONE) {
		utc_format(&at, os_clock_wall_ns() + rule->in_ns);
		json_seconds(j, "in", rule->in_ns, 3);
		json_str(j, "at", at.at);
	}
	json_close(j, '}');
}

static void put_json(struct buf *out, const struct run *run, const struct explain *e)
{
	const struct explain_rule *one = decides(e);
	struct json j;

	json_init(&j, out);
	json_open(&j, NULL, '{');
	json_u64(&j, "schema", 1);
	json_str(&j, "job", run->name);
	json_str(&j, "would", verdicts[one->verdict].would);
	json_i64(&j, "exit_status", one->verdict == EXPLAIN_REFUSE ? one->exit : 0);
	json_open(&j, "rules", '[');
	for (uint32_t i = 0; i < e->count; i++)
		json_rule(&j, &e->rule[i]);
	json_close(&j, ']');
	json_open(&j, "breaker", '{');
	circuit_plan_json(&j, e->circuit, os_clock_wall_ns());
	json_close(&j, '}');
	json_open(&j, "command", '[');
	for (char **arg = run->argv; *arg; arg++)
		json_str(&j, NULL, *arg);
	json_close(&j, ']');
	json_str(&j, "program", run->argv[0] ? run->program : NULL);
	json_str(&j, "state_dir", run->dir.path);
	json_duration(&j, "timeout", run->job->timeout_ns);
	json_duration(&j, "kill_after", run->job->kill_after_ns);
	json_close(&j, '}');
	buf_char(out, '\n');
}

int explain_print(struct run *run)
{
	static struct explain e;
	static char bytes[65536];
	struct buf out;

	buf_init(&out, bytes, sizeof(bytes));
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		rules[i](run, &e);
	if (run->job->json)
		put_json(&out, run, &e);
	else
		put_text(&out, run, &e);
	os_print(1, out.at, out.len);
	const struct explain_rule *one = decides(&e);
	return one->verdict == EXPLAIN_REFUSE ? one->exit : 0;
}
