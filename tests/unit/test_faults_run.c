/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include "apart.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/num.h"
#include "base/utc.h"
#include "fault/failnth.h"
#include "group.h"
#include "run/close.h"
#include "run/endgame.h"
#include "run/recovery.h"
#include "state.h"
#include "store/lock.h"
#include "store/record.h"

static bool never(void *with)
{
	(void)with;
	return false;
}

/* ---- the loop of an end */

/* All are dead, and somebody else has to reap them: that is no survivor. */
static void the_dead_are_no_survivors(void)
{
	(void)hold_job(&tree, body_wide, 2, 3);
	struct endgame e = { .tree = &tree, .signal = SIGTERM, .reap = never };
	assert_int_equal(endgame_run(&e), 0);
	assert_int_equal(tree_count_alive(&tree), 0);
	let_go(&tree);
}

static unsigned asked;

static bool never_and_late(void *with)
{
	if (++asked == 5)
		failnth_advance(60);
	return never(with);
}

/* None is left, and still there are children: one that /proc does not show is told as a survivor. */
static void a_child_that_is_not_shown_is_a_survivor(void)
{
	nest_open();
	tree_init(&tree, nest.ready[0]);
	assert_int_equal(tree_set_root(&tree, getpid()), 0);
	struct endgame e = { .tree = &tree, .signal = SIGTERM, .reap = never_and_late };
	assert_int_equal(endgame_run(&e), 1);
	assert_true(asked > 5);
	let_go(&tree);
}

/* Reaped in the middle of it: its handle is there till the next walk, and it is not waited for. */
static bool reap_and_forget(void *with)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG);
	(void)with;
	if (pid > 0)
		tree_forget(&tree, pid);
	return pid < 0;
}

static void who_is_reaped_meanwhile_is_not_waited_for(void)
{
	pid_t job = hold_job(&tree, body_wide, 2, 3);
	assert_int_equal(walk(), 2);
	struct endgame e = {
		.tree = &tree, .grace_ns = 20000000000, .signal = SIGTERM, .reap = reap_and_forget
	};
	assert_int_equal(endgame_run(&e), 0);
	assert_int_equal(e.killed, 0); /* the first signal was enough */
	assert_null(tree_find(&tree, job));
	let_go(&tree);
}

/* A group that is not empty holds the end up, whoever is in it; then it is killed by the kernel. */
static void who_is_in_the_group_is_waited_for(void)
{
	struct own own;
	if (!own_open(&own))
		_exit(SKIP);
	if (!os_cgroup_can_kill(own.dir)) {
		own_close(&own);
		_exit(SKIP);
	}
	nest_open();
	pid_t in = victim(body_stand, 0);
	wait_ready(1);
	BUF(number, 24);
	buf_i64(&number, in);
	AUTO_FD int procs = openat(own.dir, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(procs, number.at, number.len), number.len);
	tree_init(&tree, nest.ready[0]); /* it knows of nobody */
	struct endgame e = { .tree = &tree, .signal = SIGTERM, .killer.cgroup = own.dir };
	assert_int_equal(endgame_run(&e), 0);
	assert_int_equal(e.rung, KILL_CGROUP);
	assert_int_equal(scratch_reap(in), 128 + SIGKILL);
	let_go(&tree);
	own_close(&own);
}

/* ---- runs */

static unsigned seen;

static int see(void *with, struct run_view *view)
{
	(void)with, (void)view;
	seen++;
	return 0;
}

static void a_search_that_fails_is_told(void)
{
	static const int starved[] = { EMFILE, ENFILE, ENOMEM };
	begin_state();
	write_run(0, 0, 0);
	fail_path("runs/", EIO, true);
	assert_int_equal(find_runs(&dir, NULL, see, NULL), -EIO);
	for (size_t i = 0; i < COUNT_OF(starved); i++) {
		struct find look = { .dir = &dir, .owner = geteuid(), .each = see };
		fail_path("runs/", starved[i], true);
		assert_int_equal(find_look(&look), -starved[i]);
	}
	for (uint64_t first = 3; first <= 4; first++) { /* the list, and the record, for the second time */
		failnth_arm(&(struct failnth){
			.function = "openat", .path = "runs", .first = first, .error = EIO });
		assert_int_equal(find_runs(&dir, "0123", see, NULL), -EIO);
	}
	failnth_arm(&(struct failnth){ .function = "openat", .path = "runs", .first = 4, .error = ENOENT });
	assert_int_equal(find_runs(&dir, "0123", see, NULL), -ENOENT); /* gone meanwhile */
	heal();
	assert_int_equal(seen, 0);
	assert_int_equal(find_runs(&dir, "0123", see, NULL), 0);
	assert_int_equal(seen, 1);
	end_state();
}

