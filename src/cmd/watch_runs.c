/* Guarded runs: what their guards write into the history is told as it comes; handles tell of those that
 * cannot. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/target.h"
#include "cmd/watch.h"
#include "core/outcome.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/inotify.h"
#include "os/proc.h"
#include "os/self.h"
#include "report/forward.h"
#include "report/past_parse.h"
#include "run/await.h"
#include "spawnguard/exit.h"
#include "store/lock.h"

#define RUNS_MAX 256  /* followed at a time; of further ones the history alone tells */
#define KEY_MAX  1400 /* a name of 200 bytes, each a control character, as JSON has it */
/* A nested run that the outer one had to kill is closed by it, a moment after its death. */
#define OUTER_NS (1 * NS_PER_S)
#define AGAIN_NS (20 * NS_PER_MS)
/* Where no news of files are to be had (inotify's instances or watches used up). */
#define LOOK_NS (1 * NS_PER_S)

struct followed {
	char run_id[RUN_ID_MAX + 8], job[208];
	uint64_t started_wall_ns;
	bool is_told, is_over; /* its start; its end */
	bool is_open;
	struct await await;
	uint64_t gone_ns; /* when its guards were found dead without a word; 0 = not */
};

struct runs {
	struct watch *w;
	const char *job;    /* its coming runs; NULL: */
	const char *run_id; /* this one */
	char key[KEY_MAX];  /* `job` as it stands in the lines */
	struct followed run[RUNS_MAX];
	uint32_t count, next;
	struct forward history;
	struct vigil_refusals refusals;
	char opened_by[RUN_ID_MAX + 8]; /* the run that opened the breaker, as it was told last */
	int news, info;                 /* owned */
	struct host_id here;
};

/* --- runs ------------------------------------------------------------------------------------------------
 */

static struct followed *find(struct runs *r, const char *run_id)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (strcmp(r->run[i].run_id, run_id) == 0)
			return &r->run[i];
	return NULL;
}

/* In the place of one that is over, so that the last of these are still known.  NULL: no room. */
static struct followed *add(struct runs *r, const char *run_id, const char *job, uint64_t started_wall_ns)
{
	struct followed *run = NULL;

	if (r->count < RUNS_MAX)
		run = &r->run[r->count++];
	for (uint32_t i = 0; !run && i < RUNS_MAX; i++) {
		r->next = (r->next + 1) % RUNS_MAX;
		if (r->run[r->next].is_over)
			run = &r->run[r->next];
	}
	if (!run)
		return NULL;
	*run = (struct followed){ .started_wall_ns = started_wall_ns };
	memcpy(run->run_id, run_id, strnlen(run_id, sizeof(run->run_id) - 1));
	memcpy(run->job, job, strnlen(job, sizeof(run->job) - 1));
	run->is_open = await_open(&run->await, &r->w->cmd.dir, run->run_id, &r->here) == 0;
	return run;
}

static void begin(struct runs *r, struct followed *run)
{
	struct watch_who who = { .job = run->job, .run_id = run->run_id };

	if (!run->is_told)
		tell_start(r->w, &who, run->started_wall_ns);
	run->is_told = true;
}

static void end(struct runs *r, struct followed *run, uint64_t wall_ns, const char *outcome, int status,
		uint64_t took_ns)
{
	struct watch_who who = { .job = run->job, .run_id = run->run_id };

	begin(r, run);
	if (!run->is_over)
		tell_end(r->w, &who, wall_ns, outcome, status, took_ns);
	run->is_over = true;
	if (run->is_open)
		await_close(&run->await);
	run->is_open = false;
}

/* --- the history -----------------------------------------------------------------------------------------
 */

static bool is_text(const struct history_text *text, const char *want)
{
	return text->n == strlen(want) && memcmp(text->at, want, text->n) == 0;
}

static void take_start(struct runs *r, const struct backward_line *line)
{
	struct past_event event = { 0 };

	if (past_parse_event(line, &event) < 0)
		return;
	struct followed *run = find(r, event.run_id);
	if (!run)
		run = add(r, event.run_id, event.job, event.wall_ns);
	struct watch_who who = { .job = event.job, .run_id = event.run_id };
	if (!run)
		tell_start(r->w, &who, event.wall_ns);
	else
		begin(r, run);
}

/* Opened by the end of a run it is a line and a flag: one of them is told. */
static bool is_told_of_breaker(struct runs *r, const char *run_id, const char *to)
{
	if (run_id[0] == '\0' || strcmp(to, "open") != 0)
		return false;
	if (strcmp(r->opened_by, run_id) == 0)
		return true;
	memcpy(r->opened_by, run_id, strlen(run_id) + 1);
	return false;
}

static void take_flag(struct runs *r, const struct backward_line *line)
{
	struct past_flag flag;

	if (past_parse_flag(line, &flag) < 0)
		return;
	if (strcmp(flag.rule, "breaker") == 0 && is_told_of_breaker(r, flag.run_id, "open"))
		return;
	struct watch_who who = { .job = flag.job, .run_id = flag.run_id };
	flag.finding.severity = vigil_severity(flag.severity);
	tell_flag(r->w, &who, flag.wall_ns, &flag.finding);
}

