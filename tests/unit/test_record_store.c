/* layer: store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fail.h"
#include "os/fd.h"
#include "scratch.h"
#include "store/record.h"

#define RUN   "0123456789abcdef0123456789abcdef"
#define NEXT  "fedcba9876543210fedcba9876543210"
#define SPARE "runs/.spare"

static void make_state(struct scratch *s)
{
	scratch_make(s);
	scratch_mkdir(s, "runs");
}

static struct record_head head_of(const char *run_id)
{
	struct record_head head = { .job = "nightly", .front = { .pid = 4711 }, .timeout_ns = UINT64_MAX };
	memcpy(head.run_id, run_id, strlen(run_id));
	return head;
}

static struct record_state some_state(uint32_t phase)
{
	struct record_state state;
	memset(&state, 0, sizeof(state));
	state.phase = phase;
	state.warden.pid = 4712;
	state.job_pid = 4713;
	return state;
}

static struct record_slot slot_of(int32_t pid)
{
	return (struct record_slot){ .id = { .pid = pid, .start_ticks = 99 }, .depth = 1, .comm = "sleep" };
}

static int create(const struct scratch *s, const char *run_id)
{
	struct record_head head = head_of(run_id);
	return record_create(s->fd, &head, NULL);
}

/* ---- the life of a record */

static void a_record_is_made_and_read(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	struct fail fail = { .err = 4711 };
	struct stat st;
	struct record_head head = head_of(RUN);
	make_state(&s);
	assert_false(record_exists(s.fd, RUN));
	int fd = record_create(s.fd, &head, &fail);
	assert_true(fd >= 0);
	assert_int_equal(fail.err, 4711);
	assert_true(record_exists(s.fd, RUN));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	assert_memory_equal(&record.head, &head, sizeof(head)); /* sealed in place */
	assert_int_equal(record.state.phase, PHASE_STARTING);   /* no state yet */
	assert_true(record.seed == record_seed(RUN));
	assert_int_equal(record_refresh(&record), -EBADMSG);
	struct record_slot slot;
	assert_int_equal(record_read_slots(&record, &slot, 1), 0);

	struct record_state st1 = some_state(PHASE_RUNNING);
	assert_int_equal(record_write_state(fd, &st1, record.seed), 0);
	assert_int_equal(record_refresh(&record), 0);
	assert_memory_equal(&record.state, &st1, sizeof(st1));
	st1.phase = PHASE_CLOSED;
	assert_int_equal(record_write_state(fd, &st1, record.seed), 0);
	assert_int_equal(record_remove(s.fd, RUN), 0);
	assert_false(record_exists(s.fd, RUN));
	assert_int_equal(record_refresh(&record), 0); /* the end is told though the name is gone */
	assert_int_equal(record.state.phase, PHASE_CLOSED);
	record_close(&record);
	assert_int_equal(record.fd, -1);
	os_fd_close(&fd);
	assert_int_equal(record_open(s.fd, RUN, &record), -ENOENT);
	assert_int_equal(record_remove(s.fd, RUN), -ENOENT);
	scratch_remove(&s);
}

static void an_id_in_use_is_refused(void **state)
{
	(void)state;
	for (int spare = 0; spare < 2; spare++) {
		struct scratch s;
		struct record record;
		struct fail fail = { 0 };
		struct record_head other = head_of(RUN);
		make_state(&s);
		struct record_head head = head_of(RUN);
		head.uid = 1;
		int fd = record_create(s.fd, &head, NULL);
		assert_true(fd >= 0);
		if (spare) {
			int old = create(&s, NEXT);
			os_fd_close(&old);
			assert_int_equal(record_recycle(s.fd, NEXT), 0);
		}
		assert_int_equal(record_create(s.fd, &other, &fail), -EEXIST);
		assert_int_equal(fail.err, EEXIST);
		assert_string_equal(fail.subject, "runs/" RUN);
		assert_int_equal(record_open(s.fd, RUN, &record), 0);
		assert_int_equal(record.head.uid, 1); /* the first one's */
		assert_int_equal(scratch_has(&s, SPARE), spare);
		record_close(&record);
		os_fd_close(&fd);
		scratch_remove(&s);
	}
}