static void a_tree_is_shown_as_far_as_there_is_memory(void)
{
	struct host_id here;
	struct run_view view;
	begin_state();
	pid_t warden = victim(body_wide, 200);
	wait_ready(201);
	write_run(0, warden, 0);
	os_host_id(-1, &here);
	assert_int_equal(run_view_open(&dir, RUN, &here, &view), 0);
	fail_always("calloc", ENOMEM);
	tree_init(&tree, nest.ready[0]);
	run_view_walk(&view, &tree);
	assert_int_equal(tree.count, view.warden >= 0 ? TREE_FIRST : 0);
	tree_release(&tree);
	os_fd_close(&view.warden);
	run_view_walk(&view, &tree); /* by the record, for which there is no room */
	assert_int_equal(tree.count, 0);
	tree_release(&tree);
	heal();
	run_view_close(&view);
	end_state();
}

static struct recovery recovery_of(void)
{
	return (struct recovery){ .dir = &dir, .by = "reap", .holds_lock = true, .grace_ns = NUM_NONE };
}

static void a_recovery_that_fails_leaves_the_record(void)
{
	begin_state();
	pid_t job = victim(body_stand, 0);
	wait_ready(1);
	write_run(0, 0, job);
	for (uint64_t first = 1; first <= 2; first++) {
		struct recovery r = recovery_of();
		fail_once("calloc", first, ENOMEM);
		assert_int_equal(recovery_run(&r, RUN), -ENOMEM);
		assert_false(r.is_looked_at);
	}
	struct recovery r = recovery_of();
	fail_call(SYS_pidfd_open, EMFILE);
	int result = recovery_run(&r, RUN);
	heal();
	assert_true(result == -EMFILE && !r.is_looked_at); /* it may live, and could not be held */
	assert_true(record_exists(dir.run_fd, RUN));
	assert_int_equal(kill(job, 0), 0);
	r = recovery_of();
	assert_int_equal(recovery_run(&r, RUN), 0); /* by TERM: the record names no other signal */
	assert_false(record_exists(dir.run_fd, RUN));
	assert_true(r.members == 1 || r.listed_count == 1);
	end_state();
}

#define MARK "SPAWNGUARD_RUN_ID="
static char own_mark[64]; /* of a run that no other test looks for at the same time */

/* Marked for the run, in our session: two marks. */
static void body_marked(int arg)
{
	char *argv[] = { "/bin/sleep", "60", NULL }, *env[] = { own_mark, NULL };
	(void)arg;
	(void)execve(argv[0], argv, env);
}

static unsigned born;

static void beget(void *with)
{
	struct proc_stat stat;
	(void)with;
	pid_t pid = victim(body_marked, 0);
	uint64_t end_ns = os_clock_boot_ns() + WAIT_NS;
	do {
		assert_true(os_clock_boot_ns() < end_ns);
		assert_int_equal(os_proc_stat(pid, &stat), 0);
	} while (strcmp(stat.comm, "sleep") != 0);
	born++;
	failnth_arm(&(struct failnth){ .function = "lseek", .meanwhile = beget });
}

