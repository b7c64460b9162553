/* spawnguard watch JOB|RUN|PID: follows what is there already, tells what is wrong with it, and never touches
 * it. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "cmd/watch.h"

#include "base/buf.h"
#include "base/num.h"
#include "cmd/target.h"
#include "conf/argv.h"
#include "conf/options.h"
#include "conf/signature.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/signal.h"
#include "run/find.h"
#include "spawnguard/exit.h"

/* What was named. */
struct named {
	int32_t pid;        /* 0: a job or a run */
	const char *run_id; /* NULL: a job */
	struct target run;
};

/* --- who is meant -----------------------------------------------------------------------------------------
 */

static void take_run(struct named *n, const struct target *run)
{
	n->run = *run;
	n->run_id = n->run.run_id;
	n->pid = 0;
}

/* By the history: a run that has ended, if no job has that name.  -1: go on; else the exit status. */
static int find_past(struct watch *w, const char *what, struct named *n)
{
	struct past_run past;

	int r = target_past(&w->cmd, what, false, &past);
	if (r == -ENOENT) /* a job that is yet to come */
		return -1;
	if (r == -EEXIST)
		return cmd_not_found(&w->cmd, what, r);
	if (r < 0)
		return target_unreadable(what, r);
	if (strcmp(past.job, what) != 0) {
		struct target run = { .started_wall_ns = past.started_wall_ns };
		memcpy(run.run_id, past.run_id, sizeof(run.run_id));
		memcpy(run.job, past.job, sizeof(run.job));
		take_run(n, &run);
	}
	past_run_release(&past);
	return -1;
}

static int take_guard(void *with, struct run_view *view)
{
	struct named *n = with;
	const struct record *record = &view->record;
	struct target run = { .started_wall_ns = record->head.started_wall_ns };

	if (!(view->has_front && record->head.front.pid == n->pid) &&
	    !(view->has_warden && record->state.warden.pid == n->pid))
		return 0;
	memcpy(run.run_id, record->head.run_id, sizeof(run.run_id));
	memcpy(run.job, record->head.job, sizeof(run.job));
	take_run(n, &run);
	return 1;
}

/* -1: go on; else the exit status. */
static int find(struct watch *w, const char *what, struct named *n)
{
	static struct target found[TARGETS_MAX];
	uint64_t pid;

	if (num_parse_u64(what, INT32_MAX, &pid) == 0 && pid > 0) {
		n->pid = (int32_t)pid;
		(void)find_runs(&w->cmd.dir, NULL, take_guard, n); /* a guard's: its run is meant */
		return -1;
	}
	int count = target_current(&w->cmd, what, found, TARGETS_MAX);
	if (count == -ENOENT)
		return find_past(w, what, n);
	if (count < 0)
		return cmd_not_found(&w->cmd, what, count);
	if (strcmp(found[0].job, what) != 0)
		take_run(n, &found[0]);
	return -1;
}

/* --- what was asked ----------------------------------------------------------------------------------------
 */

/* A rule that the command line gave: of a process alone, as a run has its own.  NULL: none. */
static const char *rule_given(const struct job *given, const struct job *plain)
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		if (memcmp(&given->limit[i], &plain->limit[i], sizeof(given->limit[i])) != 0)
			return limit_rows[i].name;
	if (given->detect != plain->detect)
		return "detect";
	if (given->orphan_grace_ns != plain->orphan_grace_ns)
		return "orphan-grace";
	return given->interval_ns != plain->interval_ns ? "interval" : NULL;
}

static int refuse_rule(const char *rule)
{
	BUF(line, 512);

	buf_str(&line, "--");
	buf_str(&line, rule);
	buf_str(&line, " is for a PID alone: a run is judged by its own guard; give it to spawnguard run, "
		       "or leave it out");
	cmd_say(&line);
	return EXIT_USAGE;
}

/* `watch JOB --for 30m` is `watch --for 30m JOB`: a word that options follow goes behind them. */
static void put_word_last(int argc, char **argv)
{
	static struct job job;
	char **rest;
	int dashes;
	BUF(why, ARGV_WHY_MAX);

	for (int i = 0; i < argc; i++) {
		argv_defaults(&job);
		if (argv_parse(argv + 1, FOR_WATCH, &job, &rest, &dashes, &why) < 0 || dashes || !rest[0] ||
		    !rest[1] || rest[1][0] != '-')
			return;
		char *word = rest[0];
		char **at = rest;
		for (; at[1]; at++)
			at[0] = at[1];
		at[0] = word;
	}
}

