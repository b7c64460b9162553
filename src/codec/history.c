#include "codec/history.h"

#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/ring.h"
#include "base/utc.h"
#include "codec/json_write.h"

/* Where a whole start line would not fit (a control character takes six bytes): these many bytes of each. */
#define BRIEF_COMMAND_MAX 768
#define BRIEF_PROGRAM_MAX 256
#define BRIEF_TAG_MAX     16

static void stamp(struct json *j, const char *key, uint64_t wall_ns)
{
	BUF(text, 40);
	utc_format(&text, wall_ns);
	json_str(j, key, text.at);
}

static void optional(struct json *j, const char *key, const char *text)
{
	if (text && text[0] != '\0')
		json_str(j, key, text);
}

static void begin(struct json *j, struct buf *out, const char *event, uint64_t wall_ns)
{
	json_init(j, out);
	json_open(j, NULL, '{');
	json_u64(j, "schema", HISTORY_SCHEMA);
	json_str(j, "event", event);
	stamp(j, "time", wall_ns);
}

static void identify(struct json *j, const struct record_head *head)
{
	json_str(j, "spawnguard.run.id", head->run_id);
	json_str(j, "spawnguard.job", head->job);
	optional(j, "spawnguard.parent_run.id", head->parent_run_id);
	optional(j, "spawnguard.task", head->task);
	optional(j, "spawnguard.step", head->step);
}

static void duration(struct json *j, const char *key, uint64_t ns)
{
	if (ns == NUM_NONE)
		json_null(j, key);
	else
		json_seconds(j, key, ns, 3);
}

/* argv as a list, at most HISTORY_COMMAND_MAX bytes; the digest is of all of it. */
static void put_command(struct json *j, char *const *argv, uint64_t given_digest, bool brief)
{
	uint64_t digest = HASH_FNV_START;
	size_t left = brief ? BRIEF_COMMAND_MAX : HISTORY_COMMAND_MAX;
	bool cut = false;

	json_open(j, "process.command_args", '[');
	for (; *argv; argv++) {
		size_t n = strlen(*argv);
		digest = hash_fnv(digest, *argv, n + 1);
		size_t shown = n < left ? n : left;
		cut = cut || shown < n || left == 0;
		if (left > 0)
			json_bytes(j, NULL, *argv, shown);
		left -= shown;
		if (brief && left > 0)
			left--; /* its quotes count: there may be many */
	}
	json_close(j, ']');
	if (cut)
		json_bool(j, "spawnguard.command.cut", true);
	BUF(hex, 20);
	buf_hex(&hex, given_digest ? given_digest : digest, 16);
	json_str(j, "spawnguard.command.digest", hex.at);
}

static void put_pairs(struct json *j, const char *name, const char *const *tag, uint32_t count, bool brief)
{
	if (count == 0)
		return;
	json_open(j, name, '{');
	for (uint32_t i = 0; i < count; i++) {
		const char *eq = strchr(tag[i], '=');
		if (!eq)
			continue;
		BUF(key, 72);
		buf_mem(&key, tag[i], (size_t)(eq - tag[i]));
		json_bytes(j, key.at, eq + 1, strnlen(eq + 1, brief ? BRIEF_TAG_MAX : SIZE_MAX));
	}
	json_close(j, '}');
}

static void put_limit(struct json *j, const struct history_limit *l)
{
	json_open(j, l->name, '{');
	if (l->soft != UINT64_MAX)
		json_u64(j, "soft", l->soft);
	if (l->soft != UINT64_MAX && l->soft_per_ns > 0)
		json_seconds(j, "soft_per", l->soft_per_ns, 3);
	if (l->hard != UINT64_MAX)
		json_u64(j, "hard", l->hard);
	if (l->hard != UINT64_MAX && l->hard_per_ns > 0)
		json_seconds(j, "hard_per", l->hard_per_ns, 3);
	json_close(j, '}');
}

static void deadline(struct json *j, const char *key, uint64_t ns)
{
	if (ns != 0 && ns != NUM_NONE)
		json_seconds(j, key, ns, 3);
}

