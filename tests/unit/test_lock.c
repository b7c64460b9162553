/* layer: store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "base/auto.h"
#include "base/fail.h"
#include "os/fd.h"
#include "scratch.h"
#include "store/lock.h"

#define PATH "locks/job/nightly"

static void make_state(struct scratch *s)
{
	scratch_make(s);
	scratch_mkdir(s, "locks");
	scratch_mkdir(s, "locks/job");
}

/* ---- names */

#define TEN    "0123456789"
#define FIFTY  TEN TEN TEN TEN TEN
#define LONG   FIFTY FIFTY FIFTY FIFTY
#define DOTS22 "......................"

/* clang-format off */
static const struct {
	const char *rule;
	const char *job;
	int result;
	const char *path;
} name_rows[] = {
	{ "a plain name",                   "nightly",          0,             "locks/job/nightly" },
	{ "all that may stand raw",         "aZ09_-",           0,             "locks/job/aZ09_-" },
	{ "no way out of the directory",    "../../etc/passwd", 0,             "locks/job/%2E%2E%2F%2E%2E%2Fetc%2Fpasswd" },
	{ "no hidden file",                 ".spare",           0,             "locks/job/%2Espare" },
	{ "no info file of another",        "nightly.info",     0,             "locks/job/nightly%2Einfo" },
	{ "a blank, a newline",             "a b\n",            0,             "locks/job/a%20b%0A" },
	{ "the escape itself",              "%2E",              0,             "locks/job/%252E" },
	{ "bytes that are no text",         "\xff\x80\x01",     0,             "locks/job/%FF%80%01" },
	{ "no name",                        "",                 -EINVAL,       NULL },
	{ "as long as a name may be",       LONG,               0,             "locks/job/" LONG },
	{ "a byte too long",                LONG "x",           -ENAMETOOLONG, NULL },
	{ "too long once it is encoded",    DOTS22 DOTS22 DOTS22 ".", -ENAMETOOLONG, NULL },
};
/* clang-format on */

static const struct {
	const char *rule;
	const char *job;
	uint32_t place;
	int result;
	const char *path;
} queue_rows[] = {
	{ "the queue's own lock", "nightly", 0, 0, "locks/queue/nightly" },
	{ "the place before the job", "nightly", 1, 0, "locks/queue/nightly.1" },
	{ "a place far behind", "nightly", 1000, 0, "locks/queue/nightly.1000" },
	{ "no place of another queue", "nightly.1", 0, 0, "locks/queue/nightly%2E1" },
	{ "as long as a name may be", LONG, 1000, 0, "locks/queue/" LONG ".1000" },
	{ "a byte too long", LONG "x", 1, -ENAMETOOLONG, NULL },
};

static void places_become_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(queue_rows); i++) {
		char path[LOCK_PATH_MAX] = "untouched";
		int r = lock_queue_path(queue_rows[i].job, queue_rows[i].place, path);
		const char *want = queue_rows[i].path ? queue_rows[i].path : "untouched";
		if (r != queue_rows[i].result || strcmp(path, want) != 0)
			fail_msg("%s: %d, %s", queue_rows[i].rule, r, path);
	}
}

static void a_queue_is_made_once(void **state)
{
	struct scratch s;
	struct fail fail = { 0 };

	(void)state;
	scratch_make(&s);
	assert_int_equal(lock_make_queue(s.fd, &fail), -ENOENT);
	assert_string_equal(fail.subject, "locks/queue");
	scratch_remove(&s);
	make_state(&s);
	assert_int_equal(lock_make_queue(s.fd, &fail), 0);
	assert_int_equal(lock_make_queue(s.fd, &fail), 0);
	AUTO_FD int fd = lock_try(s.fd, "locks/queue/nightly", false, &fail);
	assert_true(fd >= 0);
	assert_int_equal(lock_try(s.fd, "locks/queue/nightly", false, &fail), -EWOULDBLOCK);
	scratch_remove(&s);
}

