/* Before the first fork: name, state, lock, what a dead run left, record, start line. */
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/escape.h"
#include "base/fail.h"
#include "base/hash.h"
#include "base/num.h"
#include "guard/admission.h"
#include "guard/cgroup.h"
#include "guard/conflict.h"
#include "guard/explain.h"
#include "guard/kept.h"
#include "guard/output.h"
#include "guard/precheck.h"
#include "guard/run.h"
#include "guard/samples.h"
#include "guard/slot.h"
#include "guard/splay.h"
#include "guard/task.h"
#include "guard/voice.h"
#include "guard/watch.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/file.h"
#include "os/pidfd.h"
#include "os/proc.h"
#include "os/self.h"
#include "os/spawn.h"
#include "os/wait.h"
#include "run/describe.h"
#include "run/recovery.h"
#include "spawnguard/exit.h"
#include "store/history.h"
#include "store/record.h"
#include "tree/tree.h"

static int refuse(const struct buf *line)
{
	voice_error(line);
	return SG_EXIT_GUARD;
}

void run_init(struct run *run, const struct job *job, const struct surroundings *around, char **argv)
{
	run->job = job;
	run->around = around;
	run->argv = argv;
	run->dir.run_fd = run->dir.keep_fd = -1;
	run->output.fd = run->parent.fd = -1;
	tail_init(&run->tail);
	run->cgroup_fd = -1;
	run->samples_fd = -1;
	isolate_init(&run->isolation);
	notify_init(&run->notify);
	flow_init(&run->flow);
	run->circuit.trial_fd = -1;
	run->lock_fd = run->user_lock_fd = run->slot_fd = run->admission_fd = run->gate_fd = run->info_fd =
		run->record_fd = run->history_fd = -1;
}

static bool is_run_id(const char *id)
{
	size_t n = id ? strlen(id) : 0;
	if (n == 0 || n > RUN_ID_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = id[i];
		bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  c == '-' || c == '_';
		if (!ok)
			return false;
	}
	return true;
}

/* basename-1a2b3c: the same for the same program with the same arguments. */
static void name_after_command(struct run *run)
{
	const char *slash = strrchr(run->program, '/');
	const char *base = slash ? slash + 1 : run->program;
	uint64_t digest = hash_fnv(HASH_FNV_START, run->program, strlen(run->program) + 1);
	struct buf name;

	for (char **arg = run->argv + 1; *arg; arg++)
		digest = hash_fnv(digest, *arg, strlen(*arg) + 1);
	buf_init(&name, run->name, sizeof(run->name));
	buf_mem(&name, base, strnlen(base, 50)); /* encoded, each byte may take three */
	buf_char(&name, '-');
	buf_hex(&name, (digest ^ (digest >> 24) ^ (digest >> 48)) & 0xffffff, 6);
}

static void copy_text(char *to, size_t n, const char *text)
{
	struct buf b;
	buf_init(&b, to, n);
	if (text)
		buf_str(&b, text);
}

void run_find_program(struct run *run)
{
	const struct job *job = run->job;
	/* From there a relative name is looked up and exec'ed; where it cannot be entered, the job's process
	 * says so. */
	AUTO_FD int dir = job->chdir ? os_open_place(job->chdir) : -1;

	/* Not found: exec says so, on the same way as any other failure of it. */
	if (run->argv[0] &&
	    os_exec_find(dir >= 0 ? dir : OS_CWD, run->argv[0], world_path(job, run->around->path),
			 run->program, sizeof(run->program)) < 0)
		copy_text(run->program, sizeof(run->program), run->argv[0]);
	if (job->name)
		copy_text(run->name, sizeof(run->name), job->name);
	else if (!run->name[0]) /* once: the configuration was asked by this name */
		name_after_command(run);
}

static void fill_command(struct record_head *head, char *const *argv)
{
	for (; *argv; argv++) {
		size_t n = strlen(*argv) + 1, room = sizeof(head->command) - head->command_len;
		head->command_full += n;
		if (n > room)
			n = room;
		memcpy(head->command + head->command_len, *argv, n);
		head->command_len += (uint32_t)n;
	}
}

