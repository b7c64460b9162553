/* layer: run */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>

#include "base/buf.h"
#include "base/num.h"
#include "held.h"
#include "run/close.h"
#include "run/find.h"
#include "run/orphans.h"
#include "scratch.h"
#include "store/history.h"

#define A      "a0a0456789abcdef0123456789abcdef"
#define B      "a0b0456789abcdef0123456789abcdef"
#define C      "c0c0456789abcdef0123456789abcdef"
#define NOBODY 65534

/* ---- a state with runs */

static struct scratch scratch;
static struct statedir dir;
static struct host_id here;

static void begin(void)
{
	nest_open();
	scratch_make(&scratch);
	assert_int_equal(statedir_open(&dir, scratch.path, NULL, NULL), 0);
	os_host_id(-1, &here);
}

static void end(void)
{
	statedir_close(&dir);
	scratch_remove(&scratch);
	nest_close();
}

struct written {
	const char *run_id, *job, *parent;
	pid_t front, warden; /* 0 = none */
	enum record_phase phase;
	char other_boot;
	bool is_elsewhere;
};

static void write_run(const struct written *w)
{
	struct record_head head = { .host = here, .timeout_ns = UINT64_MAX, .uid = geteuid() };
	struct record_state state = { .phase = w->phase };
	memcpy(head.run_id, w->run_id, strlen(w->run_id));
	memcpy(head.job, w->job, strlen(w->job));
	if (w->parent)
		memcpy(head.parent_run_id, w->parent, strlen(w->parent));
	if (w->front)
		head.front = id_of(w->front);
	if (w->warden)
		state.warden = id_of(w->warden);
	if (w->other_boot)
		head.host.boot_id[0] = head.host.boot_id[0] == '0' ? '1' : '0';
	if (w->is_elsewhere)
		head.host.pid_ns++;
	AUTO_FD int fd = record_create(dir.run_fd, &head, NULL);
	assert_true(fd >= 0);
	assert_int_equal(record_write_state(fd, &state, record_seed(w->run_id)), 0);
}

static char met[256];

static int note(void *with, struct run_view *view)
{
	(void)with;
	strncat(met, " ", sizeof(met) - strlen(met) - 1);
	strncat(met, view->record.head.job, sizeof(met) - strlen(met) - 1);
	return 0;
}

static int stop_here(void *with, struct run_view *view)
{
	(void)note(with, view);
	return 4711;
}

static int found(const char *what)
{
	met[0] = '\0';
	return find_runs(&dir, what, note, NULL);
}

static int looked(uid_t owner, const char *what, uint32_t *passed_over)
{
	struct find find = { .dir = &dir, .owner = owner, .what = what, .each = note };
	met[0] = '\0';
	int r = find_look(&find);
	*passed_over = find.passed_over;
	return r;
}

/* ---- places */

static void identities_mean_something_only_where_they_were_written(void **state)
{
	const struct host_id at = { .boot_id = "boot", .pid_ns = 1, .time_ns = 2 };
	struct host_id other = at;
	(void)state;
	assert_int_equal(run_place_of(&at, &at), PLACE_HERE);
	other.pid_ns = 3;
	assert_int_equal(run_place_of(&other, &at), PLACE_ELSEWHERE);
	other = at;
	other.time_ns = 3;
	assert_int_equal(run_place_of(&other, &at), PLACE_ELSEWHERE);
	other = at;
	other.boot_id[0] = 'x';
	assert_int_equal(run_place_of(&other, &at), PLACE_OLD_BOOT);
	other.boot_id[0] = '\0';
	assert_int_equal(run_place_of(&other, &at), PLACE_ELSEWHERE);
	assert_int_equal(run_place_of(&at, &other), PLACE_ELSEWHERE);
}

/* ---- names */

