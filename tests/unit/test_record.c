/* layer: codec */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/hash.h"
#include "codec/record.h"

#define RUN  "0123456789abcdef0123456789abcdef"
#define NEXT "0123456789abcdef0123456789abcdee" /* one bit from it */

/* A record with something in every field, on disk as the guards write it. */
#define SLOTS 3
static struct disk {
	unsigned char bytes[RECORD_SLOTS_AT + SLOTS * sizeof(struct record_slot)];
} disk;

static void put_text(char *field, size_t n, const char *text)
{
	memset(field, 0, n);
	memcpy(field, text, strlen(text));
}
#define PUT(field, text) put_text(field, sizeof(field), text)

static struct record_head some_head(void)
{
	struct record_head head = { .flags = RECORD_SHARED | RECORD_TERM_JOB,
				    .front = { .pid = 4711, .start_ticks = 123456, .pidfs_ino = 98765 },
				    .started_boot_ns = 5000000000,
				    .started_wall_ns = 1790000000000000000,
				    .timeout_ns = UINT64_MAX,
				    .kill_after_ns = 5000000000,
				    .signal = 15,
				    .uid = 1000,
				    .leftovers = 1,
				    .command_full = 9 };
	PUT(head.run_id, RUN);
	PUT(head.parent_run_id, NEXT);
	PUT(head.job, "nightly");
	PUT(head.task, "clean");
	PUT(head.step, "2");
	PUT(head.host.boot_id, "fedcba98-7654-3210-fedc-ba9876543210");
	head.host.pid_ns = 4026531836;
	head.host.time_ns = 4026531834;
	PUT(head.cwd, "/home/me");
	PUT(head.identity, "pidfs");
	memcpy(head.command,
	       "sleep\0"
	       "10",
	       9);
	head.command_len = 9;
	return head;
}

static struct record_state some_state(void)
{
	struct record_state state;
	memset(&state, 0, sizeof(state));
	state.phase = PHASE_RUNNING;
	state.warden = (struct proc_id){ .pid = 4712, .start_ticks = 123457, .pidfs_ino = 98766 };
	state.job_pid = 4713;
	state.procs = 7;
	state.rss_bytes = 1 << 20;
	state.figures.cause = 2;
	state.figures.has_status = 1;
	state.figures.job_status = 3 << 8;
	PUT(state.figures.sender_comm, "cron");
	PUT(state.figures.by_run, NEXT);
	return state;
}

static struct record_slot some_slot(int32_t pid)
{
	struct record_slot slot = { .ppid = 4712,
				    .id = { .pid = pid, .start_ticks = 123458, .pidfs_ino = 98767 },
				    .seen_boot_ns = 5100000000,
				    .sid = 4713,
				    .depth = 1 };
	PUT(slot.comm, "sleep");
	return slot;
}

static void fill_disk(void)
{
	struct record_head head = some_head();
	struct record_state state = some_state();
	uint64_t seed = record_seed(RUN);

	memset(&disk, 0, sizeof(disk));
	record_head_seal(&head);
	record_state_seal(&state, seed);
	memcpy(disk.bytes, &head, sizeof(head));
	memcpy(disk.bytes + RECORD_STATE_AT, &state, sizeof(state));
	for (int i = 0; i < SLOTS; i++) {
		struct record_slot slot = some_slot(4713 + i);
		record_slot_seal(&slot, seed);
		memcpy(disk.bytes + record_slot_at((size_t)i), &slot, sizeof(slot));
	}
}

/* ---- round trips */

static void what_is_sealed_is_valid(void **state)
{
	(void)state;
	struct record_head head = some_head();
	struct record_state st = some_state();
	struct record_slot slot = some_slot(2);
	uint64_t seed = record_seed(RUN);
	record_head_seal(&head);
	record_state_seal(&st, seed);
	record_slot_seal(&slot, seed);
	assert_true(record_head_is_valid(&head));
	assert_true(record_state_is_valid(&st, seed));
	assert_true(record_slot_is_valid(&slot, seed));
	record_head_seal(&head); /* sealed again: the old check does not count */
	record_state_seal(&st, seed);
	assert_true(record_head_is_valid(&head));
	assert_true(record_state_is_valid(&st, seed));
}

static void a_record_comes_back_as_written(void **state)
{
	(void)state;
	struct record_head head;
	struct record_state st;
	fill_disk();
	assert_int_equal(record_parse(disk.bytes, sizeof(disk.bytes), &head, &st), 0);
	assert_memory_equal(&head, disk.bytes, sizeof(head));
	assert_memory_equal(&st, disk.bytes + RECORD_STATE_AT, sizeof(st));
	assert_int_equal(record_slot_count(sizeof(disk.bytes)), SLOTS);
}