static void make_run_id(struct run *run)
{
	unsigned char random[16];
	struct buf id;

	buf_init(&id, run->head.run_id, sizeof(run->head.run_id));
	if (run->job->run_id) {
		buf_str(&id, run->job->run_id);
		return;
	}
	os_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		buf_hex(&id, random[i], 2);
}

static void fill_head(struct run *run)
{
	const struct job *job = run->job;
	struct record_head *head = &run->head;
	AUTO_FD int self = os_pidfd_open_self();

	copy_text(head->job, sizeof(head->job), run->name);
	copy_text(head->task, sizeof(head->task), job->task);
	copy_text(head->step, sizeof(head->step), job->step);
	if (is_run_id(run->around->parent_run_id))
		copy_text(head->parent_run_id, sizeof(head->parent_run_id), run->around->parent_run_id);
	os_host_id(self, &head->host);
	if (os_proc_identity(os_self_pid(), self, &head->front) < 0)
		head->front.pid = os_self_pid();
	enum identity_rung rung = head->front.pidfs_ino ? IDENTITY_PIDFS
				  : self >= 0           ? IDENTITY_PIDFD
							: IDENTITY_PROCFD;
	copy_text(head->identity, sizeof(head->identity), identity_name(rung));
	head->flags = (job->no_lock ? RECORD_NO_LOCK : 0U) | (job->shared ? RECORD_SHARED : 0U) |
		      (head->front.pid == 1 ? RECORD_FRONT_IS_INIT : 0U) |
		      (job->term == TERM_JOB ? RECORD_TERM_JOB : 0U) | (job->isolate ? RECORD_ISOLATED : 0U) |
		      (run->snapshot_count > 0 ? RECORD_FRONT_HAD_CHILDREN : 0U);
	head->timeout_ns = job->timeout_ns;
	head->kill_after_ns = job->kill_after_ns;
	head->signal = job->signal;
	head->uid = os_self_uid();
	head->leftovers = (uint32_t)job->leftovers;
	fill_command(head, kept_command(run).argv);
	os_working_dir(head->cwd, sizeof(head->cwd));
	world_working_dir(job, head->cwd, sizeof(head->cwd));
}

static int open_state(struct run *run)
{
	struct fail fail = { 0 };
	const char *given = run->job->state_dir ? run->job->state_dir : run->around->state_dir;

	if (statedir_open(&run->dir, given, run->around->service_dir, &fail) == 0)
		return 0;
	voice_fail(&fail, "nothing was started; see: spawnguard doctor");
	return -1;
}

static int put_together(struct run *run)
{
	BUF(line, 512);

	run_find_program(run);
	if (lock_path(run->name, run->lock_path) < 0) {
		buf_str(&line, "the name of the job is too long or empty: give a shorter one with --name");
		return refuse(&line);
	}
	if (run->job->require_limits && watch_cannot(run->job, &line)) {
		buf_str(&line,
			"; nothing was started: leave --require-limits out, or see: spawnguard doctor");
		return refuse(&line);
	}
	return open_state(run) < 0 ? SG_EXIT_GUARD : 0;
}

/* A given run id is used once: not while a record of it lies here, not if two months of history know it. */
static int check_run_id(struct run *run)
{
	BUF(line, 512);

	if (!run->job->run_id)
		return 0;
	bool used = record_exists(run->dir.run_fd, run->job->run_id);
	int r = used ? 0 : history_has(run->dir.keep_fd, os_clock_wall_ns(), "start", run->job->run_id);
	if (r < 0) {
		buf_str(&line, "cannot read the history to see whether run id ");
		escape_text(&line, run->job->run_id, strlen(run->job->run_id), 0);
		buf_str(&line, " is new; leave --run-id out to have one made");
		return refuse(&line);
	}
	if (!used && r == 0)
		return 0;
	buf_str(&line, "run id ");
	escape_text(&line, run->job->run_id, strlen(run->job->run_id), 0);
	buf_str(&line, " was used before: give a new one, or leave --run-id out to have one made");
	return refuse(&line);
}

struct cleanup {
	struct run *run;
	uint32_t open; /* records that stay: of live runs without the exclusive lock, or not to be closed now
			*/
	int exit;
};

