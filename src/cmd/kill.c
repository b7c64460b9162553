/* spawnguard kill JOB|RUN: the end of our own runs, by identity, verified; never by a name of processes. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/say.h"
#include "os/self.h"
#include "os/signal.h"
#include "run/ask.h"
#include "run/describe.h"
#include "run/recovery.h"
#include "spawnguard/exit.h"
#include "tree/walk.h"

#define TARGETS_MAX 64
#define PAGE_BYTES  4096
/* Beyond the grace: the guard's own bound of its KILL sweep, and a little. */
#define END_MARGIN_NS (13 * NS_PER_S)

/* What is known of one run once it has ended. */
struct ended {
	const char *job, *run_id;
	uint32_t processes, killed, survivors;
	uint64_t freed_bytes, took_ns;
	const struct recovery *recovery; /* borrowed: its guards were dead; NULL */
};

struct killing {
	const struct cmd *cmd;
	char run_id[TARGETS_MAX][RUN_ID_MAX + 8];
	uint32_t count;
	uint32_t survivors;
	bool failed;
};

static int remember(void *with, struct run_view *view)
{
	struct killing *k = with;
	if (k->count < TARGETS_MAX)
		memcpy(k->run_id[k->count++], view->record.head.run_id, sizeof(k->run_id[0]));
	return 0;
}

static void report(struct killing *k, const struct ended *e)
{
	BUF(line, 1024);
	struct json j;

	k->survivors += e->survivors;
	if (k->cmd->job.json) {
		json_init(&j, &line);
		json_open(&j, NULL, '{');
		json_str(&j, "job", e->job);
		json_str(&j, "run_id", e->run_id);
		json_u64(&j, "ended", e->processes);
		json_u64(&j, "killed", e->killed);
		json_u64(&j, "freed", e->freed_bytes);
		json_seconds(&j, "took", e->took_ns, 3);
		json_u64(&j, "survivors", e->survivors);
		if (e->recovery && e->recovery->listed_count > 0)
			describe_json_listed(&j, e->recovery);
		json_close(&j, '}');
		buf_char(&line, '\n');
		os_print(1, line.at, line.len);
		return;
	}
	if (k->cmd->job.quiet && e->survivors == 0)
		return;
	escape_text(&line, e->job, strlen(e->job), 60);
	buf_str(&line, ": run ");
	buf_mem(&line, e->run_id, strnlen(e->run_id, 8));
	buf_str(&line, ": ended ");
	buf_u64(&line, e->processes);
	buf_str(&line, e->processes == 1 ? " process" : " processes");
	if (e->killed > 0) {
		buf_str(&line, " (");
		buf_u64(&line, e->killed);
		buf_str(&line, " by KILL)");
	}
	buf_str(&line, ", freed ");
	num_format_size(&line, e->freed_bytes);
	buf_str(&line, " in ");
	num_format_duration(&line, e->took_ns);
	buf_str(&line, ", survivors ");
	buf_u64(&line, e->survivors);
	if (e->recovery)
		describe_listed(&line, e->recovery);
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
}

static void complain(struct killing *k, const char *run_id, const char *what)
{
	BUF(line, 256);
	k->failed = true;
	buf_str(&line, "run ");
	buf_mem(&line, run_id, strnlen(run_id, 8));
	buf_str(&line, ": ");
	buf_str(&line, what);
	cmd_say(&line);
}

/* Its guard does it; we wait for the guard, and read from the record that we hold open what it came to. */
static void end_by_guard(struct killing *k, struct run_view *view)
{
	const struct record_head *head = &view->record.head;
	struct request request = ask_request(REQUEST_KILL, "spawnguard kill", getenv(SG_ENV_RUN_ID));
	uint64_t start_ns = os_clock_boot_ns();

	request.grace_ns = k->cmd->job.grace_ns;
	uint64_t grace_ns = request.grace_ns == NUM_NONE ? head->kill_after_ns : request.grace_ns;
	/* Without a warden front is ending the tree already. */
	int guard = view->has_warden ? view->warden : view->front;
	if (guard < 0) {
		complain(k, head->run_id,
			 "its guard cannot be told from a stranger here: send TERM to it yourself");
		return;
	}
	int r = ask_guard(&k->cmd->dir, view, &request, true);
	if (r == -EPERM) {
		complain(k, head->run_id,
			 "its guard cannot be signalled from here: send TERM to it yourself");
		return;
	}
	if (r < 0 && r != -ESRCH) {
		complain(k, head->run_id,
			 "its guard cannot be asked: the state directory cannot be written; see: spawnguard "
			 "doctor");
		return;
	}
	uint64_t wait_ms = (grace_ns + END_MARGIN_NS) / NS_PER_MS;
	int ended = os_pidfd_wait(guard, wait_ms < INT32_MAX ? (int)wait_ms : INT32_MAX);
	/* And front behind it: when we return, the caller of the run has its status. */
	if (ended && view->front >= 0)
		(void)os_pidfd_wait(view->front, 2000);
	request_remove(k->cmd->dir.run_fd, head->run_id);
	if (!ended || record_refresh(&view->record) < 0) {
		complain(k, head->run_id, "its guard does not answer; see: spawnguard ps");
		return;
	}
	const struct run_figures *f = &view->record.state.figures;
	report(k, &(struct ended){ .job = head->job,
				   .run_id = head->run_id,
				   .processes = f->ended,
				   .killed = f->killed,
				   .survivors = f->survivors,
				   .freed_bytes = f->freed_bytes,
				   .took_ns = os_clock_boot_ns() - start_ns });
}