static void runs_are_found_by_job_or_by_id(void **state)
{
	(void)state;
	begin();
	assert_int_equal(found("nightly"), -ENOENT);
	assert_int_equal(found(NULL), -ENOENT);
	write_run(&(struct written){ .run_id = A, .job = "nightly", .phase = PHASE_RUNNING });
	write_run(&(struct written){ .run_id = B, .job = "c0c0", .phase = PHASE_RUNNING });
	write_run(&(struct written){ .run_id = C, .job = "weekly", .phase = PHASE_RUNNING });
	/* clang-format off */
	static const struct {
		const char *rule, *what;
		int result;
		const char *met;
	} rows[] = {
		{ "a job",                         "nightly", 0,       " nightly" },
		{ "a job before an id",            "c0c0",    0,       " c0c0" },
		{ "the beginning of an id",        "a0b0",    0,       " c0c0" },
		{ "a whole id",                    C,         0,       " weekly" },
		{ "too short to be meant",         "a0b",     -ENOENT, "" },
		{ "no job by its beginning",       "night",   -ENOENT, "" },
		{ "no such id",                    "ffff",    -ENOENT, "" },
		{ "more than an id",               C "0",     -ENOENT, "" },
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int r = found(rows[i].what);
		if (r != rows[i].result || strcmp(met, rows[i].met) != 0)
			fail_msg("%s: %d,%s", rows[i].rule, r, met);
	}
	write_run(&(struct written){ .run_id = "a0a0ffff", .job = "x", .phase = PHASE_RUNNING });
	assert_int_equal(found("a0a0"), -EEXIST);
	assert_int_equal(found("a0a0ffff"), 0);
	assert_int_equal(found(NULL), 0);
	assert_int_equal(strlen(met), strlen(" nightly c0c0 weekly x"));
	assert_int_equal(find_runs(&dir, NULL, stop_here, NULL), 4711);
	end();
}

static void what_is_no_record_is_passed_over(void **state)
{
	uint32_t passed_over;
	(void)state;
	begin();
	write_run(&(struct written){ .run_id = A, .job = "nightly", .phase = PHASE_RUNNING });
	scratch_write(&scratch, "runs/" B, "no record", 9);
	scratch_write(&scratch, "runs/" C, "", 0);
	scratch_mkdir(&scratch, "runs/d0d0");
	assert_int_equal(found(NULL), 0);
	assert_string_equal(met, " nightly");
	assert_int_equal(found("a0b0"), -ENOENT); /* damaged: reap tells of it */
	assert_int_equal(looked(geteuid(), NULL, &passed_over), 0);
	assert_string_equal(met, " nightly");
	assert_int_equal(passed_over, 2); /* the damaged one and the planted; the other has not begun */
	assert_int_equal(looked(geteuid(), "a0b0", &passed_over), -ENOENT);
	assert_int_equal(passed_over, 2);
	assert_int_equal(looked(geteuid(), "a0a0", &passed_over), 0);
	assert_string_equal(met, " nightly");
	end();
}

static void what_is_over_is_not_looked_at(void **state)
{
	uint32_t passed_over;
	(void)state;
	begin();
	pid_t guard = victim(body_stand, 0);
	wait_ready(1);
	const struct statedir none = { .run_fd = -1, .keep_fd = -1 };
	struct find nowhere = { .dir = &none, .owner = geteuid(), .each = note };
	assert_int_equal(find_look(&nowhere), -ENOENT);
	write_run(&(struct written){ .run_id = A, .job = "over", .phase = PHASE_CLOSED });
	write_run(&(struct written){ .run_id = B, .job = "dead", .phase = PHASE_RUNNING });
	write_run(&(struct written){ .run_id = C, .job = "ending", .front = guard, .phase = PHASE_CLOSED });
	write_run(&(struct written){
		.run_id = "d0d0", .job = "away", .phase = PHASE_CLOSED, .is_elsewhere = true });
	write_run(
		&(struct written){ .run_id = "e0e0", .job = "old", .phase = PHASE_RUNNING, .other_boot = 1 });
	static const struct {
		const char *job;
		int result;
	} rows[] = { { "over", -ENOENT }, { "dead", 0 }, { "ending", 0 }, { "away", 0 }, { "old", 0 } };
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (looked(geteuid(), rows[i].job, &passed_over) != rows[i].result || passed_over != 0)
			fail_msg("%s: %s", rows[i].job, met);
	if (geteuid() == 0) { /* of another user: his record, and a guard of his */
		assert_int_equal(fchownat(dir.run_fd, "runs/" C, NOBODY, NOBODY, 0), 0);
		assert_int_equal(looked(0, "ending", &passed_over), -ENOENT);
		assert_int_equal(passed_over, 1);
		assert_int_equal(looked(NOBODY, "ending", &passed_over),
				 -ENOENT); /* his guard would be his */
	}
	end();
}