/* Whether it left anything is not known: a start could make two of the job. */
static int refuse_blind(const char *run_id, int err)
{
	BUF(line, 512);

	buf_str(&line, "not started: what run ");
	buf_mem(&line, run_id, strnlen(run_id, 8));
	buf_str(&line, " has left cannot be looked at: ");
	buf_str(&line, fail_text(-err));
	buf_str(&line, "; start again, or see: spawnguard reap");
	return refuse(&line);
}

static void tell_recovery(const struct recovery *r, int result)
{
	BUF(line, 1024);

	if (r->is_damaged) {
		buf_str(&line, "warning: the record of run ");
		buf_str(&line, r->run_id);
		buf_str(&line, result < 0 ? " is damaged, and cannot be put aside as runs/"
					  : " is damaged: put aside as runs/");
		buf_str(&line, r->run_id);
		buf_str(&line, result < 0 ? ".bad: move it away" : ".bad");
		voice_note(&line);
		return;
	}
	buf_str(&line, "the guards of run ");
	buf_mem(&line, r->run_id, strnlen(r->run_id, 8));
	buf_str(&line, " were killed: ");
	if (r->is_old_boot)
		buf_str(&line, "before the machine was started anew");
	else if (r->is_unverifiable)
		buf_str(&line, "in another namespace, where its tree cannot be verified from here");
	else {
		buf_str(&line, "ended ");
		buf_u64(&line, r->members - r->survivors);
		buf_str(&line,
			r->members - r->survivors == 1 ? " process that it left" : " processes that it left");
	}
	describe_listed(&line, r);
	voice_note(&line);
}

static void tell_survivors(const struct recovery *r)
{
	BUF(line, 1024);

	buf_str(&line, "not started: run ");
	buf_mem(&line, r->run_id, strnlen(r->run_id, 8));
	buf_str(&line, " has left what cannot be ended: ");
	voice_name_processes(&line, r->process, r->process_count);
	buf_str(&line, "; end it by hand, then start again");
	voice_error(&line);
}

/* One dead run of this job: 0, or the exit status that ends ours. */
static int recover(struct run *run, const char *run_id, bool holds_lock, bool *out_stays)
{
	struct recovery r = {
		.dir = &run->dir, .by = "start", .holds_lock = holds_lock, .grace_ns = NUM_NONE
	};

	r.toll.wants = circuit_toll(run);
	r.toll.wants.is_clean = false;
	r.toll.wants.has_attempts = false; /* ours; what became of its own nobody knows: it counts */

	int result = recovery_run(&r, run_id);
	bool is_guarded = result == 0 && r.is_guarded;
	*out_stays = is_guarded || (result < 0 && result != -ENOENT);
	if (result == -ENOENT || is_guarded)
		return 0;
	if (r.survivors > 0) {
		tell_survivors(&r);
		return SG_EXIT_SURVIVORS;
	}
	if (result < 0 && !r.is_looked_at)
		return refuse_blind(run_id, result);
	if (!r.is_closed)
		tell_recovery(&r, result);
	circuit_tell_lost(run, &r.toll);
	if (result < 0) /* ended, but its record is still there: for the next start */
		(void)lockinfo_write_scan(run->info_fd, true);
	return 0;
}

static int clean_one(void *with, const char *run_id)
{
	struct cleanup *c = with;
	struct record record;
	bool stays;

	int opened = record_open(c->run->dir.run_fd, run_id, &record);
	if (opened == -ENOENT || opened == -ENODATA || opened == -EBADMSG || opened == -EPERM)
		return 0; /* gone meanwhile, not yet begun; or damaged, planted: reap tells of it */
	if (opened < 0)
		return c->exit = refuse_blind(run_id, opened);
	bool is_mine = strcmp(record.head.job, c->run->name) == 0;
	/* Who shares the lock cannot live while we have it alone; who has none may. */
	bool holds = !(record.head.flags & RECORD_NO_LOCK);
	record_close(&record);
	if (!is_mine)
		return 0;
	c->exit = recover(c->run, run_id, holds, &stays);
	c->open += stays;
	return c->exit;
}

