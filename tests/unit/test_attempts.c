/* layer: core */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/buf.h"
#include "core/attempts.h"
#include "core/attempts_text.h"

#define HOUR 3600000000000ULL

static struct attempts a, b;

static int empty(void **state)
{
	(void)state;
	memset(&a, 0, sizeof(a));
	return 0;
}

static void counts_within_its_time(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint32_t begun; /* at once ... */
		uint64_t later_ns;
		uint32_t limit, used;
		uint64_t free_in_ns;
	} rows[] = {
		{ "none", 0, 0, 1, 0, 0 },
		{ "below", 2, 0, 3, 2, 0 },
		{ "at the limit: the next is one too many", 3, 0, 3, 3, HOUR },
		{ "above, by --force", 5, 0, 3, 5, HOUR },
		{ "later", 3, 10, 3, 3, HOUR - 10 },
		{ "just before the time is over", 3, HOUR - 1, 3, 3, 1 },
		{ "at its end it is over", 3, HOUR, 3, 0, 0 },
		{ "long after", 3, 1000 * HOUR, 3, 0, 0 },
		{ "for ever", 3, UINT64_MAX, 3, 0, 0 },
		{ "one alone", 1, 5, 1, 1, HOUR - 5 },
		{ "as many as can be asked for", ATTEMPTS_MAX, 0, ATTEMPTS_MAX, ATTEMPTS_MAX, HOUR },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		empty(NULL);
		for (uint32_t n = 0; n < rows[i].begun; n++)
			attempts_add(&a, "t", rows[i].limit, HOUR, n);
		attempts_add(&a, "another", 1, HOUR, 7);
		attempts_pass(&a, rows[i].later_ns);
		struct attempts_gauge g = attempts_gauge(&a, "t", rows[i].limit, HOUR);
		if (g.used != rows[i].used || g.free_in_ns != rows[i].free_in_ns)
			fail_msg("%s: %u, %lu", rows[i].rule, g.used, g.free_in_ns);
	}
}

static void the_oldest_that_is_too_many_has_to_go(void **state)
{
	(void)state;
	static const struct {
		const char *rule;
		uint32_t limit;
		uint64_t per_ns, free_in_ns;
	} rows[] = {
		{ "one more is allowed", 4, 24 * HOUR, 0 },
		{ "the first has to go", 3, 24 * HOUR, 20 * HOUR },
		{ "the second too", 2, 24 * HOUR, 22 * HOUR },
		{ "all", 1, 24 * HOUR, 24 * HOUR },
		{ "a shorter time sees fewer", 2, 3 * HOUR, HOUR },
		{ "and room in them", 3, 3 * HOUR, 0 },
		{ "a longer one sees no more than is kept", 3, 48 * HOUR, 44 * HOUR },
	};
	for (uint64_t n = 0; n < 3; n++) { /* four hours, two hours and no time ago */
		attempts_add(&a, "t", 3, 24 * HOUR, n);
		attempts_pass(&a, n < 2 ? 2 * HOUR : 0);
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t in_ns = attempts_gauge(&a, "t", rows[i].limit, rows[i].per_ns).free_in_ns;
		if (in_ns != rows[i].free_in_ns)
			fail_msg("%s: %lu", rows[i].rule, in_ns);
	}
}

static void another_time_is_asked_for(void **state)
{
	(void)state;
	attempts_add(&a, "t", 3, 24 * HOUR, 1);
	attempts_pass(&a, 2 * HOUR);
	attempts_add(&a, "t", 3, HOUR, 2); /* what is asked for changes: what is known stays */
	assert_int_equal(attempts_gauge_of(&a, 0).used, 1);
	attempts_pass(&a, HOUR);
	assert_int_equal(attempts_gauge_of(&a, 0).used, 0);
	assert_int_equal(attempts_gauge(&a, "t", 3, 24 * HOUR).used, 2);
	attempts_pass(&a, 21 * HOUR);
	assert_int_equal(attempts_gauge(&a, "t", 3, 24 * HOUR).used, 1);
	attempts_pass(&a, 2 * HOUR);
	assert_int_equal(a.task_count, 0);
}