/* ---- guards */

static struct run_view view_of(const char *run_id)
{
	struct run_view view;
	assert_int_equal(run_view_open(&dir, run_id, &here, &view), 0);
	return view;
}

static void a_guard_is_believed_while_it_lives(void **state)
{
	(void)state;
	begin();
	pid_t front = victim(body_stand, 0), warden = victim(body_stand, 0);
	wait_ready(2);
	write_run(&(struct written){
		.run_id = A, .job = "n", .front = front, .warden = warden, .phase = PHASE_RUNNING });
	write_run(
		&(struct written){ .run_id = B, .job = "old", .front = front, .phase = 1, .other_boot = 1 });
	struct run_view old = view_of(B), view = view_of(A);
	assert_false(old.is_guarded);
	run_view_close(&old);
	assert_true(view.is_guarded && view.has_front && view.has_warden);
	if (view.front >= 0) {
		assert_int_equal(kill(front, SIGKILL), 0);
		assert_int_equal(os_pidfd_wait(view.front, 20000), 1);
		run_view_refresh(&view);
		assert_true(view.is_guarded && !view.has_front && view.has_warden && view.front < 0);
	}
	assert_int_equal(kill(front, SIGKILL) | kill(warden, SIGKILL), 0);
	assert_int_equal(scratch_reap(front), 128 + SIGKILL);
	assert_int_equal(scratch_reap(warden), 128 + SIGKILL);
	run_view_refresh(&view);
	assert_false(view.is_guarded);
	run_view_close(&view);
	end();
}

static struct tree tree;

static void a_tree_is_seen_below_its_warden_or_by_its_record(void **state)
{
	(void)state;
	begin();
	pid_t warden = victim(body_wide, 300);
	wait_ready(301);
	write_run(&(struct written){ .run_id = A, .job = "n", .warden = warden, .phase = PHASE_RUNNING });
	write_run(&(struct written){ .run_id = B, .job = "d", .phase = PHASE_RUNNING });
	write_run(&(struct written){ .run_id = C, .job = "o", .phase = PHASE_RUNNING, .other_boot = 1 });
	struct run_view view = view_of(A);
	if (view.warden >= 0) {
		tree_init(&tree, nest.ready[0]);
		run_view_walk(&view, &tree);
		assert_int_equal(tree.procs, 300);
		tree_release(&tree);
	}
	run_view_close(&view);

	view = view_of(B);
	struct record_slot slot = { .id = id_of(warden), .depth = 1 };
	assert_int_equal(record_write_slots(view.record.fd, &slot, 0, 1, view.record.seed), 0);
	tree_init(&tree, nest.ready[0]);
	run_view_walk(&view, &tree);
	assert_int_equal(tree.procs, slot.id.pidfs_ino ? 301 : 0);
	tree_release(&tree);
	run_view_close(&view);

	view = view_of(C);
	tree_init(&tree, nest.ready[0]);
	run_view_walk(&view, &tree);
	assert_int_equal(tree.count, 0);
	tree_release(&tree);
	run_view_close(&view);
	end();
}

/* ---- runs around runs */