/* Of a group of slots, and of who waits for room. */
enum path_kind { PATH_SLOT, PATH_PLACE };

static const struct {
	const char *rule;
	enum path_kind kind;
	const char *group;
	uint32_t number;
	int result;
	const char *path;
} slot_rows[] = {
	{ "the first slot", PATH_SLOT, "import", 1, 0, "locks/slot/import/1" },
	{ "a slot far behind", PATH_SLOT, "import", 1000, 0, "locks/slot/import/1000" },
	{ "the gate, beside the slots", PATH_SLOT, "import", LOCK_SLOT_GATE, 0, "locks/slot/import.gate" },
	{ "its door", PATH_SLOT, "import", LOCK_SLOT_DOOR, 0, "locks/slot/import.door" },
	{ "no gate of another group", PATH_SLOT, "import.gate", 1, 0, "locks/slot/import%2Egate/1" },
	{ "as long as a name may be", PATH_SLOT, LONG, LOCK_SLOT_DOOR - 1, 0,
	  "locks/slot/" LONG "/4294967294" },
	{ "no name", PATH_SLOT, "", 1, -EINVAL, NULL },
	{ "a byte too long", PATH_SLOT, LONG "x", LOCK_SLOT_GATE, -ENAMETOOLONG, NULL },
	{ "the first place", PATH_PLACE, "import", 1, 0, "locks/slot/import.place.1" },
	{ "a place far behind", PATH_PLACE, "import", 1000, 0, "locks/slot/import.place.1000" },
	{ "no place without a name", PATH_PLACE, "", 1, -EINVAL, NULL },
	{ "nor of a name too long", PATH_PLACE, LONG "x", 1, -ENAMETOOLONG, NULL },
};

static void slots_become_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(slot_rows); i++) {
		char path[LOCK_PATH_MAX] = "untouched";
		int r = slot_rows[i].kind == PATH_SLOT
				? lock_slot_path(slot_rows[i].group, slot_rows[i].number, path)
				: lock_slot_place_path(slot_rows[i].group, slot_rows[i].number, path);
		const char *want = slot_rows[i].path ? slot_rows[i].path : "untouched";
		if (r != slot_rows[i].result || strcmp(path, want) != 0)
			fail_msg("%s: %d, %s", slot_rows[i].rule, r, path);
	}
}

static void who_waits_for_room_has_a_gate_and_a_door(void **state)
{
	char gate[LOCK_PATH_MAX], door[LOCK_PATH_MAX];

	(void)state;
	assert_int_equal(lock_admission_path(false, gate), 0);
	assert_int_equal(lock_admission_path(true, door), 0);
	assert_string_equal(gate, "locks/admission.gate");
	assert_string_equal(door, "locks/admission.door");
}

