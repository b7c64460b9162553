/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/prctl.h>

#include "base/num.h"
#include "held.h"
#include "run/endgame.h"
#include "run/recovery.h"
#include "scratch.h"
#include "store/history.h"
#include "tree/walk.h"

#define RUN    "0123456789abcdef0123456789abcdef"
#define NOBODY 65534
#define HIDDEN 77
#define MS     1000000ULL

/* ---- a run whose guards are dead, with its state */

static struct sim {
	struct scratch scratch;
	struct statedir dir;
	struct record_head head;
	struct record_state state;
	struct recovery recovery;
	bool has_pidfs;
} sim;

/* Who was, and is no more. */
static struct proc_id id_of_the_dead(void)
{
	pid_t pid = victim(body_stand, 0);
	wait_ready(1);
	struct proc_id id = id_of(pid);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return id;
}

static void fill(void)
{
	sim.head = (struct record_head){ .started_boot_ns = os_clock_boot_ns(),
					 .started_wall_ns = os_clock_wall_ns(),
					 .timeout_ns = UINT64_MAX,
					 .kill_after_ns = 60000 * MS,
					 .signal = SIGTERM,
					 .uid = geteuid(),
					 .front = id_of_the_dead() };
	memcpy(sim.head.run_id, RUN, sizeof(RUN));
	memcpy(sim.head.job, "nightly", 8);
	os_host_id(-1, &sim.head.host);
	sim.state.phase = PHASE_RUNNING;
	sim.state.warden = id_of_the_dead();
	sim.has_pidfs = sim.state.warden.pidfs_ino != 0;
	sim.recovery =
		(struct recovery){ .dir = &sim.dir, .by = "reap", .holds_lock = true, .grace_ns = NUM_NONE };
}

static void begin(void)
{
	memset(&sim, 0, sizeof(sim));
	nest_open();
	scratch_make(&sim.scratch);
	assert_int_equal(statedir_open(&sim.dir, sim.scratch.path, NULL, NULL), 0);
	fill();
}

static void end(void)
{
	statedir_close(&sim.dir);
	scratch_remove(&sim.scratch);
	nest_close();
}

/* The record as the guards left it, with `job` as its only member. */
static void write_record(pid_t job)
{
	struct record_slot slot = { .id = id_of(job), .depth = 1, .sid = getsid(0) };
	AUTO_FD int fd = record_create(sim.dir.run_fd, &sim.head, NULL);
	assert_true(fd >= 0);
	sim.state.job_pid = job;
	assert_int_equal(record_write_first(fd, &sim.state, &slot, record_seed(RUN)), 0);
}

static int recover(void)
{
	return recovery_run(&sim.recovery, RUN);
}

static bool has_end(void)
{
	return history_has(sim.dir.keep_fd, os_clock_wall_ns(), "end", RUN) == 1;
}

/* The line of the end has this text. */
static bool end_says(const char *text)
{
	static char bytes[65536];
	char name[64];
	time_t now = time(NULL);
	struct tm t;
	assert_non_null(gmtime_r(&now, &t));
	snprintf(name, sizeof(name), "history/%04d-%02d.jsonl", t.tm_year + 1900, t.tm_mon + 1);
	int fd = openat(sim.dir.keep_fd, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, bytes, sizeof(bytes) - 1);
	close(fd);
	assert_true(n > 0);
	bytes[n] = '\0';
	return strstr(bytes, text) != NULL;
}

static bool is_alive(pid_t pid)
{
	siginfo_t info = { 0 };
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == 0;
}

static int signal_that_ended(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, WNOHANG), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void skip_without_inodes(void)
{
	if (sim.has_pidfs)
		return;
	end();
	print_message("skipped: needs inodes of pidfds (6.9)\n");
	skip();
}

/* ---- ended */

static void the_tree_of_a_dead_run_is_ended_and_its_record_closed(void **state)
{
	(void)state;
	begin();
	skip_without_inodes();
	sim.head.signal = SIGINT;
	pid_t job = victim(body_two_levels, 2);
	wait_ready(7);
	write_record(job);
	assert_int_equal(recover(), 0);
	assert_int_equal(sim.recovery.members, 7);
	assert_int_equal(sim.recovery.killed, 0); /* the first signal was enough */
	assert_int_equal(sim.recovery.survivors, 0);
	assert_true(sim.recovery.is_looked_at);
	assert_false(sim.recovery.is_guarded || sim.recovery.is_closed || sim.recovery.is_damaged);
	assert_string_equal(sim.recovery.job, "nightly");
	assert_int_equal(signal_that_ended(job), SIGINT); /* as the run was told */
	assert_false(record_exists(sim.dir.run_fd, RUN));
	assert_true(has_end() && end_says("guards_dead") && end_says("\"lost\""));
	assert_int_equal(recover(), -ENOENT);
	end();
}

