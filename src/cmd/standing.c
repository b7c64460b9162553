#include "cmd/standing.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "core/freezing.h"
#include "os/clock.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/say.h"
#include "os/self.h"
#include "run/ask.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/record.h"

#define TARGETS_MAX 64
#define LOOK_MS     2
/* A guard answers in its next turn, and settles within FREEZING_SETTLE_NS; on a busy machine it waits for a
 * processor. */
#define ANSWER_NS (10 * NS_PER_S)

struct standing {
	struct cmd cmd;
	enum request_verb verb;
	char run_id[TARGETS_MAX][RUN_ID_MAX + 8];
	uint32_t count;
	bool failed;
};

static int remember(void *with, struct run_view *view)
{
	struct standing *s = with;
	if (s->count < TARGETS_MAX)
		memcpy(s->run_id[s->count++], view->record.head.run_id, sizeof(s->run_id[0]));
	return 0;
}

static void complain(struct standing *s, const char *run_id, const char *what)
{
	BUF(line, 256);
	s->failed = true;
	buf_str(&line, "run ");
	buf_mem(&line, run_id, strnlen(run_id, 8));
	buf_str(&line, ": ");
	buf_str(&line, what);
	cmd_say(&line);
}

static void put_json(const struct standing *s, const struct run_view *view, uint64_t since_ns)
{
	const struct record_state *state = &view->record.state;
	uint64_t now_ns = os_clock_boot_ns();
	struct json j;
	BUF(line, 1024);

	json_init(&j, &line);
	json_open(&j, NULL, '{');
	json_str(&j, "job", view->record.head.job);
	json_str(&j, "run_id", view->record.head.run_id);
	json_bool(&j, "frozen", state->frozen_since_boot_ns != 0);
	if (s->verb == REQUEST_FREEZE) {
		json_u64(&j, "processes", state->frozen_procs);
		json_u64(&j, "late", state->frozen_late);
	} else if (since_ns != 0 && now_ns > since_ns) {
		json_seconds(&j, "after", now_ns - since_ns, 3);
	}
	json_close(&j, '}');
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
}

static void put_frozen(struct buf *line, const struct record_state *state)
{
	buf_str(line, "frozen: ");
	buf_u64(line, state->frozen_procs);
	buf_str(line, state->frozen_procs == 1 ? " process" : " processes");
	if (state->frozen_late == 0)
		return;
	buf_str(line, ", ");
	buf_u64(line, state->frozen_late);
	buf_str(line, " of them not stopped yet");
}

/* `since_ns`: since when it stood before we asked, 0 = it did not. */
static void report(struct standing *s, const struct run_view *view, uint64_t since_ns)
{
	const struct record_state *state = &view->record.state;
	uint64_t now_ns = os_clock_boot_ns();
	BUF(line, 512);

	if (s->cmd.job.json) {
		put_json(s, view, since_ns);
		return;
	}
	if (s->cmd.job.quiet)
		return;
	escape_text(&line, view->record.head.job, strlen(view->record.head.job), 60);
	buf_str(&line, ": run ");
	buf_mem(&line, view->record.head.run_id, strnlen(view->record.head.run_id, 8));
	buf_char(&line, ' ');
	if (s->verb == REQUEST_FREEZE) {
		put_frozen(&line, state);
	} else if (since_ns == 0) {
		buf_str(&line, "was not frozen");
	} else if (state->frozen_since_boot_ns != 0) {
		buf_str(&line, "stays frozen: the run around it is");
	} else {
		buf_str(&line, "thawed after ");
		num_format_duration(&line, now_ns > since_ns ? now_ns - since_ns : 0);
	}
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
}

static bool is_ending(const struct run_view *view)
{
	const struct record_state *state = &view->record.state;
	return state->phase >= PHASE_ENDING || state->figures.has_status;
}

static bool is_answered(const struct standing *s, const struct run_view *view)
{
	uint32_t by = s->verb == REQUEST_FREEZE ? FROZEN_BY_USER : FROZEN_BY_USER | FROZEN_BY_LIMIT;
	bool stands = view->record.state.frozen_by & by;
	return (s->verb == REQUEST_FREEZE) == stands &&
	       !request_waits(s->cmd.dir.run_fd, view->record.head.run_id);
}