static void slots_are_made_once(void **state)
{
	struct scratch s;
	struct stat st;
	struct fail fail = { 0 };

	(void)state;
	scratch_make(&s);
	assert_int_equal(lock_make_slots(s.fd, "import", &fail), -ENOENT);
	assert_string_equal(fail.subject, "locks/slot");
	scratch_mkdir(&s, "locks");
	assert_int_equal(lock_make_slots(s.fd, "", &fail), -EINVAL);
	assert_int_equal(fail.err, EINVAL);
	assert_string_equal(fail.what, "name the slots of");
	assert_false(scratch_has(&s, "locks/slot"));
	for (int again = 0; again < 2; again++) {
		assert_int_equal(lock_make_slots(s.fd, "import", &fail), 0);
		assert_int_equal(fstatat(s.fd, "locks/slot/import", &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISDIR(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	AUTO_FD int fd = lock_try(s.fd, "locks/slot/import/1", false, &fail);
	assert_true(fd >= 0);
	scratch_remove(&s);
}

static void names_become_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(name_rows); i++) {
		char out[LOCK_PATH_MAX] = "untouched";
		int r = lock_path(name_rows[i].job, out);
		if (r != name_rows[i].result)
			fail_msg("%s: %d", name_rows[i].rule, r);
		if (strcmp(out, r == 0 ? name_rows[i].path : "untouched") != 0)
			fail_msg("%s: %s", name_rows[i].rule, out);
	}
}

/* ---- holding */

/* Try in a process of its own: what flock says to another. */
static int try_in_child(const struct scratch *s, bool shared)
{
	pid_t pid = fork();
	if (pid == 0) {
		int fd = lock_try(s->fd, PATH, shared, NULL);
		_exit(fd >= 0 ? 0 : -fd);
	}
	return -scratch_reap(pid);
}

static void a_lock_is_held_until_its_holder_is_gone(void **state)
{
	(void)state;
	struct scratch s;
	struct stat st;
	make_state(&s);
	int fd = lock_try(s.fd, PATH, false, NULL);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	assert_int_equal(try_in_child(&s, true), -EWOULDBLOCK);
	assert_int_equal(lock_try(s.fd, PATH, false, NULL), -EWOULDBLOCK); /* not even for ourselves */
	os_fd_close(&fd);
	assert_int_equal(try_in_child(&s, false), 0);
	assert_true(scratch_has(&s, PATH)); /* never unlinked here */
	scratch_remove(&s);
}

static void a_conflict_is_an_answer_not_a_failure(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { .err = 4711, .what = "untouched" };
	make_state(&s);
	int fd = lock_try(s.fd, PATH, false, NULL);
	assert_int_equal(lock_try(s.fd, PATH, true, &fail), -EWOULDBLOCK);
	assert_int_equal(fail.err, 4711);
	assert_string_equal(fail.what, "untouched");
	os_fd_close(&fd);
	scratch_remove(&s);
}

static void many_share_or_one_excludes(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	int first = lock_try(s.fd, PATH, true, NULL), second = lock_try(s.fd, PATH, true, NULL);
	assert_true(first >= 0 && second >= 0);
	assert_int_equal(try_in_child(&s, true), 0);
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	os_fd_close(&first);
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	os_fd_close(&second);
	assert_int_equal(try_in_child(&s, false), 0);
	scratch_remove(&s);
}

/* The copy in a forked child holds on: a guard's lock is free only when both of the pair are gone. */
static void a_copy_of_the_descriptor_holds_on(void **state)
{
	(void)state;
	struct scratch s;
	int line[2];
	make_state(&s);
	assert_int_equal(pipe2(line, O_CLOEXEC), 0);
	int fd = lock_try(s.fd, PATH, false, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		char byte;
		close(line[1]);
		_exit(read(line[0], &byte, 1) == 0 ? 0 : 1);
	}
	os_fd_close(&fd);
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	close(line[0]);
	close(line[1]);
	assert_int_equal(scratch_reap(pid), 0);
	assert_int_equal(try_in_child(&s, false), 0);
	scratch_remove(&s);
}

static void a_directory_that_is_missing_is_told(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { 0 };
	scratch_make(&s);
	assert_int_equal(lock_try(s.fd, PATH, false, &fail), -ENOENT);
	assert_int_equal(fail.err, ENOENT);
	assert_string_equal(fail.subject, PATH);
	assert_non_null(fail.what);
	scratch_remove(&s);
}

/* ---- trying again and again */

static ino_t inode_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static void what_is_tried_again_stays_open(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { .err = 4711 };
	make_state(&s);
	int kept = lock_open_kept(s.fd, PATH, &fail), other = -1;
	assert_true(kept >= 0);
	const int opened = kept;
	assert_int_equal(try_in_child(&s, false), 0); /* opened, not tried */
	assert_int_equal(lock_try_kept(s.fd, PATH, &kept, &fail), 0);
	assert_int_equal(kept, opened);
	assert_int_equal(try_in_child(&s, true), -EWOULDBLOCK); /* it excludes */
	assert_int_equal(lock_try_kept(s.fd, PATH, &other, &fail), -EWOULDBLOCK);
	assert_true(other >= 0);
	const int waits = other;
	assert_int_equal(lock_try_kept(s.fd, PATH, &other, &fail), -EWOULDBLOCK);
	assert_int_equal(other, waits);
	assert_int_equal(fail.err, 4711);
	os_fd_close(&kept);
	assert_int_equal(lock_try_kept(s.fd, PATH, &other, &fail), 0);
	assert_int_equal(other, waits);
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	os_fd_close(&other);
	scratch_remove(&s);
}

/* A lock on a nameless file guards nothing: it is given up, and the next try is of the file that is there. */
static void what_is_tried_again_is_the_file_of_that_name(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { .err = 4711 };
	make_state(&s);
	int kept = lock_open_kept(s.fd, PATH, &fail);
	assert_true(kept >= 0);
	assert_int_equal(unlinkat(s.fd, PATH, 0), 0);
	int fresh = lock_try(s.fd, PATH, false, NULL);
	assert_true(fresh >= 0);
	assert_int_equal(lock_try_kept(s.fd, PATH, &kept, &fail), -EWOULDBLOCK);
	assert_int_equal(kept, -1);
	assert_int_equal(lock_try_kept(s.fd, PATH, &kept, &fail), -EWOULDBLOCK);
	assert_int_equal(inode_of(kept), inode_of(fresh));
	os_fd_close(&fresh);
	assert_int_equal(lock_try_kept(s.fd, PATH, &kept, &fail), 0);
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	assert_int_equal(fail.err, 4711); /* no failure in all of it */
	os_fd_close(&kept);
	scratch_remove(&s);
}

static void what_cannot_be_opened_is_not_tried(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { 0 };
	int kept = -1;
	scratch_make(&s);
	assert_int_equal(lock_open_kept(s.fd, PATH, &fail), -ENOENT);
	assert_string_equal(fail.subject, PATH);
	fail = (struct fail){ 0 };
	assert_int_equal(lock_try_kept(s.fd, PATH, &kept, &fail), -ENOENT);
	assert_string_equal(fail.what, "open lock file");
	assert_true(kept < 0);
	scratch_remove(&s);
}

static void a_look_at_a_lock_makes_and_takes_nothing(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	assert_false(lock_is_held(s.fd, PATH));
	assert_false(scratch_has(&s, PATH));
	int fd = lock_try(s.fd, PATH, false, NULL);
	assert_true(lock_is_held(s.fd, PATH));
	os_fd_close(&fd);
	assert_false(lock_is_held(s.fd, PATH));
	assert_int_equal(try_in_child(&s, false), 0);
	scratch_remove(&s);
}

static void a_job_has_one_trial_at_a_time(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { 0 };
	scratch_make(&s);
	assert_int_equal(lock_try_trial(s.fd, "nightly", &fail), -ENOENT);
	assert_string_equal(fail.subject, "locks/trial");
	scratch_mkdir(&s, "locks");
	assert_int_equal(lock_try_trial(s.fd, "", &fail), -EINVAL);
	assert_string_equal(fail.what, "name the trial of");
	int first = lock_try_trial(s.fd, "nightly", &fail); /* its directory is made */
	assert_true(first >= 0);
	assert_true(scratch_has(&s, "locks/trial/nightly"));
	assert_int_equal(lock_try_trial(s.fd, "nightly", NULL), -EWOULDBLOCK);
	int other = lock_try_trial(s.fd, "weekly", NULL);
	assert_true(other >= 0);
	os_fd_close(&first);
	first = lock_try_trial(s.fd, "nightly", NULL);
	assert_true(first >= 0);
	os_fd_close(&first);
	os_fd_close(&other);
	scratch_remove(&s);
}

/* ---- waiting */

/* Is the process asleep in flock?  By its system call, where the kernel tells; else by its state. */
static bool is_waiting(void *with)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", *(const pid_t *)with);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	close(fd);
	const char *end = n > 0 ? strrchr(text, ')') : NULL;
	return end && end[2] == 'S';
}

static void waits_until_the_lock_is_free(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	int fd = lock_try(s.fd, PATH, false, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		os_fd_close(&fd);
		_exit(lock_wait(s.fd, PATH, false, NULL) >= 0 ? 0 : 1);
	}
	assert_true(scratch_wait_until(is_waiting, &pid));
	os_fd_close(&fd);
	assert_int_equal(scratch_reap(pid), 0);
	scratch_remove(&s);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void a_signal_ends_the_wait(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { .err = 4711 };
	struct sigaction act = { .sa_handler = on_alarm }, was;
	const struct itimerval soon = { { 0, 10000 }, { 0, 10000 } }, never = { { 0, 0 }, { 0, 0 } };
	make_state(&s);
	int fd = lock_try(s.fd, PATH, false, NULL);
	assert_int_equal(sigaction(SIGALRM, &act, &was), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
	assert_int_equal(lock_wait(s.fd, PATH, false, &fail), -EINTR);
	assert_int_equal(lock_wait(s.fd, PATH, true, &fail), -EINTR); /* and may be asked again */
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &was, NULL), 0);
	assert_int_equal(fail.err, 4711);
	os_fd_close(&fd);
	scratch_remove(&s);
}

/* Who waited for a file that is removed meanwhile must not come out holding a nameless one. */
static void a_removed_file_guards_nothing(void **state)
{
	(void)state;
	struct scratch s;
	struct stat held, named;
	make_state(&s);
	int old = lock_try(s.fd, PATH, false, NULL);
	int report[2];
	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		os_fd_close(&old);
		int fd = lock_wait(s.fd, PATH, false, NULL);
		bool is_good = fd >= 0 && fstat(fd, &held) == 0 && fstatat(s.fd, PATH, &named, 0) == 0 &&
			       held.st_ino == named.st_ino && write(report[1], "", 1) == 1;
		_exit(is_good ? 0 : 1);
	}
	close(report[1]);
	assert_true(scratch_wait_until(is_waiting, &pid));
	assert_int_equal(unlinkat(s.fd, PATH, 0), 0);
	int fresh = lock_try(s.fd, PATH, false, NULL);
	assert_true(fresh >= 0);
	os_fd_close(&old); /* the waiter has the nameless one now, and must go on waiting */
	assert_true(scratch_wait_until(is_waiting, &pid));
	assert_int_equal(try_in_child(&s, false), -EWOULDBLOCK);
	os_fd_close(&fresh);
	assert_int_equal(scratch_reap(pid), 0);
	close(report[0]);
	scratch_remove(&s);
}