static void put_limits(struct json *j, const struct history_start *start)
{
	const struct record_head *head = start->head;
	static const char *const leftovers[] = { "end", "wait", "leave" };

	json_open(j, "spawnguard.limits", '{');
	duration(j, "timeout", head->timeout_ns);
	duration(j, "kill_after", head->kill_after_ns);
	json_i64(j, "signal", head->signal);
	json_str(j, "leftovers", head->leftovers < 3 ? leftovers[head->leftovers] : "unknown");
	deadline(j, "start_timeout", start->start_timeout_ns);
	deadline(j, "idle_timeout", start->idle_timeout_ns);
	deadline(j, "heartbeat", start->heartbeat_ns);
	for (uint32_t i = 0; i < start->limit_count; i++)
		put_limit(j, &start->limit[i]);
	put_pairs(j, "budgets", start->budget, start->budget_count, false);
	json_close(j, '}');
}

static void put_start(struct json *j, struct buf *out, const struct history_start *start, bool brief)
{
	const struct record_head *head = start->head;
	BUF(hex, 20);

	begin(j, out, "start", head->started_wall_ns);
	identify(j, head);
	json_i64(j, "process.pid", head->front.pid);
	json_u64(j, "process.user.id", head->uid);
	if (start->program && start->program[0] != '\0')
		json_bytes(j, "process.executable.path", start->program,
			   strnlen(start->program, brief ? BRIEF_PROGRAM_MAX : SIZE_MAX));
	optional(j, "process.working_directory", head->cwd);
	if (!brief) /* the end line has it too */
		optional(j, "spawnguard.log", head->log);
	put_command(j, start->argv, start->command_digest, brief);
	buf_hex(&hex, start->environ_digest, 16);
	json_str(j, "spawnguard.environ.digest", hex.at);
	put_pairs(j, "spawnguard.tags", start->tag, start->tag_count, brief);
	if (brief)
		json_bool(j, "spawnguard.cut", true);
	put_limits(j, start);
	if (head->flags & (RECORD_TRIAL | RECORD_FORCED))
		json_str(j, "spawnguard.start", head->flags & RECORD_TRIAL ? "trial" : "forced");
	json_str(j, "spawnguard.lock",
		 head->flags & RECORD_NO_LOCK  ? "none"
		 : head->flags & RECORD_SHARED ? "shared"
					       : "exclusive");
	if (head->expected_bytes > 0)
		json_u64(j, "spawnguard.expected.memory", head->expected_bytes);
	if (start->slot_group) {
		json_str(j, "spawnguard.slot.group", start->slot_group);
		json_u64(j, "spawnguard.slot.number", start->slot);
	}
	json_str(j, "spawnguard.rung.identity", head->identity);
	json_str(j, "spawnguard.rung.membership", head->cgroup[0] != '\0' ? "cgroup" : "children");
	if (!brief)
		optional(j, "spawnguard.cgroup", head->cgroup);
	if (head->flags & RECORD_ISOLATED)
		json_bool(j, "spawnguard.isolated", true);
	optional(j, "host.name", start->host_name);
	optional(j, "spawnguard.host.boot_id", head->host.boot_id);
	json_u64(j, "spawnguard.host.pid_namespace", head->host.pid_ns);
	json_u64(j, "spawnguard.host.time_namespace", head->host.time_ns);
}

void history_format_start(struct buf *out, const struct history_start *start)
{
	struct json j;

	buf_char(out, '\n');
	size_t at = out->len;
	put_start(&j, out, start, false);
	history_line_seal(out, at);
	if (!out->cut)
		return;
	buf_truncate(out, at);
	out->cut = false;
	put_start(&j, out, start, true);
	history_line_seal(out, at);
}

static void put_sender(struct json *j, int32_t pid, uint32_t uid, const char *comm, const char *run)
{
	if (pid <= 0)
		return;
	json_open(j, "spawnguard.sender", '{');
	json_i64(j, "pid", pid);
	json_u64(j, "uid", uid);
	optional(j, "comm", comm);
	optional(j, "run", run);
	json_close(j, '}');
}

static void put_status(struct json *j, const struct history_end *end)
{
	const struct run_figures *f = end->figures;

	json_str(j, "spawnguard.outcome", end->outcome);
	json_i64(j, "spawnguard.exit_status", end->exit_code);
	json_str(j, "spawnguard.cause", end->cause);
	if (f->has_status && (f->job_status & 0x7f) == 0)
		json_i64(j, "process.exit.code", (f->job_status >> 8) & 0xff);
	else if (f->has_status)
		json_i64(j, "process.exit.signal", f->job_status & 0x7f);
	put_sender(j, f->sender_pid, f->sender_uid, f->sender_comm, f->by_run);
	optional(j, "spawnguard.detail", end->detail);
	optional(j, "spawnguard.log", end->log);
}

