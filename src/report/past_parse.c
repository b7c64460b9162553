#include "report/past_parse.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/utc.h"
#include "codec/history.h"
#include "report/backward.h"
#include "report/past.h"

#define SECONDS_MAX 1e10 /* three hundred years: more is no time of ours */
#define DETAIL_KEY  "spawnguard.detail"

/* An intact line as an object to be given back by json_decref; NULL. */
static json_t *load(const struct backward_line *line)
{
	if (!history_line_is_intact(line->at, line->n))
		return NULL;
	json_t *object = json_loadb(line->at, line->n, 0, NULL);
	if (json_is_object(object))
		return object;
	json_decref(object);
	return NULL;
}

static void get_text(const json_t *object, const char *key, char *out, size_t n)
{
	struct buf text;
	const char *value = json_string_value(json_object_get(object, key));
	buf_init(&text, out, n);
	if (value)
		buf_str(&text, value);
}

static int64_t get_int(const json_t *object, const char *key, int64_t unknown)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) ? json_integer_value(value) : unknown;
}

static uint64_t get_u64(const json_t *object, const char *key)
{
	int64_t value = get_int(object, key, 0);
	return value > 0 ? (uint64_t)value : 0;
}

/* An exit status, a signal: small and not negative. */
static int get_small(const json_t *object, const char *key, int unknown)
{
	int64_t value = get_int(object, key, unknown);
	return value >= 0 && value <= 255 ? (int)value : unknown;
}

static uint64_t get_seconds(const json_t *object, const char *key, uint64_t unknown)
{
	const json_t *value = json_object_get(object, key);
	if (!json_is_number(value))
		return unknown;
	double s = json_number_value(value);
	return s >= 0 && s < SECONDS_MAX ? (uint64_t)(s * 1e9 + 0.5) : unknown;
}

static uint64_t get_time(const struct backward_line *line)
{
	uint64_t wall_ns;
	return utc_parse(line->peek.time.at, line->peek.time.n, &wall_ns) < 0 ? 0 : wall_ns;
}

/* Copy of a text, owned; NULL if there is none. */
static char *get_copy(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));
	return value && value[0] != '\0' ? strdup(value) : NULL;
}

static void parse_who(struct past_run *run, const json_t *object)
{
	get_text(object, "spawnguard.run.id", run->run_id, sizeof(run->run_id));
	get_text(object, "spawnguard.job", run->job, sizeof(run->job));
	get_text(object, "spawnguard.parent_run.id", run->parent_run_id, sizeof(run->parent_run_id));
}

/* The start tells where it goes, the end whether it was kept. */
static void parse_log(struct past_run *run, const json_t *object)
{
	free(run->log);
	run->log = get_copy(object, "spawnguard.log");
}

static void parse_end(struct past_run *run, const json_t *object, uint64_t wall_ns)
{
	const json_t *sender = json_object_get(object, "spawnguard.sender");

	run->has_end = true;
	parse_log(run, object);
	get_text(object, "spawnguard.outcome", run->outcome, sizeof(run->outcome));
	get_text(object, "spawnguard.cause", run->cause, sizeof(run->cause));
	get_text(object, "spawnguard.written_by", run->written_by, sizeof(run->written_by));
	get_text(object, DETAIL_KEY, run->detail, sizeof(run->detail));
	run->exit_status = get_small(object, "spawnguard.exit_status", -1);
	run->exit_code = get_small(object, "process.exit.code", -1);
	run->signal = get_small(object, "process.exit.signal", 0);
	run->ended_wall_ns = wall_ns;
	run->wall_ns = get_seconds(object, "spawnguard.wall", 0);
	run->user_ns = get_seconds(object, "spawnguard.cpu.user", 0);
	run->system_ns = get_seconds(object, "spawnguard.cpu.system", 0);
	run->peak_rss_bytes = get_u64(object, "spawnguard.peak.rss");
	run->peak_procs = get_u64(object, "spawnguard.peak.processes");
	run->seen = get_u64(object, "spawnguard.members.seen");
	run->ended = get_u64(object, "spawnguard.members.ended");
	run->killed = get_u64(object, "spawnguard.members.killed");
	run->left = get_u64(object, "spawnguard.members.left");
	run->survivors = get_u64(object, "spawnguard.members.survivors");
	run->sender_pid = get_int(sender, "pid", 0);
	run->sender_uid = get_int(sender, "uid", -1);
	get_text(sender, "comm", run->sender_comm, sizeof(run->sender_comm));
	get_text(sender, "run", run->sender_run, sizeof(run->sender_run));
	if (!run->has_start)
		run->started_wall_ns = wall_ns > run->wall_ns ? wall_ns - run->wall_ns : 0;
}