/* ---- a race of four, one of which removes the file it holds */

#define CONTENDERS 4

struct race {
	atomic_int holders;
	atomic_int twice; /* two at a time */
	atomic_uint taken[CONTENDERS], failed;
};

static void contend(const struct scratch *s, struct race *race, int me, uint64_t until_ns)
{
	for (unsigned round = 0; scratch_now_ns() < until_ns; round++) {
		int fd = me % 2 ? lock_try(s->fd, PATH, false, NULL) : lock_wait(s->fd, PATH, false, NULL);
		if (fd == -EWOULDBLOCK || fd == -EBUSY)
			continue;
		if (fd < 0) {
			atomic_fetch_add(&race->failed, 1);
			return;
		}
		if (atomic_fetch_add(&race->holders, 1) != 0)
			atomic_fetch_add(&race->twice, 1);
		atomic_fetch_add(&race->taken[me], 1);
		for (volatile unsigned i = 0; i < round % 2000; i++)
			;
		atomic_fetch_sub(&race->holders, 1);
		if (me == 0)
			(void)unlinkat(s->fd, PATH, 0); /* the last thing it does with it, as gc will */
		close(fd);
	}
}

static void never_two_holders_while_the_file_is_removed(void **state)
{
	(void)state;
	struct scratch s;
	pid_t pid[CONTENDERS];
	make_state(&s);
	struct race *race =
		mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(race, MAP_FAILED);
	uint64_t until_ns = scratch_now_ns() + 1000000000U;
	for (int i = 0; i < CONTENDERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			contend(&s, race, i, until_ns);
			_exit(0);
		}
	}
	for (int i = 0; i < CONTENDERS; i++)
		assert_int_equal(scratch_reap(pid[i]), 0);
	assert_int_equal(atomic_load(&race->twice), 0);
	assert_int_equal(atomic_load(&race->failed), 0);
	assert_int_equal(atomic_load(&race->holders), 0);
	assert_true(atomic_load(&race->taken[0]) > 10); /* it was removed often enough to mean something */
	munmap(race, sizeof(*race));
	scratch_remove(&s);
}