static void a_run_knows_who_is_around_it(void **state)
{
	static char too_long[RUN_ID_MAX + 2];
	(void)state;
	begin();
	memset(too_long, 'a', RUN_ID_MAX + 1);
	AUTO_FD int held = openat(dir.run_fd, "held", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	pid_t holder = victim(body_stand, 0);
	os_fd_close(&held);
	pid_t other = victim(body_stand, 0);
	wait_ready(2);
	write_run(&(struct written){ .run_id = A, .job = "inner", .parent = B, .front = other, .phase = 1 });
	write_run(&(struct written){ .run_id = B, .job = "outer", .parent = C, .front = holder, .phase = 1 });
	write_run(&(struct written){
		.run_id = "e0e0", .job = "loop", .parent = "e0e0", .front = other, .phase = 1 });
	assert_true(find_is_ancestor(&dir, A, A));
	assert_true(find_is_ancestor(&dir, A, B));
	assert_true(find_is_ancestor(&dir, A, C)); /* named, though its record is gone */
	assert_false(find_is_ancestor(&dir, B, A));
	assert_false(find_is_ancestor(&dir, A, "d0d0"));
	assert_false(find_is_ancestor(&dir, "", A));
	assert_false(find_is_ancestor(&dir, "e0e0", A)); /* comes to an end */
	assert_false(find_is_ancestor(&dir, too_long, A));

	assert_true(find_is_held_around(&dir, A, dir.run_fd, "held"));
	assert_true(find_is_held_around(&dir, B, dir.run_fd, "held"));
	assert_false(find_is_held_around(&dir, C, dir.run_fd, "held"));
	assert_false(find_is_held_around(&dir, "e0e0", dir.run_fd, "held"));
	assert_false(find_is_held_around(&dir, A, dir.run_fd, "no such file"));
	assert_false(find_is_held_around(&dir, "", dir.run_fd, "held"));
	assert_false(find_is_held_around(&dir, too_long, dir.run_fd, "held"));
	assert_int_equal(os_proc_has_open(holder, dir.run_fd, "held"), 1);
	assert_int_equal(os_proc_has_open(other, dir.run_fd, "held"), 0);
	assert_true(os_proc_has_open(INT32_MAX, dir.run_fd, "held") < 0);
	assert_int_equal(os_proc_has_open(holder, dir.run_fd, "none"), -ENOENT);
	uint64_t pages = 0;
	assert_int_equal(os_proc_rss(holder, &pages), 0);
	assert_true(pages > 0);
	assert_true(os_proc_rss(INT32_MAX, &pages) == -ESRCH && os_proc_open(0, "stat") == -ESRCH);
	end();
}

/* ---- marks */

static void body_marked(int with_session)
{
	static char word[] = "SPAWNGUARD_RUN_ID=" A;
	char *argv[] = { "/bin/sleep", "60", NULL }, *env[] = { word, NULL };
	if (with_session)
		(void)setsid();
	(void)!write(nest.ready[1], "", 1);
	(void)execve(argv[0], argv, env);
}

static bool has_mark_soon(struct orphans *o, pid_t pid, pid_t sid, unsigned marks)
{
	uint64_t end_ns = os_clock_boot_ns() + 20000000000ULL; /* its exec comes after its word */
	while (orphans_marks(o, pid, sid) != marks && os_clock_boot_ns() < end_ns)
		;
	return orphans_marks(o, pid, sid) == marks;
}

static void marks_are_told(void **state)
{
	static struct record_slot slot[8];
	(void)state;
	begin();
	pid_t marked = victim(body_marked, 0), plain = victim(body_stand, 0), led = victim(body_marked, 1);
	wait_ready(3);
	write_run(&(struct written){ .run_id = A, .job = "n", .phase = PHASE_RUNNING });
	struct run_view view = view_of(A);
	view.record.state.job_pid = 4711;
	struct record_slot slots[2] = { { .id = id_of(plain), .sid = 4712 },
					{ .id = id_of(led), .sid = led } };
	assert_int_equal(record_write_slots(view.record.fd, slots, 0, 2, view.record.seed), 0);
	struct orphans o = {
		.record = &view.record, .tree = &tree, .group = -1, .slot = slot, .slot_max = 8
	};
	assert_int_equal(orphans_read(&o), 0);
	assert_int_equal(o.slot_count, 2);
	assert_true(has_mark_soon(&o, marked, 0, ORPHANS_RUN_ID));    /* a session without a number */
	assert_true(has_mark_soon(&o, marked, 4999, ORPHANS_RUN_ID)); /* nobody's */
	assert_true(has_mark_soon(&o, marked, 4711, ORPHANS_RUN_ID | ORPHANS_SESSION)); /* the job's */
	assert_true(has_mark_soon(&o, marked, 4712, ORPHANS_RUN_ID | ORPHANS_SESSION)); /* a member's */
	assert_true(has_mark_soon(&o, plain, led, ORPHANS_SESSION));                    /* led by a member */
	assert_true(has_mark_soon(&o, plain, 4712, 0)); /* what the record has of itself */
	assert_true(orphans_marks(&o, INT32_MAX, 0) & ORPHANS_UNKNOWN);
	assert_int_equal(kill(led, SIGKILL), 0);
	assert_int_equal(scratch_reap(led), 128 + SIGKILL);
	assert_true(has_mark_soon(&o, marked, led, ORPHANS_RUN_ID | ORPHANS_SESSION)); /* keeps its number */
	assert_int_equal(kill(marked, SIGKILL), 0);
	run_view_close(&view);
	end();
}

/* ---- the end on paper */

static void the_output_is_kept_as_was_asked(void **state)
{
	/* clang-format off */
	static const struct {
		const char *rule, *log;
		uint32_t flags;
		enum end_cause cause;
		enum outcome outcome;
		bool keeps;
	} rows[] = {
		{ "no file",                     "",   0,                                      CAUSE_NONE,        OUTCOME_OK,     false },
		{ "a file of the user's",        "/f", 0,                                      CAUSE_NOT_STARTED, OUTCOME_OK,     true },
		{ "our own",                     "/f", RECORD_LOG_OWN,                         CAUSE_NONE,        OUTCOME_OK,     true },
		{ "nothing can be in it",        "/f", RECORD_LOG_OWN,                         CAUSE_NOT_STARTED, OUTCOME_FAILED, false },
		{ "kept if failed, and it was",  "/f", RECORD_LOG_OWN | RECORD_LOG_IF_FAILED,  CAUSE_NONE,        OUTCOME_FAILED, true },
		{ "kept if failed, and it was not", "/f", RECORD_LOG_OWN | RECORD_LOG_IF_FAILED, CAUSE_NONE,      OUTCOME_OK,     false },
	};
	/* clang-format on */
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct record_head head = { .flags = rows[i].flags };
		memcpy(head.log, rows[i].log, strlen(rows[i].log));
		if (close_keeps_log(&head, rows[i].cause, rows[i].outcome) != rows[i].keeps)
			fail_msg("%s", rows[i].rule);
	}
}