static void put_figures(struct json *j, const struct history_end *end)
{
	const struct run_figures *f = end->figures;
	const struct record_head *head = end->head;
	uint64_t from = end->goes_on && f->attempt > 1 ? f->attempt_boot_ns : head->started_boot_ns;
	uint64_t took = f->ended_boot_ns > from ? f->ended_boot_ns - from : 0;

	json_seconds(j, "spawnguard.wall", took, 6);
	if (f->frozen_ns > 0)
		json_seconds(j, "spawnguard.frozen", f->frozen_ns, 6);
	json_seconds(j, "spawnguard.cpu.user", f->user_ns, 6);
	json_seconds(j, "spawnguard.cpu.system", f->system_ns, 6);
	json_u64(j, "spawnguard.peak.rss", f->peak_rss_bytes);
	json_u64(j, "spawnguard.peak.processes", f->peak_procs);
	json_u64(j, "spawnguard.peak.depth", f->peak_depth);
	json_u64(j, "spawnguard.members.seen", f->seen);
	json_u64(j, "spawnguard.members.ended", f->ended);
	json_u64(j, "spawnguard.members.killed", f->killed);
	json_u64(j, "spawnguard.members.left", f->left_alone);
	json_u64(j, "spawnguard.members.survivors", f->survivors);
	json_u64(j, "spawnguard.freed", f->freed_bytes);
	json_u64(j, "spawnguard.ticks", f->ticks);
	if (f->period_ns > 0)
		json_seconds(j, "spawnguard.period", f->period_ns, 3);
	if (end->births_rung) {
		json_u64(j, "spawnguard.births", f->births);
		json_str(j, "spawnguard.rung.births", end->births_rung);
	}
	if (f->births_missed > 0)
		json_u64(j, "spawnguard.births.missed", f->births_missed);
	optional(j, "spawnguard.rung.kill", end->kill_rung);
}