static int read_signatures(struct watch *w)
{
	static struct signatures signatures;
	struct conf *conf = &w->cmd.settings.conf;
	BUF(why, CONF_LINE_MAX);

	if (!conf_has_signatures(conf))
		return -1;
	conf_hear_first(conf, &why);
	int r = conf_signatures(conf, &signatures);
	if (r == -ENOMEM)
		buf_str(&why, "no memory to read the configuration; try again when there is some");
	if (r < 0)
		cmd_say(&why);
	w->cmd.job.signatures = &signatures;
	return r < 0 ? SG_EXIT_GUARD : -1;
}

static int say_nothing_ran(const struct watch *w, const char *job)
{
	uint64_t took_ns = os_clock_boot_ns() - w->began_ns;
	BUF(time, 40);

	num_format_duration(&time, took_ns);
	BUF(after, 128);
	buf_str(&after, " has run within ");
	buf_str(&after, time.at);
	buf_str(&after, ": nothing can be said of it; see: spawnguard status");
	return cmd_say_exit("nothing of ", job, after.at, VIGIL_NOTHING);
}

static int finish(struct watch *w, const struct named *n)
{
	int status = vigil_status(&w->vigil);

	if (w->is_reader_gone && !os_signal_is_ignored(SIGPIPE))
		os_signal_die(SIGPIPE);
	if (w->is_reader_gone)
		return cmd_fail_to_write(-EPIPE);
	if (w->write_err != 0)
		return cmd_fail_to_write(w->write_err);
	return status == VIGIL_NOTHING && n->pid == 0 ? say_nothing_ran(w, w->cmd.rest[0]) : status;
}

/* -1: go on; else the exit status. */
static int begin(struct watch *w, const struct named *n, const char *rule)
{
	const char *self = getenv(SG_ENV_RUN_ID);
	os_sigset ends = OS_SIG(SIGINT) | OS_SIG(SIGTERM) | OS_SIG(SIGHUP);

	if (n->pid == 0 && rule)
		return refuse_rule(rule);
	if (rule && w->cmd.job.interval_ns == NUM_NONE) /* of the configuration it is meant for runs */
		return cmd_say_exit("--interval=none would look at nothing: give a time, or leave it out",
				    NULL, "", EXIT_USAGE);
	if (n->run_id && self && w->cmd.job.for_ns == NUM_NONE &&
	    find_is_ancestor(&w->cmd.dir, self, n->run_id))
		return cmd_say_exit("not watching the run around this one to its end: ", n->run.job,
				    " would never end: give --for", SG_EXIT_CONFLICT);
	w->signals = os_signalfd_open(os_signals_hold(ends));
	w->began_ns = os_clock_boot_ns();
	w->until_ns = w->cmd.job.for_ns < NUM_NONE - w->began_ns ? w->began_ns + w->cmd.job.for_ns : NUM_NONE;
	os_raise_files();
	return w->signals < 0 ? cmd_fail("cannot wait for signals", w->signals) : -1;
}

int main(int argc, char **argv)
{
	static struct watch w = { .cmd = { .name = "watch", .command = FOR_WATCH }, .signals = -1 };
	static struct job plain, given;
	struct named named = { 0 };

	put_word_last(argc, argv);
	int code = cmd_read(&w.cmd, argv);
	if (code >= 0)
		return code;
	argv_defaults(&plain);
	given = w.cmd.job;
	if ((code = cmd_configure(&w.cmd, argv)) >= 0 || (code = cmd_open_state(&w.cmd)) >= 0)
		return code;
	const char *what = w.cmd.rest[0];
	if (!what)
		return cmd_say_exit(
			"watch needs a JOB, a RUN or a PID: spawnguard watch JOB; see: spawnguard ps", NULL,
			"", EXIT_USAGE);
	if ((code = find(&w, what, &named)) >= 0 ||
	    (code = begin(&w, &named, rule_given(&given, &plain))) >= 0)
		return code;
	if (named.pid > 0)
		code = (code = read_signatures(&w)) >= 0 ? code : watch_tree(&w, named.pid);
	else if (named.run_id)
		code = watch_run(&w, named.run_id, named.run.job, named.run.started_wall_ns);
	else
		code = watch_job(&w, what);
	return code >= 0 ? code : finish(&w, &named);
}
