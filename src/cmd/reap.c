/* spawnguard reap [JOB|RUN]: end what dead guards have left, close their records. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/num.h"
#include "cmd/cmd.h"
#include "codec/json_write.h"
#include "conf/options.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/say.h"
#include "os/self.h"
#include "run/describe.h"
#include "run/recovery.h"
#include "spawnguard/exit.h"
#include "store/lock.h"
#include "store/record.h"

#define TARGETS_MAX 1024

struct reaping {
	const struct cmd *cmd;
	char run_id[TARGETS_MAX][RUN_ID_MAX + 8];
	uint32_t count;
	uint32_t found, survivors;
	bool failed;
};

static int remember(void *with, const char *run_id)
{
	struct reaping *p = with;
	if (p->count < TARGETS_MAX)
		memcpy(p->run_id[p->count++], run_id, strlen(run_id) + 1);
	return 0;
}

static void put_pids(struct buf *line, const char *before, const struct recovery *r)
{
	for (uint32_t i = 0; i < r->process_count; i++) {
		buf_str(line, i == 0 ? before : ", ");
		escape_text(line, r->process[i].comm, strnlen(r->process[i].comm, 16), 0);
		buf_str(line, " (");
		buf_i64(line, r->process[i].pid);
		buf_char(line, ')');
	}
	describe_listed(line, r);
}

static void put_json(const struct reaping *p, const struct recovery *r)
{
	BUF(line, 4096);
	struct json j;

	json_init(&j, &line);
	json_open(&j, NULL, '{');
	json_str(&j, "run_id", r->run_id);
	json_str(&j, "job", r->job);
	json_bool(&j, "dry_run", p->cmd->job.dry_run);
	json_bool(&j, "damaged", r->is_damaged);
	json_u64(&j, p->cmd->job.dry_run ? "would_end" : "ended", r->members - r->survivors);
	json_u64(&j, "freed", r->freed_bytes);
	json_u64(&j, "survivors", r->survivors);
	describe_json_listed(&j, r);
	json_close(&j, '}');
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
}

static void put_line(const struct reaping *p, const struct recovery *r)
{
	BUF(line, 2048);
	bool dry = p->cmd->job.dry_run;

	if (p->cmd->job.json) {
		put_json(p, r);
		return;
	}
	if (p->cmd->job.quiet && r->survivors == 0)
		return;
	escape_text(&line, r->job[0] ? r->job : "?", strlen(r->job[0] ? r->job : "?"), 60);
	buf_str(&line, ": run ");
	buf_mem(&line, r->run_id, strnlen(r->run_id, 8));
	if (r->is_damaged) {
		buf_str(&line, dry ? ": damaged record, would be put aside" : ": damaged record, put aside");
	} else if (r->is_unverifiable) {
		buf_str(&line, ": of another namespace, its tree cannot be verified from here");
		buf_str(&line, dry ? ", would be closed" : ", closed");
	} else if (r->is_old_boot) {
		buf_str(&line,
			dry ? ": of an earlier boot, would be closed" : ": of an earlier boot, closed");
	} else {
		buf_str(&line, dry ? ": would end " : ": ended ");
		buf_u64(&line, r->members - r->survivors);
		buf_str(&line, r->members - r->survivors == 1 ? " process" : " processes");
		if (!dry) {
			buf_str(&line, ", freed ");
			num_format_size(&line, r->freed_bytes);
			buf_str(&line, ", survivors ");
			buf_u64(&line, r->survivors);
		}
		put_pids(&line, ": ", r);
	}
	buf_char(&line, '\n');
	os_print(1, line.at, line.len);
}

static void complain(struct reaping *p, const char *run_id, const char *what, int err)
{
	BUF(line, 256);

	p->failed = true;
	buf_str(&line, "run ");
	buf_mem(&line, run_id, strnlen(run_id, 8));
	buf_str(&line, what);
	buf_str(&line, fail_text(-err));
	buf_str(&line, "; it stays for the next reap");
	cmd_say(&line);
}

/*
 * The job's lock first: held by another (-EWOULDBLOCK) = a guard lives, or the
 * next start is doing this very thing; not our business.  -ENOENT: none is needed.
 */
static int take_lock(const struct reaping *p, const struct record_head *head)
{
	char path[LOCK_PATH_MAX];
	struct fail fail;

	if (head->flags & RECORD_NO_LOCK || lock_path(head->job, path) < 0)
		return -ENOENT;
	return lock_try(p->cmd->dir.run_fd, path, false, &fail);
}

static bool is_meant(const struct cmd *cmd, const struct record_head *head)
{
	const char *what = cmd->rest[0];
	return !what || strcmp(head->job, what) == 0 ||
	       (strlen(what) >= FIND_PREFIX_MIN && strncmp(head->run_id, what, strlen(what)) == 0);
}

static void reap_one(struct reaping *p, const char *run_id)
{
	struct record record = { .fd = -1 };
	struct recovery r = {
		.dir = &p->cmd->dir, .by = "reap", .dry_run = p->cmd->job.dry_run, .grace_ns = NUM_NONE
	};
	AUTO_FD int lock = -ENOENT;

	int opened = record_open(p->cmd->dir.run_fd, run_id, &record);
	if (opened == -ENODATA)
		(void)record_remove_unwritten(p->cmd->dir.run_fd, run_id, os_clock_wall_ns());
	if (opened == -ENOENT || opened == -ENODATA)
		return;
	if (opened == 0) {
		bool mine = is_meant(p->cmd, &record.head);
		if (mine)
			lock = take_lock(p, &record.head);
		record_close(&record);
		/* A lock in other hands: a guard of this very run, or of another one that shares it. */
		if (!mine || (lock == -EWOULDBLOCK && !(record.head.flags & RECORD_SHARED)))
			return;
		if (lock < 0 && lock != -EWOULDBLOCK && lock != -ENOENT) {
			complain(p, run_id, ": cannot take the lock of its job: ", lock);
			return;
		}
	} else if (opened != -EBADMSG && opened != -EPERM) {
		complain(p, run_id, ": cannot read its record: ", opened);
		return;
	} else if (p->cmd->rest[0]) {
		return;
	}
	r.holds_lock = lock >= 0;
	int result = recovery_run(&r, run_id);
	if (result == -ENOENT || r.is_guarded)
		return;
	p->found++;
	p->survivors += r.survivors;
	if (result < 0 && !r.is_looked_at) {
		complain(p, run_id, ": what it left cannot be looked at: ", result);
		return;
	}
	put_line(p, &r);
	if (result < 0 && result != -EBUSY)
		complain(p, run_id, ": its record cannot be closed: ", result);
}

int main(int argc, char **argv)
{
	static struct reaping p;
	struct cmd cmd = { .name = "reap", .command = FOR_REAP };

	(void)argc;
	int code = cmd_start(&cmd, argv);
	if (code >= 0)
		return code;
	os_raise_files();
	p.cmd = &cmd;
	int r = record_each(cmd.dir.run_fd, remember, &p);
	if (r < 0)
		return cmd_not_found(&cmd, cmd.rest[0], r);
	for (uint32_t i = 0; i < p.count; i++)
		reap_one(&p, p.run_id[i]);
	if (p.survivors > 0)
		return SG_EXIT_SURVIVORS;
	return p.failed ? SG_EXIT_GUARD : 0;
}