/* At each look another is born: it is searched a few times, not for ever. */
static void a_search_that_always_finds_another_ends(void)
{
	assert_true(setsid() > 0);
	begin_state();
	snprintf(own_mark, sizeof(own_mark), MARK "%08x%08xfedcba9876543210", (unsigned)getpid(),
		 (unsigned)os_clock_boot_ns());
	const char *run_id = own_mark + strlen(MARK);
	write_run_as(run_id, (struct record_state){ .phase = PHASE_RUNNING, .job_pid = getpid() }, 0, 0, 0,
		     0);
	struct recovery r = recovery_of();
	r.grace_ns = 0;
	failnth_arm(&(struct failnth){ .function = "lseek", .meanwhile = beget });
	assert_int_equal(recovery_run(&r, run_id), 0);
	heal();
	assert_true(r.members >= 5 && r.survivors == 0 && born >= r.members);
	(void)signal(SIGTERM, SIG_IGN);
	(void)kill(0, SIGTERM); /* who was born behind the last look; the session is our own */
	end_state();
}

static void of_a_run_elsewhere_that_is_over_only_the_record_is_left(void)
{
	begin_state();
	write_run_as(RUN, (struct record_state){ .phase = PHASE_CLOSED }, 1, 0, 0, 0);
	struct recovery r = recovery_of();
	assert_int_equal(recovery_run(&r, RUN), 0);
	assert_true(r.is_closed && r.is_unverifiable && !r.is_guarded);
	assert_false(record_exists(dir.run_fd, RUN));
	end_state();
}

static void a_planted_record_is_put_aside(void)
{
	begin_state();
	assert_int_equal(symlinkat("/etc/passwd", dir.run_fd, "runs/" RUN), 0);
	struct recovery r = recovery_of();
	assert_int_equal(recovery_run(&r, RUN), 0);
	assert_true(r.is_damaged);
	assert_true(scratch_has(&home, "runs/" RUN ".bad"));
	end_state();
}

static void the_end_is_written_as_far_as_it_can_be(void)
{
	struct record record;
	begin_state();
	write_run(0, 0, 0);
	assert_int_equal(record_open(dir.run_fd, RUN, &record), 0);
	struct record_state state = record.state;
	struct close_run c = { .dir = &dir,
			       .head = &record.head,
			       .state = &state,
			       .record_fd = record.fd,
			       .history_fd = -1,
			       .by = "front",
			       .verdict = { .outcome = OUTCOME_FAILED, .exit_code = 3 } };
	c.keep_record = true;
	fail_path("history/", EIO, true); /* no history: the rest is done */
	assert_int_equal(close_run(&c), -EIO);
	fail_path("loadavg", EIO, true); /* what the machine was like is not known */
	assert_int_equal(close_run(&c), 0);
	fail_path("pressure", EIO, true);
	assert_int_equal(close_run(&c), 0);
	fail_once("pwrite", 1, EIO); /* the record's state */
	assert_int_equal(close_run(&c), -EIO);
	heal();
	c.verdict.outcome = OUTCOME_OK;
	c.keep_record = false;
	state.figures.cause = CAUSE_NONE; /* told by the record itself: front hands it on */
	assert_int_equal(close_run(&c), 0);
	assert_true(record_exists(dir.run_fd, RUN));
	assert_int_equal(record.head.log[0], 0);
	memcpy(record.head.log, "/log", 5);
	BUF(text, 8192);
	close_format_status(&text, &c);
	assert_non_null(strstr(text.at, "/log"));
	assert_null(strstr(text.at, "half way"));
	c.has_told = true;
	memcpy(c.told.status, "half way", 9);
	buf_clear(&text);
	close_format_status(&text, &c);
	assert_non_null(strstr(text.at, "half way"));
	fail_once("renameat", 1, EIO); /* not handed on: removed */
	assert_int_equal(record_recycle(dir.run_fd, RUN), 0);
	assert_false(record_exists(dir.run_fd, RUN));
	record_close(&record);
	end_state();
}

/* The line that was appended last. */
static const char *last_line(void)
{
	static char bytes[65536];
	char name[64];
	struct utc now = utc_from_wall(os_clock_wall_ns());
	snprintf(name, sizeof(name), "history/%04u-%02u.jsonl", (unsigned)now.year, (unsigned)now.month);
	size_t n = scratch_read(&home, name, bytes, sizeof(bytes) - 1);
	while (n > 0 && bytes[n - 1] == '\n')
		n--;
	bytes[n] = '\0';
	const char *newline = strrchr(bytes, '\n');
	return newline ? newline + 1 : bytes;
}