static void a_record_that_cannot_be_made_is_told(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { 0 };
	struct record_head head = head_of(RUN);
	scratch_make(&s);
	assert_int_equal(record_create(s.fd, &head, &fail), -ENOENT); /* no runs/ */
	assert_int_equal(fail.err, ENOENT);
	scratch_mkdir(&s, "runs");
	pid_t pid = fork();
	if (pid == 0) { /* no room: nothing is left that would be called damaged */
		const struct rlimit full = { 100, RLIM_INFINITY };
		int r = setrlimit(RLIMIT_FSIZE, &full) < 0 ? 0 : record_create(s.fd, &head, &fail);
		_exit(r == -ENOSPC && fail.err == ENOSPC && !scratch_has(&s, "runs/" RUN) ? 0 : 1);
	}
	assert_int_equal(scratch_reap(pid), 0);
	scratch_remove(&s);
}

/* ---- slots */

/* The state is written while others read it; a read that falls into a write is read again. */
static void a_state_in_the_writing_is_never_seen_torn(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	AUTO_FD int fd = create(&s, RUN);
	struct record_state st = some_state(PHASE_RUNNING);
	assert_int_equal(record_write_state(fd, &st, record_seed(RUN)), 0);
	const pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0) {
		(void)alarm(60);
		for (;; st.procs++)
			if (record_write_state(fd, &st, record_seed(RUN)) < 0)
				_exit(1);
	}
	int torn = 0;
	for (int i = 0; i < 20000; i++) {
		struct record record;
		assert_int_equal(record_open(s.fd, RUN, &record), 0);
		torn += record.state.phase != PHASE_RUNNING || record_refresh(&record) != 0;
		record_close(&record);
	}
	assert_int_equal(kill(writer, SIGKILL), 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	scratch_remove(&s);
	assert_int_equal(torn, 0);
}

/* One that is not whole is read some times more, with pauses, before it is called unknown. */
static void a_state_that_is_not_whole_is_read_again(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	struct record_state st = some_state(PHASE_RUNNING);
	make_state(&s);
	AUTO_FD int fd = create(&s, RUN);
	assert_int_equal(record_write_state(fd, &st, record_seed(RUN)), 0);
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	assert_int_equal(pwrite(fd, "torn", 4, RECORD_STATE_AT + 40), 4);
	for (int i = 0; i < 5; i++) {
		uint64_t start_ns = scratch_now_ns();
		assert_int_equal(record_refresh(&record), -EBADMSG);
		assert_true(scratch_now_ns() - start_ns >= 3000000); /* three pauses of a millisecond */
	}
	assert_int_equal(record.state.phase, PHASE_RUNNING); /* as it was read last */
	assert_int_equal(ftruncate(fd, RECORD_STATE_AT + 40), 0);
	assert_int_equal(record_refresh(&record), -EBADMSG);
	record_close(&record);
	scratch_remove(&s);
}

static void slots_are_read_as_written(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	struct record_slot slots[RECORD_BURST], read[RECORD_BURST + 8];
	make_state(&s);
	int fd = create(&s, RUN);
	struct record_state st = some_state(PHASE_RUNNING);
	struct record_slot job = slot_of(4713);
	uint64_t seed = record_seed(RUN);

	assert_int_equal(record_write_first(fd, &st, &job, seed), 0);
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	assert_int_equal(record.state.phase, PHASE_RUNNING);
	assert_int_equal(record.state.job_pid, 4713);
	assert_int_equal(record_read_slots(&record, read, 8), 1);
	assert_memory_equal(&read[0], &job, sizeof(job));

	for (int i = 0; i < RECORD_BURST; i++)
		slots[i] = slot_of(5000 + i);
	assert_int_equal(record_write_slots(fd, slots, 1, RECORD_BURST, seed), 0);
	assert_int_equal(record_read_slots(&record, read, RECORD_BURST + 8), RECORD_BURST + 1);
	assert_int_equal(read[0].id.pid, 4713);
	assert_memory_equal(read + 1, slots, sizeof(slots));
	assert_int_equal(record_read_slots(&record, read, 3), 3); /* no more than there is room */
	assert_int_equal(record_read_slots(&record, read, 0), 0);

	/* Free, damaged, and of another run: left out; a hole before the next: not the end. */
	struct record_slot none[40] = { { 0 } }, foreign = slot_of(6000), last = slot_of(7000);
	assert_int_equal(pwrite(fd, none, sizeof(none), (off_t)record_slot_at(10)), sizeof(none));
	assert_int_equal(pwrite(fd, "x", 1, (off_t)record_slot_at(5) + 20), 1);
	assert_int_equal(record_write_slots(fd, &foreign, 6, 1, record_seed(NEXT)), 0);
	assert_int_equal(record_write_slots(fd, &last, 1000, 1, seed), 0);
	ssize_t n = record_read_slots(&record, read, RECORD_BURST + 8);
	assert_int_equal(n, RECORD_BURST + 1 - 40 - 2 + 1);
	assert_int_equal(read[n - 1].id.pid, 7000);
	for (ssize_t i = 0; i < n; i++)
		assert_int_not_equal(read[i].id.pid, 6000);
	record_close(&record);
	os_fd_close(&fd);
	scratch_remove(&s);
}

