/* A breaker as JSON: doc/breaker.md. */
#include <string.h>

#include "base/buf.h"
#include "base/utc.h"
#include "cmd/breaker.h"
#include "run/circuit_plan.h"

static const char *name_of_start(enum circuit_start start)
{
	return start == CIRCUIT_START_TRIAL ? "trial" : start == CIRCUIT_START_FORCED ? "forced" : "normal";
}

static void json_ended(struct json *j, const struct circuit_end *end, uint64_t now_wall_ns)
{
	BUF(at, 40);

	utc_format(&at, now_wall_ns > end->ago_ns ? now_wall_ns - end->ago_ns : 0);
	json_open(j, NULL, '{');
	json_str(j, "run_id", end->run_id);
	json_str(j, "class", end->failure == FAILURE_NONE ? "ok" : failure_name(end->failure));
	json_str(j, "start", name_of_start(end->start));
	json_str(j, "ended", at.at);
	json_seconds(j, "took", end->took_ns, 3);
	if (end->print[0] != '\0')
		json_str(j, "fingerprint", end->print);
	if (end->peak_bytes > 0)
		json_u64(j, "peak_rss", end->peak_bytes);
	json_close(j, '}');
}

void breaker_json_job(struct json *j, const struct shown_breaker *job)
{
	const struct circuit *c = &job->breaker->circuit;

	json_open(j, NULL, '{');
	json_bytes(j, "job", job->name, strlen(job->name));
	if (job->is_damaged)
		json_bool(j, "damaged", true);
	circuit_plan_json(j, c, job->now_wall_ns);
	json_u64(j, "counted", c->failed_count);
	json_open(j, "ends", '[');
	for (uint32_t i = c->ring_count; i-- > 0;)
		json_ended(j, &c->ring[i], job->now_wall_ns);
	json_close(j, ']');
	breaker_json_tasks(j, job);
	if (job->tail)
		json_bytes(j, "stderr", job->tail, strlen(job->tail));
	json_close(j, '}');
}