static const char *why_not(int err)
{
	switch (err) {
	case -ESRCH:
		return "it is ending; see: spawnguard ps";
	case -ENODATA:
		return "its guard cannot be told from a stranger here; see: spawnguard doctor";
	case -EPERM:
		return "its guard cannot be signalled from here: ask as the user who started it";
	case -EEXIST:
		return "its guard does not answer; see: spawnguard ps";
	default:
		return "its guard cannot be asked: the state directory cannot be written; see: spawnguard "
		       "doctor";
	}
}

/* 0, or -errno as ask_guard; another's request gets its time to be taken. */
static int ask(struct standing *s, struct run_view *view, uint64_t until_ns)
{
	struct request request =
		ask_request(s->verb, s->verb == REQUEST_FREEZE ? "freeze" : "thaw", getenv(SG_ENV_RUN_ID));
	int r;

	while ((r = ask_guard(&s->cmd.dir, view, &request, false)) == -EEXIST &&
	       os_clock_boot_ns() < until_ns && !os_pidfd_wait(view->warden, LOOK_MS))
		;
	return r;
}

static void do_one(struct standing *s, struct run_view *view)
{
	uint64_t until_ns = os_clock_boot_ns() + ANSWER_NS;
	uint64_t since_ns = view->record.state.frozen_since_boot_ns;
	const char *id = view->record.head.run_id;

	int r = ask(s, view, until_ns);
	if (r < 0) {
		complain(s, id, why_not(r));
		return;
	}
	for (;;) {
		bool is_over = os_pidfd_wait(view->warden, LOOK_MS);
		if (record_refresh(&view->record) == 0 && !is_ending(view) && is_answered(s, view)) {
			report(s, view, since_ns);
			return;
		}
		if (is_over || is_ending(view)) {
			complain(s, id, "it is ending; see: spawnguard ps");
			break;
		}
		if (os_clock_boot_ns() >= until_ns) {
			complain(s, id, "its guard does not answer; see: spawnguard ps");
			break;
		}
	}
	request_remove(s->cmd.dir.run_fd, id); /* nobody waits for it any more */
}

static void visit(struct standing *s, const char *run_id, const struct host_id *here)
{
	struct run_view view;

	int r = ask_open(&s->cmd.dir, run_id, here, &view);
	if (r < 0) {
		complain(s, run_id,
			 r == -ENOENT ? "it is over; see: spawnguard ps"
				      : "its record cannot be read; if it is "
					"damaged: spawnguard reap puts it aside");
		return;
	}
	if (view.place == PLACE_ELSEWHERE)
		complain(s, run_id, "it runs in another PID or time namespace: ask there");
	else if (!view.is_guarded)
		complain(s, run_id, "its guards are dead; see: spawnguard reap");
	else
		do_one(s, &view);
	run_view_close(&view);
}

int standing_main(char **argv, const char *name, unsigned command, enum request_verb verb)
{
	static struct standing s;
	struct host_id here;

	s.cmd = (struct cmd){ .name = name, .command = command };
	s.verb = verb;
	int code = cmd_start(&s.cmd, argv);
	if (code >= 0)
		return code;
	const char *what = s.cmd.rest[0];
	if (!what) {
		BUF(line, 128);
		buf_str(&line, name);
		buf_str(&line, " needs a JOB or a RUN: spawnguard ");
		buf_str(&line, name);
		buf_str(&line, " JOB; see: spawnguard ps");
		cmd_say(&line);
		return EXIT_USAGE;
	}
	int r = find_runs(&s.cmd.dir, what, remember, &s);
	if (r < 0)
		return cmd_not_found(&s.cmd, what, r);
	os_host_id(-1, &here);
	for (uint32_t i = 0; i < s.count; i++)
		visit(&s, s.run_id[i], &here);
	return s.failed ? SG_EXIT_GUARD : 0;
}