#define WITHIN "00000000000000000000000000000abc"

static int take_first(void *with, pid_t child)
{
	*(pid_t *)with = child;
	return 1;
}

/* A run that was started within, with `front` as its guard. */
static void write_record_within(pid_t front)
{
	struct record_head head = sim.head;
	struct record_slot none = { .depth = 1 };
	memcpy(head.run_id, WITHIN, sizeof(WITHIN));
	memcpy(head.parent_run_id, RUN, sizeof(RUN));
	memcpy(head.job, "inner", 6);
	head.front = id_of(front);
	AUTO_FD int fd = record_create(sim.dir.run_fd, &head, NULL);
	assert_true(fd >= 0);
	assert_int_equal(record_write_first(fd, &sim.state, &none, record_seed(WITHIN)), 0);
}

/* Its guard dies of the first signal, as all do, and nobody else will close its record. */
static void a_run_within_is_closed_with_it(void **state)
{
	pid_t front = 0;
	(void)state;
	begin();
	skip_without_inodes();
	pid_t job = victim(body_wide, 2);
	wait_ready(3);
	assert_int_equal(os_proc_children(job, job, -1, take_first, &front), 1);
	write_record(job);
	write_record_within(front);
	assert_int_equal(recover(), 0);
	assert_int_equal(sim.recovery.members, 3);
	assert_int_equal(sim.recovery.killed, 0);
	assert_false(record_exists(sim.dir.run_fd, WITHIN));
	assert_int_equal(history_has(sim.dir.keep_fd, os_clock_wall_ns(), "end", WITHIN), 1);
	assert_true(end_says("\"outer\""));
	assert_int_equal(signal_that_ended(job), SIGTERM);
	end();
}

static void the_grace_of_the_run_is_given(void **state)
{
	(void)state;
	begin();
	skip_without_inodes();
	sim.head.kill_after_ns = 300 * MS;
	pid_t job = victim(body_term, 1);
	wait_ready(2);
	write_record(job);
	assert_int_equal(recover(), 0);
	wait_ready(2); /* both were asked first */
	assert_true(sim.recovery.took_ns >= 300 * MS);
	assert_int_equal(sim.recovery.killed, 2);
	assert_int_equal(signal_that_ended(job), SIGKILL);
	end();
}

static void the_grace_that_is_asked_for_counts(void **state)
{
	(void)state;
	begin();
	skip_without_inodes();
	sim.recovery.grace_ns = 0;
	pid_t job = victim(body_term, 1);
	wait_ready(2);
	write_record(job);
	assert_int_equal(recover(), 0);
	assert_true(sim.recovery.took_ns < 50000 * MS); /* of the 60 s that the run had */
	assert_int_equal(signal_that_ended(job), SIGKILL);
	end();
}

/* As nobody: the job stays root's.  In a process of its own, before all others: whose files are ours is asked
 * once. */
static int survive(pid_t job)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 2;
	if (statedir_open(&sim.dir, sim.scratch.path, NULL, NULL) < 0)
		return 3;
	struct proc_stat stat;
	if (os_proc_stat(job, &stat) < 0)
		return HIDDEN; /* hidepid: a mount option of /proc, which others may set for a while */
	sim.head.uid = NOBODY;
	sim.recovery.grace_ns = 0;
	write_record(job);
	if (recover() != -EBUSY || sim.recovery.survivors != 1 || sim.recovery.process_count != 1)
		return 4;
	struct record record;
	if (record_open(sim.dir.run_fd, RUN, &record) < 0 || record.state.phase == PHASE_CLOSED)
		return 5;
	return sim.recovery.process[0].pid == job && has_end() && end_says("guards_dead") ? 0 : 6;
}