static void take_end(struct runs *r, const struct backward_line *line)
{
	struct past_run past = { 0 };

	if (past_parse(&past, line) == 0) {
		struct followed *run = find(r, past.run_id);
		if (!run)
			run = add(r, past.run_id, past.job, past.started_wall_ns);
		int status = past.exit_status >= 0 ? past.exit_status : SG_EXIT_GUARD;
		struct watch_who who = { .job = past.job, .run_id = past.run_id };
		if (run)
			end(r, run, past.ended_wall_ns, past.outcome, status, past.wall_ns);
		else
			tell_end(r->w, &who, past.ended_wall_ns, past.outcome, status, past.wall_ns);
	}
	past_run_release(&past);
}

static void take_refused(struct runs *r, const struct backward_line *line)
{
	struct past_event event = { 0 };

	if (past_parse_event(line, &event) < 0)
		return;
	struct watch_who who = { .job = event.job };
	tell_refused(r->w, &who, event.wall_ns, event.reason,
		     vigil_refusals_line(&r->refusals, event.refusals));
}

static void take_breaker(struct runs *r, const struct backward_line *line)
{
	struct past_breaker event;

	if (past_parse_breaker(line, &event) < 0 ||
	    (event.run_id[0] != '\0' && strcmp(event.to, "open") == 0))
		return;
	struct watch_who who = { .job = event.job, .run_id = event.run_id[0] ? event.run_id : NULL };
	tell_breaker(r->w, &who, &event);
}

static void take(void *with, const struct backward_line *line, bool is_old)
{
	struct runs *r = with;
	const struct history_peek *peek = &line->peek;
	char run_id[RUN_ID_MAX + 8] = { 0 };

	if (peek->run_id.n > RUN_ID_MAX || (r->job && !is_text(&peek->job, r->key)))
		return;
	memcpy(run_id, peek->run_id.at, peek->run_id.n);
	if ((!r->job || is_old) && !find(r, run_id)) /* what was before is of those alone that go on */
		return;
	if (is_text(&peek->event, "start"))
		take_start(r, line);
	else if (is_text(&peek->event, "flag"))
		take_flag(r, line);
	else if (is_text(&peek->event, "end"))
		take_end(r, line);
	else if (is_text(&peek->event, "refused") && !is_old)
		take_refused(r, line);
	else if (is_text(&peek->event, "breaker"))
		take_breaker(r, line);
}

/* --- starts that were refused, as the lock counts them -----------------------------------------------------
 */

static bool read_lock(struct runs *r, struct lockinfo *info)
{
	char path[LOCK_PATH_MAX];

	if (r->info < 0 && lock_path(r->job, path) == 0) {
		r->info = lockinfo_look(r->w->cmd.dir.run_fd, path, os_self_uid());
		if (r->info >= 0 && r->news >= 0)
			(void)os_inotify_add(r->news, r->info, OS_NEWS_WRITTEN);
	}
	return r->info >= 0 && lockinfo_read(r->info, info) == 0;
}

static void look_at_lock(struct runs *r)
{
	struct lockinfo info;

	if (!r->job || !read_lock(r, &info))
		return;
	uint64_t fresh = vigil_refusals_lock(&r->refusals, info.refusals.line_wall_ns, info.refusals.count);
	struct watch_who who = { .job = r->job };
	if (fresh > 0)
		tell_refused(r->w, &who, os_clock_wall_ns(), "", fresh);
}

/* --- guards ----------------------------------------------------------------------------------------------
 */

static void read_news(struct runs *r)
{
	(void)forward_read(&r->history, take, r); /* what could not be read is read next time */
	look_at_lock(r);
}

/* Its guards are dead and have not said how it ended. */
static void look_after_gone(struct runs *r, struct followed *run)
{
	uint64_t now_ns = os_clock_boot_ns(), wall_ns = os_clock_wall_ns(), start_ns = run->started_wall_ns;

	read_news(r);
	if (run->is_over)
		return;
	if (run->gone_ns == 0)
		run->gone_ns = now_ns;
	bool is_nested = run->is_open && run->await.view.record.head.parent_run_id[0] != '\0';
	if (is_nested && now_ns < run->gone_ns + OUTER_NS) {
		run->await.again_ns = now_ns + AGAIN_NS;
		return;
	}
	end(r, run, wall_ns, SG_OUTCOME_LOST, SG_EXIT_GUARD, wall_ns > start_ns ? wall_ns - start_ns : 0);
}