/* Another attempt follows: its end is a line of its own, and the run goes on in its record. */
static void the_end_of_an_attempt_is_not_that_of_the_run(void)
{
	struct record record;
	begin_state();
	write_run(0, 0, 0);
	assert_int_equal(record_open(dir.run_fd, RUN, &record), 0);
	struct record_state state = record.state;
	state.figures.attempt = 1;
	state.figures.cause = CAUSE_LIMIT; /* not by itself: else the file is handed on */
	struct close_run c = { .dir = &dir,
			       .head = &record.head,
			       .state = &state,
			       .record_fd = record.fd,
			       .history_fd = -1,
			       .by = "warden",
			       .verdict = { .outcome = OUTCOME_FAILED, .exit_code = 3 },
			       .goes_on = true,
			       .retry_in_ns = 1500000000,
			       .retry_for = FAILURE_QUOTA };
	assert_int_equal(close_run(&c), 0);
	assert_non_null(strstr(last_line(), "\"attempt\""));
	assert_non_null(strstr(last_line(), "quota"));
	assert_int_equal(c.toll.failure, FAILURE_NONE); /* not counted */
	assert_int_equal(state.phase, PHASE_WAITING);
	record_close(&record);
	assert_int_equal(record_open(dir.run_fd, RUN, &record), 0);
	assert_int_equal(record.state.phase, PHASE_WAITING);
	c.goes_on = false;
	c.has_yield = true;
	c.yield = (struct history_yield){ .of = "lines", .of_n = 5, .value = 4711 };
	assert_int_equal(close_run(&c), 0);
	assert_non_null(strstr(last_line(), "4711"));
	assert_null(strstr(last_line(), "\"attempt\""));
	assert_true(c.toll.failure >= FAILURE_FIRST);
	assert_int_equal(state.phase, PHASE_CLOSED);
	assert_false(record_exists(dir.run_fd, RUN));
	record_close(&record);
	end_state();
}

static void a_member_that_cannot_be_asked_is_named_all_the_same(void)
{
	static struct close_run c;
	pid_t job = hold_job(&tree, body_wide, 1, 2);
	assert_int_equal(walk(), 1);
	(void)kill(child_of(job), SIGKILL);
	for (uint64_t end_ns = os_clock_boot_ns() + WAIT_NS; tree_count_alive(&tree) > 1;)
		assert_true(os_clock_boot_ns() < end_ns);
	fail_path("/status", EIO, true);
	close_name_members(&c, &tree);
	assert_int_equal(c.process_count, 1); /* the dead are not */
	assert_int_equal(c.process[0].pid, job);
	assert_int_equal(c.process[0].state, '?');
	end();
}

/* ---- locks and records */

static int lock(const struct scratch *s, struct fail *fail)
{
	return lock_try(s->fd, "locks/job/nightly", false, fail);
}

static void a_lock_that_cannot_be_proved_is_not_held(void)
{
	static const struct {
		const char *rule, *function;
		int err;
		bool persist;
		int result;
		const char *what;
	} rows[] = {
		{ "what was opened cannot be asked", "fstat", EIO, false, -EIO, "lock" },
		{ "no locks here", "flock", ENOLCK, false, -ENOLCK, "lock" },
		{ "a signal", "flock", EINTR, false, -EINTR, NULL },
		{ "the name cannot be asked", "fstatat", EIO, false, -EIO, "check lock file" },
		{ "removed as fast as made", "fstatat", ENOENT, true, -EBUSY,
		  "lock: removed as fast as made" },
	};
	struct scratch s;
	scratch_make(&s);
	scratch_mkdir(&s, "locks");
	scratch_mkdir(&s, "locks/job");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = { 0 };
		failnth_arm(&(struct failnth){
			.function = rows[i].function, .error = rows[i].err, .persist = rows[i].persist });
		int r = lock(&s, &fail);
		heal();
		if (r != rows[i].result || (rows[i].what && strcmp(fail.what, rows[i].what) != 0) ||
		    (!rows[i].what && fail.err != 0))
			fail_msg("%s: %d, %s", rows[i].rule, r, fail.what ? fail.what : "");
		AUTO_FD int fd = lock(&s, NULL);
		assert_true(fd >= 0); /* nothing was left locked */
	}
	fail_once("fstatat", 1, ENOENT); /* removed once: made anew */
	AUTO_FD int fd = lock(&s, NULL);
	assert_true(fd >= 0);
	heal();

	char path[160];
	struct fail fail = { 0 };
	snprintf(path, sizeof(path), "%s/mine", s.path);
	for (int wait = 0; wait < 2; wait++) {
		fail_once("flock", 1, ENOLCK);
		assert_int_equal(lock_user_file(path, false, wait, &fail), -ENOLCK);
		assert_string_equal(fail.what, "lock");
		fail_once("flock", 1, EINTR);
		assert_int_equal(lock_user_file(path, false, wait, NULL), -EINTR);
	}
	heal();
	scratch_remove(&s);
}

