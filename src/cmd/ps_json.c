/* A run as JSON: doc/ps.md. */
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "base/utc.h"
#include "cmd/ps.h"
#include "codec/json_write.h"
#include "os/clock.h"
#include "os/users.h"
#include "run/describe.h"
#include "run/find.h"
#include "run/slot_of.h"

static void put_seconds(struct json *j, const char *key, uint64_t ns)
{
	if (ns == NUM_NONE)
		json_null(j, key);
	else
		json_seconds(j, key, ns, 3);
}

static void put_member(struct json *j, const struct ps_process *p)
{
	const char state[] = { p->state, '\0' };

	json_open(j, NULL, '{');
	json_i64(j, "pid", p->pid);
	json_i64(j, "ppid", p->ppid);
	json_str(j, "kind", ps_kind_name[p->kind]);
	json_u64(j, "depth", p->depth);
	if (p->has_uid)
		json_u64(j, "uid", p->uid);
	if (p->has_stat) {
		json_str(j, "state", state);
		json_seconds(j, "age", p->age_ns, 2);
		json_seconds(j, "cpu", p->cpu_ns, 2);
		json_u64(j, "threads", p->threads);
	}
	json_u64(j, "rss", p->rss_bytes);
	json_bool(j, "leftover", p->is_leftover);
	json_bytes(j, "comm", p->comm, strnlen(p->comm, sizeof(p->comm)));
	json_close(j, '}');
}

static void put_times(struct json *j, const struct ps_run *run)
{
	const struct record_head *head = &run->view->record.head;
	BUF(started, 40);

	utc_format(&started, head->started_wall_ns);
	json_str(j, "started", started.at);
	json_seconds(j, "age", run->age_ns, 3);
	put_seconds(j, "timeout", head->timeout_ns);
	put_seconds(j, "timeout_left",
		    head->timeout_ns == NUM_NONE         ? NUM_NONE
		    : head->timeout_ns > run->counted_ns ? head->timeout_ns - run->counted_ns
							 : 0);
}

static void put_slot(struct json *j, const struct ps_run *run)
{
	const struct record_head *head = &run->view->record.head;
	BUF(group, ESCAPE_NAME_MAX + 1);

	if (head->slot == 0)
		return;
	slot_of(run->dir, run->owner, head, &group);
	json_bytes(j, "slot_group", group.at, group.len);
	json_u64(j, "slot", head->slot);
	json_u64(j, "slots", head->slots);
}

void ps_json_run(struct json *j, const struct ps_run *run, void (*flush)(void *with), void *with)
{
	const struct record_head *head = &run->view->record.head;
	char user[64];
	BUF(command, 4096);

	os_user_name(run->owner, user, sizeof(user));
	describe_command(&command, head, 0);
	json_open(j, NULL, '{');
	json_str(j, "job", head->job);
	json_str(j, "run_id", head->run_id);
	if (head->parent_run_id[0] != '\0')
		json_str(j, "parent_run_id", head->parent_run_id);
	json_str(j, "state", run->state);
	const char *rule = describe_frozen_rule(run->view);
	if (rule) {
		json_bytes(j, "frozen_for", rule, strlen(rule));
		put_seconds(j, "frozen_left", describe_frozen_left_ns(run->view, os_clock_boot_ns()));
	}
	json_i64(j, "front_pid", head->front.pid);
	json_i64(j, "warden_pid", run->view->record.state.warden.pid);
	json_i64(j, "job_pid", run->view->record.state.job_pid);
	json_u64(j, "uid", run->owner);
	json_str(j, "user", user);
	put_times(j, run);
	json_bytes(j, "command", command.at, command.len);
	json_str(j, "working_directory", head->cwd);
	if (head->task[0] != '\0')
		json_str(j, "task", head->task);
	if (head->step[0] != '\0')
		json_str(j, "step", head->step);
	put_slot(j, run);
	if (head->expected_bytes > 0)
		json_u64(j, "claim", head->expected_bytes);
	if (head->log[0] != '\0')
		json_str(j, "log", head->log);
	json_str(j, "rung_identity", head->identity);
	json_u64(j, "processes", run->count);
	json_u64(j, "threads", run->threads);
	json_u64(j, "rss", run->rss_bytes);
	json_seconds(j, "cpu", run->cpu_ns, 2);
	json_open(j, "members", '[');
	for (size_t i = 0; i < run->count; i++) {
		put_member(j, &run->member[i]);
		flush(with);
	}
	json_close(j, ']');
	json_close(j, '}');
}
