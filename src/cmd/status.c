/* spawnguard status [JOB]: how a job stands: running or its last end, limits, last outcomes. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "cmd/status.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/proc.h"
#include "os/say.h"
#include "os/self.h"
#include "run/describe.h"
#include "run/find.h"
#include "spawnguard/exit.h"
#include "store/breaker.h"
#include "store/lock.h"
#include "store/places.h"
#include "tree/walk.h"
#include "ui/table.h"

#define PAGE_BYTES     4096
#define ENDS_MAX       20
#define JOBS_MAX       10000
#define TEXT_BYTES     (64 * 1024)     /* one job: twenty outcomes and its runs */
#define REFUSALS_OF_NS (60 * NS_PER_S) /* refusals wait so long for their line in the history */

struct status {
	struct cmd *cmd;
	struct term term;
	struct buf out;
	struct json json;
	struct table *table; /* owned; NULL: one job in lines, or JSON */
	bool is_json;
	bool all_well; /* each job is running, or its last run was ok */
	size_t shown;
	uint64_t damaged;               /* lines of histories */
	uint32_t passed_over, problems; /* records; places */
	int error;                      /* of the output */
	struct host_id host;
	struct breaker breaker; /* of the job at hand */
	/* of the place at hand */
	const struct place *place;
	struct live *live; /* owned */
	size_t live_count;
	struct past_jobs past;
};

static void flush(struct status *s)
{
	int r = os_write_whole(1, s->out.at, s->out.len);
	if (r < 0 && s->error == 0)
		s->error = r;
	buf_clear(&s->out);
}

/* ---- what there is */

static int take_live(void *with, struct run_view *view)
{
	struct status *s = with;
	const struct record_head *head = &view->record.head;

	if (s->past.only && strcmp(head->job, s->past.only) != 0)
		return 0;
	AUTO_FREE struct tree *tree = calloc(1, sizeof(*tree));
	uint64_t now_ns = os_clock_boot_ns();
	struct buf frozen;
	struct live *more = reallocarray(s->live, s->live_count + 1, sizeof(*more));
	if (more)
		s->live = more;
	if (!more || !tree)
		return -ENOMEM;
	tree_init(tree, view->record.fd);
	run_view_walk(view, tree);
	struct live *l = &s->live[s->live_count++];
	*l = (struct live){ .head = *head,
			    .state = describe_state(view),
			    .age_ns = describe_age_ns(view, now_ns),
			    .counted_ns = describe_counted_ns(view, now_ns),
			    .procs = tree->procs,
			    .rss_bytes = tree->rss_pages * PAGE_BYTES,
			    .frozen_left_ns = describe_frozen_left_ns(view, now_ns) };
	buf_init(&frozen, l->frozen, sizeof(l->frozen));
	describe_frozen(&frozen, view, now_ns);
	if (describe_frozen_rule(view))
		memcpy(l->rule, view->record.state.frozen_rule, sizeof(l->rule));
	tree_release(tree);
	return 0;
}

bool status_is_well(const struct live *l)
{
	return strcmp(l->state, "lost") != 0;
}

size_t status_next_live(const struct shown_job *job, size_t from)
{
	while (from < job->live_count && strcmp(job->live[from].head.job, job->name) != 0)
		from++;
	return from;
}

/*
 * Refusals that wait in the lock's info file for the next line.  What an
 * earlier run refused waits there no longer than REFUSALS_OF_NS.
 */
static uint64_t count_pending(const struct status *s, const char *name, uint64_t started_wall_ns)
{
	char path[LOCK_PATH_MAX];
	struct lockinfo info;

	if (s->place->dir.run_fd < 0 || lock_path(name, path) < 0)
		return 0;
	AUTO_FD int fd = lockinfo_look(s->place->dir.run_fd, path, s->place->owner);
	if (fd < 0 || lockinfo_read(fd, &info) < 0)
		return 0;
	return info.refusals.line_wall_ns + REFUSALS_OF_NS > started_wall_ns ? info.refusals.count : 0;
}

static bool is_known(const struct status *s, const char *name, size_t live_before)
{
	for (size_t i = 0; i < s->past.count; i++)
		if (strcmp(s->past.job[i].job, name) == 0)
			return true;
	for (size_t i = 0; i < live_before; i++)
		if (strcmp(s->live[i].head.job, name) == 0)
			return true;
	return false;
}

/* ---- all of it */

/* What its runs have used up together, and whether it may be started. False: it cannot be told. */
static bool read_breaker(struct status *s, const char *name)
{
	struct breaker_time now = { .time_namespace = s->host.time_ns,
				    .boot_ns = os_clock_boot_ns(),
				    .wall_ns = os_clock_wall_ns() };

	memcpy(now.boot_id, s->host.boot_id, sizeof(now.boot_id));
	memset(&s->breaker, 0, sizeof(s->breaker));
	if (s->place->dir.keep_fd < 0)
		return true;
	int r = breaker_read(s->place->dir.keep_fd, name, s->place->owner, &now, &s->breaker);
	return r == 0 || r == -ENOENT || r == -EINVAL ||
	       r == -ENAMETOOLONG; /* a name that no job has: of an old line */
}