static char *join_command(const json_t *object)
{
	const json_t *args = json_object_get(object, "process.command_args");
	const json_t *arg;
	size_t i, room = 8 * HISTORY_COMMAND_MAX;
	struct buf text;

	AUTO_FREE char *bytes = malloc(room);
	if (!bytes || json_array_size(args) == 0)
		return NULL;
	buf_init(&text, bytes, room);
	json_array_foreach(args, i, arg)
	{
		const char *word = json_string_value(arg);
		if (i > 0)
			buf_char(&text, ' ');
		if (word)
			escape_word(&text, word, strlen(word), 0);
	}
	return strdup(bytes);
}

static void parse_start(struct past_run *run, const json_t *object, uint64_t wall_ns)
{
	const json_t *limits = json_object_get(object, "spawnguard.limits");

	run->has_start = true;
	if (!run->has_end)
		parse_log(run, object);
	run->started_wall_ns = wall_ns;
	free(run->command);
	run->command = join_command(object);
	run->front_pid = get_int(object, "process.pid", 0);
	run->uid = get_int(object, "process.user.id", -1);
	run->timeout_ns = get_seconds(limits, "timeout", NUM_NONE);
	run->kill_after_ns = get_seconds(limits, "kill_after", NUM_NONE);
}

static bool is_event(const struct backward_line *line, const char *event)
{
	return line->peek.event.n == strlen(event) && memcmp(line->peek.event.at, event, strlen(event)) == 0;
}

int past_parse(struct past_run *run, const struct backward_line *line)
{
	json_t *object = load(line);
	if (!object)
		return -EBADMSG;
	parse_who(run, object);
	if (is_event(line, "end"))
		parse_end(run, object, get_time(line));
	else if (is_event(line, "start"))
		parse_start(run, object, get_time(line));
	json_decref(object);
	return 0;
}

char *past_parse_tail(const struct backward_line *line)
{
	json_t *object = load(line);
	char *tail = object ? get_copy(object, "spawnguard.stderr.tail") : NULL;
	json_decref(object);
	return tail;
}

int past_parse_refusals(const struct backward_line *line, uint64_t *out_count)
{
	json_t *object = load(line);
	if (!object)
		return -EBADMSG;
	*out_count = get_u64(object, "spawnguard.refusals");
	json_decref(object);
	return 0;
}

int past_parse_event(const struct backward_line *line, struct past_event *out)
{
	json_t *object = load(line);
	if (!object)
		return -EBADMSG;
	out->wall_ns = get_time(line);
	out->refusals = get_u64(object, "spawnguard.refusals");
	get_text(object, "spawnguard.run.id", out->run_id, sizeof(out->run_id));
	get_text(object, "spawnguard.job", out->job, sizeof(out->job));
	get_text(object, "spawnguard.reason", out->reason, sizeof(out->reason));
	json_decref(object);
	return 0;
}

int past_parse_breaker(const struct backward_line *line, struct past_breaker *out)
{
	json_t *object = load(line);
	if (!object)
		return -EBADMSG;
	const json_t *breaker = json_object_get(object, "spawnguard.breaker");
	*out = (struct past_breaker){ .wall_ns = get_time(line) };
	get_text(object, "spawnguard.run.id", out->run_id, sizeof(out->run_id));
	get_text(object, "spawnguard.job", out->job, sizeof(out->job));
	get_text(breaker, "from", out->from, sizeof(out->from));
	get_text(breaker, "to", out->to, sizeof(out->to));
	get_text(breaker, "text", out->text, sizeof(out->text));
	json_decref(object);
	return 0;
}

static uint64_t get_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value)
									: UINT64_MAX;
}

static void parse_witnesses(struct finding *f, const json_t *list)
{
	for (size_t i = 0; i < FINDING_WITNESSES && i < json_array_size(list); i++) {
		const json_t *of = json_array_get(list, i);
		int64_t pid = get_int(of, "pid", 0);
		uint64_t value = get_number(of, "value");

		f->witness[i].pid = pid > 0 && pid <= INT32_MAX ? (int32_t)pid : 0;
		f->witness[i].value = value == UINT64_MAX ? 0 : value;
		get_text(of, "comm", f->witness[i].comm, sizeof(f->witness[i].comm));
	}
}

int past_parse_flag(const struct backward_line *line, struct past_flag *out)
{
	json_t *object = load(line);
	if (!object)
		return -EBADMSG;
	const json_t *flag = json_object_get(object, "spawnguard.flag");
	*out = (struct past_flag){ .wall_ns = get_time(line) };
	get_text(object, "spawnguard.run.id", out->run_id, sizeof(out->run_id));
	get_text(object, "spawnguard.job", out->job, sizeof(out->job));
	get_text(flag, "rule", out->rule, sizeof(out->rule));
	get_text(flag, "severity", out->severity, sizeof(out->severity));
	get_text(flag, "text", out->finding.text, sizeof(out->finding.text));
	out->finding.rule = out->rule;
	out->finding.value = get_number(flag, "value");
	out->finding.bound = get_number(flag, "bound");
	parse_witnesses(&out->finding, json_object_get(flag, "witnesses"));
	json_decref(object);
	return 0;
}