/* The same of one that is tried again and again: what failed is no news of who holds it. */
static void a_lock_that_is_tried_again_is_proved_each_time(void)
{
	static const struct {
		const char *rule, *function;
		int err;
		const char *what;
		bool is_open;
	} rows[] = {
		{ "no locks here", "flock", ENOLCK, "lock", true },
		{ "what was opened cannot be asked", "fstat", EIO, "lock", true },
		{ "the name cannot be asked", "fstatat", EIO, "check lock file", false },
	};
	struct scratch s;
	scratch_make(&s);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct fail fail = { 0 };
		int kept = lock_open_kept(s.fd, "slot", NULL);
		assert_true(kept >= 0);
		fail_once(rows[i].function, 1, rows[i].err);
		int r = lock_try_kept(s.fd, "slot", &kept, &fail);
		heal();
		if (r != -rows[i].err || strcmp(fail.what, rows[i].what) != 0 ||
		    (kept >= 0) != rows[i].is_open)
			fail_msg("%s: %d, %s, %d", rows[i].rule, r, fail.what ? fail.what : "", kept);
		assert_int_equal(lock_try_kept(s.fd, "slot", &kept, NULL), 0);
		os_fd_close(&kept);
	}
	scratch_remove(&s);
}

static void an_info_file_that_cannot_be_asked_is_not_read(void)
{
	struct scratch s;
	struct lockinfo info = { .wants_scan = 4711 };
	scratch_make(&s);
	AUTO_FD int fd = lockinfo_open(s.fd, "nightly", true);
	assert_true(fd >= 0);
	fail_once("fstat", 1, EIO);
	assert_int_equal(lockinfo_open(s.fd, "nightly", false), -EIO);
	fail_once("fstat", 1, EIO);
	assert_int_equal(lockinfo_look(s.fd, "nightly", geteuid()), -EIO);
	fail_once("pread", 1, EIO);
	assert_int_equal(lockinfo_read(fd, &info), -EIO);
	assert_int_equal(info.wants_scan, 4711);
	scratch_remove(&s);
}

static struct record_head head_of(const char *run_id)
{
	struct record_head head = { .job = "nightly", .front = { .pid = 4711 }, .timeout_ns = UINT64_MAX };
	memcpy(head.run_id, run_id, strlen(run_id));
	return head;
}

static void a_record_that_cannot_be_read_is_no_damaged_one(void)
{
	struct scratch s;
	struct record record;
	struct record_slot slot;
	struct record_head head = head_of(RUN);
	struct record_state st = { .phase = PHASE_RUNNING };
	scratch_make(&s);
	scratch_mkdir(&s, "runs");
	AUTO_FD int fd = record_create(s.fd, &head, NULL);
	assert_true(fd >= 0);
	assert_int_equal(record_write_state(fd, &st, record_seed(RUN)), 0);
	fail_once("openat", 1, EROFS); /* it can be looked at all the same */
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	record_close(&record);
	fail_once("fstat", 1, EIO);
	assert_int_equal(record_open(s.fd, RUN, &record), -EIO);
	fail_once("pread", 1, EIO);
	assert_int_equal(record_open(s.fd, RUN, &record), -EIO);
	heal();
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	fail_once("pread", 1, EIO);
	assert_int_equal(record_refresh(&record), -EIO);
	assert_int_equal(record.state.phase, PHASE_RUNNING);
	fail_once("pread", 1, EIO);
	assert_int_equal(record_read_slots(&record, &slot, 1), -EIO);
	heal();
	record_close(&record);
	scratch_remove(&s);
}