static void what_was_none_is_given_back_by_its_run(void **state)
{
	(void)state;
	attempts_add(&a, "t", 3, HOUR, 1);
	attempts_add(&a, "t", 3, HOUR, 2);
	attempts_add(&a, "t", 3, HOUR, 1);
	attempts_add(&a, "u", 3, HOUR, 3);
	assert_false(attempts_give_back(&a, "t", 3));
	assert_false(attempts_give_back(&a, "v", 1));
	assert_true(attempts_give_back(&a, "t", 1)); /* the last of it */
	assert_int_equal(attempts_gauge_of(&a, 0).used, 2);
	assert_int_equal(a.at[1].run, 2);
	assert_int_equal(attempts_forget(&a, "t"), 2);
	assert_int_equal(attempts_forget(&a, "t"), 0);
	assert_int_equal(a.task_count, 1);
	assert_string_equal(a.task[0].name, "u");
	assert_true(attempts_give_back(&a, "u", 3));
	assert_int_equal(a.task_count + a.count, 0);
	assert_false(attempts_give_back(&a, "u", 3));
}

static void tasks_are_told_apart(void **state)
{
	(void)state;
	char one[301], other[301];

	memset(one, 'x', 300);
	memcpy(other, one, sizeof(other));
	one[300] = other[300] = '\0';
	other[299] = 'y';
	attempts_add(&a, "", 1, HOUR, 1);
	attempts_add(&a, " ", 1, HOUR, 1);
	attempts_add(&a, one, 1, HOUR, 1);
	assert_int_equal(attempts_used_up(&a), 3);
	assert_int_equal(attempts_gauge(&a, other, 1, HOUR).used, 0);
	attempts_add(&a, other, 2, HOUR, 1);
	assert_int_equal(a.task_count, 4);
	assert_true(a.task[2].is_cut && a.task[3].is_cut && !a.task[0].is_cut);
	assert_int_equal(strlen(a.task[3].name), ATTEMPTS_NAME_MAX);
	assert_int_equal(attempts_used_up(&a), 3);
	assert_int_equal(attempts_forget(&a, one), 1);
	assert_int_equal(attempts_gauge(&a, other, 1, HOUR).used, 1);
}

static void where_there_is_no_room_the_oldest_goes(void **state)
{
	(void)state;
	char name[16];

	for (uint32_t i = 0; i < 3 * ATTEMPTS_TASKS; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		attempts_add(&a, name, 9, HOUR, i);
		attempts_add(&a, "t0", 9, HOUR, i); /* always the youngest */
		attempts_pass(&a, 1);
		assert_true(a.task_count <= ATTEMPTS_TASKS && a.count <= ATTEMPTS_KEPT);
		assert_int_equal(attempts_gauge(&a, name, 9, HOUR).used, i == 0 ? 2 : 1);
	}
	assert_int_equal(a.task_count, ATTEMPTS_TASKS);
	assert_int_equal(attempts_gauge(&a, "t1", 9, HOUR).used, 0);
	empty(NULL);
	for (uint32_t i = 0; i < 2 * ATTEMPTS_KEPT; i++) {
		snprintf(name, sizeof(name), "t%u", i % 16);
		attempts_add(&a, name, ATTEMPTS_MAX, HOUR, i);
		attempts_pass(&a, 1);
	}
	assert_int_equal(a.count, ATTEMPTS_KEPT);
	assert_int_equal(a.at[0].age_ns, ATTEMPTS_KEPT);
	assert_int_equal(a.task_count, 16);
}

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