static struct close_run close_of(const struct run_view *view, struct record_state *state)
{
	return (struct close_run){ .dir = &dir,
				   .head = &view->record.head,
				   .state = state,
				   .record_fd = view->record.fd,
				   .history_fd = -1,
				   .by = "front",
				   .verdict = { .outcome = OUTCOME_FAILED, .exit_code = 3 } };
}

static unsigned count_ends(void)
{
	static char bytes[65536];
	unsigned count = 0;
	char path[32];
	AUTO_FD int written = history_open(dir.keep_fd, os_clock_wall_ns());
	snprintf(path, sizeof(path), "/proc/self/fd/%d", written);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = os_fd_pread(fd, bytes, sizeof(bytes) - 1, 0);
	assert_true(n >= 0);
	bytes[n] = '\0';
	for (const char *at = bytes; (at = strstr(at, "\"event\":\"end\"")); at++)
		count++;
	return count;
}

static void an_end_is_written_once_and_closes_the_record(void **state)
{
	(void)state;
	begin();
	write_run(&(struct written){ .run_id = A, .job = "n", .phase = PHASE_RUNNING });
	struct run_view view = view_of(A);
	struct record_state st = view.record.state;
	struct close_run c = close_of(&view, &st);
	uint64_t now_ns = os_clock_boot_ns();

	/* Survivors: the next start has to try again. */
	st.figures.survivors = 1;
	st.frozen_since_boot_ns = now_ns - 5000;
	st.figures.ended_boot_ns = now_ns;
	c.keep_record = true;
	c.has_tail = true;
	assert_int_equal(close_run(&c), 0);
	assert_int_equal(st.figures.frozen_ns, 5000); /* nobody had thawed it */
	assert_int_equal(st.frozen_since_boot_ns, 0);
	assert_int_equal(st.figures.ended_boot_ns, now_ns);
	assert_int_equal(st.phase, PHASE_RUNNING);
	assert_true(record_exists(dir.run_fd, A));
	assert_int_equal(count_ends(), 1);

	/* A freeze that began after the end: no time. */
	st.frozen_since_boot_ns = now_ns + 1;
	c.keep_record = false;
	c.may_be_told = true; /* and it is, in this month's file */
	assert_int_equal(close_run(&c), 0);
	assert_int_equal(st.figures.frozen_ns, 5000);
	assert_int_equal(count_ends(), 1);
	assert_int_equal(st.phase, PHASE_CLOSED);
	assert_false(record_exists(dir.run_fd, A));

	/* Without a record, into the file that is open; of this month, and of another. */
	AUTO_FD int history = history_open(dir.keep_fd, os_clock_wall_ns());
	struct record_head head = view.record.head;
	c.may_be_told = false;
	c.record_fd = -1;
	c.history_fd = history;
	c.head = &head;
	head.started_wall_ns = os_clock_wall_ns();
	assert_int_equal(close_run(&c), 0);
	head.started_wall_ns -= 45ULL * 86400 * 1000000000;
	assert_int_equal(close_run(&c), 0);
	head.started_wall_ns -= 320ULL * 86400 * 1000000000; /* the same month of another year, or nearly */
	assert_int_equal(close_run(&c), 0);
	assert_int_equal(count_ends(), 4);

	BUF(text, 8192);
	close_format_status(&text, &c);
	assert_non_null(strstr(text.at, A));
	run_view_close(&view);
	end();
}