/* ---- planted */

static void nothing_planted_is_locked(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		for (int shared = 0; shared < 2; shared++) {
			struct scratch s;
			struct fail fail = { 0 };
			make_state(&s);
			if (scratch_plant(&s, what, PATH)) {
				int r = lock_try(s.fd, PATH, shared, &fail);
				if (r >= 0 || r == -EWOULDBLOCK || r == -EINTR)
					fail_msg("%s was locked: %d", plant_names[what], r);
				assert_int_equal(fail.err, -r);
				assert_string_equal(fail.subject, PATH);
				assert_true(lock_wait(s.fd, PATH, shared, NULL) < 0);
				scratch_check_victim(&s, plant_names[what]);
			}
			scratch_remove(&s);
		}
	}
}

static void no_info_is_read_from_what_is_planted(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		for (int make = 0; make < 2; make++) {
			struct scratch s;
			make_state(&s);
			if (scratch_plant(&s, what, PATH ".info")) {
				int r = lockinfo_open(s.fd, PATH, make);
				if (r >= 0)
					fail_msg("%s was opened", plant_names[what]);
				scratch_check_victim(&s, plant_names[what]);
			}
			scratch_remove(&s);
		}
	}
}

/* Of another user's runs: to be read, if it is that user's own. */
static void info_is_looked_at_as_its_owners(void **state)
{
	(void)state;
	struct scratch s;
	make_state(&s);
	assert_int_equal(lockinfo_look(s.fd, PATH, geteuid()), -ENOENT);
	int fd = lockinfo_open(s.fd, PATH, true);
	os_fd_close(&fd);
	fd = lockinfo_look(s.fd, PATH, geteuid());
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	os_fd_close(&fd);
	assert_int_equal(lockinfo_look(s.fd, PATH, geteuid() + 1), -EPERM);
	scratch_remove(&s);
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		make_state(&s);
		if (scratch_plant(&s, what, PATH ".info") && lockinfo_look(s.fd, PATH, geteuid()) >= 0)
			fail_msg("%s was opened", plant_names[what]);
		scratch_remove(&s);
	}
}