static void no_more_slots_are_read_than_are_written(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	struct record_slot *all = calloc(RECORD_SLOTS_MAX + 64, sizeof(*all));
	assert_non_null(all);
	make_state(&s);
	int fd = create(&s, RUN);
	for (int i = 0; i < RECORD_SLOTS_MAX + 64; i++)
		all[i] = slot_of(2 + i);
	for (size_t at = 0; at < RECORD_SLOTS_MAX + 64; at += 64)
		assert_int_equal(record_write_slots(fd, all + at, at, 64, record_seed(RUN)), 0);
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	assert_int_equal(record_read_slots(&record, all, RECORD_SLOTS_MAX + 64), RECORD_SLOTS_MAX);
	assert_int_equal(all[RECORD_SLOTS_MAX - 1].id.pid, 2 + RECORD_SLOTS_MAX - 1);
	record_close(&record);
	os_fd_close(&fd);
	free(all);
	scratch_remove(&s);
}

/* ---- damage */

static void damaged_and_foreign_files_are_told_apart(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	char bytes[4096] = { 0 };
	make_state(&s);
	int fd = create(&s, RUN);
	os_fd_close(&fd);
	size_t n = scratch_read(&s, "runs/" RUN, bytes, sizeof(bytes));
	assert_int_equal(n, sizeof(struct record_head));
	for (size_t cut = 1; cut < n; cut += 101) {
		scratch_write(&s, "runs/" RUN, bytes, cut);
		assert_int_equal(record_open(s.fd, RUN, &record), -EBADMSG);
	}
	scratch_write(&s, "runs/" RUN, bytes, 0); /* killed before its first word: nothing has started */
	assert_int_equal(record_open(s.fd, RUN, &record), -ENODATA);
	bytes[100] ^= 1;
	scratch_write(&s, "runs/" RUN, bytes, n);
	assert_int_equal(record_open(s.fd, RUN, &record), -EBADMSG);
	bytes[100] ^= 1;
	scratch_write(&s, "runs/" NEXT, bytes, n); /* the head of another: a spare one, just renamed */
	assert_int_equal(record_open(s.fd, NEXT, &record), -ENODATA);
	scratch_write(&s, "runs/" RUN, bytes, n);
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	record_close(&record);

	assert_int_equal(record_quarantine(s.fd, RUN), 0);
	assert_false(record_exists(s.fd, RUN));
	assert_true(scratch_has(&s, "runs/" RUN ".bad"));
	assert_int_equal(record_quarantine(s.fd, RUN), -ENOENT);
	scratch_remove(&s);
}

static uint64_t wall_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void an_unwritten_record_is_removed_when_it_is_old(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	scratch_write(&s, "runs/" RUN, "", 0);
	uint64_t now_ns = wall_now_ns();
	assert_int_equal(record_remove_unwritten(s.fd, RUN, 0), 0); /* the clock went back */
	assert_int_equal(record_remove_unwritten(s.fd, RUN, now_ns), 0);
	assert_int_equal(record_remove_unwritten(s.fd, RUN, now_ns + 50000000000U), 0);
	assert_true(record_exists(s.fd, RUN));
	assert_int_equal(record_remove_unwritten(s.fd, RUN, now_ns + 61000000000U), 1);
	assert_false(record_exists(s.fd, RUN));
	assert_int_equal(record_remove_unwritten(s.fd, RUN, now_ns + 61000000000U), 0);
	scratch_remove(&s);
}

/* ---- a file used again */