/* What earlier runs of this job left: the last holder's, and, if there were runs without the lock, all of
 * them. */
static int clean_up(struct run *run)
{
	struct lockinfo info;
	bool stays;

	run->info_fd = lockinfo_open(run->dir.run_fd, run->lock_path, true);
	if (run->info_fd < 0 || lockinfo_read(run->info_fd, &info) < 0) {
		struct fail fail = { .err = run->info_fd < 0 ? -run->info_fd : EIO,
				     .what = "read lock info" };
		copy_text(fail.subject, sizeof(fail.subject), run->lock_path);
		voice_warn_fail(&fail, "what an earlier run left is not looked for");
		if (run->info_fd >=
		    0) /* our own name takes the place of the last one there: the next start looks for all */
			(void)lockinfo_write_scan(run->info_fd, true);
		return 0;
	}
	circuit_take_info(run, &info);
	if (run->job->shared || run->job->no_lock) {
		if (!info.wants_scan)
			(void)lockinfo_write_scan(run->info_fd, true);
		return 0;
	}
	if (info.wants_scan) {
		struct cleanup c = { .run = run };
		int r = record_each(run->dir.run_fd, clean_one, &c);
		if (r < 0)
			return refuse_blind("?", r);
		if (c.exit == 0 && c.open == 0)
			(void)lockinfo_write_scan(run->info_fd, false);
		return c.exit;
	}
	if (info.holder.run_id[0] == '\0')
		return 0;
	if (!record_exists(run->dir.run_fd, info.holder.run_id)) {
		cgroup_remove_unrecorded(run, info.holder.run_id);
		return 0;
	}
	return recover(run, info.holder.run_id, true, &stays);
}

/* And what the last one in our slot left: nobody else could be its guard.  From now on the slot names us. */
static int clean_up_slot(struct run *run)
{
	struct lockinfo info;
	bool stays;
	int code = 0;

	AUTO_FD int fd = slot_open_info(run, run->slot, true);
	if (fd < 0 || lockinfo_read(fd, &info) < 0)
		return 0; /* as with an exclusive lock: reap finds it */
	if (info.holder.run_id[0] != '\0' && record_exists(run->dir.run_fd, info.holder.run_id))
		code = recover(run, info.holder.run_id, true, &stays);
	if (code != 0)
		return code;
	struct lock_holder holder = { .front = run->head.front.pid, .since_boot_ns = os_clock_boot_ns() };
	memcpy(holder.run_id, run->head.run_id, sizeof(holder.run_id));
	(void)lockinfo_write_holder(fd, &holder); /* a hint for people and for the next start */
	return 0;
}

static void write_start_line(struct run *run)
{
	char host[80];
	BUF(line, HISTORY_LINE_MAX);
	struct kept_command kept = kept_command(run);
	struct history_start start = {
		.head = &run->head,
		.argv = kept.argv,
		.command_digest = kept.digest,
		.program = kept.program,
		.host_name = host,
		.tag = run->job->tag,
		.tag_count = run->job->tag_count,
		.environ_digest = HASH_FNV_START,
		.slot_group = run->slot_fd >= 0 ? slot_group(run) : NULL,
		.slot = run->slot,
		.start_timeout_ns = run->job->start_timeout_ns,
		.idle_timeout_ns = run->job->idle_timeout_ns,
		.heartbeat_ns = run->job->heartbeat_ns,
		.budget = run->job->budget,
		.budget_count = run->job->budget_count,
	};

	watch_list(run->job, &start);
	os_host_name(host, sizeof(host));
	for (char **entry = run->around->environ; *entry; entry++)
		start.environ_digest = hash_fnv(start.environ_digest, *entry, strlen(*entry) + 1);
	history_format_start(&line, &start);
	run->history_fd = history_open(run->dir.keep_fd, run->head.started_wall_ns);
	int r = run->history_fd < 0 ? run->history_fd : history_append(run->history_fd, &line);
	if (r < 0) {
		struct fail fail = { .err = -r, .what = "write the history", .subject = "history" };
		voice_warn_fail(&fail, "the run goes on without it");
	}
}