/* What is mapped on disk has fixed places: a record of one build is closed by another. */
static void the_places_on_disk_are_fixed(void **state)
{
	(void)state;
	assert_int_equal(offsetof(struct record_head, magic), 0);
	assert_int_equal(offsetof(struct record_head, version), 4);
	assert_int_equal(offsetof(struct record_head, check), 8);
	assert_int_equal(offsetof(struct record_head, run_id), 16);
	assert_int_equal(RECORD_STATE_AT, 2048);
	assert_int_equal(record_slot_at(0), 2560);
	assert_int_equal(record_slot_at(1), 2624);
	assert_int_equal(record_slot_at(4095), 2560 + 4095 * 64);
}

/* ---- damage */

/* Every bit of `n` bytes, and each byte turned over: no such damage may be `is_valid`. */
static void check_every_flip(const char *part, unsigned char *bytes, size_t n, bool (*is_valid)(const void *))
{
	assert_true(is_valid(bytes));
	for (size_t i = 0; i < n; i++) {
		for (unsigned bit = 0; bit <= 8; bit++) {
			unsigned char flip = (unsigned char)(bit < 8 ? 1U << bit : 0xffU);
			bytes[i] ^= flip;
			if (is_valid(bytes))
				fail_msg("%s: byte %zu, bits %02x: not seen", part, i, flip);
			bytes[i] ^= flip;
		}
	}
	assert_true(is_valid(bytes));
}

static bool head_is_valid(const void *bytes)
{
	return record_head_is_valid(bytes);
}

static bool state_is_valid(const void *bytes)
{
	return record_state_is_valid(bytes, record_seed(RUN));
}

static bool slot_is_valid(const void *bytes)
{
	return record_slot_is_valid(bytes, record_seed(RUN));
}

static void sees_damage_of_every_byte(void **state)
{
	(void)state;
	struct record_head head = some_head();
	struct record_state st = some_state();
	struct record_slot slot = some_slot(4713);
	record_head_seal(&head);
	record_state_seal(&st, record_seed(RUN));
	record_slot_seal(&slot, record_seed(RUN));
	check_every_flip("head", (unsigned char *)&head, sizeof(head), head_is_valid);
	check_every_flip("state", (unsigned char *)&st, sizeof(st), state_is_valid);
	check_every_flip("slot", (unsigned char *)&slot, sizeof(slot), slot_is_valid);
}

/* A page of zeroes, or of ones, where a write was lost. */
static void blank_bytes_are_no_record(void **state)
{
	(void)state;
	const int fills[] = { 0, 0xff, 'x' };
	for (size_t i = 0; i < COUNT_OF(fills); i++) {
		struct record_head head;
		struct record_state st;
		struct record_slot slot;
		memset(&head, fills[i], sizeof(head));
		memset(&st, fills[i], sizeof(st));
		memset(&slot, fills[i], sizeof(slot));
		assert_false(record_head_is_valid(&head));
		assert_false(record_state_is_valid(&st, record_seed(RUN)));
		assert_false(record_slot_is_valid(&slot, record_seed(RUN)));
		assert_false(record_state_is_valid(&st, 0));
		assert_false(record_slot_is_valid(&slot, 0));
	}
}

/* One part torn spoils no other. */
static void a_torn_state_leaves_the_head_believed(void **state)
{
	(void)state;
	struct record_head head;
	struct record_state st, unknown = { .phase = PHASE_STARTING };
	for (size_t at = 0; at < sizeof(st); at += 7) {
		fill_disk();
		disk.bytes[RECORD_STATE_AT + at] ^= 0x10;
		assert_int_equal(record_parse(disk.bytes, sizeof(disk.bytes), &head, &st), 0);
		assert_memory_equal(&head, disk.bytes, sizeof(head));
		assert_int_equal(st.phase, PHASE_STARTING);
		assert_int_equal(st.warden.pid, unknown.warden.pid);
		assert_int_equal(st.figures.has_status, 0);
	}
}