static void put_processes(struct json *j, const struct history_end *end)
{
	if (end->process_count == 0)
		return;
	json_open(j, end->figures->survivors > 0 ? "spawnguard.survivors" : "spawnguard.left", '[');
	for (uint32_t i = 0; i < end->process_count; i++) {
		const struct history_process *p = &end->process[i];
		char state[2] = { p->state, '\0' };
		json_open(j, NULL, '{');
		json_i64(j, "pid", p->pid);
		json_u64(j, "uid", p->uid);
		json_str(j, "state", state);
		json_bytes(j, "comm", p->comm, strnlen(p->comm, sizeof(p->comm)));
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_load(struct json *j, const struct history_end *end)
{
	static const char *const keys[] = { "cpu", "memory", "io" };

	if (!end->has_load)
		return;
	json_centi(j, "spawnguard.load1", end->load1_centi);
	json_open(j, "spawnguard.pressure", '{');
	for (unsigned i = 0; i < 3; i++)
		if (end->pressure_centi[i] != UINT32_MAX)
			json_centi(j, keys[i], end->pressure_centi[i]);
	json_close(j, '}');
}

/* NUL as what is no UTF-8: many readers of JSON refuse a line with \u0000. */
static void put_foreign(struct json *j, const char *key, const char *bytes, size_t n)
{
	char text[RING_MAX];

	n = n < sizeof(text) ? n : sizeof(text);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(bytes[i] != '\0' ? bytes[i] : '\xff');
	json_bytes(j, key, text, n);
}

/* At most `room` bytes of it; what was cut off may be half of a character. */
static void put_tail(struct json *j, const struct history_tail *t, size_t room)
{
	size_t shown = t->count < room ? t->count : room;
	const char *at = t->bytes + t->count - shown;

	optional(j, "spawnguard.stderr.detail", t->detail);
	if (!t->is_known)
		return;
	json_u64(j, "spawnguard.stderr.bytes", t->total);
	if (t->print_only)
		return;
	for (int i = 0; t->total > shown && shown > 0 && i < 3 && ((unsigned char)*at & 0xc0) == 0x80; i++) {
		at++;
		shown--;
	}
	json_bool(j, "spawnguard.stderr.cut", t->total > shown);
	put_foreign(j, "spawnguard.stderr.tail", at, shown);
}

static void put_flag(struct json *j, const struct history_flag *f)
{
	json_str(j, "rule", f->rule);
	json_str(j, "severity", f->severity);
	json_str(j, "action", f->action);
	optional(j, "text", f->text);
	if (f->value != UINT64_MAX)
		json_u64(j, "value", f->value);
	if (f->bound != UINT64_MAX)
		json_u64(j, "bound", f->bound);
	if (f->per_ns > 0)
		json_seconds(j, "per", f->per_ns, 3);
	json_seconds(j, "lasted", f->lasted_ns, 3);
	json_seconds(j, "period", f->period_ns, 3);
	optional(j, "rung", f->rung);
	if (f->witness[0].pid == 0)
		return;
	json_open(j, "witnesses", '[');
	for (unsigned i = 0; i < 3 && f->witness[i].pid != 0; i++) {
		const struct history_witness *w = &f->witness[i];
		json_open(j, NULL, '{');
		json_i64(j, "pid", w->pid);
		json_bytes(j, "comm", w->comm, strnlen(w->comm, sizeof(w->comm)));
		json_u64(j, "value", w->value);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_told(struct json *j, const struct history_told *t)
{
	if (t->ready_ns > 0)
		json_seconds(j, "spawnguard.ready", t->ready_ns, 6);
	if (t->status[0] != '\0')
		json_bytes(j, "spawnguard.notify.status", t->status, strnlen(t->status, sizeof(t->status)));
	if (t->refused > 0)
		json_u64(j, "spawnguard.notify.refused", t->refused);
	if (t->counter_count == 0)
		return;
	json_open(j, "spawnguard.counters", '{');
	for (uint32_t i = 0; i < t->counter_count; i++)
		json_micro(j, t->counter[i].key, t->counter[i].micro);
	json_close(j, '}');
}

static void put_yield(struct json *j, const struct history_yield *y)
{
	json_open(j, "spawnguard.yield", '{');
	json_bytes(j, "of", y->of, y->of_n);
	if (y->value != UINT64_MAX && y->is_micro)
		json_micro(j, "value", y->value);
	else if (y->value != UINT64_MAX)
		json_u64(j, "value", y->value);
	optional(j, "reason", y->reason);
	json_close(j, '}');
}

static void put_failure(struct json *j, const struct history_end *end)
{
	if (!end->failure_class || end->failure_class[0] == '\0')
		return;
	json_open(j, "spawnguard.failure", '{');
	json_str(j, "class", end->failure_class);
	optional(j, "fingerprint", end->fingerprint);
	if (end->failure_text && end->failure_text[0] != '\0')
		json_bytes(j, "text", end->failure_text, strlen(end->failure_text));
	json_close(j, '}');
}

static void put_end(struct json *j, struct buf *out, const struct history_end *end, size_t tail_room)
{
	begin(j, out, end->goes_on ? "attempt" : "end", end->figures->ended_wall_ns);
	identify(j, end->head);
	if (end->figures->attempt > 0)
		json_u64(j, "spawnguard.attempt", end->figures->attempt);
	if (end->goes_on) {
		json_str(j, "spawnguard.class", end->failure);
		json_seconds(j, "spawnguard.retry.in", end->retry_in_ns, 3);
	}
	put_status(j, end);
	put_figures(j, end);
	put_processes(j, end);
	if (end->limit) {
		json_open(j, "spawnguard.limit", '{');
		put_flag(j, end->limit);
		json_close(j, '}');
	}
	put_load(j, end);
	if (end->told)
		put_told(j, end->told);
	if (end->yield)
		put_yield(j, end->yield);
	put_failure(j, end);
	json_str(j, "spawnguard.written_by", end->by);
	if (end->tail)
		put_tail(j, end->tail, tail_room);
}

/* Escaped, a byte of the tail takes up to six: as much of it as the line has room for. */
static size_t next_room(size_t room)
{
	return room < 64 ? 0 : room - room / 4;
}

void history_format_end(struct buf *out, const struct history_end *end)
{
	struct json j;

	buf_char(out, '\n');
	size_t at = out->len, room = end->tail ? end->tail->count : 0;
	for (;; room = next_room(room)) {
		put_end(&j, out, end, room);
		history_line_seal(out, at);
		if (!out->cut || room == 0)
			return;
		buf_truncate(out, at);
		out->cut = false;
	}
}

void history_format_status(struct buf *out, const struct history_end *end)
{
	struct json j;
	size_t at = out->len, room = end->tail ? end->tail->count : 0;

	for (;; room = next_room(room)) {
		put_end(&j, out, end, room);
		json_close(&j, '}');
		buf_char(out, '\n');
		if (!out->cut || room == 0)
			return;
		buf_truncate(out, at);
		out->cut = false;
	}
}

static void put_refused(struct json *j, struct buf *out, const struct history_refused *r)
{
	begin(j, out, "refused", r->wall_ns);
	json_str(j, "spawnguard.run.id", r->run_id);
	json_str(j, "spawnguard.job", r->job);
	optional(j, "spawnguard.parent_run.id", r->parent_run_id);
	json_str(j, "spawnguard.outcome", r->outcome);
	optional(j, "spawnguard.reason", r->reason);
	optional(j, "spawnguard.holder.run.id", r->holder_run_id);
	if (r->holder_pid > 0)
		json_i64(j, "spawnguard.holder.pid", r->holder_pid);
	json_u64(j, "spawnguard.refusals", r->count);
}

void history_format_refused(struct buf *out, const struct history_refused *refused)
{
	struct json j;

	buf_char(out, '\n');
	size_t at = out->len;
	put_refused(&j, out, refused);
	history_line_seal(out, at);
}

void history_format_breaker(struct buf *out, const struct history_breaker *b)
{
	struct json j;

	buf_char(out, '\n');
	size_t at = out->len;
	begin(&j, out, "breaker", b->wall_ns);
	json_str(&j, "spawnguard.run.id", b->run_id);
	json_str(&j, "spawnguard.job", b->job);
	json_open(&j, "spawnguard.breaker", '{');
	json_str(&j, "from", b->from);
	json_str(&j, "to", b->to);
	optional(&j, "rule", b->rule);
	optional(&j, "class", b->class);
	if (b->failures > 0)
		json_u64(&j, "failures", b->failures);
	optional(&j, "fingerprint", b->fingerprint);
	if (b->text && b->text[0] != '\0')
		json_bytes(&j, "text", b->text, strlen(b->text));
	if (b->wait_ns == UINT64_MAX)
		json_null(&j, "wait");
	else if (b->wait_ns > 0) {
		json_seconds(&j, "wait", b->wait_ns, 3);
		stamp(&j, "until", b->wall_ns + b->wait_ns);
	}
	json_close(&j, '}');
	json_str(&j, "spawnguard.written_by", b->by);
	history_line_seal(out, at);
}

void history_format_freeze(struct buf *out, const struct history_freeze *freeze)
{
	struct json j;

	buf_char(out, '\n');
	size_t at = out->len;
	begin(&j, out, freeze->is_over ? "thaw" : "freeze", freeze->wall_ns);
	identify(&j, freeze->head);
	put_sender(&j, freeze->sender_pid, freeze->sender_uid, freeze->sender_comm, freeze->sender_run);
	if (freeze->is_over)
		json_seconds(&j, "spawnguard.frozen", freeze->took_ns, 6);
	json_u64(&j, "spawnguard.members.frozen", freeze->processes);
	json_u64(&j, "spawnguard.members.late", freeze->late);
	history_line_seal(out, at);
}

void history_format_flag(struct buf *out, const struct history_flag *flag)
{
	struct json j;

	buf_char(out, '\n');
	size_t at = out->len;
	begin(&j, out, "flag", flag->wall_ns);
	identify(&j, flag->head);
	json_open(&j, "spawnguard.flag", '{');
	put_flag(&j, flag);
	json_close(&j, '}');
	history_line_seal(out, at);
}

void history_format_refused_status(struct buf *out, const struct history_refused *refused, int exit_code)
{
	struct json j;

	put_refused(&j, out, refused);
	json_i64(&j, "spawnguard.exit_status", exit_code);
	json_close(&j, '}');
	buf_char(out, '\n');
}