static void look(struct runs *r, struct followed *run)
{
	enum await_state state = run->is_open ? await_look(&run->await) : AWAIT_GONE;

	if (state == AWAIT_RUNNING)
		return;
	if (state == AWAIT_TOLD)
		read_news(r);
	if (run->is_over)
		return;
	if (state == AWAIT_GONE) {
		look_after_gone(r, run);
		return;
	}
	struct await_end told = await_end(&run->await); /* the history could not be written */
	end(r, run, os_clock_wall_ns(), outcome_name(told.outcome), told.exit_code, told.wall_ns);
}

static void sleep_and_look(struct runs *r)
{
	enum { NEWS = WATCH_HANDLES, FIRST };
	static struct os_poll set[FIRST + RUNS_MAX * AWAIT_HANDLES];
	uint64_t until_ns = r->news < 0 ? os_clock_boot_ns() + LOOK_NS : NUM_NONE;

	set[NEWS] = (struct os_poll){ .fd = r->news, .wants = OS_POLL_IN };
	for (uint32_t i = 0; i < r->count; i++) {
		struct followed *run = &r->run[i];
		struct os_poll *at = &set[FIRST + i * AWAIT_HANDLES];
		at[0].fd = at[1].fd = -1;
		if (!run->is_open)
			continue;
		await_handles(&run->await, at);
		until_ns = run->await.again_ns < until_ns ? run->await.again_ns : until_ns;
	}
	(void)watch_sleep(r->w, set, FIRST + (size_t)r->count * AWAIT_HANDLES, until_ns);
	if (set[NEWS].ready)
		os_inotify_drain(r->news);
	read_news(r);
	uint64_t now_ns = os_clock_boot_ns();
	for (uint32_t i = 0; i < r->count; i++) {
		struct followed *run = &r->run[i];
		const struct os_poll *at = &set[FIRST + i * AWAIT_HANDLES];
		bool is_due = !run->is_open || at[0].ready || at[1].ready || run->await.again_ns <= now_ns;
		if (!run->is_over && is_due)
			look(r, run);
	}
}

/* --- the whole -------------------------------------------------------------------------------------------
 */

/* Before anything is asked for: what comes from now on is news. */
static int listen(struct runs *r)
{
	r->news = os_inotify_open();
	os_host_id(-1, &r->here);
	int err = forward_begin(&r->history, r->w->cmd.dir.keep_fd, os_self_uid());
	AUTO_FD int dir = forward_open_directory(&r->history);
	if (r->news >= 0 && (dir < 0 || os_inotify_add(r->news, dir, OS_NEWS_WRITTEN | OS_NEWS_NAMES) < 0))
		os_fd_close(&r->news);
	return err < 0 ? cmd_fail("cannot read the history", err) : -1;
}

static void add_current(struct runs *r, const struct target *target)
{
	if (!find(r, target->run_id))
		(void)add(r, target->run_id, target->job, target->started_wall_ns);
	forward_rewind(&r->history, target->started_wall_ns);
}

static void follow(struct runs *r)
{
	struct watch_who who = { .job = r->job ? r->job : r->run[0].job, .run_id = r->run_id };
	uint32_t open = 0;

	read_news(r);
	for (uint32_t i = 0; i < r->count; i++) {
		begin(r, &r->run[i]); /* its start line could not be written */
		if (!r->run[i].is_over)
			look(r, &r->run[i]);
	}
	while (!watch_is_over(r->w) && (r->job || !r->run[0].is_over))
		sleep_and_look(r);
	for (uint32_t i = 0; i < r->count; i++) {
		open += !r->run[i].is_over;
		if (r->run[i].is_open)
			await_close(&r->run[i].await);
	}
	tell_summary(r->w, &who, open);
	os_fd_close(&r->news);
	os_fd_close(&r->info);
}

int watch_job(struct watch *w, const char *job)
{
	static struct runs r = { .news = -1, .info = -1 };
	static struct target found[TARGETS_MAX];
	struct lockinfo info;
	struct buf key;

	r.w = w;
	r.job = job;
	buf_init(&key, r.key, sizeof(r.key));
	escape_json(&key, job, strlen(job));
	int code = listen(&r);
	if (code >= 0)
		return code;
	if (read_lock(&r, &info))
		vigil_refusals_begin(&r.refusals, info.refusals.line_wall_ns, info.refusals.count);
	int count = target_current(&w->cmd, job, found, TARGETS_MAX);
	for (int i = 0; i < count; i++)
		if (strcmp(found[i].job, job) == 0)
			add_current(&r, &found[i]);
	follow(&r);
	return -1;
}

int watch_run(struct watch *w, const char *run_id, const char *job, uint64_t started_wall_ns)
{
	static struct runs r = { .news = -1, .info = -1 };
	struct target target = { .started_wall_ns = started_wall_ns };

	r.w = w;
	r.run_id = run_id;
	int code = listen(&r);
	if (code >= 0)
		return code;
	memcpy(target.run_id, run_id, strnlen(run_id, sizeof(target.run_id) - 1));
	memcpy(target.job, job, strnlen(job, sizeof(target.job) - 1));
	add_current(&r, &target);
	follow(&r);
	return -1;
}