/* ---- the info beside it */

static void info_is_made_only_where_asked(void **state)
{
	(void)state;
	struct scratch s;
	struct lockinfo info;
	struct stat st;
	make_state(&s);
	assert_int_equal(lockinfo_open(s.fd, PATH, false), -ENOENT);
	int fd = lockinfo_open(s.fd, PATH, true);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	memset(&info, 0xa5, sizeof(info));
	assert_int_equal(lockinfo_read(fd, &info), 0); /* empty: nobody */
	assert_int_equal(info.holder.front, 0);
	assert_int_equal(info.refusals.count, 0);
	assert_int_equal(info.wants_scan, 0);
	os_fd_close(&fd);
	fd = lockinfo_open(s.fd, PATH, false);
	assert_true(fd >= 0);
	os_fd_close(&fd);
	scratch_remove(&s);
}

static void each_part_is_written_alone(void **state)
{
	(void)state;
	struct scratch s;
	struct lockinfo info;
	struct lock_holder holder = { .run_id = "0123456789abcdef0123456789abcdef",
				      .front = 4711,
				      .since_boot_ns = 5 };
	struct lock_refusals refusals = { .count = 14, .line_wall_ns = 6 };
	make_state(&s);
	int fd = lockinfo_open(s.fd, PATH, true);

	assert_int_equal(lockinfo_write_scan(fd, true), 0); /* the last part first: the others are zero */
	assert_int_equal(lockinfo_read(fd, &info), 0);
	assert_int_equal(info.wants_scan, 1);
	assert_int_equal(info.holder.front, 0);
	assert_int_equal(info.refusals.count, 0);

	assert_int_equal(lockinfo_write_refusals(fd, &refusals), 0);
	assert_int_equal(lockinfo_read(fd, &info), 0);
	assert_int_equal(info.refusals.count, 14);
	assert_int_equal(info.holder.front, 0);

	assert_int_equal(lockinfo_write_holder(fd, &holder), 0);
	assert_int_equal(lockinfo_write_scan(fd, false), 0);
	assert_int_equal(lockinfo_read(fd, &info), 0);
	assert_string_equal(info.holder.run_id, holder.run_id);
	assert_int_equal(info.holder.front, 4711);
	assert_int_equal(info.refusals.count, 14);
	assert_int_equal(info.wants_scan, 0);

	assert_int_equal(info.has_breaker, 0);
	assert_int_equal(lockinfo_write_breaker(fd, true), 0);
	assert_int_equal(lockinfo_write_unkept(fd, 3), 0);
	assert_int_equal(lockinfo_read(fd, &info), 0);
	assert_int_equal(info.has_breaker, 1);
	assert_int_equal(info.unkept, 3);
	assert_int_equal(info.holder.front, 4711);
	assert_int_equal(info.refusals.count, 14);
	assert_int_equal(info.wants_scan, 0);

	assert_int_equal(pwrite(fd, "x", 1, 20), 1); /* one damaged */
	assert_int_equal(lockinfo_read(fd, &info), 0);
	assert_int_equal(info.holder.front, 0);
	assert_int_equal(info.holder.run_id[0], '\0');
	assert_int_equal(info.refusals.count, 14);
	assert_true(lseek(fd, 0, SEEK_END) <= 128);
	os_fd_close(&fd);
	scratch_remove(&s);
}

