#include "cmd/target.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "os/self.h"
#include "run/find.h"
#include "spawnguard/exit.h"

/* So far back is looked for one whose output was kept. */
#define PAST_MAX 200

struct gathering {
	struct target *out;
	int count, max;
	struct target dead; /* the newest whose guards are dead */
	bool has_dead;
};

static struct target target_of(const struct record_head *head)
{
	struct target t = { .started_wall_ns = head->started_wall_ns };
	memcpy(t.run_id, head->run_id, sizeof(t.run_id));
	memcpy(t.job, head->job, sizeof(t.job));
	memcpy(t.log, head->log, sizeof(t.log));
	return t;
}

static int gather(void *with, struct run_view *view)
{
	struct gathering *g = with;
	struct target t = target_of(&view->record.head);

	if (view->is_guarded || view->place == PLACE_ELSEWHERE) {
		if (g->count < g->max)
			g->out[g->count++] = t;
	} else if (!g->has_dead || t.started_wall_ns >= g->dead.started_wall_ns) {
		g->dead = t;
		g->has_dead = true;
	}
	return 0;
}

int target_current(const struct cmd *cmd, const char *what, struct target *out, int max)
{
	struct gathering g = { .out = out, .max = max };

	int r = find_runs(&cmd->dir, what, gather, &g);
	if (r < 0)
		return r;
	if (g.count == 0 && g.has_dead && max > 0)
		out[g.count++] = g.dead;
	return g.count > 0 ? g.count : -ENOENT;
}

static int past_of_job(struct past_months *months, const char *what, bool has_log, struct past_run *out_run)
{
	struct past_jobs jobs = { .only = what, .max_runs = has_log ? PAST_MAX : 1, .max_jobs = 1 };

	int r = past_jobs_read(months, &jobs);
	if (r == 0)
		r = -ENOENT;
	for (size_t i = 0; r == -ENOENT && jobs.count > 0 && i < jobs.job[0].count; i++) {
		struct past_run *run = &jobs.job[0].run[i];
		if (has_log && !run->log)
			continue;
		*out_run = *run;
		*run = (struct past_run){ 0 }; /* its texts are the caller's now */
		r = 0;
	}
	past_jobs_release(&jobs);
	return r;
}

int target_past(const struct cmd *cmd, const char *what, bool has_log, struct past_run *out_run)
{
	struct past_months months = { .keep_fd = cmd->dir.keep_fd, .owner = os_self_uid() };

	int r = past_of_job(&months, what, has_log, out_run);
	if (r == -ENOENT && strlen(what) >= FIND_PREFIX_MIN)
		r = past_find(&months, what, out_run);
	return r;
}

int target_unknown(const char *what)
{
	return cmd_say_exit("no run of ", what, " is known; see: spawnguard ps", EXIT_NOTHING);
}

int target_unreadable(const char *what, int err)
{
	BUF(line, 512);

	buf_str(&line, "cannot read the history to find ");
	escape_word(&line, what, strlen(what), 60);
	buf_str(&line, ": ");
	buf_str(&line, fail_text(-err));
	buf_str(&line, "; see: spawnguard doctor");
	cmd_say(&line);
	return SG_EXIT_GUARD;
}