static int write_records(struct run *run)
{
	struct fail fail = { 0 };
	struct record_head *head = &run->head;

	head->started_boot_ns = os_clock_boot_ns();
	head->started_wall_ns = os_clock_wall_ns();
	attempt_begin(run);
	if (run->slot_fd >= 0) {
		head->slot = (uint16_t)run->slot;
		head->slots = (uint16_t)run->slots;
	}
	/* First the name, then the record: one that no info file names would be found by reap only. */
	if (run->info_fd >= 0 && !run->job->no_lock) {
		struct lock_holder holder = { .front = head->front.pid,
					      .since_boot_ns = head->started_boot_ns,
					      .has_looked = run->circuit.file != CIRCUIT_FILE_UNKNOWN };
		memcpy(holder.run_id, head->run_id, sizeof(holder.run_id));
		(void)lockinfo_write_holder(run->info_fd, &holder);
	}
	int made = cgroup_make(run);
	if (made != 0)
		return made;
	run->seed = record_seed(head->run_id);
	run->record_fd = record_create(run->dir.run_fd, head, &fail);
	if (run->record_fd == -EEXIST) {
		BUF(line, 256);
		buf_str(&line, "run id ");
		buf_str(&line, head->run_id);
		buf_str(&line, " is in use at this moment: give another one");
		return refuse(&line);
	}
	admission_leave(run);
	if (run->record_fd < 0) {
		voice_warn_fail(&fail, "if both guards are killed, nothing will find what the job leaves");
		run->record_fd = -1;
	}
	write_start_line(run);
	os_fd_close(&run->info_fd);
	return 0;
}

static int remember_child(void *with, pid_t child)
{
	struct run *run = with;
	if (run->snapshot_count < SNAPSHOT_MAX)
		run->snapshot[run->snapshot_count++] = child;
	return 0;
}

void run_take_snapshot(struct run *run)
{
	pid_t self = os_self_pid();

	run->snapshot_count = 0;
	if (os_has_children())
		(void)os_proc_children(self, self, -1, remember_child, run);
}

int run_start(struct run *run, int *out_exit)
{
	if ((*out_exit = put_together(run)) != 0)
		return -1;
	int ended = splay_wait(run);
	if (ended != 0) {
		os_signal_die(ended);
		return *out_exit = 128 + ended, -1; /* PID 1: for it that is discarded */
	}
	if ((*out_exit = parent_check(run)) != 0)
		return -1;
	run_take_snapshot(run); /* not before: who ends meanwhile leaves a number that another may get */
	if ((*out_exit = check_run_id(run)) != 0)
		return -1;
	make_run_id(run);
	fill_head(run);
	if ((*out_exit = conflict_take_locks(run)) != 0)
		return *out_exit == CONFLICT_SKIPPED ? (*out_exit = 0, -1) : -1;
	if ((*out_exit = parent_check(run)) != 0 || (*out_exit = clean_up(run)) != 0 ||
	    (run->slot_fd >= 0 && (*out_exit = clean_up_slot(run)) != 0) ||
	    (*out_exit = admission_wait(run)) != 0 || (*out_exit = circuit_prepare(run)) != 0 ||
	    (*out_exit = budget_prepare(run)) != 0 || (*out_exit = task_prepare(run)) != 0 ||
	    (*out_exit = precheck_run(run)) != 0 || (*out_exit = samples_open(run)) != 0 ||
	    (*out_exit = output_prepare(run)) != 0 || (*out_exit = flow_prepare(run)) != 0 ||
	    (*out_exit = yield_prepare(run)) != 0 || (*out_exit = alive_prepare(run)) != 0 ||
	    (*out_exit = notify_open(run)) != 0 || (*out_exit = admission_enter(run)) != 0 ||
	    (*out_exit = write_records(run)) != 0) {
		task_withdraw(run);
		output_withdraw(run);
		notify_remove(run);
		cgroup_withdraw(run);
		hook_wait(run, -1); /* of a breaker that a lost run has opened */
		return -1;
	}
	return 0;
}

int run_explain(struct run *run)
{
	int code = put_together(run);
	if (code != 0 || (code = check_run_id(run)) != 0)
		return code;
	make_run_id(run);
	fill_head(run);
	return explain_print(run);
}