/* Cut anywhere, and with more behind it than we write. */
static void info_of_any_length_is_read(void **state)
{
	(void)state;
	struct scratch s;
	struct lockinfo info;
	struct lock_holder holder = { .run_id = "0123", .front = 4711, .since_boot_ns = UINT64_MAX };
	char bytes[256] = { 0 };
	make_state(&s);
	int fd = lockinfo_open(s.fd, PATH, true);
	assert_int_equal(lockinfo_write_holder(fd, &holder), 0);
	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), 96);
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, bytes, n, 0), n);
		assert_int_equal(lockinfo_read(fd, &info), 0);
		assert_int_equal(info.holder.front, n >= 96 ? 4711 : 0);
	}
	os_fd_close(&fd);
	assert_int_equal(lockinfo_read(-1, &info), -EBADF);
	scratch_remove(&s);
}

/* ---- a file of the user's choice */

static void path_in(const struct scratch *s, const char *name, char *out, size_t n)
{
	snprintf(out, n, "%s/%s", s->path, name);
}

static void a_users_file_is_locked_as_flock_does(void **state)
{
	(void)state;
	struct scratch s;
	struct stat st;
	struct fail fail = { .err = 4711 };
	char path[256], link[256], dir[256];
	mode_t was = umask(027);
	scratch_make(&s);
	path_in(&s, "mine", path, sizeof(path));
	path_in(&s, "link", link, sizeof(link));
	path_in(&s, "dir", dir, sizeof(dir));

	int fd = lock_user_file(path, false, false, &fail); /* made if missing */
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	int other = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1); /* flock(1) is kept out */

	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(lock_user_file(link, false, false, &fail), -EWOULDBLOCK); /* links are followed */
	assert_int_equal(lock_user_file(link, true, false, &fail), -EWOULDBLOCK);
	assert_int_equal(fail.err, 4711);
	os_fd_close(&fd);
	assert_int_equal(flock(other, LOCK_SH | LOCK_NB), 0);
	fd = lock_user_file(link, true, false, &fail);
	assert_true(fd >= 0);
	assert_int_equal(lock_user_file(path, false, false, &fail), -EWOULDBLOCK);
	os_fd_close(&fd);
	close(other);

	assert_int_equal(mkdir(dir, 0700), 0);
	fd = lock_user_file(dir, false, false, &fail); /* a directory will do */
	assert_true(fd >= 0);
	assert_int_equal(lock_user_file(dir, false, false, &fail), -EWOULDBLOCK);
	os_fd_close(&fd);
	(void)umask(was);
	scratch_remove(&s);
}