static void the_next_run_sees_nothing_of_the_last(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	struct record_slot slots[64], read[64];
	struct stat first, second;
	make_state(&s);
	int fd = create(&s, RUN);
	struct record_state st = some_state(PHASE_CLOSED);
	for (int i = 0; i < 64; i++)
		slots[i] = slot_of(5000 + i);
	assert_int_equal(record_write_state(fd, &st, record_seed(RUN)), 0);
	assert_int_equal(record_write_slots(fd, slots, 0, 64, record_seed(RUN)), 0);
	assert_int_equal(fstat(fd, &first), 0);
	os_fd_close(&fd);
	assert_int_equal(record_recycle(s.fd, RUN), 0);
	assert_false(record_exists(s.fd, RUN));
	assert_true(scratch_has(&s, SPARE));

	fd = create(&s, NEXT);
	assert_true(fd >= 0);
	assert_false(scratch_has(&s, SPARE));
	assert_int_equal(fstat(fd, &second), 0);
	assert_true(first.st_ino == second.st_ino); /* the same file */
	assert_int_equal(record_open(s.fd, NEXT, &record), 0);
	assert_string_equal(record.head.run_id, NEXT);
	assert_int_equal(record.state.phase, PHASE_STARTING);
	assert_int_equal(record.state.job_pid, 0);
	assert_int_equal(record_refresh(&record), -EBADMSG);
	assert_int_equal(record_read_slots(&record, read, 64), 0);
	record_close(&record);
	os_fd_close(&fd);
	scratch_remove(&s);
}

/* Who still reads the last run in it sees that it is no more, not the next one's state. */
static void a_reader_of_the_last_run_does_not_see_the_next(void **state)
{
	(void)state;
	struct scratch s;
	struct record record;
	struct record_slot slot = slot_of(5000), read[4];
	make_state(&s);
	int fd = create(&s, RUN);
	struct record_state st = some_state(PHASE_CLOSED);
	assert_int_equal(record_write_state(fd, &st, record_seed(RUN)), 0);
	assert_int_equal(record_open(s.fd, RUN, &record), 0);
	os_fd_close(&fd);
	assert_int_equal(record_recycle(s.fd, RUN), 0);
	assert_int_equal(record_refresh(&record), 0); /* not yet taken */
	fd = create(&s, NEXT);
	st = some_state(PHASE_RUNNING);
	assert_int_equal(record_write_first(fd, &st, &slot, record_seed(NEXT)), 0);
	assert_int_equal(record_refresh(&record), -EBADMSG);
	assert_int_equal(record.state.phase, PHASE_CLOSED); /* as it was read last */
	assert_int_equal(record_read_slots(&record, read, 4), 0);
	record_close(&record);
	os_fd_close(&fd);
	scratch_remove(&s);
}

static void of_two_starts_one_takes_the_spare_file(void **state)
{
	(void)state;
	struct scratch s;
	struct stat a, b;
	make_state(&s);
	int fd = create(&s, "old");
	os_fd_close(&fd);
	fd = create(&s, "older");
	os_fd_close(&fd);
	assert_int_equal(record_recycle(s.fd, "old"), 0);
	assert_int_equal(record_recycle(s.fd, "older"), 0); /* one spare file is enough */
	int first = create(&s, RUN), second = create(&s, NEXT);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(fstat(first, &a), 0);
	assert_int_equal(fstat(second, &b), 0);
	assert_true(a.st_ino != b.st_ino);
	os_fd_close(&first);
	os_fd_close(&second);
	scratch_remove(&s);
}

/* ---- planted */

static void nothing_planted_is_read_as_a_record(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		struct scratch s;
		struct record record;
		struct record_head head = head_of(RUN);
		make_state(&s);
		if (scratch_plant(&s, what, "runs/" RUN)) {
			int r = record_open(s.fd, RUN, &record);
			if (r != -EPERM)
				fail_msg("%s: %d", plant_names[what], r);
			assert_int_equal(record_create(s.fd, &head, NULL), -EEXIST);
			assert_true(record_exists(s.fd, RUN));
			assert_int_equal(record_quarantine(s.fd, RUN), 0); /* whatever it is */
			assert_false(record_exists(s.fd, RUN));
			scratch_check_victim(&s, plant_names[what]);
		}
		scratch_remove(&s);
	}
}

static void a_planted_spare_file_is_not_used(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		struct scratch s;
		struct record record;
		struct record_head head = head_of(RUN);
		struct stat st;
		make_state(&s);
		if (scratch_plant(&s, what, SPARE)) {
			int fd = record_create(s.fd, &head, NULL);
			if (fd < 0)
				fail_msg("%s keeps a run from its record: %d", plant_names[what], fd);
			assert_int_equal(fstat(fd, &st), 0);
			assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == geteuid());
			assert_int_equal(record_open(s.fd, RUN, &record), 0);
			record_close(&record);
			os_fd_close(&fd);
			scratch_check_victim(&s, plant_names[what]);
			assert_false(scratch_has(&s, SPARE));
		}
		scratch_remove(&s);
	}
}

