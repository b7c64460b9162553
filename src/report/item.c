#include "report/item.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "report/backward.h"

#define SECONDS_MAX 1e10
#define MICRO       1e6

static void get_text(const json_t *object, const char *key, char *out, size_t n)
{
	const char *value = json_string_value(json_object_get(object, key));
	struct buf text;

	buf_init(&text, out, n);
	buf_str(&text, value ? value : "");
}

/* Owned; NULL: there is none, or no memory for it, which comes to the same. */
static char *get_copy(const json_t *object, const char *key, size_t *out_n)
{
	const json_t *value = json_object_get(object, key);
	size_t n = json_string_length(value);
	char *copy = json_is_string(value) ? malloc(n + 1) : NULL;

	if (!copy)
		return NULL;
	memcpy(copy, json_string_value(value), n);
	copy[n] = '\0';
	*out_n = n;
	return copy;
}

static int get_small(const json_t *object, const char *key, int unknown)
{
	const json_t *value = json_object_get(object, key);
	json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;

	return number >= 0 && number <= 255 ? (int)number : unknown;
}

static void take_yield(struct item_end *end, const json_t *yield)
{
	const json_t *value = json_object_get(yield, "value");
	const char *of = json_string_value(json_object_get(yield, "of"));
	double number = json_number_value(value);

	end->yield = UINT64_MAX;
	get_text(yield, "reason", end->reason, sizeof(end->reason));
	if (!json_is_number(value) || number < 0)
		return;
	end->is_micro = of && strncmp(of, "counter:", 8) == 0;
	number *= end->is_micro ? MICRO : 1;
	if (number < 1.8e19)
		end->yield = (uint64_t)(number + 0.5);
}

int item_parse(const char *text, size_t n, struct item_end *out_end)
{
	json_t *object = json_loadb(text, n, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, NULL);
	size_t ignored;

	if (!json_is_object(object)) {
		json_decref(object);
		return -EBADMSG;
	}
	memset(out_end, 0, sizeof(*out_end));
	get_text(object, "event", out_end->event, sizeof(out_end->event));
	get_text(object, "spawnguard.outcome", out_end->outcome, sizeof(out_end->outcome));
	get_text(object, "spawnguard.cause", out_end->cause, sizeof(out_end->cause));
	get_text(object, "spawnguard.run.id", out_end->run_id, sizeof(out_end->run_id));
	get_text(object, "spawnguard.step", out_end->step, sizeof(out_end->step));
	get_text(object, "spawnguard.reason", out_end->refused_for, sizeof(out_end->refused_for));
	get_text(object, "spawnguard.fingerprint", out_end->print, sizeof(out_end->print));
	out_end->exit_status = get_small(object, "spawnguard.exit_status", -1);
	out_end->exit_code = get_small(object, "process.exit.code", -1);
	out_end->exit_signal = get_small(object, "process.exit.signal", 0);
	double s = json_number_value(json_object_get(object, "spawnguard.wall"));
	out_end->wall_ns = s > 0 && s < SECONDS_MAX ? (uint64_t)(s * 1e9 + 0.5) : 0;
	take_yield(out_end, json_object_get(object, "spawnguard.yield"));
	out_end->tail = get_copy(object, "spawnguard.stderr.tail", &out_end->tail_n);
	out_end->is_tail_cut = json_is_true(json_object_get(object, "spawnguard.stderr.cut"));
	out_end->detail = get_copy(object, "spawnguard.detail", &ignored);
	json_decref(object);
	return 0;
}

void item_release(struct item_end *end)
{
	free(end->tail);
	free(end->detail);
	end->tail = end->detail = NULL;
}

struct search {
	const char *job, *step;
	struct item_end *out;
};

/* Most lines are of others: what is asked first costs least. */
static int look_at(void *with, const struct backward_line *line)
{
	const struct search *s = with;
	BUF(key, 128);

	buf_str(&key, "\"spawnguard.step\":\"");
	escape_json(&key, s->step, strlen(s->step));
	buf_char(&key, '"');
	if (line->peek.event.n != 3 || memcmp(line->peek.event.at, "end", 3) != 0 ||
	    !memmem(line->at, line->n, key.at, key.len) || !history_line_is_intact(line->at, line->n) ||
	    item_parse(line->at, line->n, s->out) < 0)
		return 0;
	json_t *object = json_loadb(line->at, line->n, JSON_ALLOW_NUL, NULL);
	const char *job = json_string_value(json_object_get(object, "spawnguard.job"));
	bool is_it = job && strcmp(job, s->job) == 0 && strcmp(s->out->step, s->step) == 0;
	json_decref(object);
	if (!is_it)
		item_release(s->out);
	return is_it;
}

int item_find(int keep_fd, uid_t owner, const char *job, const char *step, struct item_end *out_end)
{
	struct search search = { .job = job, .step = step, .out = out_end };
	uint64_t damaged = 0;

	int r = backward_each(keep_fd, owner, look_at, &search, &damaged);
	return r < 0 ? r : r > 0 ? 0 : -ENOENT;
}