static void show(struct status *s, const char *name, const struct past_job *past)
{
	struct shown_job job = { .name = name,
				 .owner = s->place->owner,
				 .live = s->live,
				 .live_count = s->live_count,
				 .past = past,
				 .budgets = &s->breaker.budgets,
				 .circuit = &s->breaker.circuit };
	size_t live = status_next_live(&job, 0);
	uint64_t started_ns = past && past->start ? past->start->started_wall_ns : 0;

	job.has_damage = !read_breaker(s, name);
	job.refused = (past ? past->refused : 0) + count_pending(s, name, started_ns);
	if (live == s->live_count && past && (past->count > 0 || past->start))
		s->all_well =
			s->all_well && past->count > 0 && strcmp(past->run[0].outcome, SG_OUTCOME_OK) == 0;
	for (; live < s->live_count; live = status_next_live(&job, live + 1))
		s->all_well = s->all_well && status_is_well(&s->live[live]);
	if (s->is_json)
		status_json_job(&s->json, &job);
	else if (s->table)
		status_table_add(s->table, &s->term, s->cmd->job.all_users, &job);
	else
		status_put_job(&s->out, &s->term, &job);
	s->shown++;
	flush(s);
}

static int read_place(struct status *s)
{
	const struct place *place = s->place;
	struct past_months months = { .keep_fd = place->dir.keep_fd, .owner = place->owner };
	struct find find = { .dir = &place->dir, .owner = place->owner, .each = take_live, .with = s };

	int r = find_look(&find);
	s->passed_over += find.passed_over;
	if (r < 0 && r != -ENOENT)
		return r;
	r = place->dir.keep_fd >= 0 ? past_jobs_read(&months, &s->past) : 0;
	s->damaged += months.damaged;
	return r;
}

static int show_place(void *with, const struct place *place)
{
	struct status *s = with;

	s->place = place;
	s->past = (struct past_jobs){ .only = s->cmd->rest[0], .max_runs = ENDS_MAX, .max_jobs = JOBS_MAX };
	int r = read_place(s);
	for (size_t i = 0; r >= 0 && i < s->live_count; i++)
		if (!is_known(s, s->live[i].head.job, i))
			show(s, s->live[i].head.job, NULL);
	for (size_t i = 0; r >= 0 && i < s->past.count; i++)
		show(s, s->past.job[i].job, &s->past.job[i]);
	past_jobs_release(&s->past);
	free(s->live);
	s->live = NULL;
	s->live_count = 0;
	if (r >= 0 || r == -ENOMEM)
		return r;
	s->problems++; /* the places of others are shown all the same */
	(void)cmd_fail(place->dir.keep_path, r);
	return 0;
}

static void begin(struct status *s)
{
	if (!s->is_json)
		return;
	json_init(&s->json, &s->out);
	json_open(&s->json, NULL, '{');
	json_u64(&s->json, "schema", 1);
	json_open(&s->json, "jobs", '[');
}

static void end(struct status *s)
{
	AUTO_FREE char *text = NULL;

	if (s->is_json) {
		json_close(&s->json, ']');
		json_u64(&s->json, "damaged_lines", s->damaged);
		json_u64(&s->json, "damaged_records", s->passed_over);
		json_u64(&s->json, "problems", s->problems);
		json_close(&s->json, '}');
		buf_char(&s->out, '\n');
		flush(s);
	}
	if (!s->table || s->shown == 0)
		return;
	s->error = table_format(s->table, &text);
	if (s->error == 0)
		s->error = os_write_whole(1, text, strlen(text));
}

static int say_nothing_known(const struct status *s)
{
	const char *only = s->cmd->rest[0];
	BUF(line, 512);

	if (s->is_json)
		return EXIT_NOTHING;
	buf_str(&line, only ? "nothing is known of the job " : "no job is known yet");
	if (only) {
		escape_word(&line, only, strlen(only), 60);
		buf_str(&line, ": it is not running, nor in the history; see: spawnguard status");
	}
	cmd_say(&line);
	return EXIT_NOTHING;
}

static void say_damage(const struct status *s)
{
	BUF(line, 256);

	if (s->is_json)
		return;
	if (s->damaged > 0) {
		buf_str(&line, "warning: ");
		buf_u64(&line, s->damaged);
		buf_str(&line, " damaged lines of the history were passed over: the rest counts");
		cmd_say(&line);
	}
	cmd_say_passed_over(s->passed_over);
}

static int run_status(struct status *s)
{
	begin(s);
	int r = cmd_each_place(s->cmd, show_place, s, &s->problems);
	end(s);
	if (r < 0)
		return cmd_fail("cannot look at the jobs", r);
	if (s->error < 0)
		return cmd_fail_to_write(s->error);
	say_damage(s);
	if (s->problems > 0)
		return SG_EXIT_GUARD;
	if (s->shown == 0)
		return say_nothing_known(s);
	return s->all_well ? 0 : EXIT_NOTHING;
}

int main(int argc, char **argv)
{
	struct cmd cmd = { .name = "status", .command = FOR_STATUS };
	static struct status s = { .all_well = true };

	(void)argc;
	s.cmd = &cmd;
	int code = cmd_start_looking(&cmd, argv);
	if (code >= 0)
		return code;
	s.is_json = cmd.job.json;
	cmd_term(&cmd, &s.term);
	bool has_table = !s.is_json && (!cmd.rest[0] || cmd.job.all_users);
	AUTO_FREE char *text = malloc(TEXT_BYTES);
	if (has_table)
		s.table = status_table_new(&s.term, cmd.job.all_users);
	if (!text || (has_table && !s.table))
		return cmd_fail("cannot look at the jobs", -ENOMEM);
	buf_init(&s.out, text, TEXT_BYTES);
	os_raise_files();
	os_host_id(-1, &s.host);
	code = run_status(&s);
	table_free(s.table);
	return code;
}