/* ---- requests */

static struct request some_request(uint64_t grace_ns)
{
	return (struct request){ .verb = REQUEST_KILL, .by_pid = 12, .by_comm = "sh", .grace_ns = grace_ns };
}

static bool has_temp_file(const struct scratch *s)
{
	int fd = openat(s->fd, "runs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fdopendir(fd);
	bool found = false;
	for (struct dirent *d; dir && (d = readdir(dir));)
		found = found || strstr(d->d_name, ".req.");
	closedir(dir);
	return found;
}

static void a_request_is_taken_once(void **state)
{
	(void)state;
	struct scratch s;
	struct request request = some_request(5), taken;
	make_state(&s);
	assert_int_equal(request_take(s.fd, RUN, &taken), -ENOENT);
	assert_int_equal(request_write(s.fd, RUN, &request), 0);
	assert_false(has_temp_file(&s));
	assert_int_equal(request_take(s.fd, NEXT, &taken), -ENOENT); /* another run's */
	assert_int_equal(request_take(s.fd, RUN, &taken), 0);
	assert_memory_equal(&taken, &request, sizeof(taken));
	assert_false(scratch_has(&s, "runs/" RUN ".req.taken"));
	assert_int_equal(request_take(s.fd, RUN, &taken), -ENOENT);

	struct request later = some_request(6); /* the last one counts */
	assert_int_equal(request_write(s.fd, RUN, &request), 0);
	assert_int_equal(request_write(s.fd, RUN, &later), 0);
	assert_int_equal(request_take(s.fd, RUN, &taken), 0);
	assert_true(taken.grace_ns == 6);

	assert_int_equal(request_write(s.fd, RUN, &request), 0);
	request_remove(s.fd, RUN);
	request_remove(s.fd, RUN);
	assert_int_equal(request_take(s.fd, RUN, &taken), -ENOENT);
	scratch_remove(&s);
}

static void a_damaged_request_is_removed(void **state)
{
	(void)state;
	struct scratch s;
	struct request request = some_request(5), taken = { .verb = 77 };
	char bytes[sizeof(request)];
	make_state(&s);
	assert_int_equal(request_write(s.fd, RUN, &request), 0);
	assert_int_equal(scratch_read(&s, "runs/" RUN ".req", bytes, sizeof(bytes)), sizeof(bytes));
	bytes[30] ^= 1;
	for (size_t n = 0; n <= sizeof(bytes); n += 40) {
		scratch_write(&s, "runs/" RUN ".req", bytes, n);
		assert_int_equal(request_take(s.fd, RUN, &taken), -EBADMSG);
		assert_false(scratch_has(&s, "runs/" RUN ".req"));
	}
	assert_int_equal(taken.verb, 77);
	scratch_remove(&s);
}

static void no_planted_request_is_taken(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		struct scratch s;
		struct request taken;
		make_state(&s);
		if (scratch_plant(&s, what, "runs/" RUN ".req")) {
			int r = request_take(s.fd, RUN, &taken);
			if (r >= 0)
				fail_msg("%s was taken", plant_names[what]);
			scratch_check_victim(&s, plant_names[what]);
		}
		scratch_remove(&s);
	}
}

/* Its check is right: only whose it is tells. */
static void a_request_of_another_user_is_not_taken(void **state)
{
	(void)state;
	struct scratch s;
	struct request request = some_request(5), taken = { .verb = 77 };
	make_state(&s);
	assert_int_equal(request_write(s.fd, RUN, &request), 0);
	if (fchownat(s.fd, "runs/" RUN ".req", 65534, 65534, 0) == 0) { /* only root can */
		assert_int_equal(request_take(s.fd, RUN, &taken), -EPERM);
		assert_int_equal(taken.verb, 77);
	}
	scratch_remove(&s);
}

/* Where the request goes, and where it is written first. */
static void a_request_is_written_past_what_is_planted(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		for (int at_temp = 0; at_temp < 2; at_temp++) {
			struct scratch s;
			struct request request = some_request(5), taken;
			char name[128];
			make_state(&s);
			snprintf(name, sizeof(name), at_temp ? "runs/" RUN ".req.%d" : "runs/" RUN ".req",
				 (int)getpid());
			if (scratch_plant(&s, what, name)) {
				int r = request_write(s.fd, RUN, &request);
				if (r < 0 && what != PLANT_DIRECTORY)
					fail_msg("%s in the way: %d", plant_names[what], r);
				if (r == 0)
					assert_int_equal(request_take(s.fd, RUN, &taken), 0);
				scratch_check_victim(&s, plant_names[what]);
			}
			scratch_remove(&s);
		}
	}
}

