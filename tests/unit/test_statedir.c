/* layer: store */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/auto.h"
#include "base/fail.h"
#include "scratch.h"
#include "store/statedir.h"

/* The stranger: no rights, and a home that is not there. */
#define NOBODY 65534

static const char *const parts[] = { "locks", "locks/job", "runs", "history" };

static void path_in(const struct scratch *s, const char *name, char *out, size_t n)
{
	snprintf(out, n, "%s/%s", s->path, name);
}

static unsigned mode_of(const struct scratch *s, const char *name)
{
	struct stat st;
	assert_int_equal(fstatat(s->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_mode & 07777;
}

static int open_given(const struct scratch *s, const char *name, struct statedir *dir, struct fail *fail)
{
	char path[256];
	path_in(s, name, path, sizeof(path));
	return statedir_open(dir, path, NULL, fail);
}

static int count_fds(void)
{
	int count = 0;
	DIR *fds = opendir("/proc/self/fd");
	while (fds && readdir(fds))
		count++;
	closedir(fds);
	return count;
}

/* Refused, told, and nothing left open. */
static void expect_refused(const char *rule, const struct scratch *s, const char *name)
{
	struct statedir dir = { .run_fd = -1, .keep_fd = -1 };
	struct fail fail = { 0 };
	int before = count_fds();
	int r = open_given(s, name, &dir, &fail);
	if (r >= 0)
		fail_msg("%s: was used", rule);
	assert_int_equal(fail.err, -r);
	assert_true(fail.what && fail.subject[0]);
	assert_int_equal(dir.run_fd, -1);
	assert_int_equal(dir.keep_fd, -1);
	assert_int_equal(count_fds(), before);

	/* Who only looks refuses it too. */
	struct fail look = { 0 };
	char path[256];
	path_in(s, name, path, sizeof(path));
	if (statedir_look(&dir, path, NULL, &look) >= 0)
		fail_msg("%s: was looked at", rule);
	assert_true(look.err > 0 && look.what);
	assert_int_equal(dir.run_fd, -1);
	assert_int_equal(dir.keep_fd, -1);
	assert_int_equal(count_fds(), before);
}

/*
 * First of all tests: layer os keeps what it was told of our uid.  Without
 * root and a home a service has its own directory, and without that none.
 */
static void a_service_without_a_home_has_its_own(void **state)
{
	(void)state;
	struct scratch s;
	char list[512], path[256];
	if (geteuid() != 0 || access("/nonexistent", F_OK) == 0) {
		print_message("skipped: needs root, to be a user without a home\n");
		skip();
	}
	scratch_make(&s);
	path_in(&s, "service", path, sizeof(path));
	snprintf(list, sizeof(list), "%s:/never/looked/at", path);
	assert_int_equal(chmod(s.path, 0755), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct statedir dir;
		struct fail fail = { 0 };
		if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(2);
		if (statedir_open(&dir, NULL, list, &fail) != 0 || strcmp(dir.path, path) != 0)
			_exit(3);
		statedir_close(&dir);
		if (statedir_open(&dir, NULL, NULL, &fail) != -ENOENT || fail.err != ENOENT)
			_exit(4);
		if (statedir_open(&dir, NULL, "relative", &fail) != -ENOENT)
			_exit(5);
		_exit(0);
	}
	assert_int_equal(scratch_reap(pid), 0);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		char part[64];
		snprintf(part, sizeof(part), "service/%s", parts[i]);
		assert_int_equal(mode_of(&s, part), 0700);
	}
	scratch_remove(&s);
}

/* ---- made and found */

static void makes_what_is_missing(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	struct fail fail = { .err = 4711 };
	struct stat st;
	mode_t was = umask(0); /* ours are 0700 all the same */
	scratch_make(&s);
	assert_int_equal(open_given(&s, "a/b/state", &dir, &fail), 0);
	assert_int_equal(fail.err, 4711);
	assert_int_equal(mode_of(&s, "a"), 0700);
	assert_int_equal(mode_of(&s, "a/b/state"), 0700);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		assert_int_equal(fstatat(dir.run_fd, parts[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISDIR(st.st_mode));
		assert_int_equal(st.st_mode & 07777, 0700);
	}
	assert_int_equal(dir.keep_fd, dir.run_fd); /* one place for both */
	assert_int_equal(fcntl(dir.run_fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_non_null(strstr(dir.path, "/a/b/state"));
	statedir_close(&dir);
	assert_int_equal(dir.run_fd, -1);
	assert_int_equal(dir.keep_fd, -1);
	(void)umask(was);
	scratch_remove(&s);
}

static void looking_makes_nothing(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	struct fail fail = { .err = 4711 };
	char path[256];
	scratch_make(&s);
	path_in(&s, "a/state", path, sizeof(path));
	assert_int_equal(statedir_look(&dir, path, NULL, &fail), 0);
	assert_int_equal(dir.run_fd, -1);
	assert_int_equal(dir.keep_fd, -1);
	assert_string_equal(dir.path, path);
	assert_int_equal(faccessat(s.fd, "a", F_OK, 0), -1);
	/* An empty one stays empty. */
	path_in(&s, "state", path, sizeof(path));
	assert_int_equal(mkdirat(s.fd, "state", 0700), 0);
	assert_int_equal(statedir_look(&dir, path, NULL, &fail), 0);
	assert_true(dir.run_fd >= 0);
	assert_int_equal(dir.keep_fd, dir.run_fd);
	statedir_close(&dir);
	assert_int_equal(unlinkat(s.fd, "state", AT_REMOVEDIR), 0);
	assert_int_equal(fail.err, 4711);
	scratch_remove(&s);
}

static void finds_it_again(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir first, second;
	struct stat a, b;
	scratch_make(&s);
	assert_int_equal(open_given(&s, "state", &first, NULL), 0);
	scratch_write(&s, "state/runs/run", "x", 1);
	assert_int_equal(open_given(&s, "state/", &second, NULL), 0); /* a slash more is the same place */
	assert_int_equal(fstat(first.run_fd, &a), 0);
	assert_int_equal(fstat(second.run_fd, &b), 0);
	assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	assert_true(scratch_has(&s, "state/runs/run"));
	statedir_close(&first);
	statedir_close(&second);
	scratch_remove(&s);
}

static void a_relative_path_starts_where_we_are(void **state)
{
	(void)state;
	struct scratch s;
	scratch_make(&s);
	pid_t pid = fork();
	if (pid == 0) {
		struct statedir dir;
		_exit(fchdir(s.fd) == 0 && statedir_open(&dir, "x/state", NULL, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(scratch_reap(pid), 0);
	assert_true(scratch_has(&s, "x/state/locks/job"));
	scratch_remove(&s);
}

/* What others may read is no danger; only what they may write. */
static void a_directory_that_others_read_is_used(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	scratch_make(&s);
	scratch_mkdir(&s, "state");
	assert_int_equal(fchmodat(s.fd, "state", 0755, 0), 0);
	assert_int_equal(open_given(&s, "state", &dir, NULL), 0);
	statedir_close(&dir);
	scratch_remove(&s);
}

/* ---- refused */

static void what_others_can_write_is_refused(void **state)
{
	(void)state;
	const unsigned modes[] = { 0770, 0720, 0702, 0777, 01777 };
	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		struct scratch s;
		char rule[64];
		snprintf(rule, sizeof(rule), "mode %o", modes[i]);
		scratch_make(&s);
		scratch_mkdir(&s, "state");
		assert_int_equal(fchmodat(s.fd, "state", modes[i], 0), 0);
		expect_refused(rule, &s, "state");
		assert_false(scratch_has(&s, "state/locks")); /* nothing was made in it */
		scratch_remove(&s);
	}
}

static void what_belongs_to_another_is_refused(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	if (geteuid() != 0) {
		print_message("skipped: needs root, to give a directory away\n");
		skip();
	}
	scratch_make(&s);
	scratch_mkdir(&s, "state");
	assert_int_equal(fchownat(s.fd, "state", NOBODY, NOBODY, 0), 0);
	expect_refused("another user's", &s, "state");
	assert_false(scratch_has(&s, "state/locks"));

	assert_int_equal(open_given(&s, "mine", &dir, NULL), 0);
	statedir_close(&dir);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		char part[64];
		snprintf(part, sizeof(part), "mine/%s", parts[i]);
		assert_int_equal(fchownat(s.fd, part, NOBODY, NOBODY, 0), 0);
		expect_refused(part, &s, "mine");
		assert_int_equal(fchownat(s.fd, part, 0, 0, 0), 0);
	}
	scratch_remove(&s);
}

static void what_is_no_directory_is_refused(void **state)
{
	(void)state;
	for (enum plant what = 0; what < PLANT_COUNT; what++) {
		struct scratch s;
		scratch_make(&s);
		if (what != PLANT_DIRECTORY && scratch_plant(&s, what, "state")) {
			expect_refused(plant_names[what], &s, "state");
			scratch_check_victim(&s, plant_names[what]);
		}
		scratch_remove(&s);
	}
}

/* A link to a directory, even our own: what it points to may be exchanged later. */
static void a_link_to_a_directory_is_refused(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	scratch_make(&s);
	assert_int_equal(open_given(&s, "real", &dir, NULL), 0);
	statedir_close(&dir);
	assert_int_equal(symlinkat("real", s.fd, "state"), 0);
	expect_refused("a link to our own", &s, "state");
	assert_int_equal(unlinkat(s.fd, "state", 0), 0);
	assert_int_equal(symlinkat("nothing", s.fd, "state"), 0);
	expect_refused("a dangling link", &s, "state");
	assert_false(scratch_has(&s, "nothing"));
	scratch_remove(&s);
}

static void planted_parts_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		for (enum plant what = 0; what < PLANT_COUNT; what++) {
			struct scratch s;
			struct statedir dir;
			char part[64];
			snprintf(part, sizeof(part), "state/%s", parts[i]);
			scratch_make(&s);
			assert_int_equal(open_given(&s, "state", &dir, NULL), 0);
			statedir_close(&dir);
			if (strcmp(parts[i], "locks") == 0)
				assert_int_equal(unlinkat(s.fd, "state/locks/job", AT_REMOVEDIR), 0);
			assert_int_equal(unlinkat(s.fd, part, AT_REMOVEDIR), 0);
			if (what != PLANT_DIRECTORY && scratch_plant(&s, what, part)) {
				expect_refused(plant_names[what], &s, "state");
				scratch_check_victim(&s, plant_names[what]);
			}
			scratch_remove(&s);
		}
	}
}

static void parts_that_others_can_enter_are_refused(void **state)
{
	(void)state;
	const unsigned modes[] = { 0755, 0701, 0710, 0777 };
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		struct scratch s;
		struct statedir dir;
		char part[64];
		snprintf(part, sizeof(part), "state/%s", parts[i]);
		scratch_make(&s);
		assert_int_equal(open_given(&s, "state", &dir, NULL), 0);
		statedir_close(&dir);
		for (size_t m = 0; m < COUNT_OF(modes); m++) {
			assert_int_equal(fchmodat(s.fd, part, modes[m], 0), 0);
			expect_refused(part, &s, "state");
		}
		scratch_remove(&s);
	}
}

static void a_path_that_is_no_path_is_told(void **state)
{
	(void)state;
	struct scratch s;
	struct statedir dir;
	struct fail fail = { 0 };
	char path[700];
	scratch_make(&s);
	assert_true(statedir_open(&dir, "", NULL, &fail) < 0);
	assert_true(fail.err > 0);
	/* Too long for the field that keeps it, at its edge and beyond. */
	for (size_t n = 509; n <= 600; n++) {
		snprintf(path, sizeof(path), "%s/", s.path);
		for (size_t at = strlen(path); at < n; at++)
			path[at] = at % 100 == 99 ? '/' : 'd';
		path[n] = '\0';
		int r = statedir_open(&dir, path, NULL, &fail);
		assert_int_equal(r, n < sizeof(dir.path) ? 0 : -ENAMETOOLONG);
		if (r == 0)
			statedir_close(&dir);
	}
	scratch_write(&s, "file", "x", 1);
	expect_refused("below a file", &s, "file/state");
	scratch_remove(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_without_a_home_has_its_own),
		cmocka_unit_test(makes_what_is_missing),
		cmocka_unit_test(looking_makes_nothing),
		cmocka_unit_test(finds_it_again),
		cmocka_unit_test(a_relative_path_starts_where_we_are),
		cmocka_unit_test(a_directory_that_others_read_is_used),
		cmocka_unit_test(what_others_can_write_is_refused),
		cmocka_unit_test(what_belongs_to_another_is_refused),
		cmocka_unit_test(what_is_no_directory_is_refused),
		cmocka_unit_test(a_link_to_a_directory_is_refused),
		cmocka_unit_test(planted_parts_are_refused),
		cmocka_unit_test(parts_that_others_can_enter_are_refused),
		cmocka_unit_test(a_path_that_is_no_path_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