/* Its guards are dead: we do what the next start would do. */
static void end_orphans(struct killing *k, const char *run_id)
{
	struct recovery r = { .dir = &k->cmd->dir, .by = "kill", .grace_ns = k->cmd->job.grace_ns };

	int result = recovery_run(&r, run_id);
	if (result < 0 && result != -EBUSY) {
		if (result != -ENOENT)
			complain(k, run_id,
				 "its record cannot be closed; try again, or see: spawnguard reap");
		return;
	}
	report(k, &(struct ended){ .job = r.job,
				   .run_id = run_id,
				   .processes = r.members - r.survivors,
				   .killed = r.killed,
				   .survivors = r.survivors,
				   .freed_bytes = r.freed_bytes,
				   .took_ns = r.took_ns,
				   .recovery = &r });
}

static void list_members(const struct run_view *view, struct tree *tree)
{
	FOR_EACH_MEMBER (tree, m) {
		BUF(line, 512);
		if (m->flags & (MEMBER_ROOT | MEMBER_INIT))
			continue;
		buf_str(&line, "would end ");
		buf_i64(&line, m->id.pid);
		buf_char(&line, ' ');
		escape_text(&line, m->comm, strnlen(m->comm, sizeof(m->comm)), 0);
		buf_str(&line, " of run ");
		buf_mem(&line, view->record.head.run_id, strnlen(view->record.head.run_id, 8));
		buf_char(&line, '\n');
		os_print(1, line.at, line.len);
	}
}

static void list_one(struct killing *k, struct run_view *view)
{
	AUTO_FREE struct tree *tree = calloc(1, sizeof(*tree));
	if (!tree) {
		k->failed = true;
		return;
	}
	tree_init(tree, view->record.fd);
	run_view_walk(view, tree);
	list_members(view, tree);
	tree_release(tree);
}

static void end_one(struct killing *k, const char *run_id, const struct host_id *here)
{
	struct run_view view;

	int r = ask_open(&k->cmd->dir, run_id, here, &view);
	if (r < 0) {
		if (r != -ENOENT) /* over by itself meanwhile */
			complain(
				k, run_id,
				"its record cannot be read; if it is damaged: spawnguard reap puts it aside");
		return;
	}
	if (view.place == PLACE_ELSEWHERE)
		complain(k, run_id, "it runs in another PID or time namespace: end it there");
	else if (k->cmd->job.dry_run)
		list_one(k, &view);
	else if (view.is_guarded)
		end_by_guard(k, &view);
	else
		end_orphans(k, run_id);
	run_view_close(&view);
}

int main(int argc, char **argv)
{
	static struct killing k;
	struct cmd cmd = { .name = "kill", .command = FOR_KILL };
	struct host_id here;

	(void)argc;
	int code = cmd_start(&cmd, argv);
	if (code >= 0)
		return code;
	if (!cmd.rest[0]) {
		BUF(line, 128);
		buf_str(&line, "kill needs a JOB or a RUN: spawnguard kill JOB; see: spawnguard ps");
		cmd_say(&line);
		return EXIT_USAGE;
	}
	os_raise_files();
	k.cmd = &cmd;
	int r = find_runs(&cmd.dir, cmd.rest[0], remember, &k);
	if (r < 0)
		return cmd_not_found(&cmd, cmd.rest[0], r);
	os_host_id(-1, &here);
	for (uint32_t i = 0; i < k.count; i++)
		end_one(&k, k.run_id[i], &here);
	if (k.survivors > 0)
		return SG_EXIT_SURVIVORS;
	return k.failed ? SG_EXIT_GUARD : 0;
}