/* Whoever asks first never begins more than so many within any such time, and as soon as it says. */
static void never_more_within_the_time(void **state)
{
	(void)state;
	static uint64_t begun_ns[4][2000];
	static const char *const names[] = { "a", "b", "", "c d" };
	uint64_t seed = 3;

	for (uint32_t limit = 1; limit <= 9; limit += 2) {
		uint64_t now_ns = HOUR;
		uint32_t count[4] = { 0 };
		empty(NULL);
		for (int i = 0; i < 2000; i++) {
			uint64_t pass_ns = next(&seed) % (HOUR / limit);
			uint32_t t = (uint32_t)(next(&seed) % 4), truly = 0;
			now_ns += pass_ns;
			attempts_pass(&a, pass_ns);
			struct attempts_gauge g = attempts_gauge(&a, names[t], limit, HOUR);
			for (uint32_t k = 0; k < count[t]; k++)
				truly += now_ns - begun_ns[t][k] < HOUR;
			assert_int_equal(g.used, truly);
			assert_true(truly <= limit);
			assert_true((g.free_in_ns > 0) == (truly == limit));
			if (g.free_in_ns > 0) {
				b = a;
				attempts_pass(&b, g.free_in_ns - 1);
				assert_true(attempts_gauge(&b, names[t], limit, HOUR).free_in_ns > 0);
				attempts_pass(&b, 1);
				assert_int_equal(attempts_gauge(&b, names[t], limit, HOUR).free_in_ns, 0);
				continue;
			}
			attempts_add(&a, names[t], limit, HOUR, (uint64_t)i);
			begun_ns[t][count[t]++] = now_ns;
		}
	}
}

/* --- as text -------------------------------------------------------------------------------------------- */

static char bytes[ATTEMPTS_TEXT_MAX];

static void read_back(struct attempts *out)
{
	struct buf text;

	memset(out, 0, sizeof(*out));
	buf_init(&text, bytes, sizeof(bytes));
	attempts_text_format(&text, &a);
	assert_false(text.cut);
	assert_true(text.len < attempts_text_size(&a) || text.len == 0);
	for (char *line = bytes, *end; (end = strchr(line, '\n')); line = end + 1)
		assert_int_equal(attempts_text_parse(out, line, (size_t)(end - line)), 1);
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	char name[2 * ATTEMPTS_NAME_MAX];

	read_back(&b);
	assert_memory_equal(&a, &b, sizeof(a));
	for (uint32_t i = 0; i < 2 * ATTEMPTS_KEPT; i++) { /* as long as they can be */
		uint32_t task = i % (ATTEMPTS_TASKS - 1);
		memset(name, task % 7 == 0 ? '%' : '\n', sizeof(name));
		snprintf(name, 8, "%06u", task);
		name[6] = ' ';
		name[sizeof(name) - 1] = '\0';
		attempts_add(&a, i % 5 == 0 ? "" : name, ATTEMPTS_MAX, UINT64_MAX - 1, UINT64_MAX - i);
		attempts_pass(&a, UINT64_MAX / 4096);
	}
	assert_int_equal(a.count, ATTEMPTS_KEPT);
	read_back(&b);
	assert_int_equal(b.count, a.count);
	for (uint32_t i = 0; i < a.count; i++)
		assert_true(a.at[i].age_ns == b.at[i].age_ns && a.at[i].run == b.at[i].run &&
			    a.at[i].task == b.at[i].task);
	assert_int_equal(b.task_count, a.task_count);
	for (uint32_t i = 0; i < a.task_count; i++) {
		const struct attempts_task *wrote = &a.task[i], *read = &b.task[i];
		assert_string_equal(wrote->name, read->name);
		assert_true(wrote->key == read->key && wrote->is_cut == read->is_cut);
		assert_true(wrote->limit == read->limit && wrote->per_ns == read->per_ns);
		assert_true(wrote->kept_ns == read->kept_ns);
	}
}