static void who_cannot_be_ended_is_told_and_the_record_stays(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: needs root, for a child of another user\n");
		skip();
	}
	memset(&sim, 0, sizeof(sim));
	nest_open();
	scratch_make(&sim.scratch);
	assert_int_equal(fchown(sim.scratch.fd, NOBODY, NOBODY), 0);
	fill();
	pid_t job = victim(body_stand, 0);
	wait_ready(1);
	pid_t guard = sim.has_pidfs ? fork() : -1;
	if (guard == 0)
		_exit(survive(job));
	int status = sim.has_pidfs ? scratch_reap(guard) : 0;
	bool lives = is_alive(job);
	scratch_remove(&sim.scratch);
	nest_close();
	assert_true(lives);
	if (status == HIDDEN) {
		print_message("skipped: /proc hides processes of other users\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* ---- nothing is touched */

static void a_dry_run_only_tells(void **state)
{
	(void)state;
	begin();
	skip_without_inodes();
	sim.recovery.dry_run = true;
	pid_t job = victim(body_wide, 2);
	wait_ready(3);
	write_record(job);
	assert_int_equal(recover(), 0);
	assert_int_equal(sim.recovery.members, 3);
	assert_int_equal(sim.recovery.process_count, 3);
	assert_true(is_alive(job));
	assert_true(record_exists(sim.dir.run_fd, RUN));
	assert_false(has_end());
	end();
}

static void ask_of_it(void)
{
	struct request request = { .verb = REQUEST_KILL };
	assert_int_equal(request_write(sim.dir.run_fd, RUN, &request), 0);
}

static void a_run_whose_guard_lives_is_left_alone(void **state)
{
	(void)state;
	for (int front = 0; front < 2; front++) {
		begin();
		pid_t guard = victim(body_stand, 0), job = victim(body_stand, 0);
		wait_ready(2);
		*(front ? &sim.head.front : &sim.state.warden) = id_of(guard);
		write_record(job);
		ask_of_it();
		sim.recovery.holds_lock = false;
		assert_int_equal(recover(), 0);
		assert_true(sim.recovery.is_guarded);
		assert_true(is_alive(job) && is_alive(guard));
		assert_true(record_exists(sim.dir.run_fd, RUN));
		assert_true(request_waits(sim.dir.run_fd, RUN)); /* the guard's to take */
		assert_false(has_end());
		end();
	}
}

static void a_run_that_had_ended_is_only_tidied_away(void **state)
{
	(void)state;
	for (int dry_run = 1; dry_run >= 0; dry_run--) {
		begin();
		pid_t job = victim(body_stand, 0);
		wait_ready(1);
		sim.state.phase = PHASE_CLOSED;
		write_record(job);
		ask_of_it();
		sim.recovery.dry_run = dry_run;
		assert_int_equal(recover(), 0);
		assert_true(sim.recovery.is_closed && sim.recovery.is_looked_at);
		assert_int_equal(sim.recovery.members, 0);
		assert_true(is_alive(job));
		assert_int_equal(record_exists(sim.dir.run_fd, RUN), dry_run);
		assert_false(request_waits(sim.dir.run_fd, RUN)); /* nobody is left to obey it */
		assert_false(has_end());
		end();
	}
}

/* The numbers in it mean others by now. */
static void a_run_of_another_boot_is_closed_and_nobody_touched(void **state)
{
	(void)state;
	for (int dry_run = 1; dry_run >= 0; dry_run--) {
		begin();
		pid_t job = victim(body_stand, 0);
		wait_ready(1);
		sim.head.host.boot_id[0] ^= 1;
		write_record(job);
		sim.recovery.dry_run = dry_run;
		assert_int_equal(recover(), 0);
		assert_true(sim.recovery.is_old_boot && sim.recovery.is_looked_at);
		assert_false(sim.recovery.is_unverifiable);
		assert_true(is_alive(job));
		assert_int_equal(record_exists(sim.dir.run_fd, RUN), dry_run);
		assert_int_equal(has_end(), !dry_run);
		end();
	}
}

static void a_run_of_another_namespace_needs_the_lock(void **state)
{
	(void)state;
	for (int round = 0; round < 4; round++) {
		const bool lock = round & 1, is_init = round & 2;
		begin();
		pid_t job = victim(body_stand, 0);
		wait_ready(1);
		sim.head.host.pid_ns++;
		sim.head.flags = is_init ? RECORD_FRONT_IS_INIT : 0; /* with it the tree of it is gone */
		write_record(job);
		sim.recovery.holds_lock = lock;
		assert_int_equal(recover(), 0);
		assert_int_equal(sim.recovery.is_guarded, !lock);
		assert_int_equal(sim.recovery.is_unverifiable, !is_init);
		assert_true(is_alive(job));
		assert_int_equal(record_exists(sim.dir.run_fd, RUN), !lock);
		assert_int_equal(has_end(), lock);
		if (lock)
			assert_int_equal(end_says("tree unverified"), !is_init);
		end();
	}
}

/* ---- no record worth the name */

static void a_damaged_record_is_put_aside(void **state)
{
	(void)state;
	for (int dry_run = 1; dry_run >= 0; dry_run--) {
		begin();
		scratch_write(&sim.scratch, "runs/" RUN, "no record", 9);
		sim.recovery.dry_run = dry_run;
		assert_int_equal(recover(), 0);
		assert_true(sim.recovery.is_damaged && sim.recovery.is_looked_at);
		assert_int_equal(scratch_has(&sim.scratch, "runs/" RUN), dry_run);
		assert_int_equal(scratch_has(&sim.scratch, "runs/" RUN ".bad"), !dry_run);
		end();
	}
}

static void an_unwritten_record_is_removed_by_who_has_the_lock(void **state)
{
	(void)state;
	begin();
	scratch_write(&sim.scratch, "runs/" RUN, "", 0);
	sim.recovery.holds_lock = false;
	assert_int_equal(recover(), -ENODATA);
	assert_true(scratch_has(&sim.scratch, "runs/" RUN)); /* its start may be under way */
	sim.recovery.holds_lock = sim.recovery.dry_run = true;
	assert_int_equal(recover(), 0);
	assert_true(scratch_has(&sim.scratch, "runs/" RUN));
	sim.recovery.dry_run = false;
	assert_int_equal(recover(), 0);
	assert_true(sim.recovery.is_closed);
	assert_false(scratch_has(&sim.scratch, "runs/" RUN));
	end();
}

/* ---- the loop of an end */

static struct tree tree;

static void the_first_signal_is_enough_for_who_heeds_it(void **state)
{
	(void)state;
	pid_t job = hold_job(&tree, body_two_levels, 2, 7);
	struct endgame e = { .tree = &tree, .grace_ns = 60000 * MS, .signal = SIGUSR1 };
	assert_int_equal(endgame_run(&e), 0);
	assert_int_equal(e.ended, 7);
	assert_int_equal(e.killed, 0);
	assert_int_equal(e.rung, KILL_NOT);
	assert_int_equal(signal_that_ended(job), SIGUSR1);
	let_go(&tree);
}

static unsigned looks;

static bool reap(void *with)
{
	(void)with;
	looks++;
	return tree_count_alive(&tree) == 0;
}

static void who_does_not_heed_it_is_killed_after_the_grace(void **state)
{
	(void)state;
	const int policy = sched_getscheduler(0);
	(void)hold_job(&tree, body_term, 2, 3);
	struct endgame e = { .tree = &tree, .grace_ns = 400 * MS, .signal = SIGTERM, .reap = reap };
	uint64_t start_ns = os_clock_boot_ns();
	looks = 0;
	assert_int_equal(endgame_run(&e), 0);
	assert_true(os_clock_boot_ns() - start_ns >= 400 * MS);
	assert_true(looks < 300); /* each 20 ms at most, and not as fast as it can */
	wait_ready(3);
	assert_int_equal(e.ended, 3);
	assert_int_equal(e.killed, 3);
	assert_true(e.rung == KILL_REALTIME || e.rung == KILL_SWEEP);
	assert_int_equal(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, policy); /* given back */
	FOR_EACH_MEMBER (&tree, m)
		if (!(m->flags & MEMBER_ROOT))
			assert_true(m->flags & MEMBER_STOPPED && m->flags & MEMBER_KILLED);
	let_go(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_cannot_be_ended_is_told_and_the_record_stays),
		cmocka_unit_test(the_tree_of_a_dead_run_is_ended_and_its_record_closed),
		cmocka_unit_test(a_run_within_is_closed_with_it),
		cmocka_unit_test(the_grace_of_the_run_is_given),
		cmocka_unit_test(the_grace_that_is_asked_for_counts),
		cmocka_unit_test(a_dry_run_only_tells),
		cmocka_unit_test(a_run_whose_guard_lives_is_left_alone),
		cmocka_unit_test(a_run_that_had_ended_is_only_tidied_away),
		cmocka_unit_test(a_run_of_another_boot_is_closed_and_nobody_touched),
		cmocka_unit_test(a_run_of_another_namespace_needs_the_lock),
		cmocka_unit_test(a_damaged_record_is_put_aside),
		cmocka_unit_test(an_unwritten_record_is_removed_by_who_has_the_lock),
		cmocka_unit_test(the_first_signal_is_enough_for_who_heeds_it),
		cmocka_unit_test(who_does_not_heed_it_is_killed_after_the_grace),
	};
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* as a guard is */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