/* ---- lists */

struct seen {
	char names[16][RUN_ID_MAX + 8];
	size_t count, stop_at;
};

static int note(void *with, const char *run_id)
{
	struct seen *seen = with;
	assert_true(seen->count < 16 && strlen(run_id) <= RUN_ID_MAX);
	memcpy(seen->names[seen->count++], run_id, strlen(run_id) + 1);
	return seen->count == seen->stop_at ? 42 : 0;
}

static bool was_seen(const struct seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->count; i++)
		if (strcmp(seen->names[i], name) == 0)
			return true;
	return false;
}

#define SIXTY_FOUR "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void lists_records_and_nothing_else(void **state)
{
	(void)state;
	static const char *const others[] = { ".spare", RUN ".req",     RUN ".req.12", RUN ".bad",
					      "a.b",    SIXTY_FOUR "x", "..x" };
	struct scratch s;
	struct seen seen = { 0 };
	char path[128];
	make_state(&s);
	assert_int_equal(record_each(s.fd, note, &seen), 0);
	assert_int_equal(seen.count, 0);
	scratch_write(&s, "runs/" RUN, "", 0);
	scratch_write(&s, "runs/given-id_1", "", 0);
	scratch_write(&s, "runs/" SIXTY_FOUR, "", 0);
	scratch_write(&s, "runs/odd \n\xff", "",
		      0); /* not an id of ours: whoever opens it finds nothing in it */
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		snprintf(path, sizeof(path), "runs/%s", others[i]);
		scratch_write(&s, path, "", 0);
	}
	assert_int_equal(record_each(s.fd, note, &seen), 0);
	assert_int_equal(seen.count, 4);
	assert_true(was_seen(&seen, RUN) && was_seen(&seen, "given-id_1") && was_seen(&seen, SIXTY_FOUR) &&
		    was_seen(&seen, "odd \n\xff"));
	struct record record;
	assert_int_equal(record_open(s.fd, "odd \n\xff", &record), -ENODATA);

	seen = (struct seen){ .stop_at = 2 };
	assert_int_equal(record_each(s.fd, note, &seen), 42); /* stops where it is told to */
	assert_int_equal(seen.count, 2);
	scratch_remove(&s);
	scratch_make(&s);
	assert_int_equal(record_each(s.fd, note, &seen), -ENOENT);
	scratch_remove(&s);
}

/* More names than one getdents gives. */
static int count_name(void *with, const char *run_id)
{
	(void)run_id;
	++*(int *)with;
	return 0;
}

static void lists_many(void **state)
{
	(void)state;
	struct scratch s;
	char path[128];
	int count = 0;
	make_state(&s);
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "runs/" RUN "%032d", i);
		scratch_write(&s, path, "", 0);
	}
	assert_int_equal(record_each(s.fd, count_name, &count), 0);
	assert_int_equal(count, 500);
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_made_and_read),
		cmocka_unit_test(an_id_in_use_is_refused),
		cmocka_unit_test(a_record_that_cannot_be_made_is_told),
		cmocka_unit_test(a_state_in_the_writing_is_never_seen_torn),
		cmocka_unit_test(a_state_that_is_not_whole_is_read_again),
		cmocka_unit_test(slots_are_read_as_written),
		cmocka_unit_test(no_more_slots_are_read_than_are_written),
		cmocka_unit_test(damaged_and_foreign_files_are_told_apart),
		cmocka_unit_test(an_unwritten_record_is_removed_when_it_is_old),
		cmocka_unit_test(the_next_run_sees_nothing_of_the_last),
		cmocka_unit_test(a_reader_of_the_last_run_does_not_see_the_next),
		cmocka_unit_test(of_two_starts_one_takes_the_spare_file),
		cmocka_unit_test(nothing_planted_is_read_as_a_record),
		cmocka_unit_test(a_planted_spare_file_is_not_used),
		cmocka_unit_test(a_request_is_taken_once),
		cmocka_unit_test(a_damaged_request_is_removed),
		cmocka_unit_test(no_planted_request_is_taken),
		cmocka_unit_test(a_request_of_another_user_is_not_taken),
		cmocka_unit_test(a_request_is_written_past_what_is_planted),
		cmocka_unit_test(lists_records_and_nothing_else),
		cmocka_unit_test(lists_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