static void lines(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		int r;
	} rows[] = {
		{ "task 1 3 5 5 0 =a%20b", 1 },
		{ "task 2 100 5 6 1 =", 1 },
		{ "try 0 7 9", 1 },
		{ "try 1 7 18446744073709551615", 1 },
		{ "try 0 0 9", 1 },
		{ "try 0 1 9", -EBADMSG }, /* not the oldest first */
		{ "try 2 0 9", -EBADMSG }, /* of no task */
		{ "try 0 0", -EBADMSG },
		{ "try 0 0 9 9", -EBADMSG },
		{ "try 0 -1 9", -EBADMSG },
		{ "task 1 3 5 5 0 =again", -EBADMSG },
		{ "task 3 0 5 5 0 =a", -EBADMSG },
		{ "task 3 101 5 5 0 =a", -EBADMSG },
		{ "task 3 1 0 5 0 =a", -EBADMSG },
		{ "task 3 1 5 4 0 =a", -EBADMSG }, /* kept for less */
		{ "task 3 1 5 5 2 =a", -EBADMSG },
		{ "task 3 1 5 5 0 a", -EBADMSG },
		{ "task 3 1 5 5 0 =a b", -EBADMSG },
		{ "task 3 1 5 5 0 =%", -EBADMSG },
		{ "task 3 1 5 5 0 =%4", -EBADMSG },
		{ "task 3 1 5 5 0 =%00", -EBADMSG },
		{ "task 3 1 5 5 0 =%2f", -EBADMSG }, /* capitals */
		{ "task 3 1 5 5 0", -EBADMSG },
		{ "task 18446744073709551616 1 5 5 0 =a", -EBADMSG },
		{ "tasks 1", 0 },
		{ "used 1 1", 0 },
		{ "", 0 },
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t before = a.task_count + a.count;
		int r = attempts_text_parse(&a, rows[i].line, strlen(rows[i].line));
		if (r != rows[i].r || a.task_count + a.count != before + (r == 1))
			fail_msg("%s: %d", rows[i].line, r);
	}
	assert_string_equal(a.task[0].name, "a b");
	BUF(name, 512);
	buf_str(&name, "task 3 1 5 5 0 =");
	for (int i = 0; i < ATTEMPTS_NAME_MAX; i++)
		buf_str(&name, "%7F");
	assert_int_equal(attempts_text_parse(&a, name.at, name.len), 1);
	name.at[5] = '4';
	buf_char(&name, 'x'); /* one too long */
	assert_int_equal(attempts_text_parse(&a, name.at, name.len), -EBADMSG);
}

static void no_more_lines_than_there_is_room_for(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= ATTEMPTS_TASKS; i++) {
		BUF(line, 64);
		buf_str(&line, "task ");
		buf_u64(&line, i);
		buf_str(&line, " 1 5 5 0 =a");
		assert_int_equal(attempts_text_parse(&a, line.at, line.len),
				 i < ATTEMPTS_TASKS ? 1 : -EBADMSG);
	}
	for (uint32_t i = 0; i <= ATTEMPTS_KEPT; i++)
		assert_int_equal(attempts_text_parse(&a, "try 255 5 5", 11),
				 i < ATTEMPTS_KEPT ? 1 : -EBADMSG);
	attempts_pass(&a, 0);
	assert_int_equal(a.task_count + a.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_within_its_time, empty),
		cmocka_unit_test_setup(the_oldest_that_is_too_many_has_to_go, empty),
		cmocka_unit_test_setup(another_time_is_asked_for, empty),
		cmocka_unit_test_setup(what_was_none_is_given_back_by_its_run, empty),
		cmocka_unit_test_setup(tasks_are_told_apart, empty),
		cmocka_unit_test_setup(where_there_is_no_room_the_oldest_goes, empty),
		cmocka_unit_test_setup(never_more_within_the_time, empty),
		cmocka_unit_test_setup(what_is_written_is_read, empty),
		cmocka_unit_test_setup(lines, empty),
		cmocka_unit_test_setup(no_more_lines_than_there_is_room_for, empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