static void a_spare_file_that_cannot_be_asked_is_not_used(void)
{
	struct scratch s;
	struct record_head head = head_of(RUN);
	scratch_make(&s);
	scratch_mkdir(&s, "runs");
	for (int fault = 0; fault < 2; fault++) {
		scratch_write(&s, "runs/.spare", "old", 3);
		fail_once(fault == 0 ? "openat" : "fstat", 1, EIO);
		AUTO_FD int fd = record_create(s.fd, &head, NULL);
		heal();
		struct stat st;
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, sizeof(head)); /* made anew */
		assert_int_equal(record_remove(s.fd, RUN), 0);
	}
	scratch_remove(&s);
}

static void a_request_that_cannot_be_asked_is_not_obeyed(void)
{
	struct scratch s;
	scratch_make(&s);
	scratch_mkdir(&s, "runs");
	static const struct {
		const char *function;
		uint64_t first;
		int err, result;
	} rows[] = {
		{ "openat", 1, EIO, -EIO },
		{ "fstat", 1, EIO, -EIO },
		{ "pread", 1, EIO, -EIO },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct request request = { .verb = REQUEST_KILL }, got = { .verb = REQUEST_KILL };
		assert_int_equal(request_offer(s.fd, RUN, &request), 0);
		assert_int_equal(request_offer(s.fd, RUN, &request), -EEXIST);
		fail_once(rows[i].function, rows[i].first, rows[i].err);
		assert_int_equal(request_take(s.fd, RUN, &got), rows[i].result);
		heal();
		assert_false(request_waits(s.fd, RUN)); /* taken away all the same */
	}
	struct request request = { .verb = REQUEST_KILL };
	fail_once("renameat2", 1, EINVAL); /* a file system that cannot promise it */
	assert_int_equal(request_offer(s.fd, RUN, &request), 0);
	heal();
	assert_true(request_waits(s.fd, RUN));
	fail_once("renameat", 1, EIO);
	assert_int_equal(request_write(s.fd, RUN, &request), -EIO);
	fail_once("openat", 1, ENOSPC);
	assert_int_equal(request_write(s.fd, RUN, &request), -ENOSPC);
	fail_once("pwrite", 1, ENOSPC);
	assert_int_equal(request_offer(s.fd, RUN, &request), -ENOSPC);
	scratch_remove(&s);
}

int main(void)
{
	/* clang-format off */
	const struct CMUnitTest tests[] = {
		APART(the_dead_are_no_survivors),
		APART(a_child_that_is_not_shown_is_a_survivor),
		APART(who_is_reaped_meanwhile_is_not_waited_for),
		APART(who_is_in_the_group_is_waited_for),
		APART(a_search_that_fails_is_told),
		APART(a_tree_is_shown_as_far_as_there_is_memory),
		APART(a_recovery_that_fails_leaves_the_record),
		APART(a_search_that_always_finds_another_ends),
		APART(of_a_run_elsewhere_that_is_over_only_the_record_is_left),
		APART(a_planted_record_is_put_aside),
		APART(the_end_is_written_as_far_as_it_can_be),
		APART(the_end_of_an_attempt_is_not_that_of_the_run),
		APART(a_member_that_cannot_be_asked_is_named_all_the_same),
		APART(a_lock_that_cannot_be_proved_is_not_held),
		APART(a_lock_that_is_tried_again_is_proved_each_time),
		APART(an_info_file_that_cannot_be_asked_is_not_read),
		APART(a_record_that_cannot_be_read_is_no_damaged_one),
		APART(a_spare_file_that_cannot_be_asked_is_not_used),
		APART(a_request_that_cannot_be_asked_is_not_obeyed),
	};
	/* clang-format on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