static void a_users_file_that_cannot_be_opened_is_told(void **state)
{
	(void)state;
	struct scratch s;
	struct fail fail = { 0 };
	char path[256];
	scratch_make(&s);
	path_in(&s, "missing/mine", path, sizeof(path));
	assert_int_equal(lock_user_file(path, false, true, &fail), -ENOENT);
	assert_int_equal(fail.err, ENOENT);
	assert_string_equal(fail.subject, path);
	path_in(&s, "fifo", path, sizeof(path));
	assert_int_equal(mkfifo(path, 0600), 0);
	int fd = lock_user_file(path, false, false, &fail); /* whatever it is: no hang */
	os_fd_close(&fd);
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_paths),
		cmocka_unit_test(places_become_paths),
		cmocka_unit_test(slots_become_paths),
		cmocka_unit_test(who_waits_for_room_has_a_gate_and_a_door),
		cmocka_unit_test(a_queue_is_made_once),
		cmocka_unit_test(slots_are_made_once),
		cmocka_unit_test(a_lock_is_held_until_its_holder_is_gone),
		cmocka_unit_test(a_conflict_is_an_answer_not_a_failure),
		cmocka_unit_test(many_share_or_one_excludes),
		cmocka_unit_test(a_copy_of_the_descriptor_holds_on),
		cmocka_unit_test(a_directory_that_is_missing_is_told),
		cmocka_unit_test(what_is_tried_again_stays_open),
		cmocka_unit_test(what_is_tried_again_is_the_file_of_that_name),
		cmocka_unit_test(what_cannot_be_opened_is_not_tried),
		cmocka_unit_test(a_look_at_a_lock_makes_and_takes_nothing),
		cmocka_unit_test(a_job_has_one_trial_at_a_time),
		cmocka_unit_test(waits_until_the_lock_is_free),
		cmocka_unit_test(a_signal_ends_the_wait),
		cmocka_unit_test(a_removed_file_guards_nothing),
		cmocka_unit_test(never_two_holders_while_the_file_is_removed),
		cmocka_unit_test(nothing_planted_is_locked),
		cmocka_unit_test(no_info_is_read_from_what_is_planted),
		cmocka_unit_test(info_is_looked_at_as_its_owners),
		cmocka_unit_test(info_is_made_only_where_asked),
		cmocka_unit_test(each_part_is_written_alone),
		cmocka_unit_test(info_of_any_length_is_read),
		cmocka_unit_test(a_users_file_is_locked_as_flock_does),
		cmocka_unit_test(a_users_file_that_cannot_be_opened_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
