/* A job as JSON: doc/status.md. */
#include <string.h>

#include "base/num.h"
#include "base/utc.h"
#include "cmd/status.h"
#include "os/clock.h"
#include "os/users.h"
#include "run/circuit_plan.h"

#define RUNS_SHOWN 32 /* of one job */

static void json_duration(struct json *j, const char *key, uint64_t ns)
{
	if (ns == NUM_NONE)
		json_null(j, key);
	else
		json_seconds(j, key, ns, 3);
}

static void json_time(struct json *j, const char *key, uint64_t wall_ns)
{
	BUF(text, 40);
	utc_format(&text, wall_ns);
	json_str(j, key, wall_ns > 0 ? text.at : NULL);
}

static void json_live(struct json *j, const struct live *l)
{
	json_open(j, NULL, '{');
	json_str(j, "run_id", l->head.run_id);
	json_str(j, "state", l->state);
	if (l->rule[0] != '\0') {
		json_bytes(j, "frozen_for", l->rule, strnlen(l->rule, sizeof(l->rule)));
		json_duration(j, "frozen_left", l->frozen_left_ns);
	}
	json_i64(j, "front_pid", l->head.front.pid);
	json_time(j, "started", l->head.started_wall_ns);
	json_seconds(j, "age", l->age_ns, 3);
	json_u64(j, "processes", l->procs);
	json_u64(j, "rss", l->rss_bytes);
	json_duration(j, "timeout", l->head.timeout_ns);
	json_duration(j, "timeout_left",
		      l->head.timeout_ns == NUM_NONE       ? NUM_NONE
		      : l->head.timeout_ns > l->counted_ns ? l->head.timeout_ns - l->counted_ns
							   : 0);
	json_close(j, '}');
}

static void json_end(struct json *j, const struct past_run *run, bool whole)
{
	json_str(j, "run_id", run->run_id);
	json_str(j, "outcome", run->outcome);
	json_i64(j, "exit_status", run->exit_status);
	json_time(j, "ended", run->ended_wall_ns);
	json_seconds(j, "took", run->wall_ns, 3);
	if (!whole)
		return;
	json_time(j, "started", run->started_wall_ns);
	json_str(j, "cause", run->cause);
	if (run->detail[0] != '\0')
		json_str(j, "detail", run->detail);
	if (run->sender_pid > 0) {
		json_i64(j, "sender_pid", run->sender_pid);
		json_i64(j, "sender_uid", run->sender_uid);
		json_str(j, "sender_comm", run->sender_comm);
	}
	if (run->log)
		json_str(j, "log", run->log);
	json_u64(j, "peak_rss", run->peak_rss_bytes);
	json_u64(j, "peak_processes", run->peak_procs);
}

static void json_budget(struct json *j, const struct budget *b)
{
	uint64_t used = budget_used(b);

	json_open(j, NULL, '{');
	json_str(j, "key", b->key);
	json_micro(j, "used", used);
	json_micro(j, "limit", b->limit);
	json_seconds(j, "per", b->per_ns, 3);
	json_bool(j, "used_up", used >= b->limit);
	if (used > 0)
		json_seconds(j, "less_in", budget_room_in(b, used), 3);
	if (used >= b->limit)
		json_seconds(j, "room_in", budget_room_in(b, b->limit), 3);
	json_close(j, '}');
}

void status_json_job(struct json *j, const struct shown_job *job)
{
	const struct past_job *past = job->past;
	size_t runs = 0;
	char user[64];

	os_user_name(job->owner, user, sizeof(user));
	json_open(j, NULL, '{');
	json_str(j, "job", job->name);
	json_u64(j, "uid", job->owner);
	json_str(j, "user", user);
	json_open(j, "runs", '[');
	for (size_t i = status_next_live(job, 0); i < job->live_count && runs < RUNS_SHOWN;
	     i = status_next_live(job, i + 1)) {
		json_live(j, &job->live[i]);
		runs++;
	}
	json_close(j, ']');
	if (past && past->count > 0) {
		json_open(j, "last", '{');
		json_end(j, &past->run[0], true);
		json_close(j, '}');
	}
	json_open(j, "outcomes", '[');
	for (size_t i = 0; past && i < past->count; i++) {
		json_open(j, NULL, '{');
		json_end(j, &past->run[i], false);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "budgets", '[');
	for (uint32_t i = 0; i < job->budgets->count; i++)
		json_budget(j, &job->budgets->at[i]);
	json_close(j, ']');
	if (job->has_damage)
		json_bool(j, "budgets_damaged", true);
	json_open(j, "breaker", '{');
	circuit_plan_json(j, job->circuit, os_clock_wall_ns());
	json_close(j, '}');
	json_u64(j, "refused", job->refused);
	json_close(j, '}');
}