static void cut_at_every_length(void **state)
{
	(void)state;
	fill_disk();
	for (size_t n = 0; n <= sizeof(disk.bytes); n++) {
		struct record_head head, untouched;
		struct record_state st;
		memset(&untouched, 0xa5, sizeof(untouched));
		head = untouched;
		AUTO_FREE unsigned char *exact = malloc(n + 1); /* a sanitizer sees what is read behind it */
		assert_non_null(exact);
		memcpy(exact, disk.bytes, n);
		int r = record_parse(exact, n, &head, &st);
		if (n < sizeof(head)) {
			assert_int_equal(r, -EBADMSG);
			assert_memory_equal(&head, &untouched, sizeof(head));
			continue;
		}
		assert_int_equal(r, 0);
		bool has_state = n >= RECORD_STATE_AT + sizeof(st);
		assert_int_equal(st.phase, has_state ? PHASE_RUNNING : PHASE_STARTING);
		assert_int_equal(st.warden.pid, has_state ? 4712 : 0);
		assert_int_equal(record_slot_count(n),
				 n < RECORD_SLOTS_AT ? 0
						     : (n - RECORD_SLOTS_AT) / sizeof(struct record_slot));
	}
}

/* ---- the run that a part belongs to */

static const char *const other_runs[] = {
	NEXT, "0123456789abcdef0123456789abcde", RUN "0", "", "0", "a", "1123456789abcdef0123456789abcdef",
};

static void parts_of_another_run_are_not_believed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(other_runs); i++) {
		struct record_state st = some_state();
		struct record_slot slot = some_slot(4713);
		uint64_t other = record_seed(other_runs[i]);
		assert_true(other != record_seed(RUN));
		record_state_seal(&st, other);
		record_slot_seal(&slot, other);
		assert_true(record_state_is_valid(&st, other));
		assert_false(record_state_is_valid(&st, record_seed(RUN)));
		assert_false(record_slot_is_valid(&slot, record_seed(RUN)));
	}
}

/* The file of an earlier run with the head of this one: nothing has started. */
static void a_new_head_over_an_old_record_starts_anew(void **state)
{
	(void)state;
	struct record_head head = some_head(), read;
	struct record_state st;
	fill_disk();
	PUT(head.run_id, NEXT);
	record_head_seal(&head);
	memcpy(disk.bytes, &head, sizeof(head));
	assert_int_equal(record_parse(disk.bytes, sizeof(disk.bytes), &read, &st), 0);
	assert_string_equal(read.run_id, NEXT);
	assert_int_equal(st.phase, PHASE_STARTING);
	assert_int_equal(st.job_pid, 0);
	for (size_t i = 0; i < SLOTS; i++) {
		struct record_slot slot;
		memcpy(&slot, disk.bytes + record_slot_at(i), sizeof(slot));
		assert_true(record_slot_is_valid(&slot, record_seed(RUN)));
		assert_false(record_slot_is_valid(&slot, record_seed(NEXT)));
	}
}

/* ---- what no check covers: sealed, but not to be used */

#define TEXT(field)                                                                                   \
	{                                                                                             \
#field, offsetof(struct record_head, field), sizeof(((struct record_head *)0)->field) \
	}

/* clang-format off */
static const struct {
	const char *rule;
	size_t at, n;
} texts[] = {
	TEXT(run_id), TEXT(parent_run_id), TEXT(job), TEXT(task), TEXT(step), TEXT(host.boot_id), TEXT(cwd), TEXT(identity), TEXT(cgroup),
	TEXT(log),
};
/* clang-format on */

static void texts_without_an_end_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct record_head head = some_head();
		char *field = (char *)&head + texts[i].at;
		memset(field, 'x', texts[i].n);
		record_head_seal(&head);
		if (record_head_is_valid(&head))
			fail_msg("%s without its NUL is believed", texts[i].rule);
		field[texts[i].n - 1] = '\0';
		record_head_seal(&head);
		if (!record_head_is_valid(&head))
			fail_msg("%s of full length is refused", texts[i].rule);
	}
}

static void state_texts_without_an_end_are_refused(void **state)
{
	(void)state;
	uint64_t seed = record_seed(RUN);
	struct record_state st = some_state();
	memset(st.figures.sender_comm, 'x', sizeof(st.figures.sender_comm));
	record_state_seal(&st, seed);
	assert_false(record_state_is_valid(&st, seed));
	st = some_state();
	memset(st.figures.by_run, 'x', sizeof(st.figures.by_run));
	record_state_seal(&st, seed);
	assert_false(record_state_is_valid(&st, seed));
	st = some_state();
	memset(st.frozen_rule, 'x', sizeof(st.frozen_rule));
	record_state_seal(&st, seed);
	assert_false(record_state_is_valid(&st, seed));
}