static void as_many_members_are_named_as_there_is_room_for(void **state)
{
	static struct close_run c;
	(void)state;
	(void)hold_job(&tree, body_wide, HISTORY_PROCESS_MAX + 2, HISTORY_PROCESS_MAX + 3);
	close_name_members(&c, &tree);
	assert_int_equal(c.process_count, 1); /* the job: the others are not walked yet */
	c.process_count = HISTORY_PROCESS_MAX;
	close_name_members(&c, &tree);
	assert_int_equal(c.process_count, HISTORY_PROCESS_MAX);
	let_go(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identities_mean_something_only_where_they_were_written),
		cmocka_unit_test(runs_are_found_by_job_or_by_id),
		cmocka_unit_test(what_is_no_record_is_passed_over),
		cmocka_unit_test(what_is_over_is_not_looked_at),
		cmocka_unit_test(a_guard_is_believed_while_it_lives),
		cmocka_unit_test(a_tree_is_seen_below_its_warden_or_by_its_record),
		cmocka_unit_test(a_run_knows_who_is_around_it),
		cmocka_unit_test(marks_are_told),
		cmocka_unit_test(the_output_is_kept_as_was_asked),
		cmocka_unit_test(an_end_is_written_once_and_closes_the_record),
		cmocka_unit_test(as_many_members_are_named_as_there_is_room_for),
	};
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
