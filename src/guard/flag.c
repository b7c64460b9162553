#include "guard/flag.h"

#include <assert.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "guard/hook.h"
#include "guard/pair.h"
#include "guard/run.h"
#include "guard/voice.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/link.h"
#include "store/history.h"

static const char *const action_names[] = {
	[FLAG_ONLY] = "flag", [FLAG_WARN] = "warn", [FLAG_FREEZE] = "freeze", [FLAG_KILL] = "kill"
};
static_assert(COUNT_OF(action_names) == FLAG_ACTION_COUNT, "one name for each action");

enum flag_action flag_action_of(enum on_limit on_limit)
{
	static const enum flag_action actions[] = { [ON_LIMIT_WARN] = FLAG_WARN,
						    [ON_LIMIT_FLAG] = FLAG_ONLY,
						    [ON_LIMIT_FREEZE] = FLAG_FREEZE,
						    [ON_LIMIT_KILL] = FLAG_KILL };
	static_assert(COUNT_OF(actions) == ON_LIMIT_COUNT, "an action for each enum on_limit");
	return actions[on_limit];
}

struct history_flag flag_line(const struct run *run, const struct finding *f, enum flag_action action)
{
	struct history_flag h = {
		.head = &run->head,
		.wall_ns = os_clock_wall_ns(),
		.rule = f->rule,
		.severity = severity_name(f->severity),
		.text = f->text,
		.action = action_names[action],
		.value = f->value,
		.bound = f->bound,
		.per_ns = f->per_ns,
		.lasted_ns = f->now_ns > f->since_ns ? f->now_ns - f->since_ns : 0,
		.period_ns = f->period_ns,
		.rung = f->rung,
	};

	for (unsigned i = 0; i < FINDING_WITNESSES; i++) {
		h.witness[i] =
			(struct history_witness){ .pid = f->witness[i].pid, .value = f->witness[i].value };
		memcpy(h.witness[i].comm, f->witness[i].comm, sizeof(h.witness[i].comm));
	}
	return h;
}

static void write_line(const struct run *run, const struct finding *f, enum flag_action action)
{
	BUF(line, 4096);
	struct history_flag flag = flag_line(run, f, action);

	history_format_flag(&line, &flag);
	AUTO_FD int fd = history_open(run->dir.keep_fd, flag.wall_ns);
	if (fd >= 0)
		(void)history_append(fd, &line); /* as with the start line, the run goes on without */
}

static void put_message(struct buf *line, const struct run *run, const struct finding *f)
{
	escape_text(line, run->name, strlen(run->name), 60);
	buf_str(line, ": ");
	finding_format(line, f);
}

void flag_raise(struct run *run, int link, const struct finding *f, enum flag_action action)
{
	struct pair_message m;

	if (action >= FLAG_FREEZE)
		run->limit = *f;
	write_line(run, f, action);
	memset(&m, 0, PAIR_HEAD_BYTES);
	m.kind = PAIR_FLAG;
	m.number = (int32_t)action;
	m.finding = *f; /* its names are constants of the program that both of us are */
	(void)os_link_send(link, &m, PAIR_HEAD_BYTES + sizeof(m.finding));
}

void flag_hear(struct run *run, const struct pair_message *m)
{
	BUF(warning, PAIR_TEXT_MAX);
	BUF(line, PAIR_TEXT_MAX);

	if (m->number >= FLAG_FREEZE)
		run->limit = m->finding;
	put_message(&line, run, &m->finding);
	buf_str(&warning, "warning: ");
	buf_str(&warning, line.at);
	buf_str(&warning, "; the run goes on");
	if (m->number == FLAG_WARN)
		voice_note(&warning);
	else
		voice_line(&line, VOICE_WARNING, false); /* the system log has every flag */
	hook_flag(run, line.at);
}