static void numbers_out_of_range_are_refused(void **state)
{
	(void)state;
	struct record_head head = some_head();
	head.run_id[0] = '\0';
	record_head_seal(&head);
	assert_false(record_head_is_valid(&head)); /* a run has an id */

	const uint32_t lengths[] = { 0, 640, 641, 65536, UINT32_MAX };
	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		head = some_head();
		head.command_len = lengths[i];
		record_head_seal(&head);
		assert_int_equal(record_head_is_valid(&head), lengths[i] <= sizeof(head.command));
	}
	for (uint32_t phase = 0; phase < 8; phase++) {
		struct record_state st = some_state();
		st.phase = phase;
		record_state_seal(&st, 1);
		assert_int_equal(record_state_is_valid(&st, 1), phase < PHASE_COUNT);
	}
	const int32_t pids[] = { 0, 1, 2, -1, INT32_MIN, INT32_MAX };
	for (size_t i = 0; i < COUNT_OF(pids); i++) {
		struct record_slot slot = some_slot(pids[i]);
		record_slot_seal(&slot, 1);
		assert_int_equal(record_slot_is_valid(&slot, 1), pids[i] > 1); /* free; init; everybody */
	}
}

/* Of another version of ours: sealed right, by its own rules. */
static void another_version_is_not_read(void **state)
{
	(void)state;
	struct record_head head = some_head(), out;
	struct record_state st;
	record_head_seal(&head);
	head.version++;
	assert_int_equal(record_parse(&head, sizeof(head), &out, &st), -EBADMSG);
	head.version--;
	head.magic ^= 1;
	assert_int_equal(record_parse(&head, sizeof(head), &out, &st), -EBADMSG);
	head.magic ^= 1;

	/* Its check is right: the number alone tells. */
	const size_t at = offsetof(struct record_head, check), behind = at + sizeof(head.check);
	const char *bytes = (const char *)&head;
	for (uint32_t version = RECORD_VERSION - 1; version <= RECORD_VERSION + 1; version++) {
		head.version = version;
		head.check = hash_words(hash_words(0, bytes, at), bytes + behind, sizeof(head) - behind);
		assert_int_equal(record_parse(&head, sizeof(head), &out, &st),
				 version == RECORD_VERSION ? 0 : -EBADMSG);
	}
}

/* ---- whose end front reads in the record, and hands its file on */

/* clang-format off */
static const struct {
	const char *rule;
	uint32_t cause, survivors;
	uint16_t has_status;
	int32_t job_status;
	bool is_handed_on;
} end_rows[] = {
	{ "a job that is ok",                        0, 0, 1, 0,        true },
	{ "a job that failed",                       0, 0, 1, 3 << 8,   true },
	{ "a job that died",                         0, 0, 1, 15,       true },
	{ "exit 9 is no KILL",                       0, 0, 1, 9 << 8,   true },
	{ "killed: front may have been, with it",    0, 0, 1, 9,        false },
	{ "killed, with a core file",                0, 0, 1, 9 | 0x80, false },
	{ "no status is no KILL",                    0, 0, 0, 9,        true },
	{ "ended for a cause: others may read it",   1, 0, 1, 0,        false },
	{ "something is left of it",                 0, 1, 1, 0,        false },
};
/* clang-format on */

static void only_a_plain_end_is_handed_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(end_rows); i++) {
		struct run_figures figures = { .cause = end_rows[i].cause,
					       .survivors = end_rows[i].survivors,
					       .has_status = end_rows[i].has_status,
					       .job_status = end_rows[i].job_status };
		if (record_is_handed_on(&figures) != end_rows[i].is_handed_on)
			fail_msg("%s", end_rows[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sealed_is_valid),
		cmocka_unit_test(a_record_comes_back_as_written),
		cmocka_unit_test(the_places_on_disk_are_fixed),
		cmocka_unit_test(sees_damage_of_every_byte),
		cmocka_unit_test(blank_bytes_are_no_record),
		cmocka_unit_test(a_torn_state_leaves_the_head_believed),
		cmocka_unit_test(cut_at_every_length),
		cmocka_unit_test(parts_of_another_run_are_not_believed),
		cmocka_unit_test(a_new_head_over_an_old_record_starts_anew),
		cmocka_unit_test(texts_without_an_end_are_refused),
		cmocka_unit_test(state_texts_without_an_end_are_refused),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(another_version_is_not_read),
		cmocka_unit_test(only_a_plain_end_is_handed_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
